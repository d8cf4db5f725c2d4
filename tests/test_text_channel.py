"""The text channel over real HTTP on the loopback; Rasa is stood in for."""

import asyncio
import contextlib
import json
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from callbot.dialogue.dialogue import Dialogue
from callbot.dialogue.state import Caller, Thresholds
from callbot.dialogue.wording import TEMPLATES as SPOKEN
from callbot.dialogue.writing import WRITTEN, as_heard, clean, for_reading, in_writing
from callbot.errors import JournalError, SettingsError, UnderstandingError
from callbot.journal.call import CallJournal
from callbot.journal.store import Journal
from callbot.rehearsal import TrialDesk
from callbot.text_channel.app import MAX_BODY, build_app
from callbot.text_channel.door import Network, Rates
from callbot.text_channel.serving import serve
from callbot.town.answers import Answers, Catalog
from callbot.town.profile import load_town
from callbot.types import CallInfo, IntentScore, Outcome, Sentence, TurnRecord
from callbot.understanding.understanding import Parse, Understanding

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
NEVER_WRITTEN = re.compile(
    r"handover|nobody|transfer_no_input|transfer_too_long|ask_silence|leave_message|ask_unheard_message"
)
"""Sentences of the dialplan, of silence, of a call's length and of recorded messages."""


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
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20
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
            await asyncio.wait_for(task, 10)


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


async def test_the_api_is_rasas(answers: Answers) -> None:
    async with channel(answers) as text:
        health = await text.http.get("/webhooks/rest/")
        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        response = await text.http.post(
            WEBHOOK,
            json={"sender": "a", "message": "/start", "metadata": {"x": [1]}, "input_channel": "site"},
        )
        assert response.headers["content-type"] == "application/json"
        assert [set(item) for item in response.json()] == [{"recipient_id", "text"}] * 2
        api = (await text.http.get("/openapi.json")).json()
        assert {"/webhooks/rest/", WEBHOOK} == set(api["paths"])
        assert api["info"]["title"] == "callbot, canal texte"
        assert api["info"]["description"].startswith(response.json()[0]["text"])  # the greeting's words
        assert (await text.http.get("/docs")).status_code == 404
        assert (await text.http.get("/redoc")).status_code == 404
        assert (await text.http.get(WEBHOOK)).status_code == 405
        assert (await text.http.get("/nowhere")).status_code == 404


async def test_a_number_as_sender_is_taken_as_its_digits(answers: Answers) -> None:
    async with channel(answers) as text:
        response = await text.post("/start", 42)
        assert {item["recipient_id"] for item in response.json()} == {"42"}


@pytest.mark.parametrize("first", ["/start", "/restart", "/session_start", "/get_started", "", "  \n"])
async def test_a_widget_that_opens_gets_the_greeting_alone(answers: Answers, first: str) -> None:
    async with channel(answers) as text:
        said = await text.said(first)
        assert said[0] == "Bonjour, je suis le robot de la mairie de Rivemont."
        assert len(said) == 2 and "écrivez 0" in said[1]
        assert "robot" not in " ".join(await text.said("la médiathèque est ouverte quand"))
        assert [turn.move for turn in text.books[0].turns] == ["greet", "answer:mediatheque_horaires"]


async def test_a_question_put_at_once_is_answered_after_a_sentence_that_says_robot(answers: Answers) -> None:
    async with channel(answers) as text:
        said = await text.said("La médiathèque est ouverte quand ?")
        assert said[0] == "Bonjour, je suis le robot de la mairie de Rivemont."
        assert "médiathèque" in said[1]
        assert said[2] == "Avez-vous une autre question ?"
        (book,) = text.books
        assert re.fullmatch(r"text-[0-9a-f]{16}", book.info.linkedid)
        assert (book.info.channel, book.info.number) == ("text", "")
        greeting, answer = book.turns
        assert (greeting.number, greeting.heard, greeting.prompt) == (0, "", said[0])
        assert (answer.number, answer.heard, answer.utterance) == (
            *(1, "speech"),
            "la médiathèque est ouverte quand",
        )
        assert answer.hypotheses[0].text == answer.utterance
        assert answer.ranking[0].intent == "mediatheque_horaires"
        assert answer.prompt == " ".join(said[1:])
        assert answer.nlu_ms is not None


