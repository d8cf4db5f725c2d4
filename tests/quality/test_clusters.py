"""Callers' sentences put together by meaning, on sentences that nobody's model has learnt."""

from pathlib import Path

import pytest

from callbot.quality.clusters import Meaning, cluster, content, of_project

PROJECT = Path(__file__).parents[2] / "rasa_project"
BEES = [
    "est-ce que j'ai le droit d'installer une ruche dans mon jardin",
    "je voudrais mettre des ruches chez moi",
    "une ruche en ville c'est permis",
    "mon voisin a des abeilles il a le droit d'avoir des ruches",
]
CHARGING = [
    "il y a des bornes de recharge pour ma voiture électrique",
    "où est-ce que je peux recharger ma voiture électrique",
    "je cherche une borne pour recharger",
]
COMPOST = [
    "comment on fait pour avoir un composteur",
    "vous distribuez des composteurs gratuits",
    "un composteur c'est gratuit à la mairie",
]
HENS = ["vous donnez des poules pour réduire les déchets", "je voudrais adopter deux poules"]
ALONE = ["un sanglier est entré dans ma cave", "qui a gagné le concours des maisons fleuries"]
SAID = dict(enumerate([*BEES, *CHARGING, *COMPOST, *HENS, *ALONE], 1))


@pytest.fixture(scope="module")
def meaning() -> Meaning:
    return of_project(PROJECT)


def test_paraphrases_meet_and_different_needs_stay_apart(meaning: Meaning) -> None:
    found = cluster(meaning, SAID, {})
    texts = [{SAID[number] for number in numbers} for numbers in found.formed]
    for need in (BEES, CHARGING, COMPOST, HENS):
        assert set(need) in texts
    assert {SAID[number] for number in found.alone} == set(ALONE)
    assert [len(numbers) for numbers in found.formed] == [4, 3, 3, 2], "the largest first"


def test_a_question_is_called_by_the_sentence_most_like_the_others(meaning: Meaning) -> None:
    said = {1: "les ruches près de l'école inquiètent ma fille", **dict(enumerate(BEES, 2))}
    (numbers,) = cluster(meaning, said, {}, together=0.05).formed
    assert sorted(numbers) == sorted(said) and said[numbers[0]] in BEES


def test_what_is_placed_stays_and_new_sentences_join_the_nearest(meaning: Meaning) -> None:
    questions = {7: BEES[:2], 9: COMPOST[:2]}
    new = {1: BEES[2], 2: COMPOST[2], 3: HENS[0], 4: HENS[1], 5: ALONE[0]}
    found = cluster(meaning, new, questions)
    assert found.joined == {1: 7, 2: 9}
    assert [set(numbers) for numbers in found.formed] == [{3, 4}] and found.alone == (5,)
    # How alike two sentences are does not hang on what else is asked.
    assert cluster(meaning, {1: BEES[2]}, questions).joined == {1: 7}
    assert cluster(meaning, {5: ALONE[0]}, {**questions, 11: CHARGING}).alone == (5,)


def test_polite_words_masks_and_hesitations_tell_nothing(meaning: Meaning) -> None:
    assert content("Bonjour Madame, euh, je voudrais un renseignement s'il vous plaît") == []
    assert content("le [nom] et [téléphone]") == []
    said = {
        1: "allô oui bonjour",
        2: "allô oui bonjour",
        3: "oui",
        4: "bonjour je voudrais parler à quelqu'un",
    }
    assert cluster(meaning, said, {1: [""]}).alone == (1, 2, 3, 4)


def test_without_the_project_words_alone_are_compared() -> None:
    found = cluster(Meaning(), SAID, {})
    together = [{SAID[number] for number in numbers} for numbers in found.formed]
    assert any(len(texts & set(BEES)) >= 3 for texts in together)
    assert all(len([need for need in (BEES, CHARGING, HENS) if texts & set(need)]) <= 1 for texts in together)


def test_the_lexicons_concepts_bring_different_words_together() -> None:
    said = {
        1: "mon chat est perdu",
        2: "un matou errant",
        3: "les minous du quartier",
        4: "la piscine est froide",
    }
    lexicon = Meaning({"chat": ["chat", "matou", "minou*"]})
    found = cluster(lexicon, said, {}, together=0.15)
    assert [set(numbers) for numbers in found.formed] == [{1, 2, 3}]
    assert cluster(Meaning(), said, {}, together=0.15).formed == ()


def test_nothing_and_one(meaning: Meaning) -> None:
    assert cluster(meaning, {}, {1: BEES}).formed == ()
    assert cluster(meaning, {5: BEES[0]}, {}).alone == (5,)


def test_of_two_thousand_sentences_none_is_lost(meaning: Meaning) -> None:
    places = ["rue", "place", "école", "parc", "gare", "mairie", "église", "stade"]
    said = {
        number: f"{text} {places[number % len(places)]} {number % 97}"
        for number, text in zip(range(2000), [*SAID.values()] * 200, strict=False)
    }
    found = cluster(meaning, said, {})
    assert sorted([number for numbers in found.formed for number in numbers] + [*found.alone]) == [*said]
