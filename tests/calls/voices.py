"""The callers' voices: never the bot's own, and never heard by the speech model in training."""

import hashlib
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .asterisk import REPO

RATE = 8000
CACHE = REPO / ".runtime" / "utterances"
WOMAN, MAN, PICO = "mb-fr4", "mb-fr5", "pico"
VERSION = "1"  # raise it when the rendering changes


def speak(text: str, voice: str = WOMAN) -> Path:
    """A WAV (8000 Hz, mono, 16 bits) of `text`, made once and kept."""
    name = hashlib.sha256("\n".join((VERSION, voice, text)).encode()).hexdigest()[:20]
    target = CACHE / f"{name}.wav"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            raw, telephone = Path(folder, "raw.wav"), Path(folder, "telephone.wav")
            synthesise(text, voice, raw)
            # The telephone's band and a usual level.
            sox = ["sox", "-q", str(raw), "-r", str(RATE), "-c", "1", "-b", "16", str(telephone)]
            subprocess.run([*sox, "gain", "-n", "-6", "sinc", "250-3500"], check=True, capture_output=True)
            telephone.replace(target)
    return target


def synthesise(text: str, voice: str, target: Path) -> None:
    """Let an engine write a WAV at its own rate."""
    if voice == PICO and shutil.which("pico2wave"):
        command = ["pico2wave", "-l", "fr-FR", "-w", str(target), text]
    elif voice != PICO and mbrola_has(voice):
        command = ["espeak-ng", "-v", voice, "-s", "150", "-w", str(target), text]
    else:  # a machine without non-free packages
        command = ["espeak-ng", "-v", "fr+f3" if voice == WOMAN else "fr+m2", "-s", "150", "-w", str(target), text]
    subprocess.run(command, check=True, capture_output=True)


def mbrola_has(voice: str) -> bool:
    """Is this MBROLA voice (`mb-fr4`) installed?"""
    return Path("/usr/share/mbrola", voice.removeprefix("mb-")).exists()


def silence(seconds: float) -> NDArray[np.int16]:
    """Digital silence."""
    return np.zeros(int(seconds * RATE), dtype=np.int16)


def tone(hertz: float, seconds: float, level: float = 0.3) -> NDArray[np.int16]:
    """A sine; level 1.0 is full scale."""
    time = np.arange(int(seconds * RATE)) / RATE
    return (level * 32767 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def mumble(seconds: float = 1.6, seed: int = 7) -> NDArray[np.int16]:
    """A voice without words: a hummed, trembling vowel sound that no recogniser should take for a sentence."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = 120 + 15 * np.sin(2 * np.pi * 3.1 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    hum = sum(np.sin(k * phase) / k**1.5 for k in range(1, 12))
    breath = np.convolve(rng.normal(0, 1, len(time)), np.ones(12) / 12, mode="same")
    envelope = np.clip(np.sin(np.pi * time / seconds), 0, 1) * (0.6 + 0.4 * np.sin(2 * np.pi * 2.3 * time))
    return (6000 * envelope * (hum / 2 + 0.6 * breath)).astype(np.int16)


def read(path: Path) -> NDArray[np.int16]:
    """The samples of a WAV at 8000 Hz, mono."""
    with wave.open(str(path), "rb") as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise ValueError(f"{path} is not 8000 Hz, mono, 16 bits")
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def write(path: Path, samples: NDArray[np.int16]) -> Path:
    """Write a WAV; two columns make a stereo one."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.ascontiguousarray(samples, dtype="<i2").tobytes())
    return path
