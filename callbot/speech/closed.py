"""Closed questions: a second recogniser that knows only the answers, beside the one that knows French.

« non non » over a noisy line is « mon nom » to the language model; asked for a yes or a no, it is not. But
callers answer closed questions with anything, so the closed reading counts only when it is whole and its
sound fits as well as the open one's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callbot.types import Hypothesis

UNKNOWN = "[unk]"
"""What Vosk calls words outside a grammar."""
MARGIN = 1.0
"""Log score by which the open reading may beat the closed one.

Over 35 answers by three unseen voices in noise, right closed readings lay 1.4 to 4.7 above the open ones and
one 2.3 below; other answers forced into the grammar 3.4 below or worse, but for two words of one syllable.
"""
WHOLE_MARGIN = 8.0
"""The same for a reading that is a whole answer: a valid telephone number is hardly there by chance.

Of 60 numbers dictated by two unseen voices in a street's noise 34 are heard so instead of 17, in a room 42
instead of 29; 35 other sentences never made one. The number is read back before it counts.
"""


@dataclass(frozen=True, slots=True)
class Grammar:
    """The answers a question expects."""

    phrases: tuple[str, ...]
    any_order: bool = False
    """Any sequence of these words counts (dictated numbers), not only a whole phrase."""
    whole: Callable[[str], bool] | None = None
    """Tells a reading that is a whole answer, as a telephone number is, from one with something lost."""
    longest_s: float = 12.0
    """Speech after which it is no such answer: a large grammar forced onto a story in noise costs seconds."""

    def allows(self, text: str) -> bool:
        """Is this reading one of the answers?"""
        if not text or UNKNOWN in text:
            return False
        return self.any_order or text in self.phrases


@dataclass(frozen=True, slots=True)
class Reading:
    """A recogniser's best reading of an utterance, [unk] included, and its log score."""

    text: str
    score: float


def settle(
    open_hypotheses: Sequence[Hypothesis],
    open_reading: Reading,
    closed_hypotheses: Sequence[Hypothesis],
    closed: Reading,
    grammar: Grammar,
) -> tuple[Hypothesis, ...]:
    """The readings that count."""
    if grammar.whole and closed.score >= open_reading.score - WHOLE_MARGIN:
        whole = next((one for one in closed_hypotheses if grammar.whole(one.text)), None)
        if whole is not None:
            return (Hypothesis(whole.text, 1.0),)
    if grammar.allows(closed.text) and closed.score >= open_reading.score - MARGIN:
        return (Hypothesis(closed.text, 1.0),)
    return tuple(open_hypotheses)
