"""The review in a real Chromium, as a quality officer uses it; pictures of every page lie in its folder."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from callbot.journal.models import Proposal, Review
from tests.console.browser import NEEDS_CHROMIUM, every_look, examine, focused
from tests.console.browser import log_in_officer as log_in
from tests.console.site import Site, record
from tests.journal.made import BIRTH, BULKY, POOL, YES, Made, turn

from ..patience import eventually

pytestmark = NEEDS_CHROMIUM

NOW = datetime(2026, 11, 25, 10)
BIRTH_NAME = "Une copie d'acte de naissance"
PAGES = {
    "list": "/revue?du=2026-11-01",
    "none": "/revue?mots=zzz&intention=zzz&du=hier",
    "call": "/revue/appels/{recorded}",
    "marked": "/revue/appels/{bad}?du=2026-11-01",
    "groups": "/revue/groupes?du=2026-11-01",
    "sample": "/revue/echantillon",
    "second": "/revue/echantillon?lecture=2",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, clock=lambda: NOW)
    with site.running():
        yield site


@pytest.fixture
def made(site: Site) -> Made:
    return Made(site.database, NOW - timedelta(days=6))


def reviews(site: Site) -> list[tuple[int, str, str]]:
    rows = site.database.read(lambda session: list(session.query(Review).order_by(Review.id)))
    return [(row.turn_id, row.account, row.intent) for row in rows]


def proposals(site: Site) -> list[tuple[str, str, str]]:
    rows = site.database.read(lambda session: list(session.query(Proposal)))
    return [(row.text, row.intent, row.state) for row in rows]


def count_clicks(page: Any) -> None:
    page.evaluate("addEventListener('click', () => { window.clicks = (window.clicks ?? 0) + 1 }, true)")


def test_a_misunderstood_call_is_found_corrected_in_two_clicks_and_undone(
    site: Site, made: Made, page: Any
) -> None:
    made.days(60)
    bad = made.misunderstood(judged="wrong", judged_by="anne")
    first, second = made.turns(bad)
    log_in(page, site)
    page.get_by_role("link", name="Revue").click()
    # By filter: the worst is the first.
    page.get_by_label("Motif du transfert").select_option("not_understood")
    page.get_by_role("button", name="Chercher").click()
    assert "je voudrais un acte de naissance" in page.locator(".line-of-call").first.inner_text()
    # By search, without the accents.
    page.get_by_role("link", name="Effacer les filtres").click()
    page.get_by_label("Mots dits par l'appelant").fill("Acte NAISSANCE")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="1 appel").wait_for()
    page.locator(".line-of-call a").click()
    page.wait_for_url(f"**/revue/appels/{bad}?**")

    count_clicks(page)
    own = page.locator(f"#tour-{first}")
    own.get_by_label("Autre intention").click()
    page.keyboard.type("copie naissance")
    own.get_by_role("option", name=BIRTH_NAME).wait_for()
    own.get_by_role("button", name="Corriger").click()
    own.get_by_text(f"Corrigé : {BIRTH_NAME}").wait_for()
    assert page.evaluate("window.clicks") == 2, "and the page was not loaded again"
    assert reviews(site) == [(first, "quentin", BIRTH)]
    assert proposals(site) == [("je voudrais un acte de naissance", BIRTH, "proposed")]
    assert focused(page) == f"tour-{second}", "on to the next turn"
    eventually(lambda: page.locator("#dit").inner_text() == f"Enregistré\xa0: {BIRTH_NAME}.")

    own.get_by_role("button", name="Annuler mon avis").click()
    own.get_by_role("button", name="Bonne intention").wait_for()
    assert reviews(site) == [] and proposals(site)[0][2] == "undone"
    assert focused(page) == f"tour-{first}"
    own.get_by_role("button", name="Bonne intention").click()
    own.get_by_text("Bonne intention (vous").wait_for()
    assert reviews(site) == [(first, "quentin", BULKY)]


def test_one_click_chooses_another_guess_or_out_of_scope(site: Site, made: Made, page: Any) -> None:
    first, second = made.turns(made.misunderstood())
    log_in(page, site)
    page.goto(f"{site.url}/revue/appels/1")
    page.locator(f"#tour-{first}").get_by_role("button", name="piscine").click()
    page.locator(f"#tour-{first}").get_by_text("Corrigé").wait_for()
    page.locator(f"#tour-{second}").get_by_role("button", name="hors sujet").click()
    page.locator(f"#tour-{second}").get_by_text("Corrigé").wait_for()
    assert reviews(site) == [(first, "quentin", POOL), (second, "quentin", "hors_sujet")]
    assert focused(page) == "suite"


def test_all_by_keyboard(site: Site, made: Made, page: Any) -> None:
    first, second = made.turns(made.misunderstood())
    log_in(page, site)
    page.goto(f"{site.url}/revue/appels/1#tour-{first}")
    page.locator(f"#tour-{first}").focus()
    page.keyboard.press("c")
    assert focused(page) == f"tour-{first}-autre"
    page.keyboard.type("bejca")  # what is typed is no shortcut
    field = page.locator(f"#tour-{first}-autre")
    assert field.input_value() == "bejca" and field.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Control+a")
    page.keyboard.type("acte copie")
    assert field.get_attribute("aria-expanded") == "true"
    listed = page.locator(f"#tour-{first} [role=option]").all_inner_texts()
    assert any("naissance" in one for one in listed) and any("mariage" in one for one in listed)
    while "naissance" not in page.locator(f"#tour-{first} [aria-selected=true]").inner_text():
        page.keyboard.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant")
    page.keyboard.press("Enter")
    assert field.input_value() == BIRTH_NAME
    page.keyboard.press("Enter")
    eventually(lambda: reviews(site) == [(first, "quentin", BIRTH)])
    eventually(lambda: focused(page) == f"tour-{second}")
    page.keyboard.press("b")
    eventually(lambda: len(reviews(site)) == 2)
    eventually(lambda: focused(page) == "suite")
    page.locator(f"#tour-{second}").focus()
    page.keyboard.press("k")
    assert focused(page) == f"tour-{first}"
    page.keyboard.press("a")
    eventually(lambda: len(reviews(site)) == 1)
    page.locator(f"#tour-{first}").focus()
    page.keyboard.press("c")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert focused(page) == f"tour-{first}"


def test_a_turn_is_heard_at_its_place_and_plays_on_while_marking(site: Site, made: Made, page: Any) -> None:
    said = [turn("la piscine", POOL, begins_ms=2000, ends_ms=3000), turn("oui", YES, begins_ms=4000)]
    id = made.call(said, recording=record(site, seconds=6))
    first, _ = made.turns(id)
    log_in(page, site)
    page.goto(f"{site.url}/revue/appels/{id}")
    player = page.locator("#son")
    page.locator(f"#tour-{first}").get_by_role("link", name="Écouter cette phrase").click()
    eventually(lambda: player.evaluate("player => player.currentTime") > 1.6)
    assert page.url.endswith(f"/revue/appels/{id}"), "the link did not leave the page"
    page.locator(f"#tour-{first}").get_by_role("button", name="Bonne intention").click()
    page.locator(f"#tour-{first}").get_by_text("Bonne intention (vous").wait_for()
    assert player.evaluate("player => player.currentTime") > 1.6, "the same player, not a new one"
    eventually(lambda: player.evaluate("player => player.paused"))
    assert 2.9 < player.evaluate("player => player.currentTime") < 4, "it stops where the turn ends"


def test_a_group_and_the_sample(site: Site, made: Made, page: Any) -> None:
    made.at = NOW - timedelta(days=6)
    for _ in range(3):
        made.call([turn("mon acte", BULKY, 0.4)])
    log_in(page, site)
    page.goto(f"{site.url}/revue")
    page.get_by_role("link", name="Phrases identiques").click()
    group = page.locator(".turn")
    group.get_by_label("Autre intention").click()
    page.keyboard.type("copie naissance")
    group.get_by_role("button", name="Corriger les 3 fois").click()
    group.get_by_text("votre avis 3 fois").wait_for()
    assert [intent for _, _, intent in reviews(site)] == [BIRTH] * 3
    group.get_by_role("button", name="Annuler mes avis").click()
    eventually(lambda: reviews(site) == [])
    page.get_by_role("link", name="Échantillon de la semaine").click()
    for done in range(1, 4):
        page.locator(".turn").get_by_role("button", name="Bonne intention").click()
        eventually(lambda: len(reviews(site)) == done)  # noqa: B023
        page.get_by_text("Annuler cet avis").wait_for()
        if done < 3:
            eventually(lambda: focused(page) == page.locator(".turn").get_attribute("id"))
    page.get_by_text("Tout l'échantillon de cette semaine est revu").wait_for()


def test_without_a_script_it_works(site: Site, made: Made, chromium: Any) -> None:
    first, second = made.turns(made.misunderstood())
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page, site)
        page.goto(f"{site.url}/revue/appels/1")
        own = page.locator(f"#tour-{first}")
        own.get_by_label("Autre intention").fill("acte naissance")
        own.get_by_role("button", name="Corriger").click()
        page.get_by_label("Intention", exact=True).select_option(BIRTH)
        page.get_by_role("button", name="Corriger").click()
        assert reviews(site) == [(first, "quentin", BIRTH)] and page.url.endswith(f"#tour-{second}")
        page.locator(f"#tour-{first}").get_by_role("button", name="Annuler mon avis").click()
        assert reviews(site) == []
        page.locator(f"#tour-{first}").get_by_label("Autre intention").fill(BIRTH_NAME)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**#tour-{second}")
        assert reviews(site) == [(first, "quentin", BIRTH)]


@every_look
def test_every_page_is_accessible_and_fits(
    site: Site, made: Made, chromium: Any, size: tuple[int, int], scheme: str, tmp_path: Path
) -> None:
    made.days(60)
    bad = made.misunderstood(judged="wrong", judged_by="anne", note="Acte pour sa fille", operator="PJSIP/1")
    said = [
        turn("la piscine c'est ouvert le dimanche", POOL, begins_ms=2000, ends_ms=3000, barge_in=True),
        turn("", heard="speech"),
        turn("2", heard="key", ranking=[], intent="", confidence=None),
        turn(""),
        turn("douze rue des lilas", POOL, 0.2, "askslot:voirie_nid_de_poule:address"),
        turn("et puis " * 40, BULKY, 0.2, "hung_up", prompt=""),
    ]
    recorded = made.call(said, reason="hung_up", recording=record(site, seconds=6))
    made.at = NOW - timedelta(days=8)
    made.misunderstood(), made.answered()
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, locale="fr-FR"
    )
    page = context.new_page()
    log_in(page, site)
    page.goto(f"{site.url}/revue/appels/{bad}")
    page.locator(f"#tour-{made.turns(bad)[0]}").get_by_role("button", name="Bonne intention").click()
    page.get_by_text("Bonne intention (vous").wait_for()
    checks = {}
    for name, path in PAGES.items():
        page.goto(site.url + path.format(bad=bad, recorded=recorded))
        checks[name] = examine(page, tmp_path / f"{name}-{size[0]}-{scheme}.png")
    page.goto(f"{site.url}/revue/appels/{recorded}")
    page.locator("summary").first.click()
    page.locator(".how summary").first.click()
    page.get_by_label("Autre intention").first.click()
    page.keyboard.type("acte")
    checks["choosing"] = examine(page, tmp_path / f"choosing-{size[0]}-{scheme}.png")
    page.locator(".turn").first.get_by_label("Autre intention").fill("acte")
    page.evaluate("document.querySelector('.choose').removeAttribute('data-stay')")
    page.evaluate("document.querySelector('.choose').submit()")
    page.get_by_role("heading", name="Quelle intention ?").wait_for()
    checks["which"] = examine(page, tmp_path / f"which-{size[0]}-{scheme}.png")
    # At 200 % the page is half as wide.
    page.set_viewport_size({"width": max(320, size[0] // 2), "height": size[1] // 2})
    for name in ("list", "call", "sample"):
        page.goto(site.url + PAGES[name].format(bad=bad, recorded=recorded))
        checks[f"{name}-zoomed"] = examine(page, tmp_path / f"{name}-zoomed-{size[0]}-{scheme}.png")
    context.close()
    assert {name: found for name, found in checks.items() if found} == {}
