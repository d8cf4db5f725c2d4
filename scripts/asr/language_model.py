"""A trigram back-off model: Kneser-Ney smoothing over weighted texts, a wide unigram floor, entropy pruning.

    python language_model.py TEXTDIR --measure sentences.txt

prints the perplexity of sentences. graph.py builds the decoding graph from the same model.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

START, END = "<s>", "</s>"
Bigram = tuple[str, str]
Trigram = tuple[str, str, str]


@dataclass
class Recipe:
    """What the sentences count for; tuned on every tenth domain sentence, left out of the counts."""

    domain: float = 1.0
    general: float = 1.0
    closed: float = 0.08
    discount3: float = 0.85
    discount2: float = 0.8
    floor: float = 0.25
    """Share of the wide vocabulary's frequencies in the unigram model."""
    prune: float = 5e-8
    """Entropy (nats a word) a bigram or trigram must save to be kept."""


def read_sentences(path: Path) -> list[list[str]]:
    """One sentence a line."""
    if not path.exists():
        return []
    return [line.split() for line in path.read_text(encoding="utf8").splitlines() if line.strip()]


def read_vocabulary(path: Path) -> dict[str, float]:
    """word, tab, frequency."""
    rows = (line.split("\t") for line in path.read_text(encoding="utf8").splitlines())
    return {word: float(frequency) for word, frequency in rows}


@dataclass
class Trigrams:
    """The model; probabilities of n-grams not seen come from shorter ones."""

    unigram: dict[str, float]
    recipe: Recipe
    count3: dict[Trigram, float] = field(default_factory=lambda: defaultdict(float))
    count2: dict[Bigram, float] = field(default_factory=lambda: defaultdict(float))
    total3: dict[Bigram, float] = field(default_factory=lambda: defaultdict(float))
    total2: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    free3: dict[Bigram, float] = field(default_factory=lambda: defaultdict(float))
    free2: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def p2(self, a: str, w: str) -> float:
        """P(w | a)."""
        total = self.total2.get(a, 0.0)
        if not total:
            return self.unigram[w]
        count = self.count2.get((a, w), 0.0)
        return (count - self.recipe.discount2 * min(count, 1.0) + self.free2[a] * self.unigram[w]) / total

    def p3(self, a: str, b: str, w: str) -> float:
        """P(w | a b)."""
        total = self.total3.get((a, b), 0.0)
        if not total:
            return self.p2(b, w)
        count = self.count3.get((a, b, w), 0.0)
        return (count - self.recipe.discount3 * min(count, 1.0) + self.free3[a, b] * self.p2(b, w)) / total

    def log_probability(self, sentence: list[str]) -> float:
        """Natural logarithm, the sentence's end included; -inf with a word outside the vocabulary."""
        words = [START, *sentence, END]
        if any(w not in self.unigram for w in words[1:]):
            return -math.inf
        result = math.log(self.p2(START, words[1]))
        return result + sum(
            math.log(self.p3(a, b, w)) for a, b, w in zip(words, words[1:], words[2:], strict=False)
        )


def estimate(texts: list[tuple[list[list[str]], float]], wide: dict[str, float], recipe: Recipe) -> Trigrams:
    """Kneser-Ney with fractional counts: a text of weight 0.08 counts its n-grams 0.08 times.

    The lower orders count in how many contexts an n-gram was seen, each at most once; the first bigram of a
    sentence has no context and keeps its count.
    """
    model = Trigrams({}, recipe)
    first: dict[Bigram, float] = defaultdict(float)
    for sentences, weight in texts:
        for sentence in sentences:
            words = [START, *sentence, END]
            first[START, words[1]] += weight
            for a, b, w in zip(words, words[1:], words[2:], strict=False):
                model.count3[a, b, w] += weight
    for (a, b, w), count in model.count3.items():
        model.total3[a, b] += count
        model.free3[a, b] += recipe.discount3 * min(count, 1.0)
        model.count2[b, w] += min(count, 1.0)
    model.count2.update(first)
    one: dict[str, float] = defaultdict(float)
    for (a, w), count in model.count2.items():
        model.total2[a] += count
        model.free2[a] += recipe.discount2 * min(count, 1.0)
        one[w] += min(count, 1.0)
    total, wide_total = sum(one.values()), sum(wide.values())
    lowest = min(wide.values()) / wide_total / 3
    for word in {*wide, *one}:
        frequency = max(wide.get(word, 0.0) / wide_total, lowest)
        model.unigram[word] = (1 - recipe.floor) * one.get(word, 0.0) / total + recipe.floor * frequency
    norm = sum(model.unigram.values())
    model.unigram = {w: p / norm for w, p in model.unigram.items()}
    return model


