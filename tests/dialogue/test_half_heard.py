"""A turn of which only the telling words were heard: they are believed, the rest is not."""

from dataclasses import replace
from typing import Literal

import pytest

from callbot.dialogue.moves import (
    Answer,
    Ask,
    AskSlot,
    Confirm,
    ConfirmRequest,
    Goodbye,
    Move,
    Register,
    Repeat,
    Transfer,
)
from callbot.dialogue.policy import decide
from callbot.dialogue.state import State, Understood
from callbot.types import IntentScore

from .test_certainty import CAREFUL
from .test_policy import (
    ANSWERED,
    ASKED_WHERE,
    ASKED_WHO,
    HOLE_INTENT,
    INTENTS,
    KNOWN,
    PENDING,
    START,
    WHOLE,
    said,
)

GARBLED = "piscine_horaires"
AGAIN, LET_GO = {"again_first": "yes"}, {"lets_go": "yes"}
COMPLAINT, NO_MACHINE = {"complains": "yes"}, {"no_machine": "yes"}
CALL_ME = (("phone", "06 39 98 23 32"),)
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
        (ANSWERED, said("conversation_non", 0.86, values=COMPLAINT), Ask("sorry")),
        (START, said("hors_sujet", 0.5, values=COMPLAINT), Ask("sorry")),
        (PENDING, said("piscine_horaires", 0.97, values=COMPLAINT), Answer("piscine_horaires")),
        (START, said("conversation_es_tu_un_robot", 0.73, values=NO_MACHINE), Transfer("accueil", "asked")),
        (START, said("piscine_horaires", 0.97, values=NO_MACHINE), Answer("piscine_horaires")),
        (START, said("conversation_au_revoir", 0.6, values=LET_GO), Goodbye()),
        (  # guessed from words misheard before, and not agreed to
            replace(PENDING, vague=True),
            said("piscine_horaires", 0.5, joined=(IntentScore("piscine_tarif", 0.6),)),
            Confirm("piscine_horaires"),
        ),
        (  # « non, pas la cantine, le centre de loisirs »
            WHOLE,
            said("piscine_tarif", 0.6, consent="no", rest=(IntentScore("piscine_tarif", 0.7),)),
            Confirm("piscine_tarif"),
        ),
        (
            WHOLE,
            said("piscine_tarif", 0.6, consent="no", rest=(IntentScore("piscine_horaires", 0.7),)),
            Ask("what_to_change"),
        ),
        (
            ASKED_WHERE,
            said("hors_sujet", 0.5, values=dict(CALL_ME)),
            AskSlot(HOLE_INTENT, "address", CALL_ME),
        ),
        (
            ASKED_WHO,
            said("hors_sujet", 0.5, values=dict(CALL_ME), text="zoé carpentier mon numéro"),
            ConfirmRequest("cantine_annuler_repas", (("name_dates", "zoé carpentier mon numéro"), *CALL_ME)),
        ),
        (
            WHOLE,
            said("hors_sujet", 0.5, values={"number": "18"}, text="le dix-huit"),
            ConfirmRequest(HOLE_INTENT, (("number", "18"), ("street", "rue pasteur"))),
        ),
    ],
)
def test_telling_words_are_believed(state: State, heard: Understood, expected: Move) -> None:
    assert decide(state, heard, INTENTS.get, CAREFUL)[1] == (expected,)


def test_an_address_and_nothing_else_is_about_the_topic() -> None:
    """« j'habite rue des érables » alone sounds like the school of that street."""
    told = State(topic="piscine_horaires", offered_more=True)
    where = said(HOLE_INTENT, 0.9, joined=(IntentScore("piscine_horaires", 0.9),), values={"street": "x"})
    assert decide(told, where, INTENTS.get, CAREFUL)[1] == (Confirm(HOLE_INTENT),)
    only = replace(where, values={"street": "x", "only_where": "yes"})
    assert decide(told, only, INTENTS.get, CAREFUL)[1] == (Answer("piscine_horaires"),)


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


def test_the_second_of_two_needs_waits_for_the_first_to_be_confirmed() -> None:
    """« les tarifs de la piscine, et puis savoir si vous ouvrez le dimanche »."""
    both = said("piscine_tarif", 0.85, second=(IntentScore("piscine_horaires", 0.97),))
    asked, turn = decide(START, both, INTENTS.get, CAREFUL)
    assert turn == (Confirm("piscine_tarif"),)
    _, turn = decide(asked, said("conversation_oui", 0.99, consent="yes"), INTENTS.get, CAREFUL)
    assert turn == (Answer("piscine_tarif"), Answer("piscine_horaires"))
