"""More than an answer, by real calls: bikes counted now, a message at night, a list sent as a text."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ..patience import eventually
from ..town.live_site import Site, gbfs
from . import recording, voices
from .bot import OFFICE_HOURS, Bot
from .lab import Lab, Step, await_hang_up, hear, say
from .second import own_bot
from .services import (
    GOODBYE,
    MESSAGE,
    NIGHT,
    WANTS_HUMAN,
    database,
    prompts,
    request_of,
    town_with,
)

BIKES = "Combien de vélos il reste place de la Gare ?"


@pytest.fixture
def bikes() -> Iterator[Site]:
    """The bike operator's."""
    site = Site()
    with site.serving():
        yield site


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
