"""Open311 against a real HTTP server that behaves as endpoints do, the bad ones too."""

import contextlib
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from callbot.errors import DeliveryError, TownError
from callbot.town import open311
from callbot.town.delivery import MAX_ANSWER
from callbot.town.open311 import Open311Config, Open311Sender
from callbot.types import Delivery, Draft

KEY = "1042-3f9c0a"
SECRET = "s3cret"
DELIVERY = Delivery(
    1,
    "rivemont",
    Draft(
        "open311",
        KEY,
        {
            "intent": "voirie_nid_de_poule",
            "reference": "1042",
            "description": "Signaler un nid-de-poule\nAdresse : 17 rue Pasteur",
            "address": "17 rue Pasteur, Rivemont",
            "phone": "06 12 34 56 78",
            "requested_at": "2026-11-23T11:00:00+00:00",
        },
    ),
)


class Endpoint(ThreadingHTTPServer):
    """A town's Open311 server. `manner` is how it answers a POST."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.manner = "realtime"
        self.listing = "pages"
        self.stored: list[dict[str, Any]] = []
        self.posted: list[dict[str, str]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.token_asked = 0
        self.token_ready_after = 0
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/dev/v2"

    def store(self, form: dict[str, str]) -> dict[str, Any]:
        number = 638344 + len(self.stored)
        kept = {
            "service_request_id": number,
            "status": "open",
            "status_notes": None,
            "service_code": form["service_code"],
            "description": form["description"],
            "requested_datetime": "2026-11-23T12:00:03+01:00",
            "updated_datetime": "2026-11-23T12:00:03+01:00",
        }
        self.stored.append(kept)
        return kept

    def fill(self, count: int) -> None:
        for number in range(count):
            self.store({"service_code": "001", "description": f"autre {number}"})


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def log_message(self, *args: object) -> None:
        pass

    def answer(self, body: object, status: int = 200) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        assert self.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
        form = {name: values[0] for name, values in parse_qs(raw, strict_parsing=True).items()}
        self.server.posted.append(form)
        if self.path != "/dev/v2/requests.json":
            return self.answer([{"code": 404, "description": "no such path"}], 404)
        if form.get("api_key") != SECRET:
            return self.answer([{"code": 403, "description": "wrong key for 06 12 34 56 78"}], 403)
        match self.server.manner:
            case "realtime":
                number = self.server.store(form)["service_request_id"]
                self.answer([{"service_request_id": number, "service_notice": "48 h", "account_id": None}])
            case "token":
                self.server.store(form)
                self.answer([{"token": 12345}])
            case "blackbox":
                self.server.store(form)
                self.answer([{"service_notice": "Merci."}])
            case "wrapped":
                number = str(self.server.store(form)["service_request_id"])
                self.answer({"service_requests": {"request": [{"service_request_id": number}]}})
            case "stores, then 500":
                self.server.store(form)
                self.answer("Traceback (most recent call last)", 500)
            case "stores, then garbage":
                self.server.store(form)
                self.answer("<html>Bienvenue")
            case "stores, then floods":
                kept = self.server.store(form)
                with contextlib.suppress(OSError):
                    self.answer(" " * MAX_ANSWER + json.dumps([kept]))
            case "stores, then an empty list":
                self.server.store(form)
                self.answer([])
            case "stores, then tells an error as a success":
                self.server.store(form)
                self.answer([{"code": 400, "description": "?"}])
            case "stores, then hangs":
                self.server.store(form)
                self.server.closing.wait(5)
            case "stores, then hangs up":
                self.server.store(form)
                self.close_connection = True
            case status:
                self.answer([{"code": int(status), "description": "06 12 34 56 78"}], int(status))

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(split.query).items()}
        self.server.asked.append((split.path, asked))
        if split.path == "/dev/v2/requests.json":
            return self.list(asked)
        if split.path == "/dev/v2/tokens/12345.json":
            self.server.token_asked += 1
            if self.server.token_asked <= self.server.token_ready_after:
                return self.answer([{"code": 404, "description": "not yet"}], 404)
            number = self.server.stored[-1]["service_request_id"]
            return self.answer([{"service_request_id": number, "token": 12345}])
        for kept in self.server.stored:
            if split.path == f"/dev/v2/requests/{kept['service_request_id']}.json":
                return self.answer([kept])
        return self.answer([{"code": 404, "description": "not found"}], 404)

    def list(self, asked: dict[str, str]) -> None:
        fitting = [item for item in self.server.stored if item["service_code"] == asked["service_code"]]
        page, size = int(asked.get("page", 1)), 10
        match self.server.listing:
            case "pages from 0":
                page = int(asked.get("page", 0))
                self.answer(fitting[page * size : (page + 1) * size])
            case "pages":
                self.answer(fitting[(page - 1) * size : page * size])
            case "404 past the end":
                part = fitting[(page - 1) * size : page * size]
                past = page > 1 and not part
                self.answer([{"code": 404, "description": "no page"}] if past else part, 404 if past else 200)
            case "all at once":
                self.answer(fitting)
            case "error as success":
                self.answer([{"code": 400, "description": "general service error"}])
            case "garbage":
                self.answer("<html>")
            case status:
                self.answer([], int(status))


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open311, "TOKEN_PAUSE_S", 0.01)


def config(endpoint: Endpoint, tmp_path: Path, secret: str = SECRET, **more: Any) -> Open311Config:
    key_file = tmp_path / "key"
    key_file.write_text(f"{secret}\n")
    services = {"services": {"voirie_nid_de_poule": "001"}}
    return Open311Config(url=f"{endpoint.url}/", key_file=key_file, timeout_ms=500, **(services | more))


@pytest.fixture
async def sender(endpoint: Endpoint, tmp_path: Path) -> AsyncIterator[Open311Sender]:
    made = Open311Sender(config(endpoint, tmp_path, jurisdiction="rivemont.fr"))
    yield made
    await made.close()


async def test_a_request_arrives_whole(endpoint: Endpoint, sender: Open311Sender) -> None:
    assert await sender.send(DELIVERY) == "638344"
    assert endpoint.posted == [
        {
            "jurisdiction_id": "rivemont.fr",
            "service_code": "001",
            "description": f"Signaler un nid-de-poule\nAdresse : 17 rue Pasteur\n[callbot {KEY}]",
            "address_string": "17 rue Pasteur, Rivemont",
            "phone": "06 12 34 56 78",
            "api_key": SECRET,
            "attribute[callbot_key]": KEY,
        }
    ]


async def test_a_long_description_keeps_its_mark(endpoint: Endpoint, sender: Open311Sender) -> None:
    content = {**DELIVERY.draft.content, "description": "é" * 5000}
    await sender.send(Delivery(1, "rivemont", Draft("open311", KEY, content)))
    told = endpoint.posted[0]["description"]
    assert len(told) == 4000
    assert told.endswith(f"\n[callbot {KEY}]")


@pytest.mark.parametrize(("manner", "number"), [("wrapped", "638344"), ("blackbox", "")])
async def test_other_answers_of_success(
    endpoint: Endpoint, sender: Open311Sender, manner: str, number: str
) -> None:
    endpoint.manner = manner
    assert await sender.send(DELIVERY) == number


async def test_a_token_becomes_a_number(endpoint: Endpoint, sender: Open311Sender) -> None:
    endpoint.manner, endpoint.token_ready_after = "token", 2
    assert await sender.send(DELIVERY) == "638344"
    assert endpoint.token_asked == 3


async def test_a_slow_token_is_kept_and_resolved_when_asked_after(
    endpoint: Endpoint, sender: Open311Sender
) -> None:
    endpoint.manner, endpoint.token_ready_after = "token", 4
    remote = await sender.send(DELIVERY)
    assert remote == "token:12345"  # it has arrived: no error, no second try
    with pytest.raises(DeliveryError):
        await sender.status(remote)
    status = await sender.status(remote)
    assert (status.state, status.remote) == ("open", "638344")


@pytest.mark.parametrize(
    "manner",
    [
        "stores, then 500",
        "stores, then garbage",
        "stores, then floods",
        "stores, then an empty list",
        "stores, then tells an error as a success",
        "stores, then hangs",
        "stores, then hangs up",
    ],
)
async def test_what_may_have_arrived_is_found(endpoint: Endpoint, sender: Open311Sender, manner: str) -> None:
    endpoint.fill(3)
    endpoint.manner = manner
    with pytest.raises(DeliveryError) as caught:
        await sender.send(DELIVERY)
    assert caught.value.unsure
    assert not caught.value.final
    assert await sender.find(DELIVERY) == "638347"


@pytest.mark.parametrize(
    ("status", "final", "unsure"),
    [
        (400, True, False),
        (401, False, False),
        (403, False, False),
        (404, False, False),
        (410, True, False),
        (408, False, False),
        (425, False, False),
        (429, False, False),
        (302, False, False),
        (500, False, True),
        (503, False, True),
    ],
)
async def test_refusals(
    endpoint: Endpoint, sender: Open311Sender, status: int, final: bool, unsure: bool
) -> None:
    endpoint.manner = str(status)
    with pytest.raises(DeliveryError, match=str(status)) as caught:
        await sender.send(DELIVERY)
    assert (caught.value.final, caught.value.unsure) == (final, unsure)


async def test_an_endpoint_that_moved_is_told(endpoint: Endpoint, sender: Open311Sender) -> None:
    endpoint.manner = "301"
    with pytest.raises(DeliveryError, match="check its url"):
        await sender.send(DELIVERY)


async def test_a_wrong_key_waits_for_the_right_one_and_nothing_is_told(
    endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = Open311Sender(config(endpoint, tmp_path, "wr0ng"))
    with caplog.at_level(logging.DEBUG), pytest.raises(DeliveryError, match="403") as caught:
        await wrong.send(DELIVERY)
    await wrong.close()
    assert not caught.value.final, "people will mend the key: the request must go then"
    for private in ("wr0ng", "06 12", "06+12", "Pasteur", "nid-de-poule"):
        assert private not in str(caught.value)
        assert private not in caplog.text


async def test_nobody_there_is_no_doubt(endpoint: Endpoint, tmp_path: Path) -> None:
    made = config(endpoint, tmp_path)
    endpoint.shutdown()
    endpoint.server_close()
    with pytest.raises(DeliveryError, match="can't be reached") as caught:
        await Open311Sender(made).send(DELIVERY)
    assert not caught.value.final
    assert not caught.value.unsure


@pytest.mark.parametrize("listing", ["pages", "pages from 0", "404 past the end", "all at once"])
async def test_the_key_is_looked_for_on_every_page(
    endpoint: Endpoint, sender: Open311Sender, listing: str
) -> None:
    endpoint.listing = listing
    assert await sender.find(DELIVERY) is None
    assert len(endpoint.asked) == 1
    endpoint.fill(20)
    assert await sender.find(DELIVERY) is None
    endpoint.store({"service_code": "002", "description": f"[callbot {KEY}]"})
    endpoint.store({"service_code": "001", "description": f"[callbot {KEY}1]"})
    assert await sender.find(DELIVERY) is None
    endpoint.fill(4)
    await sender.send(DELIVERY)
    endpoint.fill(4)
    assert await sender.find(DELIVERY) == "638370"
    asked = [query for path, query in endpoint.asked if path.endswith("requests.json")]
    assert {query["start_date"] for query in asked} == {"2026-11-22T11:00:00Z"}
    assert {query["jurisdiction_id"] for query in asked} == {"rivemont.fr"}
    assert not any("api_key" in query for query in asked)  # addresses end up in logs


@pytest.mark.parametrize("listing", ["error as success", "garbage", "500", "403"])
async def test_a_list_that_can_not_be_read_is_not_an_empty_one(
    endpoint: Endpoint, sender: Open311Sender, listing: str
) -> None:
    endpoint.listing = listing
    with pytest.raises(DeliveryError):
        await sender.find(DELIVERY)


async def test_a_list_without_end_proves_nothing(
    endpoint: Endpoint, sender: Open311Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open311, "MAX_PAGES", 3)
    endpoint.fill(40)
    with pytest.raises(DeliveryError, match="more than 3 pages"):
        await sender.find(DELIVERY)


async def test_how_a_request_stands(endpoint: Endpoint, sender: Open311Sender) -> None:
    remote = await sender.send(DELIVERY)
    opened = await sender.status(remote)
    assert (opened.state, opened.notes) == ("open", "")
    endpoint.stored[0] |= {"status": "Closed", "status_notes": "Trou rebouché.", "updated_datetime": "hier"}
    closed = await sender.status(remote)
    assert (closed.state, closed.notes, closed.updated) == ("closed", "Trou rebouché.", None)
    assert opened.updated is not None
    assert opened.updated.isoformat() == "2026-11-23T11:00:03+00:00"


async def test_an_unknown_number_is_said_and_can_ask_for_no_other_page(
    endpoint: Endpoint, sender: Open311Sender
) -> None:
    for remote in ("7", "../requests", "1?x=y"):
        with pytest.raises(DeliveryError, match="404"):
            await sender.status(remote)
    assert [path for path, _ in endpoint.asked][1:] == [
        "/dev/v2/requests/..%2Frequests.json",
        "/dev/v2/requests/1%3Fx%3Dy.json",
    ]


async def test_an_intent_without_code_goes_the_other_way_or_nowhere(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    assert config(endpoint, tmp_path, other="900").code("mariage_dossier") == "900"
    none = Open311Sender(config(endpoint, tmp_path, services={}))
    with pytest.raises(DeliveryError, match="voirie_nid_de_poule") as caught:
        await none.send(DELIVERY)
    await none.close()
    assert caught.value.final


def test_the_key_is_missed_at_start(endpoint: Endpoint, tmp_path: Path) -> None:
    made = config(endpoint, tmp_path)
    (tmp_path / "key").unlink()
    with pytest.raises(TownError, match="can't read the secret"):
        Open311Sender(made)


@pytest.mark.parametrize(
    "wrong",
    [{"url": "api.rivemont.fr"}, {"url": "https://x/?a=b"}, {"key_file": "key"}, {"api_key": "s3cret"}],
)
def test_a_wrong_town_file_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Open311Config.model_validate({"url": "https://api.rivemont.fr/v2", **wrong})
