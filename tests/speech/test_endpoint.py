"""Onset and end of utterances, frame by frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbot.speech.endpoint import FRAME_MS, Endpointer, Mark


def marks(frames: str, **options: int) -> dict[int, Mark]:
    """Marks by frame number; `#` is a voiced frame."""
    endpointer = Endpointer(**{"end_silence_ms": 200, "max_utterance_ms": 2000} | options)
    found = {at: endpointer.push(frame == "#") for at, frame in enumerate(frames)}
    return {at: mark for at, mark in found.items() if mark}


def test_speech_then_silence_is_an_utterance() -> None:
    assert marks("..." + "#" * 10 + "." * 12) == {6: Mark.ONSET, 22: Mark.END}


def test_a_click_is_no_onset() -> None:
    assert marks("..#..#....##......") == {}


def test_a_pause_shorter_than_the_end_silence_is_heard_out() -> None:
    assert marks("#" * 10 + "." * 9 + "#" * 5 + "." * 10) == {3: Mark.ONSET, 33: Mark.END}


def test_an_endless_utterance_is_cut() -> None:
    found = marks("#" * 250, max_utterance_ms=2000)
    assert found[99] is Mark.END


def test_voiced_time_leaves_pauses_out() -> None:
    endpointer = Endpointer(200, 5000)
    for frame in "#" * 10 + "." * 5 + "#" * 10 + "." * 10:
        endpointer.push(frame == "#")
    assert endpointer.voiced_ms == 20 * FRAME_MS


@given(st.lists(st.booleans(), max_size=400))
def test_onset_and_end_always_alternate(frames: list[bool]) -> None:
    endpointer = Endpointer(200, 2000)
    found = [mark for frame in frames if (mark := endpointer.push(frame))]
    assert found == [Mark.ONSET, Mark.END] * (len(found) // 2) + [Mark.ONSET] * (len(found) % 2)


@pytest.mark.parametrize("end_silence_ms", [300, 500, 1000])
def test_the_end_comes_after_the_silence_asked_for(end_silence_ms: int) -> None:
    found = marks("#" * 10 + "." * 80, end_silence_ms=end_silence_ms)
    assert found[9 + end_silence_ms // FRAME_MS] is Mark.END


def test_one_utterance_may_be_given_another_end_silence() -> None:
    endpointer = Endpointer(200, 5000)
    marks = []
    for at, frame in enumerate("#" * 10 + "." * 40 + "#" * 10 + "." * 20):
        if at == 12:
            endpointer.wait(600)
        marks.append((at, endpointer.push(frame == "#")))
    assert [(at, mark) for at, mark in marks if mark] == [
        (3, Mark.ONSET),
        (9 + 600 // FRAME_MS, Mark.END),
        (53, Mark.ONSET),
        (59 + 200 // FRAME_MS, Mark.END),
    ]
