"""/metrics, /live and /ready on a small port: for Prometheus, and for whoever starts and stops servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from callbot.metrics import CONTENT_TYPE, Health, Metrics


def build_app(metrics: Metrics, look: Callable[[], Awaitable[Health]]) -> Starlette:
    """The pages.

    Args:
        metrics: what is counted.
        look: how the server is now.
    """

    async def figures(_: Request) -> Response:
        return Response(metrics.text(await look()), media_type=CONTENT_TYPE)

    async def live(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(_: Request) -> Response:
        health = await look()
        state = {
            "ready": health.ready,
            "rasa": health.rasa,
            "draining": health.draining,
            "calls": health.calls,
            "journal": health.outbox is not None,
            "spool": health.spool,
        }
        return JSONResponse(state, 200 if health.ready else 503)

    return Starlette(routes=[Route("/metrics", figures), Route("/live", live), Route("/ready", ready)])
