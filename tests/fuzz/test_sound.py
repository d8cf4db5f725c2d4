"""Any sound on the line: the ear and what is recorded take it, whole frames or not."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from callbot.speech.ear import Ear, Heard
from callbot.speech.endpoint import Endpointer
from callbot.speech.message import Recorder
from callbot.speech.recognizer import SpeechModel

LOUD = st.integers(0, 255).map(lambda byte: bytes([byte, 255 - byte]) * 800)
SOUND = st.lists(st.binary(max_size=700) | LOUD | st.just(bytes(1600)), max_size=12)
RATES = st.sampled_from([8000, 16000])


@settings(deadline=None, max_examples=max(settings.default.max_examples // 5, 10))
@given(chunks=SOUND, forgets=st.integers(0, 12))
def test_the_ear_takes_any_sound(speech_model: SpeechModel, chunks: list[bytes], forgets: int) -> None:
    async def hear() -> None:
        with ThreadPoolExecutor(1) as threads:
            ear = Ear(speech_model.pool, threads, Endpointer(200, 1000))
            for at, chunk in enumerate([*chunks, bytes(16000)]):
                if at == forgets:
                    await ear.forget()
                sound = await ear.hear(chunk)
                if isinstance(sound, Heard):
                    assert sound.utterance.speech_s <= sound.utterance.length_ms / 1000 + 0.001
                assert len(ear.recent) % 2 == 0

    asyncio.run(hear())


@given(st.lists(st.binary(max_size=99).map(lambda pcm: pcm[: len(pcm) // 2 * 2]), max_size=5), RATES)
def test_any_message_is_kept_sample_by_sample(chunks: list[bytes], rate_hz: int) -> None:
    recorder = Recorder(rate_hz)
    for chunk in chunks:
        recorder.add(chunk)
    with TemporaryDirectory() as folder:
        samples, kept_hz = soundfile.read(Path(folder) / recorder.save(Path(folder)), dtype="int16")
    assert (samples.astype("<i2").tobytes(), kept_hz) == (b"".join(chunks), rate_hz)