async def test_beginning_anew_forgets(answers: Answers) -> None:
    async with channel(answers) as text:
        await text.said("le banc est cassé")
        await text.said("/restart")
        await asyncio.sleep(0)
        assert text.books[0].outcome == Outcome("DONE", reason="hung_up")
        assert "12 rue de la" not in " ".join(await text.said("douze rue de la fontaine"))
        assert len(text.books) == 2


async def test_a_request_is_taken_in_writing(answers: Answers) -> None:
    async with channel(answers) as text:
        await text.said("/start")
        assert "Écrivez le numéro et la rue." in " ".join(await text.said("le banc est cassé"))
        assert "Dans quelle rue ?" in (await text.said("5"))[-1]  # a number, not a key
        response = await text.post("rue de la Fontaine.")
        assert "5 rue de la" in response.json()[-1]["text"]
        assert [button["payload"] for button in response.json()[-1]["buttons"]] == ["oui", "non"]
        assert "Votre numéro de demande est le 1000." in " ".join(await text.said("Oui !"))


async def test_senders_are_kept_apart(answers: Answers) -> None:
    async with channel(answers) as text:
        await text.said("le banc est cassé", "anne")
        assert "robot" in (await text.said("12 rue de la Fontaine", "bob"))[0]
        assert "12 rue de la" in (await text.said("12 rue de la Fontaine", "anne"))[0]
        assert [len(book.turns) for book in text.books] == [3, 2]


async def test_two_messages_at_once_are_answered_in_their_order(answers: Answers) -> None:
    asked: list[str] = []

    async def slow(text: str) -> tuple[IntentScore, ...]:
        asked.append(f"> {text}")
        await asyncio.sleep(0.3 if "banc" in text else 0)
        asked.append(f"< {text}")
        return await parse(text)

    async with channel(answers, slow) as text:
        first = asyncio.create_task(text.said("le banc est cassé"))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(text.said("12 rue de la Fontaine"))
        other = asyncio.create_task(text.said("la médiathèque", "bob"))
        done, _ = await asyncio.wait({first, second, other}, return_when=asyncio.FIRST_COMPLETED)
        assert done == {other}  # nobody waits for another's answer
        assert "À quelle adresse ?" in (await first)[-1]
        assert "12 rue de la" in (await second)[-1]
        assert asked.index("< le banc est cassé") < asked.index("> 12 rue de la fontaine")


async def test_a_conversation_gone_quiet_is_forgotten(answers: Answers) -> None:
    clock = Clock()
    async with channel(answers, clock=clock, idle_s=1800) as text:
        await text.said("le banc est cassé")
        clock.now = 1799
        assert "robot" not in " ".join(await text.said("9"))  # the last words again
        clock.now += 1799
        assert "rue de la" in (await text.said("12 rue de la Fontaine"))[0]
        clock.now += 1800
        assert "robot" in (await text.said("oui", "bob"))[0]
        assert text.books[0].outcome == Outcome("DONE", reason="hung_up")
        assert "robot" in (await text.said("oui"))[0]


async def test_the_one_quiet_for_longest_makes_room(answers: Answers) -> None:
    clock = Clock()
    async with channel(answers, clock=clock, max_sessions=2) as text:
        for sender in ("anne", "bob", "anne", "carl"):
            clock.now += 1
            await text.said("la médiathèque", sender)
        ended = [book.outcome for book in text.books]
        assert ended == [None, Outcome("DONE", reason="hung_up"), None]
        assert "robot" not in (await text.said("la médiathèque", "anne"))[0]


async def test_no_room_at_all_is_said(answers: Answers) -> None:
    go_on = asyncio.Event()

    async def waiting(text: str) -> tuple[IntentScore, ...]:
        await go_on.wait()
        return await parse(text)

    async with channel(answers, waiting, max_sessions=1) as text:
        first = asyncio.create_task(text.said("la médiathèque", "anne"))
        await asyncio.sleep(0.2)
        assert await text.said("la médiathèque", "bob") == [
            "Je ne peux pas vous répondre pour le moment. Appelez la mairie au 02 61 91 12 00."
        ]
        go_on.set()
        assert "robot" in (await first)[0]


