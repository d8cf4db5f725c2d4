"""Feeds of the world: two GBFS versions, calendars with recurrences, JSON; and what is none of these."""

import json
import time as clock
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callbot.errors import LiveError
from callbot.town import feeds_gbfs as gbfs
from callbot.town.feeds import MAX_BYTES, Event, dated

PARIS = ZoneInfo("Europe/Paris")
MONDAY = date(2026, 11, 23)
LATER = date(2026, 12, 31)
REPORTED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
POSIX, RFC3339 = int(REPORTED.timestamp()), "2026-11-23T10:00:00+01:00"


def body(data: Any, **more: Any) -> bytes:
    return json.dumps({"last_updated": POSIX, "ttl": 30, "version": "2.3", "data": data} | more).encode()


def ics(*events: str) -> bytes:
    parts = [f"BEGIN:VEVENT\nUID:{at}\n{event}\nEND:VEVENT\n" for at, event in enumerate(events)]
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{''.join(parts)}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def days(document: bytes, first: date = MONDAY, last: date = LATER) -> list[str]:
    return [event.day.isoformat() for event in dated(document, first, last, PARIS)]


FEEDS = [
    {"name": name, "url": f"https://x.fr/{name}.json"}
    for name in ("system_information", "station_information", "station_status", "vehicle_types")
]


@pytest.mark.parametrize(
    "data",
    [{"en": {"feeds": []}, "fr": {"feeds": FEEDS}}, {"nb": {"feeds": FEEDS}}, {"feeds": FEEDS}],
    ids=["2.3 French", "2.3 another language", "3.0"],
)
def test_the_feeds_of_a_system_are_found(data: Any) -> None:
    found = gbfs.discovery(body(data))
    assert found == gbfs.Discovery(
        "https://x.fr/station_information.json",
        "https://x.fr/station_status.json",
        "https://x.fr/vehicle_types.json",
        30,
    )


def test_a_system_without_vehicle_types_has_stations_all_the_same() -> None:
    assert gbfs.discovery(body({"feeds": FEEDS[:3]})).vehicle_types == ""


@pytest.mark.parametrize(
    "name",
    ["Gare", [{"text": "Station", "language": "en"}, {"text": "Gare", "language": "fr-FR"}]],
)
def test_names_in_both_versions(name: Any) -> None:
    read = gbfs.information(body({"stations": [{"station_id": "a", "name": name, "lat": 1, "lon": 2}]}))
    assert read.names == {"a": "Gare"}


STATION = {
    "station_id": "a",
    "num_docks_available": 5,
    "is_installed": True,
    "is_renting": True,
    "is_returning": True,
    "vehicle_types_available": [{"vehicle_type_id": "e", "count": 2}, {"vehicle_type_id": "m", "count": 5}],
}
TYPES = [
    {"vehicle_type_id": "e", "form_factor": "bicycle", "propulsion_type": "electric_assist"},
    {"vehicle_type_id": "m", "form_factor": "bicycle", "propulsion_type": "human"},
]


@pytest.mark.parametrize(
    ("key", "moment"),
    [
        ("num_bikes_available", POSIX),
        ("num_bikes_available", POSIX * 1000),
        ("num_vehicles_available", RFC3339),
        ("num_vehicles_available", "2026-11-23T09:00:00Z"),
    ],
)
def test_what_stands_at_a_station_in_both_versions(key: str, moment: Any) -> None:
    document = body({"stations": [STATION | {key: 7, "last_reported": moment}]}, last_updated=moment)
    status = gbfs.status(document)
    types = gbfs.vehicle_types(body({"vehicle_types": TYPES}))
    station = status.stations["a"]
    assert (station.vehicles, station.docks, station.electric(types)) == (7, 5, 2)
    assert (station.installed, station.renting, station.returning) == (True, True, True)
    assert station.reported == status.updated == REPORTED
    assert status.ttl_s == 30


