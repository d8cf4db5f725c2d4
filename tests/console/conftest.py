"""Chromium, and a page of it that may break no rule about scripts and styles."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clock import Clock
from tests.console.browser import CHROMIUM

from ..patience import PATIENCE_S


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, locale="fr-FR")
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    # A refused style or script is told on the console.
    page.on("console", lambda said: problems.append(said.text) if "Content Security" in said.text else None)
    yield page
    context.close()
    assert problems == []
