"""The questions nobody could answer, in a real Chromium: from the calls to the published answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callbot.journal.models import Question
from callbot.quality.learned import Learned
from tests.console.browser import NEEDS_CHROMIUM, every_look, examine
from tests.console.browser import log_in_officer as log_in
from tests.console.site import Site
from tests.console.test_questions import ANSWER, BEES, COMPOST, LONELY, ask

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    with site.running():
        yield site


def fill(site: Site) -> None:
    """Three bees with a telephone, two composts, one boar."""
    ask(site, *BEES, phone="0612345678")
    ask(site, *COMPOST)
    ask(site, LONELY)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_question_is_answered_and_taught(site: Site, chromium: Any, script: bool) -> None:
    fill(site)
    with chromium.new_context(java_script_enabled=script, locale="fr-FR") as context:
        page = context.new_page()
        log_in(page, site)
        page.goto(f"{site.url}/compte")
        page.get_by_role("link", name="Questions", exact=True).click()
        page.locator(".question a").first.focus()
        page.keyboard.press("Enter")
        page.locator("#service").select_option("voirie")
        page.get_by_role("button", name="Confier").click()
        page.get_by_text("La question est confiée au service.").wait_for()
        page.locator("#reponse").fill("Sur www.rivemont.fr")
        page.get_by_role("button", name="Enregistrer la réponse").click()
        page.get_by_role("alert").get_by_text("Pas d'adresse de site").wait_for()
        page.locator("#reponse").fill(ANSWER)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("La réponse est enregistrée.").wait_for()
        page.get_by_label("Vous appelez pour…").fill("installer une ruche")
        page.get_by_role("button", name="Publier", exact=True).click()
        page.get_by_text("La réponse est publiée").wait_for()
        page.get_by_role("button", name="Prévenir par SMS").first.click()
        page.get_by_text("Le SMS part dans la minute.").wait_for()
        assert page.get_by_text("prévenu le").count() == 1
    assert list(Learned(site.settings.learned_path).intents()) == ["voirie_installer_ruche"]
    states = site.database.read(lambda session: sorted(row.state for row in session.query(Question)))
    assert states == ["open", "published"]


@every_look
def test_the_pages_are_accessible_and_fit(
    site: Site, chromium: Any, size: tuple[int, int], scheme: str, tmp_path: Path
) -> None:
    fill(site)
    viewport = {"width": size[0], "height": size[1]}
    with chromium.new_context(viewport=viewport, color_scheme=scheme, locale="fr-FR") as context:
        page = context.new_page()
        log_in(page, site)
        page.goto(f"{site.url}/questions")
        checks = {"open": examine(page, tmp_path / f"questions-{size[0]}-{scheme}.png")}
        page.locator(".question a").first.click()
        page.get_by_label("Réponse attendue").fill("2020-03-02")
        page.get_by_role("button", name="Confier").click()
        checks["late"] = examine(page, tmp_path / f"question-late-{size[0]}-{scheme}.png")
        page.locator("#reponse").fill(ANSWER)
        page.get_by_role("button", name="Enregistrer la réponse").click()
        page.get_by_label("Phrases d'exemple").fill("une seule")
        page.get_by_role("button", name="Publier", exact=True).click()
        checks["refused"] = examine(page, tmp_path / f"question-refused-{size[0]}-{scheme}.png")
        page.goto(f"{site.url}/questions")
        checks["answered"] = examine(page, tmp_path / f"questions-answered-{size[0]}-{scheme}.png")
    assert {name: found for name, found in checks.items() if found} == {}
