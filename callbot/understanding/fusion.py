"""From several readings of one utterance to one ranking of intents."""

from __future__ import annotations

from collections.abc import Sequence

from callbot.types import Hypothesis, IntentScore


def fuse(
    parses: Sequence[tuple[Hypothesis, Sequence[IntentScore]]], depth: int = 10
) -> tuple[IntentScore, ...]:
    """Average the rankings of all readings, each weighted by the recogniser's confidence in it.

    The law of total probability: P(intent) = sum over readings of P(reading) * P(intent | reading).

    Args:
        parses: each reading with what understanding made of it.
        depth: intents kept.
    """
    total = sum(hypothesis.confidence for hypothesis, _ in parses)
    if total <= 0:
        return ()
    fused: dict[str, float] = {}
    for hypothesis, ranking in parses:
        for score in ranking:
            fused[score.intent] = (
                fused.get(score.intent, 0.0) + score.confidence * hypothesis.confidence / total
            )
    best = sorted(fused.items(), key=lambda item: (-item[1], item[0]))[:depth]
    return tuple(IntentScore(intent, confidence) for intent, confidence in best)
