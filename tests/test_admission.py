"""Who is let in: by the number of calls, and by how long work waits."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from callbot.admission import Admission, Capacity


@pytest.fixture
def threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


def test_the_last_seat(threads: ThreadPoolExecutor) -> None:
    door = Admission(threads, limit_s=0.4, most=3)
    assert [door.admits(calls) for calls in (0, 2, 3, 4)] == [True, True, False, False]


def test_without_a_limit_the_machine_is_one(threads: ThreadPoolExecutor) -> None:
    door = Admission(threads, limit_s=0.4)
    assert door.admits(door.most - 1) and not door.admits(door.most)


def test_capacity_follows_what_calls_cost() -> None:
    capacity = Capacity(processors=2)
    assert capacity.calls == 60
    for _ in range(100):
        capacity.spent(3.0, calls=6, passed_s=10)  # 3 s of processor a minute of call: a larger speech model
    assert 18 <= capacity.calls <= 22
    capacity.spent(5.0, calls=0, passed_s=10)
    assert 18 <= capacity.calls <= 22, "what is spent while nobody calls is no call's"
    for _ in range(1000):
        capacity.spent(3.0, calls=60, passed_s=10)
    assert capacity.calls > 70
    assert Capacity(processors=8).calls == 240
    for _ in range(100):
        capacity.spent(600.0, calls=6, passed_s=10)
    assert capacity.calls == 2


def test_a_crowd_that_listens_to_the_greeting_is_not_taken_for_cheap() -> None:
    capacity = Capacity(processors=2)
    for _ in range(40):
        capacity.spent(5.0, calls=30, passed_s=10)
    usual = capacity.calls
    capacity.spent(1.0, calls=100, passed_s=10)  # a hundred callers, and hardly anybody has spoken yet
    assert capacity.calls == usual
    capacity.spent(4.0, calls=100, passed_s=10)  # now some do
    assert usual <= capacity.calls <= usual * 1.1


def test_what_a_few_calls_share_is_not_taken_for_what_one_more_costs() -> None:
    capacity = Capacity(processors=2)
    for _ in range(1000):
        capacity.spent(0.25, calls=1, passed_s=10)  # 1.5 s of processor a minute, as a first call takes
    assert capacity.calls == 60


def test_a_burst_is_seen_with_what_surrounds_it() -> None:
    capacity = Capacity(processors=2)
    for _ in range(1000):
        capacity.spent(0.3, calls=10, passed_s=0.2)
        for _ in range(24):
            capacity.spent(0.02, calls=10, passed_s=0.2)
    assert capacity.calls == 60


async def test_what_the_server_spends_is_measured(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callbot.admission.WINDOW_S", 0.5)
    door = Admission(threads, limit_s=0.4, calls=lambda: 10)
    before = door.most
    watching = asyncio.create_task(door.watch())
    until = time.process_time() + 1.5
    while time.process_time() < until:
        await asyncio.sleep(0.001)
        sum(range(100_000))
    watching.cancel()
    assert door.most < before


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
