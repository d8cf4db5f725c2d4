"""Trainings, what the gate found, and the reviewed turns it judges by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from callbot.errors import JournalError
from callbot.journal.accounts import trail
from callbot.journal.database import Database, now
from callbot.journal.models import Review, Training, Turn

MOST_SHOWN = 100
"""Rows of a history."""
RUNNING = ("queued", "training", "calibrating", "judging", "hearing")
"""States of a training that has not ended."""
INTERRUPTED = "interrompu : la console s'est arrêtée pendant l'entraînement"
CANCELLED = "annulé"


class TrainingError(JournalError):
    """A training or a deployment that can't begin; the message is French, for the page."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A training, and what the gate found."""

    id: int
    at: datetime
    account: str
    state: str
    """queued, training, calibrating, judging, hearing, passed, refused, failed"""
    progress: float
    """0 to 1, of the whole."""
    model: str
    data: str
    report: Mapping[str, Any]
    error: str
    ended_at: datetime | None

    @property
    def running(self) -> bool:
        """It has not ended."""
        return self.state in RUNNING


class Trainings:
    """The trainings of a journal. Methods raise JournalError when the database is away.

    Args:
        clock: the moment, UTC without zone.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def ask(self, account: str) -> int:
        """Ask for a training; returns its id.

        Raises:
            TrainingError: one has not ended.
        """

        def write(session: Session) -> int:
            if session.scalar(select(Training.id).where(Training.state.in_(RUNNING)).limit(1)):
                raise TrainingError("un entraînement est déjà en cours")
            row = Training(at=self._clock(), account=account, state="queued", progress=0.0, report={})
            session.add(row)
            session.flush()
            trail(session, self._clock(), account, "training_asked", row.id)
            return row.id

        return self._database.write_now(write)

    def cancel(self, id: int, account: str) -> bool:
        """Stop a training; False when it has ended."""

        def write(session: Session) -> bool:
            row = session.get(Training, id)
            if row is None or row.state not in RUNNING:
                return False
            row.state, row.error, row.ended_at = "failed", CANCELLED, self._clock()
            trail(session, self._clock(), account, "training_cancelled", id)
            return True

        return self._database.write_now(write)

    def advance(self, id: int, state: str, progress: float, **values: str) -> bool:
        """Tell how far it is; False when it was cancelled meanwhile.

        Args:
            progress: 0 to 1, of the whole.
            values: `model` and `data`, once they are known.
        """

        def write(session: Session) -> bool:
            running = update(Training).where(Training.id == id, Training.state.in_(RUNNING))
            done: Any = session.execute(running.values(state=state, progress=progress, **values))
            return bool(done.rowcount)

        return self._database.write_now(write)

    def end(self, id: int, state: str, report: Mapping[str, Any], error: str = "") -> bool:
        """Tell how it ended: passed, refused or failed; False when it was cancelled meanwhile."""

        def write(session: Session) -> bool:
            row = session.get(Training, id)
            if row is None or row.state not in RUNNING:
                return False
            row.state, row.report, row.error = state, dict(report), error
            row.ended_at = self._clock()
            if state != "failed":
                row.progress = 1.0
            trail(session, self._clock(), row.account, f"training_{state}", id)
            return True

        return self._database.write_now(write)

    def interrupt(self) -> int:
        """Those that nobody runs any more have failed; returns how many. A queued one still waits."""
        change = (
            update(Training)
            .where(Training.state.in_(RUNNING[1:]))
            .values(state="failed", error=INTERRUPTED, ended_at=self._clock())
        )

        def write(session: Session) -> int:
            done: Any = session.execute(change)
            return int(done.rowcount)

        return self._database.write_now(write)

    def queued(self) -> Trained | None:
        """The one that waits to begin."""
        return self._first(select(Training).where(Training.state == "queued").order_by(Training.id))

    def running(self) -> Trained | None:
        """The one that has not ended, the waiting one included."""
        return self._first(select(Training).where(Training.state.in_(RUNNING)).order_by(Training.id))

    def get(self, id: int) -> Trained | None:
        """A training."""
        return self._first(select(Training).where(Training.id == id))

    def all(self) -> list[Trained]:
        """The newest, newest first."""
        newest = select(Training).order_by(Training.id.desc()).limit(MOST_SHOWN)
        return self._database.read(lambda session: [_trained(row) for row in session.scalars(newest)])

    def _first(self, rows: Any) -> Trained | None:
        def read(session: Session) -> Trained | None:
            row = session.scalar(rows.limit(1))
            return _trained(row) if row is not None else None

        return self._database.read(read)


def reviewed(database: Database, known: Sequence[str]) -> list[tuple[str, str]]:
    """What people who listened found: masked words and the intent they mean; the last word of each counts.

    Args:
        known: intents that there are; what was reviewed as another is left out.

    Raises:
        JournalError: the database can't be read.
    """
    newest = select(func.max(Review.id)).group_by(Review.turn_id)
    found = (
        select(Turn.utterance, Review.intent)
        .join(Turn, Turn.id == Review.turn_id)
        .where(Review.id.in_(newest), Turn.heard == "speech", Turn.utterance != "")
        .order_by(Review.id)
    )
    meant: dict[str, str] = {}
    for utterance, intent in database.read(lambda session: session.execute(found).all()):
        if intent in known:
            meant[" ".join(utterance.split())] = intent
    return list(meant.items())


def _trained(row: Training) -> Trained:
    return Trained(
        id=row.id,
        at=row.at,
        account=row.account,
        state=row.state,
        progress=row.progress,
        model=row.model,
        data=row.data,
        report=row.report or {},
        error=row.error,
        ended_at=row.ended_at,
    )
