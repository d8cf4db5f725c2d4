"""Addresses as callers say them: « devant le dix-sept rue pasteur », « en face de l'école »."""

from __future__ import annotations

import re
from dataclasses import dataclass

from callbot.understanding.phones import in_digits
from callbot.understanding.sounds import WAYS, fold

_NO_PLACE = r"(?!place (?:en|pour|dans|libre|de (?:parking|stationnement|marche|creche)|handicapee?|pmr)\b)"
"""« une place en crèche » is nowhere."""
_WAY = rf"{_NO_PLACE}\b(?:{'|'.join(WAYS)})"
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
_MONTHS = "janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre|novembre|decembre"
_DAY_OF_HISTORY = rf"(?:du |des )?\d\d? (?:{_MONTHS})(?: (?:1[89]\d\d|14|18|39|4[045]|62)\b)?"
"""« rue du 11 novembre », « place du 8 mai 1945 »: what follows « rue » may be a number."""
_ADDRESS = re.compile(
    rf"(?:(?P<number>{_NUMBER}) (?:de la |du )?)?(?P<street>{_WAY} (?:{_DAY_OF_HISTORY}\b|[a-z' -]+[a-z]))"
)
# Words after which a street's name is over.
_STREET_ENDS = re.compile(
    r" (?:s'il|s'ils|merci|voila|et|il|elle|c'est|pour|qui|ou|depuis|parce|mais|devant|a cote|juste"
    r"|en face|au niveau|(?:au )?numero|au$|est|on|je|j'[a-z]+|y a|ca|dans|avec|vers|avant|apres|hier|demain"
    r"|ce|cette|pres|ne|n'est)\b.*"
)
_SMALL = re.compile(
    rf"\b(?P<before>(?:au|le|du|numero) )?(?P<small>un|deux)"
    rf"(?=(?: (?:bis|ter|quater))?(?: (?:de la |du )?(?P<way>{_WAY})\b|$))"
)
"""Numbers that are words of another kind too, and stay words elsewhere."""
_ITS = re.compile(r"^sept (?=(?:avenue|allée|impasse|esplanade)\b)")
"""« c'est avenue » sounds the same at the beginning of an answer; who lives at seven is asked once more."""
_HOUSE = re.compile(rf"\b(?:numero|le|au|du) (?P<number>{_NUMBER})\b")

_AROUND = re.compile(
    r"(?:(?:ah|euh|alors|bah|ben|bon|oui|voila|donc|et|mais|moi|nous|c'est|je suis|on est|j'habite"
    r"|on habite|nous habitons|dans|sur|a|au|du|le|la|l'|numero|s'il vous plait|merci) ?)*"
)
LONGEST_STREET = 6
"""Words of a street's name; in more of them there is something else."""


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
    said = " ".join(in_digits(_small_in_digits(_ITS.sub("", text), lone_number)).split())
    bare = fold(said)
    streets = [(match["number"] or "", *_street(match)) for match in _ADDRESS.finditer(bare)]
    named = [found for found in streets if found[0]] or [
        found for found in streets if " " in bare[slice(*found[1:])]
    ]
    number, start, end = named[0] if named else ("", 0, 0)
    beside = f"{bare[:start]} ; {bare[end:]}" if end else bare
    corrected = re.sub(rf"\bpas (?:le |au )?{_NUMBER}", "", beside)
    if not number:
        houses = [match["number"] for match in _HOUSE.finditer(corrected)]
        if lone_number and not houses:
            houses = re.findall(rf"\b{_NUMBER}\b", corrected)
        number = houses[-1] if houses and (lone_number or end) else ""
    place = None if end else _PLACE.search(bare)
    landmark = said[place.start() : place.start() + len(_STREET_ENDS.sub("", place[1]))] if place else ""
    return Address(number, said[start:end], landmark)


def is_address(text: str) -> bool:
    """`j'habite rue des érables`: where somebody lives, and nothing else."""
    bare = fold(" ".join(in_digits(_small_in_digits(text)).split()))
    match = _ADDRESS.search(bare)
    if match is None:
        return False
    start, end = _street(match)
    beside = " ".join(_PLACE.sub("", bare[: match.start()] + bare[end:]).split())
    return len(bare[start:end].split()) <= LONGEST_STREET and bool(_AROUND.fullmatch(beside))


def _small_in_digits(text: str, lone: bool = False) -> str:
    """« au deux rue pasteur », or « le deux » alone: a house's number, which `in_digits` leaves."""
    for match in reversed([*_SMALL.finditer(fold(text))]):
        if match["before"] or (match["small"] == "deux" and (match["way"] or lone)):
            start, end = match.span("small")
            text = text[:start] + {"un": "1", "deux": "2"}[match["small"]] + text[end:]
    return text


def _street(match: re.Match[str]) -> tuple[int, int]:
    start = match.start("street")
    return start, start + len(_STREET_ENDS.sub("", match["street"]))
