"""The whole chain without Asterisk: speak WAVs to it, type to it, or only let it speak."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import soundfile
import soxr

from callbot.agi.simulated import CallerStep, Say, SimulatedLine
from callbot.dialogue import moves, wording
from callbot.dialogue.conversation import Conversation
from callbot.dialogue.desk import TextResult
from callbot.dialogue.dialogue import Dialogue, Reply
from callbot.errors import SettingsError
from callbot.parts import Parts, make_voice
from callbot.settings import Settings
from callbot.speech.prompts import Prompts
from callbot.town.spoken import say_number
from callbot.types import Hypothesis, Known, Outcome, Queueing, Sentence, TurnRecord
from callbot.understanding.rasa import RasaProcess

Tell = Callable[[str], object]
MIN_WAV_HZ, MAX_WAV_HZ, MAX_WAV_S = 4000, 384_000, 1800
"""Sound files that are read: of these rates, and no longer."""
PATIENCE_MS = 20_000
"""With one parse, where nobody waits on a line: a busy machine must not break off an evaluation."""
MAX_LOUDNESS = 4.0
"""Of 1, full scale: what float files may hold beyond it is cut."""


async def rehearse_call(settings: Settings, wavs: list[Path], tell: Tell) -> Outcome:
    """A call on a simulated line whose caller says these WAVs, one after each prompt.

    Raises:
        SettingsError: a WAV can't be read.
        CallbotError: a part is missing.
    """
    steps: list[CallerStep] = [Say(load_pcm(wav, settings.sample_rate_hz)) for wav in wavs]
    return await rehearse(settings, steps, tell)


async def rehearse(settings: Settings, steps: list[CallerStep], tell: Tell) -> Outcome:
    """A call on a simulated line whose caller follows these steps."""
    async with open_parts(settings) as parts:
        await parts.prompts.prepare(wording.fixed())
        line = SimulatedLine(steps, rate_hz=settings.sample_rate_hz)

        async def record(turn: TurnRecord) -> None:
            if turn.heard:
                top = f" -> {turn.ranking[0].intent} {turn.ranking[0].confidence:.2f}" if turn.ranking else ""
                tell(f"  appelant ({turn.heard}): {turn.utterance}{top}")
            tell(f"  bot ({turn.move}): {turn.prompt}")

        outcome = await Conversation(
            line,
            parts.ear(),
            parts.prompts,
            parts.dialogue(TrialDesk()),
            parts.answers,
            record,
            settings.messages_dir,
            parts.tempo(),
        ).run()
        tell(f"  fin: {outcome.result} {outcome.destination} ({outcome.reason})")
        return outcome


async def rehearse_chat(settings: Settings, ask: Callable[[], str | None], tell: Tell) -> None:
    """A conversation by keyboard; an empty line is silence, a lone digit a key."""
    async with open_parts(settings) as parts:
        dialogue = parts.dialogue(TrialDesk())
        reply = await dialogue.begin()
        while True:
            tell(f"bot> {reply.text}   [{moves.describe(reply.turn)}]")
            if isinstance(reply.turn[-1], moves.Transfer | moves.Goodbye):
                return
            typed = await asyncio.to_thread(ask)
            if typed is None:
                return
            reply = await type_in(dialogue, typed)


async def type_in(dialogue: Dialogue, typed: str) -> Reply:
    """An utterance by keyboard: nothing is silence, a lone digit a key."""
    if not typed.strip():
        return await dialogue.silence()
    if len(typed.strip()) == 1 and typed.strip() in "0123456789*#":
        return await dialogue.key(typed.strip())
    return await dialogue.speech([Hypothesis(typed.strip().lower(), 1.0)])


def office_hours() -> datetime:
    """A moment when every service is there: what is expected of the bot must not hang on when it is tried."""
    return datetime(2026, 11, 24, 15)


class TrialDesk:
    """A desk that does everything and forgets it: its requests are numbered like real ones."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[Known, bool]] = {}
        """By intent: what is known, and whether it is all."""
        self.texts: list[tuple[str, str]] = []
        """Answers sent in writing, and the numbers dictated for them."""
        self.messages: list[str] = []

    async def file(self, intent: str, known: Known, complete: bool) -> str:
        """Keep one; returns its number."""
        self.kept[intent] = (known, complete)
        return str(1000 + list(self.kept).index(intent))

    async def status(self, reference: str) -> str:
        """There are no requests of an earlier call."""
        return f"La demande {say_number(int(reference))} n'existe pas dans cet essai."

    async def text(self, intent: str, number: str) -> TextResult:
        """Every number will do."""
        self.texts.append((intent, number))
        return "sent"

    async def leave_message(self, intent: str, service: str, words: str, recording: str) -> str:
        """Keep its words."""
        self.messages.append(words)
        return str(1000 + len(self.messages))

    async def live(self, intent: str, about: str) -> tuple[str, bool]:
        """Nothing is asked of the world outside."""
        return "", False

    def waits(self, service: str) -> Queueing | None:
        """No telephones, no queues."""
        return None

    def names(self, intent: str) -> tuple[str, ...]:
        """No source, no names."""
        return ()


async def say_to(settings: Settings, text: str, out: Path) -> None:
    """Speak a sentence into a telephone-band WAV.

    Raises:
        VoiceError: synthesis failed.
        SettingsError: `out` can't be written.
    """
    voice = make_voice(settings)
    try:
        with tempfile.TemporaryDirectory() as folder:
            wav = await Prompts(Path(folder), voice).wav(Sentence("say", text))
            out.write_bytes(wav.read_bytes())
    except OSError as error:
        raise SettingsError(f"can't write {out}: {error.strerror}") from error
    finally:
        await voice.close()


@contextlib.asynccontextmanager
async def open_parts(settings: Settings) -> AsyncIterator[Parts]:
    """The parts of a server, with Rasa: the configured or running one, else one started for the occasion."""
    parts = Parts(settings.model_copy(update={"nlu_timeout_ms": PATIENCE_MS}))
    process: RasaProcess | None = None
    try:
        if parts.model.process is not None and not await parts.rasa.ready():
            process = parts.model.process
            await process.start()
        yield parts
    finally:
        if process is not None:
            await process.stop()
        await parts.close()


def load_pcm(wav: Path, rate_hz: int) -> bytes:
    """A WAV of any rate as signed 16-bit mono at the line's rate.

    Raises:
        SettingsError: not a readable sound file.
    """
    try:
        with soundfile.SoundFile(wav) as file:
            source_hz = file.samplerate
            # Beyond, the resampler asks for gigabytes, or ends the process.
            if not MIN_WAV_HZ <= source_hz <= MAX_WAV_HZ or file.frames > MAX_WAV_S * source_hz:
                raise SettingsError(f"can't read {wav}: {file.frames} samples at {source_hz} Hz")
            samples = file.read(dtype="float32", always_2d=True)
    except (OSError, ValueError, soundfile.SoundFileError) as error:
        raise SettingsError(f"can't read {str(wav)!r}: {error}") from error
    finite = np.clip(np.nan_to_num(samples), -MAX_LOUDNESS, MAX_LOUDNESS)
    mono = soxr.resample(finite.mean(axis=1), source_hz, rate_hz)
    return bytes((np.clip(mono, -1, 1) * 32767).astype("<i2").tobytes())
