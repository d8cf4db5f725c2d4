"""Calls and turns written to a database: SQLite (WAL) by default."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event, func, inspect, make_url, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from callbot.errors import JournalError
from callbot.journal.models import Base, Call, Request, Turn
from callbot.journal.privacy import pseudonym
from callbot.types import CallInfo, Outcome, TurnRecord

Result = TypeVar("Result")

BUSY_S = 5
"""Patience with another process that writes to the same SQLite file."""


class Journal:
    """The journal. One commit a turn.

    Args:
        url: SQLAlchemy URL.
        key: turns callers' numbers into pseudonyms.

    Raises:
        JournalError: the database can't be opened.
    """

    def __init__(self, url: str, key: bytes) -> None:
        self._key = key
        try:
            parsed = make_url(url)
            local = parsed.get_backend_name() == "sqlite"
            self._engine = create_engine(parsed, connect_args={"timeout": BUSY_S} if local else {})
            if local:
                event.listen(self._engine, "connect", _tune_sqlite)
            Base.metadata.create_all(self._engine)
            _add_missing_columns(self._engine)
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise JournalError(f"journal can't be opened: {_short(error)}") from error
        self._session = sessionmaker(self._engine)

    async def begin(self, info: CallInfo, town: str) -> int:
        """Write a new call down; returns its id.

        Raises:
            JournalError: it could not be written.
        """
        caller_hash, last2 = pseudonym(info.number, self._key)
        call = Call(
            linkedid=info.linkedid,
            started_at=_now(),
            called=info.called,
            town=town,
            caller_hash=caller_hash,
            caller_last2=last2,
        )

        def write(session: Session) -> int:
            session.add(call)
            session.flush()
            return call.id

        return await self._commit(write)

    async def turn(self, call_id: int, record: TurnRecord) -> None:
        """Write a turn down.

        Raises:
            JournalError: it could not be written.
        """
        top = record.ranking[0] if record.ranking else None
        turn = Turn(
            call_id=call_id,
            at=_now(),
            number=record.number,
            heard=record.heard,
            utterance=record.utterance,
            nbest=[[item.text, round(item.confidence, 4)] for item in record.hypotheses],
            ranking=[[item.intent, round(item.confidence, 4)] for item in record.ranking],
            intent=top.intent if top else "",
            confidence=top.confidence if top else None,
            move=record.move,
            prompt=record.prompt,
            barge_in=record.barge_in,
            decode_ms=record.decode_ms,
            nlu_ms=record.nlu_ms,
            foreseen=record.foreseen,
            resumed=record.resumed,
            think_ms=record.think_ms,
        )
        await self._commit(lambda session: session.add(turn))

    async def request(
        self, call_id: int, intent: str, slots: Mapping[str, str], complete: bool, phone: str = ""
    ) -> str:
        """Keep a request; one of the same call and intent is brought up to date. Returns its number.

        Raises:
            JournalError: it could not be written.
        """

        def write(session: Session) -> str:
            same = (Request.call_id == call_id) & (Request.intent == intent)
            kept = session.scalar(select(Request).where(same)) or Request(call_id=call_id, intent=intent)
            kept.at, kept.slots, kept.complete, kept.phone = _now(), dict(slots), complete, phone
            session.add(kept)
            session.flush()
            return kept.reference

        return await self._commit(write)

    def requests(self) -> list[Request]:
        """Every request, oldest first."""
        with self._session() as session:
            return list(session.scalars(select(Request).order_by(Request.id)))

    async def end(self, call_id: int, outcome: Outcome) -> None:
        """Write down how a call ended.

        Raises:
            JournalError: it could not be written.
        """
        change = (
            update(Call)
            .where(Call.id == call_id)
            .values(
                ended_at=_now(),
                result=outcome.result,
                destination=outcome.destination,
                reason=outcome.reason,
            )
        )
        await self._commit(lambda session: session.execute(change))

    def calls(self) -> list[Call]:
        """Every call, oldest first."""
        with self._session() as session:
            return list(session.scalars(select(Call).order_by(Call.id)))

    def turns(self, call_id: int) -> list[Turn]:
        """A call's turns in order."""
        with self._session() as session:
            return list(session.scalars(select(Turn).where(Turn.call_id == call_id).order_by(Turn.number)))

    def count(self) -> int:
        """How many calls are written down.

        Raises:
            JournalError: the database can't be read.
        """
        try:
            with self._session() as session:
                return session.scalar(select(func.count()).select_from(Call)) or 0
        except SQLAlchemyError as error:
            raise JournalError(f"journal: {_short(error)}") from error

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    async def _commit(self, write: Callable[[Session], Result]) -> Result:
        def work() -> Result:
            try:
                with self._session.begin() as session:
                    return write(session)
            except SQLAlchemyError as error:
                raise JournalError(f"journal: {_short(error)}") from error

        return await asyncio.to_thread(work)


def _add_missing_columns(engine: Engine) -> None:
    """Let an update go on in an older version's file: what was written before holds NULL there."""
    known = inspect(engine)
    with engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            there = {column["name"] for column in known.get_columns(table.name)}
            for column in table.columns:
                if column.name not in there:
                    kind = column.type.compile(engine.dialect)
                    connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))


def _tune_sqlite(connection: Any, _record: Any) -> None:
    """Readers never wait for a writer (WAL); a commit survives the death of the process."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _short(error: Exception) -> str:
    """An error without the SQL parameters SQLAlchemy adds: they hold what callers said."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]
