"""Open311 GeoReport v2: requests handed to the town's own system, and asked after.

The standard: https://wiki.open311.org/GeoReport_v2 (JSON answers). It knows no identity given by the sender,
so ours travels in the description's last line, by which a request is found again. It has no pages either;
`page` and `page_size` are the extension most servers implement.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field

from callbot.errors import DeliveryError
from callbot.town.delivery import SecretFile, exchange, read_secret
from callbot.types import Delivery

MAX_DESCRIPTION = 4000
"""Characters, by the standard."""
TOKEN_TRIES = 3
TOKEN_PAUSE_S = 1.0
TOKEN = "token:"
"""Begins our note of a request the server took, but has not numbered yet."""
PAGE_SIZE = 100
MAX_PAGES = 50
_NO_SUCH_PAGE = frozenset({400, 404, 416, 422})
LOOK_BACK = timedelta(days=1)
"""Clocks and time zones of servers are not always right."""
STATUS_S = 3.0
"""Patience with a question a caller waits for."""


class Open311Config(BaseModel):
    """Where and how a town takes requests by Open311."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        pattern=r"^https?://[^\s?#]+$", description="Of the endpoint: what precedes /requests.json."
    )
    jurisdiction: str = Field("", description="jurisdiction_id, where a server has several towns.")
    key_file: SecretFile | None = Field(None, description="File that holds the api_key, on one line.")
    services: dict[str, str] = Field(default_factory=dict, description="service_code by intent.")
    other: str = Field("", description="service_code of all other requests; empty: they go another way.")
    timeout_ms: int = Field(8000, ge=500, le=30000, description="Patience with one answer.")

    def code(self, intent: str) -> str:
        """The service_code of an intent, empty when it does not go this way."""
        return self.services.get(intent, self.other)


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """How a request stands in the town's system."""

    state: Literal["open", "closed"]
    notes: str
    """status_notes, as people wrote them."""
    updated: datetime | None
    """With zone; None when the server does not tell."""
    remote: str
    """The receiver's number: a token has become one."""


