"""The bot's own voice, come back through a room, told from a caller's."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from callbot.rehearsal import load_pcm
from callbot.speech.echo import ECHO_MS, FarEnd
from tests.calls import voices

RATE = 8000
FRAME = 160
PIECE = RATE * ECHO_MS // 1000
PROMPT = "La piscine est ouverte du mardi au dimanche, de neuf heures à dix-neuf heures trente."


@pytest.fixture(scope="module")
def prompt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("echo") / "raw.wav"
    subprocess.run(["espeak-ng", "-v", "mb-fr1", "-s", "155", "-w", raw, PROMPT], check=True)
    samples = np.frombuffer(load_pcm(raw, RATE), dtype="<i2")
    return voices.write(raw.with_name("prompt.wav"), samples)


@pytest.fixture(scope="module")
def caller() -> np.ndarray:
    return voices.read(voices.speak("Je voudrais parler à quelqu'un de la mairie.")).astype(float)


def room(sound: np.ndarray, late_ms: int) -> np.ndarray:
    """A loudspeaker in a room, 20 dB weaker, some time late, with the street's noise."""
    rng = np.random.default_rng(4)
    tail = rng.standard_normal(800) * np.exp(-np.arange(800) / 200)
    answer = np.concatenate(([1.0], 0.5 * tail / np.linalg.norm(tail)))
    late = np.concatenate((np.zeros(RATE * late_ms // 1000), np.convolve(sound, answer)))
    street = np.cumsum(rng.normal(0, 8, len(late)))  # brown: mostly below the voice
    return (
        0.1 * late + street - np.convolve(street, np.ones(400) / 400, "same") + rng.normal(0, 20, len(late))
    )


def echoes(prompt: Path, sound: np.ndarray) -> list[bool]:
    """What is said of each loud stretch of a sound that comes while a prompt plays."""
    far_end, found = FarEnd(), []
    for at in range(0, len(sound) - FRAME, FRAME):
        far_end.play(prompt, (at + FRAME) / RATE, FRAME)
        piece = sound[max(0, at + FRAME - PIECE) : at + FRAME]
        if at % (10 * FRAME) == 0 and len(piece) == PIECE and np.std(piece) > 0.7 * np.std(sound):
            found.append(far_end.echoes_in(piece.astype("<i2").tobytes()))
    return found


@pytest.mark.parametrize("late_ms", [40, 130, 400, 850])
def test_the_bots_own_voice_is_an_echo(prompt: Path, late_ms: int) -> None:
    found = echoes(prompt, room(voices.read(prompt).astype(float), late_ms))
    assert len(found) >= 10
    assert sum(found) >= len(found) - 1


def test_a_caller_is_none_alone_or_over_an_echo(prompt: Path, caller: np.ndarray) -> None:
    echo = room(voices.read(prompt).astype(float), 130)[: len(caller)]
    for sound in (caller, caller[: len(echo)] + echo):
        found = echoes(prompt, sound)
        assert len(found) >= 5
        assert not any(found)


def test_a_short_word_over_the_prompt_is_none(prompt: Path) -> None:
    word = voices.read(voices.speak("Oui.")).astype(float)
    sound = room(voices.read(prompt).astype(float), 130)
    sound[8000 : 8000 + len(word)] += word
    far_end = FarEnd()
    end = 8000 + len(word)
    far_end.play(prompt, end / RATE, end)
    assert not far_end.echoes_in(sound[end - PIECE : end].astype("<i2").tobytes())


def test_silence_is_none(prompt: Path) -> None:
    far_end = FarEnd()
    assert not far_end.echoes_in(b"\x10\x00" * PIECE)
    far_end.play(prompt, 2.0, 2 * RATE)
    assert not far_end.echoes_in(bytes(2 * PIECE))
    assert not far_end.echoes_in(b"")