@dataclass
class BackoffModel:
    """The pruned model as arcs: probabilities of kept n-grams and back-off weights of their histories."""

    unigram: dict[str, float]
    bigrams: dict[str, dict[str, float]]
    trigrams: dict[Bigram, dict[str, float]]
    back2: dict[str, float]
    back3: dict[Bigram, float]

    def megabytes(self) -> float:
        """Size as an OpenFst const automaton: 16 bytes an arc, 20 a state; each history backs off."""
        histories = len(self.bigrams) + len(self.trigrams)
        arcs = sum(map(len, [*self.bigrams.values(), *self.trigrams.values()]))
        return (16 * (len(self.unigram) + arcs + histories) + 20 * histories) / 1e6


def _back_off(kept: dict[str, float], lower: dict[str, float]) -> float:
    """Weight that makes a history's probabilities sum to one."""
    return max(1e-6, 1 - sum(kept.values())) / max(1e-9, 1 - sum(lower.values()))


def prune(model: Trigrams, threshold: float) -> BackoffModel:
    """Drop n-grams whose back-off estimate is nearly as good (the criterion of Seymore and Rosenfeld)."""
    mass = sum(model.total3.values())
    grouped3: dict[Bigram, dict[str, float]] = defaultdict(dict)
    for a, b, w in model.count3:
        full = model.p3(a, b, w)
        history = model.total3[a, b] / mass
        shorter = model.free3[a, b] / model.total3[a, b] * model.p2(b, w)
        if history * full * math.log(full / shorter) > threshold:
            grouped3[a, b][w] = full
    grouped2: dict[str, dict[str, float]] = defaultdict(dict)
    needed = set(grouped3)
    mass = sum(model.total2.values())
    for a, w in model.count2:
        full = model.p2(a, w)
        shorter = model.free2[a] / model.total2[a] * model.unigram[w]
        saved = model.total2[a] / mass * full * math.log(full / shorter)
        if saved > threshold or (a, w) in needed or a == START:
            grouped2[a][w] = full
    back2 = {a: _back_off(kept, {w: model.unigram[w] for w in kept}) for a, kept in grouped2.items()}

    def lower(b: str, w: str) -> float:
        """P(w | b) as the pruned bigrams give it."""
        kept = grouped2.get(b)
        if kept is None:
            return model.unigram[w]
        return kept[w] if w in kept else back2[b] * model.unigram[w]

    back3 = {(a, b): _back_off(kept, {w: lower(b, w) for w in kept}) for (a, b), kept in grouped3.items()}
    return BackoffModel(model.unigram, dict(grouped2), dict(grouped3), back2, back3)


def prune_to(model: Trigrams, megabytes: float) -> BackoffModel:
    """Prune as little as makes the automaton small enough (bisection of the threshold's logarithm)."""
    small = prune(model, model.recipe.prune)
    if small.megabytes() <= megabytes:
        return small
    low, high = math.log(model.recipe.prune), math.log(1e-4)
    while high - low > 0.05:
        middle = (low + high) / 2
        trial = prune(model, math.exp(middle))
        if trial.megabytes() <= megabytes:
            small, high = trial, middle
        else:
            low = middle
    print(f"pruned at {math.exp(high):.1e} nats: {small.megabytes():.2f} MB")
    return small


def load(folder: Path, recipe: Recipe, leave_out: set[str] = frozenset()) -> Trigrams:
    """Estimate from the files text.py wrote; sentences in `leave_out` are not counted."""
    texts = []
    for name, weight in (("domain", recipe.domain), ("general", recipe.general), ("closed", recipe.closed)):
        sentences = [s for s in read_sentences(folder / f"{name}.txt") if " ".join(s) not in leave_out]
        texts.append((sentences, weight))
    return estimate(texts, read_vocabulary(folder / "vocabulary.tsv"), recipe)


def perplexity(model: Trigrams, sentences: list[list[str]]) -> tuple[float, int]:
    """Per word (sentence ends included), and how many sentences hold an unknown word and were left out."""
    logs = [(model.log_probability(s), len(s) + 1) for s in sentences]
    known = [(log, n) for log, n in logs if log > -math.inf]
    return math.exp(-sum(log for log, _ in known) / max(1, sum(n for _, n in known))), len(logs) - len(known)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", type=Path)
    parser.add_argument("--measure", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--tenth", action="store_true", help="measure on every tenth domain sentence, not counted then"
    )
    args = parser.parse_args()
    held_out = read_sentences(args.texts / "domain.txt")[::10] if args.tenth else []
    model = load(args.texts, Recipe(), {" ".join(s) for s in held_out})
    measured = {str(path): read_sentences(path) for path in args.measure}
    if held_out:
        measured["every tenth domain sentence"] = held_out
    for name, sentences in measured.items():
        value, unknown = perplexity(model, sentences)
        print(f"{name}: perplexity {value:.0f}, {unknown} with unknown words")


if __name__ == "__main__":
    main()
