"""When the reading of a closed question counts."""

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
    assert settle(OPEN, Reading("mon nom", 100), closed, grammar)[0].text == heard, why
