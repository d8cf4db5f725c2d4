"""The real voice: what callers hear."""

import asyncio
import os
import signal
import stat
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callbot.dialogue import wording
from callbot.dialogue.moves import SpeakLanguage
from callbot.errors import VoiceError
from callbot.speech.prompts import Manner, Prompts, telephone_band
from callbot.speech.voices import (
    FORMANT_VOICE,
    OTHER_VOICES,
    PiperVoice,
    Pyttsx3Voice,
    Speech,
    best_french_voice,
)
from callbot.types import Sentence

HELLO = Sentence("hello", "Bonjour, vous êtes bien à la mairie.")


@pytest.fixture
async def voice() -> AsyncIterator[Pyttsx3Voice]:
    voice = Pyttsx3Voice()
    yield voice
    await voice.close()


async def test_a_prompt_is_a_telephone_wav_that_speaks(tmp_path: Path, voice: Pyttsx3Voice) -> None:
    wav = await Prompts(tmp_path, voice).wav(HELLO)
    info = soundfile.info(wav)
    assert (info.samplerate, info.channels, info.subtype) == (8000, 1, "PCM_16")
    samples, _ = soundfile.read(wav)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    assert 1.0 < info.duration < 4.0
    assert loud[0] < 8000 * 0.1  # it begins at once
    assert -30 < 20 * np.log10(np.sqrt(np.mean(samples**2))) < -15
    assert stat.S_IMODE(wav.stat().st_mode) == 0o644


@pytest.mark.parametrize("name", [FORMANT_VOICE, "mb/mb-fr1", "mb/mb-fr4"])
async def test_speech_has_its_true_rate_whatever_the_voice(name: str) -> None:
    """pyttsx3 writes 22050 Hz into the header of 16000 Hz voices: they would speak a third too fast."""
    voice = Pyttsx3Voice(name)
    speech = await voice.speak("Bonjour, vous êtes bien à la mairie de Rivemont.")
    await voice.close()
    assert 2.0 < len(speech.samples) / speech.rate_hz < 3.6


@pytest.mark.parametrize("name", [FORMANT_VOICE, "mb/mb-fr1", "mb/mb-fr4"])
async def test_every_sentence_has_the_pace_asked_for(name: str) -> None:
    """pyttsx3 cancels what eSpeak is still at when a sentence begins: the change of rate, as it happens."""
    lengths: dict[float, list[int]] = {1.0: [], 0.72: []}
    for _ in range(3):
        voice = Pyttsx3Voice(name)
        for pace in (1.0, 0.72, 1.0, 0.72):
            lengths[pace].append(len((await voice.speak(HELLO.text, pace)).samples))
        await voice.close()
    assert max(lengths[1.0]) < 1.05 * min(lengths[1.0])
    assert max(lengths[0.72]) < 1.05 * min(lengths[0.72])
    assert min(lengths[0.72]) / max(lengths[1.0]) > 1.3


async def test_a_sentence_is_made_once(tmp_path: Path, voice: Pyttsx3Voice) -> None:
    first = await Prompts(tmp_path, voice).wav(HELLO)
    made = first.stat().st_mtime_ns
    assert await Prompts(tmp_path, voice).wav(HELLO) == first
    assert first.stat().st_mtime_ns == made
    slower = Prompts(tmp_path, Pyttsx3Voice(rate_wpm=120))
    other = await slower.wav(HELLO)
    await slower._voice.close()
    assert other != first


async def test_a_recording_by_a_human_wins(tmp_path: Path, voice: Pyttsx3Voice) -> None:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    tone = 0.3 * np.sin(np.arange(44100) * 2 * np.pi * 440 / 44100)
    soundfile.write(recordings / "hello.wav", np.stack([tone, tone], axis=1), 44100)
    prompts = Prompts(tmp_path / "prompts", voice, recordings)
    samples, rate = soundfile.read(await prompts.wav(HELLO))
    assert rate == 8000
    spectrum = np.abs(np.fft.rfft(samples[:8000]))
    assert abs(int(np.argmax(spectrum)) - 440) <= 2
    other = await prompts.wav(Sentence("../hello", HELLO.text))  # not a name a recording may have
    assert len(soundfile.read(other)[0]) != len(samples)


async def test_an_unreadable_recording_is_an_error(tmp_path: Path, voice: Pyttsx3Voice) -> None:
    (tmp_path / "hello.wav").write_text("not a sound")
    with pytest.raises(VoiceError, match=r"hello\.wav"):
        await Prompts(tmp_path / "prompts", voice, tmp_path).wav(HELLO)


