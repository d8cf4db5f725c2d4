"""What to say next: a pure function of the state, what was heard, and what the town knows. No I/O.

A wrong answer costs more than a question, a question more than an answer: answer when sure, ask for a yes
or no when fairly sure, offer a choice when torn between two, ask to rephrase once, then pass to a human.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from callbot.dialogue.acts import act, hand_over, repair
from callbot.dialogue.days import Shut, mend_day
from callbot.dialogue.moves import (
    FRONT_DESK,
    Answer,
    Ask,
    AskReason,
    Emergency,
    Goodbye,
    Greet,
    MessageTaken,
    OfferMessage,
    Register,
    Repeat,
    SendText,
    SpeakLanguage,
    TellStatus,
    Turn,
    Wait,
)
from callbot.dialogue.reach import message_left, offer_message, reach
from callbot.dialogue.refusal import refuses, stop_recording
from callbot.dialogue.state import (
    EMERGENCY,
    MESSAGE,
    Caller,
    Input,
    Key,
    Lookup,
    MessageLeft,
    Silence,
    State,
    Thresholds,
    Understood,
)
from callbot.dialogue.utterance_rules import UtteranceRules
from callbot.types import Queueing

MAX_STALLED = 4
"""Turns in a row that bring a caller no further before a human takes over, whatever they are."""
MAX_SILENCES = 2
"""Silences in a row we answer, the second time with help, before a human takes over."""
HUMAN_KEY, REPEAT_KEY, PREVIOUS_KEY = "0", "9", "*"


def begin(caller: Caller = Caller(), unanswered: bool = False) -> tuple[State, Turn]:  # noqa: B008 (frozen)
    """The first turn of a call, or of one that comes back because no operator answered."""
    state = State(caller=caller)
    if unanswered:
        return offer_message(state, OfferMessage(FRONT_DESK, "nobody"))
    return state, (Greet(caller.recorded),)


def decide(
    state: State,
    heard: Input,
    lookup: Lookup,
    thresholds: Thresholds,
    reachable: Callable[[str], bool] = lambda _: True,
    waits: Callable[[str], Queueing | None] = lambda _: None,
    shut: Shut = lambda *_: False,
) -> tuple[State, Turn]:
    """The next turn.

    Args:
        lookup: what is known of an intent; None for one without an answer.
        reachable: is somebody of this service there now?
        waits: what a caller would find in a service's queue; None: nobody knows.
        shut: is a service closed on this day?
    """
    if refuses(state, heard):
        return stop_recording(state)
    after, turn = _decide(state, heard, lookup, thresholds)
    stalled = _stalled(state, after, turn)
    if stalled > MAX_STALLED:
        after, turn = hand_over(state, FRONT_DESK, "not_understood")
    after = replace(
        after, caller=state.caller, unreached=state.unreached, crowded=state.crowded, stalled=stalled
    )
    return reach(*mend_day(after, turn, heard, lookup, shut), reachable, waits)


def _stalled(before: State, after: State, turn: Turn) -> int:
    """Turns in a row without progress, this one included; to repeat or to wait is neither."""
    if isinstance(turn[-1], Repeat | Wait):
        return before.stalled
    learnt = after.form is not None and (before.form is None or after.form.known != before.form.known)
    served = Answer | Register | Emergency | SpeakLanguage | TellStatus | SendText | MessageTaken | Goodbye
    moved_on = any(isinstance(move, served) for move in turn)
    return 0 if learnt or moved_on else before.stalled + 1


def _decide(state: State, heard: Input, lookup: Lookup, thresholds: Thresholds) -> tuple[State, Turn]:
    match heard:
        case Key(key):
            return _key(state, key, lookup)
        case Silence():
            return _silence(state)
        case MessageLeft(spoken):
            return message_left(state, spoken)
        case Understood():
            if heard.picked and state.choice:
                return act(state, state.choice[heard.picked - 1], lookup, state.values)
            return UtteranceRules(replace(state, silences=0), heard, lookup, thresholds).turn()


def _key(state: State, key: str, lookup: Lookup) -> tuple[State, Turn]:
    if key == HUMAN_KEY:
        return hand_over(state, FRONT_DESK, "asked")
    if key == REPEAT_KEY:
        return state, (Repeat(),)
    if key == PREVIOUS_KEY:
        return State(topic=state.topic), (Ask("go_on"),)
    if state.choice and key in ("1", "2"):
        return act(state, state.choice[int(key) - 1], lookup, state.values)
    return repair(state, "wrong_key")


def _silence(state: State) -> tuple[State, Turn]:
    """Ask again and help, the way the question wants it; then a human."""
    again = replace(state, silences=state.silences + 1)
    if state.silences and (state.offered_more or state.pending == MESSAGE):
        return state, (Goodbye(),)  # answered, and gone quiet: nobody needs a human for that
    most = 1 if state.topic == EMERGENCY else MAX_SILENCES
    if state.silences >= most:
        return hand_over(state, FRONT_DESK, "no_input")
    reason: AskReason = "silence"
    if state.offered_more:
        reason = "still_there"
    elif state.choice:
        reason = "silence_choice"
    elif state.pending or (state.form and not state.form.asked):
        reason = "silence_yes_no"
    elif state.form:
        reason = "silence_slot"
    return again, (Ask(reason),)
