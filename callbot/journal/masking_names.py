"""Names of people, found by what announces them: « je m'appelle », « madame », « au nom de », letters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from callbot.journal.masking_words import Span, Word, lexicon

NAME = "[nom]"
SPELLED = 3
LONG = 5
"""Letters in a row that spell a name: in answer to a question or announced, and anywhere."""
_TITLE = re.compile(r"monsieur|madame|mademoiselle|mme|mlle|m|mr|docteur|dr|maître")
_STRONG = re.compile(
    r"(?:je m'appel(?:le|ais)|(?:il|elle|qui|fils|fille|mari|femme|mère|père) s'appelle"
    r"|(?:au|le) nom d(?:e|')|me nomme|se nomme"
    r"|(?:mon|son|notre) (?:petit )?(?:nom|prénom)"
    r"(?: de famille| de jeune fille| de naissance| d'épouse| d'usage| marital| complet)? (?:c'est|est)"
    r"|le (?:nom|prénom)(?: de famille)? (?:c'est|est)|de la part de)$"
)
_WEAK = re.compile(
    r"(?:^| )(?:née|épouse|veuve|nom(?: de jeune fille| de naissance| d'usage| d'épouse| marital))$"
)
"""Announces a name that is no ordinary word: « née lambert », not « née le douze »."""
_WEAKER = re.compile(r"(?:^| )(?:pré)?nom$")
"""Announces one that is frequent: « nom martin », not « nom composé »."""
_CALLS_ONESELF = re.compile(r"(?:^| )(?:je suis|moi c'est)$")
"""Announces a first name."""
_ELIDED_NAME = re.compile(r"[mn]'[bcdfgjklmnpqrstvwxz]\w+")
"""`n'diaye`; before a vowel it is a verb."""
_NOBLE = re.compile(r"[dl]'\w{3,}")
"""`d'almeida`, `l'huillier`"""
_SAYS_AGAIN = frozenset({"euh", "heu", "déjà", "donc", "alors", "oui", "c'est", "monsieur", "madame", "et"})
"""What may stand between « je m'appelle » and the name."""
_PARTICLES = frozenset(
    {"de", "du", "des", "da", "do", "dos", "di", "del", "el", "al", "ben", "bin", "ould", "van", "von", "der"}
    | {"den", "abd", "abdel", "aït", "ait", "saint", "sainte", "mac", "mc", "d", "la", "le"}
)
_STRONG_ONLY = frozenset({"de", "du", "des", "la", "le", "al"})
"""Particles that after « madame » begin something else: « madame la directrice », « monsieur le maire »."""
_BRETON = frozenset(
    {"goff", "gall", "bihan", "guen", "corre", "floch", "berre", "bras", "dantec", "roux", "roy", "fur"}
    | {"meur", "pen", "quéré", "gac", "lay", "brun", "page", "pape", "moal", "moigne", "naour", "tallec"}
)
_DETERMINERS = re.compile(
    r"une?|le|la|les|ce|cette|mon|du|des|petit|vieux|vieille|jeune|gentil|quel|quelle|pauvre|cher|chère|deux"
    r"|aucun|brave|même|autre|chaque"
)
"""Before « monsieur » these make it a common noun."""
_PUBLIC = re.compile(
    r"rue|avenue|boulevard|place|école|collège|lycée|gymnase|salle|stade|piscine|crèche|maternelle|groupe"
    r"|scolaire|square|parc|maison|espace|théâtre|centre|quai|pont|allée|impasse|médiathèque|bibliothèque"
    r"|résidence|hôpital|clinique|foyer|cité|arrêt|station|primaire|élémentaire"
)
_SPELLS = re.compile(r"nom|prénom|épelle|j'épelle|s'écrit|s'épelle|écrit|appelle|m'appelle|lettres?|famille")
_ARTICLE = re.compile(r"l[ae]s?|d[ue]s?|aux?|une?|l|d|en|carte|dossier|place|ma|mon|votre|emplacement")
_SPELLING = frozenset({"accent", "aigu", "grave", "circonflexe", "tréma", "cédille", "tiret", "apostrophe"})


def names(words: Sequence[Word]) -> Iterator[Span]:
    """Every name announced, spelled, or known by first name and surname."""
    done = 0
    for place in range(len(words)):
        if place < done:
            continue
        letters = _letters(words, place)
        if letters > place + 1:
            done = letters
            if _spell_a_name(words, place, letters):
                yield Span(words[place].start, words[done - 1].end, NAME)
            continue
        span = _announced(words, place) or _full_name(words, place)
        if span is not None:
            first, done = span
            yield Span(words[first].start, words[done - 1].end, NAME)
    yield from _at_the_telephone(words)


