"""Real telephone calls through SIP, RTP, Asterisk, bridge and server: what callers hear and where they end.

Calls that leave everything as it was are placed together (`calls`), each test then looks at its own. Those
that break something come after, one at a time.
"""

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from callbot.dialogue.moves import Answer, Ask, Greet, OfferMessage, Transfer

from ..patience import PATIENCE_S
from . import recording, voices
from .bot import Bot
from .lab import (
    HOSTILE_DIALLED,
    HOSTILE_NAME,
    CallRecord,
    Lab,
    Step,
    await_hang_up,
    await_human,
    barge_in,
    hear,
    press,
    say,
    wait,
    wait_for_speech,
)
from .loudspeaker import Hear, Loudspeaker, Speak
from .second import own_bot

QUESTION = "Je voudrais une copie de mon acte de naissance."
OPENING_HOURS = "Quels sont les horaires de la mairie ?"
POOL = "Quels sont les horaires de la piscine ?"
INTENT = "etat_civil_acte_naissance_copie"
WANTS_HUMAN = "Je veux parler à quelqu'un."
GOODBYE = "Non merci, au revoir."
REPORT = "Il y a un trou dans la route devant le douze rue Pasteur."
MESSAGE = "Bonjour, madame Martin, je rappelle pour mon dossier, merci de me rappeler."
OFF_TOPIC = "Quelle est la capitale de l'Australie ?"


def place_all(lab: Lab, at_once: int) -> dict[str, CallRecord]:
    """The calls that may be placed at the same time."""
    off_topic = say(OFF_TOPIC, voices.MAN)
    scenarios: dict[str, list[Step]] = {
        "answered": [hear(), say(QUESTION), hear(), say(GOODBYE), await_hang_up()],
        "a man's voice": [
            hear(),
            say(QUESTION, voices.MAN),
            hear(),
            say(GOODBYE, voices.MAN),
            await_hang_up(),
        ],
        "a request": [
            *(hear(), say(REPORT), hear(), say("Oui, c'est ça."), hear()),
            *(say("Parlez moins vite, s'il vous plaît."), hear(), say(GOODBYE), await_hang_up()),
        ],
        "barge-in": [barge_in(WANTS_HUMAN, after=4.5), await_human()],
        "key 0": [wait_for_speech(1.0), press("0"), await_human()],
        "wants a human": [hear(), say(WANTS_HUMAN, voices.MAN), await_human()],
        "off topic": [hear(), off_topic, hear(), off_topic, await_human()],
        "says nothing": [hear(), hear(), hear(), await_human()],
        "quotes in the name": [hear(), press("0"), await_human()],
    }
    names = {"quotes in the name": 'O\'Brien "J" ${EXTEN} $[1+1] <sip:x>; |&'}
    with ThreadPoolExecutor(at_once) as pool:
        records = pool.map(
            lambda item: lab.place_call(item[1], name=names.get(item[0], "")), scenarios.items()
        )
        return dict(zip(scenarios, records, strict=True))


@pytest.fixture(scope="module")
def placed() -> dict[int, dict[str, CallRecord]]:
    """`calls` by how often a test was tried."""
    return {}


@pytest.fixture
def calls(
    request: pytest.FixtureRequest, lab: Lab, bot: Bot, placed: dict[int, dict[str, CallRecord]]
) -> dict[str, CallRecord]:
    """Placed once for all tests; anew, and fewer at once, for one that is tried again (conftest.py)."""
    tries: int = getattr(request.node, "execution_count", 1)
    if tries not in placed:
        placed[tries] = place_all(lab, at_once=4 if tries == 1 else 2)
    return placed[tries]


def heard_whole(record: CallRecord, wav: Path) -> recording.Heard:
    """Where a prompt was heard from beginning to end; a busy machine may garble a piece or two."""
    heard = record.hears(wav)
    assert heard is not None, f"{wav.name} was not heard"
    length = len(voices.read(wav)) / voices.RATE
    garbled_s = max(2 * recording.PIECE_S, 0.3 * length)  # one stutter may lie across two pieces
    assert heard.missing_s <= garbled_s, f"only {heard.share:.0%} of {wav.name} was heard"
    assert heard.cut_s <= 2 * recording.PIECE_S, f"{wav.name} was cut"
    return heard


