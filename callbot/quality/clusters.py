"""What callers asked in vain, put together by meaning: « des abeilles chez moi », « mettre une ruche ».

Similarity is the cosine of TF-IDF vectors made of three parts: words, pieces of words (inflections, misheard
endings) and the concepts of the Rasa project's lexicon, by which different words for one thing meet. Features
are hashed and weighed by how frequent they are in the project's own sentences, not in what is clustered: two
sentences stay as alike as they were, whatever else is asked. No model is downloaded.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from callbot.town.yaml_files import read_yaml

TOGETHER = 0.2
"""Mean similarity from which sentences are one question."""
PARTS = {"words": 1.0, "pieces": 0.4, "concepts": 1.2}
"""What each part of a vector weighs."""
BUCKETS = 2**18
MOST = 3000
"""Sentences clustered at once: the similarities of all pairs are held in memory."""
WEIGHED_BY = 2000
"""Sentences of the Rasa project that are counted."""

_WORD = re.compile(r"[a-z0-9]+")
_MASK = re.compile(r"\[[^\]]*\]|<[^>]*>")
"""What stands where a name or a number was."""
_ENTRY = re.compile(r"[a-z0-9]+\*?")
_EXAMPLE = re.compile(r"^\s+- (?!intent:)(.+)$", re.MULTILINE)
_ENDINGS = ("", "s", "x", "e", "es")
"""As the lexicon reads its entries."""
_EMPTY = """
a ah ai aie aient ait alors allo apres as au aucun aucune aussi autre aux avait avant avec avez avoir avons
ayant bah beaucoup ben bien bon bonjour bonsoir c ca car ce cela celle celui ces cet cette chez ci comme
comment d dans de des dessus deux dire dis dit dites dois doit donc donne donner du elle elles en encore
enfin ensuite entre es est et etait etaient ete etes etre euh eux fait faire fais fait fallait faudrait faut
font ici il ils j jai je juste l la le les leur leurs lui m ma madame mais me meme merci mes moi mon
monsieur n ne ni non nos notre nous on ont or ou ouais oui par parce parler part pas passer peu peut peux
peuvent plait plus plutot pour pourquoi pourrais pourrait pourriez pouvez pouvoir qu quand que quel quelle
quelles quels quelque quelqu qui quoi s sa sais savoir sait se sera ses si soit son sont sous souhaite
souhaiterais suis sur t ta tant te tel tes toi ton tous tout toute toutes tres trop tu un une va vais vas
veut veux veuillez viens vient voila voir vois voit voulais voudrais voudrait voulez vouloir vos votre vous
vraiment y appelle appeler appel appelais demande demander renseignement renseignements renseigner
information informations infos info mairie question questions chose choses truc possible rapport sujet
propos concernant concerne moment besoin aimerais personne accueil service
"""
EMPTY = frozenset(_EMPTY.split())
"""Words that say nothing of what is wanted."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Where sentences belong, by their number."""

    joined: Mapping[int, int]
    """Sentence to question."""
    formed: tuple[tuple[int, ...], ...]
    """New questions, the largest first; in each the sentence that says it best comes first."""
    alone: tuple[int, ...]


class Meaning:
    """Compares sentences.

    Args:
        concepts: words and expressions by concept; a word that ends in `*` stands for all that begin so.
        usual: sentences whose words count little in proportion to how often they are there; without any,
            all words count alike.
    """

    def __init__(
        self, concepts: Mapping[str, Iterable[str]] | None = None, usual: Sequence[str] = ()
    ) -> None:
        self._concepts = _Concepts(concepts or {})
        self._usual = usual
        self._weights: dict[str, Any] = {}

    def vectors(self, sentences: Sequence[str]) -> Any:
        """A row of length 1 for each sentence (sparse); of zeros for one that says nothing.

        TF-IDF with logarithmic frequencies (Manning, Raghavan, Schütze: Introduction to Information
        Retrieval, 6.4). Rarity counts twice: the one word about bees tells more than all of « il faut une
        autorisation pour installer ».
        """
        from scipy.sparse import hstack
        from sklearn.preprocessing import normalize  # heavy: not before it is needed

        if not self._weights:
            self._weights = {part: self._fit(part, self._usual or [""]) for part in PARTS}
        parts = []
        for part, weight in PARTS.items():
            weighed = self._weights[part].transform(self._counts(part, sentences))
            parts.append(weighed.multiply(self._weights[part].idf_ * weight))
        return normalize(hstack(parts, format="csr"))

    def _fit(self, part: str, sentences: Sequence[str]) -> Any:
        from sklearn.feature_extraction.text import TfidfTransformer

        return TfidfTransformer(norm=None, sublinear_tf=True).fit(self._counts(part, sentences))

    def _counts(self, part: str, sentences: Sequence[str]) -> Any:
        from sklearn.feature_extraction.text import HashingVectorizer

        read = {"words": content, "pieces": _pieces, "concepts": self._concepts.of}[part]
        hashing = HashingVectorizer(n_features=BUCKETS, analyzer=read, alternate_sign=False, norm=None)
        return hashing.transform(sentences)


