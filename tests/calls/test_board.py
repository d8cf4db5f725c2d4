"""The board as an operator sees it, in a real browser, while real calls are handed over."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ..console.browser import CHROMIUM
from ..patience import eventually
from .bot import Bot
from .console import Console, chromium, log_in
from .lab import OPERATORS, Lab, await_hang_up, await_human, hear, say
from .second import own_bot
from .services import GOODBYE, MESSAGE, NIGHT, manager

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

QUESTION = "Je voudrais une copie de mon acte de naissance."
WANTS_HUMAN = "Je veux parler à quelqu'un."


@pytest.fixture
def page() -> Iterator[Any]:
    with chromium(playwright) as page:
        yield page


def test_the_operator_knows_why_before_saying_bonjour(lab: Lab, bot: Bot, page: Any) -> None:
    steps = [hear(), say(QUESTION), hear(), say(WANTS_HUMAN), await_human()]
    with own_bot(lab, bot, **manager(lab)) as second, Console(second) as desk, ThreadPoolExecutor(1) as pool:
        log_in(page, desk)

        page.get_by_role("button", name="Faire une pause").click()
        page.get_by_role("button", name="Reprendre").wait_for()
        calling = pool.submit(lab.place_call, steps)
        card = page.locator(".card").first
        card.get_by_text("acte de naissance").first.wait_for()
        card.get_by_text("sonne").first.wait_for()
        assert "demande à parler à quelqu'un" in card.inner_text()
        record = calling.result()
        assert [ring.operator for ring in record.rings] == [OPERATORS[1]], "who is paused is not rung"
        assert f"•• {record.number[-2:]}" in card.inner_text()
        card.locator("summary").first.click()
        assert "acte de naissance" in card.inner_text()
        card.get_by_role("button", name="Bonne intention").click()
        card.get_by_text("Avis : bonne intention (anne)").wait_for()
        card.get_by_text("terminé").wait_for()

        page.get_by_role("button", name="Reprendre").click()
        page.get_by_role("button", name="Faire une pause").wait_for()


def test_a_message_left_at_night_is_listed_and_plays(lab: Lab, bot: Bot, page: Any) -> None:
    asked = [hear(), say(WANTS_HUMAN), hear(), say("Oui."), hear(), say(MESSAGE)]
    with own_bot(lab, bot, CALLBOT_PRETEND_NOW=NIGHT.isoformat()) as second, Console(second) as desk:
        log_in(page, desk)
        record = lab.place_call([*asked, hear(), say(GOODBYE), await_hang_up()])
        assert not record.rings
        task = page.locator(".task").first
        task.get_by_role("heading", name="Message").wait_for()
        number = " ".join(record.number[at : at + 2] for at in range(0, 10, 2))
        assert number in task.inner_text()
        player = task.locator("audio")
        player.evaluate("player => player.play()")
        eventually(lambda: player.evaluate("player => player.currentTime") > 0.5)
        assert player.evaluate("player => player.duration") > 3
        task.get_by_role("button", name="Rappelé").click()
        page.get_by_text("Aucun message ni rappel à faire").wait_for()
