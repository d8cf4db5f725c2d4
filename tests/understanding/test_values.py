"""Values said aloud."""

from datetime import date

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbot.understanding.addresses import is_address
from callbot.understanding.values import (
    after_consent,
    consent,
    find_phone,
    find_spelled,
    picked,
    values,
    without_days,
)

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
        ("affirmatif", "yes", ""),
        ("c'est tout à fait ça mon petit", "yes", "mon petit"),
        ("mais oui évidemment", "yes", ""),
        ("ma foi oui", "yes", ""),
        ("c'est carré vous pouvez valider", "yes", ""),
        ("tout est bon vous pouvez l'envoyer", "yes", ""),
        ("c'est juste envoyez", "yes", ""),
        ("c'est juste pour un renseignement", "", "c'est juste pour un renseignement"),
        ("c'est bon pour la santé", "", "c'est bon pour la santé"),
        ("c'est exactement le contraire", "", "c'est exactement le contraire"),
        ("mais non pas la rue la place", "no", "pas la rue la place"),
        ("non", "no", ""),
        ("non non pas vingt-trois", "no", "pas vingt-trois"),
        ("euh non c'est pour la piscine", "no", "c'est pour la piscine"),
        ("oui non", "no", ""),
        ("ouais enfin non au treize", "no", "au treize"),
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
        ("sept avenue du général leclerc", "", "avenue du général leclerc", ""),  # how that is heard
        ("au sept avenue du général leclerc", "7", "avenue du général leclerc", ""),
        ("sept rue pasteur", "7", "rue pasteur", ""),
        ("quatre allée des cerisiers", "4", "allée des cerisiers", ""),
        ("au vingt-trois bis rue des sources s'il vous plaît", "23 bis", "rue des sources", ""),
        ("un lampadaire éteint rue du lavoir depuis hier", "", "rue du lavoir", ""),
        ("un tag sur le mur de l'école du centre", "", "", "sur le mur de l'école du centre"),
        ("ça déborde devant la mairie", "", "", "devant la mairie"),
        ("rue pasteur au douze", "12", "rue pasteur", ""),
        ("rue du général foy au numéro sept bis", "7 bis", "rue du général foy", ""),
        ("rue du onze novembre", "", "rue du 11 novembre", ""),
        ("douze rue du huit mai mille neuf cent quarante-cinq", "12", "rue du 8 mai 1945", ""),
        ("place du dix-neuf mars soixante-deux au trois", "3", "place du 19 mars 62", ""),
        ("j'ai deux enfants", "", "", ""),
        ("je suis en route", "", "", ""),
    ],
)
def test_places(text: str, number: str, street: str, landmark: str) -> None:
    found = values(text, TODAY)
    assert [found.get(name, "") for name in ("number", "street", "landmark")] == [number, street, landmark]
    assert "date" not in found, "a street's name is no day"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("en face du numéro cent huit juste avant le feu", "108"),
        ("non non pas vingt-trois trente-trois", "33"),
        ("oui le dix-sept", "17"),
        ("mettez plutôt le jeudi vingt-deux", ""),
        ("je ne sais pas", ""),
        ("mon numéro c'est zéro six trente-neuf quatre-vingt-dix-huit quatre-vingt-un seize", ""),
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
        ("le deux décembre", "2026-12-02"),
        ("mardi en quinze", "2026-12-08"),
        ("fin mars", "2027-03-31"),
        ("à la fin du mois de février", "2027-02-26"),
        ("début avril", "2027-04-01"),
        ("début mai", "2027-05-03"),
        ("mi-mai", "2027-05-17"),
        ("fin novembre", "2026-11-30"),
        ("début novembre", "2027-11-01"),
        ("à la fin du mois", "2026-11-30"),
        ("il y a un trou depuis la fin du mois", ""),
        ("depuis début novembre", ""),
        ("début du mois prochain", "2026-12-01"),
        ("dans trois jours", "2026-11-24"),
        ("dans une semaine", "2026-11-28"),
        ("dans deux semaines", "2026-12-05"),
        ("dans huit jours", "2026-11-28"),
        ("dans quinze jours", "2026-12-05"),
        ("la semaine prochaine", "2026-11-23"),
        ("lundi de la semaine prochaine", "2026-11-23"),
        ("la semaine prochaine plutôt le jeudi", "2026-11-26"),
        ("le week-end prochain", "2026-11-28"),
        ("ce week-end", "2026-11-21"),
        ("mardi à quinze heures", "2026-11-24 à quinze heures"),
        ("mardi quinze heures trente", "2026-11-24 quinze heures trente"),
        ("demain après dix-sept heures", "2026-11-22 après dix-sept heures"),
        ("vers midi et demi mardi", "2026-11-24 vers midi et demi"),
        ("mardi avant midi", "2026-11-24 avant midi"),
        ("jeudi entre quatorze et seize heures", "2026-11-26 entre quatorze et seize heures"),
        ("jeudi à dix heures moins le quart", "2026-11-26 à dix heures moins le quart"),
        ("mardi matin à dix heures", "2026-11-24 matin"),
        ("mardi après midi", "2026-11-24 après-midi"),
        ("non mardi à dix heures et mercredi à onze heures", "2026-11-25 à onze heures"),
        ("après dix-sept heures", ""),
        ("le treize", ""),
        ("le douze mars deux mille vingt-huit", "2028-03-12"),
        ("le douze mars vingt-huit à dix heures", "2028-03-12 à dix heures"),
        ("le deux mars vingt sept", "2027-03-02"),
        ("le douze mars de l'année prochaine", "2027-03-12"),
        ("le dix décembre de l'an prochain", "2027-12-10"),
        ("le dix décembre prochain", "2026-12-10"),
        ("en janvier vingt-sept", "2027-01-01"),
        ("en février deux mille vingt-huit le matin", "2028-02-01 matin"),
        ("fin mars deux mille vingt-huit", "2028-03-31"),
        ("mi-mai de l'année prochaine", "2027-05-17"),
        ("le douze mars vingt-huit rue pasteur", "2027-03-12"),
        ("le douze mars zéro six douze trente-quatre cinquante-six soixante-dix-huit", "2027-03-12"),
        ("le dix décembre cinquante personnes", "2026-12-10"),
        ("le trente février deux mille vingt-sept", ""),
        ("en novembre vingt-six", ""),
        ("en mai", ""),
    ],
)
def test_days(text: str, day: str) -> None:
    assert values(text, TODAY).get("date", "") == day


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("non le treize", "2026-12-13"),
        ("treize", "2026-12-13"),
        ("le vingt-cinq", "2026-11-25"),
        ("le premier", "2026-12-01"),
        ("non le deux", "2026-12-02"),
        ("non pas le treize le quatorze", "2026-12-14"),
        ("le treize à dix heures", "2026-12-13 à dix heures"),
        ("le trente et un", "2026-12-31"),
        ("le dix-sept rue pasteur", ""),
        ("le dix-sept bis", ""),
        ("à treize heures", ""),
        ("treize ans", ""),
        ("je ne sais pas", ""),
    ],
)
def test_a_number_is_a_day_when_one_was_asked_for(text: str, day: str) -> None:
    assert values(text, TODAY, lone_day=True).get("date", "") == day


