"""Is the machine ours? Telephone calls keep time with the clock; who shares it may keep it from us, unseen.

A small process ticks (ticks.py) and tells whenever it was kept from that. What ends in a failure while the
machine stood still for long proves nothing and is done again (conftest.py); on one that was ours it counts.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Self

TICKS = Path(__file__).with_name("ticks.py")
STANDSTILL = 0.03
"""From this share of the time on, a call that failed is made again."""
HOPELESS = 0.1
"""From this share of the time on that others took, nothing is learnt from one that can't be."""
CALM_S = 5.0
LONGEST_WAIT_S = 60.0
MOST_WAITING_S = 300.0
"""In all, by one process: a machine that is never calm would keep the tests for hours."""

Span = tuple[float, float]


def share(spans: Iterable[Span], since: float, until: float) -> float:
    """The part of the time between two moments that lies in any of these spans, 0 to 1."""
    covered, at = 0.0, since
    for first, last in sorted(spans):
        begins, ends = max(first, at), min(last, until)
        if ends > begins:
            covered, at = covered + ends - begins, ends
    return covered / max(until - since, 1e-9)


class Machine:
    """Ticks from `start` to `stop`; times are `time.monotonic`'s."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-SE", str(TICKS))) -> None:
        """`command` prints a line for each standstill: its beginning, its end, its kind."""
        self._command = command
        self._told = tempfile.NamedTemporaryFile()  # noqa: SIM115 (closed by stop)
        self._waited_s = 0.0

    def start(self) -> Self:
        """Begin to tick."""
        self.ticking = subprocess.Popen(self._command, stdout=self._told)
        return self

    def stop(self) -> None:
        """Tick no more."""
        self.ticking.kill()
        self.ticking.wait()
        self._told.close()

    def lost(self, since: float, until: float | None = None, kind: str = "") -> float:
        """The part of the time for which it was kept from us; `kind`: in this way only."""
        told = Path(self._told.name).read_text().splitlines()
        spans = [
            (float(first), float(last)) for first, last, how in map(str.split, told) if kind in ("", how)
        ]
        return share(spans, since, time.monotonic() if until is None else until)

    def calm(self, wait: Callable[[float], None] = time.sleep) -> bool:
        """Wait until it has been ours for a few seconds, but not for ever; is it?"""
        end = time.monotonic() + min(LONGEST_WAIT_S, MOST_WAITING_S - self._waited_s)
        while time.monotonic() < end:
            self._waited_s += CALM_S
            wait(CALM_S)
            if self.lost(time.monotonic() - CALM_S) < STANDSTILL:
                return True
        return False
