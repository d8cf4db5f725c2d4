"""The wide vocabulary: frequent French words, their elided forms, and how often each is said.

Frequencies come from the PyPI package `wordfreq` (data under CC BY-SA 4.0); a word is taken when Debian's
`wfrench` list (/usr/share/dict/french) knows it, which keeps English and misspelt words out;
`hunspell` with `hunspell-fr-classical` says which elisions exist.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data"
DICTIONARY = Path("/usr/share/dict/french")
FRENCH_WORD = re.compile(r"[a-zàâäçéèêëîïôöùûüÿœæ]+(?:['-][a-zàâäçéèêëîïôöùûüÿœæ]+)*'?")
ASPIRATED = frozenset((DATA / "aspirated.txt").read_text(encoding="utf8").split())
"""Words in h, y, o or u that le and de keep their vowel before."""
ELISIONS: dict[str, tuple[int, float]] = {
    "l'": (20000, 0.25), "d'": (20000, 0.2), "qu'": (3500, 0.05),
}  # fmt: skip
"""Elided word: (how far down the frequency list it is joined, share of the second word's frequency)."""
VERB_ELISIONS: dict[str, tuple[int, float]] = {
    "j'": (9000, 0.12), "n'": (9000, 0.05), "s'": (9000, 0.06), "m'": (9000, 0.05), "t'": (3000, 0.02),
}  # fmt: skip
"""The same before words that can be forms of a verb."""
AFTER_POLITE_VERB: dict[str, float] = {
    "-vous": 0.05, "-moi": 0.02, "-nous": 0.01, "-le": 0.01, "-la": 0.01, "-les": 0.01, "-lui": 0.005,
    "-y": 0.003,
}  # fmt: skip
"""What is joined to the forms in -ez (avez-vous, envoyez-moi), with its share of their frequency."""
POLITE_VERB_DEPTH = 9000
VERB_ENDING = re.compile(
    r".*(?:e|es|ent|ons|ez|ai|as|a|ais|ait|aient|iez|ions|er|ir|re|oir|ant|is|it|us|ut|ont|é)$"
)


def starts_with_vowel(word: str) -> bool:
    """Whether le, de, que... lose their vowel before this word."""
    first = word[0]
    if word in ASPIRATED or (word.startswith("y") and word not in ("y", "yeux")):
        return False
    return first in "aàâäeéèêëiîïoôöuùûüyœæh"


def dictionary_words() -> set[str]:
    """Lower-case words of the system's French word list."""
    lines = DICTIONARY.read_text(encoding="utf8").split()
    return {w for w in lines if w == w.lower() and FRENCH_WORD.fullmatch(w)}


def join_ligature(text: str) -> str:
    """sœur for soeur, œil for oeil."""
    return re.sub(r"oe(?=u|il)", "œ", text)


def frequent_words(count: int) -> dict[str, float]:
    """The `count` most frequent French words and their frequency (1 = every word said)."""
    import wordfreq  # elisions and ligatures are of use without

    known = dictionary_words() - {"qu", "quelqu", "presqu", "lorsqu", "puisqu", "jusqu", "aujourd"}
    wanted: dict[str, float] = {}
    for word in wordfreq.top_n_list("fr", 200000):
        if len(wanted) >= count:
            break
        plain = word.replace("œ", "oe").replace("æ", "ae")  # as the list writes them
        if FRENCH_WORD.fullmatch(word) and plain in known and (len(word) > 1 or word in "aày"):
            word = join_ligature(word)
            wanted[word] = max(wanted.get(word, 0.0), wordfreq.word_frequency(word, "fr"))
    return wanted


def misspelt(words: list[str]) -> set[str]:
    """Those hunspell's French dictionary refuses: it knows which words take l', which n', j' or s'."""
    command = ["hunspell", "-d", "fr_FR", "-i", "utf-8", "-l"]
    text = "\n".join(words) + "\n"
    listed = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


def special_forms() -> dict[str, float]:
    """Compounds and elisions of data/forms.tsv."""
    lines = (DATA / "forms.tsv").read_text(encoding="utf8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {word: float(share) for word, share in rows}


def wide_vocabulary(count: int = 38000) -> dict[str, float]:
    """Words, elided forms and compounds with their frequency; sums to about one."""
    words = frequent_words(count)
    result = dict(words)
    joined: dict[str, float] = {}
    for rank, (word, frequency) in enumerate(words.items()):
        if word.endswith("ez") and rank < POLITE_VERB_DEPTH and word not in ("chez", "assez", "nez", "rez"):
            for ending, share in AFTER_POLITE_VERB.items():
                result[word + ending] = frequency * share
        if not starts_with_vowel(word) or word in ("y", "a", "à", "et", "ou", "où", "en", "au", "aux"):
            continue
        tables = [ELISIONS] + ([VERB_ELISIONS] if VERB_ENDING.fullmatch(word) else [])
        for table in tables:
            for elided, (depth, share) in table.items():
                if rank < depth and len(word) > 1:
                    joined[elided + word] = frequency * share
    wrong = misspelt(list(joined))
    result.update((word, frequency) for word, frequency in joined.items() if word not in wrong)
    result["j'ai"] = 5e-3
    for form in ("n'a", "m'a", "l'a", "t'a", "qu'a", "d'a", "j'a"):
        result[form] = 3e-4 if form[0] in "nml" else 1e-6
    result.update(special_forms())
    total = sum(result.values())
    return {word: frequency / total for word, frequency in result.items()}
