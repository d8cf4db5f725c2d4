"""A caller's message: its sound, kept for the people it is meant for."""

from __future__ import annotations

import io
import secrets
from pathlib import Path

import numpy as np
import soundfile

from callbot.errors import VoiceError

NAME = "message-{token}.wav"


class Recorder:
    """Collects the sound of a message.

    Args:
        rate_hz: of the line.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._pcm = bytearray()

    @property
    def seconds(self) -> float:
        """Length so far."""
        return len(self._pcm) / 2 / self._rate_hz

    def add(self, pcm: bytes) -> None:
        """Signed 16-bit little-endian mono."""
        self._pcm += pcm

    def save(self, folder: Path) -> str:
        """Write it as a WAV that only its owner may read; returns the file's name, which tells nothing.

        Raises:
            VoiceError: the folder can't be written.
        """
        encoded = io.BytesIO()  # in memory: libsndfile swallows the error of a full disk
        soundfile.write(
            encoded, np.frombuffer(self._pcm, "<i2"), self._rate_hz, subtype="PCM_16", format="WAV"
        )
        path = folder / NAME.format(token=secrets.token_hex(12))
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            path.write_bytes(encoded.getvalue())
        except OSError as error:
            path.unlink(missing_ok=True)
            raise VoiceError(f"can't write {path}: {error.strerror}") from error
        return path.name
