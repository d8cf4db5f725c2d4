"""A lexicon of concepts: the many words by which callers name a few hundred things.

Each YAML file of the folder maps a concept to a list of words and expressions, separated by commas. One rule
makes their inflections: an entry stands also for itself with s, x, e, es, and a word of it that ends in `*`
stands for every word that begins so (`pay*`: payer, payons; not paiera). A word may belong to several
concepts. Accents and capitals are free; hesitations inside an expression are skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from callbot_nlu.french import words

INFLECTIONS = ("", "s", "x", "e", "es")
_Pattern = tuple[str, ...]


class Lexicon:
    """Finds concepts in words.

    Args:
        concepts: words and expressions of each concept, as the files write them.
    """

    def __init__(self, concepts: dict[str, Iterable[str]]) -> None:
        self.names = sorted(concepts)
        # The first word of an expression, exact or as a prefix, leads to the rest of it and its concept.
        self._exact: dict[str, list[tuple[_Pattern, str]]] = {}
        self._prefix: dict[str, list[tuple[_Pattern, str]]] = {}
        self._size = 0
        for name, entries in concepts.items():
            for entry in entries:
                self._add(name, entry)

    @property
    def size(self) -> int:
        """Words and expressions as written, without their inflections."""
        return self._size

    @classmethod
    def load(cls, folder: Path) -> Lexicon:
        """The lexicon of all YAML files of a folder.

        Raises:
            ValueError: a concept that is not a line of words, or that two files define.
        """
        concepts: dict[str, Iterable[str]] = {}
        for path in sorted(folder.glob("*.yml")):
            for name, line in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
                if not isinstance(line, str) or name in concepts:
                    raise ValueError(f"{path.name}: {name}: a new concept and a line of words expected")
                concepts[name] = line.split(",")
        return cls(concepts)

    def find(self, tokens: Sequence[str]) -> list[tuple[int, str]]:
        """Concepts and where they begin; of one concept beginning at one word, once."""
        # Elided articles stand between the words of an expression: `carte d'identité`.
        bare = [(at, token) for at, token in enumerate(tokens) if not token.endswith("'")]
        plain = [token for _, token in bare]
        found: list[tuple[int, str]] = []
        for start, (at, _) in enumerate(bare):
            candidates = self._starting(plain[start])
            names = {name for rest, name in candidates if not rest or self._matches(rest, plain, start + 1)}
            found += [(at, name) for name in sorted(names)]
        return found

    def _add(self, name: str, entry: str) -> None:
        parts = [part for part in entry.split() if part]
        # A star survives the normalisation of its word.
        pattern = [
            token + ("*" if part.endswith("*") and token is found[-1] else "")
            for part in parts
            for found in [words(part)]
            for token in found
            if not token.endswith("'")
        ]
        if not pattern:
            return
        self._size += 1
        first, rest = pattern[0], tuple(pattern[1:])
        if first.endswith("*"):
            self._prefix.setdefault(first[:-1], []).append((rest, name))
            return
        for ending in INFLECTIONS if len(first) > 2 else ("",):
            self._exact.setdefault(first + ending, []).append((rest, name))

    def _starting(self, token: str) -> list[tuple[_Pattern, str]]:
        candidates = list(self._exact.get(token, ()))
        for length in range(2, len(token) + 1):
            candidates += self._prefix.get(token[:length], ())
        return candidates

    @staticmethod
    def _matches(rest: _Pattern, tokens: list[str], start: int) -> bool:
        if start + len(rest) > len(tokens):
            return False
        return all(
            token.startswith(part[:-1])
            if part.endswith("*")
            else token.startswith(part) and token[len(part) :] in INFLECTIONS
            for part, token in zip(rest, tokens[start:], strict=False)
        )
