"""Is this sound the bot's own prompt, come back from the caller's loudspeaker or the line?

An echo is a filtered copy of what was played a moment ago, so the two waveforms correlate; another voice does
not follow it. Measured on real calls (tests/calls/loudspeaker.py: 20 dB weaker, 120 to 240 ms late, a small
room, traffic noise): 0.66 to 0.97 for echoes, below 0.4 for callers, who speak over an echo or not.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

ECHO_MS = 600
"""Sound that is compared, always that much: in less, two voices of one pitch look alike by chance."""
ALIKE = 0.5
"""Normalised correlation from which a sound is an echo."""
EARLIEST_MS, LATEST_MS = -100, 1000
"""Delay of an echo on the call's own clock, which knows only roughly when a prompt began."""
BAND_HZ = (300, 3400)
"""What telephones carry of a voice, and little of a street."""
KEPT_MS = 4000
FAINT = 1e-3
"""Stretches this much weaker than the loudest are no match for anything."""

Samples = npt.NDArray[np.float64]


class FarEnd:
    """What the line has played lately, on the call's own clock.

    Args:
        rate_hz: of the caller's audio.
    """

    def __init__(self, rate_hz: int = 8000) -> None:
        self._rate_hz = rate_hz
        self._pieces: deque[tuple[Path | None, int, int]] = deque()
        """(WAV or silence, sample of it after the last one played, number of samples), oldest first."""
        self._kept = 0

    def play(self, wav: Path | None, position_s: float, count: int) -> None:
        """`count` samples were played, up to this position of a WAV; None: silence."""
        # Only noted: many prompts are played for one sound that must be compared with them.
        self._pieces.append((wav, int(position_s * self._rate_hz), count))
        self._kept += count
        while self._kept - self._pieces[0][2] >= KEPT_MS * self._rate_hz // 1000:
            self._kept -= self._pieces.popleft()[2]

    def _played(self) -> Samples:
        """KEPT_MS of it or a little more."""
        played = np.zeros(max(self._kept, KEPT_MS * self._rate_hz // 1000))
        at = len(played) - self._kept
        for wav, end, count in self._pieces:
            at += count
            if wav is not None:
                samples = _samples(wav, self._rate_hz)[max(0, end - count) : max(0, end)]
                played[at - len(samples) : at] = samples
        return played

    def echoes_in(self, heard: bytes, ago_ms: int = 0) -> bool:
        """Is this sound (16-bit mono, ECHO_MS), heard until so long ago, what was played?"""
        piece = np.frombuffer(heard, dtype="<i2").astype(np.float64)
        everything = self._played()
        last = len(everything) - (ago_ms + EARLIEST_MS) * self._rate_hz // 1000
        first = last - len(piece) - (LATEST_MS - EARLIEST_MS) * self._rate_hz // 1000
        played = everything[max(0, first) : max(0, last)]
        if not 0 < len(piece) < len(played) or not played.any():
            return False
        return likeness(played, piece, self._rate_hz) >= ALIKE


def likeness(sound: Samples, piece: Samples, rate_hz: int) -> float:
    """Highest normalised correlation of a piece with any stretch of a longer sound, 0 to 1."""
    count, size = len(piece), 1 << (len(sound) + len(piece) - 1).bit_length()
    hertz = np.fft.rfftfreq(size, 1 / rate_hz)
    within = (hertz >= BAND_HZ[0]) & (hertz <= BAND_HZ[1])
    long, short = np.fft.rfft(sound, size) * within, np.fft.rfft(piece, size) * within
    products = np.fft.irfft(long * np.conj(short), size)[: len(sound) - count + 1]
    energy = np.concatenate(([0.0], np.cumsum(np.fft.irfft(long, size)[: len(sound)] ** 2)))
    powers = energy[count:] - energy[:-count]
    power = float(np.sum(np.fft.irfft(short, size)[:count] ** 2))
    scale = np.sqrt(np.maximum(powers, FAINT * powers.max()) * power)
    return float(np.max(np.abs(products) / np.maximum(scale, 1e-12)))


@lru_cache(maxsize=64)
def _samples(wav: Path, rate_hz: int) -> Samples:
    samples, wav_hz = soundfile.read(wav, dtype="float64")
    return np.asarray(soxr.resample(samples, wav_hz, rate_hz))
