"""What a sentence looks like to the classifier: stems and concepts, pairs of either, characters.

Each view is a sublinear TF-IDF of its own, normalised by itself, so that none drowns the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from callbot_nlu import french
from callbot_nlu.lexicon import Lexicon

_WORD = re.compile(r"'?\w+")
"""Of languages without a reading of their own: `what's` -> `what`, `'s`."""


class Reading:
    """A sentence read once for all views.

    Args:
        text: the sentence as spoken.
        language: `fr`, or `none` for plain lower-case words.
        lexicon: None leaves concepts out.
    """

    def __init__(self, text: str, language: str, lexicon: Lexicon | None) -> None:
        if language == "fr":
            tokens = french.words(text)
            self.plain = " ".join(tokens)
            stems = french.stems([token for token in tokens if not token.endswith("'")])
        else:
            tokens = stems = _WORD.findall(text.lower())
            self.plain = " ".join(tokens)
        self.stems = stems
        self.concepts = sorted({name for _, name in lexicon.find(tokens)}) if lexicon else []

    @property
    def neighbours(self) -> list[str]:
        """Every two stems that stand together, the borders of the sentence included."""
        return [f"{one} {two}" for one, two in pairwise(["<", *self.stems, ">"])]

    @property
    def pairs(self) -> list[str]:
        """Every two concepts of the sentence: what is lost, and that something is lost, say more together."""
        return [f"{one}+{two}" for at, one in enumerate(self.concepts) for two in self.concepts[at + 1 :]]


# Module functions, not lambdas: the views are pickled with the model.
def _stems(reading: Reading) -> list[str]:
    return reading.stems


def _neighbours(reading: Reading) -> list[str]:
    return reading.neighbours


def _plain(reading: Reading) -> str:
    return reading.plain


def _concepts(reading: Reading) -> list[str]:
    return reading.concepts


def _pairs(reading: Reading) -> list[str]:
    return reading.pairs


class Features:
    """Sentences to a sparse matrix.

    Args:
        language: `fr` or `none`.
        lexicon: words of concepts; None for languages without.
    """

    def __init__(self, language: str = "fr", lexicon: Lexicon | None = None) -> None:
        if language not in ("fr", "none"):
            raise ValueError(f"language: {language!r}; fr or none expected")
        self._language = language
        self._lexicon = lexicon
        self._views = [
            _tfidf(_stems),
            _tfidf(_neighbours, min_df=2),  # seen once, it would only take weight from the others
            # Characters forgive endings and recognition errors.
            TfidfVectorizer(
                preprocessor=_plain,
                analyzer="char_wb",
                ngram_range=(2, 4),
                min_df=2,
                sublinear_tf=True,
                dtype=np.float32,
            ),
        ]
        if lexicon:
            self._views += [_tfidf(_concepts), _tfidf(_pairs, min_df=2)]

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Sentences read."""
        return [Reading(text, self._language, self._lexicon) for text in texts]

    def fit_transform(self, texts: Sequence[str]) -> csr_matrix:
        """Learn the vocabularies of training sentences; their matrix."""
        readings = self.read(texts)
        views, matrices = [], []
        for view in self._views:
            try:
                matrices.append(view.fit_transform(readings))
                views.append(view)
            except ValueError:  # a toy data set may leave a view (pairs, rare characters) without any term
                continue
        self._views = views
        return hstack(matrices, format="csr", dtype=np.float32)

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """The matrix of sentences."""
        readings = self.read(texts)
        return hstack([view.transform(readings) for view in self._views], format="csr", dtype=np.float32)


def _tfidf(analyzer: Callable[[Reading], list[str]], min_df: int = 1) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer=analyzer, min_df=min_df, sublinear_tf=True, dtype=np.float32)
