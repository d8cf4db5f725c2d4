"""Values French callers say: which of two, yes or no, a name spelled; addresses, days and numbers too.

Texts are the recogniser's: lower case, numbers in words, no punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Literal

from callbot.understanding.addresses import find_address
from callbot.understanding.dates import find_days, unfit_day, without_days
from callbot.understanding.phones import find_phone, find_reference
from callbot.understanding.sounds import plain

__all__ = [
    "after_consent",
    "consent",
    "find_days",
    "find_phone",
    "find_spelled",
    "picked",
    "plain",
    "values",
    "without_days",
]

_POLITE = r"( s'il vous plait| merci)?"
_LEAD = r"(euh |alors |plutot |oui |c'est |ce serait )*"
_FIRST = re.compile(rf"{_LEAD}((le|la|au) )?(premiere?|(le |la |numero )?une?){_POLITE}")
_SECOND = re.compile(rf"{_LEAD}((le|la|au) )?(deuxieme|seconde?|derniere?|(le |la |numero )?deux){_POLITE}")

_HESITATION = r"(?:(?:ah|euh|ben|bah|bon|alors|hein|voyons|mais|ma foi) )*"
_RIGHT = (
    r"(?:c'est|tout est) (?:bien |tout a fait |exactement )?(?:ca|cela|bon|exact|correct|parfait|carre|juste)"
    r"\b(?! (?:pour|une?|que|quand|histoire|l'inverse|le contraire)\b)"
)
_YES = re.compile(
    rf"{_HESITATION}(?:(?:oui|ouais|ouai|si|exactement|exact|tout a fait|parfait|absolument|voila|affirmatif"
    r"|carrement|evidemment|impeccable|nickel|d'accord|ok|effectivement|bien sur|ca marche|entendu|volontiers"
    r"|je veux bien|je confirme|je valide|confirmez|validez|envoyez"
    rf"|vous pouvez (?:y aller|valider|l'envoyer|envoyer|confirmer|enregistrer))\b|{_RIGHT})"
)
_TAKEN_BACK = re.compile(
    rf"{_HESITATION}(oui|ouais|ouai) (?:(?:euh|enfin|mais|ah|pardon|en fait|finalement) )*(?:non|nan)\b"
)
_NO = re.compile(rf"{_HESITATION}(non|nan|pas du tout|surtout pas|c'est pas ca|ce n'est pas)\b")

LONGEST_CONSENT = 16
"""Words of a yes or a no, its hesitations included."""
LONGEST_HOUSE = 5
"""Digits of a house's number."""
MIN_SPELLED = 3
"""Letters of a name; fewer are an abbreviation or a stutter."""
_LETTER_NAMES = {
    **{"be": "b", "ce": "c", "de": "d", "the": "t", "te": "t", "pe": "p", "ge": "g", "ve": "v", "ji": "j"},
    **{"elle": "l", "aime": "m", "emme": "m", "haine": "n", "enne": "n", "air": "r", "erre": "r"},
    **{"esse": "s", "hache": "h", "zed": "z", "zede": "z", "cas": "k", "ka": "k", "ku": "q", "ixe": "x"},
    **{"ix": "x", "effe": "f", "eau": "o", "haut": "o", "oh": "o", "ah": "a", "hue": "u"},
}
"""Letters written as words; they count among letters only."""
_UNSURE = frozenset({"ce", "de", "te"})
"""Words of their own without accent: `dé` is a letter, `de` is not."""
_MARKS = {
    **{"tiret": "-", "apostrophe": "'", "espace": " ", "trait d'union": "-"},
    **{"accent aigu": "\u0301", "accent grave": "\u0300", "accent circonflexe": "\u0302", "trema": "\u0308"},
    "cedille": "\u0327",
}
MAX_LETTER_NAME = 5
"""Letters of a letter's name, before « comme denis »."""
_A_YEAR = re.compile(r"20\d\d")
_TWICE = frozenset({"deux", "double"})
_BETWEEN = frozenset({"euh", "heu", "puis", "ensuite", "alors", "majuscule", "virgule"})


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
    if _NO.match(bare) or _TAKEN_BACK.match(bare):
        return "no"
    return "yes" if _YES.match(bare) else ""


def after_consent(text: str) -> str:
    """What follows the yes or no: `oui et au fait la médiathèque` -> `et au fait la médiathèque`."""
    while consent(text) and (count := _consenting(words := text.split())):
        text = " ".join(words[count:])
    return text


