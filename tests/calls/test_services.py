"""What the town hall does for a caller, by real calls: requests handed over, live facts, messages, texts."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from signal import SIGKILL
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callbot.town.profile import COMMUNES

from ..town.live_site import Site, gbfs
from ..town.test_open311 import SECRET, Endpoint
from . import recording, voices
from .bot import OFFICE_HOURS, Bot
from .lab import CallRecord, Lab, Step, await_hang_up, await_human, hear, say
from .second import own_bot

REPORT = "Il y a un trou dans la route devant le douze rue Pasteur."
RIGHT = "Oui, c'est ça."
GOODBYE = "Non merci, au revoir."
BIKES = "Combien de vélos il reste place de la Gare ?"
WANTS_HUMAN = "Je veux parler à quelqu'un."
MESSAGE = "Bonjour, madame Martin, je rappelle pour mon dossier, merci de me rappeler."
HOLE = "voirie_nid_de_poule"
NIGHT = datetime(2026, 11, 24, 22)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """The town's own system."""
    served = Endpoint()
    Thread(target=served.serve_forever, daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


@pytest.fixture
def bikes() -> Iterator[Site]:
    """The bike operator's."""
    site = Site()
    with site.serving():
        yield site


def town_with(folder: Path, more: str) -> str:
    """Rivemont's file with more in it."""
    path = folder / "rivemont.yml"
    path.write_text((COMMUNES / "rivemont.yml").read_text(encoding="utf-8") + more, encoding="utf-8")
    return str(path)


def hands_over_to(endpoint: Endpoint, folder: Path) -> str:
    key = folder / "open311.key"
    key.write_text(SECRET)
    system = f'{{url: "{endpoint.url}", key_file: {key}, services: {{{HOLE}: "001"}}}}'
    return f"\nhand_over: {{open311: {system}}}\n"


def eventually(holds: Any, patience: float = 20) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def prompts(lab: Lab, bot: Bot, record: CallRecord) -> list[str]:
    """What the bot said, turn by turn."""
    return [turn["prompt"] for turn in bot.turns(lab.linkedid(record.number))]


def request_of(lab: Lab, bot: Bot, record: CallRecord) -> dict[str, Any]:
    (request,) = bot.requests(lab.linkedid(record.number))
    return request


REPORTS: list[Step] = [hear(), say(REPORT), hear(), say(RIGHT), hear(), say(GOODBYE), await_hang_up()]


def test_a_pothole_ends_in_the_towns_system_and_its_state_is_told(
    lab: Lab, bot: Bot, endpoint: Endpoint, tmp_path: Path
) -> None:
    with own_bot(lab, bot, CALLBOT_TOWN=town_with(tmp_path, hands_over_to(endpoint, tmp_path))) as second:
        record = lab.place_call(REPORTS)
        request = request_of(lab, second, record)
        reference = str(1000 + request["id"])
        assert (request["intent"], request["complete"]) == (HOLE, 1)
        said_back = prompts(lab, second, record)
        assert "12 rue Pasteur" in said_back[1]
        assert "un, zéro, zéro" in said_back[2], "the reference is read back, digit by digit"
        eventually(lambda: endpoint.stored)
        (posted,) = endpoint.posted
        assert posted["address_string"].startswith("12 rue Pasteur")
        assert reference in posted["description"] and posted["phone"].replace(" ", "") == record.number
        eventually(lambda: request_of(lab, second, record)["state"] == "handed_over")

        asks = [say("Bonjour, où en est ma demande ?"), say("Un, zéro, zéro, un.")]
        again = lab.place_call([hear(), asks[0], hear(), asks[1], hear(), say(GOODBYE), await_hang_up()])
        assert any("transmise au service de la voirie" in said for said in prompts(lab, second, again))


def test_killing_the_server_during_the_hand_over_loses_nothing_and_sends_nothing_twice(
    lab: Lab, bot: Bot, endpoint: Endpoint, tmp_path: Path
) -> None:
    town = town_with(tmp_path, hands_over_to(endpoint, tmp_path))
    endpoint.manner = "stores, then hangs"
    with own_bot(lab, bot, CALLBOT_TOWN=town) as second:
        record = lab.place_call(REPORTS)
        eventually(lambda: endpoint.stored)
        second.send(SIGKILL)
    endpoint.manner = "realtime"
    endpoint.closing.set()
    with database(second) as journal:  # time passes
        journal.execute("update deliveries set next_at = ?", [str(datetime(2026, 1, 1))])
    with own_bot(lab, bot, second.state, CALLBOT_TOWN=town) as restarted:
        eventually(lambda: request_of(lab, restarted, record)["state"] == "handed_over")
        time.sleep(1)
    assert len(endpoint.stored) == 1, "sent twice"
    assert len(endpoint.posted) == 1


def test_bikes_are_counted_now_and_an_outage_is_told(lab: Lab, bot: Bot, bikes: Site, tmp_path: Path) -> None:
    feed = f"\nlive: {{velos: {{url: {bikes.url}/gbfs.json, refresh_s: 10, stale_s: 30, timeout_ms: 500}}}}\n"
    asks: list[Step] = [hear(), say(BIKES), hear(), say(GOODBYE), await_hang_up()]
    began = time.monotonic()
    opened = OFFICE_HOURS.replace(tzinfo=ZoneInfo("Europe/Paris"))

    def report(count: int) -> None:
        now = opened + timedelta(seconds=time.monotonic() - began)
        gbfs(bikes, "2.3", bikes=count, age_s=0, at=now)

    report(7)
    with own_bot(lab, bot, CALLBOT_TOWN=town_with(tmp_path, feed)) as second:
        report(7)
        before = prompts(lab, second, lab.place_call(asks))
        assert "Place de la gare : sept vélos" in before[1]
        asked = bikes.count("/station_status")
        report(2)
        eventually(lambda: bikes.count("/station_status") > asked)
        after = prompts(lab, second, lab.place_call(asks))
        assert "Place de la gare : deux vélos" in after[1]
        bikes.status = 503
        time.sleep(31)  # until the last news are stale
        out = prompts(lab, second, lab.place_call(asks))
        assert out[1].startswith("Je n'arrive pas à joindre le service des vélos")
        assert "L'application Rivélo" in out[1], "and what can be done instead"


def test_at_ten_in_the_evening_a_message_is_left(lab: Lab, bot: Bot) -> None:
    with own_bot(lab, bot, CALLBOT_PRETEND_NOW=NIGHT.isoformat()) as second:
        record = lab.place_call(
            [hear(), say(WANTS_HUMAN), hear(), say("Oui."), hear(), say(MESSAGE), hear(), say(GOODBYE),
             await_hang_up()]
        )  # fmt: skip
        assert not record.rings, "an operator's telephone rang at night"
        said = prompts(lab, second, record)
        assert "rouvre demain à huit heures trente" in said[1]
        message = request_of(lab, second, record)
        assert (message["kind"], message["phone"]) == ("message", record.number)
        recorded = voices.read(second.state / "messages" / message["recording"])
        heard = recording.find(recorded, voices.read(voices.speak(MESSAGE)), recording.STALLED_S)
        assert heard is not None and heard.share > 0.5, "the message can't be understood"
        assert record.find(second.state / "prompts/fixed/tone.wav") is not None
        assert "result=DONE" in lab.outcome(record.number)


def test_the_list_of_documents_comes_by_sms(lab: Lab, bot: Bot) -> None:
    asks = say("Quels papiers faut-il pour refaire ma carte d'identité ?")
    record = lab.place_call([hear(), asks, hear(), say("Oui, je veux bien."), hear()], number="0612345678")
    said = prompts(lab, bot, record)
    assert "par SMS" in said[1] and said[2].startswith("C'est noté, le SMS")
    with database(bot) as journal:
        ((content, state),) = journal.execute("select content, state from deliveries where channel = 'sms'")
    assert "+33612345678" in content and "justificatif" in content and state == "queued"


def manager(lab: Lab) -> dict[str, str]:
    """The settings of a bot that watches the queues."""
    return {
        "CALLBOT_AMI_HOST": "127.0.0.1",
        "CALLBOT_AMI_PORT": str(lab.town.manager_port),
        "CALLBOT_AMI_SECRET": lab.secrets["SECRET_MANAGER"],
    }


def test_the_context_of_a_transfer_is_known_before_the_telephone_rings(lab: Lab, bot: Bot) -> None:
    asks = say("Je voudrais une copie de mon acte de naissance.")
    with own_bot(lab, bot, **manager(lab)) as second:
        record = lab.place_call([hear(), asks, hear(), say(WANTS_HUMAN), await_human()])
        with database(second) as journal:
            journal.row_factory = sqlite3.Row
            ended = "select * from transfers where state = 'ended'"
            eventually(lambda: journal.execute(ended).fetchall())
            (transfer,) = map(dict, journal.execute(ended))
            queues = {row["name"]: dict(row) for row in journal.execute("select * from queues")}
        assert transfer["linkedid"] == lab.linkedid(record.number)
        assert (transfer["intent"], transfer["reason"]) == ("etat_civil_acte_naissance_copie", "asked")
        assert transfer["operator"] and transfer["at"] < transfer["answered_at"] <= transfer["ended_at"]
        assert len(queues["standard"]["members"]) > 2


def test_a_queue_without_anybody_is_told_from_the_start(lab: Lab, bot: Bot) -> None:
    lab.log_operators_out()
    try:
        with own_bot(lab, bot, **manager(lab)) as second:
            record = lab.place_call([hear(), say(WANTS_HUMAN), hear()])
            offered = second.turns(lab.linkedid(record.number))[1]
    finally:
        lab.log_operators_in()
    assert offered["move"] == "offermessage:accueil:asked"
    assert "personne n'est libre" in offered["prompt"]


@contextmanager
def database(bot: Bot) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(bot.state / "journal.sqlite", isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()
