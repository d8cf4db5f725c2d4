"""The database: SQLite (WAL) by default, PostgreSQL by URL, opened with the tables of this version."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, String, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.orm import Mapper, Session, sessionmaker

from callbot.errors import JournalError
from callbot.journal.models import Base

log = logging.getLogger(__name__)

Result = TypeVar("Result")

BUSY_S = 5
"""Patience with another process that writes to the same database."""
LOST_S = 10
"""A PostgreSQL server that the network has swallowed counts as gone after so long."""
WRITERS = 4
"""Threads that write: a database that hangs keeps no others from their work."""
MIGRATING = 0x63616C6C
"""PostgreSQL's advisory lock of whoever changes the tables: several nodes may start at once."""
MIGRATIONS = Path(__file__).parent / "migrations"
UNFIT = ("Error binding parameter", "cannot adapt type")
"""What the drivers of SQLite and PostgreSQL say of a value that no column takes."""
DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}


class Database:
    """A connection pool and its transactions.

    Args:
        url: SQLAlchemy URL, `sqlite:////...` or `postgresql://user:password@host/name`.
        patient: a database that can't be reached now is opened by the first work that finds it.

    Raises:
        JournalError: the database can't be opened, or a newer version of callbot has changed it.
    """

    def __init__(self, url: str, patient: bool = False) -> None:
        self._ready = False
        self._opening = threading.Lock()
        try:
            self._engine = _engine(url)
        except (SQLAlchemyError, ImportError) as error:
            raise JournalError(f"journal can't be opened: {_short(error)}") from error
        self._session = sessionmaker(self._engine, expire_on_commit=False)
        self._threads = ThreadPoolExecutor(WRITERS, thread_name_prefix="journal")
        try:
            self._open()
        except JournalError as error:
            if not (patient and isinstance(error.__cause__, OperationalError)):
                self.close()
                raise
            log.error("%s; calls are kept in the spool until it can", error)

    @property
    def url(self) -> URL:
        """Where it is, password included."""
        return self._engine.url

    @property
    def dialect(self) -> str:
        """sqlite or postgresql"""
        return self._engine.dialect.name

    async def write(self, work: Callable[[Session], Result]) -> Result:
        """Do this in one transaction, in a thread.

        Raises:
            JournalError: it could not be done; nothing of it is.
        """
        try:
            writing = asyncio.get_running_loop().run_in_executor(self._threads, self.write_now, work)
        except RuntimeError as error:
            raise JournalError("journal: closed") from error
        return await writing

    def write_now(self, work: Callable[[Session], Result]) -> Result:
        """The same, in this thread."""
        self._open()
        try:
            try:
                return self._begun(work)
            except IntegrityError:  # two wrote the same row at once: the second now sees the first's
                return self._begun(work)
        except (SQLAlchemyError, OverflowError) as error:
            raise _told(error) from error

    def _begun(self, work: Callable[[Session], Result]) -> Result:
        with self._session.begin() as session:
            return work(session)

    def read(self, work: Callable[[Session], Result]) -> Result:
        """Read in this thread.

        Raises:
            JournalError: the database can't be read.
        """
        self._open()
        try:
            with self._session() as session:
                return work(session)
        except (SQLAlchemyError, OverflowError) as error:
            raise _told(error) from error

    def scrub(self, rewrite: bool = False) -> bool:
        """Leave nothing of what was deleted in the database's own files; False: somebody reads it just now.

        Args:
            rewrite: the tables too, as older versions or PostgreSQL leave what was deleted in them. It takes
                a second per some hundred thousand turns, in which others wait.

        Raises:
            JournalError: it could not be done.
        """
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                if self.dialect != "sqlite":
                    for table in reversed(Base.metadata.sorted_tables) if rewrite else ():
                        connection.exec_driver_sql(f'VACUUM (FULL) "{table.name}"')
                    return True
                if rewrite:
                    connection.exec_driver_sql("VACUUM")
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
                return not busy
        except SQLAlchemyError as error:
            raise _told(error) from error

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    def _open(self) -> None:
        if self._ready:
            return
        with self._opening:
            if self._ready:
                return
            try:
                _make_private(self._engine)
                _migrate(self._engine)
                if self.dialect == "sqlite":
                    _keep_to_file(self._engine)
            except (SQLAlchemyError, OSError, ImportError, CommandError) as error:
                raise JournalError(f"journal can't be opened: {_short(error)}") from error
            self._ready = True


