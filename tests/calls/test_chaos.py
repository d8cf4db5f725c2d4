"""The short form of `make chaos`: callers all the time, some faults, and nobody is lost."""

import pytest

from .bot import Bot
from .chaos import ANSWER, Chaos, table
from .faults import missing, scene
from .lab import Lab

DECK = ("server killed", "journal locked", "disk full", "manager interface cut", "clock jumps by 2 h")
ANSWERED_S = 30.0
"""Of these callers: beside other tests on a slow machine, people answer later than `make chaos` allows."""


def test_nobody_is_lost_whatever_breaks(lab: Lab, bot: Bot) -> None:
    if away := missing():
        pytest.fail(f"not installed: {', '.join(away)}: run make setup", pytrace=False)
    with scene(lab, hold_s=4.0, rasa=bot) as broken:
        report = Chaos(broken, calls=20, at_once=8, deck=DECK, seed=1, length_s=ANSWERED_S).run()
        told = broken.bot.log.read_text(errors="replace").splitlines()
    shown = "\n".join(table(report))
    assert not report.broken, "\n".join([*report.broken, shown, *told[-150:]])
    assert len({window.fault for window in report.windows}) >= 4, shown
    assert sum(fate.outcome == ANSWER for fate in report.fates) > 3, shown
