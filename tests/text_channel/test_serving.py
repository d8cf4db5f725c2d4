"""The text channel when parts of it fail or stop; what it writes down, and what it never logs."""

import asyncio
import logging
import socket
from typing import Any

import httpx
import pytest

from callbot.dialogue.dialogue import Dialogue
from callbot.dialogue.state import Thresholds
from callbot.errors import SettingsError, UnderstandingError
from callbot.journal.call import CallJournal
from callbot.journal.store import Journal
from callbot.rehearsal import TrialDesk
from callbot.text_channel.app import build_app
from callbot.text_channel.serving import serve
from callbot.town.answers import Answers
from callbot.types import CallInfo, IntentScore, Outcome
from callbot.understanding.understanding import Understanding
from tests.text_channel.channel import WEBHOOK, Book, channel, free_port, parse, running

from ..patience import PATIENCE_S


async def test_rasa_away_is_said_and_the_conversation_goes_on(answers: Answers) -> None:
    away = [True]

    async def failing(text: str) -> tuple[IntentScore, ...]:
        if away[0]:
            raise UnderstandingError("Rasa: ConnectError")
        return await parse(text)

    async with channel(answers, failing) as text:
        assert await text.said("la médiathèque") == [
            "Bonjour, je suis le robot de la mairie de Rivemont.",
            "Je ne peux pas vous répondre pour le moment. Appelez la mairie au 02 61 91 12 00.",
        ]
        away[0] = False
        assert "médiathèque" in (await text.said("la médiathèque"))[0]
        (book,) = text.books
        assert [turn.move for turn in book.turns] == ["greet", "failed", "answer:mediatheque_horaires"]
        assert book.turns[1].utterance == "la médiathèque"
        away[0] = True
        await text.said("le banc")
    assert book.outcome == Outcome("FAILED", reason="server_stopped")


async def test_a_journal_that_fails_ends_the_conversation(answers: Answers) -> None:
    async with channel(answers, fails=True) as text:
        for _ in range(2):
            assert await text.said("la médiathèque") == [
                "Je ne peux pas vous répondre pour le moment. Appelez la mairie au 02 61 91 12 00."
            ]
        assert [book.outcome for book in text.books] == [Outcome("FAILED", reason="fault")] * 2


async def test_the_real_journal_holds_the_conversation(answers: Answers, tmp_path: Any) -> None:
    journal = Journal(f"sqlite:///{tmp_path / 'journal.sqlite'}", b"k" * 32)

    def open_dialogue(info: CallInfo, answers: Answers) -> tuple[Dialogue, CallJournal]:
        book = CallJournal(journal, info, "Rivemont")
        return Dialogue(Understanding(parse), answers, Thresholds(0.6, 0.3, 0.5), TrialDesk()), book

    async with running(build_app(open_dialogue, answers)) as http:
        for message in ("/start", "le banc est cassé", "12 rue de la Fontaine", "oui"):
            response = await http.post(WEBHOOK, json={"sender": "a", "message": message})
        assert "Votre numéro de demande est le 10" in response.text
    (call,) = journal.calls()
    assert (call.linkedid[:5], call.caller_hash, call.result, call.reason) == (
        *("text-", ""),
        *("DONE", "server_stopped"),
    )
    assert [turn.heard for turn in journal.turns(call.id)] == ["", *["speech"] * 3]
    journal.close()


async def test_nothing_of_a_citizen_is_logged(answers: Answers, caplog: pytest.LogCaptureFixture) -> None:
    async def failing(text: str) -> tuple[IntentScore, ...]:
        if "explose" in text:
            raise KeyError(text)  # a bug whose message holds what was written
        if "absent" in text:
            raise UnderstandingError("Rasa: ConnectError")
        return await parse(text)

    caplog.set_level(logging.DEBUG)
    async with channel(answers, failing) as text:
        for message in ("secretmot la médiathèque", "secretmot explose", "secretmot absent", "secretmot 0"):
            await text.said(message, "secretsender")
        await text.post("secretmot" * 200, "secretsender")
        await text.http.post(WEBHOOK, content=b'{"secretmot', headers={"Content-Type": "application/json"})
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    logged = "\n".join(logging.Formatter().format(record) for record in ours)
    assert "chat text-" in logged and "KeyError" in logged and "ConnectError" in logged
    assert "secret" not in logged and "127.0.0.1" not in logged


async def test_an_address_in_use_is_said(answers: Answers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        app = build_app(lambda info, answers: pytest.fail("nobody called"), answers)
        with pytest.raises(SettingsError, match=f"text_port {port}"):
            await serve(app, "127.0.0.1", port)


async def test_stopping_answers_who_waits(answers: Answers) -> None:
    async def slow(text: str) -> tuple[IntentScore, ...]:
        await asyncio.sleep(0.5)
        return await parse(text)

    port = free_port()
    books: list[Book] = []

    def open_dialogue(info: CallInfo, answers: Answers) -> tuple[Dialogue, Book]:
        books.append(Book(info))
        return Dialogue(Understanding(slow), answers, Thresholds(0.6, 0.3, 0.5), TrialDesk()), books[-1]

    serving = asyncio.create_task(serve(build_app(open_dialogue, answers), "127.0.0.1", port))
    await asyncio.sleep(0.5)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        asked = asyncio.create_task(http.post(WEBHOOK, json={"sender": "a", "message": "la médiathèque"}))
        await asyncio.sleep(0.2)
        serving.cancel()
        assert "médiathèque" in (await asked).text
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(serving, PATIENCE_S)
    assert books[0].outcome == Outcome("DONE", reason="server_stopped")
