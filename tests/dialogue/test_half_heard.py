"""A turn of which only the telling words were heard: they are believed, the rest is not."""

from dataclasses import replace
from typing import Literal

import pytest

from callbot.dialogue.moves import Answer, AskSlot, Confirm, ConfirmRequest, Goodbye, Move, Register, Repeat
from callbot.dialogue.policy import decide
from callbot.dialogue.state import State, Understood
from callbot.types import IntentScore

from .test_certainty import CAREFUL
from .test_policy import ANSWERED, ASKED_WHERE, HOLE_INTENT, INTENTS, KNOWN, PENDING, START, WHOLE, said

GARBLED = "piscine_horaires"
AGAIN, LET_GO = {"again_first": "yes"}, {"lets_go": "yes"}
SAID_IT = Register(HOLE_INTENT, KNOWN)
PHONE = (("phone", "0600000000"),)
CALLED = State(form=replace(WHOLE.form, slots=("phone",), known=PHONE)) if WHOLE.form else START


@pytest.mark.parametrize(
    ("state", "heard", "expected"),
    [
        (ANSWERED, said(GARBLED, 0.5, values=AGAIN), Repeat()),
        (PENDING, said(GARBLED, 0.5, values=AGAIN), Repeat()),
        (
            ANSWERED,
            said("piscine_tarif", 0.97, values=AGAIN),
            Answer("piscine_tarif"),
        ),  # « redites-moi le prix »
        (PENDING, said(GARBLED, 0.7, values=LET_GO), Goodbye()),
        (ASKED_WHERE, said(GARBLED, 0.7, values=LET_GO), Goodbye()),
        (ASKED_WHERE, said("piscine_tarif", 0.97, values=LET_GO), Answer("piscine_tarif")),
        (WHOLE, said("hors_sujet", 0.5, values={"number": "17"}, text="le dix-sept"), SAID_IT),
        (WHOLE, said("hors_sujet", 0.5, values={"street": "rue pasteur"}, text="rue pasteur"), SAID_IT),
        (CALLED, said("hors_sujet", 0.5, values=dict(PHONE)), Register(HOLE_INTENT, PHONE)),
        (
            WHOLE,
            said("hors_sujet", 0.5, values={"number": "18"}, text="le dix-huit"),
            ConfirmRequest(HOLE_INTENT, (("number", "18"), ("street", "rue pasteur"))),
        ),
    ],
)
def test_telling_words_are_believed(state: State, heard: Understood, expected: Move) -> None:
    assert decide(state, heard, INTENTS.get, CAREFUL)[1] == (expected,)


@pytest.mark.parametrize("consent", ["", "yes"])
def test_a_piece_that_one_of_two_needs_chooses_it(consent: Literal["", "yes"]) -> None:
    torn = State(choice=("piscine_tarif", HOLE_INTENT))
    heard = replace(said("hors_sujet", 0.5, values=dict(KNOWN)), consent=consent)
    assert decide(torn, heard, INTENTS.get, CAREFUL)[1] == (ConfirmRequest(HOLE_INTENT, KNOWN),)


def test_no_and_then_one_of_the_two_in_other_words() -> None:
    torn = State(choice=("piscine_tarif", "piscine_horaires"))
    rest = (IntentScore("piscine_horaires", 0.9),)
    heard = replace(said("piscine_horaires", 0.9), consent="no", rest=rest)
    assert decide(torn, heard, INTENTS.get, CAREFUL)[1] == (Confirm("piscine_horaires"),)


def test_the_end_of_nothing_ends_no_call() -> None:
    _, (move,) = decide(START, said(GARBLED, 0.5, values=LET_GO), INTENTS.get, CAREFUL)
    assert not isinstance(move, Goodbye)


def test_what_is_denied_is_not_confirmed() -> None:
    heard = said("hors_sujet", 0.5, values={"number": "17"}, text="c'est pas le dix-sept")
    _, (move,) = decide(WHOLE, heard, INTENTS.get, CAREFUL)
    assert isinstance(move, ConfirmRequest | AskSlot)