def cluster(
    meaning: Meaning,
    new: Mapping[int, str],
    questions: Mapping[int, Sequence[str]],
    together: float = TOGETHER,
) -> Clusters:
    """Put new sentences with the question they are nearest to, or with each other; what is placed stays.

    Questions are formed by average linkage: two groups become one while the mean similarity of their
    sentences reaches `together` (Manning, Raghavan, Schütze, 17.3).

    Args:
        new: sentences by number; beyond the first 3000 they stay alone.
        questions: sentences of each question there is, by its number.
        together: mean similarity, 0 to 1.
    """
    numbers = sorted(number for number, text in new.items() if content(text))[:MOST]
    mute = sorted(new.keys() - set(numbers))
    if not numbers:
        return Clusters({}, (), tuple(mute))
    vectors = meaning.vectors([new[number] for number in numbers])
    joined = _join(meaning, vectors, questions, together)
    places = {numbers[row]: question for row, question in joined.items()}
    rest = [row for row in range(len(numbers)) if row not in joined]
    groups = _group(vectors[rest], together)
    formed = [[rest[at] for at in group] for group in groups if len(group) > 1]
    alone = [numbers[rest[group[0]]] for group in groups if len(group) == 1]
    ordered = sorted((_by_centrality(vectors, rows) for rows in formed), key=lambda rows: (-len(rows), rows))
    return Clusters(
        places, tuple(tuple(numbers[row] for row in rows) for rows in ordered), tuple(sorted([*alone, *mute]))
    )


def content(text: str) -> list[str]:
    """The words that tell what is wanted, without accents, endings cut: `Euh, l'acte` -> `act`."""
    return [_stem(word) for word in _plain(text) if word not in EMPTY and len(word) > 1]


@functools.lru_cache(maxsize=2)
def of_project(folder: Path) -> Meaning:
    """Compares sentences by what a Rasa project knows; by their own words only where there is none.

    Raises:
        TownError: a lexicon that is no YAML.
    """
    concepts: dict[str, list[str]] = {}
    for path in sorted((folder / "lexicon").glob("*.yml")):
        document, _ = read_yaml(path)
        concepts |= {str(name): str(line).split(",") for name, line in (document or {}).items()}
    found = [
        sentence
        for path in sorted((folder / "data" / "nlu").glob("*.yml"))
        for sentence in _EXAMPLE.findall(path.read_text(encoding="utf-8"))
    ]
    return Meaning(concepts, found[:: max(1, len(found) // WEIGHED_BY)])


def _join(
    meaning: Meaning, vectors: Any, questions: Mapping[int, Sequence[str]], together: float
) -> dict[int, int]:
    """Rows of `vectors` and the question each belongs to; the mean of vectors gives the mean similarity."""
    from scipy.sparse import csr_matrix, vstack

    filled = {number: texts for number, texts in questions.items() if any(map(content, texts))}
    if not filled:
        return {}
    centres = [csr_matrix(meaning.vectors(texts).mean(axis=0)) for texts in filled.values()]
    similar: npt.NDArray[np.float64] = (vectors @ vstack(centres).T).toarray()
    best = similar.argmax(axis=1)
    order = list(filled)
    return {row: order[at] for row, at in enumerate(best) if similar[row, at] >= together}


def _group(vectors: Any, together: float) -> list[list[int]]:
    """Rows that belong together, in the order of their first."""
    from sklearn.cluster import AgglomerativeClustering

    count = vectors.shape[0]
    if count < 2:
        return [[row] for row in range(count)]
    distances = 1 - np.clip((vectors @ vectors.T).toarray(), 0, 1)
    linkage = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=1 - together
    )
    groups: dict[int, list[int]] = {}
    for row, label in enumerate(linkage.fit_predict(distances)):
        groups.setdefault(int(label), []).append(row)
    return list(groups.values())


def _by_centrality(vectors: Any, rows: list[int]) -> list[int]:
    """The medoid first: the row most like all the others; of equals the earliest."""
    own = vectors[rows]
    total = np.asarray((own @ own.T).sum(axis=1)).ravel()
    return [rows[at] for at in np.argsort(-total.round(9), kind="stable")]


class _Concepts:
    """Finds concepts in words, as the Rasa project's own lexicon does."""

    def __init__(self, concepts: Mapping[str, Iterable[str]]) -> None:
        # The first word of an expression, or its beginning, leads to the rest of it and its concept.
        self._by_first: dict[str, list[tuple[list[str], str]]] = {}
        for name, entries in concepts.items():
            for entry in entries:
                words = [token for token in _ENTRY.findall(_fold(entry)) if len(token) > 1]
                for first in _forms(words[0]) if words else ():
                    self._by_first.setdefault(first, []).append((words[1:], name))

    def of(self, text: str) -> list[str]:
        """The concepts named, each once."""
        words = [word for word in _plain(text) if len(word) > 1]
        found = {
            name
            for at, word in enumerate(words)
            for first in (word, *(f"{word[:size]}*" for size in range(2, len(word) + 1)))
            for rest, name in self._by_first.get(first, ())
            if len(rest) < len(words) - at and all(map(_is, rest, words[at + 1 :]))
        }
        return sorted(found)


def _forms(entry: str) -> list[str]:
    return [entry] if entry.endswith("*") else [entry + ending for ending in _ENDINGS]


def _is(entry: str, word: str) -> bool:
    return word.startswith(entry[:-1]) if entry.endswith("*") else word in _forms(entry)


def _pieces(text: str) -> list[str]:
    """Three to five letters in a row of each word, its borders marked."""
    framed = [f" {word} " for word in _plain(text) if word not in EMPTY and len(word) > 1]
    return [
        word[at : at + size]
        for word in framed
        for size in (3, 4, 5)
        for at in range(max(1, len(word) - size + 1))
    ]


def _plain(text: str) -> list[str]:
    return _WORD.findall(_fold(_MASK.sub(" ", text)))


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return plain.replace("œ", "oe").replace("æ", "ae")


@functools.cache
def _stemmer() -> Any:
    from snowballstemmer import stemmer

    return stemmer("french")


@functools.lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))
