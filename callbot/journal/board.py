"""What the people at the switchboard see of the journal, and what they mark in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from callbot.journal import events
from callbot.journal.accounts import trail
from callbot.journal.database import Database, now
from callbot.journal.models import Call, QueueState, RawTurn, Request, Transfer, Turn
from callbot.journal.transfers import NUMBER_KEPT
from callbot.types import CALL_BACK, WRITTEN

CURRENT = ("ringing", "waiting", "announced", "answered")
"""In the order of their urgency."""
OVER = ("ended", "abandoned", "unanswered")
SHOWN_AFTER = timedelta(minutes=30)
"""A call that is over stays on the board so long."""
LONGEST_CALL = timedelta(hours=6)
"""A transfer older than this is over, even if nobody could say so."""
LONGEST_WITH_BOT = timedelta(hours=1)
"""A call that nobody has seen end for so long has no bot any more."""
STALE = timedelta(seconds=90)
"""Asterisk is asked for everything once a minute: what is older is no news of now."""
FORGOTTEN = timedelta(days=1)
"""A queue that nobody has told of for so long is one no more."""
MOST_TASKS = 200
MOST_PAST = 300
LONGEST_NOTE = 2000

Verdict = Literal["right", "wrong", "off_topic", ""]


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of a call, as it is read."""

    heard: str
    """speech, key, silence; empty for the greeting."""
    words: str
    answer: str
    """What the bot then said."""


@dataclass(frozen=True, slots=True)
class Card:
    """A call handed over to people."""

    id: int
    at: datetime
    town: str
    service: str
    queue: str
    reason: str
    intent: str
    """What the caller wants; empty when the bot does not know."""
    confidence: float | None
    """In that intent."""
    language: str
    state: str
    operator: str
    answered_at: datetime | None
    ended_at: datetime | None
    last2: str
    """The last two digits of the caller's number; empty when it is withheld."""
    turns: tuple[Said, ...]
    ranking: tuple[tuple[str, float], ...]
    """The three likeliest intents after the caller's last words."""
    judged: str
    judged_by: str
    note: str
    called_back: bool
    has_number: bool = False
    """The whole number is kept, for who asks to see it."""

    @property
    def over(self) -> bool:
        """Nothing more will happen to it."""
        return self.state not in CURRENT


@dataclass(frozen=True, slots=True)
class Task:
    """A message or a call-back: somebody awaits an answer."""

    id: int
    reference: str
    at: datetime
    kind: str
    """message or request"""
    town: str
    service: str
    intent: str
    known: tuple[tuple[str, str], ...]
    phone: str
    complete: bool
    recording: str
    done: bool


