"""Sentences as they are read, and typed words as they would be heard."""

import re

import pytest

from callbot.dialogue.wording import TEMPLATES as SPOKEN
from callbot.dialogue.writing import WRITTEN, as_heard, clean, for_reading, in_writing
from callbot.town.answers import Answers, Catalog
from callbot.town.profile import load_town
from callbot.types import Sentence
from tests.text_channel.channel import OPEN, TELEPHONE_ONLY

NEVER_WRITTEN = re.compile(
    r"handover|nobody|crowded|transfer_no_input|transfer_too_long|ask_silence|leave_message|ask_unheard_message"
)
"""Sentences of the dialplan, of a full house, of silence, of a call's length and of recorded messages."""


def test_no_sentence_needs_a_telephone(answers: Answers) -> None:
    """Whatever the bot may say reads as such; what is added to sentences.yml is looked at too."""
    holes = {"town": "Rivemont", "what": "x", "service": "y", "first": "a", "second": "b", "number": "un"}
    said = [
        Sentence(id, template.format_map(_Any(holes)).strip())
        for id, template in SPOKEN.items()
        if not NEVER_WRITTEN.match(id)
    ]
    written = {one.id: in_writing(one) for one in said}
    read = for_reading(answers)
    written |= {intent.id: read.text(intent, OPEN) for intent in read.catalog}
    assert {id: text for id, text in written.items() if TELEPHONE_ONLY.search(text)} == {}


def test_every_text_sentence_is_one_of_the_bots(answers: Answers) -> None:
    own = {"call", "call_nobody", "unavailable", "unavailable_nobody", "too_long", "too_many", "unreadable"}
    for id in WRITTEN.keys() - own - {"yes", "no"}:
        assert id in SPOKEN or answers.catalog.get(id), id


class _Any(dict[str, str]):
    """Holes nobody knows yet."""

    def __missing__(self, key: str) -> str:
        return "z"


def test_what_a_town_words_itself_stays() -> None:
    town, id, words = load_town("rivemont"), "conversation_es_tu_un_robot", "Oui, appuyez sur zéro."
    own = town.model_copy(update={"answers": {id: words}})
    for one, said in ((own, words), (town, "écrivez 0.")):
        read = for_reading(Answers(one, Catalog(), OPEN))
        known = read.catalog.get(id)
        assert known is not None and read.text(known, OPEN).endswith(said)
        assert not any(intent.sms for intent in read.catalog)


@pytest.mark.parametrize(
    ("typed", "cleaned", "heard"),
    [
        ("À qui m’adresser ?", "À qui m’adresser ?", "à qui m'adresser"),
        ("a\u0000b\u202ec\n\td", "a b c d", "a b c d"),
        ("e\u0301te\u0301", "été", "été"),
        ("(06.12.34.56.78)", "(06.12.34.56.78)", "06 12 34 56 78"),
        ("le 12/03, ou le 5/11/2026 ?", "le 12/03, ou le 5/11/2026 ?", "le 12 mars ou le 5 novembre"),
        ("ouvert 24/7 au 12-14 ?", "ouvert 24/7 au 12-14 ?", "ouvert 24/7 au 12-14"),
        ("« l'état-civil » !!", "« l'état-civil » !!", "l'état-civil"),
        ("???", "???", ""),
        ("12, rue X", "12, rue X", "12 rue x"),
    ],
)
def test_what_is_typed_becomes_what_would_be_heard(typed: str, cleaned: str, heard: str) -> None:
    assert clean(typed) == cleaned
    assert as_heard(cleaned) == heard
