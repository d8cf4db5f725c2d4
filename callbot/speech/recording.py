"""A call's sound on disk, written while it goes on; a disk that is full or slow never harms the call."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

log = logging.getLogger(__name__)

NAME = "call-{token}.wav"
WRITE_S = 1.0
"""Sound that is lost when the server dies."""
HEADER_BYTES = 44


class CallRecorder:
    """Writes the caller's sound into a WAV that only its owner may read.

    Args:
        folder: of all recordings.
        rate_hz: of the line.
    """

    def __init__(self, folder: Path, rate_hz: int) -> None:
        self.name = NAME.format(token=secrets.token_hex(12))
        """The file's; it tells nothing. Empty when there is no file (any more)."""
        self._path = folder / self.name
        self._rate_hz = rate_hz
        self._pcm = bytearray()
        self._written = 0
        self._file = -1
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recording")

    def add(self, pcm: bytes) -> None:
        """Signed 16-bit little-endian mono, in order; returns at once."""
        if not self.name:
            return
        self._pcm += pcm
        if len(self._pcm) >= WRITE_S * self._rate_hz * 2:
            self._write_behind()

    async def close(self) -> str:
        """Write the rest; returns the file's name, empty when there is none."""
        if self._pcm:
            self._write_behind()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)
        return self.name if self._written else ""

    async def discard(self) -> None:
        """Record nothing more and delete what there is."""
        self.name = ""
        self._pcm.clear()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._delete)

    def _write_behind(self) -> None:
        pcm, self._pcm = bytes(self._pcm), bytearray()
        self._thread.submit(self._write, pcm)

    # These work on the file, in a thread.

    def _write(self, pcm: bytes) -> None:
        if not self.name:
            return
        try:
            if self._file < 0:
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            if os.pwrite(self._file, pcm, HEADER_BYTES + self._written) != len(pcm):
                raise OSError(28, "No space left on device")
            self._written += len(pcm)
            # The header is right at any moment: nobody comes back to it when the server dies.
            os.pwrite(self._file, header(self._written, self._rate_hz), 0)
        except OSError as error:
            log.error("a call is not recorded: %s: %s", self._path.parent, error.strerror)
            self.name = ""
            self._delete()

    def _delete(self) -> None:
        self._close()
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.error("a recording can't be deleted: %s: %s", self._path, error.strerror)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


def header(pcm_bytes: int, rate_hz: int) -> bytes:
    """The beginning of a 16-bit mono WAV of so many bytes of sound (RIFF, Microsoft 1991)."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16)
    data = struct.pack("<4sI", b"data", pcm_bytes)
    return struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + pcm_bytes, b"WAVE") + form + data
