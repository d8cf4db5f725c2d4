"""What the town hall does for a caller, by real calls: requests handed over, operators told, empty queues."""

import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from signal import SIGKILL
from threading import Thread

import pytest

from ..patience import eventually
from ..town.test_open311 import SECRET, Endpoint
from .bot import Bot
from .lab import Lab, Step, await_hang_up, await_human, hear, say
from .second import own_bot
from .services import GOODBYE, WANTS_HUMAN, database, manager, prompts, request_of, town_with

REPORT = "Il y a un trou dans la route devant le douze rue Pasteur."
RIGHT = "Oui, c'est ça."
HOLE = "voirie_nid_de_poule"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """The town's own system."""
    served = Endpoint()
    Thread(target=served.serve_forever, daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


def hands_over_to(endpoint: Endpoint, folder: Path) -> str:
    key = folder / "open311.key"
    key.write_text(SECRET)
    system = f'{{url: "{endpoint.url}", key_file: {key}, services: {{{HOLE}: "001"}}}}'
    return f"\nhand_over: {{open311: {system}}}\n"


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
