"""The API: a widget's messages in, the bot's sentences out.

Paths, bodies and `?stream=true` are those of Rasa's REST channel (rasa/core/channels/rest.py of Rasa 3.6,
https://legacy-docs-oss.rasa.com/docs/rasa/connectors/your-own-website).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.middleware.cors import CORSMiddleware

from callbot.dialogue.writing import Button, clean, for_reading, written
from callbot.text_channel.conversations import Open, Seats, sweep
from callbot.text_channel.door import Door, Limiter, Network, Rates, too_many
from callbot.town.answers import Answers

MAX_MESSAGE = 1000
"""Characters of one message."""
MAX_SENDER = 256
"""Characters of a sender's id; widgets send a UUID or a token."""
MAX_BODY = 32_768
"""Bytes of one request: the longest message with every character escaped, and a widget's metadata."""
DESCRIPTION = "Les chemins et les messages sont ceux du canal REST de Rasa."
"""What who opens /openapi.json reads after the greeting."""


class Message(BaseModel):
    """What a widget sends."""

    sender: str = Field(min_length=1, max_length=MAX_SENDER, coerce_numbers_to_str=True)
    """Whose conversation it is: hard to guess."""
    message: str = Field(max_length=MAX_MESSAGE)
    """What they write; `/start` begins anew."""
    metadata: Any = None
    """Accepted as Rasa does, not used; so is the next."""
    input_channel: Any = None


class Item(BaseModel):
    """One of the bot's sentences."""

    recipient_id: str
    text: str
    buttons: list[Button] | None = None


class Problem(BaseModel):
    """Why nothing was answered, in French."""

    detail: str


def build_app(
    open_dialogue: Open,
    answers: Answers,
    *,
    origins: Sequence[str] = (),
    trusted_proxies: Sequence[Network] = (),
    rates: Rates = Rates(),  # noqa: B008 (frozen)
    idle_s: float = 1800,
    max_sessions: int = 1000,
    clock: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """The text channel as an ASGI application.

    Args:
        origins: web sites whose pages may call it from a browser (`https://www.rivemont.example`).
        trusted_proxies: those in front; of X-Forwarded-For, only the hop they added is believed.
        rates: most messages a minute; beyond, 429.
        idle_s, max_sessions: see `Seats`.
        clock: seconds, for `idle_s`.
    """
    seats = Seats(open_dialogue, for_reading(answers), idle_s, max_sessions, clock)
    limiter = Limiter(rates)
    salt = secrets.token_bytes(16)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(sweep(seats))
        yield
        sweeper.cancel()
        await seats.close()

    app = FastAPI(
        title="callbot, canal texte",
        description=f"{written('greeting', town=answers.town.name)} {DESCRIPTION}",
        lifespan=lifespan,
        max_body_size=MAX_BODY,
        # The pages that show the API load scripts from a CDN; /openapi.json alone stays.
        docs_url=None,
        redoc_url=None,
        # What citizens write is nobody else's business, whatever OTEL_* variables the machine has.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.seats = seats
    app.add_middleware(Door, limiter=limiter, trusted_proxies=trusted_proxies)
    if origins:  # outermost, so that a page may read refusals too
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type"],
            expose_headers=["Retry-After"],
        )

    @app.exception_handler(RequestValidationError)
    async def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
        """A body that can't be answered; FastAPI's own reply would send it back."""
        long = any(one["type"] == "string_too_long" and "message" in one["loc"] for one in error.errors())
        return _refusal("too_long" if long else "unreadable")

    @app.exception_handler(400)
    async def refuse_unparsed(_: Request, error: Exception) -> JSONResponse:
        """What is beyond the JSON parser: nested too deep, a number too long."""
        return _refusal("unreadable")

    @app.get("/webhooks/rest/")
    async def health() -> dict[str, str]:
        """Is the channel there? Whether Rasa is, `callbot status` tells."""
        return {"status": "ok"}

    @app.post(
        "/webhooks/rest/webhook",
        response_model=list[Item],
        responses={
            **{status: {"model": Problem} for status in (422, 429)},
            413: {"description": "Longer than any message", "content": {"text/plain": {}}},
        },
    )
    async def webhook(message: Message, stream: str = "false") -> Response:
        """Answer a message; with `stream=true` one JSON object a line instead of a list."""
        # Never kept nor logged as it came: who knows a sender's id can go on with their conversation.
        sender = hashlib.blake2b(message.sender.encode(), key=salt, digest_size=16).digest()
        if wait_s := limiter.wait_s("sender", sender.hex()):
            return too_many(wait_s)
        items = [
            Item(recipient_id=message.sender, text=said.text, buttons=list(said.buttons) or None)
            for said in await seats.hear(sender, clean(message.message))
        ]
        if stream.lower() == "true":
            lines = "".join(f"{item.model_dump_json(exclude_none=True)}\n" for item in items)
            return Response(lines, media_type="text/event-stream")  # as Rasa labels it
        return JSONResponse([item.model_dump(exclude_none=True) for item in items])

    return app


def _refusal(sentence: str) -> JSONResponse:
    return JSONResponse({"detail": written(sentence, most=str(MAX_MESSAGE))}, 422)
