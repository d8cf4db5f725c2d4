"""The console in a real Chromium, as an operator uses it; pictures of every page lie in the test's folder."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callbot.journal.database import now
from callbot.journal.models import Transfer
from tests.console.browser import NEEDS_CHROMIUM, every_look, examine, focused, log_in
from tests.console.site import PASSWORD, PEOPLE, PHONE, Site

from ..patience import eventually

pytestmark = NEEDS_CHROMIUM

PAGES = {
    "board": "/",
    "past": "/appels",
    "messages": "/messages",
    "account": "/compte",
    "actions": "/actions",
    "accessibility": "/accessibilite",
    "missing": "/nulle-part",
}


class Switchboard:
    """Stands for the manager interface: what is asked is told by the queue."""

    def __init__(self) -> None:
        self.site: Site | None = None

    async def __call__(self, interface: str, paused: bool) -> None:
        assert self.site is not None
        state = "paused" if paused else "free"
        self.site.queue(members=[{**PEOPLE[0], "state": state}, *PEOPLE[1:]])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    switchboard = Switchboard()
    switchboard.site = site = Site(tmp_path, pause=switchboard)
    with site.running():
        yield site


def transfer(site: Site, id: int) -> Transfer:
    found = site.database.read(lambda session: session.get(Transfer, id))
    assert found is not None
    return found


def fill(site: Site) -> int:
    """A day at the switchboard; returns the transfer that rings on the first operator's telephone."""
    site.queue(waiting=2)
    site.message()
    site.call_back()
    site.call(
        "je veux parler à quelqu'un",
        reason="asked",
        intent="",
        state="answered",
        operator="PJSIP/operateur3",
        answered_at=now(),
        last2="",
    )
    done = site.call("les horaires de la piscine", reason="service", state="abandoned", ended_at=now())
    site.change(done, judged="right", judged_by="anne", note="Rappeler demain matin", called_back=True)
    site.call(
        "pour inscrire mon fils à la cantine", intent="cantine_inscription", service="education", last2="04"
    )
    return site.call(state="ringing", operator=PHONE)


