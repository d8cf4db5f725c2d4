"""Spoken French as features see it: no accents, elisions apart, no fillers, numbers alike, endings cut."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Hesitations carry no meaning.
_FILLERS = "euh heu ben bah hein hum voila alors donc enfin bon quoi"
FILLERS = frozenset(_FILLERS.split())
# Words a recogniser writes out; `un` and `une` are articles far more often than numbers.
_NUMBERS = """
zero deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize vingt vingts
trente quarante cinquante soixante cent cents mille
"""
NUMBERS = frozenset(_NUMBERS.split())
NUMBER = "0"
# Longest first; what is cut must leave at least three letters. Written for grouping forms, not for beauty.
_SUFFIXES = """
issements issement ements ement ations ation ateurs ateur atrices atrice euses euse eurs eur trices
trice ables able ibles ible istes iste iques ique ives ive ifs if ites ite ances ance ences ence
eraient erions erait erais erons eront erez erai eras era iraient irait irais irons iront irez irai
ira issaient issait issais issant issons issez issent aient ait ais ant ants ante antes ions ion iez ons
ees ee es er ez ent e s x is it ie ies ir u us ue ues elles elle eaux eau aux al ales ale iere ieres
ier iers enne ennes en ens onne onnes on
"""
_ENDINGS = tuple(sorted(_SUFFIXES.split(), key=len, reverse=True))
_WORD = re.compile(r"[a-z0-9]+'|[a-z0-9]+")


def fold(text: str) -> str:
    """Lower case without accents: `Été, Œuf` -> `ete, oeuf`."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return plain.replace("œ", "oe").replace("æ", "ae")


def words(text: str) -> list[str]:
    """`Euh, l'Acte de naissance` -> `l'`, `acte`, `de`, `naissance`."""
    return [word for word in _WORD.findall(fold(text)) if word not in FILLERS]


def normalize(text: str) -> str:
    """`Euh, l'Acte de naissance` -> `l' acte de naissance`."""
    return " ".join(words(text))


@lru_cache(maxsize=50_000)  # the words of all training sentences, said over and over
def stem(word: str) -> str:
    """A word without its ending: `renouveler`, `renouvelle`, `renouvellement` -> nearly one form.

    Short words stay; a doubled last letter becomes single (`appell`, `appel`).
    """
    if len(word) < 5:
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def stems(tokens: list[str]) -> list[str]:
    """Stems of words; a run of number words is one symbol, for no intent hangs on which number it is."""
    found: list[str] = []
    for word in tokens:
        if word in NUMBERS or word.isdigit():
            if not found or found[-1] != NUMBER:
                found.append(NUMBER)
        else:
            found.append(stem(word))
    return found
