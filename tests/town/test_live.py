"""Live answers against real servers: good, changing, slow, broken, gone and back."""

import asyncio
import logging
import time as clock
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from callbot.town import live_feeds
from callbot.town.feeds import MAX_BYTES
from callbot.town.live import LiveSources
from callbot.town.live_words import OUT
from tests.town.live_site import AWARE, BIKES, MENU, NOW, Site, ask, bikes_of, gbfs, sources


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    with served.serving():
        yield served


# Bikes


@pytest.mark.parametrize("version", ["2.3", "3.0"])
async def test_bikes_change_between_two_questions(site: Site, version: str) -> None:
    gbfs(site, version)
    live = bikes_of(site)
    said = await ask(live, BIKES, "Place de la gare", NOW)
    assert said == "Place de la gare : sept vélos, dont deux électriques, et cinq places libres."
    assert (live.about(BIKES), live.names(BIKES)) == ("station", ("Place de la gare",))
    gbfs(site, version, bikes=1, docks=0)
    assert await ask(live, BIKES, "place de la GARE", AWARE) == said  # what was fetched last
    assert await live.refresh() == {"velos": ""}
    assert (
        await ask(live, BIKES, "Place de la gare", AWARE)
        == "Place de la gare : un vélo électrique et aucune place libre."
    )
    assert site.count("/station_status") == 2 and site.count("/station_information") == 1
    await live.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bikes": 0, "docks": 21}, "Place de la gare : aucun vélo et vingt et une places libres."),
        (
            {"bikes": 21, "docks": 1},
            "Place de la gare : vingt et un vélos, dont deux électriques, et une place libre.",
        ),
        (
            {"bikes": 2, "docks": 81},
            "Place de la gare : deux vélos, tous électriques, et quatre-vingt-une places libres.",
        ),
        (
            {"bikes": 3, "vehicle_types_available": [{"vehicle_type_id": "e", "count": 1}]},
            "Place de la gare : trois vélos, dont un électrique, et cinq places libres.",
        ),
        ({"vehicle_types_available": []}, "Place de la gare : sept vélos et cinq places libres."),
        ({"vehicle_types_available": [], "num_docks_available": None}, "Place de la gare : sept vélos."),
        ({"is_installed": False}, "La station Place de la gare n'est pas en place en ce moment."),
        (
            {"is_renting": False, "is_returning": False, "age_s": 9000},
            "La station Place de la gare est fermée en ce moment.",
        ),
        (
            {"is_renting": False},
            "Place de la gare : on ne peut pas y prendre de vélo en ce moment. "
            "Pour en rendre un, il y a cinq places libres.",
        ),
        (
            {"is_returning": False, "vehicle_types_available": []},
            "Place de la gare : sept vélos, mais on ne peut pas y rendre de vélo en ce moment.",
        ),
        ({"age_s": 901}, "La station Place de la gare ne donne pas de nouvelles en ce moment."),
    ],
    ids=str,
)
async def test_a_station_in_every_state(site: Site, change: dict[str, Any], said: str) -> None:
    gbfs(site, "2.3", **change)
    live = bikes_of(site)
    assert await ask(live, BIKES, "Place de la gare", NOW) == said
    await live.close()


async def test_a_detail_that_is_missing_or_unknown_is_not_answered(site: Site) -> None:
    gbfs(site, "2.3")
    live = bikes_of(site)
    assert await ask(live, BIKES, "", NOW) is None
    assert not site.asked
    assert await ask(live, BIKES, "Place Inconnue", NOW) is None
    await live.close()


async def test_a_feed_that_stands_still_is_out(site: Site) -> None:
    gbfs(site, "2.3")
    live = bikes_of(site)
    await live.refresh()
    assert await ask(live, BIKES, "Place de la gare", NOW + timedelta(seconds=860)) is not None
    assert await ask(live, BIKES, "Place de la gare", NOW + timedelta(seconds=901)) == OUT["velos"]
    site.pages["/station_status"]["last_updated"] -= 901
    await live.refresh()
    assert await ask(live, BIKES, "Place de la gare", NOW) == OUT["velos"]
    await live.close()