async def test_goodbye_ends_and_the_next_message_begins_anew(answers: Answers) -> None:
    async with channel(answers) as text:
        await text.said("la médiathèque")
        assert await text.said("au revoir") == ["La mairie vous remercie de votre message. Au revoir."]
        await asyncio.sleep(0)
        assert text.books[0].outcome == Outcome("DONE", reason="goodbye")
        assert "robot" in (await text.said("la médiathèque"))[0]


@pytest.mark.parametrize(
    ("message", "service", "who"),
    [
        ("0", "accueil", "l'accueil de la mairie au 02 61 91 12 00"),
        ("quelqu'un", "accueil", "l'accueil de la mairie au 02 61 91 12 00"),
        ("je veux joindre l'urbanisme", "urbanisme", "le service de l'urbanisme au 02 61 91 12 20"),
    ],
)
async def test_whom_nobody_can_put_through_gets_a_number(
    answers: Answers, message: str, service: str, who: str
) -> None:
    async with channel(answers) as text:
        await text.said("/start")
        said = await text.said(message)
        assert said[-1] == f"Appelez {who}, aux heures d'ouverture."
        assert not TELEPHONE_ONLY.search(" ".join(said))
        await asyncio.sleep(0)
        ended = text.books[0].outcome
        assert ended is not None and ended.result == "TRANSFER"
        assert ended.destination == answers.town.service(service).queue
        assert "robot" in (await text.said("la médiathèque"))[0]


async def test_buttons(answers: Answers) -> None:
    async with channel(answers) as text:
        await text.said("/start")
        confirm = (await text.post("mon passeport")).json()[-1]
        assert confirm["text"].startswith("Vous nous écrivez pour ")
        yes_no = [{"title": "Oui", "payload": "oui"}, {"title": "Non", "payload": "non"}]
        assert confirm["buttons"] == yes_no
        again = (await text.post("9")).json()[-1]
        assert again == confirm
        assert "buttons" not in (await text.post("non")).json()[-1]

        choice = (await text.post("un acte", "bob")).json()[-1]
        if "buttons" not in choice or choice["buttons"] == yes_no:
            pytest.fail(f"no choice: {choice}")
        assert [button["payload"] for button in choice["buttons"]] == ["1", "2"]
        assert all(button["title"] in choice["text"] for button in choice["buttons"])
        await text.post("2", "bob")
        assert "etat_civil_acte_mariage_copie" in text.books[1].turns[-1].move

        deaf = (await text.post("je suis sourd", "carl")).json()[-1]
        assert deaf == {
            "recipient_id": "carl",
            "text": "Voulez-vous le numéro de téléphone de la mairie ?",
            "buttons": yes_no,
        }
        assert "02 61 91 12 00" in (await text.said("oui", "carl"))[-1]


async def test_an_emergency_is_told_once_in_digits(answers: Answers) -> None:
    async with channel(answers) as text:
        _, urgent, offer = await text.said("au secours mon père ne répond plus")
        assert urgent.startswith("Appelez tout de suite les secours : le 15 pour un malaise")
        assert offer == "Voulez-vous le numéro de téléphone de la mairie ?"


async def test_streaming_is_an_object_a_line(answers: Answers) -> None:
    async with channel(answers) as text:
        response = await text.post("la médiathèque", params={"stream": "true"})
        assert response.headers["content-type"].startswith("text/event-stream")
        items = [json.loads(line) for line in response.text.splitlines()]
        assert len(items) == 3 and items[0]["recipient_id"] == "anne" and "robot" in items[0]["text"]
        assert isinstance((await text.post("oui", params={"stream": "maybe"})).json(), list)