def now() -> datetime:
    """The moment as the tables keep it: UTC, without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def _engine(text: str) -> Engine:
    url = make_url(text)
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ArgumentError(f"{url.get_backend_name()} is unknown here: sqlite or postgresql")
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_S})
        event.listen(engine, "connect", _tune_sqlite)
        return engine
    try:
        return create_engine(url, pool_pre_ping=True, pool_timeout=BUSY_S, connect_args=_patience(url))
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise ImportError("its driver is missing: pip install 'callbot[postgresql]'") from error


def _patience(url: URL) -> dict[str, Any]:
    """Nothing that becomes of a PostgreSQL server or of the way to it hangs a connection for long."""
    if url.get_driver_name() != "psycopg":
        return {}
    return {
        "connect_timeout": BUSY_S,
        "keepalives_idle": LOST_S,
        "keepalives_interval": LOST_S // 3,
        "keepalives_count": 3,
        "tcp_user_timeout": LOST_S * 1000,
        "options": f"-c lock_timeout={BUSY_S * 1000} -c timezone=UTC",
    }


def outdated(url: str) -> bool:
    """Are there tables of an older version? Nothing is changed.

    Raises:
        JournalError: the database can't be reached.
    """
    try:
        engine = _engine(url)
        if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
            return False  # to look would make it
        try:
            with engine.connect() as connection:
                revision = MigrationContext.configure(connection).get_current_revision()
        finally:
            engine.dispose()
        scripts = ScriptDirectory.from_config(_alembic())
        older = {one.revision for one in scripts.walk_revisions()} - {scripts.get_current_head()}
    except (SQLAlchemyError, ImportError) as error:
        raise JournalError(f"journal can't be opened: {_short(error)}") from error
    return revision in older


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _migrate(engine: Engine) -> None:
    """Bring the tables to this version; a look suffices when they are."""
    config = _alembic()
    newest = ScriptDirectory.from_config(config).get_current_head()

    def current(connection: Connection) -> bool:
        return MigrationContext.configure(connection).get_current_revision() == newest

    with engine.connect() as connection:
        if current(connection):
            return
    with engine.begin() as connection:  # two processes that start together take turns
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
        if not current(connection):
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _tune_sqlite(connection: Any, _record: Any) -> None:
    """Readers never wait for a writer (WAL), a commit outlives the process, what is deleted is wiped."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _make_private(engine: Engine) -> None:
    """A file that SQLite would make could be read by Asterisk's group; its -wal and -shm take its mode.

    One that is there is not opened: to close it would end this process' locks on it (POSIX; SQLite's « How To
    Corrupt », 2.2).
    """
    name = engine.url.database
    if engine.dialect.name == "sqlite" and name and name != ":memory:" and not name.startswith("file:"):
        with contextlib.suppress(OSError):  # SQLite says better what is wrong
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _keep_to_file(engine: Engine) -> None:
    """Never go on writing to a file that was deleted, nor begin an empty one in its place."""
    name = engine.url.database
    if not name or name == ":memory:" or name.startswith("file:"):
        return
    path = Path(name)

    def there() -> tuple[int, int]:
        try:
            found = path.stat()
        except OSError as error:
            raise sqlite3.OperationalError(f"{path}: {error.strerror}") from error
        return found.st_dev, found.st_ino

    def connecting(*_: object) -> None:
        there()

    def connected(_: object, record: Any) -> None:
        record.info["file"] = there()

    def taken(_: object, record: Any, __: object) -> None:
        try:
            same = record.info.get("file") in (None, there())
        except sqlite3.OperationalError:
            same = False
        if not same:
            raise DisconnectionError(f"{path} is another file now")

    engine.dispose()
    event.listen(engine, "do_connect", connecting)
    event.listen(engine, "connect", connected)
    event.listen(engine, "checkout", taken)


@event.listens_for(Base, "before_insert", propagate=True)
@event.listens_for(Base, "before_update", propagate=True)
def _fit(mapper: Mapper[Any], _connection: Connection, row: Any) -> None:
    """PostgreSQL refuses NUL and what is longer than its column: rather a short word than a lost row."""
    for attribute in mapper.column_attrs:
        kind, value = attribute.columns[0].type, getattr(row, attribute.key)
        if isinstance(kind, String) and isinstance(value, str):
            fitting = value.replace("\0", "").encode(errors="replace").decode()[: kind.length]
            if fitting != value:
                setattr(row, attribute.key, fitting)


def _told(error: SQLAlchemyError | OverflowError) -> JournalError:
    """As the rest of the house knows it; one that another try can't mend is `final`.

    OverflowError: sqlite3's own word for a number that no column holds.
    """
    final = isinstance(error, IntegrityError | DataError | OverflowError) or (
        isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    )
    final = final or any(words in _short(error) for words in UNFIT)
    return JournalError(f"journal: {_short(error)}", final)


def _short(error: Exception) -> str:
    """An error without the SQL parameters SQLAlchemy adds: they hold what callers said."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]
