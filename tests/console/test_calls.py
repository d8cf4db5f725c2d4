"""Calls that were handed over: their numbers, what became of them, and queues of which there is no news."""

from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from callbot.console import words
from callbot.journal.database import now
from tests.clock import Clock
from tests.console.browser import NEEDS_CHROMIUM, examine, focused, log_in
from tests.console.site import PEOPLE, PHONE, Site, csrf_of

NUMBER, WRITTEN = "+33612345678", "06 12 34 56 78"


@pytest.fixture
def site(tmp_path: Path, clock: Clock) -> Iterator[Site]:
    async def pause(interface: str, paused: bool) -> None:
        """Stands for the manager interface."""

    site = Site(tmp_path, clock=clock, pause=pause)
    with site.running():
        yield site


def shown(site: Site) -> list[tuple[str, str]]:
    """Who has looked at which call's number."""
    return [(one.account, one.about) for one in site.accounts.actions() if one.action == "number_shown"]


def test_a_number_is_told_to_who_asks_and_only_then(site: Site) -> None:
    id = site.call(phone=NUMBER)
    with site.client("anne") as http:
        page = http.get("/").text
        assert f'id="appel-{id}-numero"' in page and "•• •• •• •• 78" in page
        for kept_hidden in (NUMBER, WRITTEN, NUMBER[3:]):
            assert kept_hidden not in page and kept_hidden not in http.get("/appels").text
        assert shown(site) == []
        fields = {"csrf": csrf_of(page)}
        answer = http.post(f"/appels/{id}/numero", data=fields)
        assert WRITTEN in answer.text and f'href="tel:{NUMBER}"' in answer.text and "<html" in answer.text
        fragment = http.post(f"/appels/{id}/numero", data=fields, headers={"X-Callbot": "1"})
        assert fragment.text.strip() == f'<a class="number" href="tel:{NUMBER}">{WRITTEN}</a>'
        assert shown(site) == [("anne", str(id))] * 2, "without the number itself"


def test_it_is_told_no_more_after_a_call_back_or_a_week(site: Site, clock: Clock) -> None:
    id, hidden = site.call(phone=NUMBER), site.call(phone=None, last2="")
    with site.client("anne") as http:
        token = csrf_of(http.get("/").text)

        def code(id: int) -> int:
            return http.post(f"/appels/{id}/numero", data={"csrf": token}).status_code

        assert [code(id), code(hidden), code(999)] == [200, 404, 404]
        site.change(id, called_back=True)
        assert code(id) == 404 and f'id="appel-{id}-numero"' not in http.get("/").text
        site.change(id, called_back=False)
        assert code(id) == 200, "marked by mistake"
    clock.now += timedelta(days=7)
    with site.client("anne") as http:
        token = csrf_of(http.get("/compte").text)
        assert http.post(f"/appels/{id}/numero", data={"csrf": token}).status_code == 404
        assert f"appel-{id}" not in http.get("/appels").text


def test_past_calls_and_those_that_nobody_has_answered(site: Site) -> None:
    yesterday = now() - timedelta(days=1)
    answered = site.call(
        *("la piscine",), at=yesterday, state="ended", operator=PHONE, phone=NUMBER,
        answered_at=yesterday + timedelta(seconds=20), ended_at=yesterday + timedelta(seconds=140),
    )  # fmt: skip
    gone = site.call(
        at=yesterday, state="abandoned", ended_at=yesterday + timedelta(seconds=45), phone=NUMBER
    )
    site.queue()
    with site.client("anne") as http:
        page = unescape(http.get("/").text)
        assert f"appel-{gone}" not in page and 'href="/appels"' in page
        every = unescape(http.get("/appels").text).replace("\xa0", " ")
        assert every.index(f'id="appel-{gone}"') < every.index(f'id="appel-{answered}"'), "the newest first"
        assert "terminé, répondu par Anne" in every and "a attendu 20 s, en ligne 2 min 00 s" in every
        assert "a raccroché avant la réponse" in every and "la piscine" in every
        missed = http.get("/appels", params={"voir": "manques"}).text
        assert f'id="appel-{gone}"' in missed and f'id="appel-{answered}"' not in missed
        fields = {"csrf": csrf_of(missed), "back": "appels?voir=manques", "done": "1"}
        answer = http.post(f"/appels/{gone}/rappele", data=fields)
        assert answer.headers["location"] == f"/appels?voir=manques#appel-{gone}"
        assert "ont été rappelés" in unescape(http.get("/appels", params={"voir": "manques"}).text)
        assert http.post(f"/appels/{gone}/rappele", data={**fields, "back": "//evil"}).status_code == 422
        assert http.get("/appels", params={"voir": "tout"}).status_code == 422


