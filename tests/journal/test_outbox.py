"""The outbox."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from callbot.journal.database import Database, now
from callbot.journal.outbox import LEASE_S, Outbox
from callbot.types import Draft

WAYS = {("rivemont", "sms")}


@pytest.fixture
def outbox(url: str) -> Iterator[Outbox]:
    database = Database(url)
    yield Outbox(database, b"k" * 32)
    database.close()


async def put(outbox: Outbox, key: str, number: str = "0612345678", town: str = "rivemont") -> bool:
    return await outbox.put_text(town, Draft("sms", key, {"to": number}), number, lambda his, _: his < 2)


async def claim(outbox: Outbox, at: datetime) -> list[tuple[str, bool]]:
    return [(found.draft.key, found.interrupted) for found in await outbox.claim(WAYS, at, 10)]


async def test_what_is_due_is_taken_once_and_only_the_ways_there_are(outbox: Outbox) -> None:
    await put(outbox, "a")
    await put(outbox, "b", town="petit-rivemont")
    assert await claim(outbox, now()) == [("a", False)]
    assert await claim(outbox, now()) == []


async def test_what_a_dead_process_was_sending_comes_back_in_doubt(outbox: Outbox) -> None:
    await put(outbox, "a")
    began = now()
    await claim(outbox, began)
    assert await claim(outbox, began + timedelta(seconds=LEASE_S - 1)) == []
    assert await claim(outbox, began + timedelta(seconds=LEASE_S + 1)) == [("a", True)]


async def test_a_failure_waits_and_remembers_its_doubt(outbox: Outbox) -> None:
    await put(outbox, "a")
    (taken,) = await outbox.claim(WAYS, now(), 10)
    later = now() + timedelta(minutes=1)
    await outbox.failed(taken.id, "no answer", later, unsure=True)
    assert await claim(outbox, now()) == []
    (again,) = await outbox.claim(WAYS, later, 10)
    assert again.interrupted and again.attempts == 1
    await outbox.failed(again.id, "refused", None, unsure=False)
    ((_, state, error),) = outbox.all()
    assert (state, error) == ("failed", "refused")
    assert await claim(outbox, now() + timedelta(days=9)) == []


async def test_a_number_gets_only_so_many_and_is_not_written_in_clear_twice(outbox: Outbox) -> None:
    assert [await put(outbox, key) for key in "abc"] == [True, True, False]
    assert await put(outbox, "d", "0687654321")
    assert await put(outbox, "e", "+33 6 12 34 56 78") is False


async def test_two_servers_never_take_the_same(outbox: Outbox) -> None:
    for number in range(40):
        await put(outbox, f"k{number}", f"06123456{number:02d}")

    def take() -> list[str]:
        taken, empty = list[str](), 0
        while empty < 3:
            found = asyncio.run(outbox.claim(WAYS, now(), 2))
            taken += [one.draft.key for one in found]
            empty = 0 if found else empty + 1
        return taken

    taken = await asyncio.gather(*(asyncio.to_thread(take) for _ in range(4)))
    keys = [key for one in taken for key in one]
    assert sorted(keys) == sorted(f"k{number}" for number in range(40))
    assert await outbox.counts() == {"sending": 40}
