"""Who is let in: by the number of calls, and by how long work waits."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from callbot.admission import Admission


@pytest.fixture
def threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


def test_the_last_seat(threads: ThreadPoolExecutor) -> None:
    door = Admission(threads, limit_s=0.4, most=3)
    assert [door.admits(calls) for calls in (0, 2, 3, 4)] == [True, True, False, False]
    assert Admission(threads, limit_s=0.4).admits(10_000)


def test_one_hiccup_closes_nothing_and_a_lasting_lag_does(threads: ThreadPoolExecutor) -> None:
    told: list[float] = []
    door = Admission(threads, limit_s=0.4, tell=told.append)
    door.saw(1.0)
    assert door.admits(0)
    for _ in range(5):
        door.saw(1.0)
    assert not door.admits(0)
    assert told == [1.0] * 6


def test_the_door_opens_well_below_the_limit(threads: ThreadPoolExecutor) -> None:
    door = Admission(threads, limit_s=0.4)
    for _ in range(10):
        door.saw(1.0)
    looks = 0
    while not door.admits(0):
        door.saw(0.0)
        looks += 1
    assert looks > 1
    assert door.lag_s <= 0.2


async def test_busy_threads_are_measured(threads: ThreadPoolExecutor) -> None:
    told: list[float] = []
    watching = asyncio.create_task(Admission(threads, limit_s=0.4, tell=told.append).watch())
    await asyncio.sleep(0.1)
    threads.submit(time.sleep, 0.8)
    await asyncio.sleep(1.2)
    watching.cancel()
    assert max(told) > 0.3


async def test_a_busy_loop_is_measured(threads: ThreadPoolExecutor) -> None:
    told: list[float] = []
    watching = asyncio.create_task(Admission(threads, limit_s=0.4, tell=told.append).watch())
    await asyncio.sleep(0.1)
    time.sleep(0.8)  # noqa: ASYNC251 (this is what is measured)
    await asyncio.sleep(0.1)
    watching.cancel()
    assert max(told) > 0.3
