"""Names matched by ear: « rue pas heure » is rue Pasteur, « avenue du général le clair » Général-Leclerc.

A name is compared by how French people say it, its way word (rue, place) apart from the rest. Numbers may be
in words or in digits, in names as in what was said.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from callbot.understanding.phones import in_digits

_FOLDED = {"œ": "o", "æ": "a", "’": "'"}


def fold(text: str) -> str:
    """Lower case without accents, one character for each: places in it are places in the text."""
    return "".join(_FOLDED.get(char) or unicodedata.normalize("NFKD", char)[0] for char in text.lower())


def plain(text: str) -> str:
    """Lower case without accents, single blanks."""
    return " ".join(fold(text).split())


_WAYS = (
    *("rue", "avenue", "boulevard", "place", "allée", "impasse", "chemin", "square", "quai", "cours"),
    *("route", "passage", "ruelle", "résidence", "lotissement", "esplanade", "promenade", "faubourg"),
    *("sentier", "sente", "villa", "hameau", "clos", "venelle", "montée", "voie", "lieu-dit"),
)
WAYS = tuple(map(fold, _WAYS))
"""What streets are, without accents."""
_SHORT = {
    **{"gal": "general", "mal": "marechal", "dr": "docteur", "pdt": "president", "st": "saint"},
    **{"ste": "sainte", "av": "avenue", "bd": "boulevard", "pl": "place", "che": "chemin"},
    **{"imp": "impasse", "all": "allee", "1er": "premier"},
}


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_TITLES = _set(
    "general marechal colonel commandant capitaine lieutenant amiral docteur professeur president abbe"
)
_FIRST_NAMES = _set(
    "adolphe albert alexandre alfred alphonse ambroise anatole andre antoine aristide arthur auguste "
    "benoit blaise camille charles claude danielle denis edith edouard emile ernest etienne eugene "
    "fernand francois frederic gabriel george georges germaine gerard guillaume gustave guy hector "
    "henri hippolyte honore jacques jean jeanne joseph jules julien leon leonard louis louise lucie "
    "lucien marcel marguerite marie martin maurice maximilien michel nelson nicolas olympe paul "
    "philippe pierre rene robert roger romain rosa salvador sadi simone theodore theophile thomas "
    "victor vincent yves"
)
_ARTICLES = _set("de du des d la le les l a au aux")
_COMMON = _ARTICLES | _set(
    "je j tu il elle on nous vous ils elles me m te se s ce c ca cela y en et ou mais donc or ni car "
    "que qu qui quoi dont si ne n pas plus un une mon ma mes ton ta tes son sa ses nos votre vos "
    "leur leurs cette ces est suis es sont etes ai as a avons avez ont etait etre avoir fait faire "
    "faites fais sais sait savoir dire dis dit peut peux pouvez pourrait veux voudrais voulais veut "
    "faut faudrait va vais aller allez oui ouais non nan ok bonjour bonsoir bonne journee allo merci "
    "plait revoir pardon excusez euh heu hum ben bah bon bien alors voila quel quelle quels quelles "
    "quand comment combien pourquoi temps dans sur sous pour par avec sans chez vers entre devant "
    "derriere pres cote ici tres trop tout tous toute toutes rien encore deja toujours aussi monsieur "
    "madame mademoiselle moi toi lui eux hein quoi reste"
)
_OTHERS = _set(
    "ecole college lycee creche maternelle primaire stade gymnase mediatheque bibliotheque salle "
    "piscine centre parc monsieur madame mademoiselle docteur"
)
"""« l'école jules ferry » is no street."""
_EDGES = _COMMON | _set(
    "habite bis ter numero zero deux trois quatre cinq six sept huit neuf dix onze douze treize "
    "quatorze quinze seize vingt trente quarante cinquante soixante cent"
)
"""What may stand before or after a name that answers a question."""