@pytest.mark.parametrize(
    "page",
    [b"<html>Maintenance</html>", b"", b"\xff" * 100, b"[" * 100_000, {"data": None}, b" " * (MAX_BYTES + 1)],
    ids=["HTML", "empty", "bytes", "deep", "null", "large"],
)
async def test_garbage_is_an_outage(site: Site, page: Any, caplog: pytest.LogCaptureFixture) -> None:
    gbfs(site, "2.3")
    site.pages["/station_status"] = page
    live = bikes_of(site, timeout_ms=3000)
    with caplog.at_level(logging.INFO):
        assert await ask(live, BIKES, "Place de la gare", NOW) == OUT["velos"]
        await live.refresh()
    assert len(caplog.messages) == len([text for text in caplog.messages if "HTTP Request" in text]) + 1
    await live.close()


async def test_an_error_after_a_good_answer_keeps_that_until_it_is_stale(site: Site) -> None:
    gbfs(site, "2.3")
    live = bikes_of(site)
    await live.refresh()
    site.status = 500
    assert await live.refresh() == {"velos": "HTTP 500"}
    said = await ask(live, BIKES, "Place de la gare", NOW + timedelta(minutes=10))
    assert said and said.startswith("Place de la gare : sept")
    await live.close()


async def test_a_slow_server_costs_the_time_out_and_no_more(site: Site) -> None:
    gbfs(site, "2.3")
    site.slow_s = 5.0
    live = bikes_of(site, timeout_ms=200)
    began = clock.monotonic()
    answers = await asyncio.gather(*(ask(live, BIKES, "Place de la gare", NOW) for _ in range(5)))
    assert answers == [OUT["velos"]] * 5
    assert 0.19 < clock.monotonic() - began < 4
    assert site.count("/gbfs.json") == 1  # five callers, one question
    assert await ask(live, BIKES, "Place de la gare", NOW) == OUT["velos"]
    assert await ask(live, BIKES, "Place de la gare", NOW) == OUT["velos"]
    assert site.count("/gbfs.json") == 1  # a known outage is not asked about again
    await live.close()


async def test_a_server_that_drips_or_never_stops_is_left(site: Site) -> None:
    site.pages["/menu.json"] = b"[" + b" " * 98 + b"]"
    site.drip_s = 0.02
    live = sources("menu", url=f"{site.url}/menu.json", timeout_ms=200)
    assert await live.refresh() == {"menu": "no answer within 0.2 s"}
    await live.close()
    site.drip_s, site.pages["/menu.json"] = 0.0, b" " * (MAX_BYTES * 3)
    live = sources("menu", url=f"{site.url}/menu.json", timeout_ms=3000)
    assert await live.refresh() == {"menu": f"more than {MAX_BYTES} bytes"}
    await live.close()


