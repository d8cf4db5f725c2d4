"""Callers for measuring: voices the bundled speech model was never trained on, on a line with noise."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr

from callbot.errors import EvaluationError

RATE_HZ = 8000
ROUGH_DB, QUIET_DB = 20.0, 35.0
"""How far white noise lies below the speech: of a caller in a street, and of one in a living room (speech of
65 dB, a room of 30)."""
PEAK = 0.5
MARGIN_S = 0.3
"""Line noise before and after the words."""
MBROLA = ("mb-fr4", "mb-fr5")
PICO = "pico"
DATABASES = Path("/usr/share/mbrola")


def voices() -> tuple[str, ...]:
    """The held-out voices installed here.

    Raises:
        EvaluationError: there is none.
    """
    found = [voice for voice in MBROLA if (DATABASES / voice.removeprefix("mb-")).is_dir()]
    if shutil.which("pico2wave"):
        found.append(PICO)
    if not found or not shutil.which("espeak-ng"):
        raise EvaluationError(
            "no caller's voice is installed (Debian: espeak-ng mbrola-fr4 mbrola-fr5 libttspico-utils)"
        )
    return tuple(found)


def call_out(text: str, voice: str, seed: int, noise_db: float = ROUGH_DB) -> bytes:
    """A text as it comes out of the line: 8000 Hz, 16 bits little-endian.

    Args:
        seed: of the noise.
        noise_db: how far it lies below the speech.

    Raises:
        EvaluationError: the voice failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "said.wav"
        command = ["pico2wave", "-l", "fr-FR", "-w", str(wav), text]
        if voice != PICO:
            command = ["espeak-ng", "-v", voice, "-s", "150", "-w", str(wav), text]
        try:
            subprocess.run(command, check=True, capture_output=True)
            samples, source_hz = soundfile.read(wav, dtype="float32")
        except (OSError, subprocess.CalledProcessError, soundfile.SoundFileError) as error:
            raise EvaluationError(f"{voice} can't say {text!r}: {error}") from error
    speech = soxr.resample(samples, source_hz, RATE_HZ)
    speech = speech / max(float(np.max(np.abs(speech))), 1e-6) * PEAK
    power = float(np.mean(speech[np.abs(speech) > PEAK / 50] ** 2))
    margin = np.zeros(int(MARGIN_S * RATE_HZ), np.float32)
    line = np.concatenate([margin, speech, margin])
    line += np.random.default_rng(seed).standard_normal(len(line)) * np.sqrt(power / 10 ** (noise_db / 10))
    return _through_a_law(line.astype(np.float32))


def _through_a_law(samples: np.ndarray) -> bytes:
    """There and back through ITU-T G.711 A-law."""
    coded = io.BytesIO()
    soundfile.write(coded, np.clip(samples, -1, 1), RATE_HZ, subtype="ALAW", format="WAV")
    coded.seek(0)
    heard, _ = soundfile.read(coded, dtype="int16")
    return bytes(heard.astype("<i2").tobytes())
