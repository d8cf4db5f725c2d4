"""Anonymous counts of what happened: they can be added up, and kept when the calls are gone. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

VERSION = 1
"""Of what is counted: figures rolled up by an older callbot are counted anew while their calls are there."""
STEPS = 8
"""Buckets of a histogram per doubling: neighbouring limits are 9 % apart."""
TOP_BUCKET = 8 * 24
"""Whatever lasts longer than 2**24 ms, four and a half hours, counts as that long."""


@dataclass(slots=True)
class Tally:
    """Counts, durations and intents of some calls."""

    counts: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    """Milliseconds in all, by what lasted."""
    histograms: dict[str, Counter[int]] = field(default_factory=dict)
    """How often it lasted how long: percentiles can't be added up, buckets can."""
    intents: Counter[str] = field(default_factory=Counter)
    """Calls by what they were about."""

    def __getitem__(self, key: str) -> int:
        return self.counts[key]

    def measure(self, name: str, ms: float) -> None:
        """Something took so many milliseconds."""
        self.sums[name] += round(ms)
        self.histograms.setdefault(name, Counter())[bucket(ms)] += 1

    def add(self, other: Tally) -> None:
        """Count the other's too."""
        self.counts.update(other.counts)
        self.sums.update(other.sums)
        self.intents.update(other.intents)
        for name, histogram in other.histograms.items():
            self.histograms.setdefault(name, Counter()).update(histogram)

    def times(self, name: str) -> int:
        """How often it was measured."""
        return self.histograms.get(name, Counter()).total()

    def mean(self, name: str) -> float | None:
        """Mean duration, ms; None when there was none."""
        times = self.times(name)
        return self.sums[name] / times if times else None

    def quantile(self, name: str, share: float) -> float | None:
        """Duration that this share of them does not exceed, ms, to 9 %; None when there was none.

        Args:
            share: 0.5 for the median.
        """
        wanted, seen = share * self.times(name), 0.0
        for number, times in sorted(self.histograms.get(name, Counter()).items()):
            if seen + times >= wanted:
                low, high = limits(number)
                return low + (high - low) * (wanted - seen) / times
            seen += times
        return None

    def as_json(self) -> dict[str, Any]:
        """As the database keeps it."""
        return {
            "version": VERSION,
            "counts": {key: value for key, value in self.counts.items() if value},
            "sums": dict(self.sums),
            "histograms": {
                name: {str(number): times for number, times in one.items()}
                for name, one in self.histograms.items()
            },
            "intents": dict(self.intents),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Tally:
        """Read it back."""
        histograms = kept.get("histograms", {})
        return cls(
            Counter(kept.get("counts", {})),
            Counter(kept.get("sums", {})),
            {
                name: Counter({int(number): times for number, times in one.items()})
                for name, one in histograms.items()
            },
            Counter(kept.get("intents", {})),
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """One half-hour of one town."""

    town: str
    starts_at: datetime
    """UTC, without zone."""
    tally: Tally


def bucket(ms: float) -> int:
    """The histogram's bucket a duration falls in; 0: under a millisecond."""
    return min(TOP_BUCKET, 1 + math.floor(STEPS * math.log2(ms))) if ms >= 1 else 0


def limits(number: int) -> tuple[float, float]:
    """From where to where a bucket goes, ms."""
    return (2 ** ((number - 1) / STEPS), 2 ** (number / STEPS)) if number else (0.0, 1.0)
