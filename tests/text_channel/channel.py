"""A running text channel, a client of it, and what stands for the rest of the bot."""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from callbot.dialogue.dialogue import Dialogue
from callbot.dialogue.state import Caller, Thresholds
from callbot.errors import JournalError
from callbot.rehearsal import TrialDesk
from callbot.text_channel.app import build_app
from callbot.text_channel.door import Rates
from callbot.text_channel.serving import serve
from callbot.town.answers import Answers
from callbot.types import CallInfo, IntentScore, Outcome, TurnRecord
from callbot.understanding.understanding import Parse, Understanding

from ..patience import PATIENCE_S

OPEN, CLOSED = datetime(2026, 11, 24, 15), datetime(2026, 11, 21, 22)
WEBHOOK = "/webhooks/rest/webhook"
UNDERSTOOD = {
    "banc": ("voirie_mobilier_urbain_casse", 0.95),
    "médiathèque": ("mediatheque_horaires", 0.95),
    "passeport": ("identite_passeport_pieces", 0.4),
    "urbanisme": ("accueil_joindre_service", 0.7),
    "quelqu'un": ("conversation_humain", 0.95),
    "au revoir": ("conversation_au_revoir", 0.95),
    "sourd": ("conversation_malentendant", 0.95),
    "un acte": ("etat_civil_acte_naissance_copie", 0.29),
    "au secours": ("urgence_vitale", 0.95),
}
SECOND = {"etat_civil_acte_naissance_copie": "etat_civil_acte_mariage_copie"}
TELEPHONE_ONLY = re.compile(
    r"appuyez|touche ne|raccrochez|ne quittez|vous passe|entend|dites(?!-le)|\bpress|drücken|pulse|prema",
    re.I,
)
"""Words that make sense on a telephone only."""


async def parse(text: str) -> tuple[IntentScore, ...]:
    """Stands for Rasa: the first words found decide."""
    for words, (intent, confidence) in UNDERSTOOD.items():
        if words in text:
            return (IntentScore(intent, confidence), IntentScore(SECOND.get(intent, "x"), 0.28))
    return (IntentScore("hors_sujet", 0.9),)


@dataclass
class Book:
    """Stands for a conversation's journal."""

    info: CallInfo
    turns: list[TurnRecord] = field(default_factory=list)
    outcome: Outcome | None = None
    fails: bool = False

    async def record(self, turn: TurnRecord) -> None:
        if self.fails:
            raise JournalError("journal: disk full")
        self.turns.append(turn)

    async def end(self, outcome: Outcome) -> None:
        self.outcome = outcome


class Channel:
    """A running text channel and a client of it."""

    def __init__(self, http: httpx.AsyncClient, books: list[Book]) -> None:
        self.http = http
        self.books = books

    async def post(self, message: Any, sender: Any = "anne", **more: Any) -> httpx.Response:
        return await self.http.post(WEBHOOK, json={"sender": sender, "message": message}, **more)

    async def said(self, message: str, sender: str = "anne") -> list[str]:
        response = await self.post(message, sender)
        assert response.status_code == 200, response.text
        assert all(item["recipient_id"] == sender for item in response.json())
        return [item["text"] for item in response.json()]


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The channel served on the loopback in this test's loop."""
    port = free_port()
    task = asyncio.create_task(serve(app, "127.0.0.1", port))
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE_S
        ) as http:
            for _ in range(200):
                with contextlib.suppress(httpx.ConnectError):
                    await http.get("/")
                    break
                await asyncio.sleep(0.02)
            yield http
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, PATIENCE_S)


@contextlib.asynccontextmanager
async def channel(
    answers: Answers, understood: Parse = parse, fails: bool = False, now: datetime = OPEN, **options: Any
) -> AsyncIterator[Channel]:
    books: list[Book] = []

    def open_dialogue(info: CallInfo, answers: Answers) -> tuple[Dialogue, Book]:
        books.append(Book(info, fails=fails))
        dialogue = Dialogue(
            Understanding(understood),
            answers,
            Thresholds(0.6, 0.3, 0.5),
            TrialDesk(),
            lambda: now,
            Caller(),
        )
        return dialogue, books[-1]

    options.setdefault("rates", Rates(10_000, 10_000, 10_000))
    async with running(build_app(open_dialogue, answers, **options)) as http:
        yield Channel(http, books)