@pytest.mark.parametrize(
    ("text", "unfit"),
    [
        ("le douze mars deux mille vingt-six", "past"),
        ("le vingt novembre vingt-six", "past"),
        ("en mars vingt-cinq", "past"),
        ("le douze mars deux mille trente", "far"),
        ("dans neuf cents jours", "far"),
        ("le douze mars deux mille vingt-six non plutôt demain", ""),
        ("le vingt et un novembre vingt-huit", ""),
        ("le vingt-deux novembre vingt-huit", "far"),
        ("demain", ""),
        ("je ne sais pas", ""),
    ],
)
def test_a_day_that_has_passed_or_is_too_far_is_none(text: str, unfit: str) -> None:
    found = values(text, TODAY)
    assert found.get("unfit", "") == unfit
    assert not (unfit and "date" in found)


def test_a_year_is_no_reference() -> None:
    assert "reference" not in values("ma demande du douze mars deux mille vingt-six", TODAY)
    assert values("ma demande numéro deux mille vingt-six", TODAY)["reference"] == "2026"


@given(st.dates(date(2024, 1, 1), date(2032, 12, 31)))
def test_the_past_is_never_meant(today: date) -> None:
    for said in ("fin février", "mi-mai", "début du mois", "le week-end prochain", "lundi", "le trente"):
        found = values(said, today, lone_day=True)["date"]
        assert today < date.fromisoformat(found) <= date(today.year + 1, 12, 31)


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
        ("zéro six trente-neuf quatre-vingt-dix-huit quatre-vingt-un seize", "06 39 98 81 16"),  # of a film
        ("zéro six, un deux, trois quatre, cinq six, sept huit", "06 12 34 56 78"),
        ("zéro six un deux trois quatre cinq six sept huit", "06 12 34 56 78"),
        ("zéro six deux fois douze cinquante-six soixante-dix-huit", "06 12 12 56 78"),
        ("zéro six double zéro trente-quatre cinquante-six soixante-dix-huit", "06 00 34 56 78"),
        ("zéro six trois zéros quatre cinquante-six soixante-dix-huit", "06 00 04 56 78"),
        ("plus trente-trois six douze trente-quatre cinquante-six soixante-dix-huit", "06 12 34 56 78"),
        ("zéro zéro trente-trois six douze trente-quatre cinquante-six soixante-dix-huit", "06 12 34 56 78"),
        ("zéro six euh douze trente-quatre euh cinquante-six soixante-dix-huit", "06 12 34 56 78"),
        ("zéro six puis douze et puis trente-quatre cinquante-six alors soixante-dix-huit", "06 12 34 56 78"),
        ("zéro six douze trente-quatre cinquante-six septante-huit", "06 12 34 56 78"),
        ("zéro six nonante-neuf trente-quatre cinquante-six septante", "06 99 34 56 70"),
        ("zéro six quatre vingt dix huit douze trente quatre cinquante six", "06 98 12 34 56"),
        ("zéro six quatre-vingt-douze douze trente-quatre cinquante-six", "0692 12 34 56"),
        ("plus trente-deux quatre cent soixante-dix douze trente-quatre cinquante-six", "+32 470 12 34 56"),
        (
            "douze ans et c'est le zéro six douze trente-quatre cinquante-six soixante-dix-huit",
            "06 12 34 56 78",
        ),
        (
            "zéro six douze trente-quatre cinquante-six soixante-dix-huit non pardon soixante-dix-neuf",
            "06 12 34 56 79",
        ),
        ("zéro six douze trente non pardon quarante cinquante-six soixante-dix-huit", "06 12 40 56 78"),
        (
            "zéro six douze trente-quatre cinquante-six soixante-dix-huit non zéro sept soixante-six"
            " trente-quatre cinquante-six soixante-dix-huit",
            "07 66 34 56 78",
        ),
        (
            "zéro six douze trente-quatre cinquante-six soixante-dix-huit plutôt dix-sept heures",
            "06 12 34 56 78",
        ),
        ("zéro six douze trente-quatre cinquante-six soixante-dix-huit pardon neuf", ""),
        ("zéro six douze trente-quatre cinquante-six soixante-dix-huit douze", ""),
        ("trente-neuf trente-neuf", ""),
        ("06.12.34.56.78", "06 12 34 56 78"),
    ],
)
def test_telephone_numbers(text: str, phone: str) -> None:
    assert values(text, TODAY).get("phone", "") == phone


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("dupont d u p o n t", "Dupont"),
        ("d comme denis u comme ursule p comme paul o comme oscar n comme nicolas t comme thérèse", "Dupont"),
        ("l comme nicolas o comme oscar u comme ursule", "Nou"),
        ("dé u pé o haine thé", "Dupont"),
        ("d u deux p o n t", "Duppont"),
        ("b o double l e t", "Bollet"),
        ("double v a g n e r", "Wagner"),
        ("i grec v e s", "Yves"),
        ("euh m euh o r e a u", "Moreau"),
        ("d apostrophe o r m e deux s o n", "D'Ormesson"),
        ("j e a n tiret p i e r r e", "Jean-Pierre"),
        ("j e a n trait d'union l u c", "Jean-Luc"),
        ("l e espace g o f f", "Le Goff"),
        ("b e accent aigu r a r d", "Bérard"),
        ("b é accent aigu r a r d", "Bérard"),
        ("b é r a r d", "Bérard"),
        ("g e n e accent grave s", "Genès"),
        ("f r a n c cédille o i s", "François"),
        ("c'est dupont", ""),
        ("oui d'accord", ""),
        ("il y a un trou à la piscine", ""),
        ("l'état civil", ""),
        ("a u", ""),
        ("le double des clés", ""),
        ("", ""),
    ],
)
def test_names_spelled(text: str, name: str) -> None:
    assert find_spelled(text) == name


