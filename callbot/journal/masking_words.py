"""Words of a text with their places, and which of them are ordinary French."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LEXICON = Path(__file__).parent / "lexicon"
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*['’]?")
_ELIDED = re.compile(r"(?:[cjlmnst]|(?:quel)?qu|jusqu|lorsqu|puisqu|quoiqu)'")
_CLITIC = re.compile(r"-(?:je|tu|ils?|elles?|on|nous|vous|ce|moi|toi|lui|leur|là|ci|t|en|y|mêmes?)$")
_CARDINAL = (
    r"(?:zéro|une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize|vingts?"
    r"|trente|quarante|cinquante|soixante|septante|huitante|octante|nonante|cents?|mille)"
)
_NUMBER = re.compile(rf"\d+|{_CARDINAL}(?:-(?:et-)?(?:{_CARDINAL}))*")
NOT_SPOKEN_FOR = re.compile(r"[.!?;:()\[\]«»]")
"""Signs that end a name or an address."""
_SHORT = re.compile(r"(?:mr?|mme|mlle|dr|av|bd|bld)\.|(?:pré)?noms?\s*:", re.IGNORECASE)
"""« Mme. », « nom : »: these signs end nothing."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place to be masked."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Word:
    """One word and where it stands."""

    text: str
    """Lower case, straight apostrophes, no punctuation around it."""
    start: int
    end: int
    ends: bool = False
    """A sentence or a parenthesis ends after it."""

    @property
    def is_number(self) -> bool:
        """`12`, `trente-quatre`"""
        return _NUMBER.fullmatch(self.text) is not None

    @property
    def is_letter(self) -> bool:
        """One letter alone."""
        return len(self.text) == 1 and self.text.isalpha()

    @property
    def is_ordinary(self) -> bool:
        """A word of everyday French, not by itself somebody's name."""
        text = self.text
        if text in lexicon("ordinary") or _ELIDED.match(text) or self.is_letter or self.is_number:
            return True
        if text.startswith("d'"):
            return text[2:] in lexicon("ordinary")
        return _CLITIC.search(text) is not None or not any(sign.isalpha() for sign in text)

    @property
    def is_first_name(self) -> bool:
        """`jeanne`, `jean-pierre`"""
        return bool(set(self.text.split("-")) & lexicon("first_names"))

    @property
    def is_known_name(self) -> bool:
        """A name that is frequent in France, be it an ordinary word too."""
        return self.is_first_name or self.text in lexicon("surnames")


def words(text: str) -> list[Word]:
    """The words of a text, in order."""
    found = list(_WORD.finditer(text))
    ends = [one.start() for one in found[1:]] + [len(text)]
    return [
        Word(
            one[0].lower().replace("’", "'"),
            one.start(),
            one.end(),
            NOT_SPOKEN_FOR.search(text, one.end(), following) is not None
            and not _SHORT.fullmatch(text[one.start() : following].rstrip()),
        )
        for one, following in zip(found, ends, strict=False)
    ]


@cache
def lexicon(name: str) -> frozenset[str]:
    """A word list of the folder `lexicon`; lines with # are remarks."""
    lines = (LEXICON / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
