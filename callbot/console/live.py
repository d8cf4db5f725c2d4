"""What changed, told to the pages that are open: server-sent events."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable

from callbot.errors import JournalError
from callbot.journal.events import Events

log = logging.getLogger(__name__)

LOOK_S = 0.25
"""Pause between two looks at the newest event."""
ANYWAY_S = 5.0
"""A page is made anew at least so often: calls grow old, sessions end."""

Parts = dict[str, str]
"""A page's changing parts: id of the element and its HTML, in the page's order."""


class Pulse:
    """The newest event's number, looked at once for all who follow."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._changed = asyncio.Event()
        self.newest = -1
        self.over = False
        """The console stops: whoever follows is let go."""

    def stop(self) -> None:
        """Let everybody go; their browsers come back by themselves."""
        self.over = True
        self._changed.set()

    async def run(self) -> None:
        """Look until cancelled; a journal that is away is waited for."""
        away = False
        while True:
            try:
                newest = await asyncio.to_thread(self._events.newest)
                away = False
            except JournalError as error:
                if not away:
                    log.error("the board waits for the journal: %s", error)
                away = True
            else:
                if newest != self.newest:
                    self.newest = newest
                    self._changed.set()
                    self._changed = asyncio.Event()
            await asyncio.sleep(LOOK_S)

    async def wait(self, known: int, patience_s: float) -> None:
        """Until there is something else than what is known, or patience ends."""
        if self.newest != known:
            return
        try:
            await asyncio.wait_for(self._changed.wait(), patience_s)
        except TimeoutError:
            return


async def follow(pulse: Pulse, render: Callable[[], Parts | None]) -> AsyncIterator[str]:
    """A page's changing parts as they change, as server-sent events.

    Args:
        render: makes all parts (in a thread); None ends the stream: the session is over.
    """
    yield "retry: 1000\n\n"
    sent: Parts = {}
    order: list[str] = []
    while not pulse.over:
        known = pulse.newest
        try:
            parts = await asyncio.to_thread(render)
        except JournalError:
            yield ": \n\n"
        else:
            if parts is None:
                yield "event: over\ndata: {}\n\n"
                return
            changed = {id: html for id, html in parts.items() if sent.get(id) != html}
            if changed or list(parts) != order:
                order = list(parts)
                yield f"event: parts\ndata: {json.dumps({'order': order, 'changed': changed})}\n\n"
            else:
                yield ": \n\n"  # tells proxies, and us, that the line is alive
            sent = parts
        await pulse.wait(known, ANYWAY_S)
