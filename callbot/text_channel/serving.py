"""The text channel on its port, until `callbot serve` stops it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from callbot.errors import SettingsError

STOP_S = 3
"""Patience with requests in progress when the server stops."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are `callbot serve`'s."""
        yield


async def serve(app: ASGIApp, host: str, port: int) -> None:
    """Serve until cancelled; requests in progress are then answered, conversations ended in the journal.

    Raises:
        SettingsError: the address can't be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise SettingsError(f"text_host {host}, text_port {port}: {error}") from error
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="on",
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,  # it holds addresses
            proxy_headers=False,  # Door knows whom to believe
            timeout_graceful_shutdown=STOP_S,
        )
    )
    with listener:
        serving = asyncio.create_task(server.serve([listener]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True
            await serving
            raise
