"""The board while everything behind it ends and comes back: server, console, manager interface, Asterisk."""

import contextlib
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ..console.browser import CHROMIUM
from .asterisk import Asterisk
from .bot import Bot
from .console import Console, chromium, log_in
from .lab import OPERATORS, Lab, await_human, press, wait_for_speech
from .second import own_bot
from .services import manager

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

STEPS = [wait_for_speech(0.3), press("0"), await_human()]


@pytest.fixture
def page() -> Iterator[Any]:
    with chromium(playwright) as page:
        yield page


def cut_managers(town: Asterisk) -> int:
    """Asterisk ends callbot's sessions of its manager interface; returns how many there were."""
    shown = town.command("manager show connected").splitlines()
    sessions = [line.split()[4] for line in shown if line.split()[:1] == ["callbot"]]
    for descriptor in sessions:
        town.command(f"manager kick session {descriptor}")
    return len(sessions)


@contextlib.contextmanager
def paused(town: Asterisk, operator: str) -> Iterator[None]:
    """An operator's telephone is paused by Asterisk itself."""
    town.command(f"queue pause member PJSIP/{operator}")
    try:
        yield
    finally:
        town.command(f"queue unpause member PJSIP/{operator}")


def test_the_board_outlives_everything_behind_it(lab: Lab, bot: Bot, page: Any) -> None:
    with own_bot(lab, bot, **manager(lab)) as second, Console(second) as desk, ThreadPoolExecutor(1) as pool:
        log_in(page, desk)
        opened = page.evaluate("performance.timeOrigin")
        card, people = page.locator(".card"), page.locator("#files .people")

        # The server dies while the caller talks to an operator: that call goes on, and its end is found out.
        first = pool.submit(lab.place_call, STEPS)
        card.get_by_text("en ligne avec").wait_for()
        second.send(signal.SIGKILL)
        page.keyboard.press("F2")
        page.keyboard.press("1")
        card.get_by_text("Avis : bonne intention (anne)").wait_for()
        second.stop()
        second.start()
        assert first.result().ending == "finished"
        card.get_by_text("terminé, répondu par").wait_for()

        # The console dies; its pages come back by themselves, and nobody has to log in again.
        desk.kill()
        page.get_by_text("Liaison perdue").wait_for()
        desk.start()
        page.get_by_text("Mis à jour en direct").wait_for()
        assert "Avis\xa0: bonne intention (anne)" in card.inner_text()

        # The manager interface is cut: what has happened meanwhile is asked for.
        assert cut_managers(lab.town) == 2, "the server's and the console's"
        with paused(lab.town, OPERATORS[1]):
            people.get_by_text("en pause").wait_for()

        # Asterisk starts anew, and tells anew who is there.
        lab.town.stop()
        lab.town.start()
        lab.set_global(CALLBOT_SOCKET=str(second.socket))
        lab.log_operators_in()
        with paused(lab.town, OPERATORS[0]):
            page.locator("#moi").get_by_text("En pause").wait_for()
            assert people.get_by_text("libre").count() == 1
            last = pool.submit(lab.place_call, STEPS)
            page.locator(".card.is-ringing").wait_for()
            assert card.count() == 2
            assert [ring.operator for ring in last.result().rings] == [OPERATORS[1]]
        assert page.evaluate("performance.timeOrigin") == opened, "it was never loaded again"
