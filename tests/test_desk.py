"""The desks of several communes, each at its own hour."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from callbot.desk import Offices, TownDesk
from callbot.journal.call import CallJournal
from callbot.journal.store import Journal
from callbot.settings import Settings
from callbot.town.communes import Communes
from callbot.types import CallInfo, Outcome

INFO = CallInfo("1763900000.1", "SIP/x", "0612345678")
ISLAND = """\
name: Saint-Exemple
zone: Indian/Reunion
holidays: "974"
incomplete: true
services: {accueil: {name: la mairie, hours: {lundi: 9:00-12:00}}}
"""


@pytest.fixture(autouse=True)
def in_france(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine stands in Paris."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Paris")
        time.tzset()
        yield
    time.tzset()


async def test_a_request_of_the_evening_is_one_of_the_next_day_on_the_island(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callbot.journal.requests.now", lambda: datetime(2026, 11, 23, 21))
    (tmp_path / "ile.yml").write_text(ISLAND)
    settings = Settings(state_dir=tmp_path, town=f"rivemont, {tmp_path / 'ile.yml'}")
    communes = Communes(settings.town, lambda: datetime(2026, 11, 23, 22, 30))
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}", b"key")
    offices = Offices(settings, communes, journal, b"key")
    assert [f"{office.clock():%d %H:%M}" for office in offices] == ["23 22:30", "24 01:30"]
    told = []
    for office in offices:
        call = CallJournal(journal, INFO, office.answers.town.name, office.key)
        desk = TownDesk(office, call, INFO, offices.courier)
        reference = await desk.file("voirie_nid_de_poule", (), True)
        told.append((await desk.status(reference)).split()[-1])
        await call.end(Outcome("DONE"))
    assert told == ["aujourd'hui.", "aujourd'hui."]  # by the machine's day, the island's would be « hier »
    await offices.close()
    journal.close()
