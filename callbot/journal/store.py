"""Calls and turns, written down."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from callbot.journal.database import Database, now
from callbot.journal.models import Call, Turn
from callbot.journal.privacy import pseudonym
from callbot.types import CallInfo, Outcome, TurnRecord


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
        self.database = Database(url)

    async def begin(self, info: CallInfo, town: str) -> int:
        """Write a new call down; returns its id.

        Raises:
            JournalError: it could not be written.
        """
        caller_hash, last2 = pseudonym(info.number, self._key)
        call = Call(
            linkedid=info.linkedid,
            started_at=now(),
            called=info.called,
            town=town,
            caller_hash=caller_hash,
            caller_last2=last2,
        )

        def write(session: Session) -> int:
            session.add(call)
            session.flush()
            return call.id

        return await self.database.write(write)

    async def turn(self, call_id: int, record: TurnRecord) -> None:
        """Write a turn down.

        Raises:
            JournalError: it could not be written.
        """
        top = record.ranking[0] if record.ranking else None
        turn = Turn(
            call_id=call_id,
            at=now(),
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
        await self.database.write(lambda session: session.add(turn))

    async def end(self, call_id: int, outcome: Outcome) -> None:
        """Write down how a call ended.

        Raises:
            JournalError: it could not be written.
        """
        change = (
            update(Call)
            .where(Call.id == call_id)
            .values(
                ended_at=now(),
                result=outcome.result,
                destination=outcome.destination,
                reason=outcome.reason,
            )
        )
        await self.database.write(lambda session: session.execute(change))

    def calls(self) -> list[Call]:
        """Every call, oldest first."""
        return self.database.read(lambda session: list(session.scalars(select(Call).order_by(Call.id))))

    def turns(self, call_id: int) -> list[Turn]:
        """A call's turns in order."""
        of_call = select(Turn).where(Turn.call_id == call_id).order_by(Turn.number)
        return self.database.read(lambda session: list(session.scalars(of_call)))

    def count(self) -> int:
        """How many calls are written down.

        Raises:
            JournalError: the database can't be read.
        """
        return self.database.read(lambda session: session.scalar(select(func.count()).select_from(Call)) or 0)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()
