"""The server's Unix socket: who listens there, and how it is asked for its health."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from callbot.errors import SettingsError

SOCKET_MODE = 0o660
MAX_SOCKET_PATH = 107
"""sun_path holds 108 bytes."""
STATUS = b"status\n"
"""What `callbot status` says instead of a bridge's hello."""


@contextlib.contextmanager
def listen(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket; a stale file left by a dead server is replaced.

    Raises:
        SettingsError: the path is too long or can't be written, or another server listens there.
    """
    if len(str(path).encode()) > MAX_SOCKET_PATH:
        raise SettingsError(f"socket path longer than {MAX_SOCKET_PATH} bytes: {path} (set socket)")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener:
        try:
            if path.exists():
                if not path.is_socket():
                    raise SettingsError(f"{path} is in the way and is no socket (set socket)")
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                    if probe.connect_ex(str(path)) == 0:
                        raise SettingsError(f"another callbot server listens on {path}")
                path.unlink()
            listener.bind(str(path))
            path.chmod(SOCKET_MODE)
        except OSError as error:
            raise SettingsError(f"socket {path}: {error.strerror}") from error
        listener.listen(128)
        listener.setblocking(False)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def status(path: Path) -> dict[str, Any]:
    """Ask a running server how it is: `{"rasa": true, "calls": 3}`.

    Raises:
        SettingsError: no server answers at this socket.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            client.connect(str(path))
            client.sendall(STATUS)
            answer: dict[str, Any] = json.loads(client.makefile().readline())
            return answer
    except (OSError, ValueError) as error:
        raise SettingsError(f"no callbot server answers at {path}") from error