_VOWEL = "aeiouyàâéèêëîïôùûüœ"
_NASAL = rf"(?![{_VOWEL}hnm])"
_RULES = (
    # Endings nobody hears.
    (r"(?<=..)es?$", ""),
    (r"(?<=^.)es$", "e"),
    (rf"(?<=[{_VOWEL}][^{_VOWEL}])ers?$|(?<=[{_VOWEL}][^{_VOWEL}]{{2}})ers?$|(?<=i)ers?$|ez$|ets?$", "e"),
    (rf"(?<=[{_VOWEL}nrlm])(?:ps|[tdpgxz]+s?|s)$|(?<=n)cs?$|(?<=er)cs?$", ""),
    # Vowels of several letters.
    (rf"oin{_NASAL}", "UI"),
    (rf"(?:[ae]i|[iyu])[nm]{_NASAL}|(?<=[iyé])en{_NASAL}", "I"),
    (rf"[aâe][nm]{_NASAL}", "A"),
    (rf"o[nm]{_NASAL}", "O"),
    (r"eau|au", "o"),
    (r"o[uùû]", "U"),
    (rf"oy(?=[{_VOWEL}])", "Uaj"),
    (r"o[iîy]", "Ua"),
    (r"ue(?=il)|oeu|œu|eu|œ", "E"),
    (r"oe(?=[tlm])", "oe"),
    (r"eill?(?=[eaoé]|s?$)", "ej"),
    (r"aill?(?=[eaoé]|s?$)", "aj"),
    (r"(?:(?<=^v)|(?<=^m)|(?<=tranqu))ill", "il"),
    (r"(?<=[^q]u)ill?(?=[eaoé]|s?$)", "j"),
    (r"ill(?=[eaoé])", "ij"),
    (rf"ay(?=[{_VOWEL}])", "ej"),
    (r"a[iîy]|ei|ey", "e"),
    # Consonants.
    (r"gn", "N"),
    (r"ph|ff?", "f"),
    (r"ch(?=[rl])|qu|ck|cc?(?![eiyéèêœh])|k", "k"),
    (r"sch|sh|ch", "S"),
    (r"sc(?=[eiyéèê])|c|ç|ss", "s"),
    (r"(?<!s)ti(?=on)", "sj"),
    (r"x", "ks"),
    (r"ge(?=[aoâô])|g(?=[eiyéèê])|j", "Z"),
    (r"gu(?=[eiyéèê])|gg?", "g"),
    (rf"(?<=[{_VOWEL}])s(?=[{_VOWEL}])|z", "z"),
    (r"q", "k"),
    (r"w", "v"),
    (r"h", ""),
    # Vowels of one letter; an e that is not heard everywhere is heard nowhere.
    (r"[éèêë]|^e", "e"),
    (rf"e(?=([bcdfglmnprst])\1|[lrfckmn]s?$|x|[^{_VOWEL}]es?$|[^{_VOWEL}h][^{_VOWEL}lrh])", "e"),
    (r"e", ""),
    (rf"[iy](?=[{_VOWEL}])(?!es?$)", "j"),
    (r"[iîïy]", "i"),
    (r"[uùûü]", "u"),
    (r"[aàâ]", "a"),
    (r"[oô]", "o"),
)
"""What letters at a place sound like: the first rule that fits. Other letters sound like themselves."""
_SYMBOLS = tuple(symbol for _, symbol in _RULES)
# Rules hold groups of their own (\1): each is tried for itself.
_SPELLINGS = tuple(re.compile(pattern) for pattern, _ in _RULES)
_ODD = {
    **{
        "six": "sis",
        "sept": "set",
        "huit": "uit",
        "neuf": "nEf",
        "dix": "dis",
        "vingt": "vI",
        "mille": "mil",
    },
    **{"cinq": "sIk", "est": "e", "et": "e", "aout": "ut", "août": "ut", "femme": "fam", "fils": "fis"},
    **{"mars": "mars", "monsieur": "msjE", "ouest": "Uest", "second": "sgO", "seconde": "sgOd"},
}
"""Words that the rules get wrong."""
_LIAISON = {"s": "z", "x": "z", "z": "z", "t": "t", "d": "t", "n": "n"}
_WORDS, _DOUBLE = re.compile(r"[^\W_]+"), re.compile(r"(\D)\1")
_COARSE = str.maketrans("bdgvzZmNOIUjE", "ptkfsSnnAAoie")
"""Sounds a telephone muddles: voiced or not, nasal or not quite."""

MIN_SCORE = 0.72
"""A name of many sounds may have more than one in four wrong."""
_CLEARLY = 0.06
"""What is as close as that to the best is as good."""
_OTHER_WAY, _NO_WAY, _LESS = 0.15, 0.02, 0.04
"""What a score loses: another way word, none, a first name or title left out."""
_ALONE, _ALONE_SOUNDS = 0.95, 6
"""A person's or a town's name, so right and so long, is a street's though no way word was heard."""
_BARE, _BARE_SOUNDS = 0.85, 3
"""The same when the utterance is about one of these names."""
_ANSWER = 0.8
"""The same when it is the whole answer."""
_LOWEST = 0.6
"""What is left of a score when all is taken off, at least."""
_SHORTER = 0.1
"""What a longer name may lack and still be meant, not the shorter one in it."""
_MAX_WORDS = 8
_YEAR = re.compile(r"1[89]\d\d")


@dataclass(frozen=True, slots=True)
class Match:
    """A name that sounds like what was said."""

    name: str
    score: float
    """From 0 to 1, the same sounds."""


def sound(text: str, liaison: bool = False) -> str:
    """How a French text sounds, a character a sound, without blanks: `jaurès`, `j'aurais` -> `Zore`.

    Args:
        liaison: last consonants are heard before a vowel.
    """
    return _sound(_WORDS.findall(text.lower()), liaison)