def test_a_file_number_keeps_its_zeros() -> None:
    assert values("voilà c'est le zéro quatre-vingt-seize", TODAY)["reference"] == "096"


@given(st.text(max_size=80))
def test_no_text_is_too_odd(text: str) -> None:
    found = values(text, TODAY, lone_number=True)
    assert all(isinstance(value, str) and value for value in found.values())
    assert consent(text) in ("yes", "no", "")
    after_consent(text)
    find_spelled(text)
    without_days(text, TODAY)


@given(st.integers(600_000_000, 799_999_999), st.sampled_from([1, 2]))
def test_what_is_not_valid_is_no_telephone(number: int, size: int) -> None:
    digits = f"0{number}"
    found = find_phone(" ".join(digits[at : at + size] for at in range(0, 10, size)))
    assert found.replace(" ", "") in (digits, "")
    french = ("FR", "RE", "GP", "MQ", "GF", "YT")
    valid = any(phonenumbers.is_valid_number(phonenumbers.parse(digits, part)) for part in french)
    assert bool(found) == (valid or digits.startswith("063998"))


def test_a_hesitation_heard_as_a_number_is_none_of_a_telephones() -> None:
    assert find_phone("un zéro six douze trente-quatre cinquante-six soixante-dix-huit") == "06 12 34 56 78"
    assert find_phone("un zéro six douze trente-quatre cinquante-six") == ""


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("un rendez-vous pour ma carte le jeudi dix-sept décembre", "un rendez-vous pour ma carte"),
        ("demain à la mairie", "à la mairie"),
        ("le premier mai vous êtes ouverts", "vous êtes ouverts"),
        ("les horaires de la piscine", "les horaires de la piscine"),
        ("je voudrais venir à la fin du mois de mars", "je voudrais venir"),
        ("un rendez-vous mardi à quinze heures", "un rendez-vous à quinze heures"),
    ],
)
def test_without_days(said: str, left: str) -> None:
    assert without_days(said, date(2026, 11, 20)) == left


