"""What reviewed turns tell: how well the bot understands, how often it acts wrongly, how reviewers agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callbot.quality.statistics import cohen_kappa, wilson

_COMMITS = ("answer", "register", "tellstatus", "sendtext", "emergency")
"""Moves by which the bot acts on what it understood, without having asked."""


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion with its 95 % interval (Wilson)."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """0 to 1; 0 when there is nothing to count."""
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of turns drawn at random and reviewed."""

    right: Share
    """The bot's first guess is what was meant."""
    wrong: Share
    """The bot acted on a wrong guess without asking."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of turns that two people reviewed."""

    same: Share
    kappa: float | None
    """Cohen's; None when chance explains everything, or nothing was compared."""


def accuracy(turns: Sequence[tuple[str, str, str]]) -> Accuracy:
    """The figures of turns, each with what was understood, what was meant and the move that followed."""
    wrong = [move for was, meant, move in turns if was != meant]
    return Accuracy(
        _share(len(turns) - len(wrong), len(turns)), _share(sum(map(_commits, wrong)), len(turns))
    )


def agreement(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """The figures of turns, each with what the first and the second reviewer said."""
    same = sum(first == second for first, second in pairs)
    kappa = cohen_kappa([first for first, _ in pairs], [second for _, second in pairs])
    return Agreement(_share(same, len(pairs)), kappa)


def _share(count: int, of: int) -> Share:
    low, high = wilson(count, of)
    return Share(count, of, low, high)


def _commits(move: str) -> bool:
    """`answer:piscine_tarif+ask:anything_else` does, `confirm:piscine_tarif` asks first."""
    parts = [part.split(":") for part in move.split("+")]
    return any(one[0] in _COMMITS or (one[0] == "transfer" and one[-1] == "service") for one in parts)
