"""Hours, dates, prices and numbers the way French people say them."""

from __future__ import annotations

import re
from datetime import date, time

from num2words import num2words

WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)

LONGEST_NUMBER = 6
"""Digits; a longer one is a code."""

_PHONE = re.compile(r"(?<!\d)0\d(?:[ .]?\d\d){4}(?!\d)")
_THOUSANDS = re.compile(r"(?<!\d)\d{1,3}(?:[ \u00a0\u202f]\d{3}){1,3}(?!\d)")
_HOUR = re.compile(r"(?<!\d)([01]?\d|2[0-4])(?:\s?[hH](?:\s?([0-5]\d))?(?!\w)|:([0-5]\d)(?!\d))")
_PRICE = re.compile(r"(\d{1,6})(?:[,.](\d{1,2}))?\s?(?:€|euros?\b)")
_DECIMAL = re.compile(r"(?<!\d)(\d{1,6})[,.](\d{1,6})(?!\d)")
_FIRST = re.compile(r"(?<!\d)1er(?!\w)")
_SIGNS = {"&": " et ", "€": " euros", "%": " pour cent", "n°": "numéro ", "N°": "numéro "}


def say_number(value: int) -> str:
    """`21` -> vingt et un."""
    return str(num2words(value, lang="fr"))


def say_time(value: time) -> str:
    """`17:30` -> dix-sept heures trente; `12:00` -> midi."""
    if value.minute == 0 and value.hour in (0, 12):
        return "midi" if value.hour == 12 else "minuit"
    hours = say_number(value.hour)
    if value.hour in (1, 21):  # heure is feminine
        hours += "e"
    minutes = f" {say_number(value.minute)}" if value.minute else ""
    return f"{hours} heure{'s' if value.hour > 1 else ''}{minutes}"


def say_date(value: date, today: date | None = None) -> str:
    """`2026-11-01` -> dimanche premier novembre.

    Args:
        today: the year is said too of a day that is not the next of its name.
    """
    day = "premier" if value.day == 1 else say_number(value.day)
    said = f"{WEEKDAYS[value.weekday()]} {day} {MONTHS[value.month - 1]}"
    far = today is not None and (value.year - 1, value.month, value.day) > (
        today.year,
        today.month,
        today.day,
    )
    return f"{said} {say_number(value.year)}" if far else said


def say_day(value: date, today: date) -> str:
    """The day as seen from today: aujourd'hui, demain, lundi, lundi sept décembre."""
    distance = (value - today).days
    if distance in (0, 1):
        return ("aujourd'hui", "demain")[distance]
    return WEEKDAYS[value.weekday()] if 1 < distance < 7 else say_date(value)


def say_phone(number: str) -> str:
    """`02 61 91 12 00` -> zéro deux, soixante et un, quatre-vingt-onze, douze, zéro zéro.

    Short numbers (3939, 115) are said as French people do: by two digits, three as one number. One from
    abroad is said in its own groups: `+32 475 12 34 56` -> plus trente-deux, quatre cent soixante-quinze...
    """
    if number.startswith("+"):
        return "plus " + ", ".join(map(_group, re.findall(r"\d+", number)))
    digits = re.sub(r"\D", "", number)
    if len(digits) == 3:
        return say_number(int(digits))
    pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
    return (" " if len(digits) == 4 else ", ").join(map(_group, pairs))


def _group(digits: str) -> str:
    """Digits written together: `12` -> douze; more than three, or after a zero, one by one."""
    if digits.startswith("0") or len(digits) > 3:
        return " ".join(say_number(int(digit)) for digit in digits)
    return say_number(int(digits))


def say_digits(number: str) -> str:
    """`1042` -> un, zéro, quatre, deux: what a caller writes down."""
    return ", ".join(say_number(int(digit)) for digit in number if digit.isdigit())


def enumerate_words(words: list[str]) -> str:
    """`a, b et c`."""
    return " et ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def say_all(text: str) -> str:
    """A text with its numbers in words: `à 8h30, 5 €` -> à huit heures trente, cinq euros."""
    said = _PHONE.sub(lambda found: say_phone(found[0]), text)
    said = _THOUSANDS.sub(lambda found: _together(found[0]), said)
    said = _HOUR.sub(lambda found: say_time(time(int(found[1]) % 24, int(found[2] or found[3] or 0))), said)
    said = _PRICE.sub(lambda found: _price(int(found[1]), (found[2] or "").ljust(2, "0")), said)
    said = _DECIMAL.sub(lambda found: f"{_number(found[1])} virgule {_number(found[2])}", said)
    said = _FIRST.sub("premier", said)
    for sign, words in _SIGNS.items():
        said = said.replace(sign, words)
    said = re.sub(r"\d+", lambda found: _number(found[0]), said)
    return " ".join(said.split())


def _together(thousands: str) -> str:
    digits = re.sub(r"\D", "", thousands)
    if len(digits) > LONGEST_NUMBER and not digits.startswith("0"):
        return say_number(int(digits))  # its blanks tell that it is no code
    return digits


def _number(digits: str) -> str:
    """A number, or its digits one by one when it is a code: it begins with zero or is very long."""
    if len(digits) > LONGEST_NUMBER or digits.startswith("0"):
        return say_digits(digits[:12])
    return say_number(int(digits))


def _price(euros: int, cents: str) -> str:
    said = f"{say_number(euros)} euro{'s' if euros > 1 else ''}"
    return said if cents == "00" else f"{said} {say_number(int(cents))}"
