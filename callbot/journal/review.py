"""Calls as the quality officer reads them: found by filter and by words, the worst first, one call whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from callbot.journal.database import Database, now
from callbot.journal.models import Call, Request, Review, Sample, Transfer, Turn
from callbot.journal.search import says
from callbot.journal.sheets import (
    REPAIRS,
    Line,
    Said,
    Sheet,
    handed_of,
    line_of,
    reviewable,
    turns_of,
    with_before,
)

SURE, PROBABLE = 0.85, 0.5
"""Bands of confidence, as the board's words have them."""
SLOW_MS = 1500
"""From the caller's last word to the answer: from here on a caller asks whether anybody is there."""
LOST = timedelta(hours=6)
"""A call without an end that began so long ago has none: its server died."""
PER_PAGE = 40
MOST_IN_ORDER = 1000
"""Calls among which the next one is looked for."""

Outcome = Literal["answered", "transferred", "message", "hung_up", "failed", "ongoing"]
Band = Literal["", "low", "middle", "high"]
Order = Literal["worst", "newest"]

_SERVED = ("register:", "tellstatus", "sendtext", "emergency")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which calls; empty fields leave none out."""

    since: datetime | None = None
    """UTC without zone, this moment included."""
    until: datetime | None = None
    """This moment excluded."""
    words: str = ""
    """All in one utterance."""
    intents: tuple[str, ...] | None = None
    """One of them was understood, or is what somebody says was meant."""
    outcome: str = ""
    band: Band = ""
    """Of the least sure turn."""
    reason: str = ""
    """Of the transfer."""
    silent: bool = False
    slow: bool = False
    unreviewed: bool = False
    """Something is left to review."""
    sampled: bool = False
    order: Order = "newest"

    @property
    def need_turns(self) -> bool:
        """Turns must be looked at, not calls alone."""
        return bool(self.band or self.silent or self.slow or self.unreviewed or self.order == "worst")


@dataclass(frozen=True, slots=True)
class Found:
    """A page of the list."""

    lines: tuple[Line, ...]
    total: int
    page: int
    """From 1."""

    @property
    def pages(self) -> int:
        """How many there are, at least one."""
        return max(1, -(-self.total // PER_PAGE))


class Calls:
    """The calls of a journal, to be reviewed. Methods raise JournalError when the database is away.

    Args:
        clock: the moment, UTC without zone.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def find(self, filters: Filters, page: int = 1) -> Found:
        """A page of the calls that pass; one past the end is the last."""

        def read(session: Session) -> Found:
            ids = self._ids(session, filters)
            total = session.scalar(select(func.count()).select_from(ids.order_by(None).subquery())) or 0
            shown = min(max(1, page), max(1, -(-total // PER_PAGE)))
            found = [row[0] for row in session.execute(ids.limit(PER_PAGE).offset((shown - 1) * PER_PAGE))]
            return Found(self._lines(session, found), total, shown)

        return self._database.read(read)

    def after(self, filters: Filters, call_id: int) -> int | None:
        """The next call of the list; its first when this one is in it no more; None when nothing follows."""

        def read(session: Session) -> int | None:
            found = [row[0] for row in session.execute(self._ids(session, filters).limit(MOST_IN_ORDER))]
            rest = found[found.index(call_id) + 1 :] if call_id in found else found
            return next(iter(rest), None)

        return self._database.read(read)

    def call(self, id: int) -> Sheet | None:
        """One call, None when there is none of this number."""
        return self._database.read(lambda session: self._sheet(session, id))

    def turn(self, id: int) -> Said | None:
        """One turn, None when there is none of this number."""

        def read(session: Session) -> Said | None:
            found = turns_of(session, Turn.id == id)
            return found[0] if found else None

        return self._database.read(read)

    def _ids(self, session: Session, filters: Filters) -> Select[Any]:
        outcome = _outcome(self._clock())
        wanted = _passes(session, filters, outcome)
        query = select(Call.id)
        newest = (Call.started_at.desc(), Call.id.desc())
        if filters.need_turns:
            facts = _facts(_within(filters))
            query = query.outerjoin(facts, facts.c.call_id == Call.id)
            wanted += _passes_turns(filters, facts)
            if filters.order == "worst":
                score = sum((weight * sign for weight, sign in _signals(facts, outcome).values()), start=0)
                query = query.order_by(func.coalesce(score, 0).desc())
        return query.where(*wanted).order_by(*newest)

    def _lines(self, session: Session, ids: Sequence[int]) -> tuple[Line, ...]:
        said: dict[int, list[Said]] = {}
        for turn in turns_of(session, Turn.call_id.in_(ids)):
            said.setdefault(turn.call_id, []).append(turn)
        lines = {row[0].id: line_of(*row, said.get(row[0].id, [])) for row in self._told(session, ids)}
        return tuple(lines[id] for id in ids)

    def _told(self, session: Session, ids: Sequence[int]) -> list[tuple[Call, str, tuple[str, ...]]]:
        """These calls with their outcomes and what went badly in them."""
        outcome = _outcome(self._clock())
        facts = _facts(Turn.call_id.in_(ids))
        signals = _signals(facts, outcome)
        names = sorted(signals, key=lambda name: -signals[name][0])
        columns = (signals[name][1] for name in names)
        rows = session.execute(
            select(Call, outcome, *columns)
            .outerjoin(facts, facts.c.call_id == Call.id)
            .where(Call.id.in_(ids))
        )
        return [
            (row[0], row[1], tuple(name for name, sign in zip(names, row[2:], strict=True) if sign))
            for row in rows
        ]

    def _sheet(self, session: Session, id: int) -> Sheet | None:
        told = self._told(session, [id])
        if not told:
            return None
        row, outcome, signals = told[0]
        transfers = session.scalars(select(Transfer).where(Transfer.call_id == id).order_by(Transfer.id))
        same = select(Call.id).where(Call.linkedid == row.linkedid, Call.id != id).order_by(Call.id)
        named = bool(row.linkedid)  # an anonymous call has lost it
        return Sheet(
            id=row.id,
            at=row.started_at,
            ended_at=row.ended_at,
            town=row.town,
            last2=row.caller_last2,
            outcome=outcome,
            reason=row.reason,
            signals=signals,
            versions=tuple(row.versions.items()),
            recording=row.recording,
            turns=turns_of(session, Turn.call_id == id),
            transfers=tuple(map(handed_of, transfers)),
            others=tuple(session.scalars(same)) if named else (),
        )


def _within(filters: Filters) -> ColumnElement[bool]:
    """Turns of calls of this time."""
    calls = select(Call.id)
    if filters.since is not None:
        calls = calls.where(Call.started_at >= filters.since)
    if filters.until is not None:
        calls = calls.where(Call.started_at < filters.until)
    return Turn.call_id.in_(calls)


def _facts(which: ColumnElement[bool]) -> Subquery:
    """By call: what its turns tell."""

    def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((condition, 1), else_=0))

    reviewed = select(Review.turn_id).distinct().subquery()
    stages = (Turn.endpoint_ms, Turn.decode_ms, Turn.think_ms)
    waited = sum((func.coalesce(one, 0) for one in stages), start=literal(0))
    query = select(
        Turn.call_id.label("call_id"),
        count(Turn.move.contains("ask:insulted")).label("insulted"),
        count(Turn.move.contains("ask:sorry")).label("sorry"),
        count(or_(*(Turn.move.contains(one) for one in REPAIRS))).label("repairs"),
        count(Turn.heard == "silence").label("silences"),
        count(and_(Turn.heard == "speech", waited > SLOW_MS)).label("slow"),
        func.min(case((reviewable(), func.coalesce(Turn.confidence, 0)))).label("lowest"),
        count(and_(reviewable(), reviewed.c.turn_id.is_(None))).label("unreviewed"),
    ).outerjoin(reviewed, reviewed.c.turn_id == Turn.id)
    return with_before(query).where(which).group_by(Turn.call_id).subquery()


def _signals(facts: Subquery, outcome: ColumnElement[str]) -> dict[str, tuple[int, ColumnElement[int]]]:
    """What goes badly in a call: how much it weighs in « worst first », and how often it is there."""

    def sign(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return case((condition, 1), else_=0)

    def handed(condition: ColumnElement[bool]) -> ColumnElement[bool]:
        return select(Transfer.id).where(Transfer.call_id == Call.id, condition).exists()

    def because(reason: str) -> ColumnElement[bool]:
        return or_(Call.reason == reason, handed(Transfer.reason == reason))

    return {
        "wrong": (6, sign(handed(Transfer.judged == "wrong"))),
        "failed": (5, sign(outcome == "failed")),
        "not_understood": (4, sign(because("not_understood"))),
        "dissatisfied": (4, sign(or_(because("dissatisfied"), facts.c.sorry > 0))),
        "insulted": (3, sign(facts.c.insulted > 0)),
        "hung_up": (2, sign(outcome == "hung_up")),
        "off_topic": (2, sign(handed(Transfer.judged == "off_topic"))),
        "repairs": (2, sign(facts.c.repairs > 1)),
        "unsure": (1, sign(facts.c.lowest < PROBABLE)),
        "silent": (1, sign(facts.c.silences > 0)),
        "slow": (1, sign(facts.c.slow > 0)),
    }


def _outcome(moment: datetime) -> ColumnElement[str]:
    """How a call ended; every call has one outcome."""
    spoken = Turn.call_id == Call.id
    answered = and_(Turn.move.contains("answer:"), ~Turn.move.contains("answer:conversation"))
    served = select(Turn.id).where(spoken, or_(answered, *(Turn.move.contains(one) for one in _SERVED)))
    left = select(Request.id).where(Request.call_id == Call.id, Request.kind == "message")
    handed = select(Transfer.id).where(Transfer.call_id == Call.id)
    return case(
        (Call.result == "FAILED", "failed"),
        (or_(Call.result == "TRANSFER", and_(Call.result.is_(None), handed.exists())), "transferred"),
        (and_(Call.result.is_(None), Call.started_at < moment - LOST), "failed"),
        (Call.result.is_(None), "ongoing"),
        (or_(Call.result == "MESSAGE", left.exists()), "message"),
        (and_(Call.reason == "hung_up", ~served.exists()), "hung_up"),
        else_="answered",
    )


def _passes(session: Session, filters: Filters, outcome: ColumnElement[str]) -> list[ColumnElement[bool]]:
    """What is asked of the calls themselves."""
    wanted: list[ColumnElement[bool]] = []
    if filters.since is not None:
        wanted.append(Call.started_at >= filters.since)
    if filters.until is not None:
        wanted.append(Call.started_at < filters.until)
    if filters.outcome:
        wanted.append(outcome == filters.outcome)
    if filters.reason:
        handed = select(Transfer.id).where(Transfer.call_id == Call.id, Transfer.reason == filters.reason)
        wanted.append(or_(and_(Call.result == "TRANSFER", Call.reason == filters.reason), handed.exists()))
    if filters.intents is not None:
        meant = select(Review.turn_id).where(Review.intent.in_(filters.intents))
        understood = or_(Turn.intent.in_(filters.intents), Turn.id.in_(meant))
        wanted.append(Call.id.in_(select(Turn.call_id).where(Turn.heard == "speech", understood)))
    if filters.words.strip():
        said = select(Turn.call_id).where(
            Turn.heard == "speech", says(session, Turn.utterance, filters.words)
        )
        wanted.append(Call.id.in_(said.where(_within(filters))))
    if filters.sampled:
        wanted.append(Call.id.in_(select(Turn.call_id).join(Sample, Sample.turn_id == Turn.id)))
    return wanted


def _passes_turns(filters: Filters, facts: Subquery) -> list[ColumnElement[bool]]:
    """What is asked of their turns."""
    lowest = facts.c.lowest
    bands = {
        "low": lowest < PROBABLE,
        "middle": and_(lowest >= PROBABLE, lowest < SURE),
        "high": lowest >= SURE,
    }
    wanted: list[ColumnElement[bool]] = [bands[filters.band]] if filters.band else []
    if filters.silent:
        wanted.append(facts.c.silences > 0)
    if filters.slow:
        wanted.append(facts.c.slow > 0)
    if filters.unreviewed:
        wanted.append(facts.c.unreviewed > 0)
    return wanted
