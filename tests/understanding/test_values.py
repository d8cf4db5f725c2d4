"""Values said aloud."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbot.understanding.values import after_consent, consent, picked, values, without_days

TODAY = date(2026, 11, 21)
"""A Saturday."""


@pytest.mark.parametrize(
    ("text", "which"),
    [
        ("le premier", 1),
        ("euh la première s'il vous plaît", 1),
        ("un", 1),
        ("le deuxième", 2),
        ("la seconde", 2),
        ("deux", 2),
        ("le dernier", 2),
        ("le premier ou le deuxième", None),
        ("une copie intégrale de mon acte de naissance", None),
        ("un instant s'il vous plaît", None),
        ("deux minutes", None),
        ("numéro deux", 2),
        ("attendez une seconde", None),
        ("une seconde", None),
        ("non pas le premier", None),
        ("ni le premier", None),
        ("le deux s'il vous plaît", 2),
        ("plutôt le un", 1),
        ("oui", None),
        ("", None),
    ],
)
def test_which_of_two(text: str, which: int | None) -> None:
    assert picked(text) == which


@pytest.mark.parametrize(
    ("text", "which", "rest"),
    [
        ("oui", "yes", ""),
        ("oui le dix-sept", "yes", "le dix-sept"),
        ("ah ben oui tout à fait", "yes", ""),
        ("d'accord et la médiathèque elle ferme quand", "yes", "et la médiathèque elle ferme quand"),
        ("non", "no", ""),
        ("non non pas vingt-trois", "no", "pas vingt-trois"),
        ("euh non c'est pour la piscine", "no", "c'est pour la piscine"),
        ("nonobstant", "", "nonobstant"),
        ("ouistiti", "", "ouistiti"),
        ("je voudrais un acte", "", "je voudrais un acte"),
        ("", "", ""),
    ],
)
def test_how_an_utterance_begins(text: str, which: str, rest: str) -> None:
    assert consent(text) == which
    assert after_consent(text) == rest


@pytest.mark.parametrize(
    ("text", "number", "street", "landmark"),
    [
        ("juste avant le feu", "", "", "avant le feu"),
        ("rue pasteur avant midi", "", "rue pasteur", ""),
        ("un trou devant le dix-sept rue pasteur", "17", "rue pasteur", ""),
        ("il y a un trou dans la route devant le dix-sept rue pasteur", "17", "rue pasteur", ""),
        ("c'est avenue du général leclerc", "", "avenue du général leclerc", ""),
        ("quatre allée des cerisiers", "4", "allée des cerisiers", ""),
        ("au vingt-trois bis rue des sources s'il vous plaît", "23 bis", "rue des sources", ""),
        ("un lampadaire éteint rue du lavoir depuis hier", "", "rue du lavoir", ""),
        ("un tag sur le mur de l'école du centre", "", "", "sur le mur de l'école du centre"),
        ("ça déborde devant la mairie", "", "", "devant la mairie"),
        ("j'ai deux enfants", "", "", ""),
        ("je suis en route", "", "", ""),
    ],
)
def test_places(text: str, number: str, street: str, landmark: str) -> None:
    found = values(text, TODAY)
    assert [found.get(name, "") for name in ("number", "street", "landmark")] == [number, street, landmark]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("en face du numéro cent huit juste avant le feu", "108"),
        ("non non pas vingt-trois trente-trois", "33"),
        ("oui le dix-sept", "17"),
        ("je ne sais pas", ""),
    ],
)
def test_a_number_is_one_of_a_house_when_it_was_asked_for(text: str, number: str) -> None:
    assert values(text, TODAY, lone_number=True).get("number", "") == number


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("demain", "2026-11-22"),
        ("après-demain", "2026-11-23"),
        ("aujourd'hui", "2026-11-21"),
        ("lundi", "2026-11-23"),
        ("samedi", "2026-11-28"),
        ("le mardi matin", "2026-11-24 matin"),
        ("mardi en huit", "2026-12-01"),
        ("mercredi prochain", "2026-11-25"),
        ("le douze mai", "2027-05-12"),
        ("mercredi douze mai", "2027-05-12"),
        ("mardi douze mai", "2027-05-12"),
        ("le premier décembre", "2026-12-01"),
        ("le jeudi vingt-deux", "2027-04-22"),
        ("demain ou après-demain", "2026-11-22"),
        ("non mardi je peux plus plutôt mercredi après-midi", "2026-11-25 après-midi"),
        ("en mai", ""),
        ("à midi", ""),
        ("nous sommes douze", ""),
    ],
)
def test_days(text: str, day: str) -> None:
    assert values(text, TODAY).get("date", "") == day


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        (
            "zéro six douze trente-quatre cinquante-six soixante-dix-huit après dix-sept heures",
            "06 12 34 56 78",
        ),
        ("c'est le zéro deux soixante et un quatre-vingt-onze douze zéro zéro", "02 61 91 12 00"),
        ("zéro six douze", ""),
        ("zéro zéro zéro zéro zéro zéro zéro zéro zéro zéro", ""),
    ],
)
def test_telephone_numbers(text: str, phone: str) -> None:
    assert values(text, TODAY).get("phone", "") == phone


def test_a_file_number_keeps_its_zeros() -> None:
    assert values("voilà c'est le zéro quatre-vingt-seize", TODAY)["reference"] == "096"


@given(st.text(max_size=80))
def test_no_text_is_too_odd(text: str) -> None:
    found = values(text, TODAY, lone_number=True)
    assert all(isinstance(value, str) and value for value in found.values())
    assert consent(text) in ("yes", "no", "")
    after_consent(text)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("un rendez-vous pour ma carte le jeudi dix-sept décembre", "un rendez-vous pour ma carte"),
        ("demain à la mairie", "à la mairie"),
        ("le premier mai vous êtes ouverts", "vous êtes ouverts"),
        ("les horaires de la piscine", "les horaires de la piscine"),
    ],
)
def test_without_days(said: str, left: str) -> None:
    assert without_days(said, date(2026, 11, 20)) == left
