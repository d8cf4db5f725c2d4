"""A real Chromium for the console's pages: logging in, and what is looked at on every page."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.console.site import PASSWORD, Site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
every_look = pytest.mark.parametrize(
    ("size", "scheme"),
    [
        pytest.param((1280, 720), "light", id="desk-light"),
        pytest.param((390, 844), "dark", id="telephone-dark"),
        pytest.param((1280, 720), "dark", id="desk-dark", marks=pytest.mark.long),
        pytest.param((390, 844), "light", id="telephone-light", marks=pytest.mark.long),
        pytest.param((640, 360), "light", id="zoomed-light", marks=pytest.mark.long),
        pytest.param((640, 360), "dark", id="zoomed-dark", marks=pytest.mark.long),
    ],
)
"""For a test of how pages look, in windows of so many CSS pixels. `make test` has a desk by day and a
telephone by night; the others, a desk's window at twice its size among them, are left to `make test-long`."""


def log_in(page: Any, site: Site, name: str = "anne") -> None:
    """By keyboard alone, until the board is followed live."""
    page.goto(site.url)
    page.keyboard.press("Tab")  # the skip link
    page.keyboard.press("Tab")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/")
    page.get_by_text("Mis à jour en direct").wait_for()


def log_in_officer(page: Any, site: Site) -> None:
    """With or without script."""
    page.goto(f"{site.url}/connexion")
    page.get_by_label("Nom").fill("quentin")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    page.wait_for_url(f"{site.url}/")


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.id"))


def examine(page: Any, picture: Path) -> list[str]:
    """What is wrong with a page; takes its picture."""
    from axe_playwright_python.sync_playwright import Axe

    page.screenshot(path=picture, full_page=True)
    found = Axe().run(page).response["violations"]
    wrong = [f"{one['id']}: {node['html'][:90]}" for one in found for node in one["nodes"]]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wrong.append("wider than the window")
    return wrong
