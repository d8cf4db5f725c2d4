"""Dated events as towns publish them: iCalendar files and plain JSON. Bytes in, events out.

iCalendar is RFC 5545. The JSON is a list, of events or of menus; an hour and a place may be added:

    [{"date": "2026-11-28", "title": "Marché de Noël", "time": "10:00", "place": "place de la Mairie"}]
    [{"date": "2026-11-23", "items": ["carottes râpées", "poisson pané", "riz", "compote"]}]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, TypeVar

import icalendar
import recurring_ical_events
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from callbot.errors import LiveError
from callbot.town.local_time import local
from callbot.town.spoken import enumerate_words

MAX_BYTES = 5_000_000
MAX_EVENTS = 5000
"""Events that a calendar may hold, and that it may have between two days."""
MAX_RULES = 500
MAX_RULE_YEARS = 10_000
"""Years, summed over its rules, that a calendar may have recurred: some ten seconds of work."""
MAX_RECURRING = timedelta(days=366)
"""Length of an event that recurs."""
MAX_FINE_RULES = 50
"""Rules with parts by which they may never happen (a thirtieth of February): each is sought until 9999."""
MAX_TEXT = 500
"""Characters kept of a summary or a place."""

_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\s]+")
_BOM = b"\xef\xbb\xbf"
_DAILY = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
_FINE_PARTS = {"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"}
_HOURLY_PARTS = ("BYHOUR", "BYMINUTE", "BYSECOND")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens on a day, in the town's local time."""

    day: date
    last: date
    """Its last day, `day` for most."""
    start: time | None
    """None: it lasts all day."""
    end: time | None
    """On its last day; None: all day, or not told."""
    summary: str
    location: str = ""
    categories: tuple[str, ...] = ()


class Wire(BaseModel):
    """What a feed sends: right types or nothing; keys that are not ours are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)


def clean(text: str) -> str:
    """On one line, without control characters, cut at MAX_TEXT."""
    return _UNSPEAKABLE.sub(" ", text[: 4 * MAX_TEXT]).strip()[:MAX_TEXT]


Text = Annotated[str, AfterValidator(clean)]


class _Item(Wire):
    day: date = Field(validation_alias="date")
    title: Text = Field("", validation_alias=AliasChoices("title", "text"))
    items: tuple[Text, ...] = Field((), max_length=50)
    start: time | None = Field(None, validation_alias="time")
    place: Text = ""


_ITEMS = TypeAdapter(Annotated[tuple[_Item, ...], Field(max_length=MAX_EVENTS)])


def parse_json(kind: TypeAdapter[T], body: bytes) -> T:
    """A JSON document of a known shape.

    Raises:
        LiveError: too large, no JSON, or another shape.
    """
    refuse_large(body)
    try:
        return kind.validate_json(body.removeprefix(_BOM))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise LiveError(one_line(f"{where}: {first['msg']}" if where else first["msg"])) from None


def refuse_large(body: bytes) -> None:
    """Raises LiveError when the document is beyond MAX_BYTES."""
    if len(body) > MAX_BYTES:
        raise LiveError(f"{len(body)} bytes are more than {MAX_BYTES}")


def one_line(text: str) -> str:
    """An error's message, fit for one line of a log."""
    return "".join(char if char.isprintable() else " " for char in text[:200]).strip()


def dated(body: bytes, first: date, last: date, zone: tzinfo | None) -> tuple[Event, ...]:
    """Events of a feed, iCalendar or JSON, that touch the days from first to last; earliest first.

    Args:
        zone: the town's; what a calendar says in other zones is converted to it.

    Raises:
        LiveError: neither, or too much of it.
    """
    refuse_large(body)
    if body.removeprefix(_BOM).lstrip()[:1] in (b"[", b"{"):
        events = _from_json(body)
    else:
        events = from_ics(body, first, last, zone)
    touching = [event for event in events if event.day <= last and event.last >= first]
    return tuple(sorted(touching, key=lambda event: (event.day, event.start or time.min, event.summary)))


def _from_json(body: bytes) -> list[Event]:
    return [
        Event(
            item.day,
            item.day,
            item.start.replace(tzinfo=None) if item.start else None,
            None,
            item.title or enumerate_words(list(filter(None, item.items))),
            item.place,
        )
        for item in parse_json(_ITEMS, body)
    ]


