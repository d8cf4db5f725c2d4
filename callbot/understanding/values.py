"""Values French callers say: which of two, yes or no, addresses, dates, telephone and file numbers.

Texts are the recogniser's: lower case, numbers in words, no punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Literal

import phonenumbers
from text_to_num import alpha2digit

_POLITE = r"( s'il vous plait| merci)?"
_LEAD = r"(euh |alors |plutot |oui |c'est |ce serait )*"
_FIRST = re.compile(rf"{_LEAD}((le|la|au) )?(premiere?|(le |la |numero )?une?){_POLITE}")
_SECOND = re.compile(rf"{_LEAD}((le|la|au) )?(deuxieme|seconde?|derniere?|(le |la |numero )?deux){_POLITE}")

_HESITATION = r"(?:(?:ah|euh|ben|bah|bon|alors|hein|voyons) )*"
_YES = re.compile(
    rf"{_HESITATION}(oui|ouais|ouai|si|exactement|exact|tout a fait|parfait|absolument|voila"
    r"|c'est (bien )?(ca|bon)|d'accord|ok|effectivement|bien sur|ca marche|entendu|volontiers|je veux bien)\b"
)
_NO = re.compile(rf"{_HESITATION}(non|nan|pas du tout|surtout pas|c'est pas ca|ce n'est pas)\b")

_WAYS = (
    "rue avenue boulevard place allee impasse chemin square quai cours route passage ruelle residence "
    "lotissement esplanade promenade faubourg sentier sente villa hameau clos venelle montee voie lieu-dit"
)
_WAY = rf"(?:{'|'.join(_WAYS.split())})"
_PLACES = (
    "ecole college lycee creche parc square gare mairie eglise marche stade piscine gymnase "
    "mediatheque bibliotheque place cimetiere poste pharmacie rond-point carrefour feu pont arret aire "
    "supermarche boulangerie parking hopital theatre cinema dechetterie"
)
_PLACE = re.compile(
    r"\b((?:sur|devant|derriere|avant|apres|pres|a cote|en face|au bout|au coin|au niveau|dans|a l'angle"
    r"|a|au)\s"
    rf"(?:[a-z']+ ){{0,4}}?(?:l')?(?:{'|'.join(_PLACES.split())})\b"
    r"(?: (?:d[eu]s?|d'|la|le|les|l')[a-z' -]*)?)"
)
_NUMBER = r"\d+(?: (?:bis|ter|quater))?"
_ADDRESS = re.compile(rf"(?:(?P<number>{_NUMBER}) (?:de la |du )?)?(?P<street>{_WAY} [a-z' -]+[a-z])")
# Words after which a street's name is over.
_STREET_ENDS = re.compile(
    r" (?:s'il|s'ils|merci|voila|et|il|elle|c'est|pour|qui|ou|depuis|parce|mais|devant|a cote|juste"
    r"|en face|au niveau|est|on|je|j'ai|y a|ca|dans|avec|vers|avant|apres|hier|demain|ce|cette|pres|ne"
    r"|n'est)\b.*"
)
_HOUSE = re.compile(rf"\b(?:numero|le|au|du) (?P<number>{_NUMBER})\b")

WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    *("janvier", "fevrier", "mars", "avril", "mai", "juin"),
    *("juillet", "aout", "septembre", "octobre", "novembre", "decembre"),
)
_NEAR = {"apres-demain": 2, "apres demain": 2, "aujourd'hui": 0, "demain": 1}
_DAY = re.compile(
    rf"\b(?P<near>{'|'.join(_NEAR)})\b"
    rf"|\b(?:(?P<weekday>{'|'.join(WEEKDAYS)})\b(?: prochain)?(?P<week> en 8| en 15)? ?)?"
    rf"(?:le )?(?:(?P<day>[12]?\d|3[01]) *)?(?P<month>{'|'.join(MONTHS)})?\b"
)
_PART_OF_DAY = re.compile(r"\b(matin|apres-midi|soir|midi)\b")
MIN_REFERENCE = 3
_DAYS_AHEAD = 400
_FOLDED = {"œ": "o", "æ": "a", "’": "'"}
_DIGITS = re.compile(r"\d+(?: \d+)*")


def fold(text: str) -> str:
    """Lower case without accents, one character for each: places in it are places in the text."""
    return "".join(_FOLDED.get(char) or unicodedata.normalize("NFKD", char)[0] for char in text.lower())


def plain(text: str) -> str:
    """Lower case without accents, single blanks."""
    return " ".join(fold(text).split())


def picked(text: str) -> int | None:
    """1 or 2 for `le premier`, `plutôt la deuxième`, `le deux s'il vous plaît`; None for anything more.

    Only a reply that is nothing else picks: « pas le premier » and « une seconde » do not.
    """
    bare = plain(text)
    if _FIRST.fullmatch(bare):
        return 1
    return 2 if _SECOND.fullmatch(bare) else None


def consent(text: str) -> Literal["yes", "no", ""]:
    """How an utterance begins: `oui le dix-sept` is a yes, `non non pas vingt-trois` a no."""
    bare = plain(text)
    if _NO.match(bare):
        return "no"
    return "yes" if _YES.match(bare) else ""


def after_consent(text: str) -> str:
    """What follows the yes or no: `oui et au fait la médiathèque` -> `et au fait la médiathèque`."""
    words = text.split()
    for count in range(len(words), 0, -1):
        head = plain(" ".join(words[:count]))
        if any(pattern.fullmatch(head) for pattern in (_YES, _NO)):
            return (
                after_consent(" ".join(words[count:]))
                if consent(" ".join(words[count:]))
                else " ".join(words[count:])
            )
    return text


@dataclass(frozen=True, slots=True)
class Address:
    """A place in town, as the caller named it; what was not said is empty."""

    number: str = ""
    street: str = ""
    landmark: str = ""


def find_address(text: str, lone_number: bool = False) -> Address:
    """The address in an utterance: a street with or without number, « le 17 », or a landmark.

    Args:
        lone_number: the caller was asked for a number, so any number is one.
    """
    said = " ".join(in_digits(text).split())
    bare = fold(said)
    streets = [(match["number"] or "", *_street(match)) for match in _ADDRESS.finditer(bare)]
    named = [found for found in streets if found[0]] or [
        found for found in streets if " " in bare[slice(*found[1:])]
    ]
    number, start, end = named[0] if named else ("", 0, 0)
    corrected = re.sub(rf"\bpas (?:le |au )?{_NUMBER}", "", bare)
    if not number:
        houses = [match["number"] for match in _HOUSE.finditer(corrected)]
        if lone_number and not houses:
            houses = re.findall(rf"\b{_NUMBER}\b", corrected)
        number = houses[-1] if houses and (lone_number or end) else ""
    place = None if end else _PLACE.search(bare)
    landmark = said[place.start() : place.start() + len(_STREET_ENDS.sub("", place[1]))] if place else ""
    return Address(number, said[start:end], landmark)


def _street(match: re.Match[str]) -> tuple[int, int]:
    start = match.start("street")
    return start, start + len(_STREET_ENDS.sub("", match["street"]))


@dataclass(frozen=True, slots=True)
class Day:
    """A day, and the part of it when named."""

    day: date
    part: str = ""


def find_days(text: str, today: date) -> tuple[Day, ...]:
    """The days an utterance names, in order: `demain`, `mardi douze mai`, `jeudi vingt-deux`.

    A day that can't be (mardi douze mai when the twelfth is no Tuesday) is read by its date. The past is
    never meant: `lundi` said on a Monday is a week ahead.
    """
    bare = re.sub(r"\bpremier\b", "1", plain(in_digits(text)))
    days = []
    for match in _DAY.finditer(bare):
        found = _meant(match, today)
        if found:
            part = _PART_OF_DAY.search(bare, match.end() - 1, match.end() + 14)
            days.append(Day(found, part[1].replace("apres", "après") if part else ""))
    return tuple(days)


def without_days(text: str, today: date) -> str:
    """The same words without the days they name: `un rendez-vous le mardi douze mai` -> `un rendez-vous`."""
    said = " ".join(in_digits(text).split())
    left, last = "", 0
    for match in _DAY.finditer(re.sub(r"\bpremier\b", "1      ", fold(said))):
        if _meant(match, today):
            left += re.sub(r"\ble $", "", said[last : match.start()])
            last = match.end()
    return " ".join((left + said[last:]).split())


def _meant(match: re.Match[str], today: date) -> date | None:
    if match["near"]:
        return today + timedelta(days=_NEAR[match["near"]])
    weekday = WEEKDAYS.index(match["weekday"]) if match["weekday"] else None
    number = int(match["day"]) if match["day"] and match["day"].isdigit() else None
    month = MONTHS.index(match["month"]) + 1 if match["month"] else None
    if number is None and month is not None:
        return None  # « en mai » names no day
    if number is None and weekday is None:
        return None
    if weekday is None and month is None:
        return None  # a bare number may be anything
    ahead = [today + timedelta(days=days) for days in range(1, _DAYS_AHEAD)]
    fitting = [
        day
        for day in ahead
        if number in (None, day.day) and month in (None, day.month) and weekday in (None, day.weekday())
    ]
    if not fitting and weekday is not None:
        fitting = [day for day in ahead if number in (None, day.day) and month in (None, day.month)]
    weeks = {" en 8": 1, " en 15": 2}.get(match["week"] or "", 0)
    return fitting[0] + timedelta(weeks=weeks) if fitting else None


def find_phone(text: str) -> str:
    """A French number dictated aloud, as `06 12 34 56 78`; empty when there is no valid one."""
    for digits in _DIGITS.findall(in_digits(text)):
        try:
            number = phonenumbers.parse(digits, "FR")
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return ""


def find_reference(text: str) -> str:
    """A file's number: the digits said, as one; fewer than three are a count of something."""
    runs = [run.replace(" ", "") for run in _DIGITS.findall(in_digits(text))]
    longest = max(runs, key=len, default="")
    return longest if len(longest) >= MIN_REFERENCE else ""


def in_digits(text: str) -> str:
    """Number words as digits: `vingt-trois bis` -> `23 bis`."""
    return str(alpha2digit(text.lower(), "fr"))


def values(text: str, today: date, lone_number: bool = False) -> Mapping[str, str]:
    """What an utterance holds: number, street, landmark, phone, reference, date (ISO and part of day).

    Of several days the last is meant (« pas mardi, plutôt mercredi »), but the first of « demain ou mardi ».
    """
    address = find_address(text, lone_number)
    found = {"number": address.number, "street": address.street, "landmark": address.landmark}
    found["phone"] = find_phone(text)
    found["reference"] = "" if found["phone"] else find_reference(text)
    if days := find_days(text, today):
        meant = days[0 if " ou " in text else -1]
        found["date"] = " ".join(filter(None, [meant.day.isoformat(), meant.part]))
    return MappingProxyType({name: value for name, value in found.items() if value})
