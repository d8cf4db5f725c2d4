"""A turn of which only the telling words were heard: they are believed, the rest is not."""

from dataclasses import replace
from typing import Literal

import pytest

from callbot.dialogue.moves import (
    Answer,
    Ask,
    AskSlot,
    Choose,
    Confirm,
    ConfirmRequest,
    Goodbye,
    Move,
    Register,
    Repeat,
    Transfer,
    Wait,
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
            WHOLE,
            said("conversation_oui", 0.9, consent="yes", values=dict(CALL_ME)),
            ConfirmRequest(HOLE_INTENT, (*KNOWN, *CALL_ME)),
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


def test_for_my_son_is_about_the_topic_however_clear_it_sounds() -> None:
    """« et pour mon fils il a neuf ans » after a passport is no school."""
    told = State(topic="piscine_horaires", offered_more=True)
    joined = (IntentScore("piscine_tarif", 0.9), IntentScore("piscine_horaires", 0.05))
    heard = said(HOLE_INTENT, 0.97, joined=joined)
    assert decide(told, heard, INTENTS.get, CAREFUL)[1] == (AskSlot(HOLE_INTENT, "address"),)
    heard = replace(heard, values={"follows": "yes", "for_whom": "yes"})
    assert decide(told, heard, INTENTS.get, CAREFUL)[1] == (Confirm("piscine_tarif"),)


LAMP, RDV = "voirie_lampadaire", "piscine_rdv_prendre"
AU_FAIT = {"beside": "yes", "number": "3"}
DES_ERABLES = {"street": "rue des Érables", "only_where": "yes"}


def test_what_is_asked_beside_a_request_is_answered_and_the_request_goes_on() -> None:
    """« au fait, la piscine ouvre le lundi ? » loses no request, nor is its lundi a piece of one."""
    told = Answer("piscine_tarif")
    heard = said("piscine_tarif", 0.97, values=AU_FAIT)
    state, turn = decide(ASKED_WHERE, heard, INTENTS.get, CAREFUL)
    assert turn == (told, AskSlot(HOLE_INTENT, "address"))
    assert state.form is not None and not state.form.known
    state, turn = decide(WHOLE, heard, INTENTS.get, CAREFUL)
    assert turn == (told, ConfirmRequest(HOLE_INTENT, KNOWN))
    assert decide(state, said("conversation_oui", 0.99), INTENTS.get, CAREFUL)[1] == (SAID_IT,)


def test_an_address_alone_chooses_neither_of_two_that_need_one() -> None:
    known = {**INTENTS, LAMP: INTENTS[HOLE_INTENT].model_copy(update={"id": LAMP})}
    torn = State(choice=(HOLE_INTENT, LAMP))
    state, turn = decide(torn, said("piscine_tarif", 0.85, values=DES_ERABLES), known.get, CAREFUL)
    assert turn == (Choose(HOLE_INTENT, LAMP),)
    _, turn = decide(state, said("x", 0.2, picked=1), known.get, CAREFUL)
    assert turn == (AskSlot(HOLE_INTENT, "number", (("street", "rue des Érables"),)),)


def test_of_two_requests_the_second_is_asked_about_once_the_first_is_taken() -> None:
    """« le lampadaire clignote, et en plus le trottoir est défoncé »."""
    two = said(HOLE_INTENT, 0.97, values=dict(KNOWN), second=(IntentScore("cantine_annuler_repas", 0.97),))
    state, turn = decide(START, two, INTENTS.get, CAREFUL)
    assert turn == (ConfirmRequest(HOLE_INTENT, KNOWN),)
    state, turn = decide(state, said("conversation_oui", 0.99), INTENTS.get, CAREFUL)
    assert turn == (SAID_IT, Confirm("cantine_annuler_repas"))
    assert dict(state.values) == dict(KNOWN)


PARTING = (IntentScore("conversation_remercier", 0.43), IntentScore("conversation_au_revoir", 0.43))


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (said("piscine_horaires", 0.5, values={"moment": "yes"}), Wait()),
        (said("piscine_tarif", 0.97, values={"moment": "yes"}), Answer("piscine_tarif")),
        (
            Understood(
                (IntentScore("conversation_remercier", 0.43), IntentScore("conversation_au_revoir", 0.43))
            ),
            Goodbye(),
        ),
    ],
)
def test_said_in_two_ways_at_once(heard: Understood, expected: Move) -> None:
    assert decide(PENDING, heard, INTENTS.get, CAREFUL)[1] == (expected,)


def test_an_appointment_is_about_the_topics_own() -> None:
    told = State(topic="piscine_horaires", offered_more=True)
    joined = (IntentScore("piscine_horaires", 0.6), IntentScore(RDV, 0.1))
    known = {**INTENTS, RDV: INTENTS["piscine_tarif"].model_copy(update={"id": RDV})}
    heard = said("hors_sujet", 0.5, joined=joined, values={"appointment": "yes", "follows": "yes"})
    assert decide(told, heard, known.get, CAREFUL)[1] == (Confirm(RDV),)
