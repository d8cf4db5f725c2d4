"""Requests that need several answers: what is known, what is missing, what a new utterance changes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from callbot.dialogue.moves import Answer, AskSlot, ConfirmRequest, Move, TellStatus
from callbot.town.answers import Intent
from callbot.types import CALL_BACK, Known

ADDRESS_PARTS = ("number", "street", "landmark")
FREE_TEXT = frozenset({"name", "name_dates", "details"})
"""Slots whose answer is kept in the caller's own words."""
WELCOME = {CALL_BACK: ("date",)}
"""Pieces that are kept when they are told, and never asked for: « rappelez-moi mardi après-midi »."""
REACHED_AT = "phone"
"""Such a piece of every request: who wants to be called at another number says which."""
MOBILE = "mobile"
"""How the number that an SMS goes to is asked for: not as one to be called at."""
Purpose = Literal["file", "inform", "follow", "text"]
"""What the pieces are for: a request, a live answer, the state of a request, an SMS."""
MAX_WORDS = 30
_NO_WORDS = re.compile(r"[^\w\s'’.,:@/+-]|(?<!\w)[^\w\s]+(?!\w)")
"""Signs nobody says, and signs that stand alone: from the text channel."""
_INTRODUCTION = re.compile(
    r"^(?:(?:oui|alors|euh|ben|bah|bon|voilà|donc|et|c'est|ce|sera|serait|au nom de|le nom c'est"
    r"|mon nom c'est|mon nom est|je m'appelle|je suis|c'est à|pour) )*"
)


@dataclass(frozen=True, slots=True)
class Form:
    """A request being taken."""

    intent: str
    slots: tuple[str, ...]
    known: Known = ()
    asked: str = ""
    """The piece asked for last; "" when the whole was said back."""
    insisted: bool = False
    """The piece was asked for twice."""
    purpose: Purpose = "file"
    redated: bool = False
    """Another day was asked for already, the service being closed on the one named."""

    def value(self, name: str) -> str:
        """What is known of it, empty when nothing is."""
        return dict(self.known).get(name, "")

    @property
    def missing(self) -> str:
        """The next piece to ask for; empty when the request is whole.

        A street without a number, or a number without a street, is asked for again, then taken as it is.
        """
        for slot in self.slots:
            if slot != "address":
                if not self.value(slot):
                    return slot
                continue
            number, street, landmark = map(self.value, ADDRESS_PARTS)
            if not (number or street or landmark):
                return "address"
            if landmark or (number and street):
                continue
            wanted = "number" if street else "street"
            if not (self.insisted and self.asked == wanted):
                return wanted
        return ""

    @property
    def free_text(self) -> str:
        """The slot kept in the caller's own words, empty when there is none."""
        return next((slot for slot in self.slots if slot in FREE_TEXT), "")

    def fill(self, values: Mapping[str, str]) -> Form:
        """The form with what an utterance says of its slots; later words replace earlier ones."""
        welcome = (*WELCOME.get(self.intent, ()), REACHED_AT) if self.purpose == "file" else ()
        wanted = {*self.slots, *welcome, *(ADDRESS_PARTS if "address" in self.slots else ())}
        new = {name: value for name, value in values.items() if name in wanted}
        if "name_dates" in wanted and "date" in values and "text" in values and not self.value("name_dates"):
            new["name_dates"] = in_own_words(values["text"])
        if not new:
            return self
        order = dict.fromkeys((*ADDRESS_PARTS, *(slot for slot in self.slots if slot != "address"), *welcome))
        merged = {**dict(self.known), **new}
        return replace(self, known=tuple((name, merged[name]) for name in order if name in merged))

    def next_move(self) -> tuple[Form, Move]:
        """Ask for what is missing; then say it all back, or answer."""
        missing = self.missing
        if not missing and self.purpose == "inform":
            return self, Answer(self.intent, self.value(self.slots[0]))
        if not missing and self.purpose == "follow":
            return self, TellStatus(self.value("reference"))
        if not missing:
            return replace(self, asked="", insisted=False), ConfirmRequest(self.intent, self.known)
        again = missing == self.asked
        return (
            replace(self, asked=missing, insisted=again),
            AskSlot(self.intent, MOBILE if self.purpose == "text" else missing, self.known, again),
        )


def begin(intent: Intent, values: Mapping[str, str], anonymous: bool = False) -> Form:
    """A form for this intent with what was already said; an anonymous caller is asked for a number too."""
    if intent.kind == "live":
        return Form(intent.id, intent.slots, purpose="inform").fill(values)
    reach = ("phone",) if anonymous and "phone" not in intent.slots and "service" not in intent.slots else ()
    return Form(intent.id, (*intent.slots, *reach)).fill(values)


def follow(intent: str, values: Mapping[str, str]) -> Form:
    """A form for the state of a request whose number was told."""
    return Form(intent, ("reference",), purpose="follow").fill(values)


def text(intent: str) -> Form:
    """A form for the number that an answer is sent to."""
    return Form(intent, ("phone",), purpose="text")


def filled(before: Form | None, after: Form | None) -> str:
    """The slot that an utterance gave in answer to a question; empty when it answered none."""
    if before is None or after is None or before.intent != after.intent or before.known == after.known:
        return ""
    new = [name for name, value in after.known if before.value(name) != value]
    return before.asked if before.asked in (*before.slots, *ADDRESS_PARTS) else "".join(new[:1])


def in_own_words(text: str) -> str:
    """An answer kept as it was said, without what introduces it; empty when nothing is left."""
    said = _NO_WORDS.sub(" ", text).strip()
    return " ".join(_INTRODUCTION.sub("", f"{said} ").split()[:MAX_WORDS])
