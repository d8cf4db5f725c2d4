"""The moves: everything the bot can do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FRONT_DESK = "accueil"
"""The service that takes every call no other is meant for."""
AskReason = Literal["silence", "unclear", "denied", "go_on", "anything_else", "wrong_key"]
TransferReason = Literal["asked", "not_understood", "no_input", "service", "too_long"]


@dataclass(frozen=True, slots=True)
class Greet:
    """Say who speaks and how to get a human."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer, then ask for another question (not after a matter of the conversation itself)."""

    intent: str


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
class Repeat:
    """Say the last thing again."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Announce, then hand over to a service's people."""

    service: str
    reason: TransferReason
    intent: str = ""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """A polite end."""


Move = Greet | Answer | Confirm | Choose | Ask | Repeat | Transfer | Goodbye


def describe(move: Move) -> str:
    """A move in one word or two, for the journal: `answer:piscine_tarif`, `transfer:accueil:asked`."""
    match move:
        case Answer(intent) | Confirm(intent):
            detail = intent
        case Choose(first, second):
            detail = f"{first}:{second}"
        case Ask(reason):
            detail = reason
        case Transfer(service, reason):
            detail = f"{service}:{reason}"
        case _:
            detail = ""
    return ":".join(filter(None, [type(move).__name__.lower(), detail]))
