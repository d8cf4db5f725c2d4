"""What to say next: a pure function of the state, what was heard, and what the town knows. No I/O.

A wrong answer costs more than a question, a question more than an answer: answer when sure, ask for a yes
or no when fairly sure, offer a choice when torn between two, ask to rephrase once, then pass to a human.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

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
from callbot.town.answers import Intent
from callbot.types import IntentScore

OUT_OF_SCOPE = "hors_sujet"
MAX_REPAIRS = 1
"""Times we ask to rephrase before a human takes over."""
MAX_SILENCES = 1
"""Silences we answer with a re-prompt before a human takes over."""

AT_ONCE = frozenset({"conversation_humain", "urgence_vitale"})
"""Never confirmed: asking again would be a wall, or would cost time nobody has."""
YES, NO = "conversation_oui", "conversation_non"
HUMAN_KEY, REPEAT_KEY = "0", "9"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities from which the bot acts."""

    answer: float
    """Probability of the likeliest intent from which it is acted on at once."""
    confirm: float
    """Probability of the likeliest intent from which it is confirmed."""
    choose: float
    """Probability of the two likeliest together from which they are offered as a choice."""


@dataclass(frozen=True, slots=True)
class State:
    """What the bot remembers of the call."""

    pending: str = ""
    """The intent we asked a yes or no for."""
    choice: tuple[str, ...] = ()
    """The two intents we offered."""
    offered_more: bool = False
    """We asked whether there is another question."""
    repairs: int = 0
    silences: int = 0


@dataclass(frozen=True, slots=True)
class Silence:
    """The caller said nothing."""


@dataclass(frozen=True, slots=True)
class Key:
    """The caller pressed a key."""

    key: str


@dataclass(frozen=True, slots=True)
class Understood:
    """The caller spoke."""

    ranking: tuple[IntentScore, ...]
    """Calibrated probabilities, likeliest first; empty when no word was recognised."""
    picked: int | None = None
    """1 or 2 when the words pick the first or the second of two: « le premier »."""


Input = Silence | Key | Understood
Lookup = Callable[[str], Intent | None]


def begin() -> tuple[State, Move]:
    """The first move of a call."""
    return State(), Greet()


def decide(state: State, heard: Input, lookup: Lookup, thresholds: Thresholds) -> tuple[State, Move]:
    """The next move.

    Args:
        lookup: what is known of an intent; None for one without an answer.
    """
    match heard:
        case Key(key):
            return _key(state, key, lookup)
        case Silence():
            return _silence(state)
        case Understood(ranking, picked):
            if picked and state.choice:
                return _act(state, state.choice[picked - 1], lookup)
            return _speech(replace(state, silences=0), ranking, lookup, thresholds)


def _key(state: State, key: str, lookup: Lookup) -> tuple[State, Move]:
    if key == HUMAN_KEY:
        return state, Transfer(FRONT_DESK, "asked")
    if key == REPEAT_KEY:
        return state, Repeat()
    if state.choice and key in ("1", "2"):
        return _act(state, state.choice[int(key) - 1], lookup)
    return _repair(state, Ask("wrong_key"))


def _silence(state: State) -> tuple[State, Move]:
    if state.silences < MAX_SILENCES:
        reason = Ask("anything_else") if state.offered_more else Ask("silence")
        return replace(state, silences=state.silences + 1), reason
    if state.offered_more:
        return state, Goodbye()  # answered, and gone quiet: nobody needs a human for that
    return state, Transfer(FRONT_DESK, "no_input")


def _speech(
    state: State, ranking: tuple[IntentScore, ...], lookup: Lookup, thresholds: Thresholds
) -> tuple[State, Move]:
    top, second, *_ = (*ranking, *[IntentScore(OUT_OF_SCOPE, 0.0)] * 2)
    if (state.pending or state.choice) and top.intent in (YES, NO) and top.confidence >= thresholds.confirm:
        if top.intent == YES and state.pending:
            return _act(state, state.pending, lookup)
        return _repair(state, Ask("denied" if top.intent == NO else "unclear"))
    if top.intent == OUT_OF_SCOPE:
        return _repair(state, Ask("unclear"))
    if top.confidence >= (thresholds.confirm if top.intent in AT_ONCE else thresholds.answer):
        return _act(state, top.intent, lookup)
    nameable = [_is_nameable(score.intent, lookup) for score in (top, second)]
    if top.confidence >= thresholds.confirm and nameable[0]:
        return replace(state, pending=top.intent, choice=(), offered_more=False), Confirm(top.intent)
    if top.confidence + second.confidence >= thresholds.choose and all(nameable):
        choice = (top.intent, second.intent)
        return replace(state, pending="", choice=choice, offered_more=False), Choose(*choice)
    return _repair(state, Ask("unclear"))


def _is_nameable(intent: str, lookup: Lookup) -> bool:
    known = lookup(intent)
    return known is not None and bool(known.name)


def _act(state: State, intent: str, lookup: Lookup) -> tuple[State, Move]:
    """Do what the caller wants, now that we know it."""
    done = State(offered_more=state.offered_more)
    match intent:
        case "conversation_humain" | "conversation_insatisfait":
            return done, Transfer(FRONT_DESK, "asked")
        case "conversation_repeter":
            return replace(state, repairs=0), Repeat()
        case "conversation_au_revoir" | "conversation_annuler":
            return done, Goodbye()
        case "conversation_remercier":
            return done, Goodbye()
        case "conversation_non" if state.offered_more:
            return done, Goodbye()
        case "conversation_oui" | "conversation_autre_question" | "conversation_saluer":
            return State(), Ask("go_on")
    known = lookup(intent)
    if known is None:
        return _repair(state, Ask("unclear"))
    if known.kind in ("case", "transfer"):
        return done, Transfer(known.service, "service", intent)
    if not known.answer:
        return _repair(state, Ask("unclear"))
    return State(offered_more=known.kind != "control"), Answer(intent)


def _repair(state: State, ask: Ask) -> tuple[State, Move]:
    if state.repairs >= MAX_REPAIRS:
        return state, Transfer(FRONT_DESK, "not_understood")
    return replace(state, repairs=state.repairs + 1, pending="", choice=()), ask
