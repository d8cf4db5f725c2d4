"""How sure is sure enough: the same words at other probabilities, thresholds as calibration finds them."""

import pytest

from callbot.dialogue.moves import Ask, Confirm, Goodbye, Move, Repeat, Wait
from callbot.dialogue.policy import decide
from callbot.dialogue.state import State, Thresholds, Understood
from callbot.types import IntentScore

from .test_policy import INTENTS, PENDING, START, WHOLE, said

CAREFUL = Thresholds(answer=0.95, confirm=0.8, choose=0.55)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, Confirm("piscine_tarif")), (0.4, Ask("unclear"))], ids=["likely", "hardly"]
)
def test_what_has_nothing_to_be_chosen_against_is_confirmed(share: float, expected: Move) -> None:
    heard = Understood((IntentScore("piscine_tarif", share), IntentScore("hors_sujet", 0.2)))
    assert decide(START, heard, INTENTS.get, CAREFUL)[1] == (expected,)


def test_a_doubtful_never_mind_again_and_again_ends_with_a_human() -> None:
    state, reasons = START, []
    for _ in range(2):
        state, (move,) = decide(state, said("conversation_annuler", 0.6), INTENTS.get, CAREFUL)
        reasons.append(move.reason)
    assert reasons == ["go_on", "not_understood"]


@pytest.mark.parametrize(
    ("intent", "expected"),
    [
        ("conversation_attendre", Wait()),
        ("conversation_saluer", Ask("go_on")),
        ("conversation_plus_lentement", Repeat("slower")),
    ],
)
def test_what_costs_a_word_is_obeyed_like_a_need_is_named(intent: str, expected: Move) -> None:
    assert decide(START, said(intent, 0.46), INTENTS.get, CAREFUL)[1] == (expected,)
    assert decide(START, said(intent, 0.44), INTENTS.get, CAREFUL)[1] == (Ask("unclear"),)


@pytest.mark.parametrize(
    ("state", "confidence", "expected"),
    [
        (WHOLE, 0.94, Goodbye()),
        (WHOLE, 0.7, Ask("unclear")),
        (START, 0.94, Ask("go_on")),  # « je voudrais annuler », the rest of it unheard
        (START, 0.46, Ask("go_on")),
        (START, 0.44, Ask("unclear")),
        (PENDING, 0.5, Ask("go_on")),
    ],
)
def test_a_request_is_let_go_when_fairly_sure(state: State, confidence: float, expected: Move) -> None:
    less = Thresholds(answer=0.95, confirm=0.65, choose=0.65)
    heard = said("conversation_annuler", confidence)
    assert decide(state, heard, INTENTS.get, less)[1] == (expected,)
