"""Dates and hours as callers say them: « mardi en huit », « fin mars », « le douze mars vingt-huit »."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from callbot.understanding.phones import in_digits
from callbot.understanding.sounds import WAYS, fold

WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    *("janvier", "fevrier", "mars", "avril", "mai", "juin"),
    *("juillet", "aout", "septembre", "octobre", "novembre", "decembre"),
)
SATURDAY = 5
_NEAR = {"apres-demain": 2, "apres demain": 2, "aujourd'hui": 0, "demain": 1}
_WEEKDAY, _MONTH = "|".join(WEEKDAYS), "|".join(MONTHS)
_NOT_A_DAY = re.compile(rf" ?(?:(?:bis|ter|{'|'.join(WAYS)}|\d+|ans?|euros?|heures?|fois|personnes?)\b)")
"""After « le douze » when it is no day: a house, a price."""
_YEAR = r"(?: (?:(?:de )?l'an(?:nee)? )?(?P<{0}>prochaine?|2\d{{3}}|\d\d)\b)?"
"""After a month; « mars prochain » is no year's."""
_DAY = re.compile(
    rf"\b(?P<near>{'|'.join(_NEAR)})\b"
    r"|\b(?<!depuis )(?<!depuis l[ae] )(?:(?:a )?la )?(?P<vague>debut|mi|fin)[ -]"
    rf"(?:(?:du mois )?(?:de |d')?(?P<of>{_MONTH}){_YEAR.format('of_year')}"
    r"|(?:du|le) mois(?P<then> prochain)?)\b"
    r"|\bdans (?P<count>une?|deux|\d{1,3}) (?P<unit>jours?|semaines?)\b"
    rf"|\b(?:(?P<before>{_WEEKDAY}) (?:de )?)?(?:la )?semaine prochaine(?: (?:le )?(?P<after>{_WEEKDAY}))?\b"
    r"|\b(?P<weekend>(?:ce|le) week[ -]end(?: prochain)?)\b"
    rf"|\b(?:(?P<weekday>{_WEEKDAY})\b(?: prochain)?(?P<week> en 8| en 15)? ?)?"
    rf"(?P<the>le )?(?:(?P<day>[12]?\d|3[01]) *)?(?:(?P<month>{_MONTH}){_YEAR.format('year')})?\b"
)
_OF_A_STREET = re.compile(rf"\b(?:{'|'.join(WAYS)}) (?:du |des )?$")
"""Before a day that is a street's name: « rue du onze novembre »."""
_PART_OF_DAY = re.compile(r"\b(matin|apres[- ]midi|soir|midi)\b")
_REACH = 14
"""Characters after a day within which its part is named."""
_WORD = r"(?:une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize|vingt"
_WORD += r"|trente|quarante|cinquante)"
_COUNT = rf"(?:\d+|{_WORD}(?:[- ](?:et[- ])?{_WORD})*)"
_HOUR = re.compile(
    r"\b(?:(?:a partir de|apres|avant|vers|jusqu'a|a|des|pour) )?"
    rf"(?:(?:(?:entre|de) {_COUNT} (?:heures? )?(?:et|a) |{_COUNT} heures? a )?{_COUNT} heures?"
    rf"(?: et (?:demie?|quart)\b| moins (?:le quart|{_COUNT}\b)| {_COUNT}(?! heures?)\b)?"
    r"|midi et (?:demie?|quart)\b)|\b(?:a partir de|avant|vers) midi\b"
)
_VEIL = 0xE000
"""First of the characters that stand for the hours: no recogniser writes these."""
_VEILED = re.compile("[\ue000-\uf8ff]")
_DAYS_AHEAD = 400
HORIZON_DAYS = 731
"""How far ahead a day may be: rooms and weddings are asked for long before."""
_YEARS = (-5, 20)
"""From and to which year, counted from this one, two digits after a month are a year."""
_LEFT = re.compile(rf"\bpremier\b|\bdeux(?= (?:{_MONTH})\b)|(?<=\ble )deux\b")
"""Days of the month that in_digits leaves alone."""
_FEW = {"un": 1, "une": 1, "deux": 2}
"""Counts that in_digits leaves alone."""
_IDIOMS = {8: 7, 15: 14}
"""« Huit jours » are a week, « quinze jours » two."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day, and the part of it when named, else the hour in the caller's words."""

    day: date
    part: str = ""


