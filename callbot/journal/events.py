"""What happened, by number: whoever follows the journal live asks for what is newer than what they know."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from callbot.journal.database import Database, now
from callbot.journal.models import Event

Kind = Literal["call", "turn", "request", "transfer", "queue"]
KEPT = timedelta(hours=1)
"""Followers are seconds behind, never hours."""
NUMBERING = 0x63616C6D
"""PostgreSQL's advisory lock of whoever gives events their numbers."""


def note(session: Session, kind: Kind, ref: str | int) -> None:
    """Tell followers, in the transaction of what happened.

    A number must never appear after a higher one: SQLite has one writer, PostgreSQL is made to have one here.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(NUMBERING)))
    session.add(Event(at=now(), kind=kind, ref=str(ref)))


class Events:
    """The events of a journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> int:
        """Number of the newest event, 0 before the first.

        Raises:
            JournalError: the database can't be read.
        """
        return self._database.read(lambda session: session.scalar(select(func.max(Event.id))) or 0)

    def since(self, number: int) -> list[tuple[int, str, str]]:
        """What happened after that one: number, kind, ref.

        Raises:
            JournalError: the database can't be read.
        """
        newer = select(Event.id, Event.kind, Event.ref).where(Event.id > number).order_by(Event.id)
        return self._database.read(lambda session: [tuple(row) for row in session.execute(newer)])

    async def forget(self) -> None:
        """Delete what nobody needs any more."""
        old = delete(Event).where(Event.at < now() - KEPT)
        await self._database.write(lambda session: session.execute(old))
