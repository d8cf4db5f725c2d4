"""The pages about learning in a real Chromium: by keyboard, with and without script, in every size."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callbot.journal.deployments import Deployments
from callbot.journal.proposals import Proposals
from callbot.journal.trainings import Trainings
from callbot.quality.learned import Learned
from tests.console.browser import NEEDS_CHROMIUM, every_look, examine
from tests.console.browser import log_in_officer as log_in
from tests.console.site import BIRTH, Site
from tests.console.test_learning import FIRST, OWN, POOL, SECOND, make, running, trained
from tests.quality import tiny

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = make(tmp_path)
    with site.running():
        yield site


def fill(site: Site) -> tuple[int, int]:
    """A model in force, one that was refused, one that may be deployed, and more; the last two's ids."""
    proposals, learned = Proposals(site.database), Learned(site.settings.learned_path)
    old = proposals.propose_text("c'est combien pour faire trempette le dimanche en famille", POOL, "quentin")
    first = trained(site, FIRST)
    proposals.judge([old], first, "learnt")
    tiny.teach(learned, POOL, "c'est combien pour faire trempette le dimanche en famille")
    learned.keep(FIRST, learned.lessons())
    deployments = Deployments(site.database)
    deployments.tell(deployments.ask(FIRST, OWN, "deploy", "quentin"), "live")
    bad = proposals.propose_text("je voudrais un acte de naissance", POOL, "quentin")
    refused = trained(site, "learnt-9.tar.gz", passed=False)
    proposals.judge([bad], refused, "refused")
    proposals.propose_text("le papier de ma fille née chez vous", BIRTH, "quentin")
    learned.add_intent(
        "voirie_ruches", "voirie", "installer une ruche", "Une ruche se déclare.", ["une ruche chez moi"]
    )
    return refused, trained(site, SECOND)


def test_progress_is_followed_and_focus_kept(site: Site, chromium: Any) -> None:
    trainings = Trainings(site.database)
    with chromium.new_context(locale="fr-FR") as context:
        page = context.new_page()
        log_in(page, site)
        id = running(site, 0.25)  # once the console has seen what its predecessor left
        page.goto(f"{site.url}/apprentissage")
        page.get_by_role("status").filter(has_text="25 %").wait_for()
        page.get_by_role("button", name="Annuler l'entraînement").focus()
        trainings.advance(id, "calibrating", 0.75)
        page.get_by_role("status").filter(has_text="75 %").wait_for()
        page.get_by_text("Étape : calibrage").wait_for()
        assert page.evaluate("document.activeElement.textContent") == "Annuler l'entraînement"
        page.keyboard.press("Enter")
        page.get_by_text("échoué : annulé").wait_for()
        assert page.get_by_role("button", name="Annuler l'entraînement").count() == 0


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_model_is_deployed_and_taken_back(site: Site, chromium: Any, script: bool) -> None:
    fill(site)
    deployments = Deployments(site.database)
    with chromium.new_context(java_script_enabled=script, locale="fr-FR") as context:
        page = context.new_page()
        log_in(page, site)
        page.get_by_role("link", name="Apprentissage").click()
        page.get_by_role("button", name="Mettre en service").click()
        page.get_by_text("demandé").first.wait_for()
        asked = deployments.newest()
        assert asked is not None and (asked.model, asked.previous) == (SECOND, FIRST)
        deployments.tell(asked.id, "live")
        if not script:
            page.get_by_role("link", name="Actualiser").click()
        page.get_by_role("button", name="Revenir au modèle précédent (entraînement 1)").click()
        page.get_by_text("retour en arrière").wait_for()
        back = deployments.newest()
        assert back is not None and (back.model, back.action) == (FIRST, "roll_back")


@every_look
def test_the_pages_are_accessible_and_fit(
    site: Site, chromium: Any, size: tuple[int, int], scheme: str, tmp_path: Path
) -> None:
    refused, _ = fill(site)
    viewport = {"width": size[0], "height": size[1]}
    with chromium.new_context(viewport=viewport, color_scheme=scheme, locale="fr-FR") as context:
        page = context.new_page()
        log_in(page, site)
        checks = {}
        for name, path in (("learning", ""), ("training", f"/entrainements/{refused}"), ("busy", "")):
            if name == "busy":
                running(site, 0.4)
            page.goto(f"{site.url}/apprentissage{path}")
            checks[name] = examine(page, tmp_path / f"{name}-{size[0]}-{scheme}.png")
    assert {name: found for name, found in checks.items() if found} == {}
