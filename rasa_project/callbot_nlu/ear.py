"""The recogniser's mishearings, as measured, put into training sentences.

`ear.tsv` comes from `scripts/asr/measure_ear.py`: said TAB heard TAB how often, and a first row `* * n` with
the number of words said. A model that has seen `carte didentité` and `quand entité` trusts no single word.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from callbot_nlu.french import fold

CANDIDATES = 40
"""A word whose mishearings were not measured is taken for the most alike of so many."""


class Ear:
    """Mishears sentences as the recogniser does.

    Args:
        table: how often a word was heard as others.
        said: how many words were said in all.
        rate: mean share of the words to mishear; None: as measured. Lines differ: a sentence draws its own
            share, up to twice the mean.
    """

    def __init__(self, table: dict[str, Counter[str]], said: int, rate: float | None = None) -> None:
        self._table = table
        measured = sum(counts.total() for counts in table.values()) / max(said, 1)
        self.rate = measured if rate is None else rate
        every = Counter[str]()
        for counts in table.values():
            every.update(counts)
        self._dropped = every.pop("", 0) / max(every.total(), 1)
        self._heard = list(every)
        self._weights = list(every.values())

    @classmethod
    def load(cls, path: Path, rate: float | None = None) -> Ear:
        """Read a measurement.

        Raises:
            OSError: not readable.
            ValueError: another form.
        """
        table: dict[str, Counter[str]] = {}
        said = 0
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            parts = line.split("\t")
            if len(parts) != 3 or not parts[2].isdigit():
                raise ValueError(f"{path}:{number}: said TAB heard TAB count expected")
            if parts[0] == "*":
                said = int(parts[2])
            else:
                table.setdefault(parts[0], Counter())[parts[1]] = int(parts[2])
        if not said:
            raise ValueError(f"{path}: no row `*` with the number of words said")
        return cls(table, said, rate)

    def mishear(self, text: str, rng: random.Random) -> str:
        """The sentence with words lost, changed or added; at least one word is left."""
        rate = rng.uniform(0, 2 * self.rate)
        heard = [self._word(word, rng) if rng.random() < rate else word for word in text.split()]
        return " ".join(word for word in heard if word) or text

    def versions(self, texts: Sequence[str], seed: int = 0) -> list[str]:
        """Every sentence misheard once."""
        rng = random.Random(seed)
        return [self.mishear(text, rng) for text in texts]

    def _word(self, word: str, rng: random.Random) -> str:
        measured = self._table.get(word)
        if measured:
            return rng.choices(list(measured), list(measured.values()))[0]
        if not self._heard or rng.random() < self._dropped:
            return ""
        letters = _letters(word)
        drawn = rng.choices(self._heard, self._weights, k=CANDIDATES)
        return max(drawn, key=lambda other: _likeness(letters, _letters(other)))


def _letters(word: str) -> frozenset[str]:
    padded = f" {fold(word)} "
    return frozenset(padded[at : at + 2] for at in range(len(padded) - 1))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(len(one | other), 1)
