"""Calls handed over to people, what became of each, and what the queues look like."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from callbot.journal.database import Database, now
from callbot.journal.events import note
from callbot.journal.models import QueueState, Transfer

OPEN = ("announced", "waiting", "ringing", "answered")
FINAL = ("ended", "abandoned", "unanswered")
NUMBER_KEPT = timedelta(days=7)
"""Long enough to call back who hung up before the week-end."""
SAME_S = 3.0
"""Two reckonings of when the first in a queue came may differ as much and mean the same."""


def entry_of(
    linkedid: str,
    town: str,
    service: str,
    queue: str,
    reason: str,
    intent: str = "",
    language: str = "fr",
    phone: str = "",
) -> dict[str, Any]:
    """A call that is handed over now, as `Journal.put` takes it.

    Args:
        linkedid: Asterisk's.
        town: the commune's key.
        service: its key.
        queue: where the call goes.
        reason: why, in one word.
        intent: what the caller wants, as far as the bot knows.
        language: ISO 639-1.
        phone: the number that calls; empty when it is withheld.
    """
    return {
        "kind": "transfer",
        "at": now().isoformat(),
        "linkedid": linkedid,
        "town": town,
        "service": service,
        "queue": queue,
        "reason": reason,
        "intent": intent,
        "language": language,
        "phone": phone or None,
    }


def insert(session: Session, call_id: int, entry: dict[str, Any]) -> int:
    """Write the entry of a transfer in this transaction; returns its id."""
    values = {name: value for name, value in entry.items() if name not in ("kind", "at")}
    row = Transfer(call_id=call_id, at=datetime.fromisoformat(entry["at"]), **values)
    session.add(row)
    session.flush()
    note(session, "transfer", row.id)
    return row.id


class Transfers:
    """The transfers and queues of a journal.

    Args:
        database: the journal's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self,
        call_id: int,
        linkedid: str,
        town: str,
        service: str,
        queue: str,
        reason: str,
        intent: str = "",
        language: str = "fr",
        phone: str = "",
    ) -> int:
        """Write down that a call is handed over, before it moves; returns the transfer's id.

        Args:
            call_id: of the journal; the others as of `entry_of`.

        Raises:
            JournalError: it could not be written.
        """
        entry = entry_of(linkedid, town, service, queue, reason, intent, language, phone)
        return await self._database.write(lambda session: insert(session, call_id, entry))

    async def update(self, linkedid: str, state: str, operator: str = "", at: datetime | None = None) -> None:
        """Write down what the newest transfer of a call has become; other calls are none of our business.

        One that has ended stays so, and one that was answered can only end. One that ends without an operator
        although nobody had answered was abandoned.

        Args:
            linkedid: Asterisk's.
            state: waiting, ringing, answered, ended, abandoned or unanswered.
            operator: interface that rings, or answered.
            at: when, UTC without zone; None: now.

        Raises:
            JournalError: it could not be written.
        """
        moment = at or now()

        def write(session: Session) -> None:
            newest = (
                select(Transfer).where(Transfer.linkedid == linkedid).order_by(Transfer.id.desc()).limit(1)
            )
            row = session.scalar(newest)
            if row is None or row.state in FINAL or (row.state == "answered" and state != "ended"):
                return
            become = "abandoned" if state == "ended" and row.state != "answered" and not operator else state
            who = operator[:80] or (row.operator if become == "ended" else "")
            if (row.state, row.operator) == (become, who):
                return
            row.state, row.operator = become, who
            if become == "answered":
                row.answered_at = moment
            elif become in FINAL:
                row.ended_at = moment
            note(session, "transfer", row.id)

        await self._database.write(write)

    async def forget_numbers(self) -> int:
        """Clear the numbers of who was called back; returns how many there were. The purge clears old ones.

        Raises:
            JournalError: it could not be done.
        """
        clear = update(Transfer).where(Transfer.phone.is_not(None), Transfer.called_back).values(phone=None)

        def write(session: Session) -> int:
            return cast("CursorResult[Any]", session.execute(clear)).rowcount

        return await self._database.write(write)

    async def open(self) -> list[str]:
        """Linkedids of the calls whose transfer has not ended.

        Raises:
            JournalError: the database can't be read.
        """
        unfinished = select(Transfer.linkedid).where(Transfer.state.in_(OPEN)).distinct()
        return await self._database.write(lambda session: list(session.scalars(unfinished)))

    async def set_queue(
        self, name: str, waiting: int, longest_wait_s: int, members: Sequence[dict[str, str]]
    ) -> None:
        """Keep what a queue looks like.

        Followers are told only of a change: the first caller's growing wait is none.

        Raises:
            JournalError: it could not be written.
        """

        def write(session: Session) -> None:
            row = session.get(QueueState, name)
            moment = now()
            if row is None:
                row, changed = QueueState(name=name), True
                session.add(row)
            else:
                moved = moment - timedelta(seconds=longest_wait_s)
                moved_s = abs((moved - (row.at - timedelta(seconds=row.longest_wait_s))).total_seconds())
                changed = (row.waiting, row.members) != (waiting, list(members))
                changed = changed or bool(waiting and moved_s > SAME_S)
            row.at, row.waiting, row.longest_wait_s = moment, waiting, longest_wait_s
            row.members = list(members)
            if changed:
                note(session, "queue", name)

        await self._database.write(write)
