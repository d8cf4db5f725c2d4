"""A caller who does not want to be recorded: it ends at once, whatever is going on. Pure."""

from __future__ import annotations

from dataclasses import replace

from callbot.dialogue.moves import Ask, Repeat, StopRecording, Turn
from callbot.dialogue.state import Input, Key, State, Understood

REFUSAL_KEY = "#"


def refuses(state: State, heard: Input) -> bool:
    """Does the caller of a recorded call refuse it? « je refuse » alone may be the answer to a question."""
    if not state.caller.recorded:
        return False
    match heard:
        case Key(key):
            return key == REFUSAL_KEY
        case Understood(values=said):
            return "unrecorded" in said or ("refuses" in said and not _asked(state))
    return False


def stop_recording(state: State) -> tuple[State, Turn]:
    """Say that nothing is recorded any more; what was asked is asked again."""
    after = replace(state, caller=replace(state.caller, recorded=False))
    return after, (StopRecording(), Repeat() if _asked(state) else Ask("go_on"))


def _asked(state: State) -> bool:
    return bool(state.pending or state.choice or state.form)
