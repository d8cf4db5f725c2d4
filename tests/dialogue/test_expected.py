"""What is listened for after each kind of question."""

import pytest

from callbot.dialogue.expected import ANYTHING_ELSE, CHOICE, NUMBERS, PHONES, YES_NO, expected
from callbot.dialogue.forms import Form
from callbot.dialogue.state import State
from callbot.quality import callers
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
        (State(form=Form("a", ("phone",), asked="phone")), PHONES),
        (State(form=Form("a", ("reference",), asked="reference")), NUMBERS),
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


def test_the_first_piece_of_a_request_is_an_answer_to_whether_it_is_wanted() -> None:
    streets = ("rue Jean-Jaurès", "impasse des Lilas")
    slots = {"trou": ("address", "phone"), "suivi": ("reference",), "nom": ("name",)}

    def listened_for(state: State) -> Grammar:
        grammar = expected(state, streets, lambda intent: slots.get(intent, ()))
        assert grammar is not None
        return grammar

    for said in ("oui", "douze rue jean jaurès", "oui au douze rue jean jaurès"):
        assert listened_for(State(pending="trou")).allows(said)
    assert listened_for(State(choice=("suivi", "nom"))).allows("voilà c'est le zéro quatre-vingt-seize")
    assert listened_for(State(choice=("suivi", "nom"))).allows("le premier")
    assert listened_for(State(pending="nom")) == YES_NO


def test_every_answer_is_made_of_words_the_model_knows(speech_model: SpeechModel) -> None:
    known = {line.split()[0] for line in (MODEL / "graph/words.txt").read_text(encoding="utf-8").splitlines()}
    for grammar in (ANYTHING_ELSE, CHOICE, PHONES):
        words = {word for phrase in grammar.phrases for word in phrase.split()}
        assert words <= known


def test_yes_and_no_are_told_from_the_words() -> None:
    assert {consent(phrase) for phrase in YES_NO.phrases} == {"yes", "no", ""}
    assert picked("plutôt le deuxième") == 2


def test_a_dictated_number_is_in_the_grammar() -> None:
    assert NUMBERS.allows("zéro six douze trente-quatre cinquante-six soixante-dix-huit")
    assert find_phone("zéro six douze trente-quatre cinquante-six soixante-dix-huit") == "06 12 34 56 78"


DICTATED = {
    "zéro six soixante-treize trente-neuf soixante et onze quatre-vingt-sept": "06 73 39 71 87",
    "zéro sept soixante-dix-huit quatorze soixante-trois zéro sept": "07 78 14 63 07",
    "oui zéro six soixante-deux soixante-quinze vingt-trois trente-trois": "06 62 75 23 33",
    "c'est le zéro six dix-huit cinquante-trois soixante-huit quarante-sept": "06 18 53 68 47",
    "oui zéro un quatre-vingt-deux soixante-treize quatre-vingt-sept cinquante-sept": "01 82 73 87 57",
}


def test_a_number_dictated_in_a_street_is_heard_whole() -> None:
    """By a voice that nothing was trained on. The likeliest reading without PHONES has one of the five."""
    assert PHONES.whole is not None
    model = SpeechModel(MODEL, 8000, nbest=5)
    heard = []
    for seed, (text, number) in enumerate(DICTATED.items()):
        recognizer = model.recognizer(PHONES)
        recognizer.feed(callers.call_out(text, "mb-fr5", seed, callers.ROUGH_DB))
        whole = [one.text for one in recognizer.finish() if PHONES.whole(one.text)]
        heard.append(bool(whole) and find_phone(whole[0]) == number)
    assert sum(heard) >= 3, heard
