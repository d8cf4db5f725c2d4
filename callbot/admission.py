"""May one more caller talk to the bot? Beyond what the machine can do, a slow bot for all helps nobody.

Two guards. *Capacity* looks ahead: callers who hear the greeting cost nothing yet, and may all speak at once
a little later; so calls are counted against what a call has cost so far. *Lag* looks at what is: whatever
slows the machine down, nobody more is let in while work waits.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import Executor

LOOK_EVERY_S = 0.2
SMOOTHING = 0.3
"""Weight of the newest look: some two seconds count."""
AGAIN = 0.5
"""Callers are let in again below this share of the limit, lest the door swing."""
USABLE = 0.6
"""Share of the processors beyond which answers get slow (docs/benchmarks.md, « Under load »)."""
OTHERS = 0.01
"""Processor seconds that Asterisk and Rasa spend on a second of call (the same table)."""
AT_FIRST = 0.01
"""What the server spends on one, until it has been measured here."""
RISES_S, FALLS_S = 600.0, 7200.0
"""Seconds of call after which the measurement believes that calls cost more, or less: callers who have just
begun listen, and cost little until they speak."""
WINDOW_S = 5.0
"""What is spent is looked at over so long: calls speak in bursts."""
SHARED = 0.1
"""Share of the processors below which nothing is learnt: what calls have in common, waking up 25 times a
second above all, then hides what one more costs; and there is room anyway."""
FEWEST = 2
"""Calls that any machine is trusted with."""


class Capacity:
    """How many calls the processors carry, by what the server's own share of calls has cost.

    Args:
        processors: how many there are.
    """

    def __init__(self, processors: int) -> None:
        self._processors = processors
        self._cost = AT_FIRST
        self._spent_s = self._call_s = self._passed_s = 0.0

    @property
    def calls(self) -> int:
        """At once."""
        return max(FEWEST, int(USABLE * self._processors / (self._cost + OTHERS)))

    def spent(self, processor_s: float, calls: int, passed_s: float) -> None:
        """Take what the server spent while so many calls went on."""
        self._spent_s += processor_s
        self._call_s += calls * passed_s
        self._passed_s += passed_s
        if self._passed_s < WINDOW_S:
            return
        if self._call_s and self._spent_s >= SHARED * self._processors * self._passed_s:
            more = self._spent_s / self._call_s - self._cost
            self._cost += more * min(1.0, self._call_s / (RISES_S if more > 0 else FALLS_S))
        self._spent_s = self._call_s = self._passed_s = 0.0


class Admission:
    """Watches what calls cost, and how long work waits for the event loop and for a thread that recognises.

    Args:
        threads: those that recognise.
        limit_s: smoothed wait beyond which new callers are turned away.
        most: calls at once; 0: as many as the machine can do.
        tell: is told every measured wait, in seconds.
        calls: how many are in progress.
    """

    def __init__(
        self,
        threads: Executor,
        limit_s: float,
        most: int = 0,
        tell: Callable[[float], object] = float,
        calls: Callable[[], int] = int,
    ) -> None:
        self._threads = threads
        self._limit_s = limit_s
        self._most = most
        self._tell = tell
        self._calls = calls
        self._capacity = Capacity(len(os.sched_getaffinity(0)))
        self._closed = False
        self.lag_s = 0.0
        """Smoothed."""

    @property
    def most(self) -> int:
        """Calls at once, as far as is known now."""
        return self._most or self._capacity.calls

    def admits(self, calls: int) -> bool:
        """May one more join so many calls in progress?"""
        return not self._closed and calls < self.most

    def saw(self, lag_s: float) -> None:
        """Take one measurement."""
        self._tell(lag_s)
        self.lag_s += SMOOTHING * (lag_s - self.lag_s)
        self._closed = self.lag_s > self._limit_s * (AGAIN if self._closed else 1.0)

    async def watch(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        spent_s, at = time.process_time(), loop.time()
        while True:
            due = loop.time() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            await loop.run_in_executor(self._threads, int)
            self.saw(max(0.0, loop.time() - due))
            before_s, before = spent_s, at
            spent_s, at = time.process_time(), loop.time()
            self._capacity.spent(spent_s - before_s, self._calls(), at - before)
