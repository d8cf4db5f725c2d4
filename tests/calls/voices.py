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
TRIM = ("silence", "1", "0.02", "0.5%")
VERSION = "2"  # raise it when the rendering changes


def speak(text: str, voice: str = WOMAN) -> Path:
    """A WAV (8000 Hz, mono, 16 bits) of `text`, made once and kept."""
    name = hashlib.sha256("\n".join((VERSION, voice, text)).encode()).hexdigest()[:20]
    target = CACHE / f"{name}.wav"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            raw, telephone = Path(folder, "raw.wav"), Path(folder, "telephone.wav")
            synthesise(text, voice, raw)
            # A usual level, the telephone's band, and no silence at the end: the caller's last
            # sample is speech.
            sox = ["sox", "-q", str(raw), "-r", str(RATE), "-c", "1", "-b", "16", str(telephone)]
            subprocess.run(
                [*sox, "gain", "-n", "-6", "sinc", "250-3500", "reverse", *TRIM, "reverse", *TRIM],
                check=True,
                capture_output=True,
            )
            telephone.replace(target)
    return target


def synthesise(text: str, voice: str, target: Path) -> None:
    """Let an engine write a WAV at its own rate."""
    if voice == PICO and shutil.which("pico2wave"):
        command = ["pico2wave", "-l", "fr-FR", "-w", str(target), text]
    elif voice != PICO and mbrola_has(voice):
        command = ["espeak-ng", "-v", voice, "-s", "150", "-w", str(target), text]
    else:  # a machine without non-free packages
        command = [
            "espeak-ng",
            "-v",
            "fr+f3" if voice == WOMAN else "fr+m2",
            "-s",
            "150",
            "-w",
            str(target),
            text,
        ]
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