NONSENSE = (
    *(b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 9000, b"9" * 9000),
    *(b'{"sender": "a"}', b'{"message": "a"}', b'{"sender": "", "message": "a"}'),
    *(b'{"sender": ["a"], "message": "a"}', b'{"sender": "a", "message": 3}'),
    *(b'{"sender": null, "message": "a"}', b'{"sender": true, "message": "a"}'),
    *(b'{"sender": "\\ud800", "message": "a"}', b'{"sender": "a", "message": "\\udfff"}'),
    b'{"sender": "' + b"a" * 257 + b'", "message": "a"}',
)


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
        await asyncio.wait_for(serving, 10)
    assert books[0].outcome == Outcome("DONE", reason="server_stopped")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BODIES = JSON | st.fixed_dictionaries({"sender": st.text() | JSON, "message": st.text() | JSON})


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


def test_no_sentence_needs_a_telephone(answers: Answers) -> None:
    """Whatever the bot may say reads as such; what is added to sentences.yml is looked at too."""
    holes = {"town": "Rivemont", "what": "x", "service": "y", "first": "a", "second": "b", "number": "un"}
    said = [
        Sentence(id, template.format_map(_Any(holes)).strip())
        for id, template in SPOKEN.items()
        if not NEVER_WRITTEN.match(id)
    ]
    written = {one.id: in_writing(one) for one in said}
    read = for_reading(answers)
    written |= {intent.id: read.text(intent, OPEN) for intent in read.catalog}
    assert {id: text for id, text in written.items() if TELEPHONE_ONLY.search(text)} == {}


def test_every_text_sentence_is_one_of_the_bots(answers: Answers) -> None:
    own = {"call", "call_nobody", "unavailable", "unavailable_nobody", "too_long", "too_many", "unreadable"}
    for id in WRITTEN.keys() - own - {"yes", "no"}:
        assert id in SPOKEN or answers.catalog.get(id), id


class _Any(dict[str, str]):
    """Holes nobody knows yet."""

    def __missing__(self, key: str) -> str:
        return "z"


def test_what_a_town_words_itself_stays() -> None:
    town, id, words = load_town("rivemont"), "conversation_es_tu_un_robot", "Oui, appuyez sur zéro."
    own = town.model_copy(update={"answers": {id: words}})
    for one, said in ((own, words), (town, "écrivez 0.")):
        read = for_reading(Answers(one, Catalog(), OPEN))
        known = read.catalog.get(id)
        assert known is not None and read.text(known, OPEN).endswith(said)
        assert not any(intent.sms for intent in read.catalog)


async def test_out_of_hours_the_number_is_told_with_when_it_answers(answers: Answers) -> None:
    async with channel(answers, now=CLOSED) as text:
        await text.said("/start")
        assert await text.said("je veux joindre l'urbanisme") == [
            "L'accueil de la mairie est fermé en ce moment, et rouvre lundi à huit heures trente.",
            "Appelez le service de l'urbanisme au 02 61 91 12 20, aux heures d'ouverture.",
        ]
        assert "robot" in (await text.said("oui"))[0]  # no recorded message is begun


@pytest.mark.parametrize(
    ("typed", "cleaned", "heard"),
    [
        ("À qui m’adresser ?", "À qui m’adresser ?", "à qui m'adresser"),
        ("a\u0000b\u202ec\n\td", "a b c d", "a b c d"),
        ("e\u0301te\u0301", "été", "été"),
        ("(06.12.34.56.78)", "(06.12.34.56.78)", "06 12 34 56 78"),
        ("le 12/03, ou le 5/11/2026 ?", "le 12/03, ou le 5/11/2026 ?", "le 12 mars ou le 5 novembre"),
        ("ouvert 24/7 au 12-14 ?", "ouvert 24/7 au 12-14 ?", "ouvert 24/7 au 12-14"),
        ("« l'état-civil » !!", "« l'état-civil » !!", "l'état-civil"),
        ("???", "???", ""),
        ("12, rue X", "12, rue X", "12 rue x"),
    ],
)
def test_what_is_typed_becomes_what_would_be_heard(typed: str, cleaned: str, heard: str) -> None:
    assert clean(typed) == cleaned
    assert as_heard(cleaned) == heard
