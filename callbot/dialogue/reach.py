"""Where a call that is handed over really goes: to people, or to a message when they are away. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from callbot.dialogue.moves import (
    FRONT_DESK,
    Ask,
    Goodbye,
    MessageTaken,
    OfferCallBack,
    OfferMessage,
    TakeMessage,
    Transfer,
    Turn,
)
from callbot.dialogue.state import EMERGENCY, MESSAGE, VIOLENCE, State
from callbot.types import CALL_BACK, Queueing

LONG_WAIT_S = 300
"""Wait from which a call-back is offered."""
SPOKEN_IN_VAIN = 1
"""Times a message in which nothing was said is asked for again."""


def reach(
    state: State,
    turn: Turn,
    reachable: Callable[[str], bool],
    waits: Callable[[str], Queueing | None] = lambda _: None,
) -> tuple[State, Turn]:
    """To the service when it is open, else to the front desk, else to a message.

    Args:
        waits: what a caller would find in a service's queue; None: nobody knows, so it is tried.
    """
    last = turn[-1]
    if not isinstance(last, Transfer):
        return state, turn
    if reachable(last.service):
        return _queue(state, turn[:-1], last, waits(last.service))
    if reachable(FRONT_DESK):
        desk = replace(last, service=FRONT_DESK)
        return _queue(replace(state, leaving=FRONT_DESK), turn[:-1], desk, waits(FRONT_DESK))
    if state.unreached is None:
        offered, offer = offer_message(state, OfferMessage(last.service, last.reason, last.intent))
        return offered, (*turn[:-1], *offer)
    if last.reason in ("no_input", "not_understood"):
        return state, (*turn[:-1], Goodbye())
    return replace(state, leaving=""), (*turn[:-1], TakeMessage(last.service, last.intent))


def _queue(state: State, before: Turn, transfer: Transfer, wait: Queueing | None) -> tuple[State, Turn]:
    """Into the queue, knowing how long it is; who would wait for long may be called back instead."""
    urgent = state.topic == EMERGENCY or transfer.intent == VIOLENCE
    if wait is None or (wait.seconds or 0) < LONG_WAIT_S or state.crowded or urgent:
        return state, (*before, replace(transfer, wait=wait))
    offer = OfferCallBack(transfer, wait)
    return State(pending=CALL_BACK, crowded=offer, unreached=state.unreached, caller=state.caller), (
        *before,
        offer,
    )


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