@dataclass(frozen=True, slots=True)
class _Named:
    """A day found in a text, and where."""

    day: date
    start: int
    end: int


def find_days(text: str, today: date, lone_day: bool = False) -> tuple[Day, ...]:
    """The days an utterance names, in order: `demain`, `mardi douze mai`, `jeudi vingt-deux`.

    A day that can't be (mardi douze mai when the twelfth is no Tuesday) is read by its date. The past is
    never meant: `lundi` said on a Monday is a week ahead; who names a year that says otherwise, or one
    too far, names no day (see `unfit_day`). What is vague becomes the first working day that fits
    (« fin mars »: the last one; bank holidays are not known here), « la semaine prochaine » its Monday,
    « le week-end prochain » the first Saturday ahead.

    Args:
        lone_day: the caller was asked for a day, so « non le treize » is one.
    """
    said, hours = _veil(text)
    bare = fold(said)
    named = list(_named(bare, today, lone_day))
    days = []
    for at, found in enumerate(named):
        part = _PART_OF_DAY.search(bare, max(found.end - 1, 0), found.end + _REACH)
        until = named[at + 1].start if at + 1 < len(named) else len(bare)
        told = _VEILED.findall(bare, found.end, until) or (_VEILED.findall(bare) if len(named) == 1 else [])
        if part:
            days.append(Day(found.day, re.sub("apres[- ]", "après-", part[1])))
        else:
            days.append(Day(found.day, hours[ord(told[0]) - _VEIL] if told else ""))
    return tuple(day for day in days if not _misfit(day.day, today))


def unfit_day(text: str, today: date, lone_day: bool = False) -> Literal["", "past", "far"]:
    """What is wrong with the last day named, when no other is any good; empty when nothing is."""
    said, _ = _veil(text)
    faults = [_misfit(found.day, today) for found in _named(fold(said), today, lone_day)]
    return faults[-1] if faults and all(faults) else ""


def _misfit(day: date, today: date) -> Literal["", "past", "far"]:
    if day < today:
        return "past"
    return "far" if day > today + timedelta(days=HORIZON_DAYS) else ""


def without_days(text: str, today: date) -> str:
    """The same words without the days they name: `un rendez-vous le mardi douze mai` -> `un rendez-vous`."""
    said, hours = _veil(text)
    left, last = "", 0
    for found in _named(fold(said), today):
        left += re.sub(r"\ble $", "", said[last : found.start])
        last = found.end
    rest = " ".join((left + said[last:]).split())
    return _VEILED.sub(lambda veiled: hours[ord(veiled[0]) - _VEIL], rest)


def _veil(text: str) -> tuple[str, list[str]]:
    """The text with its numbers in digits, a character for each of the hours; these, as they were said."""
    said = " ".join(_VEILED.sub(" ", text.lower()).split())
    bare = fold(said)
    hours: list[str] = []
    veiled, last = "", 0
    for match in _HOUR.finditer(bare):
        veiled += f"{said[last : match.start()]}{chr(_VEIL + len(hours))} "
        hours.append(said[match.start() : match.end()])
        last = match.end()
    return " ".join(in_digits(veiled + said[last:]).split()), hours


def _named(bare: str, today: date, lone_day: bool = False) -> Iterator[_Named]:
    text = _LEFT.sub(lambda word: ("1" if word[0] == "premier" else "2").ljust(len(word[0])), bare)
    for match in _DAY.finditer(text):
        if match["month"] and _OF_A_STREET.search(text[: match.start()]):
            continue
        alone = lone_day and bool(match["the"] or match[0].strip() == text.strip())
        alone = alone and not _NOT_A_DAY.match(text, match.end("day"))
        if found := _meant(match, today, alone):
            yield _Named(found, match.start(), match.end())


