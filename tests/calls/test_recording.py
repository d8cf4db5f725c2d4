"""The ears of these tests: a prompt is found where it is, a cut one as far as it went, another not at all.

And the tape they hear it on: what was kept waiting on the way stands where it belongs.
"""

import numpy as np
import pytest

from . import recording, voices
from .recording import Samples
from .tape import Packet, sound
from .wire import A_LAW

PROMPT = "La copie d'acte de naissance est gratuite. Demandez-la sur le site de la ville."


def on_the_line(samples: Samples) -> Samples:
    """As it comes back from the telephone network: A-law, the levels of G.711."""
    scaled = samples.astype(np.float64) / 32768
    a = 87.6
    small = np.abs(scaled) < 1 / a
    squeezed = np.where(small, a * np.abs(scaled), 1 + np.log(np.maximum(a * np.abs(scaled), 1))) / (
        1 + np.log(a)
    )
    level = np.round(squeezed * 127) / 127 * (1 + np.log(a))
    back = np.where(level < 1, level / a, np.exp(level - 1) / a) * np.sign(scaled)
    return np.asarray(np.clip(back * 32768, -32768, 32767), dtype=np.int16)


@pytest.fixture(scope="module")
def prompt() -> Samples:
    return voices.read(voices.speak(PROMPT, voices.MAN))


def between_silences(samples: Samples) -> Samples:
    return np.concatenate([voices.silence(2.0), on_the_line(samples), voices.silence(1.0)])


def test_a_whole_prompt_is_found_where_it_is(prompt: Samples) -> None:
    heard = recording.find(between_silences(prompt), prompt)
    assert heard is not None
    assert heard.share == 1.0
    assert heard.start == pytest.approx(2.0, abs=0.01)


def test_a_prompt_with_a_stutter_is_still_found(prompt: Samples) -> None:
    half = len(prompt) // 2
    stuttered = np.concatenate([prompt[:half], voices.silence(0.3), prompt[half:]])
    heard = recording.find(between_silences(stuttered), prompt)
    assert heard is not None and heard.share > 0.8


def test_a_prompt_of_which_the_recorder_lost_a_second_is_still_found(prompt: Samples) -> None:
    half = len(prompt) // 2
    recorded = np.concatenate([prompt[:half], prompt[half + voices.RATE :]])
    heard = recording.find(between_silences(recorded), prompt, recording.STALLED_S)
    assert heard is not None
    assert heard.missing_s < 1.7
    assert heard.cut_s == 0


def test_a_cut_prompt_is_found_as_far_as_it_went(prompt: Samples) -> None:
    heard = recording.find(between_silences(prompt[: len(prompt) // 2]), prompt)
    assert heard is not None
    assert heard.share == pytest.approx(0.5, abs=0.15)
    assert heard.end == pytest.approx(2.0 + len(prompt) / 2 / voices.RATE, abs=0.4)
    assert heard.cut_s == pytest.approx(len(prompt) / 2 / voices.RATE, abs=1.0)


def test_another_prompt_is_not_found(prompt: Samples) -> None:
    other = voices.read(voices.speak("La piscine ouvre à dix heures le dimanche matin.", voices.MAN))
    heard = recording.find(between_silences(other), prompt)
    assert heard is None or heard.share < 0.3


def test_nothing_is_found_in_silence(prompt: Samples) -> None:
    assert recording.find(voices.silence(3.0), prompt) is None


def test_sounds_are_the_stretches_between_pauses() -> None:
    tone = voices.tone(440, 0.5)
    samples = np.concatenate(
        [voices.silence(1.0), tone, voices.silence(0.1), tone, voices.silence(1.0), tone]
    )
    assert recording.sounds(samples) == [
        pytest.approx((1.0, 2.1), abs=0.03),
        pytest.approx((3.1, 3.6), abs=0.03),
    ]


PACKET = 160
PACKET_S = PACKET / voices.RATE


def packets(samples: Samples) -> list[bytes]:
    """A-law packets, each sample coded by the nearest there is."""
    order = np.argsort(A_LAW)
    places = np.searchsorted(A_LAW[order], samples.astype(np.float64)).clip(0, 255)
    codes = order[places].astype(np.uint8)
    return [codes[at : at + PACKET].tobytes() for at in range(0, len(codes) - PACKET + 1, PACKET)]


def test_packets_that_came_in_a_burst_stand_where_they_were_due(prompt: Samples) -> None:
    taped = []
    for number, speech in enumerate(packets(prompt)):
        at = number * PACKET_S
        taped.append(
            Packet(100.0 + at + max(0.0, 0.3 - at % 0.9), speech)
        )  # held up for 0.3 s, again and again
    heard = recording.find(sound(taped, began=99.0), prompt)
    assert heard is not None and heard.share == 1.0
    assert heard.start == pytest.approx(1.0, abs=0.05) and len(taped) > 100


def test_a_pause_and_a_late_side_keep_their_length(prompt: Samples) -> None:
    tone = packets(voices.tone(440, 0.5))
    taped = [
        Packet(100.0 + begin + number * PACKET_S, speech)
        for begin in (0.0, 2.0)
        for number, speech in enumerate(tone)
    ]
    assert recording.sounds(sound(taped, began=98.5)) == [
        pytest.approx((1.5, 2.0), abs=0.03),
        pytest.approx((3.5, 4.0), abs=0.03),
    ]
    assert len(sound([], began=0.0)) == 0
