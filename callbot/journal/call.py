"""The journal of one call, written behind the caller's back: no database makes them wait or ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import replace

from callbot.errors import JournalError
from callbot.journal.requests import HandOver, Requests
from callbot.journal.store import Journal
from callbot.journal.transfers import entry_of
from callbot.types import CallInfo, Context, FiledRequest, Outcome, TurnRecord

log = logging.getLogger(__name__)

RETRIES = 2
"""Tries after which whoever needs the database at once is told that it is away."""
RETRY_PAUSE_S = 1.0
LONGEST_PAUSE_S = 5.0
HAND_OVER_S = 1.0
"""A caller who is handed over waits no longer for the journal."""
END_S = 3.0
"""Nor does the end of a call: the rest is caught up with later."""


class CallJournal:
    """Writes a call's row and turns in order, one commit each, in a task of its own.

    Everything is in the spool first: it outlives this process, and waits there for a database that is away.

    Args:
        journal: the database and its spool.
        info: who calls.
        town: the commune's name.
        commune: its key.
        hand_over: what a complete request sends out of the house.
        versions: what the call is held with.
    """

    def __init__(
        self,
        journal: Journal,
        info: CallInfo,
        town: str,
        commune: str = "",
        hand_over: HandOver = lambda _: (),
        versions: Mapping[str, str] | None = None,
    ) -> None:
        self._journal = journal
        self._requests = Requests(journal.database)
        self._info = info
        self._commune = commune
        self._sends = hand_over
        self._sheet = journal.spool.sheet()
        self._failures = 0
        """Tries in a row that failed."""
        self._changed = asyncio.Condition()
        self._begun = asyncio.create_task(self._add(journal.begin_entry(info, town, versions)))
        self._writer = asyncio.create_task(self._write())

    async def record(self, turn: TurnRecord) -> None:
        """Have a turn written; when this returns it outlives the process, whatever the database does."""
        await self._begun
        await self._add(await asyncio.to_thread(self._journal.turn_entry, turn))

    async def recording(self, name: str) -> None:
        """Have written down which file the call's sound goes into; empty: none any more."""
        await self._begun
        await self._add(self._journal.recording_entry(name))

    async def request(self, filed: FiledRequest) -> FiledRequest:
        """Keep a request or a message; returns it with its number only when it is safe on disk.

        Raises:
            JournalError: it could not be written.
        """
        own = filed if filed.phone else replace(filed, phone=self._info.number)
        for attempt in range(RETRIES + 1):
            await self._written()
            try:
                return await self._requests.keep(self._sheet.call_id, self._commune, own, self._sends)
            except JournalError as error:
                if attempt == RETRIES or error.final:
                    raise
                await asyncio.sleep(RETRY_PAUSE_S)
        raise AssertionError

    async def hand_over(self, context: Context, queue: str, reason: str) -> None:
        """Have the context of a transfer written before the call moves; a failure never holds it up."""
        await self._begun
        await self._add(
            entry_of(
                self._info.linkedid,
                self._commune,
                context.service,
                queue,
                reason,
                context.intent,
                context.language,
                self._info.number,
            )
        )
        with contextlib.suppress(TimeoutError, JournalError):
            await asyncio.wait_for(self._written(), HAND_OVER_S)

    async def end(self, outcome: Outcome) -> None:
        """Have the outcome written and wait a little for everything; failures are logged, never raised."""
        await self._begun
        await self._add(self._journal.end_entry(outcome))
        with contextlib.suppress(TimeoutError, JournalError):
            await asyncio.wait_for(self._written(), END_S)
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)
        if self._sheet.entries:
            log.error("call %s: the journal is away, it will be caught up with", self._info.linkedid)
        await self._journal.spool.finish(self._sheet)

    async def _add(self, entry: dict[str, object]) -> None:
        await self._sheet.add(entry)
        async with self._changed:
            self._changed.notify_all()

    async def _written(self) -> None:
        """Wait until all that happened so far is in the database.

        Raises:
            JournalError: it is away.
        """
        await self._begun
        async with self._changed:
            await self._changed.wait_for(lambda: not self._sheet.entries or self._failures > RETRIES)
            if self._sheet.entries:
                raise JournalError("journal: the database is away")

    async def _write(self) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: bool(self._sheet.entries))
            try:
                await self._sheet.put(self._journal.put, again=self._failures > 0)
                self._failures = 0
            except JournalError as error:
                if not self._failures:
                    log.error("call %s: not written yet: %s", self._info.linkedid, error)
                self._failures += 1
                await self._sheet.keep()
            async with self._changed:
                self._changed.notify_all()
            if self._failures:
                await asyncio.sleep(min(RETRY_PAUSE_S * self._failures, LONGEST_PAUSE_S))
