"""Review: calls found, read and heard, and what officers say of each turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from callbot.console import review_words
from callbot.console.board import Id
from callbot.console.house import House, TheHouse
from callbot.console.review_desk import (
    Changer,
    Desk,
    Listener,
    Officer,
    Query,
    TheDesk,
    TheQuery,
    listed,
)
from callbot.console.review_words import Choices
from callbot.journal.accounts import Visitor
from callbot.journal.sheets import Said
from callbot.types import OUT_OF_SCOPE

router = APIRouter(prefix="/revue")

OTHERS = 3
"""Other guesses that one click chooses."""
Back = Literal["appel", "echantillon"]
Chosen = Annotated[str, Form(max_length=400)]
Listed = Annotated[str, Form(max_length=2000)]


@router.get("")
def page(house: TheHouse, desk: TheDesk, visitor: Officer, query: TheQuery, page: str = "1") -> Response:
    """The calls that pass, a page of them."""
    choices = desk.choices()
    found = desk.calls.find(query.filters(choices), int(page) if page.isdecimal() and len(page) < 7 else 1)
    return house.pages.page(
        "review.html", visitor, found=found, query=query, choices=choices, r=review_words, view="appels"
    )


@router.get("/appels/{id}")
def call(house: TheHouse, desk: TheDesk, visitor: Officer, query: TheQuery, id: Id, vu: str = "") -> Response:
    """One call; `vu` is the turn that was just marked."""
    sheet = desk.calls.call(id)
    if sheet is None:
        raise HTTPException(404)
    choices = desk.choices()
    seen = int(vu) if vu.isdecimal() and len(vu) < 10 else 0
    return house.pages.page(
        "review_call.html",
        visitor,
        call=sheet,
        sound=desk.sound(sheet.recording) is not None,
        following=desk.calls.after(query.filters(choices), id),
        query=query,
        choices=choices,
        r=review_words,
        others=lambda turn: others(turn),
        seen=next((turn for turn in sheet.turns if turn.id == seen), None),
        focus=next_of(sheet.turns, seen, visitor.name) if seen else "",
    )


@router.get("/appels/{id}/son")
def sound(request: Request, house: TheHouse, desk: TheDesk, visitor: Listener, id: Id) -> Response:
    """A call's sound, or the part of it that a player asks for."""
    sheet = desk.calls.call(id)
    path = desk.sound(sheet.recording) if sheet is not None else None
    if path is None:
        raise HTTPException(404)
    house.heard(request, visitor, "recording_played", id)
    return FileResponse(path, media_type="audio/wav")


@router.post("/tours/{id}")
def give(
    house: TheHouse,
    desk: TheDesk,
    visitor: Changer,
    id: Id,
    intent: Chosen = "",
    list: Listed = "",
    back: Annotated[Back, Form()] = "appel",
    lecture: Annotated[Literal["", "2"], Form()] = "",
) -> Response:
    """What a turn's intent was: an id, or a name."""
    turn = desk.calls.turn(id)
    if turn is None:
        raise HTTPException(404)
    choices = desk.choices()
    meant = choices.exactly(intent)
    if not meant:
        hidden = {"list": list, "back": back, "lecture": lecture}
        return which(house, visitor, choices, turn, intent, f"/revue/tours/{id}", hidden)
    desk.verdicts.give(id, meant, visitor.name)
    return _on(desk, visitor, id, list, back, lecture)


@router.post("/tours/{id}/annuler")
def undo(
    desk: TheDesk,
    visitor: Changer,
    id: Id,
    list: Listed = "",
    back: Annotated[Back, Form()] = "appel",
    lecture: Annotated[Literal["", "2"], Form()] = "",
) -> Response:
    """Take back what one said of a turn."""
    turn = desk.calls.turn(id)
    if turn is None:
        raise HTTPException(404)
    desk.verdicts.undo(id, visitor.name)
    if back == "echantillon":
        return RedirectResponse(f"/revue/echantillon?tour={id}&lecture={lecture}#tour-{id}", 303)
    return RedirectResponse(f"{_address(turn.call_id, listed(list, desk))}#tour-{id}", 303)


def which(
    house: House,
    visitor: Visitor,
    choices: Choices,
    turn: Said,
    text: str,
    action: str,
    hidden: dict[str, str],
) -> Response:
    """Ask which intent is meant: those the words of the text find, else all."""
    found = choices.find(text)
    return house.pages.page(
        "review_which.html",
        visitor,
        422,
        turn=turn,
        text=text,
        found=found,
        offered=found or choices.all,
        choices=choices,
        action=action,
        hidden=hidden,
    )


def others(turn: Said) -> list[str]:
    """The intents that one click chooses in place of what was understood."""
    likely = [intent for intent, _ in turn.ranking if intent not in (turn.intent, OUT_OF_SCOPE)][:OTHERS]
    return [*likely, OUT_OF_SCOPE] if turn.intent != OUT_OF_SCOPE else likely


def next_of(turns: Sequence[Said], seen: int, by: str) -> str:
    """Where the review goes on: the next turn that waits, those before it last; then the end of the page."""
    waiting = [turn.id for turn in turns if turn.reviewable and turn.by(by) is None]
    later = [id for id in waiting if id > seen]
    return next((f"tour-{id}" for id in [*later, *waiting]), "suite")


def _on(desk: Desk, visitor: Visitor, id: int, encoded: str, back: Back, lecture: str) -> Response:
    """The next turn to review."""
    if back == "echantillon":
        return RedirectResponse(f"/revue/echantillon?fait={id}&apres={id}&lecture={lecture}#suite", 303)
    turn = desk.calls.turn(id)
    sheet = desk.calls.call(turn.call_id) if turn is not None else None
    if sheet is None:
        raise HTTPException(404)
    where = next_of(sheet.turns, id, visitor.name)
    return RedirectResponse(f"{_address(sheet.id, listed(encoded, desk))}&vu={id}#{where}", 303)


def _address(call_id: int, query: Query) -> str:
    return f"/revue/appels/{call_id}?{query.encoded}"
