"""The dialplan alone, with a bridge that misbehaves in every way: no caller is lost or left in silence."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from . import voices
from .asterisk import UNPACKED
from .lab import RING_S, CallRecord, Lab, Step, await_hang_up, await_human, hear, press, wait, wait_for_speech

NOBODY = (
    "Personne ne peut vous répondre. Le standard est ouvert du lundi au vendredi, de huit heures trente à "
    "dix-sept heures. Rappelez plus tard, ou laissez-nous un message sur le site de la ville."
)
FRENCH_SOUNDS = UNPACKED / "usr/share/asterisk/sounds/fr_CA_f_June"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A town whose bridge is stub_bridge.py, in a folder of its own as the real one is."""
    folder = tmp_path_factory.mktemp("bridge")
    bridge = Path(shutil.copy(Path(__file__).with_name("stub_bridge.py"), folder / "bridge.py"))
    with Lab(bridge=bridge) as lab:
        yield lab


def call_all(lab: Lab, numbers: list[str], steps: list[Step]) -> dict[str, CallRecord]:
    """Dial several numbers at once, with the same steps."""
    with ThreadPoolExecutor(len(numbers)) as pool:
        records = pool.map(lambda number: lab.place_call(steps, dialled=number), numbers)
        return dict(zip(numbers, records, strict=True))


def test_every_kind_of_failure_reaches_an_operator(lab: Lab) -> None:
    numbers = ["101", "102", "103", "104", "105", "106", "107", "108", "109"]
    records = call_all(lab, numbers, [await_human()])
    for number, record in records.items():
        assert record.ending == "finished", (number, record.events)
        assert record.rings, number
        assert "queue=standard outcome=ANSWERED" in lab.outcome(record.number), number
    assert lab.town_is_quiet()


def test_done_hangs_up_and_rings_nobody(lab: Lab) -> None:
    record = lab.place_call([await_hang_up()], dialled="100")
    assert record.ending == "hung_up_by_other_side"
    assert not record.rings
    assert "outcome=DONE" in lab.outcome(record.number)


def test_a_script_that_never_ends_is_taken_over_by_an_operator(lab: Lab) -> None:
    lab.set_global(CALLBOT_MAX_SECONDS="3")
    try:
        record = lab.place_call([await_human()], dialled="110")
    finally:
        lab.set_global(CALLBOT_MAX_SECONDS="")
    assert record.ending == "finished", record.events
    assert "result=TIMEOUT queue=standard outcome=ANSWERED" in lab.outcome(record.number)


def test_a_script_that_is_not_there_is_a_human(lab: Lab) -> None:
    lab.set_global(CALLBOT_BRIDGE="/dev/null/nowhere/bridge.py")
    try:
        record = lab.place_call([await_human()], dialled="101")
    finally:
        lab.set_global(CALLBOT_BRIDGE=str(lab.bridge))
    assert record.ending == "finished", record.events
    assert record.rings


def test_a_key_reaches_the_script(lab: Lab) -> None:
    record = lab.place_call([wait_for_speech(1), press("0"), await_human()], dialled="112")
    assert record.ending == "finished", record.events
    assert "outcome=ANSWERED" in lab.outcome(record.number)


def test_hanging_up_in_the_queue_is_written_down(lab: Lab) -> None:
    lab.let_ring(20)
    try:
        record = lab.place_call([wait(3)], dialled="101")
    finally:
        lab.let_ring(RING_S)
    assert record.ending == "finished"
    assert "outcome=ABANDONED" in lab.outcome(record.number)
    assert lab.town_is_quiet()


def test_nobody_there_is_said_and_the_call_ends(lab: Lab) -> None:
    said = voices.speak(NOBODY, voices.MAN)
    recording = lab.state / "prompts" / "fixed" / "nobody.wav"
    lab.log_operators_out()
    try:
        without = call_all(lab, ["101", "106", "111"], [hear(), await_hang_up()])
        recording.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(said, recording)
        with_recording = call_all(lab, ["101", "107", "111"], [hear(), await_hang_up()])
    finally:
        recording.unlink(missing_ok=True)
        lab.log_operators_in()
    for number, record in with_recording.items():
        assert record.ending == "hung_up_by_other_side", (number, record.events)
        heard = record.hears(said)
        assert heard is not None and heard.share > 0.6, number
        assert not record.rings
    for number, record in without.items():
        assert record.ending == "hung_up_by_other_side", (number, record.events)
        if FRENCH_SOUNDS.is_dir():
            heard = record.hears(FRENCH_SOUNDS / "vm-nobodyavail.wav")  # of two seconds
            assert heard is not None and heard.share > 0.3, number
    assert "outcome=JOINEMPTY" in lab.outcome(with_recording["101"].number)