def test_a_card_appears_opens_and_is_marked_by_keyboard(
    site: Site, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callbot.console.live.ANYWAY_S", 3600.0)  # it is told, not looked for
    log_in(page, site)
    assert page.get_by_text("Aucun appel transféré").is_visible()
    id = site.call()
    card = page.locator(f"#appel-{id}")
    card.wait_for()
    assert "•• •• •• •• 78" in card.inner_text() and "non compris deux fois" in card.inner_text()
    assert page.locator(f"#appel-{id}-suite").get_attribute("open") is None
    site.change(id, state="ringing", operator=PHONE)
    card.get_by_text("je voudrais un acte de naissance").wait_for()
    announced = page.locator("#annonce").inner_text()
    assert "sonne sur votre poste" in announced and "Une copie d'acte de naissance, probable" in announced
    assert focused(page) == "", "the focus was not moved"

    page.keyboard.press("F2")
    assert focused(page) == f"appel-{id}-ouvrir"
    page.keyboard.press("1")
    eventually(lambda: transfer(site, id).judged == "right")
    card.get_by_text("Avis : bonne intention (anne)").wait_for()
    assert focused(page) == f"appel-{id}-ouvrir"
    page.keyboard.press("n")
    page.keyboard.type("Acte pour sa fille, née à Rivemont. 1 2 3 r n")
    page.keyboard.press("Control+Enter")
    eventually(lambda: transfer(site, id).note.startswith("Acte pour sa fille"))
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    eventually(lambda: transfer(site, id).called_back)
    assert transfer(site, id).judged == "right", "what is typed in the note is no shortcut"
    site.change(id, state="ended", answered_at=now(), ended_at=now())
    card.get_by_text("terminé, répondu par").wait_for()


def test_what_is_typed_and_the_focus_survive_news(site: Site, page: Any) -> None:
    id = site.call(state="answered", operator=PHONE, answered_at=now())
    log_in(page, site)
    note = page.locator(f"#appel-{id}-note")
    note.click()
    page.keyboard.type("Elle rappelle ")
    site.change(id, note="D'une autre main")
    other = site.call(state="ringing", operator=PHONE, last2="11")
    page.locator(f"#appel-{other}").wait_for()
    page.locator(f"#appel-{other}-suite[open]").wait_for()
    page.keyboard.type("demain")
    assert focused(page) == f"appel-{id}-note" and note.input_value() == "Elle rappelle demain"
    order = page.eval_on_selector_all(".card", "cards => cards.map(card => card.id)")
    assert order == [f"appel-{other}", f"appel-{id}"], "the one that rings is first"
    page.locator(f"#appel-{other}-ouvrir").click()  # closed by hand stays closed
    site.change(other, reason="asked")
    page.locator(f"#appel-{other}").get_by_text("demande à parler").wait_for()
    assert page.locator(f"#appel-{other}-suite").get_attribute("open") is None


def test_every_control_is_reached_by_tab(site: Site, page: Any) -> None:
    id = fill(site)
    log_in(page, site)
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(focused(page))
    wanted = [
        f"appel-{id}-{part}" for part in ("ouvrir", "avis-1", "avis-2", "avis-3", "note", "noter", "rappele")
    ]
    assert [one for one in reached if one in wanted][: len(wanted)] == wanted


def test_messages_play_and_are_done(site: Site, page: Any) -> None:
    task = site.message()
    log_in(page, site)
    player = page.locator(f"#demande-{task}-son")
    player.evaluate("player => player.play()")
    eventually(lambda: player.evaluate("player => player.currentTime") > 0)
    assert player.evaluate("player => player.duration") == pytest.approx(1, abs=0.05)
    page.locator(f"#demande-{task}-faite").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Aucun message ni rappel à faire").wait_for()


def test_one_takes_a_pause_and_comes_back(site: Site, page: Any) -> None:
    site.queue(waiting=0)
    log_in(page, site)
    page.get_by_role("button", name="Faire une pause").click()
    page.get_by_role("button", name="Reprendre les appels").click()
    page.get_by_role("button", name="Faire une pause").wait_for()


def test_waits_count_and_the_link_is_told(tmp_path: Path, page: Any) -> None:
    site = Site(tmp_path)
    with site.running():
        site.call()
        log_in(page, site)
        count = page.locator(".card .count").first
        before = count.inner_text()
        assert re.fullmatch(r"1 min \d\d s", before)
        eventually(lambda: count.inner_text() != before)
    page.get_by_text("Liaison perdue").wait_for()
    with site.running():
        page.get_by_text("Mis à jour en direct").wait_for()
        site.accounts.disable("anne")
        page.get_by_text("Votre session est terminée").wait_for()


def test_without_a_script_the_board_works(site: Site, chromium: Any) -> None:
    id = fill(site)
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site.url)
        page.get_by_label("Nom").fill("anne")
        page.get_by_label("Mot de passe").fill(PASSWORD)
        page.get_by_role("button", name="Se connecter").click()
        page.locator(f"#appel-{id}-avis-2").click()
        assert transfer(site, id).judged == "wrong" and page.url.endswith(f"#appel-{id}")
        page.get_by_role("link", name="Actualiser").click()
        assert "Avis\xa0: mauvaise (anne)" in page.locator(f"#appel-{id}").inner_text()


@every_look
def test_every_page_is_accessible_and_fits(
    site: Site, chromium: Any, size: tuple[int, int], scheme: str, tmp_path: Path
) -> None:
    fill(site)
    viewport = {"width": size[0], "height": size[1]}
    context = chromium.new_context(viewport=viewport, color_scheme=scheme, locale="fr-FR")
    page = context.new_page()
    page.goto(f"{site.url}/connexion")
    checks = {"login": examine(page, tmp_path / f"login-{size[0]}-{scheme}.png")}
    site.accounts._database.write_now(_made_administrator)
    log_in(page, site)
    for name, path in PAGES.items():
        page.goto(site.url + path)
        if path == "/":
            page.get_by_text("Mis à jour en direct").wait_for()
        checks[name] = examine(page, tmp_path / f"{name}-{size[0]}-{scheme}.png")
    # At 200 % the page is half as wide.
    page.set_viewport_size({"width": max(320, size[0] // 2), "height": size[1] // 2})
    page.goto(site.url)
    page.get_by_text("Mis à jour en direct").wait_for()
    checks["zoomed"] = examine(page, tmp_path / f"zoomed-{size[0]}-{scheme}.png")
    context.close()
    assert {name: found for name, found in checks.items() if found} == {}


def _made_administrator(session: Any) -> None:
    from callbot.journal.models import Account

    session.query(Account).filter_by(name="anne").update({"role": "admin"})