def assert_reached_an_operator(lab: Lab, record: CallRecord) -> None:
    """A telephone rang, an operator's voice was heard, and the dialplan knows."""
    assert record.ending == "finished", record.events
    assert record.event("human") is not None
    assert record.rings
    assert "outcome=ANSWERED" in lab.outcome(record.number)


@pytest.mark.parametrize("voice", ["answered", "a man's voice"])
def test_a_question_is_answered(lab: Lab, bot: Bot, calls: dict[str, CallRecord], voice: str) -> None:
    record = calls[voice]
    linkedid = lab.linkedid(record.number)
    turns = bot.turns(linkedid)
    assert [turn["move"] for turn in turns[1:2]] == [f"answer:{INTENT}"], turns
    assert turns[1]["intent"] == INTENT
    greeting = [heard_whole(record, wav) for wav in bot.wavs(Greet())]
    answer = [heard_whole(record, wav) for wav in bot.wavs(Answer(INTENT))]
    assert [heard.start for heard in greeting + answer] == sorted(heard.start for heard in greeting + answer)
    assert record.ending == "hung_up_by_other_side"
    assert "result=DONE" in lab.outcome(record.number)
    assert bot.call(linkedid)["result"] == "DONE"


def test_the_greeting_comes_at_once(calls: dict[str, CallRecord]) -> None:
    delays = {name: record.greeting_delay for name, record in calls.items()}
    assert all(delay is not None and delay < 10 for delay in delays.values()), delays


def test_the_answer_comes_quickly(calls: dict[str, CallRecord]) -> None:
    latencies = calls["answered"].answer_latencies
    assert len(latencies) == 2
    assert max(latencies) < 10, latencies  # the cores are busy; make bench measures in earnest


def test_a_request_is_taken_by_voice(lab: Lab, bot: Bot, calls: dict[str, CallRecord]) -> None:
    record = calls["a request"]
    linkedid = lab.linkedid(record.number)
    (request,) = bot.requests(linkedid)
    assert request["intent"] == "voirie_nid_de_poule" and request["complete"]
    assert json.loads(request["slots"]) == {"number": "12", "street": "rue Pasteur"}
    assert request["phone"] == record.number
    turns = bot.turns(linkedid)
    assert [turn["move"].partition(":")[0] for turn in turns] == [
        *("greet", "confirmrequest", "register", "repeat", "goodbye")
    ]
    told, again = [turn["prompt"] for turn in turns[2:4]]
    assert again.endswith(told)


def test_speaking_over_the_bot_stops_it(lab: Lab, bot: Bot, calls: dict[str, CallRecord]) -> None:
    record = calls["barge-in"]
    spoke_at = recording.sounds(record.said)[0][0]
    legal, question = bot.wavs(Greet())
    heard_whole(record, legal)
    heard = record.find(question)
    assert heard is not None
    assert heard.share < 0.8, "the greeting went on"
    stopped = [last - spoke_at for first, last in recording.sounds(record.heard) if first < spoke_at < last]
    assert stopped and stopped[0] < 5
    turns = bot.turns(lab.linkedid(record.number))
    assert turns[1]["barge_in"]
    assert turns[1]["intent"] == "conversation_humain"
    assert_reached_an_operator(lab, record)


@pytest.mark.parametrize("name", ["key 0", "wants a human", "quotes in the name"])
def test_a_caller_who_wants_a_human_gets_one(
    lab: Lab, bot: Bot, calls: dict[str, CallRecord], name: str
) -> None:
    record = calls[name]
    assert_reached_an_operator(lab, record)
    heard_whole(record, bot.wavs(Transfer("accueil", "asked"))[0])
    assert bot.call(lab.linkedid(record.number))["result"] == "TRANSFER"


def test_what_is_not_understood_is_asked_again_then_passed_on(
    lab: Lab, bot: Bot, calls: dict[str, CallRecord]
) -> None:
    record = calls["off topic"]
    heard_whole(record, bot.wavs(Ask("unclear"))[0])
    assert_reached_an_operator(lab, record)
    assert bot.call(lab.linkedid(record.number))["reason"] == "not_understood"


def test_silence_is_asked_again_then_passed_on(lab: Lab, bot: Bot, calls: dict[str, CallRecord]) -> None:
    record = calls["says nothing"]
    heard_whole(record, bot.wavs(Ask("silence"))[0])
    assert_reached_an_operator(lab, record)
    assert bot.call(lab.linkedid(record.number))["reason"] == "no_input"


