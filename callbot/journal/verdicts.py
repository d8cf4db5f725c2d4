"""What officers say of turns: one at a time, or all turns of the same words at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.orm import Session

from callbot.journal.accounts import trail
from callbot.journal.database import Database, now
from callbot.journal.models import Call, Proposal, Review, Sample, Turn
from callbot.journal.proposals import ProposalError, Proposals
from callbot.journal.sheets import reviewable, with_before

PER_PAGE = 40
MOST_AT_ONCE = 500
"""Turns of one group that are marked in one go."""

_WORDS = func.trim(Turn.utterance)

Learning = Literal["", "proposed", "unlearnable"]


@dataclass(frozen=True, slots=True)
class Marked:
    """What became of a verdict."""

    turns: int
    """How many were marked."""
    corrected: bool
    learning: Learning = ""
    """Of a correction: proposed to the next training, or nothing in it can be learnt."""


@dataclass(frozen=True, slots=True)
class Group:
    """Turns in which callers said the very same."""

    turn_id: int
    """The newest of them, by which the group is named."""
    words: str
    turns: int
    reviewed: int
    """By anybody."""
    mine: int
    """By the one who asks."""
    understood: tuple[tuple[str, int], ...]
    """What the bot understood, and how often; the most frequent first."""
    meant: tuple[tuple[str, int], ...]
    """What officers say was meant, and how often; of sampled turns only what the one who asks said."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, UTC without zone; None: without end."""

    since: datetime | None = None
    until: datetime | None = None


class Verdicts:
    """The reviews of a journal. Methods raise JournalError when the database is away.

    Args:
        clock: the moment, UTC without zone.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock
        self._proposals = Proposals(database, clock)

    def give(self, turn_id: int, intent: str, by: str) -> Marked | None:
        """Say what a turn's intent was, whatever this account had said of it; None without such a turn.

        A correction becomes a proposal; the one that an earlier correction had made goes.
        """

        def write(session: Session) -> Turn | None:
            turn = session.get(Turn, turn_id)
            if turn is None:
                return None
            action = "review_right" if intent == turn.intent else "review_corrected"
            self._put(session, turn, intent, by)
            trail(session, self._clock(), by, action, turn_id)
            return turn

        before = self._said(turn_id, by)
        turn = self._database.write_now(write)
        if turn is None:
            return None
        if before and before != intent:
            self._withdraw(turn_id, before, by)
        corrected = intent != turn.intent
        return Marked(1, corrected, self._propose(turn_id, intent, by) if corrected else "")

    def undo(self, turn_id: int, by: str) -> bool:
        """Take back what this account said of a turn, and what it proposed; False when it said nothing."""

        def write(session: Session) -> str:
            row = session.scalar(_of(turn_id, by))
            if row is None:
                return ""
            session.delete(row)
            trail(session, self._clock(), by, "review_undone", turn_id)
            return row.intent

        intent = self._database.write_now(write)
        if intent:
            self._withdraw(turn_id, intent, by)
        return bool(intent)

    def groups(
        self, span: Span, by: str, page: int = 1, unreviewed: bool = False
    ) -> tuple[tuple[Group, ...], int]:
        """Words said more than once, the most frequent first: a page of them, and how many there are.

        Args:
            by: whose own verdicts are counted apart.
            page: from 1.
            unreviewed: only those of which something is left to review.
        """

        def read(session: Session) -> tuple[tuple[Group, ...], int]:
            reviewed = select(Review.turn_id).distinct().subquery()
            grouped = _spoken(select(_WORDS.label("words")), span)
            grouped = grouped.outerjoin(reviewed, reviewed.c.turn_id == Turn.id).group_by(_WORDS)
            grouped = grouped.having(func.count() > 1)
            if unreviewed:
                grouped = grouped.having(func.count() > func.count(reviewed.c.turn_id))
            total = session.scalar(select(func.count()).select_from(grouped.subquery())) or 0
            ordered = grouped.order_by(func.count().desc(), _WORDS)
            some = session.scalars(ordered.limit(PER_PAGE).offset((max(1, page) - 1) * PER_PAGE)).all()
            return _groups(session, span, by, some), total

        return self._database.read(read)

    def give_all(self, turn_id: int, intent: str, by: str, span: Span) -> Marked | None:
        """Say at once what was meant by all turns of a turn's words; those this account has marked stay.

        Returns None when there is no such turn.
        """

        def write(session: Session) -> tuple[int, bool] | None:
            if session.get(Turn, turn_id) is None:
                return None
            own = select(Review.turn_id).where(Review.account == by)
            alike = _alike(select(Turn), turn_id, span).where(Turn.id.not_in(own))
            turns = session.scalars(alike.order_by(Turn.id).limit(MOST_AT_ONCE)).all()
            for turn in turns:
                self._put(session, turn, intent, by)
            trail(session, self._clock(), by, "review_group", f"{turn_id} ({len(turns)})")
            return len(turns), any(turn.intent != intent for turn in turns)

        done = self._database.write_now(write)
        if done is None:
            return None
        turns, corrected = done
        return Marked(turns, corrected, self._propose(turn_id, intent, by) if corrected else "")

    def undo_all(self, turn_id: int, by: str, span: Span) -> int:
        """Take back what this account said of all turns of a turn's words; returns how many."""

        def write(session: Session) -> list[tuple[int, str]]:
            alike = _alike(select(Turn.id), turn_id, span)
            rows = session.scalars(
                select(Review).where(Review.account == by, Review.turn_id.in_(alike))
            ).all()
            for row in rows:
                session.delete(row)
            trail(session, self._clock(), by, "review_group_undone", f"{turn_id} ({len(rows)})")
            return [(row.turn_id, row.intent) for row in rows]

        gone = self._database.write_now(write)
        for id, intent in {intent: (id, intent) for id, intent in gone}.values():
            self._withdraw(id, intent, by)
        return len(gone)

    def _put(self, session: Session, turn: Turn, intent: str, by: str) -> None:
        """A new row even for a changed mind: of several verdicts the newest row counts."""
        session.execute(delete(Review).where(Review.turn_id == turn.id, Review.account == by))
        session.add(Review(turn_id=turn.id, at=self._clock(), account=by, intent=intent, was=turn.intent))

    def _said(self, turn_id: int, by: str) -> str:
        row = self._database.read(lambda session: session.scalar(_of(turn_id, by)))
        return row.intent if row is not None else ""

    def _propose(self, turn_id: int, intent: str, by: str) -> Learning:
        try:
            self._proposals.propose(turn_id, intent, by)
        except ProposalError:  # a name, a number: nothing to learn, and the verdict stands
            return "unlearnable"
        return "proposed"

    def _withdraw(self, turn_id: int, intent: str, by: str) -> None:
        """Give up the proposal of these words for this intent, unless somebody still means it."""

        def read(session: Session) -> Sequence[int]:
            alike = _alike(select(Turn.id), turn_id, Span())
            still = select(Review.id).where(Review.turn_id.in_(alike), Review.intent == intent)
            still = still.where(Review.intent != Review.was)
            if session.scalar(still.limit(1)) is not None:
                return []
            mine = select(Proposal.id).where(Proposal.turn_id.in_(alike), Proposal.intent == intent)
            return session.scalars(mine.where(Proposal.state == "proposed")).all()

        for id in self._database.read(read):
            self._proposals.undo(id, by)


