"""The board as an operator sees it, in a real browser, while real calls are handed over."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from ..console.test_browser import CHROMIUM
from .asterisk import free_tcp_port
from .bot import Bot
from .lab import OPERATORS, Lab, await_human, hear, say
from .second import own_bot
from .test_services import manager

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

PASSWORD = "trois petits chats"
QUESTION = "Je voudrais une copie de mon acte de naissance."
WANTS_HUMAN = "Je veux parler à quelqu'un."


@contextmanager
def console(bot: Bot) -> Iterator[str]:
    """`callbot console` beside a server; yields its address."""
    port = free_tcp_port()
    environment = bot.environment | {"CALLBOT_CONSOLE_PORT": str(port)}
    command = [sys.executable, "-m", "callbot"]
    add = [*command, "account", "add", "anne", "--phone", f"PJSIP/{OPERATORS[0]}"]
    subprocess.run(add, env=environment, input=PASSWORD + "\n", text=True, check=True)
    process = subprocess.Popen([*command, "console"], env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while not answers(url):
            assert process.poll() is None and time.monotonic() < deadline, "the console did not come up"
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def answers(url: str) -> bool:
    with suppress(urllib.error.URLError), urllib.request.urlopen(f"{url}/connexion"):
        return True
    return False


@pytest.fixture
def page() -> Iterator[Any]:
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1280, "height": 720}, locale="fr-FR")
        browser.close()


def test_the_operator_knows_why_before_saying_bonjour(lab: Lab, bot: Bot, page: Any) -> None:
    steps = [hear(), say(QUESTION), hear(), say(WANTS_HUMAN), await_human()]
    with own_bot(lab, bot, **manager(lab)) as second, console(second) as url, ThreadPoolExecutor(1) as pool:
        page.goto(url)
        page.get_by_label("Nom").fill("anne")
        page.get_by_label("Mot de passe").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_text("Mis à jour en direct").wait_for()

        page.get_by_role("button", name="Faire une pause").click()
        page.get_by_role("button", name="Reprendre").wait_for()
        calling = pool.submit(lab.place_call, steps)
        card = page.locator(".card").first
        card.get_by_text("acte de naissance").first.wait_for(timeout=60_000)
        card.get_by_text("sonne").first.wait_for(timeout=20_000)
        assert "demande à parler à quelqu'un" in card.inner_text()
        record = calling.result()
        assert [ring.operator for ring in record.rings] == [OPERATORS[1]], "who is paused is not rung"
        assert f"•• {record.number[-2:]}" in card.inner_text()
        card.locator("summary").first.click()
        assert "acte de naissance" in card.inner_text()
        card.get_by_role("button", name="Bonne intention").click()
        card.get_by_text("Avis : bonne intention (anne)").wait_for()
        card.get_by_text("terminé").wait_for(timeout=20_000)

        page.get_by_role("button", name="Reprendre").click()
        page.get_by_role("button", name="Faire une pause").wait_for()
