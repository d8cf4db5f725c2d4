"""The policy as a table: every move, from every state that leads to it."""

from dataclasses import replace

import pytest

from callbot.dialogue.moves import (
    Answer,
    Ask,
    Choose,
    Confirm,
    Goodbye,
    Greet,
    Move,
    Repeat,
    Transfer,
    describe,
)
from callbot.dialogue.policy import Input, Key, Silence, State, Thresholds, Understood, begin, decide
from callbot.town.answers import Intent
from callbot.types import IntentScore

INTENTS = {
    intent.id: intent
    for intent in (
        Intent(id="piscine_tarif", service="sports", kind="info", name="le tarif", answer="Trois euros."),
        Intent(
            id="piscine_horaires", service="sports", kind="live", name="les horaires", answer="Huit heures."
        ),
        Intent(
            id="voirie_nid_de_poule", service="voirie", kind="case", name="signaler un trou", answer="La rue."
        ),
        Intent(id="ccas_violences", service="ccas_social", kind="transfer", name="des violences"),
        Intent(id="conversation_es_tu_un_robot", service="conversation", kind="control", answer="Oui."),
        Intent(id="sans_reponse", service="accueil", kind="info", name="quelque chose"),
        Intent(id="sans_nom", service="accueil", kind="info", answer="Voilà."),
        Intent(id="conversation_oui", service="conversation", kind="control"),
    )
}
LIMITS = Thresholds(answer=0.6, confirm=0.3, choose=0.4)
START = State()
ANSWERED = State(offered_more=True)
REPAIRED = State(repairs=1)
PENDING = State(pending="piscine_tarif")


def said(intent: str, confidence: float = 0.9) -> Understood:
    return Understood((IntentScore(intent, confidence), IntentScore("piscine_horaires", 0.01)))


MUMBLE = Understood(())
TORN = Understood((IntentScore("piscine_tarif", 0.25), IntentScore("piscine_horaires", 0.2)))
OFFERED = State(choice=("piscine_tarif", "piscine_horaires"))

