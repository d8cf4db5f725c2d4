"""Periods: days, the steps they are told by, and what happened in each step. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from callbot.journal.tally import Cell, Tally

Step = Literal["half-hour", "day", "week"]
STEPS: tuple[Step, ...] = ("half-hour", "day", "week")
DAY = timedelta(days=1)
YEARS = range(1970, 9000)
"""Of weeks: the days around one must exist."""
LONGEST_DAYS = 731
"""Longest period that is shown."""
WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")


@dataclass(frozen=True, slots=True)
class Period:
    """Local days, both included, and the step they are told by."""

    first: date
    last: date
    step: Step = "day"

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Slice:
    """A line of a table, a bar of a chart."""

    label: str
    short: str
    """Under a bar."""
    tally: Tally


def total(cells: Iterable[Cell]) -> Tally:
    """All of them together."""
    tally = Tally()
    for cell in cells:
        tally.add(cell.tally)
    return tally


def slices(cells: Sequence[Cell], period: Period, zone: ZoneInfo) -> list[Slice]:
    """The period by its step; days and weeks without a call are there too.

    By half-hour the days lie one upon another: « 9 h 00 » is that half-hour of every day. When clocks are put
    back the hour that comes twice is counted in one line.
    """
    found: dict[str, Slice] = {}
    if period.step != "half-hour":
        for number in range(period.days):
            label, short = _named(period.first + number * DAY, period.step)
            found.setdefault(label, Slice(label, short, Tally()))
    local = [cell.starts_at.replace(tzinfo=UTC).astimezone(zone) for cell in cells]
    for moment, cell in sorted(zip(local, cells, strict=True), key=lambda one: _place(one[0], period.step)):
        if period.step == "half-hour":
            if not any(cell.tally.counts.values()):
                continue  # it only holds what a day's calls were about
            label, short = f"{moment:%H h %M}", f"{moment:%H:%M}"
        else:
            label, short = _named(moment.date(), period.step)
        found.setdefault(label, Slice(label, short, Tally())).tally.add(cell.tally)
    return list(found.values())


def _place(moment: datetime, step: Step) -> tuple[object, ...]:
    return (moment.hour, moment.minute) if step == "half-hour" else (moment.date(),)


def _named(day: date, step: Step) -> tuple[str, str]:
    if step == "day":
        return f"{WEEKDAYS[day.weekday()]} {day:%d/%m/%Y}", f"{WEEKDAYS[day.weekday()][:2]}. {day:%d/%m}"
    year, week, _ = day.isocalendar()
    return f"semaine {week} de {year}", f"S{week:02}"


def week(text: str) -> Period:
    """The days of « 2026-W47 ».

    Raises:
        ValueError: no such week.
    """
    monday = datetime.strptime(f"{text}-1", "%G-W%V-%u").date()
    if week_of(monday) != text or monday.year not in YEARS:  # strptime takes the 53rd of any year
        raise ValueError(text)
    return Period(monday, monday + 6 * DAY, "day")


def week_of(day: date) -> str:
    """« 2026-W47 »"""
    return f"{day:%G-W%V}"
