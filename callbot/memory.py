"""Memory of a process that lives for months: glibc's habits, bridled."""

from __future__ import annotations

import ctypes

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