def _announced(words: Sequence[Word], place: int) -> tuple[int, int] | None:
    """The words of a name that begins here, because of those before it."""
    before = words[max(0, place - 7) : place]
    if not before or before[-1].ends:
        return None
    told = whole = " ".join(word.text for word in before)
    while before and before[-1].text in _SAYS_AGAIN and not _STRONG.search(told):
        before = before[:-1]
        told = " ".join(word.text for word in before)
    word = words[place]
    if _STRONG.search(told):
        after = _chunk(words, place, strong=True)
    elif _TITLE.fullmatch(words[place - 1].text) and not _is_common_noun(words, place - 1):
        after = _chunk(words, place, strong=False)
    elif not word.is_ordinary and (_WEAK.search(told) or (_WEAKER.search(told) and word.is_known_name)):
        after = _chunk(words, place, strong=False, most=1)
    elif not word.is_ordinary and word.is_first_name and _CALLS_ONESELF.search(whole):
        after = place + 1 + (_full_name(words, place) is not None)
    else:
        return None
    return (place, after) if after > place else None


def _is_common_noun(words: Sequence[Word], title: int) -> bool:
    """`un monsieur`, `une vieille dame`; `m` stands for monsieur only where it is written so."""
    short = len(words[title].text) == 1 and words[title].end - words[title].start == 1
    before = words[title - 1].text if title else ""
    return _DETERMINERS.fullmatch(before) is not None or (short and before in ("", "l'", "y", "a"))


def _chunk(words: Sequence[Word], place: int, *, strong: bool, most: int = 0) -> int:
    """Where the name ends that begins here; the same place when none does."""
    at, after, taken = place, place, 0
    if strong and _NOBLE.fullmatch(words[place].text) and words[place].text[2:] not in lexicon("ordinary"):
        return place + 1
    most = most or (3 if strong else 2)
    while at < len(words) and taken < most:
        word = words[at]
        following = words[at + 1] if at + 1 < len(words) and not word.ends else None
        if word.text in _PARTICLES and following is not None:
            breton = word.text == "le" and following.text in _BRETON
            noble = word.text in ("de", "du", "des") and following.is_known_name
            noble = noble or (word.text == "de" and following.text == "la" and _is_surname(words, at + 2))
            noble = noble or (at > place and words[at - 1].text == "de" and _is_surname(words, at + 1))
            loose = word.text not in _STRONG_ONLY or strong
            if breton or noble or (loose and _is_name(following, first=False)):
                at += 1
                continue
            break
        if not _is_name(word, first=not taken) and not (at > place and word.text in _BRETON):
            break
        at, taken = at + 1, taken + 1
        after = at
        if word.ends:
            break
    return after


def _is_surname(words: Sequence[Word], place: int) -> bool:
    return place < len(words) and words[place].text in lexicon("surnames")


def _is_name(word: Word, *, first: bool) -> bool:
    if first and _ELIDED_NAME.fullmatch(word.text):
        return True
    if word.is_number or word.is_letter or word.text.startswith("d'"):
        return False
    return word.is_known_name or (not word.is_ordinary and (first or word.text not in _PARTICLES))


def _full_name(words: Sequence[Word], place: int) -> tuple[int, int] | None:
    """`jean dupont`, when both are frequent; not the `école jean moulin`."""
    word = words[place]
    if place + 1 >= len(words) or word.ends or not word.is_first_name or word.is_ordinary:
        return None
    follows = words[place + 1]
    if not follows.is_known_name or any(
        _PUBLIC.fullmatch(one.text.removeprefix("l'")) for one in words[max(0, place - 3) : place]
    ):
        return None
    return place, place + 2


def _letters(words: Sequence[Word], place: int) -> int:
    """Where the letters end that begin here: `d u p o n t`, `d comme daniel u p deux n`."""
    at = place
    while at < len(words):
        text, before = words[at].text, words[max(place, at - 1)]
        doubled = text in ("deux", "double") and at + 1 < len(words) and words[at + 1].is_letter
        like = (text == "comme" and before.is_letter) or before.text == "comme"
        if not words[at].is_letter and (at == place or not (doubled or like or text in _SPELLING)):
            break
        at += 1
    while at > place and words[at - 1].text == "comme":
        at -= 1
    return at


def _spell_a_name(words: Sequence[Word], place: int, after: int) -> bool:
    """Long enough, or announced; after an article letters are an office: « la c a f »."""
    said = words[place:after]
    letters = "".join(word.text for word in said if word.is_letter)
    before = words[place - 1].text if place else ""
    told = any(_SPELLS.fullmatch(word.text) for word in words[max(0, place - 4) : place])
    like = any(word.text == "comme" for word in said)
    if letters.startswith("ya") or letters in lexicon("acronyms") or (before and _ARTICLE.fullmatch(before)):
        return told and len(letters) >= SPELLED and before not in ("la", "du", "au", "les")
    return len(letters) >= (SPELLED if told or like or not before else LONG)


def _at_the_telephone(words: Sequence[Word]) -> Iterator[Span]:
    """`c'est jean dupont à l'appareil`, `madame durand à l'appareil`."""
    for place, word in enumerate(words):
        if word.text != "l'appareil" or not place or words[place - 1].text != "à":
            continue
        first = place - 1
        while first and place - 1 - first < 3 and _is_name(words[first - 1], first=True):
            first -= 1
        if first < place - 1:
            yield Span(words[first].start, words[place - 2].end, NAME)
