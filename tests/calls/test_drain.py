"""An update in the middle of the day: a call in progress goes on to its end, the next one goes to people."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

from callbot.dialogue.moves import Answer, Greet

from ..patience import PATIENCE_S
from .bot import Bot
from .lab import Lab, await_hang_up, await_human, hear, say
from .second import own_bot

QUESTION = "Je voudrais une copie de mon acte de naissance."
INTENT = "etat_civil_acte_naissance_copie"
GOODBYE = "Non merci, au revoir."


def test_a_server_is_stopped_while_it_talks(lab: Lab, bot: Bot) -> None:
    steps = [hear(), say(QUESTION), hear(), say(GOODBYE), await_hang_up()]
    with own_bot(lab, bot, CALLBOT_DRAIN_S="60") as second, ThreadPoolExecutor(1) as pool:
        process = second.process
        first = pool.submit(lab.place_call, steps)
        deadline = time.monotonic() + PATIENCE_S
        while not second.calls_in_progress() and time.monotonic() < deadline:
            time.sleep(0.1)
        second.send(signal.SIGTERM)
        late = lab.place_call([await_human()])
        assert late.event("human") is not None
        greeting = late.find(second.wavs(Greet())[0])
        assert greeting is None or greeting.share < 0.3, "no bot, people at once"
        assert "result=FAILED" in lab.outcome(late.number)
        assert process.poll() is None, "the first call still goes on"
        record = first.result()
        assert process.wait(PATIENCE_S) == 0
        assert record.ending == "hung_up_by_other_side", record.events
        assert "result=DONE" in lab.outcome(record.number)
        linkedid = lab.linkedid(record.number)
        assert second.call(linkedid)["result"] == "DONE"
        assert [turn["intent"] for turn in second.turns(linkedid)][1] == INTENT
        assert record.find(second.wavs(Answer(INTENT))[0]) is not None
