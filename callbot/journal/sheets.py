"""A turn, a call: everything the quality officer reads of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, aliased

from callbot.journal.models import Call, Review, Sample, Transfer, Turn

REPAIRS = ("ask:unclear", "ask:denied", "ask:noise", "ask:wrong_key")
"""Moves by which the bot asks to say it again."""
Before = aliased(Turn)
"""The turn before a turn: it tells what the caller was asked."""


@dataclass(frozen=True, slots=True)
class Line:
    """A call in the list."""

    id: int
    at: datetime
    ended_at: datetime | None
    town: str
    outcome: str
    reason: str
    signals: tuple[str, ...]
    """What went badly, the gravest first."""
    lowest: float | None
    """Confidence of the least sure turn."""
    turns: int
    """Those that can be reviewed."""
    reviewed: int
    turn_id: int
    """The turn that tells most; 0 when the caller said nothing."""
    words: str
    intent: str
    recorded: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody says of a turn."""

    account: str
    at: datetime
    intent: str
    was: str

    @property
    def right(self) -> bool:
        """The bot had understood."""
        return self.intent == self.was


@dataclass(frozen=True, slots=True)
class Said:
    """A turn with everything that is known of it."""

    id: int
    call_id: int
    number: int
    at: datetime
    heard: str
    words: str
    nbest: tuple[tuple[str, float], ...]
    ranking: tuple[tuple[str, float], ...]
    intent: str
    confidence: float | None
    move: str
    answer: str
    barge_in: bool
    resumed: int
    foreseen: bool
    waited_ms: float | None
    """From the caller's last word to the answer."""
    stages: tuple[tuple[str, float], ...]
    """endpoint, decode, nlu, voice and think, in milliseconds, as far as they were measured."""
    model: str
    begins_ms: int | None
    ends_ms: int | None
    asked: str
    """What the bot had said before."""
    reviewable: bool
    """Words with an intent: no silence, key, message, nor the answer to « quelle adresse ? »."""
    sampled: str
    """random or unsure, when it is in a sample."""
    verdicts: tuple[Verdict, ...]
    """In the order they were given."""

    def by(self, account: str) -> Verdict | None:
        """What this account says of it."""
        return next((one for one in self.verdicts if one.account == account), None)


@dataclass(frozen=True, slots=True)
class Handed:
    """A transfer, and what became of it."""

    at: datetime
    town: str
    service: str
    reason: str
    intent: str
    state: str
    operator: str
    answered_at: datetime | None
    ended_at: datetime | None
    judged: str
    judged_by: str
    note: str
    called_back: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """One call, whole."""

    id: int
    at: datetime
    ended_at: datetime | None
    town: str
    last2: str
    outcome: str
    reason: str
    signals: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]
    recording: str
    """File name of its sound; empty when it was not recorded."""
    turns: tuple[Said, ...]
    transfers: tuple[Handed, ...]
    others: tuple[int, ...]
    """The same telephone call's other rows: it came back when no operator answered."""


def reviewable() -> ColumnElement[bool]:
    """Words with an intent, in a query that `with_before` has joined."""
    details = or_(Before.move.contains("askslot:"), Before.move.contains("takemessage"))
    return and_(Turn.heard == "speech", Turn.utterance != "", or_(Before.id.is_(None), ~details))


def with_before(query: Select[Any]) -> Select[Any]:
    """Join the turn before each turn: it tells what the caller was asked."""
    previous = and_(Before.call_id == Turn.call_id, Before.number == Turn.number - 1)
    return query.outerjoin(Before, previous)


def turns_of(session: Session, which: ColumnElement[bool]) -> tuple[Said, ...]:
    """These turns, call by call, in order."""
    rows = session.execute(
        with_before(select(Turn, Before.prompt, reviewable(), Sample.kind))
        .outerjoin(Sample, Sample.turn_id == Turn.id)
        .where(which)
        .order_by(Turn.call_id, Turn.number)
    ).all()
    verdicts: dict[int, list[Verdict]] = {}
    given = select(Review).where(Review.turn_id.in_([row[0].id for row in rows])).order_by(Review.id)
    for one in session.scalars(given):
        verdicts.setdefault(one.turn_id, []).append(Verdict(one.account, one.at, one.intent, one.was))
    return tuple(
        _said(turn, asked or "", bool(may), sampled or "", verdicts.get(turn.id, ()))
        for turn, asked, may, sampled in rows
    )


def _said(row: Turn, asked: str, may: bool, sampled: str, verdicts: Iterable[Verdict]) -> Said:
    measured = {
        "endpoint": row.endpoint_ms,
        "decode": row.decode_ms,
        "nlu": row.nlu_ms,
        "voice": row.voice_ms,
        "think": row.think_ms,
    }
    return Said(
        id=row.id,
        call_id=row.call_id,
        number=row.number,
        at=row.at,
        heard=row.heard,
        words=row.utterance,
        nbest=tuple((str(text), float(share)) for text, share in row.nbest),
        ranking=tuple((str(intent), float(probability)) for intent, probability in row.ranking),
        intent=row.intent,
        confidence=row.confidence,
        move=row.move,
        answer=row.prompt,
        barge_in=row.barge_in,
        resumed=row.resumed,
        foreseen=row.foreseen,
        waited_ms=_waited_ms(row),
        stages=tuple((name, ms) for name, ms in measured.items() if ms is not None),
        model=row.model,
        begins_ms=row.begins_ms,
        ends_ms=row.ends_ms,
        asked=asked,
        reviewable=may,
        sampled=sampled,
        verdicts=tuple(verdicts),
    )


def _waited_ms(row: Turn) -> float | None:
    """As the figure « temps de réponse » has it: end of speech, recognition, reflection."""
    return None if row.think_ms is None else row.think_ms + (row.decode_ms or 0) + (row.endpoint_ms or 0)


def line_of(row: Call, outcome: str, signals: tuple[str, ...], turns: list[Said]) -> Line:
    """A call as the list has it.

    Args:
        turns: all of the call's, in order.
    """
    spoken = [turn for turn in turns if turn.reviewable]
    # What the bot asked to say again tells more than a « oui » it was less sure of.
    telling = min(
        spoken,
        key=lambda turn: (not any(one in turn.move for one in REPAIRS), turn.confidence or 0),
        default=None,
    )
    return Line(
        id=row.id,
        at=row.started_at,
        ended_at=row.ended_at,
        town=row.town,
        outcome=outcome,
        reason=row.reason,
        signals=signals,
        lowest=min((turn.confidence or 0 for turn in spoken), default=None),
        turns=len(spoken),
        reviewed=sum(bool(turn.verdicts) for turn in spoken),
        turn_id=telling.id if telling else 0,
        words=telling.words if telling else "",
        intent=telling.intent if telling else "",
        recorded=bool(row.recording),
    )


def handed_of(row: Transfer) -> Handed:
    """A transfer as the call's page has it."""
    return Handed(
        at=row.at,
        town=row.town,
        service=row.service,
        reason=row.reason,
        intent=row.intent,
        state=row.state,
        operator=row.operator,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        judged=row.judged,
        judged_by=row.judged_by,
        note=row.note,
        called_back=row.called_back,
    )
