"""Numbers said aloud: telephones, dictated the way French people do, and files.

Texts are the recogniser's: lower case, numbers in words, no punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat
from text_to_num import alpha2digit

MIN_REFERENCE = 3
_REGIONS = ("FR", "RE", "GP", "MQ", "GF", "YT")
"""France, then its parts whose numbers are dialled like those of the mainland: ten digits, zero first."""
_FRENCH = frozenset(map(phonenumbers.country_code_for_region, (*_REGIONS, "PM", "NC", "PF", "WF")))
_TEN_DIGITS = re.compile(r"0(?:\D*\d){9}")
_DIGITS = re.compile(r"\d+(?: \d+)*")
_FICTITIOUS = re.compile(r"0(?:19900|26191|35301|46571|53649|63998)\d{4}")
"""Numbers nobody has, kept for films and for rehearsals like ours (Arcep, décision 2018-0881)."""
_NUMBER = r"[a-zé]+(?:-[a-zé]+)*"
_TIMES = {"deux": 2, "trois": 3, "quatre": 4, "cinq": 5}
_REPEATED = (
    (re.compile(rf"\bdouble ({_NUMBER})"), 2),
    *((re.compile(rf"(?<!-)\b{word} fois (?:le )?({_NUMBER})"), times) for word, times in _TIMES.items()),
    *((re.compile(rf"(?<!-)\b{word} (zéro)s\b"), times) for word, times in _TIMES.items()),
)
_HESITATIONS = re.compile(r"\b(?:euh|heu|hum|hem)\b")
_LINKS = re.compile(r"\b(?:alors|donc|puis|ensuite|après|voilà|oui|ben|bah|et puis)\b")
"""What may stand between two groups of digits."""
_CORRECTED = re.compile(
    r"(?P<wrong>\d+(?: \d+)*) (?:(?:ah|oh) )?(?:non|pardon|enfin|plutôt|excusez-moi|je me trompe"
    r"|je me suis trompée?|je voulais dire)(?: (?:non|pardon|enfin|plutôt|c'est|je voulais dire|le))* "
    r"(?P<right>\d+(?: \d+)*)(?![ \d]*\d| heures?)"
)
_HEARD_UN = re.compile(r"^1 (?=0)")
"""« euh zéro six » on a telephone is « un zéro six » to a recogniser."""
_PAIR = 2
_DASHED = re.compile(r"(?<=\d)[-./](?=\d)")


def in_digits(text: str) -> str:
    """Number words as digits: `vingt-trois bis` -> `23 bis`."""
    return str(alpha2digit(text.lower(), "fr"))


def find_phone(text: str) -> str:
    """A number dictated aloud, as `06 12 34 56 78` or `+32 470 12 34 56`; empty when none is valid."""
    for digits in _dictated(text):
        for number in _numbers(digits):
            return _written(number)
    return ""


def find_reference(text: str) -> str:
    """A file's number: the digits said, as one; fewer than three are a count of something."""
    runs = [run.replace(" ", "") for run in _DIGITS.findall(in_digits(text))]
    longest = max(runs, key=len, default="")
    return longest if len(longest) >= MIN_REFERENCE else ""


def _numbers(digits: str) -> Iterator[PhoneNumber]:
    """The valid numbers these digits may be, seen from France."""
    for region in _REGIONS if _TEN_DIGITS.fullmatch(digits) else _REGIONS[:1]:
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number) or _FICTITIOUS.fullmatch(digits):
            yield number


def _written(number: PhoneNumber) -> str:
    french = number.country_code in _FRENCH
    return phonenumbers.format_number(
        number, PhoneNumberFormat.NATIONAL if french else PhoneNumberFormat.INTERNATIONAL
    )


def _dictated(text: str) -> Iterator[str]:
    """What may be a number in an utterance, the surest first."""
    said = _HESITATIONS.sub(" ", re.sub(r"[,;:.](?!\d)", " ", text.lower().replace("zero", "zéro")))
    said = " ".join(said.split())
    for pattern, times in _REPEATED:
        said = pattern.sub(" ".join([r"\1"] * times), said)
    for words in (said, _LINKS.sub(" ", said)):
        digits = " ".join(_DASHED.sub(" ", in_digits(" ".join(words.split()))).split())
        digits = re.sub(r"\bplus (?=\d)|\+ ?(?=\d)", "+", digits)
        if _CORRECTED.search(digits):  # what was taken back is no number
            yield from _corrected(digits)
            continue
        runs = re.findall(r"\+?\d+(?: \d+)*", digits)
        yield from (_HEARD_UN.sub("", run).replace(" ", "") for run in runs)


def _corrected(digits: str) -> Iterator[str]:
    """« … soixante-dix-huit non pardon soixante-dix-neuf »: the last pair said again, or the whole number.

    Only where the new digits can't be meant to follow the old ones: what is said again begins with a pair,
    and the number would not be whole with both.
    """
    for match in _CORRECTED.finditer(digits):
        wrong, right = match["wrong"].replace(" ", ""), match["right"].replace(" ", "")
        first_again = match["right"].split()[0]
        if any(_numbers(right)):
            yield right
        elif len(first_again) == _PAIR and not any(_numbers(wrong + right)):
            yield ("+" if digits[match.start() - 1 : match.start()] == "+" else "") + wrong[:-_PAIR] + right
