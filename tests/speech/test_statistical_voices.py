"""French in the letters of other languages: what statistical voices say for the speech model."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts" / "asr"))

from phones import PHONES
from statistical_voices import ACCENTS, ENGINES, breaths, spell, spellings, syllables


def said(phones: str) -> list[str]:
    """Phones, blanks between them."""
    return phones.split()


BONJOUR = said("b o~ Z u R m a d a m Z eu v u d R E e~ p a s p O R")


@pytest.mark.parametrize("accent", ACCENTS)
def test_an_accent_says_every_french_phone(accent: str) -> None:
    table = spellings(accent)
    assert set(table) == set(PHONES)
    for written, labels in table.values():
        assert all(written) or not labels
        assert set(labels) <= set(PHONES)


def test_voices_have_their_accent() -> None:
    assert {voice.accent for voices, _ in ENGINES.values() for voice in voices} == set(ACCENTS)


def test_the_test_callers_voice_is_not_among_them() -> None:
    assert not any(voice.name.startswith("fr") for voices, _ in ENGINES.values() for voice in voices)


def test_syllables_keep_every_phone() -> None:
    found = syllables(BONJOUR)
    assert [phone for onset, vowel, coda in found for phone in (*onset, vowel, *coda)] == BONJOUR
    assert found[5] == (["v"], "u", []) and found[6][0] == ["d", "R"]


def test_breaths_end_on_a_vowel_and_keep_every_phone() -> None:
    phones = BONJOUR * 8
    found = breaths(phones, random.Random(1))
    assert [phone for breath in found for phone in breath] == phones
    assert len(found) > 2
    assert all(len(breath) >= 4 for breath in found)


def test_labels_are_what_is_said() -> None:
    spelt = spell(said("l a l y n"), "Kyrgyz", random.Random(1))
    assert (spelt.words, spelt.labels) == (["лалүн"], said("l a l y n"))
    spelt = spell(said("o~ l a v y"), "Russian", random.Random(1))
    assert spelt.words == ["он", "ля", "ви"]  # a clear l; y is not to be had
    assert spelt.labels == said("o n l a v i")
    spelt = spell(said("R a v"), "Russian", random.Random(1))
    assert (spelt.words, spelt.labels) == (["ра"], said("R a"))  # v would be said f at the end
    spelt = spell(said("R a v"), "en-GB", random.Random(1))
    assert (spelt.words, spelt.labels) == (["{v"], said("a v"))  # no such r: not said, not learnt
