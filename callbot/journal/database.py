"""The database: SQLite (WAL) by default, opened with the tables of this version."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from callbot.errors import JournalError

Result = TypeVar("Result")

BUSY_S = 5
"""Patience with another process that writes to the same SQLite file."""
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """A connection pool and its transactions.

    Args:
        url: SQLAlchemy URL.

    Raises:
        JournalError: the database can't be opened, or a newer version of callbot has changed it.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            local = parsed.get_backend_name() == "sqlite"
            self._engine = create_engine(parsed, connect_args={"timeout": BUSY_S} if local else {})
            if local:
                event.listen(self._engine, "connect", _tune_sqlite)
            _migrate(self._engine)
        except (SQLAlchemyError, OSError, ImportError, CommandError) as error:
            raise JournalError(f"journal can't be opened: {_short(error)}") from error
        self._session = sessionmaker(self._engine, expire_on_commit=False)

    async def write(self, work: Callable[[Session], Result]) -> Result:
        """Do this in one transaction, in a thread.

        Raises:
            JournalError: it could not be done; nothing of it is.
        """
        return await asyncio.to_thread(self.write_now, work)

    def write_now(self, work: Callable[[Session], Result]) -> Result:
        """The same, in this thread."""
        try:
            with self._session.begin() as session:
                return work(session)
        except SQLAlchemyError as error:
            raise JournalError(f"journal: {_short(error)}") from error

    def read(self, work: Callable[[Session], Result]) -> Result:
        """Read in this thread.

        Raises:
            JournalError: the database can't be read.
        """
        try:
            with self._session() as session:
                return work(session)
        except SQLAlchemyError as error:
            raise JournalError(f"journal: {_short(error)}") from error

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def now() -> datetime:
    """The moment as the tables keep it: UTC, without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def _migrate(engine: Engine) -> None:
    """Bring the tables to this version; a look suffices when they are."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    newest = ScriptDirectory.from_config(config).get_current_head()
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == newest:
            return
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _tune_sqlite(connection: Any, _record: Any) -> None:
    """Readers never wait for a writer (WAL); a commit survives the death of the process."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _short(error: Exception) -> str:
    """An error without the SQL parameters SQLAlchemy adds: they hold what callers said."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]
