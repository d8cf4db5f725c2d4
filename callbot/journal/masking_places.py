"""Addresses of people. A street alone is a public place; with a number, or « j'habite », it is somebody's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from callbot.journal.masking_words import Span, Word, lexicon

ADDRESS = "[adresse]"
MOST_NAME = 4
"""Words of a street's name, articles left out."""
_STREET = re.compile(
    r"rue|avenue|boulevard|bd|bld|av|place|chemin|impasse|allées?|square|quai|cours|route|sentier|sente"
    r"|passage|résidence|hameau|lotissement|cité|villa|esplanade|faubourg|ruelle|montée|traverse|clos"
    r"|rond-point|bâtiment|mail|venelle|promenade|chaussée|domaine|lieu-dit"
)
_PLACES = frozenset({"place", "cours", "cité", "villa", "route", "passage", "mail", "domaine", "résidence"})
"""Ordinary words too: « deux places », « douze cours »."""
_SUFFIX = frozenset({"bis", "ter", "quater", "a", "b", "c"})
_ARTICLES = frozenset({"de", "du", "des", "la", "le", "les", "l", "d", "saint", "sainte", "en", "aux"})
_RANKS = frozenset(
    {"général", "maréchal", "docteur", "président", "abbé", "colonel", "capitaine", "commandant", "amiral"}
    | {"professeur", "sergent", "monseigneur", "frères", "soeurs", "sœurs", "champs", "père"}
)
_LIVES = re.compile(
    r"(?:j'|on |nous |il |elle )?(?:habite|habitons|réside|résidons|loge|logeons|demeure|demeurons)"
    r"|(?:suis|est|sommes) domicilié(?:e|es|s)?|(?:mon|notre|son) (?:adresse|domicile)|chez (?:moi|nous)"
)
_TO_STREET = frozenset(
    {"à", "au", "aux", "dans", "de", "du", "la", "le", "l", "c'est", "est", "sur", "en", "numéro", "postale"}
    | {"alors", "euh", "exactement", "actuellement", "toujours", "ici", "une", "un", "l'adresse"}
)
_MONTHS = frozenset(
    {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre"}
    | {"novembre", "décembre"}
)
_HOURS = frozenset({"heure", "heures", "euros", "euro", "ans", "minutes", "jours", "mètres"})


def addresses(words: Sequence[Word]) -> Iterator[Span]:
    """`douze rue des lilas`, `j'habite rue des lilas`, `rue des lilas au numéro douze`."""
    for place, word in enumerate(words):
        if not (_STREET.fullmatch(_bare(word.text))):
            continue
        first = _number_before(words, place)
        after = _name_after(words, place)
        numbered = first < place or (number := _number_after(words, after)) > after
        if first == place and numbered:
            after = number
        if (numbered and not (after == place + 1 and word.text in _PLACES)) or (
            after > place + 1 and _lives_there(words, place)
        ):
            yield Span(words[first].start, words[after - 1].end, ADDRESS)


def _bare(text: str) -> str:
    return re.sub(r"^[ld]'", "", text)


def _number_before(words: Sequence[Word], place: int) -> int:
    """Where the house number begins that stands before a street; the street's place when there is none."""
    first = _past_articles(words, place)
    if first and words[first - 1].text in _SUFFIX and first > 1 and words[first - 2].is_number:
        first -= 1
    while first and not words[first - 1].ends and _counts(words[first - 1]):
        first -= 1
    counted = first < _past_articles(words, place) and words[first].text not in ("un", "une", "et")
    return first if counted else place


def _past_articles(words: Sequence[Word], place: int) -> int:
    """`au trois de la rue`: the place of « de »; the same place when nothing like it stands there."""
    at = place
    while at and words[at - 1].text in ("de", "du", "la"):
        at -= 1
    told = at - 2 >= 0 and words[at - 1].is_number and words[at - 2].text in ("au", "numéro")
    return at if told else place


def _counts(word: Word) -> bool:
    return word.is_number or word.text == "et" or bool(re.fullmatch(r"\d+[a-c]?(?:-\d+)?", word.text))


def _name_after(words: Sequence[Word], place: int) -> int:
    """Where a street's name ends; what follows the articles belongs to it, then what is no ordinary word."""
    at = place + 1
    if words[place].ends:
        return at
    after, named = at, 0
    while at < len(words) and named < MOST_NAME:
        word = words[at]
        article = word.text in _ARTICLES
        first = (not named or words[at - 1].is_first_name) and (article or not _ends_a_name(word))
        if not article and not first and not _goes_on(word):
            break
        at += 1
        if not article:
            named += word.text not in _RANKS
            after = at
        if word.ends:
            break
    return after


def _ends_a_name(word: Word) -> bool:
    """Can't be the first word of a street's name: « la rue est inondée »."""
    function = word.text in lexicon("function") or word.text.startswith("est-")
    return function or word.is_number or word.is_letter


def _goes_on(word: Word) -> bool:
    return word.text in _RANKS or word.is_known_name or not word.is_ordinary or word.text in _MONTHS


def _number_after(words: Sequence[Word], after: int) -> int:
    """`rue pasteur numéro douze`, `rue pasteur au douze`; not `au quinze mai`."""
    at = after
    while at < len(words) and words[at].text in ("au", "numéro", "le") and not words[at - 1].ends:
        at += 1
    end = at
    while end < len(words) and words[end].is_number:
        end += 1
    follows = words[end].text if end < len(words) else ""
    if at == after or end == at or follows in _MONTHS | _HOURS:
        return after
    return end


def _lives_there(words: Sequence[Word], place: int) -> bool:
    at = place
    while at and (words[at - 1].text in _TO_STREET or words[at - 1].is_number):
        at -= 1
    before = " ".join(word.text for word in words[max(0, at - 3) : at])
    return re.search(rf"(?:^| |')(?:{_LIVES.pattern})$", before) is not None
