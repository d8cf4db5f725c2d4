"""Nobody goes round in circles, whatever they say, press or keep to themselves."""

import pytest

from callbot.dialogue.moves import Answer, Goodbye, Register, SpeakLanguage, TakeMessage, Transfer, describe
from callbot.dialogue.policy import begin, decide
from callbot.dialogue.state import Key, Silence, State

from .test_policy import (
    ANSWERED,
    ASKED_DAY,
    ASKED_WHERE,
    ASKED_WHO,
    INTENTS,
    LIMITS,
    MUMBLE,
    OFFERED,
    PENDING,
    START,
    TORN,
    WHOLE,
    alone,
    said,
)


def test_nobody_is_stuck_in_a_loop() -> None:
    """Whatever is not understood, and however often, ends with a human within three turns."""
    for heard in (MUMBLE, said("hors_sujet"), Key("7"), Silence(), said("conversation_non")):
        state, moves = START, []
        for _ in range(3):
            state, done = decide(state, heard, INTENTS.get, LIMITS)
            moves += done
        assert any(isinstance(move, Transfer) for move in moves), heard


STUBBORN = (
    *(MUMBLE, Silence(), Key("7"), said("hors_sujet"), said("conversation_oui"), said("conversation_non")),
    *(said("conversation_saluer"), said("conversation_autre_question"), said("sans_reponse")),
    *(said("conversation_insatisfait"), said("conversation_insulte"), said("conversation_langue_etrangere")),
    *(
        said("piscine_tarif", 0.4),
        TORN,
        said("conversation_non", consent="no", rest=alone("piscine_tarif", 0.5)),
    ),
    said("conversation_non", consent="no", rest=alone("voirie_nid_de_poule", 0.5)),
)
PROGRESS = Transfer | Goodbye | Answer | Register | SpeakLanguage


@pytest.mark.parametrize(
    "start", [START, PENDING, OFFERED, ANSWERED, ASKED_WHERE, WHOLE, ASKED_DAY, ASKED_WHO]
)
@pytest.mark.parametrize("first", range(len(STUBBORN)))
@pytest.mark.parametrize("then", range(len(STUBBORN)))
def test_whoever_says_the_same_two_things_again_and_again_gets_somewhere(
    start: State, first: int, then: int
) -> None:
    state, done = start, []
    for turn_number in range(8):
        state, turn = decide(state, STUBBORN[then if turn_number % 2 else first], INTENTS.get, LIMITS)
        done += turn
        if any(isinstance(move, PROGRESS) for move in turn):
            return
    raise AssertionError(describe(tuple(done)))


def test_nobody_there_is_no_loop() -> None:
    """Whatever is not understood, and however often, ends: with a message, or with a goodbye."""
    for heard in (MUMBLE, said("hors_sujet"), Key("7"), Key("0"), Silence(), said("conversation_humain")):
        state, done = START, begin()[1]
        for _ in range(6):
            state, done = decide(state, heard, INTENTS.get, LIMITS, lambda _: False)
            if isinstance(done[-1], Goodbye | TakeMessage):
                break
        assert isinstance(done[-1], Goodbye | TakeMessage), heard
