"""Wilson intervals, word error rate, calibration error."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Z95 = 1.959964


def wilson(successes: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Confidence interval of a proportion (Wilson 1927), which holds near 0 and 1; (0, 1) when n is 0."""
    if n == 0:
        return 0.0, 1.0
    p = successes / n
    centre = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (centre - spread) / (1 + z * z / n)), min(1.0, (centre + spread) / (1 + z * z / n))


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion of a sample."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """0 to 1; 0 when there is nothing to count."""
        return self.count / self.of if self.of else 0.0

    @property
    def low(self) -> float:
        """Lower bound of its 95 % interval (Wilson)."""
        return wilson(self.count, self.of)[0]

    @property
    def high(self) -> float:
        """Upper bound of its 95 % interval (Wilson)."""
        return wilson(self.count, self.of)[1]


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Agreement of two reviewers beyond what chance alone would bring (Cohen 1960): 1 full, 0 none.

    (observed - expected) / (1 - expected), where `expected` has each choose at random as often as they did.
    None when there is nothing to compare, or when both always said one same thing: chance explains it all.
    """
    n = len(first)
    if n == 0:
        return None
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    often = Counter(first), Counter(second)
    expected = sum(often[0][label] * often[1][label] for label in often[0]) / (n * n)
    return None if expected == 1 else (observed - expected) / (1 - expected)


def word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Levenshtein distance in words: substitutions, insertions, deletions."""
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def expected_calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Mean distance between confidence and accuracy over equal-width bins (Naeini et al. 2015)."""
    sums = [[0.0, 0.0, 0.0] for _ in range(bins)]
    for confidence, is_right in zip(confidences, right, strict=True):
        sums_of_bin = sums[min(bins - 1, int(confidence * bins))]
        sums_of_bin[0] += 1
        sums_of_bin[1] += confidence
        sums_of_bin[2] += is_right
    n = len(confidences)
    return sum(abs(said - true) for count, said, true in sums if count) / n if n else 0.0
