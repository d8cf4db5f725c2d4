"""Documents from the network or a file: fetched when due, again only if changed, never too much of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import httpx

from callbot.errors import LiveError
from callbot.town.feeds import MAX_BYTES, one_line

MAX_REDIRECTS = 3
_SCHEMES = {"http": ("http", "https"), "https": ("https",)}
"""Where a redirect may lead from here: never to another protocol, never back to the clear."""


class Parsed(Protocol):
    """What a parser makes of a document that tells how long it lives."""

    @property
    def ttl_s(self) -> int:
        """Seconds before the publisher has anything new."""


P = TypeVar("P", bound=Parsed)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document and what its server wants to hear to tell whether it changed."""

    body: bytes
    etag: str = ""
    modified: str = ""
    """Last-Modified; of a file, its time and size."""


class Fetcher:
    """Gets documents over HTTP. A proxy of the environment is used: town halls often have no other way out.

    Args:
        timeout_s: patience with one document, from the first byte sent to the last one read.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._http = httpx.AsyncClient(timeout=timeout_s, follow_redirects=False)

    async def get(self, url: str, known: Fetched | None = None) -> Fetched:
        """The document, or `known` itself when it has not changed.

        Raises:
            LiveError: no answer in time, a bad one, or too large.
        """
        headers = {}
        if known and known.etag:
            headers["If-None-Match"] = known.etag
        if known and known.modified:
            headers["If-Modified-Since"] = known.modified
        try:
            async with asyncio.timeout(self._timeout_s):  # httpx's own is for each read
                return await self._follow(httpx.URL(url), headers, known)
        except TimeoutError as error:
            raise LiveError(f"no answer within {self._timeout_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise LiveError(one_line(f"{type(error).__name__}: {error}")) from error

    async def _follow(self, url: httpx.URL, headers: dict[str, str], known: Fetched | None) -> Fetched:
        for _ in range(MAX_REDIRECTS + 1):
            async with self._http.stream("GET", url, headers=headers) as response:
                if response.status_code == 304 and known:
                    return known
                if response.has_redirect_location:
                    target = url.join(response.headers["location"])
                    if target.scheme not in _SCHEMES.get(url.scheme, ()):
                        raise LiveError(f"redirected from {url.scheme} to {target.scheme}")
                    url = target
                    continue
                if response.status_code != 200:
                    raise LiveError(f"HTTP {response.status_code}")
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise LiveError(f"more than {MAX_BYTES} bytes")
                told = response.headers
                return Fetched(bytes(body), told.get("etag", ""), told.get("last-modified", ""))
        raise LiveError(f"more than {MAX_REDIRECTS} redirects")

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def read_file(path: Path, known: Fetched | None = None) -> Fetched:
    """A local document, or `known` itself when the file has not changed.

    Raises:
        LiveError: unreadable or too large.
    """
    try:
        state = path.stat()
        modified = f"{state.st_mtime_ns} {state.st_size}"
        if known and known.modified == modified:
            return known
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise LiveError(f"can't read {path}: {error.strerror}") from error
    if len(body) > MAX_BYTES:
        raise LiveError(f"{path}: more than {MAX_BYTES} bytes")
    return Fetched(body, modified=modified)


class Document(Generic[P]):
    """One document at one address, parsed; asked for again when its time to live is over."""

    def __init__(self, fetcher: Fetcher, url: str, parse: Callable[[bytes], P]) -> None:
        self.url = url
        self._fetcher = fetcher
        self._parse = parse
        self._fetched: Fetched | None = None
        self._value: P | None = None
        self._due_s = 0.0

    async def get(self, least_s: float = 0.0, most_s: float = 0.0) -> P:
        """What the document says; raises LiveError.

        Args:
            least_s: not asked for again sooner, whatever its time to live.
            most_s: nor later.
        """
        clock = asyncio.get_running_loop().time
        if self._value is None or clock() >= self._due_s:
            fetched = await self._fetcher.get(self.url, self._fetched)
            if self._value is None or fetched is not self._fetched:
                # Some feeds are megabytes: calls go on meanwhile.
                self._value = await asyncio.to_thread(self._parse, fetched.body)
                self._fetched = fetched
            self._due_s = clock() + min(max(least_s, self._value.ttl_s), most_s)
        return self._value

    def forget(self) -> None:
        """Ask for it next time, whatever its time to live."""
        self._due_s = 0.0
