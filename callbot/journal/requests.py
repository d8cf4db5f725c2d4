"""Requests and messages, kept until they are handed over and followed after."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from callbot.journal.database import Database, now
from callbot.journal.events import note
from callbot.journal.models import FIRST_REFERENCE, Request
from callbot.journal.outbox import put_for
from callbot.types import Draft, FiledRequest, Known

MAX_DIGITS = 9
"""Of a reference; a caller may dictate more, a database's column holds no more."""
HandOver = Callable[[FiledRequest], Sequence[Draft]]
"""What a complete request sends out of the house."""


class Requests:
    """The requests of a journal.

    Args:
        database: the journal's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(
        self,
        call_id: int,
        town: str,
        filed: FiledRequest,
        hand_over: HandOver = lambda _: (),
    ) -> FiledRequest:
        """Keep a request and put what it sends into the outbox, both or neither.

        One of the same call and intent that lacks something is brought up to date instead.

        Args:
            filed: its number, date and token are given here.

        Raises:
            JournalError: it could not be written.
        """

        def write(session: Session) -> FiledRequest:
            unfinished = select(Request).where(
                Request.call_id == call_id, Request.intent == filed.intent, Request.complete.is_(False)
            )
            row = session.scalar(unfinished) or Request(call_id=call_id, token=secrets.token_hex(8))
            row.at, row.town, row.kind = now(), town, filed.kind
            row.intent, row.service, row.slots = filed.intent, filed.service, dict(filed.known)
            row.phone, row.complete, row.recording = filed.phone, filed.complete, filed.recording
            session.add(row)
            session.flush()
            note(session, "request", row.id)
            kept = _filed(row)
            if kept.complete:
                for draft in hand_over(kept):
                    put_for(session, town, draft, row.id)
            return kept

        return await self._database.write(write)

    async def find(self, town: str, reference: str) -> FiledRequest | None:
        """The request of this number, None when there is none.

        Raises:
            JournalError: the database can't be read.
        """
        known = reference.isdecimal() and len(reference) <= MAX_DIGITS
        id = int(reference) - FIRST_REFERENCE if known else 0

        def read(session: Session) -> FiledRequest | None:
            row = session.scalar(select(Request).where(Request.id == id, Request.town == town))
            return _filed(row) if row is not None else None

        return await self._database.write(read)

    def all(self) -> list[FiledRequest]:
        """Every request and message, oldest first."""
        rows = select(Request).order_by(Request.id)
        return self._database.read(lambda session: list(map(_filed, session.scalars(rows))))


def _filed(row: Request) -> FiledRequest:
    kept = FiledRequest(
        reference=row.reference,
        intent=row.intent,
        service=row.service,
        known=cast(Known, tuple(row.slots.items())),
        phone=row.phone or "",
        at=row.at,
        kind="message" if row.kind == "message" else "request",
        complete=row.complete,
        state="handed_over" if row.state == "handed_over" else "done" if row.state == "done" else "received",
        remote=row.remote,
        recording=row.recording,
        token=row.token,
    )
    return kept
