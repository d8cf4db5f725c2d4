"""Live answers against real servers: good, changing, slow, broken, gone and back."""

import asyncio
import json
import logging
import threading
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from callbot.town import live_feeds
from callbot.town.feeds import MAX_BYTES
from callbot.town.live import LiveSources
from callbot.town.live_config import LiveConfig
from callbot.town.live_words import OUT, for_ear, station_name

NOW = datetime(2026, 11, 23, 10, 0)
AWARE = NOW.replace(tzinfo=ZoneInfo("Europe/Paris"))
BIKES, MENU, AGENDA = "mobilite_velos_disponibles", "cantine_menu", "evenements_agenda"
ORDURES, TRI, VERTS = (
    *("dechets_jour_collecte_ordures", "dechets_jour_collecte_tri"),
    "dechets_vegetaux_collecte",
)
SECTORS = {
    "nord": ("Rue Pasteur", "Rue Longue"),
    "nord-est": ("Allée des Tilleuls",),
    "sud": ("Rue du Port", "Rue Longue"),
    "sud est": ("Rue Basse",),
}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@dataclass
class Site:
    """A web server whose pages a test changes as it goes."""

    pages: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    slow_s: float = 0.0
    drip_s: float = 0.0
    """Pause after each byte of a page."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    port: int = 0

    def count(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)

    @contextmanager
    def serving(self) -> Iterator[None]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
                clock.sleep(site.slow_s)
                status, page = site.status, site.pages.get(self.path)
                if status == 200 and page is None:
                    status = 404
                etag = site.headers.get("ETag")
                if etag and self.headers.get("If-None-Match") == etag:
                    status = 304
                page = page if isinstance(page, bytes) else json.dumps(page).encode()
                with suppress(OSError):  # who asked has lost patience
                    self.send_response(status)
                    for key, value in site.headers.items():
                        self.send_header(key, value)
                    self.end_headers()
                    step = 1 if site.drip_s else MAX_BYTES * 2
                    for at in range(0, len(page) if status == 200 else 0, step):
                        self.wfile.write(page[at : at + step])
                        clock.sleep(site.drip_s)

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    with served.serving():
        yield served


def gbfs(
    site: Site,
    version: str,
    bikes: int = 7,
    docks: int = 5,
    age_s: int = 30,
    at: datetime = AWARE,
    **state: Any,
) -> None:
    """Put a bike system on the site as this version has it."""
    new = version == "3.0"
    reported = at.astimezone(UTC) - timedelta(seconds=age_s)
    when: Any = reported.isoformat() if new else int(reported.timestamp())
    updated: Any = at.isoformat() if new else int(at.timestamp())
    names = ("station_information", "station_status", "vehicle_types")
    feeds = {"feeds": [{"name": name, "url": f"{site.url}/{name}"} for name in names]}
    station = {
        "station_id": "a",
        f"num_{'vehicles' if new else 'bikes'}_available": bikes,
        "num_docks_available": docks,
        "vehicle_types_available": [{"vehicle_type_id": "e", "count": min(bikes, 2)}],
        "is_installed": True,
        "is_renting": True,
        "is_returning": True,
        "last_reported": when,
    } | state
    name = "012 - PLACE DE LA GARE"
    information = {
        "station_id": "a",
        "name": [{"text": name, "language": "fr"}] if new else name,
        "lat": 1.0,
        "lon": 2.0,
    }
    types = [{"vehicle_type_id": "e", "form_factor": "bicycle", "propulsion_type": "electric_assist"}]
    for path, data in {
        "/gbfs.json": feeds if new else {"fr": feeds},
        "/station_information": {"stations": [information]},
        "/station_status": {"stations": [station]},
        "/vehicle_types": {"vehicle_types": types},
    }.items():
        site.pages[path] = {"last_updated": updated, "ttl": 0, "version": version, "data": data}


def sources(name: str, sectors: dict[str, tuple[str, ...]] | None = None, **source: Any) -> LiveSources:
    config = LiveConfig.model_validate({name: {"timeout_ms": 500} | source})
    return LiveSources(config, sectors or {}, clock=lambda: NOW)


def bikes_of(site: Site, **source: Any) -> LiveSources:
    return sources("velos", url=f"{site.url}/gbfs.json", **source)


async def ask(live: LiveSources, intent: str, about: str, now: datetime) -> str | None:
    """What is said; an outage is told as one."""
    answer = await live.answer(intent, about, now)
    assert answer is None or answer.is_out == (answer.text in OUT.values())
    return answer.text if answer else None


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
    site.slow_s = 1.0
    live = bikes_of(site, timeout_ms=200)
    began = clock.monotonic()
    answers = await asyncio.gather(*(ask(live, BIKES, "Place de la gare", NOW) for _ in range(5)))
    assert answers == [OUT["velos"]] * 5
    assert 0.19 < clock.monotonic() - began < 0.6
    assert site.count("/gbfs.json") == 1  # five callers, one question
    began = clock.monotonic()
    assert await ask(live, BIKES, "Place de la gare", NOW) == OUT["velos"]
    assert await ask(live, BIKES, "Place de la gare", NOW) == OUT["velos"]
    assert clock.monotonic() - began < 0.15  # a known outage costs nothing
    assert site.count("/gbfs.json") == 1
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


# Collections


def ics(path: Path, *events: str) -> Path:
    parts = [f"BEGIN:VEVENT\nUID:{at}\n{event}\nEND:VEVENT\n" for at, event in enumerate(events)]
    path.write_text(f"BEGIN:VCALENDAR\nVERSION:2.0\n{''.join(parts)}END:VCALENDAR\n", encoding="utf-8")
    return path


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    return ics(
        tmp_path / "collecte.ics",
        "DTSTART;VALUE=DATE:20261124\nRRULE:FREQ=DAILY;INTERVAL=15\nSUMMARY:Bac jaune\nLOCATION:Secteur Nord",
        "DTSTART;VALUE=DATE:20261126\nSUMMARY:Emballages\nLOCATION:Secteur Nord-Est",
        "DTSTART;VALUE=DATE:20261127\nSUMMARY:Tri\nLOCATION:Secteur Sud",
        "DTSTART;VALUE=DATE:20261128\nSUMMARY:Tri\nLOCATION:Secteur Ouest",
        "DTSTART;VALUE=DATE:20261125\nSUMMARY:Tri\nLOCATION:Secteur Sud Est",
        "DTSTART;VALUE=DATE:20261202\nCATEGORIES:Tri\nLOCATION:Secteur Sud",
        "DTSTART:20261123T060000\nDTEND:20261123T090000\nRRULE:FREQ=WEEKLY;COUNT=2\nSUMMARY:Tournée\n"
        "CATEGORIES:Ordures ménagères",
        "DTSTART;VALUE=DATE:20261123\nSUMMARY:Ordures (secteur sud)",
        "DTSTART;VALUE=DATE:20261220\nSUMMARY:Ordures\nLOCATION:Toute la ville",
    )


@pytest.mark.parametrize(
    ("intent", "street", "said"),
    [
        (
            TRI,
            "rue pasteur",
            "Rue Pasteur, secteur nord, le bac jaune est ramassé demain, puis mercredi neuf décembre. "
            "Sortez-le la veille au soir.",
        ),
        (
            TRI,
            "Allée des Tilleuls",
            "Allée des Tilleuls, secteur nord-est, le bac jaune est ramassé jeudi. "
            "Sortez-le la veille au soir.",
        ),
        (
            TRI,
            "Rue du Port",
            "Rue du Port, secteur sud, le bac jaune est ramassé vendredi, puis mercredi deux décembre. "
            "Sortez-le la veille au soir.",
        ),
        (
            ORDURES,
            "Rue du Port",
            "Rue du Port, secteur sud, les ordures ménagères sont ramassées aujourd'hui, "
            "puis lundi trente novembre. Sortez le bac la veille au soir.",
        ),
        (
            ORDURES,
            "Rue Pasteur",
            "Rue Pasteur, secteur nord, les ordures ménagères sont ramassées lundi trente novembre, "
            "puis dimanche vingt décembre. Sortez le bac la veille au soir.",
        ),
        (VERTS, "Rue Pasteur", None),  # nothing ahead: the catalogue knows the season
        (TRI, "Rue Longue", None),  # in two sectors: no guess
        (TRI, "Rue Inconnue", None),
        (TRI, "", None),
    ],
)
async def test_the_next_collection_in_a_street(
    collections: Path, intent: str, street: str, said: str | None
) -> None:
    live = sources("collecte", SECTORS, path=str(collections))
    assert live.about(intent) == "street"
    assert live.names(intent) == (
        "Rue Pasteur",
        "Rue Longue",
        "Allée des Tilleuls",
        "Rue du Port",
        "Rue Basse",
    )
    assert await ask(live, intent, street, NOW) == said
    await live.close()


async def test_a_town_without_sectors_asks_for_no_street(tmp_path: Path) -> None:
    path = ics(
        tmp_path / "c.ics",
        "DTSTART;VALUE=DATE:20261125\nSUMMARY:Déchets verts\nLOCATION:Rivemont",
        "DTSTART;VALUE=DATE:20261125\nSUMMARY:Tri\nLOCATION:Nord",
        "DTSTART;VALUE=DATE:20261126\nSUMMARY:Tri\nLOCATION:Sud",
    )
    live = sources("collecte", path=str(path))
    assert (live.about(VERTS), live.names(VERTS)) == ("", ())
    assert await ask(live, VERTS, "", NOW) == (
        "Les déchets verts sont ramassés mercredi. Sortez-les la veille au soir."
    )
    assert await ask(live, TRI, "", NOW) is None  # which of the two can't be known
    await live.close()


async def test_a_file_that_changes_is_read_again_and_a_lost_one_told(collections: Path) -> None:
    live = sources("collecte", SECTORS, path=str(collections))
    await live.refresh()
    ics(collections, "DTSTART;VALUE=DATE:20261125\nSUMMARY:Tri")
    await live.refresh()
    assert "ramassé mercredi." in (await ask(live, TRI, "Rue Pasteur", NOW) or "")
    collections.unlink()
    assert "can't read" in (await live.refresh())["collecte"]
    assert await ask(live, TRI, "Rue Pasteur", NOW + timedelta(days=1, seconds=1)) == OUT["collecte"]
    await live.close()


# Menu and agenda

MEALS = [
    {"date": "2026-11-23", "items": ["carottes râpées", "poisson pané", "riz"]},
    {"date": "2026-11-24", "items": ["soupe"]},
    {"date": "2026-11-27", "text": "Menu du 27 : 2 crêpes"},
]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2026-11-23T13:59", "Aujourd'hui à la cantine : carottes râpées, poisson pané et riz."),
        ("2026-11-23T14:00", "Demain à la cantine : soupe."),
        ("2026-11-25T09:00", "Vendredi à la cantine : Menu du vingt-sept : deux crêpes."),
        ("2026-11-27T15:00", None),
    ],
)
async def test_the_menu_of_the_day_or_of_the_next(tmp_path: Path, now: str, said: str | None) -> None:
    path = tmp_path / "menus.json"
    path.write_text(json.dumps(MEALS))
    live = sources("menu", path=str(path), stale_s=30 * 86400)
    await live.refresh()
    assert await ask(live, MENU, "", datetime.fromisoformat(now)) == said
    await live.close()


async def test_what_is_on_in_town(tmp_path: Path) -> None:
    path = ics(
        tmp_path / "agenda.ics",
        "DTSTART:20261123T080000Z\nDTEND:20261123T083000Z\nSUMMARY:Déjà fini",
        "DTSTART;VALUE=DATE:20261120\nDTEND;VALUE=DATE:20261206\nSUMMARY:Exposition Monet\nLOCATION:Musée",
        "DTSTART:20261128T190000Z\nSUMMARY:Concert\nLOCATION:Salle des fêtes\\, 12 rue Pasteur\\, Rivemont",
        "DTSTART;VALUE=DATE:20261204\nDTEND;VALUE=DATE:20261207\nSUMMARY:Marché de Noël",
        "DTSTART;VALUE=DATE:20261124\nSUMMARY:https://x.fr",
        "DTSTART;VALUE=DATE:20261205\nSUMMARY:Quatrième",
        "DTSTART;VALUE=DATE:20270120\nSUMMARY:Trop loin",
    )
    live = sources("agenda", path=str(path))
    assert await ask(live, AGENDA, "", NOW) == (
        "Les prochains rendez-vous : Exposition Monet, jusqu'au samedi cinq décembre, Musée ; "
        "Concert, samedi à vingt heures, Salle des fêtes ; "
        "Marché de Noël, du vendredi quatre décembre au dimanche six décembre."
    )
    ics(path, "DTSTART;VALUE=DATE:20261124\nSUMMARY:Bal")
    await live.refresh()
    assert await ask(live, AGENDA, "", NOW) == "Prochain rendez-vous : Bal, demain."
    ics(path)
    await live.refresh()
    assert await ask(live, AGENDA, "", NOW) is None
    await live.close()


# Configuration and words


async def test_a_town_without_sources_has_nothing_live() -> None:
    live = LiveSources(LiveConfig())
    for intent in (BIKES, MENU, AGENDA, TRI, "piscine_horaires"):
        assert (live.about(intent), live.names(intent)) == ("", ())
        assert await ask(live, intent, "x", NOW) is None
    assert await live.refresh() == {}
    await live.keep_fresh()
    await live.close()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"velos": {}}, "either url or path"),
        ({"velos": {"path": "bikes.json"}}, "needs a url"),
        ({"menu": {"url": "http://x.fr/a", "path": "a.ics"}}, "either url or path"),
        ({"menu": {"path": "menu.pdf"}}, ".ics or .json"),
        ({"menu": {"url": "ftp://x.fr/a"}}, "must begin with http"),
        ({"menu": {"url": "http://x.fr:port/a"}}, "no address"),
        ({"menu": {"url": "http://x.fr/a", "refresh_s": "60"}}, "integer"),
        ({"menu": {"url": "http://x.fr/a", "refresh_s": 60, "stale_s": 30}}, "below refresh_s"),
        ({"menus": {}}, "Extra inputs"),
        ({"zone": "Europe/Rivemont"}, "no time zone"),
    ],
    ids=str,
)
def test_wrong_sources_are_told(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        LiveConfig.model_validate(wrong)
    assert said in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Concert à 20h30 & bal", "Concert à vingt heures trente et bal"),
        ("Entrée 5€ <b>https://x.fr/a</b>", "Entrée cinq euros b"),
        ("Le 1er mai, à 10:00", "Le premier mai, à dix heures"),
        (
            "🎄 Noël – entrée 12,50 €, tél. 02 61 91 12 00",
            "Noël, entrée douze euros cinquante, tél. zéro deux, "
            "soixante et un, quatre-vingt-onze, douze, zéro zéro",
        ),
        ("Salle n°4", "Salle numéro quatre"),
        ("Salle 00412", "Salle zéro, zéro, quatre, un, deux"),
        ("mot " * 200, ("mot " * 40).strip()),
    ],
)
def test_what_people_write_is_made_fit_for_the_ear(written: str, said: str) -> None:
    assert for_ear(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [("012 - PLACE DU 8 MAI", "Place du huit mai"), ("Gare", "Gare"), ("8 Mai 1945", "huit Mai mille")],
)
def test_names_of_stations(written: str, said: str) -> None:
    assert station_name(written).startswith(said)
