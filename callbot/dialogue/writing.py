"""The dialogue in writing: how the bot's sentences read, and how typed ones would have been heard."""

from __future__ import annotations

import copy
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from callbot.dialogue import moves, state
from callbot.dialogue.dialogue import Reply
from callbot.dialogue.wording import TEMPLATES as _SPOKEN
from callbot.town.answers import Answers
from callbot.town.spoken import MONTHS, say_number
from callbot.town.yaml_files import read_yaml
from callbot.types import Sentence

WRITTEN: dict[str, str] = read_yaml(Path(__file__).parent / "text_sentences.yml")[0]
"""What reads otherwise than it sounds, by sentence id."""
HANDED_OVER = (moves.Transfer, moves.OfferMessage)
"""Nobody can be put through, nor speak after a tone: both end with a telephone number."""

_EDGES = re.compile(r"(?<!\S)[^\w\s]+|[^\w\s]+(?!\S)")
"""Punctuation around words; inside them (`l'état`) it stays."""
_PHONE = re.compile(r"\b0\d(?:[-./]\d\d){4}\b")
_DATE = re.compile(r"\b(0?[1-9]|[12]\d|3[01])/(0[1-9]|1[0-2])(?:/\d{2,4})?\b")
"""`12/03`, `5/11/2026`; not `24/7`."""
_DIGITS = {say_number(digit): str(digit) for digit in range(10)}


@dataclass(frozen=True, slots=True)
class Button:
    """A short answer; choosing it sends its payload as a message."""

    title: str
    payload: str


def written(id: str, /, **values: str) -> str:
    """A sentence of text_sentences.yml."""
    return WRITTEN[id].format(**values)


def for_reading(answers: Answers) -> Answers:
    """A town's answers as they are read; what the town words itself stays.

    None is offered by SMS: anybody on the web could have one sent to anybody.
    """
    read = copy.copy(answers)
    reads = {id: text for id, text in WRITTEN.items() if id not in answers.town.answers}
    read.catalog = answers.catalog.but(
        {
            intent.id: {"sms": "", "answer": intent.answer and reads.get(intent.id, intent.answer)}
            for intent in answers.catalog
        }
    )
    return read


def in_writing(said: Sentence) -> str:
    """A sentence as it is read; empty when it makes sense on the telephone only."""
    key = said.id
    while key and key not in _SPOKEN:  # confirm_<intent> -> confirm
        key = key.rpartition("_")[0]
    # The dialogue hands out finished sentences: what fills their holes is found by their template.
    holes = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(_SPOKEN.get(key, "").strip()))
    filled = re.fullmatch(holes, said.text)
    if key not in WRITTEN or filled is None:
        return said.text
    values = filled.groupdict()
    if "number" in values:  # said digit by digit
        values["number"] = "".join(_DIGITS.get(word, word) for word in values["number"].split(", "))
    return written(key, **values)


def all_in_writing(reply: Reply, answers: Answers) -> list[str]:
    """A reply's sentences. What is said twice is read once; whom nobody can put through gets a number."""
    texts = [in_writing(sentence) for sentence in reply.sentences]
    if isinstance(last := reply.turn[-1], HANDED_OVER):
        texts.append(_whom_to_call(last.service, answers))
    return [text for text in dict.fromkeys(texts) if text]


def _whom_to_call(service: str, answers: Answers) -> str:
    own, desk = answers.town.service(service), answers.town.service(moves.FRONT_DESK)
    who = own if own.phone else desk
    if not who.phone:
        return written("call_nobody")
    return written("call", service=who.name, phone=who.phone)


def apology(answers: Answers) -> str:
    """What is read when nothing can be answered."""
    phone = answers.town.service(moves.FRONT_DESK).phone
    return written("unavailable" if phone else "unavailable_nobody", phone=phone)


def choices(move: moves.Move, answers: Answers) -> tuple[Button, ...]:
    """Buttons for a question that has two answers."""
    match move:
        case moves.Choose(first, second):
            known = [answers.catalog.get(intent) for intent in (first, second)]
            titles = [intent.name if intent else "" for intent in known]
            return tuple(Button(title=title, payload=key) for title, key in zip(titles, "12", strict=True))
        case moves.Confirm() | moves.ConfirmRequest() | moves.Emergency() | moves.Answer(state.DEAF):
            return tuple(Button(title=written(id), payload=written(id).lower()) for id in ("yes", "no"))
    return ()


def clean(text: str) -> str:
    """Without control characters, nor what hides or turns letters round; one space between words."""
    composed = unicodedata.normalize("NFC", text)
    visible = (" " if unicodedata.category(sign)[0] == "C" else sign for sign in composed)
    return " ".join("".join(visible).split())


def as_heard(text: str) -> str:
    """A typed sentence as the ear would have given it: `J’irai le 12/03 !` -> `j'irai le 12 mars`."""
    text = _PHONE.sub(lambda found: re.sub(r"\D", " ", found[0]), text.replace("’", "'"))
    text = _DATE.sub(lambda found: f"{found[1]} {MONTHS[int(found[2]) - 1]}", text)
    return " ".join(_EDGES.sub(" ", text).lower().split())
