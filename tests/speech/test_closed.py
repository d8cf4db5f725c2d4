"""When the reading of a closed question counts."""

from dataclasses import replace

import pytest

from callbot.speech.closed import Grammar, Reading, settle
from callbot.types import Hypothesis

YES_NO = Grammar(("oui", "non", "non non"))
DIGITS = Grammar(("zéro", "six"), any_order=True)
OPEN = (Hypothesis("mon nom", 0.7), Hypothesis("non", 0.3))


@pytest.mark.parametrize(
    ("why", "grammar", "closed", "heard"),
    [
        ("an answer that sounds right", YES_NO, Reading("non non", 102), "non non"),
        ("nearly as right as the open reading", YES_NO, Reading("non non", 99.2), "non non"),
        ("much less right", YES_NO, Reading("non non", 97), "mon nom"),
        ("words outside the grammar", YES_NO, Reading("oui [unk]", 103), "mon nom"),
        ("answers put together", YES_NO, Reading("oui non", 103), "mon nom"),
        ("nothing", YES_NO, Reading("", 103), "mon nom"),
        ("dictated digits", DIGITS, Reading("zéro six six", 101), "zéro six six"),
    ],
)
def test_settle(why: str, grammar: Grammar, closed: Reading, heard: str) -> None:
    alone = (Hypothesis(closed.text, 1.0),)
    assert settle(OPEN, Reading("mon nom", 100), alone, closed, grammar)[0].text == heard, why


SIXES = replace(DIGITS, whole=lambda text: text.split().count("six") == 3)


@pytest.mark.parametrize(
    ("why", "readings", "score", "heard"),
    [
        ("whole, though it fits worse", ["six zéro six six"], 93, "six zéro six six"),
        ("whole, but far from what was said", ["six zéro six six"], 91, "mon nom"),
        ("the likeliest has lost something", ["six six", "zéro six six six"], 102, "zéro six six six"),
        ("none is whole and the first fits", ["six six", "zéro six"], 102, "six six"),
        ("none is whole and the first fits worse", ["six six", "zéro six"], 96, "mon nom"),
        ("nothing was heard", [], 102, "mon nom"),
    ],
)
def test_a_whole_answer_is_looked_for_among_the_readings(
    why: str, readings: list[str], score: float, heard: str
) -> None:
    said = [Hypothesis(text, 1 / len(readings)) for text in readings]
    closed = Reading(readings[0] if readings else "", score)
    assert settle(OPEN, Reading("mon nom", 100), said, closed, SIXES)[0].text == heard, why
