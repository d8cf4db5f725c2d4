"""What those who follow the journal live are told."""

from datetime import timedelta
from pathlib import Path

from callbot.journal.database import Database, now
from callbot.journal.events import KEPT, Events, note
from callbot.journal.models import Event


async def test_followers_hear_of_what_is_newer_and_old_events_go(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'j.sqlite'}")
    events = Events(database)
    assert events.newest() == 0
    old = Event(at=now() - KEPT - timedelta(seconds=1), kind="call", ref="1")
    await database.write(lambda session: session.add(old))
    await database.write(lambda session: note(session, "transfer", 7))
    assert [told[1:] for told in events.since(1)] == [("transfer", "7")]
    await events.forget()
    assert [told[1:] for told in events.since(0)] == [("transfer", "7")]
    assert events.newest() == 2, "numbers are never used twice"
    database.close()
