"""Messages and call-backs: the list, the sound, what is done."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from callbot.console.access import Operator, Poster, Reader
from callbot.console.board import SCRIPT, Flag, Id
from callbot.console.house import TheHouse

router = APIRouter()

SOUND = re.compile(r"message-[0-9a-f]{24}\.wav")
"""As `speech/message.py` names them."""
SOUNDS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"audio/wav": {}}},
    206: {"description": "A part of it", "content": {"audio/wav": {}}},
    416: {"description": "No such part", "content": {"text/plain": {}}},
}


@router.get("/messages")
def page(house: TheHouse, visitor: Reader) -> Response:
    """Everything left by callers: to do, then done."""
    lists = [
        [
            (task, bool(task.recording) and (house.messages / task.recording).is_file())
            for task in house.board.tasks(done)
        ]
        for done in (False, True)
    ]
    return house.pages.page("messages.html", visitor, to_do=lists[0], done=lists[1], back="messages")


@router.get("/messages/son/{name}", responses=SOUNDS)
def sound(request: Request, house: TheHouse, visitor: Operator, name: str) -> Response:
    """A message's sound, or the part of it that a player asks for."""
    task = house.board.recorded(name) if SOUND.fullmatch(name) else None
    path = house.messages / name
    if task is None or not path.is_file():
        raise HTTPException(404)
    house.heard(request, visitor, "message_played", task.reference)
    return FileResponse(path, media_type="audio/wav")


@router.post("/demandes/{id}/traitee")
def done(
    request: Request,
    house: TheHouse,
    visitor: Poster,
    id: Id,
    done: Flag = "1",
    back: Annotated[Literal["", "messages"], Form()] = "",
) -> Response:
    """Somebody was called back, or not after all."""
    if not house.board.set_done(id, done == "1", visitor.name):
        raise HTTPException(404)
    return Response(status_code=204) if SCRIPT in request.headers else RedirectResponse(f"/{back}", 303)
