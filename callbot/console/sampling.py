"""Review of many turns: those of the same words at once, and the week's sample one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import RedirectResponse

from callbot.console import review_words
from callbot.console.board import Id
from callbot.console.house import TheHouse
from callbot.console.review import OTHERS, Chosen, Listed, others, which
from callbot.console.review_desk import Changer, Officer, TheDesk, TheQuery, listed
from callbot.journal.samples import WEEK
from callbot.journal.verdicts import PER_PAGE, Group
from callbot.quality.reviewed import accuracy, agreement
from callbot.types import OUT_OF_SCOPE

router = APIRouter(prefix="/revue")

FIGURED = 8
"""Weeks whose samples make the figures: one alone tells little."""
MOST_DISAGREED = 20


@router.get("/groupes")
def groups(
    house: TheHouse, desk: TheDesk, visitor: Officer, query: TheQuery, page: str = "1", fait: str = ""
) -> Response:
    """Utterances said more than once."""
    shown = max(1, _number(page))
    choices = desk.choices()
    found, total = desk.verdicts.groups(query.span, visitor.name, shown, bool(query["reste"]))
    return house.pages.page(
        "review_groups.html",
        visitor,
        groups=found,
        total=total,
        shown=shown,
        pages=max(1, -(-total // PER_PAGE)),
        done=_number(fait),
        focus=_after(found, _number(fait)),
        others=_others,
        query=query,
        choices=choices,
        r=review_words,
        view="groupes",
    )


@router.post("/groupes/{id}")
def give_all(
    house: TheHouse,
    desk: TheDesk,
    visitor: Changer,
    id: Id,
    intent: Chosen = "",
    list: Listed = "",
) -> Response:
    """What all turns of this turn's words meant."""
    turn = desk.calls.turn(id)
    if turn is None:
        raise HTTPException(404)
    choices = desk.choices()
    meant = choices.exactly(intent)
    if not meant:
        return which(house, visitor, choices, turn, intent, f"/revue/groupes/{id}", {"list": list})
    query = listed(list, desk)
    desk.verdicts.give_all(id, meant, visitor.name, query.span)
    return RedirectResponse(f"/revue/groupes?{query.encoded}&fait={id}#groupe-{id}", 303)


@router.post("/groupes/{id}/annuler")
def undo_all(desk: TheDesk, visitor: Changer, id: Id, list: Listed = "") -> Response:
    """Take back what one said of them."""
    query = listed(list, desk)
    if desk.calls.turn(id) is None:
        raise HTTPException(404)
    desk.verdicts.undo_all(id, visitor.name, query.span)
    return RedirectResponse(f"/revue/groupes?{query.encoded}#groupe-{id}", 303)


@router.get("/echantillon")
def sample(
    house: TheHouse,
    desk: TheDesk,
    visitor: Officer,
    lecture: Literal["", "2"] = "",
    apres: str = "",
    fait: str = "",
    tour: str = "",
) -> Response:
    """The week's sample: figures, and the next turn. `lecture=2`: as second reviewer."""
    desk.samples.draw()
    second = lecture == "2"
    chosen = _number(tour) or desk.samples.next(visitor.name, second, _number(apres))
    turn = desk.calls.turn(chosen) if chosen else None
    sheet = desk.calls.call(turn.call_id) if turn is not None else None
    done = desk.calls.turn(_number(fait)) if _number(fait) else None
    since = desk.samples.week - (FIGURED - 1) * WEEK
    honest, drawn = desk.samples.honest(since)
    pairs = desk.samples.pairs(since)
    return house.pages.page(
        "review_sample.html",
        visitor,
        turn=turn,
        sound=sheet is not None and desk.sound(sheet.recording) is not None,
        done=done if done is not None and done.by(visitor.name) else None,
        progress=desk.samples.progress(visitor.name),
        second=second,
        accuracy=accuracy([(one.was, one.meant, one.move) for one in honest]),
        drawn=drawn,
        agreement=agreement([(one.first, one.second) for one in pairs]),
        disagreed=[one for one in pairs if one.first != one.second][:MOST_DISAGREED],
        weeks=FIGURED,
        choices=desk.choices(),
        others=others,
        r=review_words,
        view="echantillon",
    )


def _others(group: Group) -> list[str]:
    """The intents that one click chooses in place of what was mostly understood."""
    first, *rest = (intent for intent, _ in group.understood)
    offered = [intent for intent in rest if intent not in ("", OUT_OF_SCOPE)][:OTHERS]
    return offered if first == OUT_OF_SCOPE else [*offered, OUT_OF_SCOPE]


def _after(groups: Sequence[Group], done: int) -> str:
    """Where the review goes on."""
    ids = [one.turn_id for one in groups if one.mine < one.turns or one.turn_id == done]
    later = ids[ids.index(done) + 1 :] if done in ids else ids
    return "" if not done else f"groupe-{later[0]}" if later else "suite"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