def test_what_a_station_may_leave_out() -> None:
    least = {"station_id": 4, "num_bikes_available": 0, "is_installed": 1, "is_renting": 0, "is_returning": 1}
    station = gbfs.status(body({"stations": [least]})).stations["4"]
    assert (station.docks, station.renting, station.reported) == (None, False, REPORTED)
    assert station.electric(gbfs.VehicleTypes(frozenset("e"), 0)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_bikes_available": "7"},
        {"num_bikes_available": -1},
        {"num_bikes_available": True},
        {"num_bikes_available": 10**30},
        {"num_bikes_available": 1.5},
        {"last_reported": "yesterday"},
        {"last_reported": 10**300},
        {"last_reported": {}},
        {"is_renting": "yes"},
        {"is_renting": None},
        {"station_id": None},
        {"vehicle_types_available": [{"count": 1}]},
    ],
    ids=str,
)
def test_a_wrong_station_is_left_out_and_the_others_stay(wrong: dict[str, Any]) -> None:
    right = STATION | {"num_bikes_available": 7, "last_reported": POSIX}
    status = gbfs.status(body({"stations": [right | wrong, right | {"station_id": "b"}]}))
    assert status.stations.keys() == {"b"}
    with pytest.raises(LiveError, match="none that makes sense"):
        gbfs.status(body({"stations": [right | wrong]}))


@pytest.mark.parametrize("parse", [gbfs.information, gbfs.status])
def test_a_system_without_stations_is_out(parse: Callable[[bytes], object]) -> None:
    with pytest.raises(LiveError, match="none that makes sense"):
        parse(body({"stations": []}))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x.fr/a", "//x.fr/a", ""])
def test_feeds_elsewhere_than_on_the_web_are_refused(url: str) -> None:
    feeds = [*FEEDS[:2], {"name": "station_status", "url": url}]
    with pytest.raises(LiveError):
        gbfs.discovery(body({"feeds": feeds}))


def test_a_system_without_stations_is_told() -> None:
    with pytest.raises(LiveError, match="no feed station_information nor station_status"):
        gbfs.discovery(body({"feeds": FEEDS[:1]}))


def test_a_weekly_collection_with_its_exceptions() -> None:
    document = ics(
        "DTSTART;VALUE=DATE:20260105\nRRULE:FREQ=WEEKLY\nEXDATE;VALUE=DATE:20261130\nSUMMARY:Ordures",
    ).replace(
        b"END:VCALENDAR",
        b"BEGIN:VEVENT\r\nUID:0\r\nRECURRENCE-ID;VALUE=DATE:20261207\r\nDTSTART;VALUE=DATE:20261208\r\n"
        b"SUMMARY:Ordures\\, un jour plus tard\r\nLOCATION:Secteur Nord\r\nCATEGORIES:OM,Lundi\r\n"
        b"END:VEVENT\r\nEND:VCALENDAR",
    )
    assert days(document, last=date(2026, 12, 14)) == ["2026-11-23", "2026-12-08", "2026-12-14"]
    moved = dated(document, date(2026, 12, 8), date(2026, 12, 8), PARIS)
    assert moved == (
        Event(
            date(2026, 12, 8),
            date(2026, 12, 8),
            None,
            None,
            "Ordures, un jour plus tard",
            "Secteur Nord",
            ("OM", "Lundi"),
        ),
    )


@pytest.mark.parametrize(
    ("when", "day", "hours"),
    [
        ("DTSTART:20261124T193000Z\nDTEND:20261124T213000Z", "2026-11-24", "20:30-22:30"),
        ("DTSTART;TZID=America/New_York:20261124T193000\nDURATION:PT1H", "2026-11-25", "01:30-02:30"),
        ("DTSTART:20261124T193000\nDTEND:20261124T203000", "2026-11-24", "19:30-20:30"),
        (
            "DTSTART;TZID=Europe/Paris:20261124T200000\nDTEND;TZID=Europe/Paris:20261125T000000",
            "2026-11-24",
            "",
        ),
        ("DTSTART:20261124T193000", "2026-11-24", "19:30-"),
    ],
)
def test_hours_are_the_towns(when: str, day: str, hours: str) -> None:
    (event,) = dated(ics(f"{when}\nSUMMARY:Concert"), MONDAY, LATER, PARIS)
    assert event.day == event.last == date.fromisoformat(day)
    if hours:
        start, end = hours.split("-")
        assert event.start == time.fromisoformat(start)
        assert event.end == (time.fromisoformat(end) if end else None)