async def test_a_server_gone_then_back(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    with site.serving():
        gbfs(site, "3.0")
    live = bikes_of(site)
    with caplog.at_level(logging.INFO, "callbot"):
        assert await ask(live, BIKES, "Place de la gare", NOW) == OUT["velos"]
        await live.refresh()
        with site.serving():
            assert await live.refresh() == {"velos": ""}
        assert (await ask(live, BIKES, "Place de la gare", NOW) or "").startswith("Place de la gare : sept")
    assert [text.split(":")[0] for text in caplog.messages] == [
        "live source velos is out",
        "live source velos is back after 2 failures",
    ]
    await live.close()


async def test_bikes_are_told_when_their_kinds_are_not(site: Site) -> None:
    gbfs(site, "2.3")
    del site.pages["/vehicle_types"]
    live = bikes_of(site)
    assert await live.refresh() == {"velos": ""}
    said = await ask(live, BIKES, "Place de la gare", NOW)
    assert said == "Place de la gare : sept vélos et cinq places libres."
    await live.close()


async def test_feeds_that_move_are_found_again(site: Site) -> None:
    gbfs(site, "2.3")
    live = bikes_of(site)
    await live.refresh()
    site.pages["/moved"] = site.pages.pop("/station_status")
    site.pages["/gbfs.json"]["data"]["fr"]["feeds"][1]["url"] = f"{site.url}/moved"
    assert await live.refresh() == {"velos": "HTTP 404"}
    assert await live.refresh() == {"velos": ""}
    await live.close()


# Freshness


async def eventually(holds: Any) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never does")


def hurried(live: LiveSources, seconds: float) -> LiveSources:
    """Its pace quickened beyond what a town file allows."""
    for feed in live._feeds.values():
        feed._source = feed._source.model_copy(update={"refresh_s": seconds})
    return live


async def test_sources_are_kept_fresh_without_a_caller(site: Site) -> None:
    gbfs(site, "2.3")
    live = hurried(bikes_of(site), 0.02)
    keeping = asyncio.create_task(live.keep_fresh())
    await eventually(lambda: live.names(BIKES))
    gbfs(site, "2.3", bikes=0)
    seen = site.count("/station_status")
    await eventually(lambda: site.count("/station_status") > seen + 1)
    asked = site.count("/station_status")
    assert "aucun vélo" in (await ask(live, BIKES, "Place de la gare", NOW) or "")
    assert site.count("/station_status") - asked <= 1
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    await live.close()
    assert [task for task in asyncio.all_tasks() if "live" in task.get_name()] == []


async def test_an_outage_is_asked_after_less_and_less_often(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(live_feeds, "BACKOFF_MAX_S", 0.2)
    site.status = 500
    live = hurried(bikes_of(site), 0.02)
    keeping = asyncio.create_task(live.keep_fresh())
    await asyncio.sleep(0.7)
    assert 4 <= site.count("/gbfs.json") <= 8  # at 0, .02, .06, .14, .3, .5, .7; every .02 would be 35
    site.status = 200
    gbfs(site, "2.3")
    await eventually(lambda: live.names(BIKES))
    keeping.cancel()
    await asyncio.wait({keeping})
    await live.close()


async def test_a_ttl_slows_but_never_hastens(site: Site) -> None:
    gbfs(site, "2.3")
    site.pages["/station_status"]["ttl"] = 3600
    live = hurried(bikes_of(site, stale_s=10, refresh_s=10), 0.01)
    keeping = asyncio.create_task(live.keep_fresh())
    await eventually(lambda: live.names(BIKES))
    await asyncio.sleep(0.2)
    assert site.count("/station_status") == 1
    pause_s = live._feeds["velos"]._retry_s - asyncio.get_running_loop().time()
    assert 4 < pause_s < 6  # half of what makes it stale: an hour would be too late
    keeping.cancel()
    await asyncio.wait({keeping})
    await live.close()


async def test_unchanged_documents_are_not_sent_again(site: Site) -> None:
    site.pages["/menu.json"] = [{"date": "2026-11-23", "items": ["Soupe", "riz"]}]
    site.headers = {"ETag": '"one"', "Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT"}
    live = sources("menu", url=f"{site.url}/menu.json")
    await live.refresh()
    site.pages["/menu.json"] = b"never read"
    assert await live.refresh() == {"menu": ""}
    asked = site.asked[1][1]
    assert asked["if-none-match"] == '"one"'
    assert asked["if-modified-since"] == site.headers["Last-Modified"]
    assert await ask(live, MENU, "", NOW) == "Aujourd'hui à la cantine : Soupe et riz."
    site.headers = {"ETag": '"two"'}
    site.pages["/menu.json"] = [{"date": "2026-11-23", "items": ["Frites"]}]
    await live.refresh()
    assert await ask(live, MENU, "", NOW) == "Aujourd'hui à la cantine : Frites."
    await live.close()


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("/menu.json", ""),
        ("file:///etc/passwd", "redirected from http to file"),
        ("ftp://127.0.0.1/menu.json", "redirected from http to ftp"),
        ("/again", "more than 3 redirects"),
    ],
)
async def test_redirects_stay_on_the_web(location: str, problem: str) -> None:
    first, second = Site(status=302, headers={"Location": location}), Site()
    with first.serving(), second.serving():
        second.pages["/menu.json"] = []
        if location == "/menu.json":
            first.headers["Location"] = f"{second.url}/menu.json"
        live = sources("menu", url=f"{first.url}/old")
        assert await live.refresh() == {"menu": problem}
        await live.close()
