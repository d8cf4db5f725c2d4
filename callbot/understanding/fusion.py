"""From several readings of one utterance to one ranking of intents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from callbot.types import Hypothesis, IntentScore

UNLISTED = 250
"""Intents, about, that share what a ranking leaves to those it does not list."""
LEAST = 1e-6
"""Probability that such an intent has at least."""
_Weighted = Sequence[tuple[float, Mapping[str, float]]]
"""Rankings with their readings' shares, which add up to 1."""


def fuse(
    parses: Sequence[tuple[Hypothesis, Sequence[IntentScore]]], depth: int = 10
) -> tuple[IntentScore, ...]:
    """One ranking of all readings', each weighted by the recogniser's confidence in it.

    Half the linear, half the logarithmic opinion pool (Genest and Zidek, Statistical Science 1(1), 1986): the
    first believes what any reading says, the second what all agree on. Why half of each:
    docs/decisions/0012-readings-that-agree.md.

    Args:
        parses: each reading with what understanding made of it; one of which it made nothing is left out.
        depth: intents kept.
    """
    heard = [(reading, ranking) for reading, ranking in parses if ranking and reading.confidence > 0]
    total = sum(reading.confidence for reading, _ in heard)
    weighted = [
        (reading.confidence / total, {score.intent: score.confidence for score in ranking})
        for reading, ranking in heard
    ]
    mean, agreed = _linear(weighted), _logarithmic(weighted)
    shares = {intent: (share + agreed[intent]) / 2 for intent, share in mean.items()}
    best = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:depth]
    return tuple(IntentScore(intent, share) for intent, share in best)


def _linear(weighted: _Weighted) -> dict[str, float]:
    """The mean, by the law of total probability: sum of P(reading) P(intent | reading)."""
    shares: dict[str, float] = {}
    for weight, ranking in weighted:
        for intent, share in ranking.items():
            shares[intent] = shares.get(intent, 0.0) + weight * share
    return shares


def _logarithmic(weighted: _Weighted) -> dict[str, float]:
    """Proportional to the product of P(intent | reading) to the power of P(reading)."""
    logs = {intent: 0.0 for _, ranking in weighted for intent in ranking}
    rest = 0.0
    for weight, ranking in weighted:
        unlisted = max((1 - sum(ranking.values())) / UNLISTED, LEAST)
        rest += weight * math.log(unlisted)
        for intent in logs:
            logs[intent] += weight * math.log(max(ranking.get(intent, unlisted), LEAST))
    shares = {intent: math.exp(value) for intent, value in logs.items()}
    whole = sum(shares.values()) + UNLISTED * math.exp(rest)
    return {intent: share / whole for intent, share in shares.items()}