def _meant(match: re.Match[str], today: date, alone: bool) -> date | None:
    if match["near"]:
        return today + timedelta(days=_NEAR[match["near"]])
    if match["vague"]:
        if match["of"] and (year := _year(match, "of_year", today)):
            return _working_day(match["vague"], date(year, MONTHS.index(match["of"]) + 1, 1))
        return _vaguely(match["vague"], match["of"], bool(match["then"]), today)
    if match["count"]:
        count = _FEW.get(match["count"]) or int(match["count"])
        days = count * 7 if match["unit"].startswith("semaine") else _IDIOMS.get(count, count)
        return today + timedelta(days=days)
    if "semaine prochaine" in match[0]:
        monday = today + timedelta(days=7 - today.weekday())
        weekday = match["before"] or match["after"]
        return monday + timedelta(days=WEEKDAYS.index(weekday) if weekday else 0)
    if match["weekend"]:
        if match["weekend"].startswith("ce") and today.weekday() >= SATURDAY:
            return today
        return today + timedelta(days=(SATURDAY - today.weekday() - 1) % 7 + 1)
    weekday = WEEKDAYS.index(match["weekday"]) if match["weekday"] else None
    number = int(match["day"]) if match["day"] and match["day"].isdigit() else None
    month = MONTHS.index(match["month"]) + 1 if match["month"] else None
    if month is not None and (year := _year(match, "year", today)):
        return _of_year(year, month, number, today)
    if number is None and (month is not None or weekday is None):
        return None  # « en mai » names no day
    if weekday is None and month is None and not alone:
        return None  # a bare number may be anything
    return _ahead(today, weekday, number, month, {" en 8": 1, " en 15": 2}.get(match["week"] or "", 0))


def _year(match: re.Match[str], group: str, today: date) -> int:
    """The year said after a month, 0 when none is: « le douze mars vingt-huit rue Pasteur » names a house."""
    said = match[group] or ""
    if said.startswith("prochain"):
        return today.year + 1 if "l'an" in match[0] else 0
    if len(said) != 2:
        return int(said or 0)
    year = 2000 + int(said)
    near = _YEARS[0] <= year - today.year <= _YEARS[1]
    return year if near and not _NOT_A_DAY.match(match.string, match.end(group)) else 0


def _of_year(year: int, month: int, number: int | None, today: date) -> date | None:
    if number is None:  # « en janvier vingt-sept »; this very month names no day
        first = date(year, month, 1)
        return _working_day("debut", first) if first != today.replace(day=1) else None
    try:
        return date(year, month, number)
    except ValueError:
        return None


def _ahead(
    today: date, weekday: int | None, number: int | None, month: int | None, weeks: int
) -> date | None:
    """The first day ahead that is all this, or all but the weekday."""
    ahead = [today + timedelta(days=days) for days in range(1, _DAYS_AHEAD)]
    fitting = [
        day
        for day in ahead
        if number in (None, day.day) and month in (None, day.month) and weekday in (None, day.weekday())
    ]
    if not fitting and weekday is not None:
        fitting = [day for day in ahead if number in (None, day.day) and month in (None, day.month)]
    return fitting[0] + timedelta(weeks=weeks) if fitting else None


def _vaguely(when: str, month: str | None, then: bool, today: date) -> date:
    """« Début avril »: its first working day; « mi-mai »: from the fifteenth; « fin mars »: the last."""
    first = today.replace(day=1)
    if month:
        first = first.replace(month=MONTHS.index(month) + 1)
    elif then:
        first = _next_month(first)
    while (day := _working_day(when, first)) <= today:
        first = first.replace(year=first.year + 1) if month else _next_month(first)
    return day


def _working_day(when: str, first: date) -> date:
    last = calendar.monthrange(first.year, first.month)[1]
    day = first.replace(day={"debut": 1, "mi": 15, "fin": last}[when])
    step = timedelta(days=-1 if when == "fin" else 1)
    while day.weekday() >= SATURDAY:
        day += step
    return day


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)
