"""How long tests wait for what must come: whoever shares the machine may keep it for half a minute."""

import asyncio
import time
from collections.abc import Callable

PATIENCE_S = 120.0


def eventually(met: Callable[[], object]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


async def until(met: Callable[[], object]) -> None:
    """The same, while other tasks go on."""
    async with asyncio.timeout(PATIENCE_S):
        while not met():  # noqa: ASYNC110 (what is met is often in another process)
            await asyncio.sleep(0.01)
