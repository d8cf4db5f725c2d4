"""Numbers and mail addresses that lead to a person: telephones, social security, cards, accounts, files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher
from stdnum import iban, luhn
from text_to_num import find_numbers

from callbot.journal.masking_words import Span, Word

PHONE, NUMBER, MAIL = "[téléphone]", "[numéro]", "[courriel]"
LEAST_PHONE = 4
"""Digits of a French number told in part: `zéro six douze`."""
LONGEST_PHONE = 12
LEAST_NAMED = 5
"""Digits of what is called a number: `mon numéro de dossier c'est...`."""
LEAST = 9
"""Digits of what must be a number, whatever it is called."""
NAMED_BEFORE = 7
"""Words before a number among which it may be called one."""
DIGITS_OF_A_CARD = range(13, 20)
BEFORE_A = 6
"""Digits of a social security number before the letter of who was born in Corsica: `2 90 03 2 a`."""

_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{2,4}){3,9}\b", re.IGNORECASE)
_NIR = re.compile(
    r"\b[12][ .-]?\d\d[ .-]?\d\d[ .-]?(?:\d\d|2[AB])[ .-]?\d{3}[ .-]?\d{3}(?:[ .-]?\d\d)?\b", re.IGNORECASE
)
_CARD = re.compile(r"\b\d(?:[ .-]?\d){12,18}\b")
_FRENCH = re.compile(r"\b0\d(?:[ ./-]?\d\d){4}\b")
"""Of ranges that nobody has yet, too."""
_PLATE = re.compile(r"\b[A-HJ-NP-TV-Z]{2}-\d{3}-[A-HJ-NP-TV-Z]{2}\b", re.IGNORECASE)
_CALLED = re.compile(
    r"(?:numéros?|dossier|référence|facture|carte|matricule|sécu|sécurité|sociale|compte|iban|contrat"
    r"|permis|passeport|allocataire|fiscal|immatriculée?|plaque|siret|téléphone|portable|mobile|fixe)"
)
_BETWEEN = frozenset({"euh", "heu", "hum", "alors", "donc", "puis", "et", "ensuite", "voilà", "double"})
"""What may stand between two groups of digits."""
_AT = frozenset({"arobase", "arobaze", "arrobase", "arobas", "at"})
_JOINS = frozenset({"point", "tiret", "underscore", "moins", "plus", "bas", "du", "slash"})
_SUFFIXES = frozenset({"fr", "com", "net", "org", "eu", "info", "be", "ch", "io", "paris", "re", "nc"})
_STOPS_MAIL = frozenset(
    {"à", "est", "c'est", "mail", "adresse", "courriel", "mon", "ma", "mes", "son", "sa", "le", "la", "sur"}
    | {"par", "électronique", "alors", "donc", "euh", "oui", "voilà", "écrivez", "écrire", "et", "de", "que"}
)
MOST_MAIL = 8
"""Words of either side of a spoken mail address."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Digits said in one breath: `trente-quatre` -> `34`."""

    first: int
    after: int
    digits: str


@dataclass(frozen=True, slots=True)
class _Token:
    """A word as text2num wants it."""

    word: str

    def text(self) -> str:
        return self.word

    def nt_separated(self, previous: _Token) -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return False


def typed(text: str) -> Iterator[Span]:
    """What is found by its written form."""
    taken: list[Span] = []
    for span in _typed(text):
        if not any(span.start < other.end and other.start < span.end for other in taken):
            taken.append(span)
            yield span


def _typed(text: str) -> Iterator[Span]:
    for found in _MAIL.finditer(text):
        yield Span(found.start(), found.end(), MAIL)
    for found in _NIR.finditer(text):  # whether or not its key is right: that is soon misheard
        yield Span(found.start(), found.end(), NUMBER)
    for pattern, valid in ((_IBAN, iban.is_valid), (_CARD, luhn.is_valid)):
        for found in pattern.finditer(text):
            if valid(re.sub(r"[ .-]", "", found[0]).upper()):
                yield Span(found.start(), found.end(), NUMBER)
    for found in _PLATE.finditer(text):
        yield Span(found.start(), found.end(), NUMBER)
    for found in _FRENCH.finditer(text):
        yield Span(found.start(), found.end(), PHONE)
    for match in PhoneNumberMatcher(text, "FR", leniency=Leniency.VALID):
        yield Span(match.start, match.end, PHONE)


