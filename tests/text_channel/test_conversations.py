"""Conversations in writing over real HTTP on the loopback; Rasa is stood in for."""

import asyncio
import json
import re

import pytest

from callbot.town.answers import Answers
from callbot.types import IntentScore, Outcome
from tests.text_channel.channel import CLOSED, TELEPHONE_ONLY, WEBHOOK, Clock, channel, parse


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


async def test_out_of_hours_the_number_is_told_with_when_it_answers(answers: Answers) -> None:
    async with channel(answers, now=CLOSED) as text:
        await text.said("/start")
        assert await text.said("je veux joindre l'urbanisme") == [
            "L'accueil de la mairie est fermé en ce moment, et rouvre lundi à huit heures trente.",
            "Appelez le service de l'urbanisme au 02 61 91 12 20, aux heures d'ouverture.",
        ]
        assert "robot" in (await text.said("oui"))[0]  # no recorded message is begun