@dataclass(frozen=True, slots=True)
class Member:
    """An operator in a queue."""

    interface: str
    name: str
    state: str
    """free, busy, ringing, paused or away"""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue, as Asterisk last told."""

    name: str
    at: datetime
    waiting: int
    longest_wait_s: int
    members: tuple[Member, ...]
    stale: bool = False
    """It was so then; nobody knows how it is now."""


@dataclass(frozen=True, slots=True)
class View:
    """Everything on the board at one moment."""

    cards: tuple[Card, ...]
    tasks: tuple[Task, ...]
    queues: tuple[Queue, ...]
    with_bot: int = 0
    """Calls that the bot has just now."""


class Board:
    """The switchboard's part of a journal. Methods raise JournalError when the database is away.

    Args:
        clock: the moment, UTC without zone.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def view(self) -> View:
        """The board now: calls that ring and wait first, the longest wait foremost; then those just over."""
        return self._database.read(self._view)

    def past(self, missed: bool = False) -> tuple[Card, ...]:
        """The calls of the last days, the newest first.

        Args:
            missed: those alone that nobody answered, and nobody has called back.
        """
        return self._database.read(lambda session: self._past(session, missed))

    def tasks(self, done: bool = False) -> tuple[Task, ...]:
        """Messages and call-backs: to do, the oldest first; or done, the newest first."""
        return self._database.read(lambda session: _tasks(session, done))

    def recorded(self, name: str) -> Task | None:
        """The message whose sound this file is."""
        found = select(Request).where(Request.recording == name).limit(1)
        return self._database.read(lambda session: next(map(_task, session.scalars(found)), None))

    def judge(self, transfer_id: int, verdict: Verdict, by: str) -> bool:
        """Write down what an operator says of the intent; False when there is no such transfer."""

        def change(row: Transfer) -> None:
            row.judged, row.judged_by = verdict, by if verdict else ""

        return self._mark(transfer_id, change, by, f"judged_{verdict or 'nothing'}")

    def set_note(self, transfer_id: int, note: str, by: str) -> bool:
        """Keep an operator's note; False when there is no such transfer."""

        def change(row: Transfer) -> None:
            row.note = note.replace("\0", "").strip()[:LONGEST_NOTE]

        return self._mark(transfer_id, change, by, "noted")

    def set_called_back(self, transfer_id: int, done: bool, by: str) -> bool:
        """Has the caller been called back? False when there is no such transfer."""

        def change(row: Transfer) -> None:
            row.called_back = done

        return self._mark(transfer_id, change, by, "called_back" if done else "not_called_back")

    def show_number(self, transfer_id: int, by: str) -> str | None:
        """A caller's whole number, for an operator who asks for it; None when it is not kept (any more)."""

        def write(session: Session) -> str | None:
            row = session.get(Transfer, transfer_id)
            if row is None or not _has_number(row, self._clock()):
                return None
            trail(session, self._clock(), by, "number_shown", transfer_id)
            return row.phone

        return self._database.write_now(write)

    def set_done(self, request_id: int, done: bool, by: str) -> bool:
        """Is a message or call-back dealt with? False when there is none of this number."""

        def write(session: Session) -> bool:
            row = session.scalar(select(Request).where(Request.id == request_id, _awaits_somebody()))
            if row is None:
                return False
            row.state = "done" if done else "handed_over" if row.remote else "received"
            trail(session, self._clock(), by, "task_done" if done else "task_reopened", row.reference)
            events.note(session, "request", row.id)
            return True

        return self._database.write_now(write)

    def _mark(self, transfer_id: int, change: Callable[[Transfer], None], by: str, action: str) -> bool:
        def write(session: Session) -> bool:
            row = session.get(Transfer, transfer_id)
            if row is None:
                return False
            change(row)
            trail(session, self._clock(), by, action, transfer_id)
            events.note(session, "transfer", transfer_id)
            return True

        return self._database.write_now(write)

    def _view(self, session: Session) -> View:
        moment = self._clock()
        ended = func.coalesce(Transfer.ended_at, Transfer.at)
        shown = or_(
            and_(Transfer.state.in_(CURRENT), Transfer.at > moment - LONGEST_CALL),
            and_(Transfer.state.in_(OVER), ended > moment - SHOWN_AFTER),
        )
        cards = sorted(_cards(session, _handed_over().where(shown), moment), key=_urgency)
        known = select(QueueState).where(QueueState.at > moment - FORGOTTEN).order_by(QueueState.name)
        queues = tuple(_queue(row, moment) for row in session.scalars(known))
        return View(tuple(cards), _tasks(session, False), queues, _with_bot(session, moment))

    def _past(self, session: Session, missed: bool) -> tuple[Card, ...]:
        moment = self._clock()
        recent = _handed_over().where(Transfer.at > moment - NUMBER_KEPT)
        if missed:
            recent = recent.where(Transfer.state.in_(("abandoned", "unanswered")), ~Transfer.called_back)
        return tuple(_cards(session, recent.order_by(Transfer.id.desc()).limit(MOST_PAST), moment))


def _urgency(card: Card) -> tuple[int, float]:
    if card.over:
        return len(CURRENT), -(card.ended_at or card.at).timestamp()
    return CURRENT.index(card.state), card.at.timestamp()


def _with_bot(session: Session, moment: datetime) -> int:
    talking = select(func.count()).select_from(Call)
    talking = talking.where(Call.ended_at.is_(None), Call.started_at > moment - LONGEST_WITH_BOT)
    handed_over = exists().where(Transfer.call_id == Call.id)
    return session.scalar(talking.where(~Call.linkedid.startswith(WRITTEN), ~handed_over)) or 0