def _of(turn_id: int, account: str) -> Select[tuple[Review]]:
    return select(Review).where(Review.turn_id == turn_id, Review.account == account)


def _spoken(query: Select[Any], span: Span) -> Select[Any]:
    """Of this time, and with an intent."""
    query = with_before(query.select_from(Turn)).where(reviewable())
    calls: list[ColumnElement[bool]] = []
    if span.since is not None:
        calls.append(Call.started_at >= span.since)
    if span.until is not None:
        calls.append(Call.started_at < span.until)
    return query.where(Turn.call_id.in_(select(Call.id).where(*calls))) if calls else query


def _alike(query: Select[Any], turn_id: int, span: Span) -> Select[Any]:
    """Turns of the same words."""
    words = select(_WORDS).where(Turn.id == turn_id).correlate(None).scalar_subquery()
    return _spoken(query, span).where(words == _WORDS)


def _groups(session: Session, span: Span, by: str, some: Sequence[str]) -> tuple[Group, ...]:
    turns = _spoken(select(_WORDS, Turn.id, Turn.intent), span).where(_WORDS.in_(some))
    ids: dict[str, list[int]] = {words: [] for words in some}
    understood: dict[str, Counter[str]] = {words: Counter() for words in some}
    for words, id, intent in session.execute(turns.order_by(Turn.id)):
        ids[words].append(id)
        understood[words][intent] += 1
    said = _spoken(select(_WORDS, Review.turn_id, Review.account, Review.intent, Sample.kind), span)
    said = said.outerjoin(Sample, Sample.turn_id == Turn.id)
    said = said.join(Review, Review.turn_id == Turn.id).where(_WORDS.in_(some))
    reviewed: dict[str, set[int]] = {words: set() for words in some}
    meant: dict[str, Counter[str]] = {words: Counter() for words in some}
    mine: Counter[str] = Counter()
    for words, id, account, intent, sampled in session.execute(said):
        reviewed[words].add(id)
        if account == by or not sampled:  # a second reviewer must not see what the first said
            meant[words][intent] += 1
        mine[words] += account == by
    return tuple(
        Group(
            turn_id=ids[words][-1],
            words=words,
            turns=len(ids[words]),
            reviewed=len(reviewed[words]),
            mine=mine[words],
            understood=tuple(understood[words].most_common()),
            meant=tuple(meant[words].most_common()),
        )
        for words in some
    )
