"""Calls and turns, written down."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from callbot.journal.database import Database, now
from callbot.journal.masking import mask
from callbot.journal.models import Call, RawTurn, Transfer, Turn
from callbot.journal.privacy import pseudonym
from callbot.journal.spool import Entry, Spool
from callbot.journal.transfers import insert
from callbot.types import CallInfo, Outcome, TurnRecord


class Journal:
    """The journal. One commit a turn.

    Args:
        url: SQLAlchemy URL.
        key: turns callers' numbers into pseudonyms.
        spool: folder where calls wait for a database that is away; None: in memory only.
        patient: a database that can't be reached now is opened by the first work that finds it.
        raw: keep what was really said too, until a purge; else its masked words only.

    Raises:
        JournalError: the database can't be opened.
    """

    def __init__(
        self, url: str, key: bytes, spool: Path | None = None, patient: bool = False, raw: bool = False
    ) -> None:
        self._key = key
        self._raw = raw
        self.database = Database(url, patient)
        self.spool = Spool(spool)

    def begin_entry(self, info: CallInfo, town: str, versions: Mapping[str, str] | None = None) -> Entry:
        """A call that begins now, as it is kept; the caller's number is not."""
        caller_hash, last2 = pseudonym(info.number, self._key)
        return {
            "kind": "begin",
            "at": now().isoformat(),
            "once": secrets.token_hex(16),
            "linkedid": info.linkedid,
            "called": info.called,
            "town": town,
            "caller_hash": caller_hash,
            "caller_last2": last2,
            "versions": dict(versions or {}),
        }

    def turn_entry(self, record: TurnRecord) -> Entry:
        """A turn that was just held, as it is kept: masked, the real words beside it if they may be."""
        top = record.ranking[0] if record.ranking else None
        nbest = [(item.text, round(item.confidence, 4)) for item in record.hypotheses]
        real = {"utterance": record.utterance, "nbest": nbest, "prompt": record.prompt}
        masked = record.masked_prompt
        return {
            "kind": "turn",
            "at": now().isoformat(),
            "number": record.number,
            "heard": record.heard,
            "utterance": mask(record.utterance, record.gave),
            "nbest": [[mask(text, record.gave), confidence] for text, confidence in nbest],
            "ranking": [[item.intent, round(item.confidence, 4)] for item in record.ranking],
            "intent": top.intent if top else "",
            "confidence": top.confidence if top else None,
            "move": record.move,
            "prompt": mask(record.prompt) if masked is None else masked,
            "barge_in": record.barge_in,
            "endpoint_ms": record.endpoint_ms,
            "decode_ms": record.decode_ms,
            "nlu_ms": record.nlu_ms,
            "foreseen": record.foreseen,
            "resumed": record.resumed,
            "voice_ms": record.voice_ms,
            "think_ms": record.think_ms,
            "model": record.model,
            "begins_ms": record.begins_ms,
            "ends_ms": record.ends_ms,
            **({"raw": real} if self._raw else {}),
        }

    def recording_entry(self, name: str) -> Entry:
        """The file that a call's sound goes into, from now on; empty: none any more."""
        return {"kind": "recording", "at": now().isoformat(), "recording": name}

    def end_entry(self, outcome: Outcome) -> Entry:
        """A call that ends now, as it is kept."""
        return {
            "kind": "end",
            "at": now().isoformat(),
            "result": outcome.result,
            "destination": outcome.destination,
            "reason": outcome.reason,
        }

    async def put(self, call_id: int, entry: Entry, again: bool = False) -> int:
        """Write something that happened; returns the call's id.

        Args:
            call_id: of its call; 0 for `begin`.
            again: it may be there already, from a try that nobody knows the end of.

        Raises:
            JournalError: it could not be written.
        """
        return await self.database.write(lambda session: _put(session, call_id, entry, again))

    async def begin(self, info: CallInfo, town: str) -> int:
        """Write a new call down; returns its id.

        Raises:
            JournalError: it could not be written.
        """
        return await self.put(0, self.begin_entry(info, town))

    async def turn(self, call_id: int, record: TurnRecord) -> None:
        """Write a turn down.

        Raises:
            JournalError: it could not be written.
        """
        await self.put(call_id, self.turn_entry(record))

    async def end(self, call_id: int, outcome: Outcome) -> None:
        """Write down how a call ended.

        Raises:
            JournalError: it could not be written.
        """
        await self.put(call_id, self.end_entry(outcome))

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
        self.spool.close()
        self.database.close()


def _put(session: Session, call_id: int, entry: Entry, again: bool) -> int:
    """Write an entry in this transaction."""
    values = {name: value for name, value in entry.items() if name not in ("kind", "at")}
    at = datetime.fromisoformat(entry["at"])
    match entry["kind"]:
        case "begin":
            return _begin(session, Call(started_at=at, **values), again)
        case "turn":
            same = select(Turn.id).where(Turn.call_id == call_id, Turn.number == entry["number"])
            if not (again and session.scalar(same)):
                _add_turn(session, call_id, at, values)
        case "transfer":
            moved = select(Transfer.id).where(Transfer.call_id == call_id, Transfer.at == at)
            if not (again and session.scalar(moved)):
                insert(session, call_id, entry)
        case "recording":
            session.execute(update(Call).where(Call.id == call_id).values(**values))
        case "end":
            session.execute(update(Call).where(Call.id == call_id).values(ended_at=at, **values))
        case "missed":
            _add_missed(session, at, values)
    return call_id


def _add_missed(session: Session, at: datetime, values: dict[str, Any]) -> None:
    """A call that no server saw, or none to its end; what one wrote of it stays, and wins."""
    same = Call.linkedid == values["linkedid"]
    if session.scalar(select(Call.id).where(same).limit(1)) is None:
        session.add(Call(started_at=at, ended_at=at, result="FAILED", reason="server_away", **values))
        return
    open_ = update(Call).where(same, Call.ended_at.is_(None), Call.started_at <= at)
    session.execute(open_.values(ended_at=at, result="FAILED", reason="server_died"))


def _add_turn(session: Session, call_id: int, at: datetime, values: dict[str, Any]) -> None:
    raw = values.pop("raw", None)
    turn = Turn(call_id=call_id, at=at, **values)
    session.add(turn)
    if raw is not None:
        session.flush()
        session.add(RawTurn(turn_id=turn.id, at=at, **raw))


def _begin(session: Session, call: Call, again: bool) -> int:
    if again and (known := session.scalar(select(Call.id).where(Call.once == call.once))):
        return known
    session.add(call)
    session.flush()
    return call.id
