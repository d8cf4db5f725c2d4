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


def say_date(value: date) -> str:
    """`2026-11-01` -> dimanche premier novembre."""
    day = "premier" if value.day == 1 else say_number(value.day)
    return f"{WEEKDAYS[value.weekday()]} {day} {MONTHS[value.month - 1]}"


def say_day(value: date, today: date) -> str:
    """The day as seen from today: aujourd'hui, demain, lundi, lundi sept décembre."""
    distance = (value - today).days
    if distance in (0, 1):
        return ("aujourd'hui", "demain")[distance]
    return WEEKDAYS[value.weekday()] if 1 < distance < 7 else say_date(value)


def say_phone(number: str) -> str:
    """`02 61 91 12 00` -> zéro deux, soixante et un, quatre-vingt-onze, douze, zéro zéro.

    Short numbers (3939, 115) are said as French people do: by two digits, three as one number.
    """
    digits = re.sub(r"\D", "", number)
    if len(digits) == 3:
        return say_number(int(digits))
    pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
    said = [
        " ".join(say_number(int(digit)) for digit in pair) if pair[0] == "0" else say_number(int(pair))
        for pair in pairs
    ]
    return (" " if len(digits) == 4 else ", ").join(said)


def say_digits(number: str) -> str:
    """`1042` -> un, zéro, quatre, deux: what a caller writes down."""
    return ", ".join(say_number(int(digit)) for digit in number if digit.isdigit())


def enumerate_words(words: list[str]) -> str:
    """`a, b et c`."""
    return " et ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
