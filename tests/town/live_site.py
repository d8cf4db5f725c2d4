"""A web server with live facts that a test changes as it goes, and questions to what reads it."""

import json
import threading
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zoneinfo import ZoneInfo

from callbot.town.feeds import MAX_BYTES
from callbot.town.live import LiveSources
from callbot.town.live_config import LiveConfig
from callbot.town.live_words import OUT

NOW = datetime(2026, 11, 23, 10, 0)
AWARE = NOW.replace(tzinfo=ZoneInfo("Europe/Paris"))
BIKES, MENU, AGENDA = "mobilite_velos_disponibles", "cantine_menu", "evenements_agenda"
ORDURES, TRI, VERTS = (
    *("dechets_jour_collecte_ordures", "dechets_jour_collecte_tri"),
    "dechets_vegetaux_collecte",
)


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
    return LiveSources(config, sectors or {}, clock=lambda: NOW, zone=AWARE.tzinfo)


def bikes_of(site: Site, **source: Any) -> LiveSources:
    return sources("velos", url=f"{site.url}/gbfs.json", **source)


async def ask(live: LiveSources, intent: str, about: str, now: datetime) -> str | None:
    """What is said; an outage is told as one."""
    answer = await live.answer(intent, about, now)
    assert answer is None or answer.is_out == (answer.text in OUT.values())
    return answer.text if answer else None
