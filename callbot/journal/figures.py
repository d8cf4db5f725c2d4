"""Figures of the journal by half-hour: counted from calls, or kept from calls that are long gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from callbot.journal.board import LONGEST_CALL
from callbot.journal.counting import HandedOver, Part, Spoken, Whole, count, joined
from callbot.journal.database import Database, now
from callbot.journal.local_days import PARIS, begin_of, day_of
from callbot.journal.models import Call, DayFigures, DeliveryRow, Request, Review, Transfer, Turn
from callbot.journal.samples import of_honest
from callbot.journal.tally import VERSION, Cell, Tally

DAY = timedelta(days=1)

Cells = dict[tuple[str, datetime], Tally]


class Figures:
    """The figures of a journal. Methods raise JournalError when the database is away.

    Days up to the last one rolled up are read as they are kept, later ones are counted from their calls: no
    call is counted twice, and none is missed when the purge has deleted it.

    Args:
        zone: in which a day begins at midnight.
        clock: the moment, UTC without zone.
    """

    def __init__(
        self, database: Database, zone: ZoneInfo = PARIS, clock: Callable[[], datetime] = now
    ) -> None:
        self._database = database
        self._zone = zone
        self._clock = clock

    def today(self) -> date:
        """The local day."""
        return self._local_day(self._clock())

    def towns(self) -> list[str]:
        """Names of the towns there are figures of."""

        def read(session: Session) -> set[str]:
            kept = session.scalars(select(DayFigures.town).distinct())
            return {*kept, *session.scalars(select(Call.town).distinct())}

        return sorted(self._database.read(read))

    def cells(self, first: date, last: date, town: str = "") -> list[Cell]:
        """Every half-hour with a call in these local days, both included.

        Args:
            town: only this one's; empty: all.
        """
        begin, end = self._begin(first), self._begin(last + DAY)

        def read(session: Session) -> Cells:
            newest = session.scalar(select(func.max(DayFigures.starts_at)))
            live_from = self._begin(self._local_day(newest) + DAY) if newest is not None else begin
            found = _kept(session, begin, min(end, live_from))
            _review(session, found, begin, min(end, live_from))
            if live_from < end:
                for key, tally in self._count(session, max(begin, live_from), end).items():
                    found.setdefault(key, Tally()).add(tally)
            return found

        found = self._database.read(read)
        return [
            Cell(name, at, tally) for (name, at), tally in sorted(found.items()) if not town or name == town
        ]

    def roll_up(self) -> int:
        """Keep the figures of the days whose calls are all over; to be done before calls are purged.

        A day is counted anew when calls or reviews have been added to it, never when calls are gone from it
        or have been made anonymous. What calls were about is kept by day only, in its first half-hour.
        Returns how many days were written.
        """
        through = self._begin(self._local_day(self._clock() - LONGEST_CALL))
        changed = self._database.read(lambda session: self._changed(session, through))
        for town, day in changed:
            begin, end = self._begin(day), self._begin(day + DAY)
            found = self._database.read(partial(self._count, begin=begin, end=end))
            of_town = {at: tally for (name, at), tally in found.items() if name == town}
            self._database.write_now(partial(_write_day, town=town, begin=begin, end=end, cells=of_town))
        return len(changed)

    def _changed(self, session: Session, through: datetime) -> list[tuple[str, date]]:
        """Days, as told by their local date, of which more is known than is kept."""
        calls: Counter[tuple[str, date]] = Counter()
        nameless: set[tuple[str, date]] = set()
        for call in joined(_parts(session, datetime.min, through)):
            key = (call.parts[0].town, self._local_day(call.started_at))
            calls[key] += 1
            if not call.parts[0].linkedid:
                nameless.add(key)
        reviews: dict[tuple[str, date], Counter[str]] = {}
        for (town, at), seen in _reviews(session, datetime.min, through).items():
            reviews.setdefault((town, self._local_day(at)), Counter()).update(seen)
        kept: dict[tuple[str, date], Counter[str]] = {}
        for row in session.scalars(select(DayFigures).where(DayFigures.starts_at < through)):
            of_day = kept.setdefault((row.town, self._local_day(row.starts_at)), Counter())
            of_day.update(row.counts.get("counts", {}))
            of_day["old"] += row.counts.get("version") != VERSION
        # What came back can't be told from a call of its own once the purge has taken the names of both.
        return [
            key
            for key, number in sorted(calls.items())
            if key not in kept or (key not in nameless and _is_more(number, reviews.get(key), kept[key]))
        ]

    def _count(self, session: Session, begin: datetime, end: datetime) -> Cells:
        """Count the calls begun in this time."""
        found: Cells = {}
        moment = self._clock()
        for call in _calls(session, begin, end):
            key = (call.parts[0].town, half_hour(call.started_at))
            found.setdefault(key, Tally()).add(count(call, moment))
        for key, seen in _reviews(session, begin, end).items():
            found.setdefault(key, Tally()).counts.update(seen)
        return found

    def _begin(self, day: date) -> datetime:
        return begin_of(day, self._zone)

    def _local_day(self, moment: datetime) -> date:
        return day_of(moment, self._zone)


def half_hour(moment: datetime) -> datetime:
    """The half-hour a moment falls in."""
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)


def _is_more(calls: int, seen: Counter[str] | None, kept: Counter[str]) -> bool:
    counted = kept["calls"] + kept["chats"]
    if calls < counted:
        return False
    reviewed = seen is not None and any(seen[key] != kept[key] for key in ("reviewed", "right"))
    return calls > counted or bool(kept["old"]) or reviewed


def _write_day(
    session: Session, town: str, begin: datetime, end: datetime, cells: dict[datetime, Tally]
) -> None:
    about: Counter[str] = Counter()
    for tally in cells.values():
        about.update(tally.intents)
        tally.intents = Counter()
    cells.setdefault(begin, Tally()).intents = about
    session.execute(
        delete(DayFigures).where(
            DayFigures.town == town, DayFigures.starts_at >= begin, DayFigures.starts_at < end
        )
    )
    for at, tally in cells.items():
        session.add(DayFigures(town=town, starts_at=at, counts=tally.as_json()))


def _kept(session: Session, begin: datetime, end: datetime) -> Cells:
    rows = select(DayFigures).where(DayFigures.starts_at >= begin, DayFigures.starts_at < end)
    return {(row.town, row.starts_at): Tally.from_json(row.counts) for row in session.scalars(rows)}


def _review(session: Session, cells: Cells, begin: datetime, end: datetime) -> None:
    """Reviews made since the day was rolled up count too."""
    for key, seen in _reviews(session, begin, end).items():
        tally = cells.setdefault(key, Tally())
        if seen["reviewed"] >= tally["reviewed"]:
            tally.counts.update({name: seen[name] - tally[name] for name in ("reviewed", "right")})


def _reviews(session: Session, begin: datetime, end: datetime) -> dict[tuple[str, datetime], Counter[str]]:
    """By half-hour: turns of the random sample that somebody reviewed, and those understood right."""
    rows = _between(
        of_honest(Call.town, Call.started_at, Review.was, Review.intent).join(Call, Call.id == Turn.call_id),
        begin,
        end,
    )
    found: dict[tuple[str, datetime], Counter[str]] = {}
    for town, started_at, was, meant in session.execute(rows):
        seen = found.setdefault((town, half_hour(started_at)), Counter())
        seen["reviewed"] += 1
        seen["right"] += was == meant
    return found


def _parts(session: Session, begin: datetime, end: datetime) -> list[Part]:
    columns = (Call.id, Call.town, Call.linkedid, Call.started_at, Call.ended_at, Call.result, Call.reason)
    rows = _between(select(*columns), begin, end)
    return [Part(*row) for row in session.execute(rows)]


def _calls(session: Session, begin: datetime, end: datetime) -> list[Whole]:
    """Calls begun in this time, whole: the part that came back later is theirs, not a call of its own."""
    earliest, latest = begin - LONGEST_CALL, end + LONGEST_CALL
    calls = [call for call in joined(_parts(session, earliest, latest)) if begin <= call.started_at < end]
    of_part = {part.id: call for call in calls for part in call.parts}
    turns = select(
        Turn.call_id,
        *(Turn.at, Turn.heard, Turn.intent, Turn.move),
        *(Turn.endpoint_ms, Turn.decode_ms, Turn.nlu_ms, Turn.voice_ms, Turn.think_ms),
    ).join(Call, Call.id == Turn.call_id)
    for id, *turn in _rows(session, turns.order_by(Turn.call_id, Turn.number), begin, latest):
        if id in of_part:
            of_part[id].turns.append(Spoken(*turn))
    transfers = select(
        Transfer.call_id,
        *(Transfer.at, Transfer.state, Transfer.intent, Transfer.queue),
        *(Transfer.answered_at, Transfer.ended_at),
    ).join(Call, Call.id == Transfer.call_id)
    for id, *transfer in _rows(session, transfers.order_by(Transfer.id), begin, latest):
        if id in of_part:
            of_part[id].transfers.append(HandedOver(*transfer))
    asked = select(Request.call_id, Request.kind, Request.intent, Request.complete)
    for id, *request in _rows(session, asked.join(Call, Call.id == Request.call_id), begin, latest):
        if id in of_part:
            of_part[id].requests.append((request[0], request[1], request[2]))
    texts = (
        select(Request.call_id)
        .join(DeliveryRow, DeliveryRow.request_id == Request.id)
        .join(Call, Call.id == Request.call_id)
        .where(DeliveryRow.channel == "sms")
    )
    for (id,) in _rows(session, texts, begin, latest):
        if id in of_part:
            of_part[id].texts += 1
    return calls


def _rows(session: Session, rows: Select[Any], begin: datetime, end: datetime) -> list[Any]:
    return list(session.execute(_between(rows, begin, end)).all())


def _between(rows: Select[Any], begin: datetime, end: datetime) -> Select[Any]:
    return rows.where(Call.started_at >= begin, Call.started_at < end)
