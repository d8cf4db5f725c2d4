"""Memory: what the machine has left, and glibc's habits in a process that lives for months."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
M_ARENA_MAX = -8
"""See mallopt(3)."""
ARENAS = 2


def few_arenas() -> None:
    """Have all threads share two arenas; to be called before there are threads.

    glibc gives every thread an arena of its own, and each keeps what its busiest moment needed: a process
    that recognises speech in threads grows by steps of 25 MB. Elsewhere than on glibc this does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)


def available_gb() -> float:
    """What new programs can have before the machine swaps (`MemAvailable` of proc(5)); 0 where unknown."""
    try:
        found = re.search(r"^MemAvailable: +(\d+) kB$", MEMINFO.read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) / 2**20 if found else 0.0
