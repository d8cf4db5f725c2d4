"""What is listened for after each kind of question."""

import pytest

from callbot.dialogue.expected import ANYTHING_ELSE, CHOICE, NUMBERS, YES_NO, expected
from callbot.dialogue.forms import Form
from callbot.dialogue.state import State
from callbot.speech.closed import Grammar
from callbot.speech.recognizer import SpeechModel
from callbot.understanding.values import consent, find_phone, picked
from tests.conftest import MODEL


@pytest.mark.parametrize(
    ("state", "grammar"),
    [
        (State(), None),
        (State(pending="piscine_tarif"), YES_NO),
        (State(choice=("a", "b")), CHOICE),
        (State(offered_more=True), ANYTHING_ELSE),
        (State(form=Form("a", ("phone",), asked="phone")), NUMBERS),
        (State(form=Form("a", ("name",), asked="name")), None),
        (State(form=Form("a", ("name",), (("name", "x"),))), YES_NO),
    ],
)
def test_expected(state: State, grammar: Grammar | None) -> None:
    assert expected(state) == grammar


def test_where_it_is_is_listened_for_among_the_towns_streets() -> None:
    streets = ("rue Jean-Jaurès", "impasse des Lilas")
    for asked in ("address", "street"):
        grammar = expected(State(form=Form("a", ("address",), asked=asked)), streets)
        assert grammar is not None and grammar.allows("c'est au douze bis rue jean jaurès")
    assert expected(State(form=Form("a", ("address",), asked="address"))) is None
    assert expected(State(form=Form("a", ("name",), asked="name")), streets) is None


def test_every_answer_is_made_of_words_the_model_knows(speech_model: SpeechModel) -> None:
    known = {line.split()[0] for line in (MODEL / "graph/words.txt").read_text(encoding="utf-8").splitlines()}
    for grammar in (ANYTHING_ELSE, CHOICE, NUMBERS):
        words = {word for phrase in grammar.phrases for word in phrase.split()}
        assert words <= known


def test_yes_and_no_are_told_from_the_words() -> None:
    assert {consent(phrase) for phrase in YES_NO.phrases} == {"yes", "no", ""}
    assert picked("plutôt le deuxième") == 2


def test_a_dictated_number_is_in_the_grammar() -> None:
    assert NUMBERS.allows("zéro six douze trente-quatre cinquante-six soixante-dix-huit")
    assert find_phone("zéro six douze trente-quatre cinquante-six soixante-dix-huit") == "06 12 34 56 78"