def test_of_two_streets_the_one_that_is_not_taken_back() -> None:
    said = "oui mais attention c'est pas la rue de la gare c'est la place de la gare"
    assert values(said, TODAY)["street"] == "place de la gare"
    assert values("c'est pas loin de la rue pasteur mais au douze", TODAY)["street"] == "rue pasteur"


@pytest.mark.parametrize(
    ("text", "only"),
    [
        ("j'habite rue des érables", True),
        ("euh le numéro douze de la rue du onze novembre", True),
        ("c'est au dix-sept bis rue pasteur merci", True),
        ("place de la mairie", True),
        ("rue des érables le tri c'est quand", False),
        ("il y a un trou rue pasteur", False),
        ("j'habite rue des érables et je voudrais une place en crèche", False),
        ("c'est quoi l'école de la rue des érables", False),
        ("la piscine", False),
    ],
)
def test_an_address_and_nothing_else(text: str, only: bool) -> None:
    assert is_address(text) == only


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("au deux rue pasteur", "2"),
        ("non c'est pas le douze c'est le deux place de l'église", "2"),
        ("c'est au un bis allée des tilleuls", "1 bis"),
        ("y a un trou rue pasteur", ""),
        ("place de l'église je voudrais des tables du premier mai au trente septembre", ""),
        ("rue du onze novembre au seize", "16"),
    ],
)
def test_a_houses_number_however_small(text: str, number: str) -> None:
    assert values(text, TODAY).get("number", "") == number


def test_a_small_number_alone_is_a_houses_when_one_was_asked_for() -> None:
    assert values("le deux", TODAY, lone_number=True)["number"] == "2"
    assert values("le un", TODAY, lone_number=True)["number"] == "1"
    assert "number" not in values("il y en a deux", TODAY)
