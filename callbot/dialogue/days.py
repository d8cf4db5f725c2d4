"""A day that will not do: it has passed, is too far, or the service is closed on it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from callbot.dialogue.forms import Form
from callbot.dialogue.moves import AskSlot, ConfirmRequest, Turn
from callbot.dialogue.state import Input, Lookup, State, Understood

Shut = Callable[[str, str], bool]
"""Is this service closed on this day (ISO, and its part)?"""


def mend_day(state: State, turn: Turn, heard: Input, lookup: Lookup, shut: Shut) -> tuple[State, Turn]:
    """Ask for another day, saying why; once only when the service is closed: who insists is noted."""
    last, form = turn[-1], state.form
    if form is None or not isinstance(last, AskSlot | ConfirmRequest):
        return state, turn
    if isinstance(last, AskSlot) and last.slot == "date" and isinstance(heard, Understood):
        if unfit := heard.values.get("unfit"):
            return state, (*turn[:-1], replace(last, unfit=unfit))
    elif _on_closed_day(form, lookup, shut):
        asking = replace(
            form,
            known=tuple((name, value) for name, value in form.known if name != "date"),
            asked="date",
            insisted=False,
            redated=True,
        )
        ask = AskSlot(form.intent, "date", asking.known, unfit=form.value("date"))
        return replace(state, form=asking), (*turn[:-1], ask)
    return state, turn


def _on_closed_day(form: Form, lookup: Lookup, shut: Shut) -> bool:
    known, day = lookup(form.intent), form.value("date")
    return bool(day) and known is not None and known.staffed and not form.redated and shut(known.service, day)