class Open311Sender:
    """Hands drafts to an endpoint.

    A draft's content: intent, reference, description, address, phone, requested_at (ISO 8601, UTC).

    Raises:
        TownError: the key can't be read.
    """

    def __init__(self, config: Open311Config) -> None:
        self._config = config
        self._key = read_secret(config.key_file) if config.key_file else ""
        self._limit_s = config.timeout_ms / 1000
        self._http = httpx.AsyncClient(
            base_url=config.url.rstrip("/"),
            timeout=httpx.Timeout(self._limit_s),
            trust_env=False,  # what callers ask for goes to the town, never through a proxy
        )
        self._place = {"jurisdiction_id": config.jurisdiction} if config.jurisdiction else {}

    async def send(self, delivery: Delivery) -> str:
        """Post it; returns its number, `token:…` while it has none, empty when the server never gives one.

        Raises:
            DeliveryError: see Sender.send.
        """
        content = delivery.draft.content
        mark = _mark(delivery.draft.key)
        form = {
            **self._place,
            "service_code": self._code(delivery),
            "description": f"{content['description'][: MAX_DESCRIPTION - len(mark) - 1]}\n{mark}",
            "address_string": content["address"],
            "phone": content.get("phone", ""),
            "api_key": self._key,
            "attribute[callbot_key]": delivery.draft.key,
        }
        form = {name: value for name, value in form.items() if value}
        answer = _first(await self._ask(self._http.build_request("POST", "/requests.json", data=form)))
        if number := _text(answer, "service_request_id"):
            return number
        if token := _text(answer, "token"):
            return await self._number_soon(token)
        if not answer.keys() & {"service_request_id", "token", "service_notice", "account_id"}:
            raise DeliveryError("Open311 took the request, but answers nonsense", unsure=True)
        return ""  # a service of type blackbox

    async def find(self, delivery: Delivery) -> str | None:
        """Look for our mark in what came in since the request was made.

        Raises:
            DeliveryError: see Sender.find.
        """
        since = _time(delivery.draft.content["requested_at"]) - LOOK_BACK
        mark = _mark(delivery.draft.key)
        seen: set[str] = set()
        for page in range(MAX_PAGES):
            listed = await self._list(self._code(delivery), since, page)
            for item in listed:
                if mark in _text(item, "description"):
                    return _number_or_token(item)
            new = {_number_or_token(item) for item in listed} - seen
            # The end; or a server without pages gives the same again, as one that counts from 1 does once.
            if not listed or (not new and page > 1):
                return None
            seen |= new
        raise DeliveryError(f"Open311 lists more than {MAX_PAGES} pages: can't tell what has arrived")

    async def status(self, remote: str) -> RequestStatus:
        """How a request stands.

        Args:
            remote: what `send` or `find` returned; not empty.

        Raises:
            DeliveryError: no answer in time, or it is not known there.
        """
        try:
            async with asyncio.timeout(min(self._limit_s, STATUS_S)):
                if remote.startswith(TOKEN):
                    number = await self._number(remote.removeprefix(TOKEN))
                    if not number:
                        return RequestStatus("open", "", None, remote)
                    remote = number
                path = f"/requests/{quote(remote, safe='')}.json"
                answer = _first(await self._ask(self._get(path)))
        except TimeoutError as error:
            raise DeliveryError("Open311 did not answer in time") from error
        if not (state := _text(answer, "status")):
            raise DeliveryError("Open311 answers a status that makes no sense")
        return RequestStatus(
            "closed" if state.lower() == "closed" else "open",
            _text(answer, "status_notes"),
            _time_or_none(_text(answer, "updated_datetime")),
            remote,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _code(self, delivery: Delivery) -> str:
        intent = delivery.draft.content["intent"]
        if not (code := self._config.code(intent)):
            raise DeliveryError(f"open311 of the town file has no service_code for {intent}", final=True)
        return code

    async def _list(self, code: str, since: datetime, page: int) -> list[dict[str, Any]]:
        asked = {
            "service_code": code,
            "start_date": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "page_size": str(PAGE_SIZE),
            # Boston counts pages from 0, others from 1: the first one has no number.
            **({"page": str(page)} if page else {}),
        }
        try:
            listed = _items(await self._ask(self._get("/requests.json", asked)))
        except DeliveryError as error:
            if page and error.status in _NO_SUCH_PAGE:  # some servers refuse the page after the last one
                return []
            raise
        if not all(map(_number_or_token, listed)):  # an error told with status 200 is no empty list
            raise DeliveryError("Open311 answers no list of requests")
        return listed

    async def _number_soon(self, token: str) -> str:
        """A token's number if it comes within seconds. The request has arrived: nothing fails any more."""
        for attempt in range(TOKEN_TRIES):
            await asyncio.sleep(TOKEN_PAUSE_S if attempt else 0)
            with contextlib.suppress(DeliveryError):  # 404 while it is being made
                if number := await self._number(token):
                    return number
        return TOKEN + token

    async def _number(self, token: str) -> str:
        answer = _first(await self._ask(self._get(f"/tokens/{quote(token, safe='')}.json")))
        return _text(answer, "service_request_id")

    def _get(self, path: str, asked: dict[str, str] | None = None) -> httpx.Request:
        # Without the key, which the standard does not want here: addresses are written to logs.
        return self._http.build_request("GET", path, params={**self._place, **(asked or {})})

    async def _ask(self, request: httpx.Request) -> object:
        body = await exchange(self._http, request, "Open311", self._limit_s)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise DeliveryError("Open311 answers no JSON", unsure=True) from error


def _mark(key: str) -> str:
    return f"[callbot {key}]"


def _items(body: object) -> list[dict[str, Any]]:
    """The requests of an answer: a list by the standard; some servers keep the wrapping of its XML.

    Raises:
        DeliveryError: neither.
    """
    while isinstance(body, dict) and (inner := body.get("service_requests", body.get("request"))) is not None:
        body = inner
    items: list[Any] = body if isinstance(body, list) else [body]
    if not all(isinstance(item, dict) for item in items):
        raise DeliveryError("Open311 answers no list of requests", unsure=True)
    return items


def _first(body: object) -> dict[str, Any]:
    return next(iter(_items(body)), {})


def _text(item: dict[str, Any], name: str) -> str:
    """A field as text: numbers come as JSON numbers or strings, absent ones as null."""
    value = item.get(name)
    return "" if value is None or isinstance(value, dict | list | bool) else str(value).strip()


def _number_or_token(item: dict[str, Any]) -> str:
    if number := _text(item, "service_request_id"):
        return number
    return TOKEN + token if (token := _text(item, "token")) else ""


def _time(text: str) -> datetime:
    """ISO 8601; without zone it is UTC."""
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)


def _time_or_none(text: str) -> datetime | None:
    try:
        return _time(text)
    except (ValueError, OverflowError):  # the year 9999 is none of UTC's
        return None
