"""Probabilities that mean what they say, and thresholds from the cost of a wrong answer.

Both are fitted by `callbot calibrate` on sentences the model has not seen, and kept beside the model in
`<model>.calibration.json`: another model needs another calibration.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callbot.errors import UnderstandingError
from callbot.types import OUT_OF_SCOPE, IntentScore

TINY = 1e-6


def logit(p: float) -> float:
    """Log odds, finite at 0 and 1."""
    p = min(max(p, TINY), 1 - TINY)
    return math.log(p / (1 - p))


CAUTIOUS: Mapping[str, float] = {"answer": 0.75, "confirm": 0.3, "choose": 0.4}
"""Thresholds of a model that was never calibrated."""

# What the probability of the likeliest intent is predicted from; calibrate.py has the same definitions.
FEATURES: Mapping[str, Callable[[Sequence[IntentScore], str], float]] = {
    "logit_top": lambda ranking, text: logit(ranking[0].confidence),
    "margin": lambda ranking, text: ranking[0].confidence - _confidence(ranking, 1),
    "log_ratio": lambda ranking, text: math.log(
        max(ranking[0].confidence, TINY) / max(_confidence(ranking, 1), TINY)
    ),
    "out_of_scope": lambda ranking, text: sum(
        item.confidence for item in ranking if item.intent == OUT_OF_SCOPE
    ),
    "log_words": lambda ranking, text: math.log1p(len(text.split())),
}


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic mapping of FEATURES to P(the likeliest intent is right); without weights, no change."""

    weights: Mapping[str, float] = field(default_factory=dict)
    bias: float = 0.0
    thresholds: Mapping[str, float] = field(default_factory=lambda: CAUTIOUS)
    """answer, confirm, choose: see `policy.Thresholds`."""

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a model's calibration.

        Raises:
            UnderstandingError: unreadable, or of another form.
        """
        try:
            stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            weights = dict(zip(stored["features"], map(float, stored["weights"]), strict=True))
            unknown = set(weights) - set(FEATURES)
            if unknown:
                raise ValueError(f"unknown features {', '.join(sorted(unknown))}")
            thresholds = {name: float(stored["thresholds"][name]) for name in ("answer", "confirm", "choose")}
            return cls(weights, float(stored["bias"]), thresholds)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnderstandingError(f"calibration {path}: {error} (callbot calibrate)") from error

    def apply(self, ranking: Sequence[IntentScore], text: str) -> tuple[IntentScore, ...]:
        """The ranking with honest probabilities; the others share what the likeliest leaves."""
        if not self.weights or not ranking:
            return tuple(ranking)
        value = self.bias + sum(
            weight * FEATURES[name](ranking, text) for name, weight in self.weights.items()
        )
        top = 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))
        others = sum(item.confidence for item in ranking[1:]) or 1.0
        scale = min((1 - top) / others, top / max(_confidence(ranking, 1), TINY))
        return (
            IntentScore(ranking[0].intent, top),
            *(IntentScore(item.intent, item.confidence * scale) for item in ranking[1:]),
        )


def _confidence(ranking: Sequence[IntentScore], at: int) -> float:
    return ranking[at].confidence if at < len(ranking) else 0.0
