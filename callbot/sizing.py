"""`callbot doctor --bench`: how many callers this machine can carry with this speech model."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import soundfile

from callbot.admission import USABLE
from callbot.parts import make_voice
from callbot.quality.erlang import erlang_b
from callbot.rehearsal import load_pcm
from callbot.settings import Settings
from callbot.speech.prompts import Prompts
from callbot.speech.recognizer import SpeechModel
from callbot.types import Sentence

SENTENCES = (
    "Bonjour, je voudrais une copie de mon acte de naissance, s'il vous plaît.",
    "Est-ce que la piscine est ouverte le samedi matin pendant les vacances ?",
    "Ma carte d'identité est périmée, comment faut-il faire pour la refaire ?",
)
SPOKEN_S = 12.0
"""Seconds that a caller speaks in a minute of call; the rest is the bot's, or silence, and is not decoded."""
BESIDE_S = 0.9
"""Processor seconds a minute of call for everything but decoding, Asterisk and Rasa included: measured by
scripts/bench_load.py, see docs/benchmarks.md."""
BUSY_HOUR, CALL_S, TURNED_AWAY = 0.15, 150.0, 0.01
"""Share of a day's calls in its busiest hour, a call's length, and who may find no room (Erlang B)."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """What was measured and what follows."""

    decode_factor: float
    """Processor seconds to recognise a second of speech."""
    calls: int
    """At once."""
    daily: int
    """Calls a day that leave TURNED_AWAY of the busiest hour's without room."""


async def measure(settings: Settings) -> Sizing:
    """Speak some sentences, recognise them, count processor time.

    Raises:
        CallbotError: no voice or no speech model.
    """
    voice = make_voice(settings)
    rate_hz = settings.sample_rate_hz
    try:
        with tempfile.TemporaryDirectory() as folder:
            prompts = Prompts(Path(folder), voice)
            wavs = [await prompts.wav(Sentence(f"bench{at}", text)) for at, text in enumerate(SENTENCES)]
            seconds = sum(soundfile.info(wav).duration for wav in wavs)
            pcm = [load_pcm(wav, rate_hz) for wav in wavs]
    finally:
        await voice.close()
    model = SpeechModel(settings.model_dir, rate_hz, settings.nbest)
    spent_s = await asyncio.to_thread(_decode, model, pcm, rate_hz)
    return sizing(spent_s / seconds, os.cpu_count() or 1)


def _decode(model: SpeechModel, sounds: list[bytes], rate_hz: int) -> float:
    """Processor seconds to recognise them in pieces of a tenth of a second, as calls are."""
    recognizer = model.recognizer()
    step = rate_hz // 10 * 2
    began = time.process_time()
    for pcm in sounds:
        for at in range(0, len(pcm), step):
            recognizer.feed(pcm[at : at + step])
        recognizer.finish()
    return time.process_time() - began


def sizing(decode_factor: float, processors: int) -> Sizing:
    """What a decode factor means for a machine of so many processors."""
    a_minute = BESIDE_S + SPOKEN_S * decode_factor
    calls = max(1, int(USABLE * processors * 60 / a_minute))
    daily = 0
    while erlang_b((daily + 50) * BUSY_HOUR * CALL_S / 3600, calls) <= TURNED_AWAY:
        daily += 50
    return Sizing(decode_factor, calls, daily)