TABLE: list[tuple[str, State, Input, Move]] = [
    ("sure: answer", START, said("piscine_tarif"), Answer("piscine_tarif")),
    ("sure of a live fact: answer", START, said("piscine_horaires"), Answer("piscine_horaires")),
    ("at the very threshold: answer", START, said("piscine_tarif", 0.6), Answer("piscine_tarif")),
    ("fairly sure: confirm", START, said("piscine_tarif", 0.59), Confirm("piscine_tarif")),
    ("hardly sure: rephrase", START, said("piscine_tarif", 0.29), Ask("unclear")),
    ("hardly sure again: human", REPAIRED, said("piscine_tarif", 0.2), Transfer("accueil", "not_understood")),
    ("a mumble: rephrase", START, MUMBLE, Ask("unclear")),
    ("a mumble again: human", REPAIRED, MUMBLE, Transfer("accueil", "not_understood")),
    ("out of scope: rephrase", START, said("hors_sujet"), Ask("unclear")),
    ("out of scope again: human", REPAIRED, said("hors_sujet"), Transfer("accueil", "not_understood")),
    ("a request to take: its service", START, said("voirie_nid_de_poule"),
     Transfer("voirie", "service", "voirie_nid_de_poule")),
    ("a matter for humans: its service", START, said("ccas_violences"),
     Transfer("ccas_social", "service", "ccas_violences")),
    ("yes to a confirmation: answer", PENDING, said("conversation_oui"), Answer("piscine_tarif")),
    ("a hardly sure yes is a yes enough", PENDING, said("conversation_oui", 0.4), Answer("piscine_tarif")),
    ("no to a confirmation: rephrase", PENDING, said("conversation_non"), Ask("denied")),
    ("no again: human", replace(PENDING, repairs=1), said("conversation_non"),
     Transfer("accueil", "not_understood")),
    ("something else at a confirmation", PENDING, said("piscine_horaires"), Answer("piscine_horaires")),
    ("torn between two: a choice", START, TORN, Choose("piscine_tarif", "piscine_horaires")),
    ("torn with a third that has no name: rephrase", START,
     Understood((IntentScore("piscine_tarif", 0.25), IntentScore("sans_nom", 0.2))), Ask("unclear")),
    ("torn between a matter and none: rephrase", START,
     Understood((IntentScore("piscine_tarif", 0.25), IntentScore("hors_sujet", 0.2))), Ask("unclear")),
    ("key 2 at a choice", OFFERED, Key("2"), Answer("piscine_horaires")),
    ("key 3 at a choice", OFFERED, Key("3"), Ask("wrong_key")),
    ("the first, please", OFFERED, Understood((), picked=1), Answer("piscine_tarif")),
    ("the first of nothing", START, Understood((), picked=1), Ask("unclear")),
    ("yes to a choice: rephrase", OFFERED, said("conversation_oui"), Ask("unclear")),
    ("neither: rephrase", OFFERED, said("conversation_non"), Ask("denied")),
    ("one of the two in words", OFFERED, said("piscine_horaires"), Answer("piscine_horaires")),
    ("no name to confirm with: rephrase", START, said("sans_nom", 0.5), Ask("unclear")),
    ("an intent nobody knows: rephrase", START, said("inconnu"), Ask("unclear")),
    ("an intent without an answer: rephrase", START, said("sans_reponse"), Ask("unclear")),
    ("somebody, please", START, said("conversation_humain"), Transfer("accueil", "asked")),
    ("dissatisfied: a human", ANSWERED, said("conversation_insatisfait"), Transfer("accueil", "asked")),
    ("repeat", ANSWERED, said("conversation_repeter"), Repeat()),
    ("a control answered with a sentence", START, said("conversation_es_tu_un_robot"),
     Answer("conversation_es_tu_un_robot")),
    ("hello: go on", START, said("conversation_saluer"), Ask("go_on")),
    ("another question?: yes", ANSWERED, said("conversation_oui"), Ask("go_on")),
    ("another question?: no", ANSWERED, said("conversation_non"), Goodbye()),
    ("another question?: thank you", ANSWERED, said("conversation_remercier"), Goodbye()),
    ("thank you is an end", START, said("conversation_remercier"), Goodbye()),
    ("a human, fairly sure: no confirmation", START, said("conversation_humain", 0.4),
     Transfer("accueil", "asked")),
    ("goodbye", START, said("conversation_au_revoir"), Goodbye()),
    ("never mind", START, said("conversation_annuler"), Goodbye()),
    ("a no to nothing: rephrase", START, said("conversation_non"), Ask("unclear")),
    ("key 0: human", START, Key("0"), Transfer("accueil", "asked")),
    ("key 9: repeat", PENDING, Key("9"), Repeat()),
    ("another key", START, Key("5"), Ask("wrong_key")),
    ("another key again: human", REPAIRED, Key("5"), Transfer("accueil", "not_understood")),
    ("silence: again", START, Silence(), Ask("silence")),
    ("silence again: human", State(silences=1), Silence(), Transfer("accueil", "no_input")),
    ("silence after an answer: another question?", ANSWERED, Silence(), Ask("anything_else")),
    ("gone after an answer: goodbye", replace(ANSWERED, silences=1), Silence(), Goodbye()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "heard", "move"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_next_move(state: State, heard: Input, move: Move) -> None:
    assert decide(state, heard, INTENTS.get, LIMITS)[1] == move


def test_the_table_covers_every_move() -> None:
    done = {type(row[3]) for row in TABLE} | {type(begin()[1])}
    assert done == {Greet, Answer, Confirm, Choose, Ask, Repeat, Transfer, Goodbye}


def test_nobody_is_stuck_in_a_loop() -> None:
    """Whatever is not understood, and however often, ends with a human within three turns."""
    for heard in (MUMBLE, said("hors_sujet"), Key("7"), Silence(), said("conversation_non")):
        state, moves = START, []
        for _ in range(3):
            state, move = decide(state, heard, INTENTS.get, LIMITS)
            moves.append(move)
        assert any(isinstance(move, Transfer) for move in moves), heard


def test_an_answer_clears_what_went_wrong_before() -> None:
    state, _ = decide(REPAIRED, said("piscine_tarif"), INTENTS.get, LIMITS)
    assert state == State(offered_more=True)


def test_a_matter_of_the_conversation_itself_is_not_an_answered_question() -> None:
    state, _ = decide(START, said("conversation_es_tu_un_robot"), INTENTS.get, LIMITS)
    assert not state.offered_more


def test_speech_after_silence_starts_the_count_again() -> None:
    state, _ = decide(State(silences=1), said("piscine_tarif", 0.4), INTENTS.get, LIMITS)
    assert state.silences == 0


@pytest.mark.parametrize(
    ("move", "text"),
    [
        (Greet(), "greet"),
        (Answer("piscine_tarif"), "answer:piscine_tarif"),
        (Transfer("voirie", "service", "x"), "transfer:voirie:service"),
        (Ask("silence"), "ask:silence"),
    ],
)
def test_moves_are_described_in_a_word(move: Move, text: str) -> None:
    assert describe(move) == text
