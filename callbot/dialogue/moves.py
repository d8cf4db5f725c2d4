"""The moves: everything the bot can do next. A turn is one move or several, said in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from callbot.types import Known, Queueing

FRONT_DESK = "accueil"
"""The service that takes every call no other is meant for."""
AskReason = Literal[
    "silence",
    "silence_yes_no",
    "silence_choice",
    "silence_slot",
    "still_there",
    "noise",
    "unclear",
    "denied",
    "go_on",
    "wrong_key",
    "sorry",
    "insulted",
    "what_to_change",
    "anything_else",
    "unheard_message",
]
TransferReason = Literal[
    "asked", "not_understood", "no_input", "service", "too_long", "language", "dissatisfied", "nobody"
]
"""`nobody`: the call comes back from the operators, none of whom answered."""


@dataclass(frozen=True, slots=True)
class Greet:
    """Say who speaks and how to get a human."""

    recorded: bool = False
    """Say too that the call is recorded, and how to refuse."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer, then ask for another question (not after a matter of the conversation itself)."""

    intent: str
    about: str = ""
    """The station or street a live answer is about."""
    offers_text: bool = False
    """Ask too whether the caller wants it in writing."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """Ask whether this is what the caller wants."""

    intent: str


@dataclass(frozen=True, slots=True)
class Choose:
    """Ask which of two it is, in words or by key 1 or 2."""

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the caller to speak (again)."""

    reason: AskReason


@dataclass(frozen=True, slots=True)
class AskSlot:
    """Say back what a request holds so far and ask for the piece it lacks."""

    intent: str
    slot: str
    known: Known = ()
    again: bool = False
    """The answer before was not understood."""
    unfit: str = ""
    """Why the day named will not do: `past`, `far`, or the day itself, on which the service is closed."""


@dataclass(frozen=True, slots=True)
class ConfirmRequest:
    """Say a whole request back and ask whether it is right."""

    intent: str
    known: Known


@dataclass(frozen=True, slots=True)
class Register:
    """Store a request, then tell its number; `complete` when nothing is left to ask."""

    intent: str
    known: Known
    complete: bool = True


@dataclass(frozen=True, slots=True)
class TellStatus:
    """Tell what has become of a request."""

    reference: str


@dataclass(frozen=True, slots=True)
class SendText:
    """Send an answer in writing."""

    intent: str
    number: str = ""
    """A dictated number; empty: the one that calls."""


@dataclass(frozen=True, slots=True)
class OfferMessage:
    """Say that nobody can answer now, and when; ask whether the caller wants to leave a message."""

    service: str
    reason: TransferReason
    intent: str = ""


@dataclass(frozen=True, slots=True)
class TakeMessage:
    """Record what the caller says after the tone."""

    service: str
    intent: str = ""


@dataclass(frozen=True, slots=True)
class MessageTaken:
    """Thank for the message and say what becomes of it."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Say the last thing again, from now on slower or louder when asked to."""

    manner: Literal["", "slower", "louder"] = ""


@dataclass(frozen=True, slots=True)
class StopRecording:
    """Record the call no more, delete what was recorded, and say so."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave the caller time."""


@dataclass(frozen=True, slots=True)
class Emergency:
    """Tell the right number, twice, and offer a human."""


@dataclass(frozen=True, slots=True)
class SpeakLanguage:
    """Say in the caller's language how to reach a human; `fr` when it is not known."""

    language: str = "fr"


@dataclass(frozen=True, slots=True)
class Transfer:
    """Announce, then hand over to a service's people."""

    service: str
    reason: TransferReason
    intent: str = ""
    wait: Queueing | None = None
    """Who is before them, when that is known."""


@dataclass(frozen=True, slots=True)
class OfferCallBack:
    """Say how long the wait is, and ask whether the caller would rather be called back."""

    instead_of: Transfer
    wait: Queueing


@dataclass(frozen=True, slots=True)
class Goodbye:
    """A polite end."""

    off_topic: bool = False
    """The town hall can't help with what was asked, twice."""


Move = (
    Greet
    | Answer
    | Confirm
    | Choose
    | Ask
    | AskSlot
    | ConfirmRequest
    | Register
    | TellStatus
    | SendText
    | OfferMessage
    | TakeMessage
    | MessageTaken
    | Repeat
    | StopRecording
    | Wait
    | Emergency
    | SpeakLanguage
    | Transfer
    | OfferCallBack
    | Goodbye
)
Turn = tuple[Move, ...]
"""What is said before the caller speaks again; only its last move asks, ends or hands over."""


def describe(turn: Turn) -> str:
    """A turn in one word or two, for the journal: `answer:piscine_tarif`, `transfer:accueil:asked`."""
    return "+".join(map(_describe, turn))


def _describe(move: Move) -> str:
    match move:
        case Answer(intent) | Confirm(intent) | Register(intent) | ConfirmRequest(intent) | SendText(intent):
            detail = intent
        case AskSlot(intent, slot):
            detail = f"{intent}:{slot}"
        case Choose(first, second):
            detail = f"{first}:{second}"
        case Ask(reason):
            detail = reason
        case Repeat(manner):
            detail = manner
        case SpeakLanguage(language):
            detail = language
        case Transfer(service, reason) | OfferMessage(service, reason):
            detail = f"{service}:{reason}"
        case OfferCallBack(Transfer(service, reason)):
            detail = f"{service}:{reason}"
        case _:
            detail = ""
    return ":".join(filter(None, [type(move).__name__.lower(), detail]))
