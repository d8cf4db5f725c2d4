"""What is done about a need that is known: answered, taken down, handed over, or asked about again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from callbot.dialogue import forms
from callbot.dialogue.forms import Form
from callbot.dialogue.moves import (
    FRONT_DESK,
    Answer,
    Ask,
    AskReason,
    Emergency,
    Goodbye,
    Register,
    Repeat,
    SendText,
    SpeakLanguage,
    TakeMessage,
    TellStatus,
    Transfer,
    TransferReason,
    Turn,
)
from callbot.dialogue.state import FOLLOW_UP, HUMAN, Lookup, State
from callbot.town.answers import Intent

MAX_REPAIRS = 1
"""Times we ask to rephrase before a human takes over."""


def is_nameable(intent: str, lookup: Lookup) -> bool:
    """Can we ask « vous appelez pour…, c'est bien ça ? »"""
    known = lookup(intent)
    return known is not None and bool(known.name)


def act(state: State, intent: str, lookup: Lookup, values: Mapping[str, str]) -> tuple[State, Turn]:
    """Do what the caller wants, now that we know it."""
    done = State(offered_more=state.offered_more, topic=state.topic)
    match intent:
        case "message" if state.unreached is not None:
            return State(), (TakeMessage(state.unreached.service, state.unreached.intent),)
        case "conversation_oui" if state.texts:
            return send_text(state)
        case "conversation_humain":
            return hand_over(state, FRONT_DESK, "asked")
        case "conversation_insatisfait":
            return hand_over(state, FRONT_DESK, "dissatisfied")
        case "urgence_vitale":
            return State(pending=HUMAN, topic=intent), (Emergency(),)
        case "conversation_repeter":
            return replace(state, repairs=0), (Repeat(),)
        case "conversation_langue_etrangere":
            return State(foreign=True), (SpeakLanguage(),)
        case "conversation_malentendant":
            return State(pending=HUMAN, topic=state.topic), (Answer(intent),)
        case "conversation_au_revoir" | "conversation_annuler" | "conversation_remercier":
            return done, (Goodbye(),)
        case "conversation_non" if state.offered_more:
            return done, (Goodbye(),)
        case "conversation_oui" | "conversation_autre_question" | "conversation_saluer":
            return State(topic=state.topic), (Ask("go_on"),)
    known = lookup(intent)
    if known is None:
        return repair(state, "unclear")
    if intent == FOLLOW_UP and ("status" in values or "reference" in values):
        return ask_on(State(topic=intent), forms.follow(intent, values))
    if known.slots:
        return take(state, known, values)
    if known.kind == "transfer":
        return hand_over(done, known.service, "service", intent)
    if not known.answer:
        return repair(state, "unclear")
    if known.kind == "control":
        return State(topic=state.topic), (Answer(intent),)
    return answer(known)


def answer(known: Intent, about: str = "") -> tuple[State, Turn]:
    """Answer; what is worth having in writing is offered by SMS."""
    offered = known.id if known.sms else ""
    return State(offered_more=True, topic=known.id, texts=offered), (Answer(known.id, about, bool(offered)),)


def send_text(state: State) -> tuple[State, Turn]:
    """Send the answer in writing to the mobile that calls, else ask for a number."""
    done = State(offered_more=True, topic=state.topic)
    if state.caller.mobile:
        return done, (SendText(state.texts),)
    return ask_on(done, forms.text(state.texts))


def take(state: State, known: Intent, values: Mapping[str, str]) -> tuple[State, Turn]:
    """Begin a request; one confirmed already is stored at once, in case the caller hangs up."""
    begun = forms.begin(known, values, state.caller.anonymous)
    if begun.slots == ("service",) and begun.value("service"):
        return hand_over(state, begun.value("service"), "service", known.id)
    taking, turn = ask_on(State(topic=known.id), begun)
    if state.pending == known.id and taking.form and taking.form.asked and begun.purpose == "file":
        return taking, (Register(known.id, taking.form.known, complete=False), *turn)
    return taking, turn


def ask_on(state: State, form: Form) -> tuple[State, Turn]:
    """Ask for the next piece, or do what the pieces are for."""
    asking, move = form.next_move()
    if isinstance(move, Answer | TellStatus):
        return State(offered_more=True, topic=form.intent, refused=state.refused), (move,)
    return replace(state, form=asking, pending="", choice=(), offered_more=False), (move,)


def hand_over(
    state: State,
    service: str,
    reason: TransferReason,
    intent: str = "",
) -> tuple[State, Turn]:
    return replace(state, leaving=service, form=None), (Transfer(service, reason, intent),)


def repair(state: State, reason: AskReason) -> tuple[State, Turn]:
    if state.repairs >= MAX_REPAIRS:
        return hand_over(state, FRONT_DESK, "not_understood")
    return replace(state, repairs=state.repairs + 1, pending="", choice=()), (Ask(reason),)