def test_the_number_dialled_chooses_the_commune(lab: Lab, bot: Bot) -> None:
    steps = [hear(), say(OPENING_HOURS), hear(), say(GOODBYE), await_hang_up()]
    record = lab.place_call(steps, dialled="0261911300")
    for move in (Greet(), Answer("accueil_horaires_mairie")):
        heard_whole(record, bot.wavs(move, "petit-rivemont")[0])
    assert bot.call(lab.linkedid(record.number))["town"] == "Petit-Rivemont"


def test_the_bot_does_not_hear_itself_on_a_loudspeaker(lab: Lab, bot: Bot) -> None:
    """Its own voice comes back from the room: it neither stops for it nor answers it."""
    question = voices.speak(QUESTION)
    record = lab.place_loud_call(Loudspeaker([Hear(), Speak(question), Hear()]))
    turns = bot.turns(lab.linkedid(record.number))
    assert [turn["move"] for turn in turns[:2]] == ["greet", f"answer:{INTENT}"]
    assert turns[1]["utterance"] == QUESTION.removesuffix(".").lower()
    assert bot.interruptions(record.number) == (0, 0, len(turns))


def test_a_loudspeaker_does_not_keep_callers_from_interrupting(lab: Lab, bot: Bot) -> None:
    steps = [Hear(), Speak(voices.speak(QUESTION)), Speak(voices.speak(POOL), over_s=1.5), Hear()]
    record = lab.place_loud_call(Loudspeaker(steps))
    turns = bot.turns(lab.linkedid(record.number))
    assert [turn["move"] for turn in turns[1:3]] == [f"answer:{INTENT}", "answer:piscine_horaires"]
    assert [turn["barge_in"] for turn in turns[1:3]] == [0, 1]


def test_no_number_is_kept_in_clear(lab: Lab, bot: Bot, calls: dict[str, CallRecord]) -> None:
    # Whoever asks for something, or is handed over, wants to be reached; nobody else's number is kept.
    reached = {name for name, record in calls.items() if "result=TRANSFER" in lab.outcome(record.number)}
    numbers = [calls[name].number.encode() for name in calls.keys() - reached - {"a request"}]
    assert numbers
    kept = b"".join(path.read_bytes() for path in bot.state.glob("journal.sqlite*"))
    assert not [number for number in numbers if number in kept]
    assert bot.call(lab.linkedid(calls["key 0"].number))["caller_last2"] == calls["key 0"].number[-2:]


def test_calls_leave_nothing_behind(lab: Lab, bot: Bot, calls: dict[str, CallRecord]) -> None:
    """Callers who hang up in the middle of a prompt, of a sentence, of an answer to a key, at once."""
    assert lab.town_is_quiet()
    before = bot.usage()
    mid_prompt, at_once = [wait_for_speech(1.0)], [wait(0.0)]
    mid_sentence, after_key = [hear(), say(QUESTION)], [hear(), press("1"), wait_for_speech(0.3)]
    scenarios: list[list[Step]] = [mid_sentence, after_key, *[mid_prompt] * 6, *[at_once] * 6]
    with ThreadPoolExecutor(5) as pool:
        records = list(pool.map(lab.place_call, scenarios))
    assert lab.town_is_quiet(), lab.town.command("core show channels concise")
    for record, steps in zip(records, scenarios, strict=True):
        assert record.ending == "finished"
        assert not record.rings, (record.events, bot.last_words())
        row = bot.call(lab.linkedid(record.number), patience=10)
        if row or steps is not at_once:  # those may be gone before the bot knows
            assert row["ended_at"] is not None and row["reason"] == "hung_up"
    assert not bridges_of(lab.town.pid)
    # Pools of threads and connections may still have grown to their size; a leak would count every call.
    time.sleep(1)
    after = bot.usage()
    assert after.children == before.children
    assert after.descriptors - before.descriptors < len(records) // 2
    assert after.threads - before.threads < len(records) // 2


def test_a_hostile_name_changes_nothing(lab: Lab, bot: Bot) -> None:
    """A caller's name with quotes, line breaks and AGI commands in it, from a directory look-up."""
    assert "\n" in HOSTILE_NAME and '"' in HOSTILE_NAME
    number = "0999000001"
    with lab.town.manager() as manager:
        manager.action(
            "Originate",
            Channel=f"Local/{number}@lab-hostile-name/n",
            Application="Wait",
            Data="3",
            Timeout="9000",
        )
    assert lab.town_is_quiet()
    (linkedid,) = bot.linkedids_of_calls_to(HOSTILE_DIALLED)
    assert [turn["move"] for turn in bot.turns(linkedid)] == ["greet"]
    assert bot.call(linkedid)["reason"] == "hung_up"


