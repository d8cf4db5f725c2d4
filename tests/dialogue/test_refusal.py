"""Whoever is recorded may refuse at any moment; whoever is not can't, by mistake, lose what they ask for."""

import pytest

from callbot.dialogue import wording
from callbot.dialogue.forms import Form
from callbot.dialogue.moves import Ask, Greet, Repeat, StopRecording
from callbot.dialogue.policy import begin, decide
from callbot.dialogue.state import Caller, Key, Silence, State, Thresholds, Understood
from callbot.town.answers import Answers
from callbot.understanding import needs
from tests.conftest import MONDAY_NOON

THRESHOLDS = Thresholds(0.6, 0.3, 0.5)
RECORDED = State(caller=Caller(recorded=True))


def said(text: str) -> Understood:
    hints = {"unrecorded": needs.refuses_recording, "refuses": needs.refuses}
    return Understood((), values={name: "yes" for name, told in hints.items() if told(text)}, text=text)


@pytest.mark.parametrize(
    "text",
    [
        "je refuse",
        "non je refuse",
        "euh je refuse merci",
        "je refuse d'être enregistré",
        "je ne veux pas être enregistrée",
        "ne m'enregistrez pas",
        "n'enregistrez pas s'il vous plaît",
        "pas d'enregistrement",
        "je refuse l'enregistrement",
        "arrêtez d'enregistrer",
    ],
)
def test_a_refusal_ends_the_recording_and_the_caller_is_listened_to(text: str) -> None:
    after, turn = decide(RECORDED, said(text), lambda _: None, THRESHOLDS)
    assert turn == (StopRecording(), Ask("go_on")) and not after.caller.recorded


@pytest.mark.parametrize(
    "text",
    [
        "je voudrais enregistrer une association",
        "je refuse de payer cette amende",
        "comment faire enregistrer un chien",
        "vous avez bien enregistré ma demande",
        "je ne veux pas être enregistré sur les listes",
        "est-ce que je suis enregistré",
    ],
)
def test_another_matter_is_no_refusal(text: str) -> None:
    _, turn = decide(RECORDED, said(text), lambda _: None, THRESHOLDS)
    assert StopRecording() not in turn


def test_the_hash_key_refuses_too() -> None:
    after, turn = decide(RECORDED, Key("#"), lambda _: None, THRESHOLDS)
    assert turn[0] == StopRecording() and not after.caller.recorded
    assert StopRecording() not in decide(State(), Key("#"), lambda _: None, THRESHOLDS)[1]
    assert StopRecording() not in decide(RECORDED, Silence(), lambda _: None, THRESHOLDS)[1]


def test_in_the_middle_of_a_request_the_question_is_asked_again() -> None:
    taking = State(form=Form("voirie_nid_de_poule", ("address",), asked="address"), caller=RECORDED.caller)
    after, turn = decide(taking, said("ne m'enregistrez pas"), lambda _: None, THRESHOLDS)
    assert turn == (StopRecording(), Repeat()) and after.form == taking.form
    # « je refuse » alone answers what was asked.
    assert StopRecording() not in decide(taking, said("je refuse"), lambda _: None, THRESHOLDS)[1]


def test_only_who_is_recorded_is_told_so(answers: Answers) -> None:
    greetings = {
        recorded: wording.words(begin(Caller(recorded=recorded))[1][0], answers, MONDAY_NOON)
        for recorded in (False, True)
    }
    assert begin()[1] == (Greet(),)
    assert [one.id for one in greetings[False]] == ["greeting", "question"]
    assert [one.id for one in greetings[True]] == ["greeting", "recorded", "question"]
    assert "enregistré" in greetings[True][1].text and "je refuse" in greetings[True][1].text