def from_ics(body: bytes, first: date, last: date, zone: tzinfo | None) -> list[Event]:
    """Events of an iCalendar file; recurrences and their exceptions are worked out.

    Raises:
        LiveError: no calendar, or one that recurs beyond measure.
    """
    refuse_large(body)
    try:
        calendar = icalendar.Calendar.from_ical(body)
        _bound(calendar, last)
        found = recurring_ical_events.of(calendar).between(first, last + timedelta(days=1))
        if len(found) > MAX_EVENTS:
            raise LiveError(f"more than {MAX_EVENTS} events")
        return [_event(component, zone) for component in found if _is_public(component)]
    except LiveError:
        raise
    except Exception as error:  # two libraries that promise no family of errors
        message = f"not a calendar: {type(error).__name__}: {error}"
        raise LiveError(one_line(message)) from error


def _bound(calendar: Any, last: date) -> None:
    """Refuse rules that would take for ever to work out."""
    if calendar.name != "VCALENDAR":
        raise LiveError(f"not a calendar but {one_line(str(calendar.name))}")
    if len(calendar.walk("VEVENT")) > MAX_EVENTS:
        raise LiveError(f"more than {MAX_EVENTS} events")
    rules = fine = years = 0
    for component in calendar.walk():
        is_event = component.name == "VEVENT"
        for rule in _rules(component):
            frequency = str((rule.get("FREQ") or [""])[0]).upper()
            if (
                frequency not in (_DAILY if is_event else {"YEARLY"})
                or any(interval < 1 for interval in rule.get("INTERVAL") or [])
                or any(not 1 <= month <= 12 for month in rule.get("BYMONTH") or [])
                or any(len(rule.get(part) or []) > 1 for part in _HOURLY_PARTS)
            ):
                raise LiveError(f"a {one_line(str(component.name))} recurs in a way that is not followed")
            if is_event:
                if not _is_short(component):
                    raise LiveError("an event recurs and lasts longer than a year, or ends before it begins")
                rules += 1
                years += max(0, last.year - component.decoded("DTSTART").year) + 1
                fine += bool(_FINE_PARTS & rule.keys())
                if frequency in ("DAILY", "WEEKLY") and _FINE_PARTS & rule.keys():
                    raise LiveError(f"a {frequency} rule with {', '.join(sorted(_FINE_PARTS & rule.keys()))}")
    if rules > MAX_RULES or fine > MAX_FINE_RULES or years > MAX_RULE_YEARS:
        raise LiveError(f"{rules} rules over {years} years recur too much")


def _is_short(component: Any) -> bool:
    """Does it last a year at most? Recurrences are sought as far back as one may last."""
    start, end = component.decoded("DTSTART"), component.decoded("DTEND", None)
    lasts = component.decoded("DURATION", None)
    if end is not None:
        lasts = date(end.year, end.month, end.day) - date(start.year, start.month, start.day)
    return lasts is None or timedelta() <= lasts <= MAX_RECURRING


def _rules(component: Any) -> Iterator[Any]:
    for name in ("RRULE", "EXRULE"):
        value = component.get(name) or []
        yield from value if isinstance(value, list) else [value]


def _is_public(component: Any) -> bool:
    """Neither called off nor meant for few (RFC 5545, 3.8.1.11 and 3.8.1.3)."""
    status, kind = (str(component.get(key) or "").upper() for key in ("STATUS", "CLASS"))
    return status != "CANCELLED" and kind not in ("PRIVATE", "CONFIDENTIAL")


def _event(component: Any, zone: tzinfo | None) -> Event:
    """One occurrence; DTEND is the first moment after it (RFC 5545, 3.6.1)."""
    start, end = component.start, component.end
    summary, location = (clean(str(component.get(key) or "")) for key in ("SUMMARY", "LOCATION"))
    listed = component.get("CATEGORIES") or []
    categories = tuple(
        clean(str(name))
        for item in (listed if isinstance(listed, list) else [listed])
        for name in getattr(item, "cats", [item])
    )
    if not isinstance(start, datetime):
        last = max(start, end - timedelta(days=1))
        return Event(start, last, None, None, summary, location, categories)
    start, end = local(start, zone), local(end, zone)  # without a zone: RFC 5545, 3.3.5, form 1
    last = end.date()
    if end.time() == time.min and last > start.date():  # until midnight is not the day after
        last -= timedelta(days=1)
    told = end.time() if end > start else None
    return Event(start.date(), last, start.time(), told, summary, location, categories)