# -- what breaks -----------------------------------------------------------------------------------------


def place_and(lab: Lab, steps: list[Step], after: float, deed: signal.Signals, bot: Bot) -> CallRecord:
    """Place a call and do something to the server `after` seconds of the bot's speech."""
    number = lab.new_number()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(lab.place_call, steps, number=number)
        deadline = time.monotonic() + PATIENCE_S
        while not lab.said_something(number) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(after)
        bot.send(deed)
        return call.result()


def test_killing_the_server_mid_prompt_leads_to_an_operator(lab: Lab, bot: Bot) -> None:
    with own_bot(lab, bot) as second:
        record = place_and(lab, [await_human()], 1.5, signal.SIGKILL, second)
    heard = record.find(bot.wavs(Greet())[0])
    assert heard is not None and heard.share < 0.9, "the greeting was not cut"
    heard_whole(record, bot.state / "prompts" / "fixed" / "handover.wav")
    assert_reached_an_operator(lab, record)
    assert "result=FAILED" in lab.outcome(record.number)


def test_a_frozen_server_leads_to_an_operator(lab: Lab, bot: Bot) -> None:
    with own_bot(lab, bot) as second:
        record = place_and(lab, [await_human()], 1.5, signal.SIGSTOP, second)
        second.send(signal.SIGCONT)
    assert_reached_an_operator(lab, record)
    assert "result=FAILED" in lab.outcome(record.number)
    human = record.event("human")
    assert human is not None and human["t"] < 60


def test_an_absent_server_leads_to_an_operator(lab: Lab, bot: Bot) -> None:
    lab.set_global(CALLBOT_SOCKET=str(lab.home / "nobody.sock"))
    try:
        record = lab.place_call([await_human()])
    finally:
        lab.set_global(CALLBOT_SOCKET=str(bot.socket))
    heard_whole(record, bot.state / "prompts" / "fixed" / "handover.wav")
    assert_reached_an_operator(lab, record)


def test_a_stopped_rasa_leads_to_an_operator(lab: Lab, bot: Bot) -> None:
    bot.send_rasa(signal.SIGSTOP)
    try:
        record = lab.place_call([hear(), say(QUESTION), await_human()])
    finally:
        bot.send_rasa(signal.SIGCONT)
    assert_reached_an_operator(lab, record)
    assert "result=FAILED" in lab.outcome(record.number)


@contextmanager
def without_operators(lab: Lab) -> Iterator[None]:
    lab.log_operators_out()
    try:
        yield
    finally:
        lab.log_operators_in()


def test_nobody_there_and_the_bot_takes_a_message(lab: Lab, bot: Bot) -> None:
    with without_operators(lab):
        record = lab.place_call(
            [wait_for_speech(0.5), press("0"), hear(), say("Oui."), hear(), say(MESSAGE), hear()]
        )
    heard_whole(record, bot.wavs(OfferMessage("accueil", "nobody"))[0])
    assert "outcome=JOINEMPTY" in lab.outcome(record.number)
    assert not record.rings
    linkedid = lab.linkedid(record.number)
    (message,) = bot.requests(linkedid)
    assert (message["kind"], message["phone"]) == ("message", record.number)
    assert "dossier" in message["slots"]
    recorded = voices.read(bot.state / "messages" / message["recording"])
    assert recording.find(recorded, voices.read(voices.speak(MESSAGE))) is not None


def test_nobody_there_and_no_bot_is_said(lab: Lab, bot: Bot) -> None:
    lab.set_global(CALLBOT_SOCKET=str(lab.home / "nobody.sock"))
    try:
        with without_operators(lab):
            record = lab.place_call([await_hang_up()])
    finally:
        lab.set_global(CALLBOT_SOCKET=str(bot.socket))
    assert record.ending == "hung_up_by_other_side", record.events
    heard_whole(record, bot.state / "prompts" / "fixed" / "nobody.wav")
    assert "outcome=JOINEMPTY" in lab.outcome(record.number)
    assert np.any(record.heard)


def bridges_of(asterisk: int) -> list[int]:
    """Process ids of the bridges this Asterisk started (another test may be running a bridge of its own)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == asterisk and b"bridge.py" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found
