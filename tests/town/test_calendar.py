"""Open or closed, until when, and the week in words."""

from datetime import date, datetime, time

import pytest

from callbot.town.calendar import Calendar

MORNING = (time(8, 30), time(12, 0))
AFTERNOON = (time(13, 30), time(17, 30))
OFFICE = Calendar(
    dict.fromkeys(range(5), (MORNING, AFTERNOON)) | {5: ((time(9, 0), time(12, 0)),)},
    closures=[(date(2026, 12, 24), date(2026, 12, 24), "c'est la veille de Noël")],
)


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2026-11-23T09:00", "ouvert en ce moment, jusqu'à midi"),
        ("2026-11-23T08:30", "ouvert en ce moment, jusqu'à midi"),
        ("2026-11-23T12:00", "fermé en ce moment, et rouvre aujourd'hui à treize heures trente"),
        ("2026-11-23T19:00", "fermé en ce moment, et rouvre demain à huit heures trente"),
        ("2026-11-28T13:00", "fermé en ce moment, et rouvre lundi à huit heures trente"),
        ("2026-11-11T09:00", "fermé aujourd'hui, c'est un jour férié, et rouvre demain à huit heures trente"),
        ("2026-12-24T10:00", "fermé aujourd'hui, c'est la veille de Noël, et rouvre samedi à neuf heures"),
    ],
)
def test_now(moment: str, said: str) -> None:
    assert OFFICE.say_now(datetime.fromisoformat(moment)) == said


def test_good_friday_is_a_holiday_in_alsace_only() -> None:
    good_friday = date(2027, 3, 26)
    week = {4: (MORNING,)}
    assert Calendar(week, country_part="6AE").slots(good_friday) == ()
    assert Calendar(week).slots(good_friday) == (MORNING,)


def test_a_service_that_never_opens() -> None:
    assert Calendar({}).say_now(datetime(2026, 11, 23, 9)) == "fermé en ce moment"


@pytest.mark.parametrize(
    ("week", "said"),
    [
        ({0: (MORNING,), 1: (MORNING,), 2: (MORNING,)}, "du lundi au mercredi, de huit heures trente à midi"),
        ({0: (MORNING,), 1: (MORNING,)}, "le lundi et le mardi, de huit heures trente à midi"),
        ({6: ((time(1, 0), time(2, 0)),)}, "le dimanche, d'une heure à deux heures"),
        (
            {0: (MORNING, AFTERNOON), 5: (MORNING,)},
            "le lundi, de huit heures trente à midi et de treize heures trente à dix-sept heures trente, "
            "puis le samedi, de huit heures trente à midi",
        ),
        ({}, ""),
    ],
)
def test_week(week: dict[int, tuple[tuple[time, time], ...]], said: str) -> None:
    assert Calendar(week).say_week() == said
