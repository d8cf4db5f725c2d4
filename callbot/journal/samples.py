"""The sampling plan: every week some turns at random, for honest figures, and some unsure ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from callbot.errors import JournalError
from callbot.journal.database import Database, now
from callbot.journal.local_days import begin_of, day_of
from callbot.journal.models import Call, Review, Sample, Turn
from callbot.journal.sheets import reviewable, with_before
from callbot.settings import Settings

WEEK = timedelta(days=7)
SECOND_READ = 8 * WEEK
"""Turns drawn longer ago are offered to no second reviewer."""

Kind = Literal["random", "unsure"]
KINDS: tuple[Kind, ...] = ("random", "unsure")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the week's sample is."""

    week: date
    """The Monday it was drawn; its turns are of the week before."""
    drawn: dict[str, int]
    """By kind."""
    reviewed: dict[str, int]
    second: int
    """Turns that wait for this account as second reviewer."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A turn that two accounts reviewed, each without seeing what the other said."""

    turn_id: int
    call_id: int
    words: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Honest:
    """A turn drawn at random and reviewed."""

    was: str
    meant: str
    """By the newest review."""
    move: str


class Samples:
    """The samples of a journal. Methods raise JournalError when the database is away.

    Args:
        random: turns drawn at random in a week.
        unsure: turns of low confidence drawn in a week.
        clock: the moment, UTC without zone.
    """

    def __init__(
        self,
        database: Database,
        random: int = 50,
        unsure: int = 50,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._sizes: dict[Kind, int] = {"random": random, "unsure": unsure}
        self._clock = clock

    @property
    def week(self) -> date:
        """The Monday that began this week, here."""
        today = day_of(self._clock())
        return today - timedelta(days=today.weekday())

    def draw(self) -> int:
        """Draw this week's sample from the turns of the week before; returns how many are new.

        The same turns whoever draws, and when: which they are hangs on their numbers and the week alone. A
        second draw in the week adds nothing.
        """
        week = self.week
        try:
            return self._database.write_now(lambda session: self._draw(session, week))
        except JournalError:
            if self._database.read(lambda session: _drawn(session, week)):
                return 0  # somebody else drew at the same moment
            raise

    def _draw(self, session: Session, week: date) -> int:
        if _drawn(session, week):
            return 0
        query = with_before(select(Turn.id, Turn.utterance, Turn.confidence))
        spoken = query.join(Call, Call.id == Turn.call_id).where(
            reviewable(), Call.started_at >= begin_of(week - WEEK), Call.started_at < begin_of(week)
        )
        turns = [(id, words.strip(), confidence or 0.0) for id, words, confidence in session.execute(spoken)]
        lots = {id: hashlib.sha256(f"{week:%Y-%m-%d}/{id}".encode()).digest() for id, _, _ in turns}
        by_lot = sorted(turns, key=lambda turn: lots[turn[0]])
        chosen = {id: "random" for id, _, _ in by_lot[: self._sizes["random"]]}
        known = set(session.scalars(select(Review.turn_id).where(Review.turn_id.in_(lots))))
        heard = {words for id, words, _ in turns if id in chosen}
        unsure = 0
        for id, words, _ in sorted(by_lot, key=lambda turn: turn[2]):
            if unsure == self._sizes["unsure"]:
                break
            # One of each: what was said fifty times is corrected as a group.
            if id in chosen or id in known or words in heard:
                continue
            heard.add(words)
            chosen[id] = "unsure"
            unsure += 1
        session.add_all(
            Sample(turn_id=id, at=begin_of(week), kind=kind) for id, kind in sorted(chosen.items())
        )
        return len(chosen)

    def progress(self, by: str) -> Progress:
        """How far this week's sample is, and what waits for this account as second reviewer."""
        week = self.week

        def read(session: Session) -> Progress:
            of_week = select(Sample.kind, func.count()).where(_of(week)).group_by(Sample.kind)
            done = of_week.where(Sample.turn_id.in_(select(Review.turn_id)))
            drawn = dict.fromkeys(KINDS, 0) | _by_kind(session, of_week)
            reviewed = dict.fromkeys(KINDS, 0) | _by_kind(session, done)
            return Progress(week, drawn, reviewed, len(_second(session, by, week)))

        return self._database.read(read)

    def next(self, by: str, second: bool = False, after: int = 0) -> int | None:
        """The next turn to go through, None when all are done.

        Args:
            second: one that somebody else has reviewed.
            after: the turn that was just seen; those before it come again at the end.
        """
        week = self.week

        def read(session: Session) -> int | None:
            ids = _second(session, by, week) if second else _first(session, week)
            rest = ids[ids.index(after) + 1 :] if after in ids else [id for id in ids if id != after]
            return next(iter(rest or ids), None)

        return self._database.read(read)

    def pairs(self, since: date) -> tuple[Pair, ...]:
        """The first two verdicts on each turn drawn since that day that has two, the newest turn first."""
        rows = (
            select(Turn, Review.intent)
            .join(Review, Review.turn_id == Turn.id)
            .join(Sample, Sample.turn_id == Turn.id)
            .where(Sample.at >= begin_of(since))
            .order_by(Review.id)
        )

        def read(session: Session) -> tuple[Pair, ...]:
            said: dict[Turn, list[str]] = {}
            for turn, intent in session.execute(rows):
                said.setdefault(turn, []).append(intent)
            both = [(turn, intents) for turn, intents in said.items() if len(intents) > 1]
            both.sort(key=lambda one: -one[0].id)
            return tuple(
                Pair(turn.id, turn.call_id, turn.utterance, intents[0], intents[1]) for turn, intents in both
            )

        return self._database.read(read)

    def honest(self, since: date) -> tuple[tuple[Honest, ...], int]:
        """Turns drawn at random since that day that somebody reviewed, and how many were drawn."""
        begin = begin_of(since)
        drawn = select(func.count()).where(Sample.kind == "random", Sample.at >= begin)
        rows = of_honest(Review.was, Review.intent, Turn.move).where(Sample.at >= begin)
        return self._database.read(
            lambda session: (
                tuple(Honest(*row) for row in session.execute(rows)),
                session.scalar(drawn) or 0,
            )
        )


def samples_of(settings: Settings, database: Database, clock: Callable[[], datetime] = now) -> Samples:
    """Those of a journal, as large as the settings ask for."""
    return Samples(database, settings.review_random_per_week, settings.review_unsure_per_week, clock)


def of_honest(*columns: Any) -> Select[Any]:
    """Of turns that were drawn at random and reviewed, each once: honest figures are reckoned from them only.

    The newest review of a turn counts: a second reviewer's settles a doubt.
    """
    newest = select(func.max(Review.id)).group_by(Review.turn_id)
    chosen = select(*columns).select_from(Review).join(Turn, Turn.id == Review.turn_id)
    drawn = chosen.join(Sample, Sample.turn_id == Turn.id)
    return drawn.where(Sample.kind == "random", Review.id.in_(newest))


def _by_kind(session: Session, counts: Select[tuple[str, int]]) -> dict[str, int]:
    return {row[0]: row[1] for row in session.execute(counts)}


def _of(week: date) -> ColumnElement[bool]:
    """Drawn in this week."""
    return Sample.at == begin_of(week)


def _drawn(session: Session, week: date) -> bool:
    return session.scalar(select(Sample.turn_id).where(_of(week)).limit(1)) is not None


def _first(session: Session, week: date) -> list[int]:
    """Nobody has reviewed them; those for the honest figures first."""
    ids = select(Sample.turn_id).where(_of(week), Sample.turn_id.not_in(select(Review.turn_id)))
    return list(session.scalars(ids.order_by(Sample.kind, Sample.turn_id)))


def _second(session: Session, by: str, week: date) -> list[int]:
    """One other account has reviewed them."""
    own = select(Review.turn_id).where(Review.account == by)
    others = select(Review.turn_id).group_by(Review.turn_id).having(func.count() == 1)
    ids = select(Sample.turn_id).where(
        Sample.at > begin_of(week - SECOND_READ), Sample.turn_id.in_(others), Sample.turn_id.not_in(own)
    )
    return list(session.scalars(ids.order_by(Sample.at.desc(), Sample.kind, Sample.turn_id)))
