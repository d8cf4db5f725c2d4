"""The intent model itself, apart from Rasa: fit on sentences, score sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix, hstack, vstack
from scipy.special import log_softmax, softmax
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from callbot_nlu.ear import Ear
from callbot_nlu.features import Features
from callbot_nlu.lexicon import Lexicon
from callbot_nlu.net import NetOptions, SparseNet

HOLDOUT_FOLDS = 6
"""A missing temperature is fitted on one of so many folds."""


@dataclass(frozen=True)
class Measured:
    """What was measured best for a language: defaults of `Options`, which tells what they are."""

    net_share: float
    nets: int
    feature_dropout: float


BY_LANGUAGE = {"fr": Measured(0.5, 1, 0.25), "none": Measured(1.0, 2, 0.5)}
"""Rare words and concepts make the SVMs sure of themselves, which helps French on the telephone and harms the
recall of out-of-scope sentences on CLINC150. There two networks that see half of a sentence's features doubt
more wisely; beside the SVMs a second one changes nothing (docs/benchmarks.md)."""

Part = tuple[csr_matrix, np.ndarray]
"""Weights, (features, some intents), and biases of linear SVMs."""


@dataclass(frozen=True)
class Options:
    """Choices of a model.

    Attributes:
        language: `fr`, or `none` for other languages (no French steps, no lexicon).
        cost: C of the linear SVMs.
        balance: 0 leaves big intents their weight; at 1 an intent weighs no more than the median one.
        keep: share of each intent's weights, by sum of squares, that is stored.
        misheard: share of the sentences that the networks learn a second time as a recogniser might hear
            them. The SVMs, which were none the better for it, learn what was written.
        nets: how many networks, which differ by their random start; None: as measured (BY_LANGUAGE).
        net_share: weight of the networks in the vote; 0 leaves them out, 1 leaves the SVMs out; None: as
            measured (BY_LANGUAGE).
        svm_scale: divides the SVMs' margins, which lie closer together than a network's logits.
        temperature: divides the vote's log-odds; 0 fits it on a held-out fold, which doubles the training.
        net: sizes and rates of a network; how much it hides is BY_LANGUAGE's.
    """

    language: str = "fr"
    cost: float = 0.7
    balance: float = 0.0
    keep: float = 0.99
    misheard: float = 0.5
    nets: int | None = None
    net_share: float | None = None
    svm_scale: float = 0.15
    temperature: float = 0.0
    net: NetOptions = field(default_factory=NetOptions)


class IntentModel:
    """A vote of one linear SVM an intent and some small networks, over the views of `Features`.

    Args:
        options: choices.
        lexicon: concepts, for French.
        ear: mishearings; None leaves `options.misheard` without effect.
    """

    def __init__(self, options: Options, lexicon: Lexicon | None = None, ear: Ear | None = None) -> None:
        self.options = options
        measured = BY_LANGUAGE[options.language]
        self.net_share = measured.net_share if options.net_share is None else options.net_share
        self.intents: list[str] = []
        self.temperature = options.temperature or 1.0
        self._ear = ear
        self._features = Features(options.language, lexicon if options.language == "fr" else None)
        self._weights = csr_matrix((0, 0), dtype=np.float32)
        self._bias = np.zeros(0, dtype=np.float32)
        self._nets: list[SparseNet] = []
        self._net_columns = np.zeros(0, dtype=np.int64)

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> IntentModel:
        """Learn from sentences.

        Raises:
            ValueError: fewer than two intents.
        """
        written = len(texts)
        texts, labels = self._with_misheard(texts, labels)
        names, truth, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
        if len(names) < 2:
            raise ValueError("at least two intents are needed")
        self.intents = [str(name) for name in names]
        matrix = self._features.fit_transform(texts)
        clean = np.arange(len(truth)) < written
        if not self.options.temperature and counts.min() >= 2:
            # The features' document frequencies come from all sentences: they know no intent.
            folds = StratifiedKFold(min(HOLDOUT_FOLDS, int(counts.min())), shuffle=True, random_state=0)
            fit, held_out = next(folds.split(matrix, truth))
            self._fit_vote(matrix[fit], truth[fit], clean[fit])
            self.temperature = best_temperature(self._votes(matrix[held_out]), truth[held_out])
        self._fit_vote(matrix, truth, clean)
        return self

    def _with_misheard(
        self, texts: Sequence[str], labels: Sequence[str]
    ) -> tuple[Sequence[str], Sequence[str]]:
        if not self._ear or not self.options.misheard:
            return texts, labels
        drawn = np.random.default_rng(0).random(len(texts)) < self.options.misheard
        again = self._ear.versions([text for text, take in zip(texts, drawn, strict=True) if take])
        return [*texts, *again], [
            *labels,
            *(label for label, take in zip(labels, drawn, strict=True) if take),
        ]

    def readable(self, text: str) -> bool:
        """Are there words in the text that a sentence could be made of?"""
        return bool(self._features.read([text])[0].plain)

    def votes(self, texts: Sequence[str]) -> np.ndarray:
        """Log-odds up to a constant, before the temperature, (sentences, intents)."""
        return self._votes(self._features.transform(texts))

    def shares(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities of each sentence's intents, (sentences, intents)."""
        return softmax(self.votes(texts) / self.temperature, axis=1)

    def __getstate__(self) -> dict[str, object]:
        """What is stored: not the ear; the networks in half precision, which changes no ranking."""
        return self.__dict__ | {"_ear": None, "_nets": [net.halved() for net in self._nets]}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._nets = [net.restored() for net in self._nets]

    def _fit_vote(self, matrix: csr_matrix, truth: np.ndarray, clean: np.ndarray) -> None:
        # Two cores, two learners at a time: liblinear leaves Python's lock, a network only now and then, so
        # that the SVMs go beside a network.
        with ThreadPoolExecutor(2) as pool:
            nets = self._nets_to_fit(matrix, truth) if self.net_share > 0 else []
            svms = self._svms_to_fit(matrix[clean], truth[clean]) if self.net_share < 1 else []
            both = [*svms[:1], *nets[:1], *svms[1:], *nets[1:]]
            done = {job: pool.submit(job) for job in both}
            for net in nets:
                done[net].result()
            parts = [done[svm].result() for svm in svms]
        if parts:
            self._weights = hstack([weights for weights, _ in parts], format="csr")
            self._bias = np.concatenate([bias for _, bias in parts])

    def _svms_to_fit(self, matrix: csr_matrix, truth: np.ndarray) -> list[Callable[[], Part]]:
        """Each intent against all others; half of the intents at a time."""
        every = np.arange(len(self.intents))
        halves = np.array_split(every, 2) if len(every) > 3 else [every]
        return [partial(self._fit_svm, matrix, truth, half) for half in halves]

    def _fit_svm(self, matrix: csr_matrix, truth: np.ndarray, intents: np.ndarray) -> Part:
        counts = np.maximum(np.bincount(truth, minlength=len(self.intents)), 1)
        weight = np.minimum(1.0, np.median(counts) / counts) ** self.options.balance
        rest = len(self.intents)  # after them: the last column, which is left out
        labels = np.where(np.isin(truth, intents), truth, rest)
        weights_of = dict(enumerate(weight)) | {rest: 1.0}
        svm = LinearSVC(
            C=self.options.cost,
            class_weight={label: weights_of[label] for label in np.unique(labels)},
            tol=1e-2,
            random_state=0,
        )
        svm.fit(matrix, labels)
        weights, bias = svm.coef_.T.astype(np.float32), svm.intercept_.astype(np.float32)
        if weights.shape[1] == 1:  # two intents share one border
            weights, bias = np.hstack([-weights, weights]), np.array([-bias[0], bias[0]], dtype=np.float32)
        return prune(weights[:, : len(intents)], self.options.keep), bias[: len(intents)]

    def _nets_to_fit(self, matrix: csr_matrix, truth: np.ndarray) -> list[Callable[[], object]]:
        seen = np.bincount(matrix.indices, minlength=matrix.shape[1])
        # A feature of one or two sentences teaches a network nothing, and half of all features are such.
        self._net_columns = np.flatnonzero(seen >= min(3, matrix.shape[0] // len(self.intents)))
        narrow, measured = matrix[:, self._net_columns], BY_LANGUAGE[self.options.language]
        count = measured.nets if self.options.nets is None else self.options.nets
        first = replace(self.options.net, feature_dropout=measured.feature_dropout)
        self._nets = [SparseNet(replace(first, seed=first.seed + at)) for at in range(count)]
        return [partial(net.fit, narrow, truth, len(self.intents)) for net in self._nets]

    def _votes(self, matrix: csr_matrix) -> np.ndarray:
        share = self.net_share
        votes = np.zeros((matrix.shape[0], len(self.intents)), dtype=np.float32)
        if share < 1:
            margins = (matrix @ self._weights).toarray() + self._bias
            votes += (1 - share) * log_softmax(margins / self.options.svm_scale, axis=1)
        narrow = matrix[:, self._net_columns]
        for net in self._nets:
            votes += share / len(self._nets) * log_softmax(net.scores(narrow), axis=1)
        return votes


def prune(weights: np.ndarray, keep: float) -> csr_matrix:
    """Drop each intent's smallest weights: most of them are nearly nothing and would fill the model file."""
    rows = []
    for weight in weights.T:
        order = np.argsort(-np.abs(weight))
        square = np.cumsum(weight[order].astype(np.float64) ** 2)
        kept = weight.copy()
        kept[order[np.searchsorted(square, keep * square[-1]) + 1 :]] = 0.0
        rows.append(csr_matrix(kept))
    return vstack(rows).T.tocsr()


def best_temperature(votes: np.ndarray, truth: np.ndarray) -> float:
    """The temperature that gives held-out sentences the best likelihood."""
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(votes / np.exp(log_temperature), axis=1)[rows, truth].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))