async def test_fixed_prompts_have_names_the_dialplan_knows(tmp_path: Path, voice: Pyttsx3Voice) -> None:
    prompts = Prompts(tmp_path, voice)
    await prompts.prepare([Sentence("nobody", "Personne ne peut vous répondre.")])
    assert (tmp_path / "fixed" / "nobody.wav").is_file()
    assert soundfile.info(await prompts.silence()).duration == 60


async def test_a_voice_that_does_not_exist_is_an_error() -> None:
    voice = Pyttsx3Voice("mb/mb-klingon1")
    with pytest.raises(VoiceError, match="unknown voice"):
        await voice.speak("Bonjour.")
    await voice.close()


async def test_a_worker_that_was_killed_is_started_again(voice: Pyttsx3Voice) -> None:
    await voice.speak("Un.")
    assert voice._worker is not None
    voice._worker.kill()
    await voice._worker.wait()
    assert len((await voice.speak("Deux.")).samples)


async def test_a_worker_that_hangs_is_an_error_then_started_again(
    voice: Pyttsx3Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await voice.speak("Un.")
    assert voice._worker is not None
    voice._worker.send_signal(signal.SIGSTOP)
    monkeypatch.setattr("callbot.speech.voices.SYNTHESIS_S", 0.2)
    with pytest.raises(VoiceError, match="TimeoutError"):
        await voice.speak("Deux.")
    monkeypatch.undo()
    assert len((await voice.speak("Trois.")).samples)


async def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path, voice: Pyttsx3Voice) -> None:
    (tmp_path / "prompts").write_text("a file, not a folder")
    with pytest.raises(VoiceError, match="can't write"):
        await Prompts(tmp_path / "prompts", voice).wav(HELLO)


async def test_a_full_disk_is_an_error_and_leaves_nothing_half_written(
    tmp_path: Path, voice: Pyttsx3Voice
) -> None:
    """A real one, of 16 kB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(tmp_path)]
    await asyncio.to_thread(subprocess.run, mount, check=True)
    try:
        with pytest.raises(VoiceError, match="No space left"):
            await Prompts(tmp_path, voice).wav(HELLO)
        assert list(tmp_path.iterdir()) == []
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", str(tmp_path)], check=True)


def test_silence_is_no_prompt() -> None:
    with pytest.raises(VoiceError, match="silence"):
        telephone_band(Speech(np.zeros(8000, dtype=np.float32), 8000))


def test_the_best_voice_installed_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("callbot.speech.voices.MBROLA_DATABASES", tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/mbrola")
    assert best_french_voice() == FORMANT_VOICE
    (tmp_path / "fr4").mkdir()
    (tmp_path / "fr4" / "fr4").touch()
    assert best_french_voice() == "mb/mb-fr4"


def test_piper_not_installed_says_the_remedy() -> None:
    with pytest.raises(VoiceError, match="pip install"):
        PiperVoice(Path("voice.onnx"))


async def test_slower_is_slower_and_louder_is_louder(tmp_path: Path, voice: Pyttsx3Voice) -> None:
    prompts = Prompts(tmp_path, voice)
    usual, slow, loud = [
        soundfile.read(await prompts.wav(HELLO, manner))[0]
        for manner in (Manner(), Manner().but("slower"), Manner().but("louder"))
    ]
    assert 1.2 < len(slow) / len(usual) < 1.7
    gain = 20 * np.log10(np.sqrt(np.mean(loud**2)) / np.sqrt(np.mean(usual**2)))
    assert 4 < gain < 9
    assert np.max(np.abs(loud)) < 0.85
    assert Manner().but("slower").but("louder") == Manner(slow=True, loud=True)


async def test_a_callers_own_words_do_not_stay_on_disk(tmp_path: Path, voice: Pyttsx3Voice) -> None:
    prompts = Prompts(tmp_path, voice)
    wav = await prompts.wav(Sentence("noted", "Je note : 17 rue Pasteur.", personal=True))
    assert wav.parent == tmp_path / "personal"
    os.utime(wav, (0, 0))
    await prompts.wav(Sentence("noted", "Je note : 18 rue Pasteur.", personal=True))
    assert not wav.exists()


@pytest.mark.parametrize("language", sorted(OTHER_VOICES))
async def test_every_other_language_has_a_voice(tmp_path: Path, voice: Pyttsx3Voice, language: str) -> None:
    (said,) = wording.words(SpeakLanguage(language), None, None)  # type: ignore[arg-type]
    assert said.language == language
    samples, _ = soundfile.read(await Prompts(tmp_path, voice).wav(said))
    assert 2.0 < len(samples) / 8000 < 9.0
