"""The questions nobody could answer: given to services, answered, taught to the bot, told to who asked."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from callbot.console.access import Poster, need
from callbot.console.board import Flag, Id
from callbot.console.house import House, TheHouse
from callbot.console.questions_desk import Desk
from callbot.dialogue.moves import FRONT_DESK
from callbot.errors import CallbotError
from callbot.journal.accounts import ROLES, Visitor
from callbot.journal.outbox import Outbox
from callbot.journal.privacy import load_key
from callbot.journal.proposals import ProposalError, learnable
from callbot.journal.questions import LONGEST_ANSWER, LONGEST_LABEL, Asked, Caller
from callbot.quality.learned import LearnedError
from callbot.quality.unanswered import (
    LEAST_EXAMPLES,
    end_of,
    faults,
    intent_id,
    mail,
    refresh,
    text_message,
)
from callbot.town import sms
from callbot.town.spoken import say_all
from callbot.types import Draft

log = logging.getLogger(__name__)
router = APIRouter(prefix="/questions")

Officer = Annotated[Visitor, Depends(need("quality", page=True))]
SHOWN_ALONE = 60
LONGEST_NAME = 120
LONGEST_EXAMPLES = 12_000
MAILED = 8
"""Sentences of callers in a mail to a service."""


def officer(visitor: Poster) -> Visitor:
    """Who posts a form of these pages, if they may."""
    if ROLES.index(visitor.role) < ROLES.index("quality"):
        raise HTTPException(403)
    return visitor


Changer = Annotated[Visitor, Depends(officer)]


@dataclass(frozen=True, slots=True)
class Draught:
    """A form as it was sent, and what is wrong with it."""

    problems: tuple[str, ...] = ()
    of: Literal["", "answer", "publish"] = ""
    answer: str = ""
    name: str = ""
    how: str = "new"
    intent: str = ""
    service: str = ""
    examples: str = ""


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.questions
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]


@router.get("")
def page(house: TheHouse, desk: TheDesk, visitor: Officer) -> Response:
    """Every question, what was asked since put in its place."""
    stale = False
    try:
        refresh(desk.gathering, desk.settings.nlu_project)
    except CallbotError as error:  # another process gathers the same: what is there is shown
        log.warning("unanswered questions: %s", error)
        stale = True
    asked = desk.questions.all()
    alone = desk.gathering.alone()
    return house.pages.page(
        "questions.html",
        visitor,
        by_state={
            state: [one for one in asked if one.state == state]
            for state in ("open", "assigned", "answered", "published", "closed")
        },
        alone=alone[:SHOWN_ALONE],
        more_alone=max(0, len(alone) - SHOWN_ALONE),
        moment=desk.clock(),
        names=desk.names(),
        stale=stale,
    )


@router.get("/{id}")
def one(house: TheHouse, desk: TheDesk, visitor: Officer, id: Id, fait: str = "") -> Response:
    """One question."""
    return _shown(house, desk, visitor, id, Draught(), said=fait)


@router.post("/{id}/confier")
def assign(
    desk: TheDesk,
    visitor: Changer,
    id: Id,
    service: Annotated[str, Form(max_length=80)],
    day: Annotated[date | Literal[""], Form()] = "",
    mailed: Flag = "0",
) -> Response:
    """Give it to a service."""
    asked, sayings = _known(desk, id), desk.questions.sayings(id)
    commune = desk.commune(sayings)
    if service not in desk.services():
        raise HTTPException(422)
    until = day or desk.due(commune, service)
    draft = None
    if mailed == "1" and desk.mailbox(commune, service):
        texts = list(dict.fromkeys(one.text for one in sayings))[:MAILED]
        draft = commune, mail(asked, service, until, texts, f"question-{id}-{desk.keys(8)}")
    if not desk.questions.assign(id, service, end_of(until), visitor.name, draft):
        raise HTTPException(409)
    return _back(id, "confiee-courriel" if draft else "confiee")


@router.post("/{id}/reponse")
def answer(
    house: TheHouse,
    desk: TheDesk,
    visitor: Changer,
    id: Id,
    answer: Annotated[str, Form(max_length=2 * LONGEST_ANSWER)] = "",
) -> Response:
    """Keep what the service answered, if the voice can say it."""
    _known(desk, id)
    text = answer.replace("\0", "").strip()
    if problems := faults(text):
        return _shown(house, desk, visitor, id, Draught(problems, "answer", answer=text), 422)
    if not desk.questions.answer(id, text, visitor.name):
        raise HTTPException(409)
    return _back(id, "repondue")


@router.post("/{id}/publier")
def publish(
    house: TheHouse,
    desk: TheDesk,
    visitor: Changer,
    id: Id,
    how: Annotated[Literal["new", "join"], Form()] = "new",
    name: Annotated[str, Form(max_length=LONGEST_NAME)] = "",
    service: Annotated[str, Form(max_length=80)] = "",
    intent: Annotated[str, Form(max_length=80)] = "",
    examples: Annotated[str, Form(max_length=LONGEST_EXAMPLES)] = "",
) -> Response:
    """Make an intent of it, or examples of one that there is."""
    asked = _known(desk, id)
    if not asked.answer:
        raise HTTPException(409)
    name = " ".join(name.replace("\0", "").split()).rstrip(".!?… ")
    given = Draught((), "publish", "", name, how, intent, service, examples)
    texts = _lines(examples)
    problems = _wrong(desk, given, texts)
    if not problems:
        try:
            known = _teach(desk, asked, given, texts, visitor.name)
        except (LearnedError, ProposalError) as error:
            problems = (f"{str(error)[:1].upper()}{str(error)[1:]}.",)
    if problems:
        refused = Draught(problems, "publish", "", name, how, intent, service, examples)
        return _shown(house, desk, visitor, id, refused, 422)
    desk.questions.publish(id, known, visitor.name)
    return _back(id, "publiee")


@router.post("/{id}/etat")
def state(
    desk: TheDesk, visitor: Changer, id: Id, state: Annotated[Literal["close", "reopen"], Form()]
) -> Response:
    """Nobody shall answer it, or somebody after all."""
    change = desk.questions.close if state == "close" else desk.questions.reopen
    if not change(id, visitor.name):
        raise HTTPException(404)
    return RedirectResponse("/questions", 303) if state == "close" else _back(id)


@router.post("/{id}/nom")
def rename(
    desk: TheDesk, visitor: Changer, id: Id, label: Annotated[str, Form(max_length=LONGEST_LABEL)] = ""
) -> Response:
    """Call it something."""
    if not desk.questions.rename(id, label, visitor.name):
        raise HTTPException(404)
    return _back(id)


@router.post("/{id}/reunir")
def merge(desk: TheDesk, visitor: Changer, id: Id, into: Annotated[int, Form(ge=1, lt=2**31)]) -> Response:
    """It is the same as another one."""
    stays = desk.questions.merge(id, into, visitor.name)
    if stays is None:
        raise HTTPException(404)
    return _back(stays, "reunie")


@router.post("/tours/{turn}/sortir")
def move_out(
    desk: TheDesk, visitor: Changer, turn: Id, close: Flag = "0", back: Annotated[int, Form()] = 0
) -> Response:
    """A sentence is a question of its own, or none that anybody shall answer."""
    made = desk.questions.move_out(turn, visitor.name, close == "1")
    if made is None:
        raise HTTPException(404)
    if close == "1":
        return RedirectResponse("/questions#isolees", 303)
    return _back(back, "sortie") if back else _back(made)


@router.post("/{id}/appelants/{call}/prevenu")
def told(desk: TheDesk, visitor: Changer, id: Id, call: Id, done: Flag = "1") -> Response:
    """A caller was called back, or not after all."""
    caller = _caller(desk, id, call)
    desk.questions.tell(id, caller.calls, done == "1", visitor.name)
    return _back(id, anchor="appelants")


@router.post("/{id}/appelants/{call}/sms")
async def text(desk: TheDesk, visitor: Changer, id: Id, call: Id) -> Response:
    """Send a caller the answer."""
    asked = await asyncio.to_thread(_known, desk, id)
    caller = await asyncio.to_thread(_caller, desk, id, call)
    if not asked.answer or caller.told or not desk.can_text(caller):
        raise HTTPException(409)
    town = desk.communes[caller.town].town
    config = town.sms
    assert config is not None
    words = sms.fit(text_message(town.name, caller.at, asked.answer))
    # The key holds a second click off.
    draft = Draft("sms", f"question-{id}-{call}", {"to": sms.e164(caller.phone), "text": words})
    key = await asyncio.to_thread(load_key, desk.settings.state_dir / "journal.key")
    outbox = Outbox(desk.database, key)
    put = await outbox.put_text(
        caller.town, draft, caller.phone, lambda his, all: sms.within_limits(his, all, config)
    )
    if not put:
        return _back(id, "trop-de-sms", "appelants")
    await asyncio.to_thread(desk.questions.tell, id, caller.calls, True, visitor.name, True)
    return _back(id, "sms", "appelants")


def _shown(
    house: House, desk: Desk, visitor: Visitor, id: int, draught: Draught, status: int = 200, said: str = ""
) -> Response:
    asked, sayings = _known(desk, id), desk.questions.sayings(id)
    commune, services = desk.commune(sayings), desk.services()
    by_text = Counter(one.text for one in sayings)
    newest = {one.text: one for one in reversed(sayings)}
    catalog = desk.communes[desk.communes.first].catalog
    likely = [known for intent in desk.questions.taken_for(id) if (known := catalog.get(intent)) is not None]
    suggested = [(one, desk.answer_of(one)) for one in likely if one.kind != "control" and one.name]
    service = asked.service or FRONT_DESK
    return house.pages.page(
        "question.html",
        visitor,
        status,
        asked=asked,
        sayings=[(newest[text], count) for text, count in by_text.most_common()],
        callers=desk.questions.callers(id),
        can_text=desk.can_text,
        draught=draught,
        said=said,
        moment=desk.clock(),
        services=services,
        chosen=service,
        due=desk.due(commune, service),
        mailboxes=any(desk.mailbox(commune, key) for key in services),
        commune=commune,
        towns=[desk.communes[key].town.name for key in desk.communes],
        intents=desk.intents(),
        names=desk.names(),
        suggested=suggested,
        others=[one for one in desk.questions.all() if one.id != id and one.state != "closed"],
        examples="\n".join(by_text),
        heard=say_all(asked.answer) if asked.answer else "",
        learnt=asked.intent in desk.learned.intents(),
    )


def _known(desk: Desk, id: int) -> Asked:
    asked = desk.questions.get(id)
    if asked is None:
        raise HTTPException(404)
    return asked


def _caller(desk: Desk, id: int, call: int) -> Caller:
    caller = next((one for one in desk.questions.callers(id) if call in one.calls), None)
    if caller is None:
        raise HTTPException(404)
    return caller


def _lines(examples: str) -> list[str]:
    return list(dict.fromkeys(filter(None, (" ".join(line.split()) for line in examples.split("\n")))))


def _wrong(desk: Desk, given: Draught, texts: Sequence[str]) -> tuple[str, ...]:
    """What is missing before anything is taught."""
    found = []
    if len(texts) < LEAST_EXAMPLES:
        found.append(f"Il faut au moins {LEAST_EXAMPLES} phrases d'exemple, une par ligne.")
    for text in texts:
        try:
            learnable(text)
        except ProposalError as error:
            found.append(f"« {text[:60]} » : {error}.")
    if given.how == "join" and given.intent not in {id for id, _, _ in desk.intents()}:
        found.append("Choisissez l'intention que la question rejoint.")
    if given.how == "new" and not given.name:
        found.append("Donnez un nom à l'intention : ce qui se dit après « Vous appelez pour ».")
    if given.how == "new" and given.service not in desk.services():
        found.append("Choisissez le service.")
    return tuple(found)


def _teach(desk: Desk, asked: Asked, given: Draught, texts: Sequence[str], by: str) -> str:
    """Hand the sentences on to what the bot learns; returns the intent."""
    if given.how == "new":
        learnt = desk.learned.intents()
        id = asked.intent if asked.intent in learnt else intent_id(given.service, given.name, desk.taken())
        desk.learned.add_intent(id, given.service, given.name, say_all(asked.answer), texts)
        return id
    said = {one.text: one.turn_id for one in desk.questions.sayings(asked.id)}
    for text in texts:
        if text in said:
            desk.proposals.propose(said[text], given.intent, by)
        else:
            desk.proposals.propose_text(text, given.intent, by)
    return given.intent


def _back(id: int, done: str = "", anchor: str = "") -> Response:
    query = f"?fait={done}" if done else ""
    return RedirectResponse(f"/questions/{id}{query}{'#' + anchor if anchor else ''}", 303)
