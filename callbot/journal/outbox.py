"""The outbox: what leaves the house, until it has arrived."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import and_, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from callbot.journal.database import Database, now
from callbot.journal.models import DeliveryRow, Request
from callbot.journal.privacy import pseudonym
from callbot.types import Channel, Delivery, Draft

LEASE_S = 60.0
"""A delivery being sent for longer belongs to a process that has died."""


class Outbox:
    """The deliveries of a journal.

    Args:
        database: the journal's.
        key: turns numbers into pseudonyms.
    """

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._key = key

    async def put_text(self, town: str, draft: Draft, number: str, may: Callable[[int, int], bool]) -> bool:
        """Have an SMS sent, unless there were too many already.

        Args:
            number: whom it goes to.
            may: told how many this number and this town had since midnight UTC, is one more allowed?

        Raises:
            JournalError: it could not be written.
        """
        receiver, _ = pseudonym(number, self._key)

        def write(session: Session) -> bool:
            today = now().replace(hour=0, minute=0, second=0, microsecond=0)
            count = select(func.count()).select_from(DeliveryRow)
            texts = count.where(
                DeliveryRow.channel == "sms", DeliveryRow.at >= today, DeliveryRow.town == town
            )
            to_number = session.scalar(texts.where(DeliveryRow.receiver == receiver)) or 0
            if not may(to_number, session.scalar(texts) or 0):
                return False
            put_for(session, town, draft, None, receiver)
            return True

        return await self._database.write(write)

    async def claim(self, ways: set[tuple[str, Channel]], moment: datetime, limit: int) -> list[Delivery]:
        """Take those of these ways (town, channel) that are due, oldest first; they count as being sent."""
        token = secrets.token_hex(8)
        due = (
            select(DeliveryRow.id)
            .where(
                tuple_(DeliveryRow.town, DeliveryRow.channel).in_(ways),
                or_(
                    and_(DeliveryRow.state == "queued", DeliveryRow.next_at <= moment),
                    and_(DeliveryRow.state == "sending", DeliveryRow.next_at <= moment),
                ),
            )
            .order_by(DeliveryRow.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        # The update comes first: it takes SQLite's write lock, so that two processes never take the same;
        # PostgreSQL locks the rows instead.
        take = (
            update(DeliveryRow)
            .where(DeliveryRow.id.in_(due))
            .values(
                unsure=or_(DeliveryRow.unsure, DeliveryRow.state == "sending"),
                state="sending",
                claim=token,
                next_at=moment + timedelta(seconds=LEASE_S),
            )
        )

        def work(session: Session) -> list[Delivery]:
            session.execute(take)
            taken = select(DeliveryRow).where(DeliveryRow.claim == token).order_by(DeliveryRow.id)
            return [_delivery(row) for row in session.scalars(taken)]

        return await self._database.write(work)

    async def sent(self, id: int, remote: str) -> None:
        """It has arrived; the request it hands over is known under `remote` there."""

        def work(session: Session) -> None:
            row = session.get_one(DeliveryRow, id)
            row.state, row.remote, row.error, row.claim = "sent", remote[:120], "", ""
            row.attempts += 1
            if row.request_id is not None:
                request = session.get_one(Request, row.request_id)
                request.state, request.remote = "handed_over", remote[:120]

        await self._database.write(work)

    async def failed(self, id: int, error: str, again_at: datetime | None, unsure: bool = False) -> None:
        """It has not arrived, or nobody knows (`unsure`); None: it is never tried again."""

        def work(session: Session) -> None:
            row = session.get_one(DeliveryRow, id)
            row.state = "failed" if again_at is None else "queued"
            row.error, row.unsure, row.claim = error[:500], unsure, ""
            row.attempts += 1
            row.next_at = again_at or row.next_at

        await self._database.write(work)

    async def counts(self) -> dict[str, int]:
        """How many deliveries there are, by state.

        Raises:
            JournalError: the database can't be read.
        """
        by_state = select(DeliveryRow.state, func.count().label("number")).group_by(DeliveryRow.state)
        return await self._database.write(
            lambda session: {row.state: row.number for row in session.execute(by_state)}
        )

    def all(self) -> list[tuple[Delivery, str, str]]:
        """Every delivery with its state and the last error, oldest first."""
        rows = select(DeliveryRow).order_by(DeliveryRow.id)
        return self._database.read(
            lambda session: [(_delivery(row), row.state, row.error) for row in session.scalars(rows)]
        )


def put_for(session: Session, town: str, draft: Draft, request_id: int | None, receiver: str = "") -> None:
    """Put a draft into the outbox, in the transaction of what it is about."""
    session.add(
        DeliveryRow(
            at=now(),
            town=town,
            channel=draft.channel,
            key=draft.key,
            content=dict(draft.content),
            request_id=request_id,
            receiver=receiver,
            next_at=now(),
        )
    )


def _delivery(row: DeliveryRow) -> Delivery:
    draft = Draft(cast(Channel, row.channel), row.key, dict(row.content))
    return Delivery(row.id, row.town, draft, row.attempts, row.unsure)
