"""May one more caller talk to the bot? Beyond what the machine can do, a slow bot for all helps nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

LOOK_EVERY_S = 0.2
SMOOTHING = 0.3
"""Weight of the newest look: some two seconds count."""
AGAIN = 0.5
"""Callers are let in again below this share of the limit, lest the door swing."""


class Admission:
    """Watches how long work waits, for the event loop and for a thread that recognises.

    Args:
        threads: those that recognise.
        limit_s: smoothed wait beyond which new callers are turned away.
        most: calls at once; 0: as many as the machine can do.
        tell: is told every measured wait, in seconds.
    """

    def __init__(
        self, threads: Executor, limit_s: float, most: int = 0, tell: Callable[[float], object] = float
    ) -> None:
        self._threads = threads
        self._limit_s = limit_s
        self._most = most
        self._tell = tell
        self._closed = False
        self.lag_s = 0.0
        """Smoothed."""

    def admits(self, calls: int) -> bool:
        """May one more join so many calls in progress?"""
        return not self._closed and (not self._most or calls < self._most)

    def saw(self, lag_s: float) -> None:
        """Take one measurement."""
        self._tell(lag_s)
        self.lag_s += SMOOTHING * (lag_s - self.lag_s)
        self._closed = self.lag_s > self._limit_s * (AGAIN if self._closed else 1.0)

    async def watch(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            await loop.run_in_executor(self._threads, int)
            self.saw(max(0.0, loop.time() - due))