def test_summer_and_winter_time() -> None:
    weekly = ics("DTSTART;TZID=Europe/Paris:20261019T200000\nRRULE:FREQ=WEEKLY;COUNT=3\nSUMMARY:Chorale")
    found = dated(weekly, date(2026, 10, 19), LATER, PARIS)
    assert [event.start for event in found] == [time(20)] * 3


def test_what_is_called_off_or_private_is_not_told() -> None:
    events = [
        f"DTSTART;VALUE=DATE:2026112{day}\n{line}\nSUMMARY:x"
        for day, line in enumerate(
            ["CLASS:PUBLIC", "STATUS:CONFIRMED", "STATUS:CANCELLED", "CLASS:PRIVATE", "CLASS:CONFIDENTIAL"], 4
        )
    ]
    assert days(ics(*events)) == ["2026-11-24", "2026-11-25"]


def test_several_days_and_days_before() -> None:
    document = ics("DTSTART;VALUE=DATE:20261121\nDTEND;VALUE=DATE:20261124\nSUMMARY:Salon")
    (event,) = dated(document, MONDAY, LATER, PARIS)
    assert (event.day, event.last) == (date(2026, 11, 21), MONDAY)
    assert days(document, date(2026, 11, 24)) == []


def test_json_of_dated_items_and_of_menus() -> None:
    document = [
        {"date": "2026-11-28", "title": "Marché\n de Noël", "time": "10:00", "place": "Mairie", "more": 1},
        {"date": "2026-11-24", "items": ["carottes", "poisson", "riz"]},
        {"date": "2026-11-25", "text": "Bal"},
        {"date": "2026-11-01", "text": "Passé"},
    ]
    found = dated(b"\xef\xbb\xbf" + json.dumps(document).encode(), MONDAY, LATER, PARIS)
    assert [(event.day.day, event.start, event.summary, event.location) for event in found] == [
        (24, None, "carottes, poisson et riz", ""),
        (25, None, "Bal", ""),
        (28, time(10), "Marché de Noël", "Mairie"),
    ]


