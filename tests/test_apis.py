"""Whatever is sent to the web APIs, by schemathesis: no fault, and only answers that they declare."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, checks

from callbot.dialogue.dialogue import Dialogue
from callbot.dialogue.state import Thresholds
from callbot.rehearsal import TrialDesk
from callbot.text_channel.app import build_app
from callbot.text_channel.door import Rates
from callbot.text_channel.serving import serve
from callbot.town.answers import Answers
from callbot.types import CallInfo
from callbot.understanding.understanding import Understanding
from tests.console.site import PASSWORD, PHONE, Site
from tests.text_channel.channel import OPEN, Book, free_port, parse

from .patience import PATIENCE_S, eventually

BOUNDLESS = Rates(sender=10**6, address=10**6, total=10**6)
FITS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def tries(most: int) -> settings:
    """The same few ones at each run."""
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(max_examples=most, deadline=None, derandomize=True, suppress_health_check=checks)


async def pause(interface: str, paused: bool) -> None:
    """Stands for the manager interface."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"), pause=pause, rates=BOUNDLESS)
    site.accounts.add("tout", PASSWORD, "admin", PHONE)
    site.queue()
    site.call(phone="0612345678")
    site.message()
    with site.running():
        site.app.state.house.pulse.stop()  # the stream of news ends at once
        yield site


@pytest.fixture(scope="module")
def console(site: Site) -> Any:
    return schemathesis.openapi.from_dict(site.app.openapi())


def every_operation(
    schema: Any, subtests: pytest.Subtests, check: Callable[[Case], object], most: int
) -> None:
    """Try each of an API's operations with what fits its schema, and with what does not; so often each."""
    for operation in (found.ok() for found in schema.get_all_operations()):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            few = min(most, 2) if operation.path.endswith(".pdf") else most  # each takes a second
            tried = tries(few)(given(operation.as_strategy(generation_mode=mode))(check))
            # An operation that takes nothing can't be given anything wrong.
            with subtests.test(operation.label, mode=mode), contextlib.suppress(Unsatisfiable):
                tried()


def send(case: Case, url: str, session: requests.Session) -> requests.Response:
    with session:
        answer = case.call(base_url=url, session=session, allow_redirects=False, timeout=PATIENCE_S)
    case.validate_response(answer, checks=FITS)
    return answer


def test_the_console_for_strangers(site: Site, console: Any, subtests: pytest.Subtests) -> None:
    def check(case: Case) -> None:
        answer = send(case, site.url, requests.Session())
        assert answer.status_code != 204
        assert answer.status_code != 200 or case.path in ("/connexion", "/accessibilite"), "not before log-in"

    every_operation(console, subtests, check, 2)


def test_the_console_for_who_may_do_everything(site: Site, console: Any, subtests: pytest.Subtests) -> None:
    def check(case: Case) -> None:
        token = site.accounts.log_in("tout", PASSWORD)
        assert token is not None
        visitor = site.accounts.visitor(token)
        assert visitor is not None
        if case.method == "POST" and (isinstance(case.body, dict) or not case.media_type):
            case.body = (case.body if isinstance(case.body, dict) else {}) | {"csrf": visitor.csrf}
            case.media_type = "application/x-www-form-urlencoded"
        number = case.path_parameters.get("id")
        if isinstance(number, int) and number % 2:  # one that there is
            case.path_parameters["id"] = 1
        session = requests.Session()
        session.cookies.set("callbot", token)
        statuses[send(case, site.url, session).status_code] += 1

    statuses: Counter[int] = Counter()
    every_operation(console, subtests, check, 6)
    assert {200, 204, 303, 404, 422} <= set(statuses), statuses
    assert 401 not in statuses


@pytest.fixture(scope="module")
def written(answers: Answers) -> Iterator[str]:
    """The text channel's address."""

    def open_dialogue(info: CallInfo, answers: Answers) -> tuple[Dialogue, Book]:
        desk = TrialDesk()
        return Dialogue(Understanding(parse), answers, Thresholds(0.6, 0.3, 0.5), desk, lambda: OPEN), Book(
            info
        )

    app = build_app(open_dialogue, answers, rates=BOUNDLESS)
    with in_thread(app) as url:
        yield url


@contextlib.contextmanager
def in_thread(app: FastAPI) -> Iterator[str]:
    """An application on the loopback."""
    port = free_port()
    loop = asyncio.new_event_loop()
    task = loop.create_task(serve(app, "127.0.0.1", port))
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])))
    thread.start()
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: answers_at(url))
        yield url
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(PATIENCE_S)
        loop.close()


def answers_at(url: str) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(url, timeout=5).status_code == 404
    return False


@pytest.fixture(scope="module")
def text_channel(written: str) -> Any:
    return schemathesis.openapi.from_url(f"{written}/openapi.json")


def test_the_text_channel(written: str, text_channel: Any, subtests: pytest.Subtests) -> None:
    def check(case: Case) -> None:
        send(case, written, requests.Session())

    every_operation(text_channel, subtests, check, 25)
