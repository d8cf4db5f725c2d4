"""Sentences as telephone-band WAVs that Asterisk plays, each made once and kept by its content."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import re
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from callbot.errors import VoiceError
from callbot.speech.voices import Speech, Voice
from callbot.types import Sentence

RATE_HZ = 8000
LEVEL_DBFS = -20.0
"""Loudness of a prompt while it speaks (RMS of its louder half); ITU-T P.56 practice is -20 to -26."""
PEAK = 0.8
LEAD_S, TAIL_S = 0.02, 0.12
QUIET = 0.004
"""Samples below this (of 1) at either end are trimmed: an answer must begin at once."""
SILENCE_S = 60
TONE_HZ, TONE_S = 1000, 0.4
"""The signal after which a message is recorded."""
FORMAT = 1
"""Part of the cache key: raise it when the processing below changes."""

SLOW_PACE = 0.72
"""Speech rate for a caller who asked to go slower, of the usual one."""
LOUD_DRIVE = 3.0
"""Gain before the soft limiter for a caller who asked to speak up: some 6 dB louder to the ear."""
PERSONAL_S = 600
"""A sentence that says back a caller's own words is played within the turn; its WAV goes soon after."""

_SAFE_ID = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Manner:
    """How this caller wants to be spoken to."""

    slow: bool = False
    loud: bool = False

    def but(self, change: Literal["", "slower", "louder"]) -> Manner:
        """The same, slower or louder from now on."""
        return Manner(self.slow or change == "slower", self.loud or change == "louder")

    def __str__(self) -> str:
        return f"{'slow' * self.slow}{'loud' * self.loud}"


USUAL = Manner()


class Prompts:
    """The WAV of every sentence.

    Args:
        folder: where WAVs are kept; Asterisk must read it.
        voice: synthesises what no human recorded.
        recordings: folder of WAVs by a human, `<sentence id>.wav`, any rate; they win.
    """

    def __init__(self, folder: Path, voice: Voice, recordings: Path | None = None) -> None:
        self._folder = folder
        self._voice = voice
        self._recordings = recordings
        self._known: dict[str, Path] = {}

    async def silence(self) -> Path:
        """A minute of silence.

        Raises:
            VoiceError: the folder can't be written.
        """
        path = self.fixed("silence")
        if not path.exists():
            samples = np.zeros(SILENCE_S * RATE_HZ, dtype=np.float32)
            await asyncio.to_thread(write, path, samples)
        return path

    async def tone(self) -> Path:
        """The signal before a message.

        Raises:
            VoiceError: the folder can't be written.
        """
        path = self.fixed("tone")
        if not path.exists():
            times = np.arange(int(TONE_S * RATE_HZ)) / RATE_HZ
            swell = np.minimum(1.0, np.minimum(times, TONE_S - times) / 0.02)  # without clicks
            wave = 0.2 * swell * np.sin(2 * np.pi * TONE_HZ * times)
            await asyncio.to_thread(write, path, wave.astype(np.float32))
        return path

    def fixed(self, name: str) -> Path:
        """A WAV under a name that the dialplan and emergencies rely on."""
        return self._folder / "fixed" / f"{name}.wav"

    async def prepare(self, fixed: Iterable[Sentence]) -> None:
        """Make the silence and the sentences that must exist whatever breaks later.

        Raises:
            VoiceError: synthesis failed, or the folder can't be written.
        """
        await self.silence()
        for sentence in fixed:
            source = await self.wav(sentence)
            try:
                copy(source, self.fixed(sentence.id))
            except OSError as error:
                raise VoiceError(f"can't write {self.fixed(sentence.id)}: {error.strerror}") from error

    async def wav(self, sentence: Sentence, manner: Manner = USUAL) -> Path:
        """The WAV of a sentence, made now if it is new.

        A recording can't be slowed down well, so a slow sentence is always synthesised.

        Raises:
            VoiceError: synthesis failed, the recording is unreadable, or the folder can't be written.
        """
        recording = None if manner.slow else self._recording(sentence)
        if recording is not None:
            try:
                key = f"recorded|{FORMAT}|{manner}|{sentence.id}|{recording.stat().st_mtime_ns}"
            except OSError as error:
                raise VoiceError(f"recording {recording}: {error.strerror}") from error
        else:
            key = f"{self._voice.id}|{FORMAT}|{manner}|{sentence.language}|{sentence.text}"
        known = self._known.get(key)
        if known is not None and known.exists():
            return known
        folder = self._folder / "personal" if sentence.personal else self._folder
        path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.wav"
        if sentence.personal:
            await asyncio.to_thread(forget_older, folder, PERSONAL_S)
            asyncio.get_running_loop().call_later(2 * PERSONAL_S, forget_older, folder, PERSONAL_S)
        if sentence.personal and path.exists():
            path.touch()
        if not path.exists():
            speech = await self._speak(sentence, recording, manner)
            samples = telephone_band(speech)
            await asyncio.to_thread(write, path, louder(samples) if manner.loud else samples)
        if not sentence.personal:
            self._known[key] = path
        return path

    async def _speak(self, sentence: Sentence, recording: Path | None, manner: Manner) -> Speech:
        if recording is None:
            return await self._voice.speak(
                sentence.text, SLOW_PACE if manner.slow else 1.0, sentence.language
            )
        try:
            samples, rate_hz = soundfile.read(recording, dtype="float32", always_2d=True)
        except (OSError, soundfile.SoundFileError) as error:
            raise VoiceError(f"recording {recording}: {error}") from error
        return Speech(samples.mean(axis=1), rate_hz)

    def _recording(self, sentence: Sentence) -> Path | None:
        if self._recordings is None or not _SAFE_ID.fullmatch(sentence.id):
            return None
        path = self._recordings / f"{sentence.id}.wav"
        return path if path.is_file() else None


