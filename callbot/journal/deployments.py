"""Which model the servers shall use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from callbot.errors import JournalError
from callbot.journal.accounts import trail
from callbot.journal.database import Database, now
from callbot.journal.models import Deployment
from callbot.journal.trainings import MOST_SHOWN, TrainingError

Action = Literal["deploy", "roll_back"]


@dataclass(frozen=True, slots=True)
class Deployed:
    """A model that was asked for."""

    id: int
    at: datetime
    account: str
    model: str
    """File name in nlu_models_dir."""
    previous: str
    action: str
    """deploy or roll_back"""
    state: str
    """asked, starting, live, failed"""
    error: str


class Deployments:
    """Which model the servers shall use. Methods raise JournalError when the database is away.

    Args:
        clock: the moment, UTC without zone.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def ask(self, model: str, previous: str, action: Action, account: str) -> int:
        """Ask the servers to take a model; returns the row's id.

        Args:
            model: file name in nlu_models_dir.
            previous: that of the one in force.

        Raises:
            TrainingError: the servers have not yet done what was asked before.
        """

        def write(session: Session) -> int:
            newest = session.scalar(select(Deployment).order_by(Deployment.id.desc()).limit(1))
            if newest is not None and newest.state == "starting":
                raise TrainingError("une mise en service est en cours")
            row = Deployment(
                at=self._clock(),
                account=account,
                model=model,
                previous=previous,
                action=action,
                state="asked",
            )
            session.add(row)
            session.flush()
            trail(session, self._clock(), account, "deployed" if action == "deploy" else "rolled_back", model)
            return row.id

        return self._database.write_now(write)

    def tell(self, id: int, state: str, error: str = "") -> None:
        """What a server made of it; what works on one server is not failed by another."""

        def write(session: Session) -> None:
            row = session.get(Deployment, id)
            if row is not None and not (row.state == "live" and state != "live"):
                row.state, row.error = state, error

        self._database.write_now(write)

    def in_force(self) -> Deployed | None:
        """The newest that has not failed: what servers shall serve; None: the project's own model."""
        return self._newest(Deployment.state != "failed")

    def live(self) -> Deployed | None:
        """The newest that a server said it serves: what is only asked for may not work."""
        return self._newest(Deployment.state == "live")

    def newest(self) -> Deployed | None:
        """The newest, failed or not."""
        return self._newest()

    def all(self) -> list[Deployed]:
        """The newest, newest first."""
        newest = select(Deployment).order_by(Deployment.id.desc()).limit(MOST_SHOWN)
        return self._database.read(lambda session: [_deployed(row) for row in session.scalars(newest)])

    def _newest(self, *conditions: Any) -> Deployed | None:
        def read(session: Session) -> Deployed | None:
            found = select(Deployment).where(*conditions).order_by(Deployment.id.desc()).limit(1)
            row = session.scalar(found)
            return _deployed(row) if row is not None else None

        return self._database.read(read)


def deployed_at(url: str) -> Deployed | None:
    """What served last by the journal of this URL; a SQLite file that is not there yet is not made.

    Raises:
        JournalError: it can't be opened.
    """
    try:
        place = make_url(url)
    except SQLAlchemyError as error:
        raise JournalError(f"journal can't be opened: {type(error).__name__}") from error
    if place.get_backend_name() == "sqlite" and not Path(place.database or "").is_file():
        return None
    database = Database(url)
    try:
        return Deployments(database).live()
    finally:
        database.close()


def _deployed(row: Deployment) -> Deployed:
    return Deployed(row.id, row.at, row.account, row.model, row.previous, row.action, row.state, row.error)
