"""Open or closed, until when, and the week in words."""

from datetime import date, datetime, time, timedelta

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


@pytest.mark.parametrize(
    ("day", "shut"),
    [
        ("2026-11-24", False),
        ("2026-11-22", True),
        ("2026-12-24", True),
        ("2027-01-01", True),
        ("2026-11-28 matin", False),
        ("2026-11-28 après-midi", True),
        ("2026-11-24 soir", True),
        ("2026-11-24 à quinze heures", False),
        ("2026-11-23", False),
        ("2026-11-23 matin", True),
    ],
)
def test_a_day_or_a_part_of_it_on_which_nobody_is_there(day: str, shut: bool) -> None:
    iso, _, part = day.partition(" ")
    assert OFFICE.is_shut(date.fromisoformat(iso), part, datetime(2026, 11, 23, 16)) == shut
    assert OFFICE.is_shut(date(2026, 11, 23), "", datetime(2026, 11, 23, 22))


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
    assert Calendar(week).say_week(date(2026, 11, 23)) == said


SUMMER = Calendar(
    {0: (MORNING, AFTERNOON), 1: (MORNING,)},
    special=[(date(2027, 7, 5), date(2027, 8, 28), {0: (MORNING,)})],
)


@pytest.mark.parametrize(
    ("day", "monday_afternoon", "tuesday"),
    [
        ("2027-06-28", True, True),
        ("2027-07-05", False, False),
        ("2027-08-23", False, False),
        ("2027-08-30", True, True),
    ],
)
def test_special_hours_replace_the_usual_ones_for_their_weeks(
    day: str, monday_afternoon: bool, tuesday: bool
) -> None:
    monday = datetime.fromisoformat(f"{day}T14:00")
    assert SUMMER.at(monday).is_open == monday_afternoon
    assert SUMMER.at(monday + timedelta(hours=19)).is_open == tuesday
    said = SUMMER.say_week(monday.date())
    assert ("treize heures trente" in said, "mardi" in said) == (monday_afternoon, tuesday)


def test_the_next_opening_is_found_beyond_the_special_hours() -> None:
    assert SUMMER.say_now(datetime(2027, 8, 24, 9)) == (
        "fermé en ce moment, et rouvre lundi à huit heures trente"
    )


@pytest.mark.parametrize(
    ("part", "day"),
    [
        ("57", "2026-12-26"),
        ("6AE", "2026-12-26"),
        ("971", "2027-05-27"),
        ("972", "2027-05-22"),
        ("973", "2027-06-10"),
        ("974", "2026-12-20"),
        ("976", "2027-04-27"),
        ("PF", "2027-03-05"),
        ("NC", "2027-09-24"),
    ],
)
def test_places_with_public_holidays_of_their_own(part: str, day: str) -> None:
    week = dict.fromkeys(range(7), (MORNING,))
    assert Calendar(week, country_part=part).closed_because(date.fromisoformat(day)) == "c'est un jour férié"
    assert Calendar(week).closed_because(date.fromisoformat(day)) == ""
