"""What those who follow the journal live are told."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy.orm import Session

from callbot.journal.database import Database, now
from callbot.journal.events import KEPT, Events, note
from callbot.journal.models import Event

from ..patience import PATIENCE_S


async def test_followers_hear_of_what_is_newer_and_old_events_go(url: str) -> None:
    database = Database(url)
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


def test_a_follower_misses_nothing_that_several_write_at_once(url: str) -> None:
    """Numbers are given before a commit: one that came to light after a higher one would be overlooked."""
    database = Database(url)
    events, seen = Events(database), list[str]()
    mine = [[f"{writer}.{number}" for number in range(15)] for writer in range(4)]

    def slowly(session: Session, number: str) -> None:
        note(session, "turn", number)
        session.flush()
        time.sleep(0.002 * (int(number[0]) % 3))

    def write(numbers: list[str]) -> None:
        for number in numbers:
            database.write_now(lambda session, number=number: slowly(session, number))

    def follow() -> None:
        newest = 0
        while len(seen) < 60 and time.monotonic() < end:
            for told, _, ref in events.since(newest):
                newest = told
                seen.append(ref)

    end = time.monotonic() + PATIENCE_S
    with ThreadPoolExecutor(5) as pool:
        following = pool.submit(follow)
        list(pool.map(write, mine))
        following.result()
    assert sorted(seen) == sorted(number for numbers in mine for number in numbers)
    database.close()
