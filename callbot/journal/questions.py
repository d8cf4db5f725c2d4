"""The questions nobody could answer: who must answer them by when, and which callers are still to be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session, aliased

from callbot.journal.accounts import trail
from callbot.journal.database import Database, now
from callbot.journal.models import Question, Request, Turn, Unanswered
from callbot.journal.outbox import put_for
from callbot.journal.unanswered import Saying, made_of, said, saying
from callbot.types import Draft

LONGEST_LABEL, LONGEST_ANSWER = 200, 2000


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asked a question and left a number."""

    calls: tuple[int, ...]
    """In which they asked it, the newest first."""
    at: datetime
    """Of the newest."""
    town: str
    """The commune's key."""
    phone: str
    reference: str
    """Of the request or message they left."""
    called_back: bool
    """The switchboard has dealt with everything they left."""
    told_at: datetime | None

    @property
    def told(self) -> bool:
        """Nobody has to call them any more."""
        return self.told_at is not None or self.called_back


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, as it stands in the list."""

    id: int
    at: datetime
    label: str
    """Its name, else the words that say it best; empty when these are gone."""
    name: str
    """What somebody called it; empty when nobody did."""
    service: str
    due_at: datetime | None
    state: str
    """open, assigned, answered, published or closed"""
    answer: str
    answered_by: str
    answered_at: datetime | None
    intent: str
    published_at: datetime | None
    calls: int
    sayings: int
    last_at: datetime | None
    again: int
    """Calls that asked it after it was published."""
    waiting: int
    """People who left a number and have not been told."""

    def overdue(self, moment: datetime) -> bool:
        """Should it have been answered?"""
        return self.state == "assigned" and self.due_at is not None and self.due_at < moment


class Questions:
    """The unanswered questions of a journal. Methods raise JournalError when the database is away.

    Args:
        clock: the moment, UTC without zone.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def all(self) -> list[Asked]:
        """Every question: late ones first, then by due date, then those that most callers ask."""
        moment = self._clock()

        def order(one: Asked) -> tuple[object, ...]:
            due = one.due_at if one.state == "assigned" and one.due_at else datetime.max
            return (not one.overdue(moment), due, -one.calls, -one.sayings, -one.id)

        return sorted(self._database.read(lambda session: _asked(session)), key=order)

    def get(self, id: int) -> Asked | None:
        """A question, None when there is none of this number."""
        return next(iter(self._database.read(lambda session: _asked(session, id))), None)

    def sayings(self, id: int) -> tuple[Saying, ...]:
        """What its callers said, newest first."""
        of_it = exists().where(Unanswered.turn_id == Turn.id, Unanswered.question_id == id)
        rows = said(of_it).order_by(Turn.id.desc())
        return self._database.read(lambda session: tuple(saying(row, id) for row in session.execute(rows)))

    def taken_for(self, id: int, most: int = 5) -> tuple[str, ...]:
        """The intents that the bot found likeliest in what its callers said, the likeliest first."""
        of_it = select(Turn.ranking).join(Unanswered, Unanswered.turn_id == Turn.id)

        def read(session: Session) -> tuple[str, ...]:
            shares: dict[str, float] = {}
            for ranking in session.scalars(of_it.where(Unanswered.question_id == id)):
                for intent, share in ranking:
                    shares[intent] = shares.get(intent, 0.0) + share
            return tuple(sorted(shares, key=lambda intent: -shares[intent])[:most])

        return self._database.read(read)

    def callers(self, id: int) -> tuple[Caller, ...]:
        """Those of its callers who left a number, each once, the ones still to be told first."""
        calls = (
            select(Turn.call_id, func.max(Unanswered.told_at).label("told_at"))
            .join(Unanswered, Unanswered.turn_id == Turn.id)
            .where(Unanswered.question_id == id)
            .group_by(Turn.call_id)
            .subquery()
        )
        left = select(Request, calls.c.told_at).join(calls, calls.c.call_id == Request.call_id)

        def read(session: Session) -> tuple[Caller, ...]:
            found: dict[str, list[tuple[Request, datetime | None]]] = {}
            for request, told_at in session.execute(left.order_by(Request.id.desc())):
                if phone := _phone(request):
                    found.setdefault(phone, []).append((request, told_at))
            people = [_caller(phone, rows) for phone, rows in found.items()]
            return tuple(sorted(people, key=lambda one: (one.told, one.at, one.calls)))

        return self._database.read(read)

    def assign(
        self, id: int, service: str, due_at: datetime, by: str, mail: tuple[str, Draft] | None = None
    ) -> bool:
        """Give it to a service to answer; False when there is no such question, or it has an answer.

        Args:
            due_at: UTC without zone.
            mail: commune and what is mailed to the service, in the same transaction.
        """

        def change(session: Session, row: Question) -> bool:
            if row.state not in ("open", "assigned"):
                return False
            row.service, row.due_at, row.state = service, due_at, "assigned"
            if mail is not None:
                put_for(session, mail[0], mail[1], None)
            return True

        return self._change(id, by, "question_assigned", change)

    def answer(self, id: int, text: str, by: str) -> bool:
        """Keep a service's answer; False when there is no such question, or it is closed."""

        def change(session: Session, row: Question) -> bool:
            if row.state == "closed":
                return False
            row.answer, row.answered_by, row.answered_at = text[:LONGEST_ANSWER], by, self._clock()
            row.state = "answered"
            return True

        return self._change(id, by, "question_answered", change)

    def publish(self, id: int, intent: str, by: str) -> bool:
        """Its answer has become an intent's, or joined one; False when it has no answer."""

        def change(session: Session, row: Question) -> bool:
            if row.state not in ("answered", "published"):
                return False
            row.state, row.intent, row.published_at = "published", intent, self._clock()
            return True

        return self._change(id, by, "question_published", change)

    def close(self, id: int, by: str) -> bool:
        """Nobody shall answer it; what is like it is closed with it."""

        def change(session: Session, row: Question) -> bool:
            row.state = "closed"
            return True

        return self._change(id, by, "question_closed", change)

    def reopen(self, id: int, by: str) -> bool:
        """Go on with one that was closed; False when it was not."""

        def change(session: Session, row: Question) -> bool:
            if row.state != "closed":
                return False
            row.state = "answered" if row.answer else "assigned" if row.service and row.due_at else "open"
            return True

        return self._change(id, by, "question_reopened", change)

    def rename(self, id: int, label: str, by: str) -> bool:
        """Give it a name; an empty one lets its best sentence stand for it again."""

        def change(session: Session, row: Question) -> bool:
            row.label = " ".join(label.replace("\0", "").split())[:LONGEST_LABEL]
            return True

        return self._change(id, by, "question_renamed", change)

    def merge(self, id: int, into: int, by: str) -> int | None:
        """Make one of two questions; returns the number of the one that stays, None when it can't be.

        The further one stays: an answer is never lost.
        """

        def write(session: Session) -> int | None:
            rows = [session.get(Question, one) for one in (into, id)]
            stays, goes = rows[0], rows[1]
            if stays is None or goes is None or id == into:
                return None
            far = ("closed", "open", "assigned", "answered", "published")
            if far.index(goes.state) > far.index(stays.state):
                stays, goes = goes, stays
            moved = update(Unanswered).where(Unanswered.question_id == goes.id).values(question_id=stays.id)
            session.execute(moved)
            session.delete(goes)
            trail(session, self._clock(), by, "question_merged", f"{goes.id} → {stays.id}")
            return stays.id

        return self._database.write_now(write)

    def move_out(self, turn_id: int, by: str, close: bool = False) -> int | None:
        """Make a question of its own of a turn, in one already or alone; returns its number.

        Args:
            close: nobody shall answer it.
        """

        def write(session: Session) -> int | None:
            row = session.get(Unanswered, turn_id)
            if row is None:
                return None
            before = session.get(Question, row.question_id) if row.question_id is not None else None
            made = made_of(session, self._clock(), [turn_id], "closed" if close else "open")
            if before is not None and before.turn_id == turn_id:
                rest = select(func.max(Unanswered.turn_id)).where(Unanswered.question_id == before.id)
                before.turn_id = session.scalar(rest)
            trail(session, self._clock(), by, "question_closed" if close else "question_made", made)
            return made

        return self._database.write_now(write)

    def tell(self, id: int, calls: Sequence[int], told: bool, by: str, texted: bool = False) -> bool:
        """Write down that who called so knows the answer, or does not after all; False when
        they never asked."""
        turns = select(Turn.id).where(Turn.call_id.in_(calls))

        def write(session: Session) -> bool:
            of_them = update(Unanswered).where(Unanswered.question_id == id, Unanswered.turn_id.in_(turns))
            told_at = self._clock() if told else None
            marked = session.execute(
                of_them.values(told_at=told_at).returning(Unanswered.turn_id)
            )  # a count of rows that both databases give
            if not marked.all():
                return False
            action = "caller_texted" if texted else "caller_told" if told else "caller_not_told"
            trail(session, self._clock(), by, action, id)
            return True

        return self._database.write_now(write)

    def _change(self, id: int, by: str, action: str, change: Callable[[Session, Question], bool]) -> bool:
        def write(session: Session) -> bool:
            row = session.get(Question, id)
            if row is None or not change(session, row):
                return False
            trail(session, self._clock(), by, action, id)
            return True

        return self._database.write_now(write)


