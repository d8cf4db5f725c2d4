"""What an utterance means: every reading parsed, fused into one ranking, its probabilities made honest."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from callbot.types import Hypothesis, IntentScore
from callbot.understanding.calibration import Calibration
from callbot.understanding.fusion import fuse

Parse = Callable[[str], Awaitable[tuple[IntentScore, ...]]]

MAX_WORDS = 100
"""Nobody asks one thing in more words; such a flow is a radio, or a mistake."""
RECENT = 16
"""Texts whose parse is remembered: enough for what is being said at the moment."""


class Understanding:
    """From readings to calibrated intents, for one call: it remembers what was asked a moment ago.

    Args:
        parse: candidate intents of one text, as the NLU server gives them.
        calibration: makes its confidences probabilities.
        name: the name of the model that parses now; it may change while the call goes on.
    """

    def __init__(
        self, parse: Parse, calibration: Calibration | None = None, name: Callable[[], str] = str
    ) -> None:
        self._parse = parse
        self._name = name
        self._recent: OrderedDict[str, asyncio.Task[tuple[IntentScore, ...]]] = OrderedDict()
        self.calibration = calibration or Calibration()

    @property
    def model(self) -> str:
        """Name of the model that parses now, empty when nobody knows."""
        return self._name()

    async def rank(self, hypotheses: Sequence[Hypothesis]) -> tuple[IntentScore, ...]:
        """Candidate intents with their probabilities, likeliest first; empty without words, or with too many.

        Raises:
            UnderstandingError: see `RasaClient.parse`.
        """
        if any(len(hypothesis.text.split()) > MAX_WORDS for hypothesis in hypotheses):
            return ()
        rankings = await asyncio.gather(*(self._parse_once(hypothesis.text) for hypothesis in hypotheses))
        text = hypotheses[0].text if hypotheses else ""
        return self.calibration.apply(fuse(list(zip(hypotheses, rankings, strict=True))), text)

    def knows(self, text: str) -> bool:
        """Was this text asked about a moment ago, and is the answer here?"""
        task = self._recent.get(text)
        return task is not None and task.done()

    async def _parse_once(self, text: str) -> tuple[IntentScore, ...]:
        """The parse of a text; one asked for while it was still being said is not asked for again."""
        task = self._recent.get(text)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._recent[text] = asyncio.ensure_future(self._parse(text))
            if len(self._recent) > RECENT:
                self._recent.popitem(last=False)
        return await asyncio.shield(task)