def dictated(words: Sequence[Word]) -> Iterator[Span]:
    """What is found by its digits, in words or not, and mail addresses as they are said."""
    yield from _mails(words)
    for run in _runs(words):
        kind = _kind(run, words)
        if kind:
            yield Span(words[run[0].first].start, words[run[-1].after - 1].end, kind)


def _groups(words: Sequence[Word]) -> Iterator[_Group]:
    tokens = [_Token(word.text.replace("-", " ")) for word in words]
    # Hyphenated numbers are several tokens for text2num: it gets them apart and their places are kept.
    parts = [(place, part) for place, token in enumerate(tokens) for part in token.word.split()]
    found = {one.start: one for one in find_numbers([_Token(part) for _, part in parts], "fr", 0.0)}
    done = 0
    for place, (word, part) in enumerate(parts):
        if place < done:
            continue
        number = found.get(place)
        if part.isdecimal() and number is None:
            yield _Group(word, word + 1, part)
        elif number is not None:
            done = number.end
            digits = re.sub(r"\D", "", number.text)
            if not number.is_ordinal and digits:
                yield _Group(word, parts[done - 1][0] + 1, digits)


def _runs(words: Sequence[Word]) -> Iterator[list[_Group]]:
    run: list[_Group] = []
    for group in _groups(words):
        between = words[run[-1].after : group.first] if run else []
        broken = any(word.text not in _BETWEEN for word in between)
        if broken and [word.text for word in between] in (["a"], ["b"]):  # « deux a »: born in Corsica
            broken = len(digits := "".join(one.digits for one in run)) != BEFORE_A or digits[0] not in "12"
        if run and (broken or any(word.ends for word in words[run[-1].first : group.first])):
            yield run
            run = []
        run.append(group)
    if run:
        yield run


def _kind(run: Sequence[_Group], words: Sequence[Word]) -> str:
    digits = "".join(group.digits for group in run)
    if digits.startswith("0") and len(digits) >= LEAST_PHONE and _is_phone(digits):
        return PHONE
    if len(digits) == LEAST and digits[0] in "67" and len(run) > 1:
        return PHONE  # its zero was not heard
    if digits.startswith("33") and len(digits) == 11 and _is_phone(f"+{digits}"):
        return PHONE
    if all(len(group.digits) == 4 and 1900 <= int(group.digits) <= 2100 for group in run):
        return ""
    if len(digits) in DIGITS_OF_A_CARD or (len(digits) >= LEAST and (len(run) > 1 or _unspoken(run, words))):
        return NUMBER
    before = words[max(0, run[0].first - NAMED_BEFORE) : run[0].first]
    named = any(_CALLED.fullmatch(word.text) for word in before)
    return NUMBER if named and len(digits) >= LEAST_NAMED else ""


def _unspoken(run: Sequence[_Group], words: Sequence[Word]) -> bool:
    """Typed in digits: nobody writes a sum like that."""
    return words[run[0].first].text.isdecimal()


def _is_phone(digits: str) -> bool:
    """A French one, or a part of it; or an international one. « soixante dix » may be two groups, or one."""
    if digits.startswith("0") and not digits.startswith("00"):
        return len(digits) <= LONGEST_PHONE
    try:
        parsed = phonenumbers.parse(f"+{digits.lstrip('0+')}", "FR")
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(parsed)


def _mails(words: Sequence[Word]) -> Iterator[Span]:
    """`jean point dupont arobase orange point fr`"""
    for place, word in enumerate(words):
        if word.text not in _AT:
            continue
        domain = _domain(words, place + 1)
        if word.text == "at" and domain == place + 1:
            continue
        first = place
        while first > max(0, place - MOST_MAIL) and (
            words[first - 1].text not in _STOPS_MAIL or (first > 1 and words[first - 2].text in _JOINS)
        ):
            first -= 1
        yield Span(words[first].start, words[domain - 1].end, MAIL)


def _domain(words: Sequence[Word], after: int) -> int:
    """Where the domain ends that begins here; the same place when there is none."""
    for place in range(after + 1, min(len(words), after + MOST_MAIL)):
        if words[place - 1].text == "point" and words[place].text in _SUFFIXES:
            return place + 1
    return after