BROKEN = {
    "empty": b"",
    "HTML": b"<!doctype html><html><body>Maintenance</body></html>",
    "not UTF-8": b'[{"date": "2026-11-23", "title": "\xff\xfe"}]',
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"data":' * 100_000,
    "deep calendar": b"BEGIN:VEVENT\r\n" * 20_000,
    "too large": b"[" + b" " * MAX_BYTES + b"]",
    "a number": b"12",
    "null": b"null",
    "huge number": b"[" + b"9" * 5000 + b"]",
    "not a number": b'{"data": NaN}',
    "lone surrogate": b'[{"date": "2026-11-23", "title": "\\ud800"}]',
    "wrong date": b'[{"date": "2026-02-30"}]',
    "date as number": b'[{"date": 1}]',
    "cut short": ics("DTSTART:20261124T193000\nSUMMARY:Concert")[:60],
    "an event alone": b"BEGIN:VEVENT\r\nDTSTART:20261124T193000\r\nEND:VEVENT\r\n",
    "no start": ics("SUMMARY:x"),
    "wrong start": ics("DTSTART:tomorrow\nSUMMARY:x"),
    "every second": ics("DTSTART:20200101T000000\nRRULE:FREQ=SECONDLY\nSUMMARY:x"),
    "never ends": ics("DTSTART:20200101T000000\nRRULE:FREQ=DAILY;INTERVAL=0\nSUMMARY:x"),
    "by the minute": ics("DTSTART:20200101T000000\nRRULE:FREQ=DAILY;BYMINUTE=1,2,3\nSUMMARY:x"),
    "a zone that never ends": ics("DTSTART;TZID=Mars:20261124T193000\nSUMMARY:x").replace(
        b"BEGIN:VEVENT",
        b"BEGIN:VTIMEZONE\r\nTZID:Mars\r\nBEGIN:STANDARD\r\nDTSTART:20000101T000000\r\nTZOFFSETFROM:+0100\r\n"
        b"TZOFFSETTO:+0100\r\nRRULE:FREQ=YEARLY;INTERVAL=0\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT",
        1,
    ),
    "30 February, sought daily": ics("DTSTART:20200101T000000\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"),
    "thirteenth month": ics("DTSTART:20200101T000000\nRRULE:FREQ=DAILY;BYMONTH=13\nSUMMARY:x"),
    "too many fine rules": ics(*["DTSTART:20200101T000000\nRRULE:FREQ=YEARLY;BYYEARDAY=1\nSUMMARY:x"] * 51),
    "too many rules": ics(*["DTSTART:20200101T000000\nRRULE:FREQ=DAILY\nSUMMARY:x"] * 501),
    "since the Romans": ics(*["DTSTART:00500101T000000\nRRULE:FREQ=DAILY\nSUMMARY:x"] * 10),
}
PARSERS = {
    "dated": lambda body: dated(body, MONDAY, LATER, PARIS),
    "discovery": gbfs.discovery,
    "information": gbfs.information,
    "types": gbfs.vehicle_types,
    "status": gbfs.status,
}


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
@pytest.mark.parametrize("document", BROKEN.values(), ids=BROKEN)
def test_what_is_no_feed_is_one_line(parser: Any, document: bytes) -> None:
    began = clock.process_time()
    with pytest.raises(LiveError) as caught:
        parser(document)
    said = str(caught.value)
    assert said and len(said) <= 250 and said.isprintable()
    assert clock.process_time() - began < 5


def test_a_day_that_never_comes_does_not_keep_us() -> None:
    began = clock.process_time()
    never = "DTSTART:20200101T000000\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\nSUMMARY:x"
    assert days(ics(*[never] * 3, "DTSTART;VALUE=DATE:20261124\nSUMMARY:y")) == ["2026-11-24"]
    assert clock.process_time() - began < 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["data", "feeds", "stations", "fr", "name", "url", "date", "items", "station_id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
LINES = st.lists(
    st.sampled_from(
        [
            *(
                "BEGIN:VCALENDAR",
                "END:VCALENDAR",
                "BEGIN:VEVENT",
                "END:VEVENT",
                "BEGIN:VTIMEZONE",
                "SUMMARY:é",
            ),
            *("DTSTART:20261124T193000", "DTSTART;VALUE=DATE:20261124", "DTEND:19990101", "DURATION:-P1D"),
            *(
                "RRULE:FREQ=DAILY",
                "RRULE:FREQ=WEEKLY;BYDAY=XX",
                "RRULE:",
                "EXDATE:1",
                "RECURRENCE-ID:20261124",
            ),
            *(
                "RDATE;VALUE=PERIOD:20261124T193000Z/PT1H",
                "UID:1",
                "CATEGORIES:",
                "LOCATION;X=:",
                ":",
                "\x00",
            ),
            *("SEQUENCE:x", "DTSTART;TZID=Nowhere:20261124T193000", "RRULE:FREQ=MONTHLY;COUNT=-1", " folded"),
        ]
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=64)
    | JSON.map(lambda value: json.dumps(value).encode())
    | LINES.map(lambda lines: "\r\n".join(lines).encode())
    | LINES.map(lambda lines: ics("\n".join(lines)))
)
def test_nothing_but_an_error_of_ours_comes_out(document: bytes) -> None:
    for parser in PARSERS.values():
        try:
            parser(document)
        except LiveError as error:
            assert str(error).isprintable()
