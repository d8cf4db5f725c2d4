"""What the day simulator knows from the journal, or a file: what is measured replaces what is assumed."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from callbot.errors import ReportError
from callbot.journal.local_days import day_of
from callbot.journal.tally import Cell, Tally
from callbot.quality.figures import over
from callbot.quality.periods import Period, slices, total
from callbot.quality.simulate import Bot, Day

LEAST_CALLS = 300
"""From so many calls on their shares, durations and pace are taken from the journal."""
SATURDAY = 5
"""From then on a town hall's switchboard is mostly closed: a mean with these days would be no day's."""
LEAST_TIMES = 50
"""From so many times on a rarer thing is."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What to simulate, and where each number comes from."""

    day: Day
    bot: Bot
    origins: Mapping[str, str]
    """By parameter: from how many calls it was measured; those assumed are not there."""


def measured(cells: Iterable[Cell], period: Period, zone: ZoneInfo) -> Basis:
    """Take from the journal what it holds enough of, on working days; the rest stays assumed."""
    cells = [cell for cell in cells if day_of(cell.starts_at, zone).weekday() < SATURDAY]
    whole = total(cells)
    known, day, bot = over(whole), Day(), Bot()
    if known < LEAST_CALLS:
        return Basis(day, bot, {})
    origins: dict[str, str] = {}

    def learn(names: str, times: int, least: int = LEAST_TIMES) -> bool:
        if times >= least:
            origins.update(dict.fromkeys(names.split(), f"{times} appels"))
        return times >= least

    handed = whole["transfers"] - whole["transfers_unknown"]
    rest = max(0, known - whole["contained"] - whole["message_bot"] - handed)
    learn("contained hung_up message profile", known, LEAST_CALLS)
    bot = replace(
        bot,
        contained=whole["contained"] / known,
        message=whole["message_bot"] / known,
        hung_up=min(rest / known, 1 - (whole["contained"] + whole["message_bot"]) / known),
    )
    day = replace(day, profile=_profile(cells, period, zone))
    days = len({label for label, calls in _by_day(cells, period, zone) if calls})
    if learn("calls", days, 5):
        day, origins["calls"] = replace(day, calls=whole["calls"] / days), f"{days} jours"
    if learn("seconds", whole.times("bot")):
        bot = replace(bot, seconds=_mean_s(whole, "bot"))
    if learn("talk_s", whole.times("talk")):
        # Measured with the bot there: what is left to people already takes its time.
        day = replace(day, talk_s=_mean_s(whole, "talk"))
        bot, origins["talk_factor"] = replace(bot, talk_factor=1.0), origins["talk_s"]
    if learn("to_services", handed):
        bot = replace(bot, to_services=1 - whole["desk"] / max(1, whole["transfers"]))
    elsewhere = whole["transfers"] - whole["desk"]
    if learn("services_answer", elsewhere):
        answered = whole["transfers_answered"] - whole["desk_answered"]
        bot = replace(bot, services_answer=answered / elsewhere)
    if learn("patience_s", whole.times("gone")):
        # Everybody's wait counts, those who hung up are the deaths: the exponential's likeliest mean.
        waited = sum(whole.sums[name] for name in ("wait", "gone", "in_vain")) / 1000
        day = replace(day, patience_s=max(1.0, waited / whole.times("gone")))
    in_vain = whole["transfers_unanswered"]
    if learn("leaves_message", in_vain):
        kept = whole["message"] - whole["message_bot"]
        bot = replace(bot, leaves_message=min(1.0, kept / in_vain))
    return Basis(day, bot, origins)


def read_profile(path: Path) -> tuple[tuple[int, float], ...]:
    """A day's pace from a CSV: `heure;appels`, half-hours as 8:30.

    Raises:
        ReportError: unreadable, or not of this form.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file, delimiter=";") if row]
        if rows and rows[0][0].strip().lower() == "heure":
            rows = rows[1:]
        found = {_minute(row[0]): float(row[1].replace(",", ".")) for row in rows}
    except OSError as error:
        raise ReportError(f"can't read {path}: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        raise ReportError(f"{path}: lines like 8:30;24 are expected ({error})") from error
    return tuple(sorted(found.items()))


def _minute(text: str) -> int:
    hour, _, minute = text.strip().replace("h", ":").partition(":")
    found = int(hour) * 60 + int(minute or 0)
    if found % 30 or not 0 <= found < 24 * 60:
        raise ValueError(f"no half-hour: {text}")
    return found


def _mean_s(whole: Tally, name: str) -> float:
    return max(1.0, (whole.mean(name) or 0.0) / 1000)


def _profile(cells: list[Cell], period: Period, zone: ZoneInfo) -> tuple[tuple[int, float], ...]:
    steps = slices(cells, replace(period, step="half-hour"), zone)
    return tuple((_minute(one.short), float(one.tally["calls"])) for one in steps)


def _by_day(cells: list[Cell], period: Period, zone: ZoneInfo) -> list[tuple[str, int]]:
    return [(one.label, one.tally["calls"]) for one in slices(cells, replace(period, step="day"), zone)]
