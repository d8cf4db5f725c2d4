"""The bot's own voice, come back through a room, told from a caller's."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from callbot.rehearsal import load_pcm
from callbot.speech.echo import ECHO_MS, is_echo
from tests.calls import voices

RATE = 8000
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


def pieces(sound: np.ndarray) -> list[bytes]:
    """Loud stretches, as the ear gives them."""
    cut = [sound[at : at + PIECE] for at in range(0, len(sound) - PIECE, PIECE // 2)]
    return [piece.astype("<i2").tobytes() for piece in cut if np.std(piece) > np.std(sound) * 0.7]


def room(sound: np.ndarray) -> np.ndarray:
    """A loudspeaker in a room, 20 dB weaker, 130 ms late, with the street's noise."""
    rng = np.random.default_rng(4)
    tail = rng.standard_normal(800) * np.exp(-np.arange(800) / 200)
    answer = np.concatenate(([1.0], 0.5 * tail / np.linalg.norm(tail)))
    late = np.concatenate((np.zeros(RATE * 130 // 1000), np.convolve(sound, answer)))
    return 0.1 * late + rng.normal(0, 40, len(late))


def test_the_bots_own_voice_is_an_echo(prompt: Path) -> None:
    heard = [is_echo(piece, prompt) for piece in pieces(room(voices.read(prompt).astype(float)))]
    assert len(heard) >= 8
    assert sum(heard) >= len(heard) - 1


def test_a_caller_is_none_alone_or_over_an_echo(prompt: Path, caller: np.ndarray) -> None:
    echo = room(voices.read(prompt).astype(float))[4000 : 4000 + len(caller)]
    for sound in (caller, caller[: len(echo)] + echo):
        heard = [is_echo(piece, prompt) for piece in pieces(sound)]
        assert len(heard) >= 4
        assert not any(heard)


def test_silence_and_more_than_the_prompt_are_none(prompt: Path) -> None:
    assert not is_echo(bytes(2 * PIECE), prompt)
    assert not is_echo(b"\x10\x00" * RATE * 60, prompt)
    assert not is_echo(b"", prompt)
