"""Hours, dates, prices and numbers as French people say them."""

from datetime import date, time

import pytest

from callbot.town import spoken


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (time(8, 30), "huit heures trente"),
        (time(12, 0), "midi"),
        (time(0, 0), "minuit"),
        (time(1, 0), "une heure"),
        (time(13, 30), "treize heures trente"),
        (time(17, 0), "dix-sept heures"),
        (time(21, 15), "vingt et une heures quinze"),
        (time(9, 5), "neuf heures cinq"),
    ],
)
def test_times(value: time, said: str) -> None:
    assert spoken.say_time(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (date(2026, 11, 1), "dimanche premier novembre"),
        (date(2026, 12, 21), "lundi vingt et un décembre"),
        (date(2027, 8, 15), "dimanche quinze août"),
    ],
)
def test_dates(value: date, said: str) -> None:
    assert spoken.say_date(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (date(2026, 11, 24), "mardi vingt-quatre novembre"),
        (date(2027, 11, 23), "mardi vingt-trois novembre"),
        (date(2027, 11, 24), "mercredi vingt-quatre novembre deux mille vingt-sept"),
        (date(2028, 2, 29), "mardi vingt-neuf février deux mille vingt-huit"),
        (date(2027, 3, 12), "vendredi douze mars"),
    ],
)
def test_the_year_is_said_of_a_day_that_is_not_the_next_of_its_name(value: date, said: str) -> None:
    assert spoken.say_date(value, date(2026, 11, 23)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (date(2026, 11, 23), "aujourd'hui"),
        (date(2026, 11, 24), "demain"),
        (date(2026, 11, 28), "samedi"),
        (date(2026, 12, 7), "lundi sept décembre"),
    ],
)
def test_days_seen_from_a_monday(value: date, said: str) -> None:
    assert spoken.say_day(value, date(2026, 11, 23)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("02 61 91 12 00", "zéro deux, soixante et un, quatre-vingt-onze, douze, zéro zéro"),
        (
            "+32 475 12 34 56",
            "plus trente-deux, quatre cent soixante-quinze, douze, trente-quatre, cinquante-six",
        ),
        ("+44 7400 123456", "plus quarante-quatre, sept quatre zéro zéro, un deux trois quatre cinq six"),
        ("3939", "trente-neuf trente-neuf"),
        ("115", "cent quinze"),
        ("17", "dix-sept"),
    ],
)
def test_phone_numbers(value: str, said: str) -> None:
    assert spoken.say_phone(value) == said


def test_enumerations() -> None:
    assert spoken.enumerate_words(["a", "b", "c"]) == "a, b et c"
    assert spoken.enumerate_words(["a"]) == "a"
    assert spoken.enumerate_words([]) == ""
