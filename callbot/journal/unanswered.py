"""The turns that led nowhere, and the questions they are put together to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from callbot.journal.database import Database, now
from callbot.journal.models import Call, Question, Review, Transfer, Turn, Unanswered
from callbot.types import OUT_OF_SCOPE

LOOK_BACK = timedelta(days=90)
"""Older calls are asked about no more."""
SAYINGS_COMPARED = 40
"""Of each question, the newest: enough to tell what it is about."""

# After these the caller gives a piece of a request, or a message: no need of its own.
_IN_A_FORM = ("%askslot:%", "%confirmrequest:%", "%takemessage%", "%offermessage:%", "%offercallback:%")
_ASKED_FOR_A_PIECE = ("%ask:what_to_change", "%ask:unheard_message")
_NOT_UNDERSTOOD = ("%ask:unclear", "%transfer:%:not_understood", "%offer%:%:not_understood")


@dataclass(frozen=True, slots=True)
class Saying:
    """Words that led nowhere."""

    turn_id: int
    call_id: int
    at: datetime
    town: str
    """The commune's name."""
    text: str
    question_id: int | None


class Gathering:
    """The turns of a journal that led nowhere. Methods raise JournalError when the database is away.

    Args:
        clock: the moment, UTC without zone.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def found(self) -> tuple[Saying, ...]:
        """Turns that led nowhere and stand nowhere yet, oldest first."""
        rows = said(_led_nowhere(self._clock() - LOOK_BACK)).order_by(Turn.id)
        return self._database.read(lambda session: tuple(saying(row, None) for row in session.execute(rows)))

    def alone(self) -> tuple[Saying, ...]:
        """Those that were gathered and are like no other, newest first."""
        chosen = (
            said(exists().where(Unanswered.turn_id == Turn.id, Unanswered.question_id.is_(None)))
            .where(Call.started_at >= self._clock() - LOOK_BACK)
            .order_by(Turn.id.desc())
        )
        return self._database.read(
            lambda session: tuple(saying(row, None) for row in session.execute(chosen))
        )

    def known(self) -> dict[int, tuple[str, ...]]:
        """Newest sentences of every question, closed ones too: what is like them is closed with them."""
        rank = func.row_number().over(partition_by=Unanswered.question_id, order_by=Turn.id.desc())
        ranked = (
            select(Unanswered.question_id, Turn.utterance, rank.label("rank"))
            .join(Turn, Turn.id == Unanswered.turn_id)
            .where(Unanswered.question_id.is_not(None))
            .subquery()
        )

        def read(session: Session) -> dict[int, tuple[str, ...]]:
            found: dict[int, tuple[str, ...]] = {}
            newest = select(ranked.c.question_id, ranked.c.utterance).where(ranked.c.rank <= SAYINGS_COMPARED)
            for question, text in session.execute(newest):
                found[question] = (*found.get(question, ()), text)
            return found

        return self._database.read(read)

    def place(
        self, gathered: Sequence[int], joined: Mapping[int, int], formed: Sequence[Sequence[int]]
    ) -> list[int]:
        """Write down where turns belong; returns the numbers of the new questions.

        Args:
            gathered: turns to keep, whether or not they belong anywhere yet.
            joined: turn to question.
            formed: turns of each new question, the one that says it best first.
        """

        def write(session: Session) -> list[int]:
            there = set(session.scalars(select(Unanswered.turn_id).where(Unanswered.turn_id.in_(gathered))))
            session.add_all(Unanswered(turn_id=turn) for turn in gathered if turn not in there)
            session.flush()
            questions = []
            for turns in formed:
                questions.append(made_of(session, self._clock(), turns))
            for turn, question in joined.items():
                _put(session, [turn], question)
            return questions

        return self._database.write_now(write)

    def forget_understood(self) -> None:
        """Let go of turns that an officer found an intent for; questions left without any go too."""
        stale = select(Unanswered.turn_id).where(_verdict(Unanswered.turn_id) != OUT_OF_SCOPE)

        def write(session: Session) -> None:
            if turns := list(session.scalars(stale)):
                session.execute(delete(Unanswered).where(Unanswered.turn_id.in_(turns)))
            untouched = and_(Question.state == "open", Question.label == "", Question.answer == "")
            used = exists().where(Unanswered.question_id == Question.id)
            session.execute(delete(Question).where(untouched, ~used))

        self._database.write_now(write)


def made_of(session: Session, at: datetime, turns: Sequence[int], state: str = "open") -> int:
    """Make a question of turns, the one that says it best first; returns its number."""
    row = Question(at=at, label="", turn_id=turns[0], state=state)
    session.add(row)
    session.flush()
    _put(session, turns, row.id)
    return row.id


def _put(session: Session, turns: Sequence[int], question_id: int) -> None:
    session.execute(update(Unanswered).where(Unanswered.turn_id.in_(turns)).values(question_id=question_id))


def _led_nowhere(since: datetime) -> ColumnElement[bool]:
    """A turn in which a need was said that nobody understood; none that is gathered already."""
    before, after = aliased(Turn), aliased(Turn)
    neighbour = {before: Turn.number - 1, after: Turn.number + 1}

    def beside(turn: type[Turn], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        same_call = (turn.call_id == Turn.call_id, turn.number == neighbour[turn])
        return exists().where(*same_call, *conditions)

    a_piece = beside(before, or_(*map(before.move.like, (*_IN_A_FORM, *_ASKED_FOR_A_PIECE))))
    refused = and_(
        or_(Turn.move.like("%confirm:%"), Turn.move.like("%choose:%")),
        beside(after, or_(after.move == "ask:denied", after.move.like("%:not_understood"))),
    )
    sent_away = and_(
        Turn.move == "goodbye", Turn.intent != "", ~Turn.intent.like("conversation\\_%", escape="\\")
    )
    judged = exists().where(
        Transfer.call_id == Turn.call_id,
        Transfer.judged.in_(("wrong", "off_topic")),
        Transfer.intent != "",
        Transfer.intent == Turn.intent,
    )
    reviewed = _verdict(Turn.id)
    nowhere = or_(*map(Turn.move.like, _NOT_UNDERSTOOD), refused, sent_away)
    return and_(
        Turn.heard == "speech",
        Turn.utterance != "",
        Call.started_at >= since,
        ~exists().where(Unanswered.turn_id == Turn.id),
        or_(
            reviewed == OUT_OF_SCOPE,
            and_(reviewed.is_(None), or_(judged, and_(nowhere, ~a_piece))),
        ),
    )


def _verdict(turn_id: InstrumentedAttribute[int]) -> ScalarSelect[str]:
    """What an officer last said a turn's intent was; NULL when nobody did."""
    of_turn = select(Review.intent).where(Review.turn_id == turn_id)
    return of_turn.order_by(Review.at.desc(), Review.id.desc()).limit(1).scalar_subquery()


def said(chosen: ColumnElement[bool]) -> Select[tuple[int, int, datetime, str, str]]:
    """Turns as `saying` reads them."""
    columns = select(Turn.id, Turn.call_id, Turn.at, Call.town, Turn.utterance)
    return columns.join(Call, Call.id == Turn.call_id).where(chosen)


def saying(row: Row[tuple[int, int, datetime, str, str]], question_id: int | None) -> Saying:
    """A row of `said`, and the question it belongs to."""
    return Saying(*row._tuple(), question_id)
