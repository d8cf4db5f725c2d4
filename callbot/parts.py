"""What every call shares: models, voice, town. Made once, when a process starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from callbot.dialogue.conversation import Tempo
from callbot.dialogue.desk import Desk
from callbot.dialogue.dialogue import Dialogue
from callbot.dialogue.state import Caller, Thresholds
from callbot.ears import first_hearing
from callbot.models_in_force import first_model, thresholds_of
from callbot.settings import Settings
from callbot.speech.ear import Ear
from callbot.speech.endpoint import Endpointer
from callbot.speech.prompts import Prompts
from callbot.speech.voices import PiperVoice, Pyttsx3Voice, Voice
from callbot.town.answers import Answers
from callbot.town.communes import Communes
from callbot.understanding.rasa import RasaClient


class Parts:
    """What every call shares."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._began = datetime.now()
        self.communes = Communes(settings.town, self.clock)
        self.model = first_model(settings)
        """Understands every conversation that begins; the next one deployed takes its place."""
        self.communes.adopt(self.communes.learnt(self.model.files.answers))
        self.hearing = first_hearing(settings, self.model.files)
        """Hears every call that begins; that of the next model deployed takes its place."""
        self.voice = make_voice(settings)
        self._prompts = {commune: self._new_prompts(commune) for commune in self.communes}
        self.threads = ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="vosk")

    def clock(self) -> datetime:
        """The machine's local time, or the one it shall be."""
        pretended = self.settings.pretend_now
        return datetime.now() if pretended is None else pretended + (datetime.now() - self._began)

    @property
    def rasa(self) -> RasaClient:
        """The server of the model in force."""
        return self.model.client

    @property
    def answers(self) -> Answers:
        """The first commune's answers."""
        return self.communes[self.communes.first]

    @property
    def prompts(self) -> Prompts:
        """The first commune's sentences; the fixed ones are its."""
        return self.prompts_of(self.communes.first)

    def prompts_of(self, commune: str) -> Prompts:
        """A commune's sentences."""
        return self._prompts[commune]

    def _new_prompts(self, commune: str) -> Prompts:
        """A commune's own recordings lie in a folder of its name; the first one's may lie beside it."""
        recordings = self.settings.recordings_dir
        if recordings is not None and (recordings / commune).is_dir():
            recordings = recordings / commune
        elif commune != self.communes.first:
            recordings = None
        return Prompts(self.settings.prompts_dir, self.voice, recordings)

    def ear(self) -> Ear:
        """An ear for a new call."""
        model = self.hearing.model
        return Ear(
            model.pool,
            self.threads,
            Endpointer(self.settings.end_silence_ms, self.settings.max_utterance_ms),
            self.settings.sample_rate_hz,
            model.recognizer if model.knows_grammars else None,
        )

    def thresholds(self) -> Thresholds:
        """When to act, and when to ask."""
        return thresholds_of(self.settings, self.model.calibration)

    def dialogue(
        self,
        desk: Desk,
        caller: Caller = Caller(),  # noqa: B008 (frozen)
        commune: str = "",
        *,
        clock: Callable[[], datetime] | None = None,
        unanswered: bool = False,
    ) -> Dialogue:
        """The conversation of a new call; of the first commune, unless another is named."""
        understanding = self.model.understanding()
        commune = commune or self.communes.first
        clock = clock or self.communes.clock(commune)
        return Dialogue(
            understanding, self.communes[commune], self.thresholds(), desk, clock, caller, unanswered
        )

    def tempo(self) -> Tempo:
        """Patience with a caller."""
        asked = self.settings
        return Tempo(
            no_input_ms=asked.no_input_ms,
            wait_ms=asked.wait_ms,
            barge_in_ms=asked.barge_in_ms,
            end_silence_ms=asked.end_silence_ms,
            quick_silence_ms=min(asked.quick_silence_ms, asked.end_silence_ms),
            slow_silence_ms=max(asked.slow_silence_ms, asked.end_silence_ms),
            max_call_s=asked.max_call_s,
        )

    async def close(self) -> None:
        """Release voice, connections and threads."""
        await self.voice.close()
        await self.rasa.close()
        self.threads.shutdown(wait=False, cancel_futures=True)


def make_voice(settings: Settings) -> Voice:
    """The voice the settings ask for.

    Raises:
        VoiceError: it is not installed.
    """
    if settings.voice_engine == "piper":
        assert settings.piper_model is not None  # settings checked it
        return PiperVoice(settings.piper_model)
    return Pyttsx3Voice(settings.voice, settings.speech_rate_wpm)
