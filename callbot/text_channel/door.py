"""Who may send how many messages a minute."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from callbot.dialogue.writing import written

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Rates:
    """Most messages a minute."""

    sender: int = 30
    address: int = 60
    total: int = 600


class Limiter:
    """Counts messages in memory, over the last minute."""

    def __init__(self, rates: Rates) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._items = {
            name: RateLimitItemPerMinute(getattr(rates, name)) for name in ("sender", "address", "total")
        }

    def wait_s(self, kind: str, key: str = "") -> int:
        """Count one message; returns the seconds to wait when it is one too many, else 0."""
        item = self._items[kind]
        if self._limiter.hit(item, kind, key):
            return 0
        reset = self._limiter.get_window_stats(item, kind, key).reset_time
        return max(1, math.ceil(reset - time.time()))


class Door:
    """Turns away who knocks too often, before anything of the request is read."""

    def __init__(self, app: ASGIApp, limiter: Limiter, trusted_proxies: Sequence[Network]) -> None:
        self._app = app
        self._limiter = limiter
        self._trusted = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (ASGI)."""
        if scope["type"] == "http":
            address = client_address(scope, self._trusted)
            wait_s = self._limiter.wait_s("address", address) or self._limiter.wait_s("total")
            if wait_s:
                return await too_many(wait_s)(scope, receive, send)
        await self._app(scope, receive, send)


def client_address(scope: Scope, trusted_proxies: Sequence[Network]) -> str:
    """Who asks: of X-Forwarded-For, only the hop that a trusted proxy added is believed."""
    peer = str(scope["client"][0]) if scope.get("client") else ""
    hop = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")[-1].strip()
    try:
        trusted = any(ip_address(peer) in network for network in trusted_proxies)
        return str(ip_address(hop)) if trusted else peer
    except ValueError:  # no peer's address, or no address in the header
        return peer


def too_many(wait_s: int) -> JSONResponse:
    """Tells when to come back."""
    return JSONResponse({"detail": written("too_many")}, 429, {"Retry-After": str(wait_s)})