def _asked(session: Session, id: int | None = None) -> list[Asked]:
    of_it = (Unanswered.question_id == Question.id, Turn.id == Unanswered.turn_id)
    calls = func.count(func.distinct(Turn.call_id))
    again = select(calls).where(*of_it, Turn.at > Question.published_at).scalar_subquery()
    best = aliased(Turn)
    newest = select(func.max(Turn.id)).where(*of_it).scalar_subquery()
    rows = select(
        Question,
        func.coalesce(
            select(best.utterance).where(best.id == Question.turn_id).scalar_subquery(),
            select(best.utterance).where(best.id == newest).scalar_subquery(),
            "",
        ),
        select(calls).where(*of_it).scalar_subquery(),
        select(func.count())
        .select_from(Unanswered)
        .where(Unanswered.question_id == Question.id)
        .scalar_subquery(),
        select(func.max(Turn.at)).where(*of_it).scalar_subquery(),
        again,
    )
    if id is not None:
        rows = rows.where(Question.id == id)
    waiting = _waiting(session)
    return [
        Asked(
            id=row.id,
            at=row.at,
            label=row.label or words,
            name=row.label,
            service=row.service,
            due_at=row.due_at,
            state=row.state,
            answer=row.answer,
            answered_by=row.answered_by,
            answered_at=row.answered_at,
            intent=row.intent,
            published_at=row.published_at,
            calls=count or 0,
            sayings=sayings or 0,
            last_at=last_at,
            again=anew or 0,
            waiting=waiting[row.id],
        )
        for row, words, count, sayings, last_at, anew in session.execute(rows)
    ]


def _phone(request: Request) -> str:
    """The number a caller gave, else the one they called from."""
    return str(request.slots.get("phone") or request.phone or "")


def _caller(phone: str, left: Sequence[tuple[Request, datetime | None]]) -> Caller:
    """One person, of all that they left, the newest first."""
    newest = left[0][0]
    told = [told_at for _, told_at in left if told_at is not None]
    return Caller(
        calls=tuple(dict.fromkeys(request.call_id for request, _ in left)),
        at=newest.at,
        town=newest.town,
        phone=phone,
        reference=newest.reference,
        called_back=all(request.state == "done" for request, _ in left),
        told_at=max(told) if len(told) == len(left) else None,
    )


def _waiting(session: Session) -> Counter[int]:
    """How many people of each question have left a number and not been told."""
    left = (
        select(Unanswered.question_id, Request)
        .join(Turn, Turn.id == Unanswered.turn_id)
        .join(Request, Request.call_id == Turn.call_id)
        .where(Unanswered.question_id.is_not(None), Unanswered.told_at.is_(None), Request.state != "done")
    )
    people = {(question, phone) for question, request in session.execute(left) if (phone := _phone(request))}
    return Counter(question for question, _ in people)
