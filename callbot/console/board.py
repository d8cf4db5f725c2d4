"""The board « En direct »: calls handed over, who is free, what is to do."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from callbot.console.access import Operator, Poster, Reader, cookie_name
from callbot.console.house import House, TheHouse
from callbot.console.live import Parts, follow
from callbot.errors import CallbotError
from callbot.journal.accounts import Visitor
from callbot.journal.board import LONGEST_NOTE, View

router = APIRouter()

SCRIPT = "x-callbot"
"""Header of a form that our script sends: it wants no page back."""
Id = Annotated[int, Path(ge=1, lt=2**31)]
Flag = Annotated[Literal["0", "1"], Form()]
Back = Annotated[Literal["", "appels", "appels?voir=manques"], Form()]
"""The page that a browser without our script goes back to."""


@router.get("/")
def page(house: TheHouse, visitor: Reader, pause: Literal["echec", ""] = "") -> Response:
    """The whole board, which needs no script."""
    parts = render(house, visitor)
    return house.pages.page(
        "board.html",
        visitor,
        parts=parts,
        has_calls=any(id.startswith("appel-") for id in parts),
        has_tasks=any(id.startswith("demande-") for id in parts),
        now=house.clock(),
        failed=pause == "echec",
    )


@router.get("/direct", responses={200: {"content": {"text/event-stream": {}}}})
def live(request: Request, house: TheHouse, visitor: Operator) -> Response:
    """The board's changes, as server-sent events."""
    token = request.cookies[cookie_name(house.settings)]

    def parts() -> Parts | None:
        still = house.accounts.visitor(token, seen=False)
        return render(house, still) if still is not None else None

    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(follow(house.pulse, parts), headers=headers, media_type="text/event-stream")


@router.post("/appels/{id}/avis")
def judge(
    request: Request,
    house: TheHouse,
    visitor: Poster,
    id: Id,
    verdict: Annotated[Literal["right", "wrong", "off_topic", ""], Form()] = "",
    back: Back = "",
) -> Response:
    """What the operator says of the intent."""
    return _done(request, house.board.judge(id, verdict, visitor.name), f"{back}#appel-{id}")


@router.post("/appels/{id}/note")
def note(
    request: Request,
    house: TheHouse,
    visitor: Poster,
    id: Id,
    note: Annotated[str, Form(max_length=2 * LONGEST_NOTE)] = "",
    back: Back = "",
) -> Response:
    """The operator's note."""
    return _done(request, house.board.set_note(id, note, visitor.name), f"{back}#appel-{id}")


@router.post("/appels/{id}/rappele")
def called_back(
    request: Request, house: TheHouse, visitor: Poster, id: Id, done: Flag = "1", back: Back = ""
) -> Response:
    """The caller was called back."""
    found = house.board.set_called_back(id, done == "1", visitor.name)
    return _done(request, found, f"{back}#appel-{id}")


@router.post("/appels/{id}/numero")
def show_number(request: Request, house: TheHouse, visitor: Poster, id: Id, back: Back = "") -> Response:
    """The caller's whole number: a link, to a script; else a page with it."""
    number = house.board.show_number(id, visitor.name)
    if number is None:
        raise HTTPException(404)
    if SCRIPT in request.headers:
        return HTMLResponse(house.pages.fragment("_number.html", number=number))
    return house.pages.page("number.html", visitor, number=number, id=id, back=back)


@router.get("/appels")
def past(house: TheHouse, visitor: Reader, voir: Literal["tous", "manques"] = "tous") -> Response:
    """What became of the calls of the last days; or those alone that nobody has answered or called back."""
    cards, view = house.board.past(missed=voir == "manques"), house.board.view()
    back = "appels?voir=manques" if voir == "manques" else "appels"
    return house.pages.page("past.html", visitor, cards=cards, view=view, mine=False, back=back, seen=voir)


@router.post("/moi/pause")
async def pause(request: Request, house: TheHouse, visitor: Poster, paused: Flag = "1") -> Response:
    """Take no calls for a while, or take them again."""
    if house.pause is None or not visitor.operator:
        raise HTTPException(409)
    try:
        await house.pause(visitor.operator, paused == "1")
    except CallbotError as error:  # the switchboard is away
        if SCRIPT in request.headers:
            raise HTTPException(503) from error
        return RedirectResponse("/?pause=echec", 303)
    action = "paused" if paused == "1" else "resumed"
    await asyncio.to_thread(house.accounts.note, visitor.name, action)
    return _done(request, True, "#moi")


def render(house: House, visitor: Visitor) -> Parts:
    """The board's parts for this reader."""
    view = house.board.view()
    fragment = house.pages.fragment
    common = {"visitor": visitor, "view": view}
    parts = {
        "moi": fragment(
            "_me.html", **common, state=_own_state(view, visitor), can_pause=house.pause is not None
        ),
        "files": fragment("_queues.html", **common),
    }
    for card in view.cards:
        mine = bool(visitor.operator) and card.operator == visitor.operator and not card.over
        parts[f"appel-{card.id}"] = fragment("_card.html", **common, card=card, mine=mine, back="")
    for task in view.tasks:
        heard = bool(task.recording) and (house.messages / task.recording).is_file()
        parts[f"demande-{task.id}"] = fragment("_task.html", visitor=visitor, task=task, heard=heard, back="")
    return parts


def _own_state(view: View, visitor: Visitor) -> str:
    """What the queues know of the visitor's telephone now; empty when nothing."""
    members = (member for queue in view.queues if not queue.stale for member in queue.members)
    return next((one.state for one in members if one.interface == visitor.operator), "")


def _done(request: Request, found: bool, place: str) -> Response:
    """To a script nothing, to a browser the page again."""
    if not found:
        raise HTTPException(404)
    return Response(status_code=204) if SCRIPT in request.headers else RedirectResponse(f"/{place}", 303)
