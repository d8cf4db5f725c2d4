"""What the text channel's door turns away: bodies, floods, strange origins."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from callbot.text_channel.app import MAX_BODY
from callbot.text_channel.door import Network, Rates
from callbot.town.answers import Answers
from tests.text_channel.channel import WEBHOOK, channel

NONSENSE = (
    *(b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 9000, b"9" * 9000),
    *(b'{"sender": "a"}', b'{"message": "a"}', b'{"sender": "", "message": "a"}'),
    *(b'{"sender": ["a"], "message": "a"}', b'{"sender": "a", "message": 3}'),
    *(b'{"sender": null, "message": "a"}', b'{"sender": true, "message": "a"}'),
    *(b'{"sender": "\\ud800", "message": "a"}', b'{"sender": "a", "message": "\\udfff"}'),
    b'{"sender": "' + b"a" * 257 + b'", "message": "a"}',
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BODIES = JSON | st.fixed_dictionaries({"sender": st.text() | JSON, "message": st.text() | JSON})


async def test_a_body_that_makes_no_sense_is_refused_in_french(answers: Answers) -> None:
    async with channel(answers) as text:
        for body in NONSENSE:
            response = await text.http.post(
                WEBHOOK, content=body, headers={"Content-Type": "application/json"}
            )
            assert response.status_code == 422, body[:40]
            assert response.json() == {"detail": "Ce message n'a pas la forme attendue."}
        assert not text.books


async def test_a_form_from_another_site_is_no_message(answers: Answers) -> None:
    """A browser sends text/plain across sites without asking first."""
    async with channel(answers) as text:
        body = b'{"sender": "a", "message": "b"}'
        response = await text.http.post(WEBHOOK, content=body, headers={"Content-Type": "text/plain"})
        assert response.status_code == 422 and not text.books


async def test_a_message_too_long_is_refused_in_french(answers: Answers) -> None:
    async with channel(answers) as text:
        response = await text.post("a" * 1001)
        assert response.status_code == 422
        assert response.json() == {"detail": "Votre message est trop long : écrivez 1000 caractères au plus."}
        assert (await text.post("é" * 1000)).status_code == 200
        assert (await text.post("a" * MAX_BODY)).status_code == 413


async def test_a_body_without_end_is_not_read_to_its_end(answers: Answers) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"a" * MAX_BODY

    async with channel(answers) as text:
        with contextlib.suppress(httpx.WriteError, httpx.ReadError):  # closed while we were still sending
            response = await text.http.post(
                WEBHOOK, content=endless(), headers={"Content-Type": "application/json"}
            )
            assert response.status_code == 413
        assert (await text.post("/start")).status_code == 200


async def test_a_long_message_is_asked_for_in_fewer_words(answers: Answers) -> None:
    async with channel(answers) as text:
        said = await text.said("et puis " * 110)
        assert said[-1].startswith("Je n'ai pas compris votre message. Écrivez-le en une phrase courte")


@pytest.mark.parametrize(
    ("rates", "senders"),
    [(Rates(sender=2), "aaa"), (Rates(address=2), "abc"), (Rates(total=2), "abc")],
)
async def test_too_many_messages_are_told_when_to_come_back(
    answers: Answers, rates: Rates, senders: str
) -> None:
    async with channel(answers, rates=rates if rates.sender == 2 else replace_start(rates)) as text:
        *_, last = [await text.post("la médiathèque", sender) for sender in senders]
        assert last.status_code == 429
        assert 1 <= int(last.headers["Retry-After"]) <= 60
        assert last.json() == {
            "detail": "Vous envoyez trop de messages. Attendez un peu avant d'écrire de nouveau."
        }
        if rates.sender == 2:
            assert (await text.post("la médiathèque", "b")).status_code == 200


def replace_start(rates: Rates) -> Rates:
    """One request more, which waits for the server to start."""
    return Rates(rates.sender, rates.address + 1, rates.total + 1)


@pytest.mark.parametrize(("trusted", "refused"), [((), True), ((ip_network("127.0.0.0/8"),), False)])
async def test_a_forwarded_address_counts_only_from_a_trusted_proxy(
    answers: Answers, trusted: tuple[Network, ...], refused: bool
) -> None:
    async with channel(answers, rates=Rates(address=3), trusted_proxies=trusted) as text:
        statuses = [
            (await text.post("/start", headers={"X-Forwarded-For": f"198.51.100.1, {address}"})).status_code
            for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")
        ]
        assert (429 in statuses) is refused
        same = [
            (await text.post("/start", headers={"X-Forwarded-For": f"203.0.113.{at}, 192.0.2.9"})).status_code
            for at in range(4)
        ]
        assert same[-1] == 429  # what stands before the last hop is a mere claim


async def test_only_configured_sites_may_call_from_a_browser(answers: Answers) -> None:
    site = "https://www.rivemont.example"
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    async with channel(answers, origins=[site]) as text:
        allowed = await text.http.options(WEBHOOK, headers={"Origin": site, **asks})
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, site)
        answer = await text.post("/start", headers={"Origin": site})
        assert answer.headers["access-control-allow-origin"] == site
        refused = await text.http.options(WEBHOOK, headers={"Origin": "https://evil.example", **asks})
        assert refused.status_code == 400 and "access-control-allow-origin" not in refused.headers
    async with channel(answers) as text:
        answer = await text.post("/start", headers={"Origin": site})
        assert "access-control-allow-origin" not in answer.headers


async def test_no_body_breaks_the_channel(answers: Answers) -> None:
    """Never a 5xx, whatever the JSON; a message without sense is answered like one that was misheard."""
    loop = asyncio.get_running_loop()

    def check(post: Callable[[bytes], int]) -> None:
        @settings(
            max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
        )
        @given(BODIES)
        @example({"sender": "a", "message": "\u202e\u0000\ud800"})
        @example({"sender": "\ud800", "message": "a"})
        @example({"sender": "a", "message": "*"})
        @example({"sender": "a", "message": "{what}"})
        def body_is_survived(body: Any) -> None:
            assert post(json.dumps(body).encode()) in (200, 422)

        body_is_survived()

    async with channel(answers) as text:

        async def send(body: bytes) -> int:
            response = await text.http.post(
                WEBHOOK, content=body, headers={"Content-Type": "application/json"}
            )
            return response.status_code

        await asyncio.to_thread(
            check, lambda body: asyncio.run_coroutine_threadsafe(send(body), loop).result()
        )
