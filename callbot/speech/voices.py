"""Speech synthesis behind one protocol: pyttsx3 (default, over eSpeak NG) and Piper (optional)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import soundfile

from callbot.errors import VoiceError

SYNTHESIS_S = 10.0
"""Patience with one sentence."""
ATTEMPTS = 4
MIN_LETTER_S = 6.5
"""Seconds a letter takes at least, times the words a minute: less was cut short (eSpeak's take 8 to 10)."""

# Best first: MBROLA's diphones sound human, eSpeak's own formants do not.
MBROLA_VOICES = ("fr1", "fr4", "fr2", "fr3", "fr5", "fr6", "fr7")
MBROLA_DATABASES = Path("/usr/share/mbrola")
FORMANT_VOICE = "roa/fr"
OTHER_VOICES = {
    "en": "gmw/en",
    "es": "roa/es",
    "pt": "roa/pt",
    "it": "roa/it",
    "de": "gmw/de",
    "ar": "sem/ar",
}
"""eSpeak NG's voices for the languages callers ask for."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Synthesised sound: mono, float samples in -1 to 1."""

    samples: npt.NDArray[np.float32]
    rate_hz: int


class Voice(Protocol):
    """A speech synthesiser."""

    @property
    def id(self) -> str:
        """What the sound depends on besides the text; part of a prompt's cache key."""

    async def speak(self, text: str, pace: float = 1.0, language: str = "fr") -> Speech:
        """Synthesise one sentence.

        Args:
            pace: speech rate, of the usual one.
            language: ISO 639-1.

        Raises:
            VoiceError: the engine failed or took too long.
        """

    async def close(self) -> None:
        """Release the engine."""


class Pyttsx3Voice:
    """pyttsx3 in a worker process, restarted when it dies or hangs.

    Args:
        voice: an eSpeak NG voice (`roa/fr`, `mb/mb-fr1`), or `auto` for the best French one installed.
        rate_wpm: words a minute.
    """

    def __init__(self, voice: str = "auto", rate_wpm: int = 155) -> None:
        self._voice = best_french_voice() if voice == "auto" else voice
        self._rate_wpm = rate_wpm
        self._worker: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._scratch = tempfile.TemporaryDirectory(prefix="callbot-voice-", ignore_cleanup_errors=True)
        self._numbers = itertools.count()

    @property
    def id(self) -> str:
        """Engine, voice and rate."""
        return f"pyttsx3/{self._voice}/{self._rate_wpm}"

    async def speak(self, text: str, pace: float = 1.0, language: str = "fr") -> Speech:
        """Synthesise one sentence; another language than French by one of eSpeak NG's own voices."""
        voice = self._voice if language == "fr" else OTHER_VOICES[language]
        if not any(map(str.isalnum, text)):
            raise VoiceError("nothing to say")
        rate_wpm = round(self._rate_wpm * pace)
        least_s = MIN_LETTER_S / rate_wpm * sum(map(str.isalpha, text))
        for _ in range(ATTEMPTS):
            speech = await self._speak(text, voice, rate_wpm)
            if len(speech.samples) / speech.rate_hz >= least_s:
                return speech
            # On a busy machine eSpeak may lose patience with MBROLA and return half a sentence, or nothing.
            await self._stop_worker()
        raise VoiceError(f"{voice} cut the sentence short {ATTEMPTS} times")

    async def _speak(self, text: str, voice: str, rate_wpm: int) -> Speech:
        path = Path(self._scratch.name) / f"{next(self._numbers)}.wav"
        try:
            request = {"text": text, "voice": voice, "rate": rate_wpm, "path": str(path)}
            answer = await self._ask(request)
            if not path.exists():
                return Speech(np.zeros(0, np.float32), int(answer["rate_hz"]))
            samples, _ = soundfile.read(path, dtype="float32")
        except (OSError, soundfile.SoundFileError) as error:
            raise VoiceError(f"{voice} wrote no sound: {error}") from error
        finally:
            path.unlink(missing_ok=True)
        return Speech(samples, int(answer["rate_hz"]))

    async def close(self) -> None:
        """End the worker, leave nothing behind."""
        await self._stop_worker()
        self._scratch.cleanup()

    async def _stop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        async with self._turn:
            try:
                async with asyncio.timeout(SYNTHESIS_S):
                    answer = await self._exchange(request)
            except (OSError, TimeoutError, ValueError) as error:
                await self._stop_worker()
                raise VoiceError(f"pyttsx3 worker: {str(error) or type(error).__name__}") from error
        if "error" in answer:
            raise VoiceError(f"pyttsx3: {answer['error']}")
        return answer

    async def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._worker is None or self._worker.returncode is not None:
            self._worker = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "callbot.speech.pyttsx3_worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        assert self._worker.stdin is not None and self._worker.stdout is not None
        self._worker.stdin.write(json.dumps(request).encode() + b"\n")
        await self._worker.stdin.drain()
        line = await self._worker.stdout.readline()
        if not line:
            raise OSError("it died")
        answer: dict[str, Any] = json.loads(line)
        return answer


def best_french_voice() -> str:
    """The best French eSpeak NG voice whose parts are installed.

    eSpeak's own list is no help: it leaves MBROLA voices out, or names them without their database.
    """
    if shutil.which("mbrola"):
        for name in MBROLA_VOICES:
            if (MBROLA_DATABASES / name / name).is_file():
                return f"mb/mb-{name}"
    return FORMANT_VOICE


class PiperVoice:
    """Piper, a neural voice (package piper-tts, not installed by default).

    Raises:
        VoiceError: the package or the voice's files are missing.
    """

    def __init__(self, model: Path) -> None:
        try:
            from piper import PiperVoice as Engine
        except ImportError as error:
            raise VoiceError("Piper is not installed (pip install 'callbot[piper]')") from error
        try:
            self._engine: Any = Engine.load(str(model))
        except (OSError, ValueError) as error:
            raise VoiceError(f"Piper can't load {model}: {error}") from error
        self._model = model
        self._turn = asyncio.Lock()
        self._others = Pyttsx3Voice(FORMANT_VOICE)

    @property
    def id(self) -> str:
        """Engine and voice."""
        return f"piper/{self._model.stem}"

    async def speak(self, text: str, pace: float = 1.0, language: str = "fr") -> Speech:
        """Synthesise one sentence; a Piper voice speaks one language, so another is left to eSpeak NG."""
        if language != "fr":
            return await self._others.speak(text, pace, language)
        async with self._turn:  # its phonemiser is not thread-safe
            return await asyncio.to_thread(self._speak, text, pace)

    def _speak(self, text: str, pace: float) -> Speech:
        from piper import SynthesisConfig

        try:
            chunks = list(self._engine.synthesize(text, SynthesisConfig(length_scale=1 / pace)))
        except Exception as error:  # onnxruntime raises what it likes
            raise VoiceError(f"Piper: {error}") from error
        if not chunks:
            raise VoiceError("Piper returned no sound")
        return Speech(np.concatenate([chunk.audio_float_array for chunk in chunks]), chunks[0].sample_rate)

    async def close(self) -> None:
        """Release the other voices' worker."""
        await self._others.close()
