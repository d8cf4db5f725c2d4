"""What reviewed turns tell: how well the bot understands, how often it acts wrongly, how reviewers agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callbot.journal.counting import ACTS
from callbot.quality.statistics import Share, cohen_kappa


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
    n = len(turns)
    return Accuracy(Share(n - len(wrong), n), Share(sum(map(_commits, wrong)), n))


def agreement(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """The figures of turns, each with what the first and the second reviewer said."""
    same = sum(first == second for first, second in pairs)
    kappa = cohen_kappa([first for first, _ in pairs], [second for _, second in pairs])
    return Agreement(Share(same, len(pairs)), kappa)


def _commits(move: str) -> bool:
    """`answer:piscine_tarif+ask:anything_else` does, `confirm:piscine_tarif` asks first."""
    parts = [part.split(":") for part in move.split("+")]
    return any(one[0] in ACTS or (one[0] == "transfer" and one[-1] == "service") for one in parts)
