"""What systemd is told of the server: that it takes calls, that it is still well, that it is stopping.

The protocol is sd_notify(3): a word in a datagram to a socket that systemd names in the environment.
Elsewhere nothing is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

READY, WELL, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"
BEATS = 3
"""In the time after which systemd takes a silent server for frozen."""


def tell(state: str) -> None:
    """Say one word; nobody there to hear it is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # no file: Linux' abstract names
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller:
        teller.setblocking(False)
        teller.sendto(state.encode(), address)


async def keep_telling() -> None:
    """Say that the server is ready, then that it is well as long as its event loop turns; never ends."""
    tell(READY)
    watch_us = int(os.environ.get("WATCHDOG_USEC") or 0)
    if not watch_us:
        await asyncio.Event().wait()
    while True:
        tell(WELL)
        await asyncio.sleep(watch_us / 1e6 / BEATS)