def test_a_queue_without_news_is_not_shown_as_it_was(site: Site, clock: Clock) -> None:
    told = now() - timedelta(seconds=80)
    site.queue(at=told, waiting=2)
    with site.client("anne") as http:
        page = http.get("/").text
        assert "2 appels attendent" in page and "Libre" in page and "état inconnu" not in page
        clock.now += timedelta(seconds=15)
        page = unescape(http.get("/").text)
        assert f"état inconnu depuis {words.clock(told)}" in page and "appels attendent" not in page
        assert "Le standard ne donne plus de nouvelles depuis" in page
        assert page.count('class="tag is-unknown">état inconnu') == len(PEOPLE)
        assert "État inconnu" in page and "Faire une pause" in page and "Reprendre les appels" in page
        site.queue(at=clock.now, waiting=0)
        page = unescape(http.get("/").text)
        assert "état inconnu" not in page and "Libre" in page
        clock.now += timedelta(days=1, seconds=1)
    with site.client("anne") as http:
        assert "n'a rien indiqué" in unescape(http.get("/").text)


def test_a_queue_that_is_no_more_does_not_make_the_others_doubtful(site: Site, clock: Clock) -> None:
    site.queue(at=now() - timedelta(minutes=5), name="ancienne", members=PEOPLE[:1])
    site.queue(members=[{**PEOPLE[0], "state": "paused"}])
    with site.client("anne") as http:
        page = unescape(http.get("/").text)
    assert "ne donne plus de nouvelles" not in page and "Ancienne, Standard" in page
    assert "En pause" in page and page.count("état inconnu") == 1, "what was told last counts"


@NEEDS_CHROMIUM
def test_in_a_browser_a_number_stays_in_its_place(site: Site, page: Any, tmp_path: Path) -> None:
    id = site.call(phone=NUMBER, state="abandoned", ended_at=now())
    site.queue(at=now() - timedelta(minutes=4))
    log_in(page, site)
    page.keyboard.press("F2")
    page.keyboard.press("Enter")
    page.keyboard.press("v")
    number = page.locator(f"#appel-{id}-le-numero")
    number.get_by_role("link", name=WRITTEN).wait_for()
    assert focused(page) == f"appel-{id}-ouvrir", "the focus was not moved"
    site.change(id, note="Veut un rendez-vous")
    page.get_by_text("Note écrite").wait_for()
    assert number.inner_text() == WRITTEN
    assert examine(page, tmp_path / "number.png") == []
    page.keyboard.press("r")
    page.locator(".marks").get_by_text("Rappelé").wait_for()
    assert number.count() == 0
    page.get_by_role("link", name="Appels des sept derniers jours").click()
    other = site.call(phone="0261911200", state="unanswered", ended_at=now())
    page.get_by_role("link", name="Sans réponse et pas rappelés").click()
    page.locator(f"#appel-{other} summary").click()
    assert examine(page, tmp_path / "missed.png") == []
    page.get_by_role("button", name="Voir le numéro").click()
    page.get_by_role("link", name="02 61 91 12 00").wait_for()
    assert examine(page, tmp_path / "number-page.png") == []
    page.get_by_role("link", name="Revenir à l'appel").click()
    page.locator(f"#appel-{other} summary").click()
    page.get_by_role("button", name="Rappelé").click()
    page.get_by_text("ont été rappelés").wait_for()