def _sound(words: Sequence[str], liaison: bool = False) -> str:
    if not liaison:
        return _DOUBLE.sub(r"\1", "".join(map(_word_sound, words)))
    sounds = []
    for word, after in zip(words, [*words[1:], ""], strict=True):
        tied = after[:1] in (*_VOWEL, "h") and len(word) > 1 and word not in _ODD
        sounds.append(_word_sound(word) + (_LIAISON.get(word[-1], "") if tied else ""))
    return _DOUBLE.sub(r"\1", "".join(sounds))


@functools.lru_cache(maxsize=20_000)
def _word_sound(word: str) -> str:
    if word in _ODD:
        return _ODD[word]
    sounds, at = "", 0
    while at < len(word):
        for spelling, symbol in zip(_SPELLINGS, _SYMBOLS, strict=True):
            found = spelling.match(word, at)
            if found and found.end() > at:
                sounds, at = sounds + symbol, found.end()
                break
        else:
            sounds, at = sounds + word[at], at + 1
    return sounds


def best(said: str, names: Sequence[str]) -> Match | None:
    """The name an answer says; None when none sounds like it, or several do (see `candidates`)."""
    return _clear(candidates(said, names))


def candidates(said: str, names: Sequence[str], inside: bool = False, bare: bool = True) -> tuple[Match, ...]:
    """The names that sound like what was said, best first.

    Args:
        inside: the name may be anywhere in the utterance, not only all of it.
        bare: « pasteur » names rue Pasteur; else a name that has a way word is said with one.
    """
    readings = _inside if inside else _whole
    spans = [reading for words in _spellings(said) for reading in readings(words)]
    return _ranked(spans, tuple(names), inside, bare)


def spoken_in(text: str, names: Sequence[str], bare: bool = False) -> Match | None:
    """The name said somewhere in an utterance; None for none or several that are as good.

    Args:
        bare: it may be said without its way word, « des vélos à pasteur »: for an utterance that is about
            one of these names.
    """
    return _clear(candidates(text, names, inside=True, bare=bare))


