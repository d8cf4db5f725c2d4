"""The journal of one call, written behind the caller's back: a slow database never makes them wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from callbot.errors import JournalError
from callbot.journal.requests import HandOver, Requests
from callbot.journal.store import Journal
from callbot.journal.transfers import Transfers
from callbot.types import CallInfo, Context, FiledRequest, Outcome, TurnRecord

log = logging.getLogger(__name__)

RETRIES = 2
RETRY_PAUSE_S = 1.0
HAND_OVER_S = 1.0
"""A caller who is handed over waits no longer for the journal."""


class CallJournal:
    """Writes a call's row and turns in order, one commit each, in a task of its own.

    Args:
        journal: the database.
        info: who calls.
        town: the commune's name.
        commune: its key.
        hand_over: what a complete request sends out of the house.
    """

    def __init__(
        self,
        journal: Journal,
        info: CallInfo,
        town: str,
        commune: str = "",
        hand_over: HandOver = lambda _: (),
    ) -> None:
        self._journal = journal
        self._requests = Requests(journal.database)
        self._info = info
        self._town = town
        self._commune = commune
        self._sends = hand_over
        self._call_id = 0
        self._failure: JournalError | None = None
        self._work: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._work.put_nowait(self._begin)
        self._writer = asyncio.create_task(self._write())

    async def record(self, turn: TurnRecord) -> None:
        """Have a turn written.

        Raises:
            JournalError: an earlier write failed for good; the call should go to a human.
        """
        if self._failure is not None:
            raise self._failure
        self._work.put_nowait(lambda: self._journal.turn(self._call_id, turn))

    async def request(self, filed: FiledRequest) -> FiledRequest:
        """Keep a request or a message; returns it with its number only when it is safe on disk.

        Raises:
            JournalError: it could not be written.
        """
        kept = filed
        own = filed if filed.phone else replace(filed, phone=self._info.number)

        async def write() -> None:
            nonlocal kept
            kept = await self._requests.keep(self._call_id, self._commune, own, self._sends)

        self._work.put_nowait(write)
        await self._work.join()
        if self._failure is not None:
            raise self._failure
        return kept

    async def hand_over(self, context: Context, queue: str, reason: str) -> None:
        """Have the context of a transfer written before the call moves; a failure never holds it up."""
        transfers = Transfers(self._journal.database)

        async def write() -> None:
            await transfers.begin(
                self._call_id,
                self._info.linkedid,
                self._commune,
                context.service,
                queue,
                reason,
                context.intent,
                context.language,
            )

        self._work.put_nowait(write)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._work.join(), HAND_OVER_S)

    async def end(self, outcome: Outcome) -> None:
        """Have the outcome written and wait for everything; failures are logged, never raised."""
        self._work.put_nowait(lambda: self._journal.end(self._call_id, outcome))
        await self._work.join()
        self._writer.cancel()

    async def _begin(self) -> None:
        self._call_id = await self._journal.begin(self._info, self._town)

    async def _write(self) -> None:
        while True:
            write = await self._work.get()
            try:
                await self._persist(write)
            except JournalError as error:
                log.error("call %s: not written: %s", self._info.linkedid, error)
                self._failure = error
            finally:
                self._work.task_done()

    async def _persist(self, write: Callable[[], Awaitable[None]]) -> None:
        for attempt in range(RETRIES + 1):
            try:
                if not self._call_id and write != self._begin:
                    await self._begin()  # the first attempts at the row failed; its turns need it
                return await write()
            except JournalError:
                if attempt == RETRIES:
                    raise
                await asyncio.sleep(RETRY_PAUSE_S)
