"""The people behind the bot: who is free, who waits, and what becomes of a call that is handed over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from datetime import datetime, timedelta

from callbot.errors import AmiError, JournalError
from callbot.journal.database import now
from callbot.journal.transfers import Transfers
from callbot.settings import Settings
from callbot.switchboard import queues
from callbot.switchboard.ami import Ami, Fields
from callbot.switchboard.queues import Estimate, Queue, Queues
from callbot.switchboard.transfers import Change, found, meaning

log = logging.getLogger(__name__)

ASK_EVERY_S = 60.0
"""How often Asterisk is asked for everything; meanwhile its events tell."""
RETRY_S = 5.0
DOUBT_S = 1.0
"""A caller who leaves a queue is connected, or hangs up, within milliseconds; else nobody has answered."""
KEPT = 10_000
"""Changes kept for a journal that can't be written; later ones push out the oldest."""


class Operators:
    """Listens to Asterisk, and writes down what happens to queues and transfers.

    Args:
        ami: of nobody else.
        transfers: where it is written; None: nowhere (a process beside the server, which writes already).
    """

    def __init__(self, ami: Ami, transfers: Transfers | None = None) -> None:
        self._ami = ami
        self._transfers = transfers
        self._queues = Queues()
        self._fresh = False
        self._meanwhile: list[tuple[Fields, float]] | None = None
        self._ask_now = asyncio.Event()
        self._told_denied = False
        self._doubts: dict[str, asyncio.TimerHandle] = {}
        self._changes: deque[tuple[Change, datetime]] = deque(maxlen=KEPT)
        self._changed: set[str] = set()
        self._work = asyncio.Event()

    async def run(self) -> None:
        """Listen and write until cancelled; neither Asterisk's absence nor the journal's ends it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ami.run(self._happened, self._connected))
                group.create_task(self._ask())
                group.create_task(self._write())
        finally:
            for doubt in self._doubts.values():
                doubt.cancel()
            await self._ami.close()

    def estimate(self, queue: str) -> Estimate | None:
        """What a caller who entered the queue now would find; None: nobody knows, so try it."""
        known = self._queues.get(queue) if self.informed else None
        return queues.estimate(known) if known is not None else None

    @property
    def informed(self) -> bool:
        """Is what we know of the queues so now?"""
        return self._ami.connected and self._fresh

    async def pause(self, interface: str, paused: bool, reason: str = "") -> None:
        """Have an operator's telephone rung no more, or again, in all of their queues.

        Raises:
            AmiError: Asterisk is away or refuses: it has no such operator, say.
        """
        why = {"Reason": reason} if reason else {}
        await self._ami.action("QueuePause", Interface=interface, Paused=str(paused).lower(), **why)

    # -- listening ---------------------------------------------------------------------------------------

    def _connected(self) -> None:
        self._fresh = False
        self._ask_now.set()

    def _happened(self, event: Fields) -> None:
        at = time.time()
        if self._meanwhile is not None:
            self._meanwhile.append((event, at))
        if name := self._queues.event(event, at):
            self._changed.add(name)
            self._work.set()
        change = meaning(event)
        if change is None:
            return
        if doubt := self._doubts.pop(change.linkedid, None):
            doubt.cancel()
        if change.doubtful:
            later = asyncio.get_running_loop().call_later(DOUBT_S, self._believe, change, now())
            self._doubts[change.linkedid] = later
        else:
            self._note(change, now())

    def _believe(self, change: Change, at: datetime) -> None:
        del self._doubts[change.linkedid]
        self._note(change, at)

    def _note(self, change: Change, at: datetime) -> None:
        self._changes.append((change, at))
        self._work.set()

    async def _ask(self) -> None:
        """Take stock at each connection and now and then; never ends."""
        while True:
            pause = ASK_EVERY_S
            self._ask_now.clear()
            if self._ami.connected:
                try:
                    await self._take_stock()
                except (AmiError, JournalError) as error:  # an Asterisk that has just started, say
                    log.warning("the switchboard could not be looked at: %s", error)
                    pause = RETRY_S
                except Exception:  # the calls in this process matter more than the reason
                    log.exception("the switchboard could not be looked at")
                finally:
                    self._meanwhile = None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ask_now.wait(), pause)

    async def _take_stock(self) -> None:
        meanwhile = self._meanwhile = []
        entries = await self._ami.action("QueueStatus")
        self._queues.refresh(entries, time.time(), meanwhile)
        self._fresh = True
        self._changed.update(self._queues.names())
        self._work.set()
        # First the transfers, then the channels: one that begins in between is in neither.
        if self._transfers is None or not (open := await self._transfers.open()):
            return
        try:
            channels = await self._ami.action("CoreShowChannels")
        except AmiError as error:
            if not self._told_denied:
                log.warning("transfers that end while nobody listens stay open: %s", error)
            self._told_denied = True
            return
        told = {event.get("Linkedid") for event, _ in meanwhile}
        for linkedid in open:
            change = found(linkedid, channels) if linkedid not in told else None
            if change is not None:
                self._note(change, now())

    # -- writing -----------------------------------------------------------------------------------------

    async def _write(self) -> None:
        """Write what has changed, in order; what can't be written is tried again; never ends."""
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._write_changes()
                await self._write_queues()
            except JournalError as error:
                log.error("the switchboard could not be written down: %s", error)
                loop.call_later(RETRY_S, self._work.set)
            except Exception:  # nor does a change that can never be written stop the others
                log.exception("the switchboard could not be written down")
                if self._changes:
                    self._changes.popleft()
                self._work.set()

    async def _write_changes(self) -> None:
        while self._changes:
            change, at = self._changes[0]
            if self._transfers is not None:
                if change.talk_s is not None:  # had we missed the beginning: it was answered, then
                    answered = at - timedelta(seconds=change.talk_s)
                    await self._transfers.update(change.linkedid, "answered", change.operator, answered)
                await self._transfers.update(change.linkedid, change.state, change.operator, at)
            if self._changes and self._changes[0][0] is change:  # not pushed out meanwhile
                self._changes.popleft()

    async def _write_queues(self) -> None:
        for name in sorted(self._changed):
            queue = self._queues.get(name)
            self._changed.discard(name)  # what changes while it is written is written again
            try:
                if queue is not None and self._transfers is not None:
                    wait_s = queue.longest_wait(time.time())
                    await self._transfers.set_queue(name, len(queue.waiting), wait_s, members(queue))
            except JournalError:
                self._changed.add(name)
                raise


def operators_of(settings: Settings, transfers: Transfers | None = None) -> Operators | None:
    """Those of the Asterisk that the settings name; None: they name none."""
    if settings.ami_host is None:
        return None
    secret = settings.ami_secret.get_secret_value()
    return Operators(Ami(settings.ami_host, settings.ami_port, settings.ami_user, secret), transfers)


def members(queue: Queue) -> list[dict[str, str]]:
    """Its operators as the journal keeps them, in an order of their own."""
    return [
        {"interface": one.interface, "name": one.name, "state": one.state}
        for one in sorted(queue.members.values(), key=lambda one: one.interface)
    ]