def _clear(found: tuple[Match, ...]) -> Match | None:
    if not found or (len(found) > 1 and found[0].score - found[1].score < _CLEARLY):
        return None
    return found[0]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A way to say a name, or words that may be one."""

    way: str
    key: str
    loses: float = 0.0
    article: bool = False
    """« rue du moulin » is not rue Jean-Moulin."""
    nameless: bool = False
    """A first name was left out."""
    place: int = 0
    """Of the name in the list."""


def _spellings(text: str) -> Iterator[list[str]]:
    """The words of a text, and those with its numbers in digits; the accents kept, abbreviations in full."""
    split = " ".join(_WORDS.findall(text.lower()))
    for spelled in dict.fromkeys((split, in_digits(split))):
        yield [_SHORT.get(word, word) for word in spelled.split() if word not in ("euh", "heu", "hum")]


@functools.lru_cache(maxsize=20_000)
def _folded(word: str) -> str:
    return fold(word)


def _is_common(word: str) -> bool:
    return word.isdigit() or _folded(word) in _COMMON


@functools.lru_cache(maxsize=20_000)
def _way(word: str) -> str:
    """The way word that this one sounds like (`allez`: allée), empty for none."""
    if _folded(word) in WAYS:
        return _folded(word)
    return _WAY_OF_SOUND.get(sound(word), "") if len(word) > 2 else ""


_WAY_OF_SOUND = {sound(way): fold(way) for way in _WAYS}


def _readings(way: str, words: Sequence[str], place: int = 0, article: bool = False) -> Iterator[_Reading]:
    """The ways to say a name: as it is, without title or first name, without its year or the century."""
    at = next((at for at, word in enumerate(words) if _folded(word) not in _ARTICLES), len(words))
    article, rest = article or at > 0, list(words[at:])
    if not rest:
        return
    key, tied = _sound(rest), _sound(rest, liaison=True)
    yield _Reading(way, key, 0.0, article, False, place)
    if tied != key:
        yield _Reading(way, tied, 0.0, article, False, place)
    nameless = False
    while len(rest) > 1 and (_folded(rest[0]) in _TITLES or _folded(rest[0]) in _FIRST_NAMES):
        nameless = nameless or _folded(rest[0]) in _FIRST_NAMES
        rest = rest[2:] if len(rest) > 2 and rest[1] in ("de", "d") else rest[1:]
        yield _Reading(way, _sound(rest), _LESS, article, nameless, place)
    if len(rest) > 1 and _YEAR.fullmatch(rest[-1]):
        yield _Reading(way, _sound(rest[:-1]), _LESS, article, False, place)
        yield _Reading(way, _sound([*rest[:-1], rest[-1][2:]]), 0.0, article, False, place)


@functools.lru_cache(maxsize=16)
def _named(names: tuple[str, ...]) -> tuple[tuple[_Reading, ...], tuple[str, ...], tuple[str, ...]]:
    """All ways to say these names; their sounds; these muddled."""
    readings: list[_Reading] = []
    for place, name in enumerate(names):
        for words in _spellings(name):
            way = _way(words[0]) if len(words) > 1 else ""
            readings += _readings(way, words[1:] if way else words, place)
    keys = tuple(reading.key for reading in readings)
    return tuple(readings), keys, tuple(key.translate(_COARSE) for key in keys)


def _whole(words: list[str]) -> Iterator[_Reading]:
    """An answer, what surrounds the name left out."""
    while words and _folded(words[-1]) in _COMMON:
        words = words[:-1]
    start = next((at for at, word in enumerate(words[:-1]) if _way(word)), None)
    if start is not None:
        yield from _said(_way(words[start]), words[start + 1 :])
        return
    yield from _said("", words)
    while words and (words[0].isdigit() or _folded(words[0]) in _EDGES):
        article = _folded(words[0]) in _ARTICLES
        words = words[1:]
        yield from _said("", words, article)


def _inside(words: list[str]) -> Iterator[_Reading]:
    """Every few words in an utterance that may be a name."""
    for start, first in enumerate(words):
        before = start
        while before and _folded(words[before - 1]) in _ARTICLES:
            before -= 1
        if before and _folded(words[before - 1]) in _OTHERS:
            continue  # « l'école jules ferry »
        way = _way(words[start - 1]) if start else ""
        if not way and (_folded(first) in _COMMON or (before and before < start and _way(words[before - 1]))):
            continue  # « rue de la gare » is read from « de » on
        for end in range(start + 1, min(start + _MAX_WORDS, len(words)) + 1):
            if way:
                yield from _said(way, words[start:end])
            elif not _is_common(words[end - 1]):
                yield _Reading("", _sound(words[start:end]), article=before < start)


def _said(way: str, words: Sequence[str], article: bool = False) -> Iterator[_Reading]:
    if not all(map(_is_common, words)):
        yield from _readings(way, words, article=article)


def _stands_alone(said: _Reading, name: _Reading, likeness: float, inside: bool, bare: bool) -> bool:
    """May these words without a way word be a name that has one?

    « un trou lamartine » may, « à la gare » only when it is about these names, « préfère » is not Prévert.
    """
    if said.loses or (name.loses and likeness < _ALONE):
        return False
    if not inside:
        return likeness >= _ANSWER
    if bare:
        return likeness >= _BARE and len(name.key) >= _BARE_SOUNDS and not name.loses
    bare_name = not (said.article or name.article or name.nameless)
    return bare_name and likeness >= _ALONE and len(name.key) >= _ALONE_SOUNDS


def _ranked(said: list[_Reading], names: tuple[str, ...], inside: bool, bare: bool) -> tuple[Match, ...]:
    """The names any of these readings is close enough to, best first."""
    if not said or not names:
        return ()
    readings, keys, coarse = _named(names)
    heard = [reading.key for reading in said]
    exact = process.cdist(heard, keys, scorer=Levenshtein.normalized_similarity)
    muddled = process.cdist(
        [key.translate(_COARSE) for key in heard], coarse, scorer=Levenshtein.normalized_similarity
    )
    close = (exact + muddled) / 2
    found: dict[int, tuple[float, str]] = {}
    for row, column in zip(*(close >= MIN_SCORE).nonzero(), strict=True):
        one, other, likeness = said[row], readings[column], float(close[row, column])
        if likeness < _wanted(max(len(one.key), len(other.key))):
            continue
        if (one.article and other.nameless) or (one.nameless and other.article):
            continue
        if other.way and not one.way and not _stands_alone(one, other, likeness, inside, bare):
            continue
        loses = one.loses + other.loses
        if one.way != other.way:
            loses += _OTHER_WAY if one.way and other.way else _NO_WAY
        if likeness - loses >= _LOWEST:
            found[other.place] = max((likeness - loses, one.key), found.get(other.place, (0.0, "")))
    best_first = sorted(found.items(), key=lambda item: item[1], reverse=True)
    return tuple(
        Match(names[place], round(score, 3))
        for place, (score, key) in best_first
        if not any(_holds(longer, key) and more > score - _SHORTER for more, longer in found.values())
    )


def _holds(longer: str, key: str) -> bool:
    """« rue jean moulin » is no rue Jean."""
    return key in longer and len(key) < len(longer)


def _wanted(sounds: int) -> float:
    """A short name is said right or is another word: none, then one sound may be wrong."""
    if sounds <= 3:
        return 0.83
    return 0.78 if sounds <= 5 else MIN_SCORE
