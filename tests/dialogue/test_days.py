"""A day that will not do, as a table."""

from dataclasses import replace

import pytest

from callbot.dialogue.forms import Form
from callbot.dialogue.moves import AskSlot, ConfirmRequest, Move, Turn
from callbot.dialogue.policy import decide
from callbot.dialogue.state import Input, State
from callbot.types import CALL_BACK
from tests.dialogue.test_policy import ASKED_DAY, INTENTS, LIMITS, PHONE, START, said, turn

SUNDAY, TUESDAY, NEXT_SUNDAY = "2026-11-29", "2026-11-24", "2026-12-06"
CALLED_BACK = State(form=Form(CALL_BACK, ("phone",), known=PHONE))
ASKED_AGAIN = replace(ASKED_DAY, form=replace(ASKED_DAY.form, redated=True))
DAYS: list[tuple[str, State, Input, Move | Turn]] = [
    ("an open day: said back", ASKED_DAY, said("hors_sujet", values={"date": TUESDAY}),
     ConfirmRequest("identite_rdv", (("date", TUESDAY),))),
    ("a closed day: another", ASKED_DAY, said("hors_sujet", values={"date": SUNDAY}),
     AskSlot("identite_rdv", "date", unfit=SUNDAY)),
    ("said at once: another", START, said("identite_rdv", values={"date": SUNDAY}),
     AskSlot("identite_rdv", "date", unfit=SUNDAY)),
    ("corrected to a closed day: another",
     State(form=Form("identite_rdv", ("date",), known=(("date", TUESDAY),))),
     said("conversation_non", consent="no", values={"date": SUNDAY}),
     AskSlot("identite_rdv", "date", unfit=SUNDAY)),
    ("who insists is noted", ASKED_AGAIN, said("hors_sujet", values={"date": SUNDAY}),
     ConfirmRequest("identite_rdv", (("date", SUNDAY),))),
    ("called back on a closed day: another", CALLED_BACK, said("hors_sujet", values={"date": SUNDAY}),
     AskSlot(CALL_BACK, "date", PHONE, unfit=SUNDAY)),
    ("no other: whenever they can", replace(CALLED_BACK, form=replace(
        CALLED_BACK.form, asked="date", redated=True)), said("conversation_non"),
     ConfirmRequest(CALL_BACK, PHONE)),
    ("a party may be on a Sunday", START, said("salle", values={"date": SUNDAY}),
     ConfirmRequest("salle", (("date", SUNDAY),))),
    ("a day that has passed: another", ASKED_DAY, said("hors_sujet", values={"unfit": "past"}),
     AskSlot("identite_rdv", "date", again=True, unfit="past")),
    ("a day too far, said at once: another", START, said("identite_rdv", values={"unfit": "far"}),
     AskSlot("identite_rdv", "date", unfit="far")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "heard", "expected"), [row[1:] for row in DAYS], ids=[row[0] for row in DAYS]
)
def test_a_day_that_will_not_do(state: State, heard: Input, expected: Move | Turn) -> None:
    def shut(service: str, day: str) -> bool:
        return day in (SUNDAY, NEXT_SUNDAY)

    assert decide(state, heard, INTENTS.get, LIMITS, shut=shut)[1] == turn(expected)


def test_another_day_is_asked_for_once() -> None:
    state, done = START, ()
    for day in (SUNDAY, NEXT_SUNDAY):
        heard = said("identite_rdv", values={"date": day})
        state, done = decide(state, heard, INTENTS.get, LIMITS, shut=lambda *_: True)
    assert done == (ConfirmRequest("identite_rdv", (("date", NEXT_SUNDAY),)),)