def _handed_over() -> Select[tuple[Transfer, Call]]:
    return select(Transfer, Call).join(Call, Call.id == Transfer.call_id)


def _cards(session: Session, found: Select[tuple[Transfer, Call]], moment: datetime) -> list[Card]:
    rows = [(row[0], row[1]) for row in session.execute(found)]
    turns = _turns(session, {call.id for _, call in rows})
    real = _real_words(session, {call.id for _, call in rows})
    return [_card(row, call, turns.get(call.id, []), real, moment) for row, call in rows]


def _turns(session: Session, calls: Iterable[int]) -> dict[int, list[Turn]]:
    found: dict[int, list[Turn]] = {}
    of_calls = select(Turn).where(Turn.call_id.in_(calls)).order_by(Turn.call_id, Turn.number)
    for turn in session.scalars(of_calls):
        found.setdefault(turn.call_id, []).append(turn)
    return found


def _real_words(session: Session, calls: Iterable[int]) -> dict[int, RawTurn]:
    """What was really said, by turn, while it is kept: who answers now needs the name and the address."""
    of_calls = select(RawTurn).join(Turn, Turn.id == RawTurn.turn_id).where(Turn.call_id.in_(calls))
    return {raw.turn_id: raw for raw in session.scalars(of_calls)}


def _card(
    row: Transfer, call: Call, turns: list[Turn], real: Mapping[int, RawTurn], moment: datetime
) -> Card:
    said = [(turn.heard, real.get(turn.id, turn)) for turn in turns]
    rankings = [
        tuple((str(intent), float(probability)) for intent, probability in turn.ranking)
        for turn in turns
        if turn.heard == "speech" and turn.ranking
    ]
    # What the caller wants may have been said before « je veux parler à quelqu'un ».
    likely = [dict(ranking)[row.intent] for ranking in rankings if row.intent in dict(ranking)]
    return Card(
        id=row.id,
        at=row.at,
        town=row.town,
        service=row.service,
        queue=row.queue,
        reason=row.reason,
        intent=row.intent,
        confidence=max(likely, default=None),
        language=row.language,
        state=row.state,
        operator=row.operator,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        last2=call.caller_last2,
        turns=tuple(Said(heard, words.utterance, words.prompt) for heard, words in said),
        ranking=rankings[-1][:3] if rankings else (),
        judged=row.judged,
        judged_by=row.judged_by,
        note=row.note,
        called_back=row.called_back,
        has_number=_has_number(row, moment),
    )


def _has_number(row: Transfer, moment: datetime) -> bool:
    """Until the caller was called back; and not much longer, even if nobody clears it."""
    return bool(row.phone) and not row.called_back and row.at > moment - NUMBER_KEPT


def _awaits_somebody() -> ColumnElement[bool]:
    return or_(Request.kind == "message", Request.intent == CALL_BACK)


def _tasks(session: Session, done: bool) -> tuple[Task, ...]:
    found = select(Request).where(_awaits_somebody()).limit(MOST_TASKS)
    if done:
        found = found.where(Request.state == "done").order_by(Request.id.desc())
    else:
        found = found.where(Request.state != "done").order_by(Request.id)
    return tuple(map(_task, session.scalars(found)))


def _task(row: Request) -> Task:
    return Task(
        id=row.id,
        reference=row.reference,
        at=row.at,
        kind=row.kind,
        town=row.town,
        service=row.service,
        intent=row.intent,
        known=tuple(row.slots.items()),
        phone=row.phone or "",
        complete=row.complete,
        recording=row.recording,
        done=row.state == "done",
    )


def _queue(row: QueueState, moment: datetime) -> Queue:
    members = tuple(
        Member(str(member.get("interface", "")), str(member.get("name", "")), str(member.get("state", "")))
        for member in row.members
    )
    return Queue(row.name, row.at, row.waiting, row.longest_wait_s, members, moment - row.at > STALE)
