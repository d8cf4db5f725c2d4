"""The words of each move."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import yaml

from callbot.dialogue.moves import (
    FRONT_DESK,
    Answer,
    Ask,
    Choose,
    Confirm,
    Goodbye,
    Greet,
    Move,
    Repeat,
    Transfer,
)
from callbot.town.answers import Answers
from callbot.types import Sentence

_TEMPLATES: dict[str, str] = yaml.safe_load(
    (Path(__file__).parent / "sentences.yml").read_text(encoding="utf-8")
)
FIXED = ("handover", "nobody")
"""Sentences kept under their own name: the dialplan and emergencies play them."""


def sentence(id: str, about: str = "", **values: str) -> Sentence:
    """One of the bot's own sentences.

    Args:
        about: what fills its holes, part of its id: a recording says one filling only.
    """
    return Sentence("_".join(filter(None, [id, about])), _TEMPLATES[id].format(**values).strip())


def fixed() -> list[Sentence]:
    """The sentences that must exist whatever breaks later."""
    return [sentence(id) for id in FIXED]


def words(move: Move, answers: Answers, now: datetime) -> list[Sentence]:
    """What the bot says for a move; nothing for Repeat, which says the last words again."""
    match move:
        case Greet():
            return [sentence("greeting", town=answers.town.name), sentence("question")]
        case Answer(intent):
            known = answers.catalog.get(intent)
            # "Oui, je suis un robot." leaves the word to the caller; an answer asks for the next question.
            is_control = known is not None and known.kind == "control"
            return [*_answer(intent, answers, now), *([] if is_control else [sentence("ask_anything_else")])]
        case Confirm(intent):
            return [sentence("confirm", intent, what=_name(intent, answers))]
        case Choose(first, second):
            names = {"first": _name(first, answers), "second": _name(second, answers)}
            return [sentence("choose", f"{first}_{second}", **names)]
        case Ask(reason):
            return [sentence(f"ask_{reason}")]
        case Transfer(service, reason, intent):
            announced = _announced(service, reason, answers)
            return [*_answer(intent, answers, now), announced]
        case Goodbye():
            return [sentence("goodbye")]
        case Repeat():
            return []


def every_sentence(answers: Answers, now: datetime) -> list[Sentence]:
    """All that can be said in this town at this moment, to be rendered before it is needed."""
    ready = [
        sentence(id, town=answers.town.name)
        for id, template in _TEMPLATES.items()
        if not any(hole in template for hole in ("{what}", "{service}", "{first}"))
    ]
    for intent in answers.catalog:
        ready.extend(_answer(intent.id, answers, now))
        if intent.name:
            ready.append(sentence("confirm", intent.id, what=intent.name))
    ready.extend(_announced(service, "service", answers) for service in answers.town.services)
    return ready


def _announced(service: str, reason: str, answers: Answers) -> Sentence:
    """The announcement names who really answers: a service without a queue of its own is the front desk's."""
    if reason != "service":
        return sentence(f"transfer_{reason}")
    own, desk = answers.town.service(service), answers.town.service(FRONT_DESK)
    who, about = (desk, FRONT_DESK) if own.queue == desk.queue else (own, service)
    return sentence("transfer_service", about, service=who.name)


def _answer(intent: str, answers: Answers, now: datetime) -> list[Sentence]:
    known = answers.catalog.get(intent)
    if known is None or not known.answer:
        return []
    return [Sentence(intent, answers.text(known, now))]


def _name(intent: str, answers: Answers) -> str:
    known = answers.catalog.get(intent)
    return known.name if known is not None else ""
