"""What an utterance means: every reading parsed, fused into one ranking, its probabilities made honest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from callbot.types import Hypothesis, IntentScore
from callbot.understanding.calibration import Calibration
from callbot.understanding.fusion import fuse

Parse = Callable[[str], Awaitable[tuple[IntentScore, ...]]]

MAX_WORDS = 100
"""Nobody asks one thing in more words; such a flow is a radio, or a mistake."""


class Understanding:
    """From readings to calibrated intents.

    Args:
        parse: candidate intents of one text, as the NLU server gives them.
        calibration: makes its confidences probabilities.
    """

    def __init__(self, parse: Parse, calibration: Calibration | None = None) -> None:
        self._parse = parse
        self.calibration = calibration or Calibration()

    async def rank(self, hypotheses: Sequence[Hypothesis]) -> tuple[IntentScore, ...]:
        """Candidate intents with their probabilities, likeliest first; empty without words, or with too many.

        Raises:
            UnderstandingError: see `RasaClient.parse`.
        """
        if any(len(hypothesis.text.split()) > MAX_WORDS for hypothesis in hypotheses):
            return ()
        rankings = await asyncio.gather(*(self._parse(hypothesis.text) for hypothesis in hypotheses))
        text = hypotheses[0].text if hypotheses else ""
        return self.calibration.apply(fuse(list(zip(hypotheses, rankings, strict=True))), text)
