"""Where a call that is handed over really goes: to people, or to a message when they are away. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from callbot.dialogue.moves import (
    FRONT_DESK,
    Ask,
    Goodbye,
    MessageTaken,
    OfferMessage,
    TakeMessage,
    Transfer,
    Turn,
)
from callbot.dialogue.state import MESSAGE, State

SPOKEN_IN_VAIN = 1
"""Times a message in which nothing was said is asked for again."""


def reach(state: State, turn: Turn, reachable: Callable[[str], bool]) -> tuple[State, Turn]:
    """To the service when it is open, else to the front desk, else to a message."""
    last = turn[-1]
    if not isinstance(last, Transfer) or reachable(last.service):
        return state, turn
    if reachable(FRONT_DESK):
        return replace(state, leaving=FRONT_DESK), (*turn[:-1], replace(last, service=FRONT_DESK))
    if state.unreached is None:
        offered, offer = offer_message(state, OfferMessage(last.service, last.reason, last.intent))
        return offered, (*turn[:-1], *offer)
    if last.reason in ("no_input", "not_understood"):
        return state, (*turn[:-1], Goodbye())
    return replace(state, leaving=""), (*turn[:-1], TakeMessage(last.service, last.intent))


def offer_message(state: State, offer: OfferMessage) -> tuple[State, Turn]:
    """Ask for the consent that a recording needs."""
    return State(pending=MESSAGE, topic=state.topic, unreached=offer, caller=state.caller), (offer,)


def message_left(state: State, spoken: bool) -> tuple[State, Turn]:
    """After the tone."""
    if spoken:
        return State(offered_more=True), (MessageTaken(),)
    if state.silences >= SPOKEN_IN_VAIN or state.unreached is None:
        return State(), (Goodbye(),)
    again = TakeMessage(state.unreached.service, state.unreached.intent)
    return State(silences=state.silences + 1), (Ask("unheard_message"), again)