def _consenting(words: list[str]) -> int:
    """How many of these words, from the first on, are a yes or a no and nothing else."""
    for count in range(min(len(words), LONGEST_CONSENT), 0, -1):
        head = plain(" ".join(words[:count]))
        if any(pattern.fullmatch(head) for pattern in (_TAKEN_BACK, _YES, _NO)):
            return count
    return 0


def find_spelled(text: str) -> str:
    """A name spelled aloud: `dupont d u p o n t`, `d comme denis u comme ursule`… -> `Dupont`.

    Also « deux p », « double l », « tiret », « é accent aigu ». Of several the longest; empty when fewer than
    three letters are spelled.
    """
    longest = max(_spelled(_said_letters(text)), key=len, default="")
    name = unicodedata.normalize("NFC", longest).strip(" -'")
    return re.sub(r"(?:^|(?<=[-' ]))\w", lambda first: first[0].upper(), name)


def _said_letters(text: str) -> list[str]:
    """The words, those that belong together as one: `i grec`, `accent aigu`."""
    said = " ".join(re.findall(r"[\w'-]+", text.lower().replace("’", "'")))
    said = re.sub(r"\bi[ -]grec\b", "y", re.sub(r"\bdouble[ -]v(?:é|e)?\b", "w", said))
    marks = "|".join(mark for mark in _MARKS if " " in mark)
    return re.sub(rf"\b(?:{marks})\b", lambda mark: mark[0].replace(" ", "_"), said).split()


def _spelled(words: list[str]) -> Iterator[str]:
    """The runs of letters in these words that are long enough to be a name."""
    run, at = "", 0
    while at < len(words):
        letters, used = _letter(words[at:], bool(run))
        at += max(used, 1)
        if used and (letters.isalpha() or not unicodedata.normalize("NFD", run).endswith(letters or " ")):
            run += letters  # else the accent was heard with its letter: « é accent aigu »
        if (not used or at == len(words)) and sum(map(str.isalpha, run)) >= MIN_SPELLED:
            yield run
        run = run if used else ""


def _letter(words: list[str], within: bool) -> tuple[str, int]:
    """What the first of these words spell and how many they are; none when they spell nothing.

    Args:
        within: letters came before.
    """
    first = words[0]
    then = words[1] if len(words) > 1 else ""
    if then == "comme" and len(words) > 2 and len(first) <= MAX_LETTER_NAME:
        return words[2][0], 3  # the word is surer than the letter: « n comme marcel » is an m
    if first in _TWICE and then and (letter := _one(then)):
        return letter * 2, 2
    if letter := _one(first):
        return letter, 1
    if within and (mark := _MARKS.get(plain(first).replace("_", " "))):
        return mark, 1
    return ("", 1) if within and first in _BETWEEN else ("", 0)


def _one(word: str) -> str:
    if len(word) == 1 and word.isalpha():
        return word
    return "" if word in _UNSURE else _LETTER_NAMES.get(plain(word), "")


_NOT_THERE = re.compile(r"\bpas\b.+?\b(?:c'est|mais)\b(?P<right>.+)")
"""« c'est pas la rue de la gare c'est la place de la gare »."""


def values(text: str, today: date, lone_number: bool = False, lone_day: bool = False) -> Mapping[str, str]:
    """What an utterance holds: number, street, landmark, phone, reference, date (ISO and part of day); else
    what is wrong with the day it names (unfit: past, or too far).

    Of several days the last is meant (« pas mardi, plutôt mercredi »), but the first of « demain ou mardi ».

    Args:
        lone_number: the caller was asked for a house's number.
        lone_day: the caller was asked for a day.
    """
    days, phone = find_days(text, today, lone_day), find_phone(text)
    # The last digits of what is dictated are no house's number.
    lone_number = lone_number and not phone and len(find_reference(text)) <= LONGEST_HOUSE
    # « le jeudi vingt-deux », « au trente septembre » are no house's number.
    undated = find_address(without_days(text, today) if days else text, lone_number)
    address = undated if lone_number else find_address(text)
    address = undated if undated.street == address.street else address  # « rue du onze novembre »
    if (said := _NOT_THERE.search(text)) and (right := find_address(said["right"])).street:
        address = right
    found = {"number": address.number, "street": address.street, "landmark": address.landmark}
    found["phone"] = phone
    found["reference"] = "" if phone else find_reference(text)
    if _A_YEAR.fullmatch(found["reference"]):  # « ma demande de mars deux mille vingt-six »
        found["reference"] = find_reference(without_days(text, today))
    if days:
        meant = days[0 if " ou " in text else -1]
        found["date"] = " ".join(filter(None, [meant.day.isoformat(), meant.part]))
    else:
        found["unfit"] = unfit_day(text, today, lone_day)
    return MappingProxyType({name: value for name, value in found.items() if value})
