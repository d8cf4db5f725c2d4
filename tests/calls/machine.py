"""Is the machine ours? Telephone calls keep time with the clock; who shares it may keep it from us, unseen.

A small process ticks and tells whenever a tick comes late. What ends in a failure while the machine stood
still for long proves nothing and is done again (conftest.py); a failure on a machine that was ours counts.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

LATE_S = 0.05
"""Speech comes in packets of 0.02 s. Our own processes keep each other for less, somebody else's for more."""
TICKS = f"""
import time
last = time.monotonic()
while True:
    time.sleep(0.02)
    now = time.monotonic()
    if now - last > {LATE_S}:
        print(last, now, flush=True)
    last = now
"""
STANDSTILL = 0.03
"""From this share of the time on, nothing is learnt from a call that failed."""
CALM_S = 5.0
LONGEST_WAIT_S = 180.0

Span = tuple[float, float]


def share(spans: Sequence[Span], since: float, until: float) -> float:
    """The part of the time between two moments that lies in these spans, 0 to 1."""
    within = (min(last, until) - max(first, since) for first, last in spans)
    return sum(max(one, 0.0) for one in within) / max(until - since, 1e-9)


class Machine:
    """Ticks from `start` to `stop`; times are `time.monotonic`'s."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-SEc", TICKS)) -> None:
        """`command` prints a line for each standstill: its beginning and its end."""
        self._command = command
        self._told = tempfile.NamedTemporaryFile()  # noqa: SIM115 (closed by stop)

    def start(self) -> Self:
        """Begin to tick."""
        self.ticking = subprocess.Popen(self._command, stdout=self._told)
        return self

    def stop(self) -> None:
        """Tick no more."""
        self.ticking.kill()
        self.ticking.wait()
        self._told.close()

    def stood_still(self, since: float, until: float | None = None) -> bool:
        """Was it kept from us for so much of the time that a failure says nothing?"""
        told = Path(self._told.name).read_text().splitlines()
        spans = [(float(first), float(last)) for first, last in map(str.split, told)]
        return share(spans, since, time.monotonic() if until is None else until) >= STANDSTILL

    def calm(self, wait: Callable[[float], None] = time.sleep) -> None:
        """Wait until it has been ours for a few seconds, but not for ever."""
        end = time.monotonic() + LONGEST_WAIT_S
        while time.monotonic() < end:
            wait(CALM_S)
            if not self.stood_still(time.monotonic() - CALM_S):
                return