def telephone_band(speech: Speech) -> npt.NDArray[np.float32]:
    """8 kHz samples, trimmed and levelled.

    Raises:
        VoiceError: there is nothing but silence.
    """
    samples = soxr.resample(speech.samples, speech.rate_hz, RATE_HZ).astype(np.float32)
    loud = np.flatnonzero(np.abs(samples) > QUIET)
    if not len(loud):
        raise VoiceError("the voice produced silence")
    first = max(0, int(loud[0]) - int(LEAD_S * RATE_HZ))
    samples = samples[first : int(loud[-1]) + 1]
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    energies = np.sort(np.mean(frames**2, axis=1)) if len(frames) else np.array([np.mean(samples**2)])
    level = float(np.sqrt(np.mean(energies[len(energies) // 2 :])))
    gain = min(10 ** (LEVEL_DBFS / 20) / level, PEAK / float(np.max(np.abs(samples))))
    tail = np.zeros(int(TAIL_S * RATE_HZ), dtype=np.float32)
    levelled: npt.NDArray[np.float32] = np.concatenate([samples * np.float32(gain), tail])
    return levelled


def louder(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The same speech, as loud as the line takes it without harsh clipping."""
    driven = np.tanh(samples * LOUD_DRIVE)
    limited: npt.NDArray[np.float32] = (driven / np.max(np.abs(driven)) * PEAK).astype(np.float32)
    return limited


def forget_older(folder: Path, age_s: float) -> None:
    """Delete the WAVs of a folder that are older than this."""
    oldest = time.time() - age_s
    for path in folder.glob("*.wav"):
        with contextlib.suppress(OSError):  # another call was quicker
            if path.stat().st_mtime < oldest:
                path.unlink()


def write(path: Path, samples: npt.NDArray[np.float32]) -> None:
    """Write a 16-bit WAV whole or not at all: Asterisk may be about to play it.

    Raises:
        VoiceError: the folder can't be written (full disk, rights).
    """
    temporary: Path | None = None
    # Encoded in memory: libsndfile swallows the error of a full disk.
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, RATE_HZ, subtype="PCM_16", format="WAV")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-", suffix=".wav")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(encoded.getvalue())
        temporary.chmod(0o644)  # Asterisk may run as another user
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise VoiceError(f"can't write {path}: {error}") from error


def copy(source: Path, target: Path) -> None:
    """Copy a WAV whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".new-{target.name}")
    temporary.write_bytes(source.read_bytes())
    temporary.chmod(0o644)
    temporary.replace(target)
