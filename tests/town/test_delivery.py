"""The courier: nothing lost, nothing twice, one dead receiver holds nobody up."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callbot.errors import DeliveryError, JournalError, TownError
from callbot.town import delivery as module
from callbot.town.delivery import GIVE_UP_AFTER, Courier, pause, read_secret
from callbot.types import Channel, Delivery, Draft

from ..patience import PATIENCE_S

TOWN = "rivemont"


class MemoryOutbox:
    """An outbox without a disk, which keeps the rules of the Outbox protocol."""

    def __init__(self, *keys: str, town: str = TOWN) -> None:
        self.due: dict[int, datetime] = {}
        self.things: dict[int, Delivery] = {}
        self.arrived: dict[int, str] = {}
        self.errors: list[str] = []
        self.given_up: list[int] = []
        self.broken = False
        self.arriving = asyncio.Event()
        self.breaking = asyncio.Event()
        for key in keys:
            self.put(key, town)

    def put(self, key: str, town: str = TOWN) -> int:
        id = len(self.things) + 1
        self.things[id] = Delivery(id, town, Draft("open311", key, {}))
        self.due[id] = datetime.min
        return id

    async def claim(self, ways: set[tuple[str, Channel]], now: datetime, limit: int) -> list[Delivery]:
        if self.broken:
            raise JournalError("journal: disk full")
        ids = [
            id
            for id, thing in self.things.items()
            if id in self.due and self.due[id] <= now and (thing.town, thing.draft.channel) in ways
        ][:limit]
        for id in ids:
            del self.due[id]
        return [self.things[id] for id in ids]

    async def sent(self, id: int, remote: str) -> None:
        if self.broken:
            self.breaking.set()
            raise JournalError("journal: disk full")
        self.arrived[id] = remote
        self.arriving.set()

    async def failed(self, id: int, error: str, again_at: datetime | None, unsure: bool) -> None:
        self.errors.append(error)
        thing = self.things[id]
        self.things[id] = replace(thing, attempts=thing.attempts + 1, interrupted=unsure)
        if again_at is None:
            self.given_up.append(id)
        else:
            self.due[id] = again_at

    def wait(self) -> None:
        """The pauses are over."""
        self.due = dict.fromkeys(self.due, datetime.min)

    def restart(self) -> None:
        """The process that was sending has died."""
        for id in self.things.keys() - self.due.keys() - self.arrived.keys():
            self.things[id] = replace(self.things[id], interrupted=True)
            self.due[id] = datetime.min


class Receiver:
    """A receiver that does as it is told, and keeps what it gets."""

    def __init__(self, *manners: Callable[["Receiver", str], str]) -> None:
        self.manners = list(manners)
        self.has: list[str] = []
        self.asked: list[str] = []
        self.deaf = False

    async def send(self, delivery: Delivery) -> str:
        await asyncio.sleep(0)
        manner = self.manners.pop(0) if self.manners else take
        return manner(self, delivery.draft.key)

    async def find(self, delivery: Delivery) -> str | None:
        self.asked.append(delivery.draft.key)
        if self.deaf:
            raise DeliveryError("can't be asked")
        return f"n-{delivery.draft.key}" if delivery.draft.key in self.has else None


def take(receiver: Receiver, key: str) -> str:
    receiver.has.append(key)
    return f"n-{key}"


def away(receiver: Receiver, key: str) -> str:
    raise DeliveryError("away")


def refuse(receiver: Receiver, key: str) -> str:
    raise DeliveryError("never", final=True)


def take_and_fall_silent(receiver: Receiver, key: str) -> str:
    take(receiver, key)
    raise DeliveryError("silent", unsure=True)


def fall_silent(receiver: Receiver, key: str) -> str:
    raise DeliveryError("silent", unsure=True)


def stumble(receiver: Receiver, key: str) -> str:
    raise ValueError("06 12 34 56 78 is no number")


def courier(outbox: MemoryOutbox, receiver: Receiver) -> Courier:
    return Courier(outbox, {(TOWN, "open311"): receiver})


async def test_what_is_due_is_handed_over_once() -> None:
    outbox, receiver = MemoryOutbox("a", "b"), Receiver()
    work = courier(outbox, receiver)
    assert await work.work()
    assert not await work.work()
    assert outbox.arrived == {1: "n-a", 2: "n-b"}
    assert receiver.has == ["a", "b"]
    assert receiver.asked == []


async def test_a_receiver_that_is_away_is_tried_again_later_and_not_asked() -> None:
    outbox, receiver = MemoryOutbox("a"), Receiver(away, away)
    work = courier(outbox, receiver)
    before = datetime.now(UTC).replace(tzinfo=None)
    await work.work()
    assert before + pause(1) <= outbox.due[1] <= before + pause(1) + timedelta(seconds=5)
    assert not await work.work()  # not yet
    outbox.wait()
    await work.work()
    assert outbox.due[1] >= before + pause(2)
    outbox.wait()
    await work.work()
    assert outbox.arrived == {1: "n-a"}
    assert receiver.asked == []


def test_pauses_double_up_to_an_hour() -> None:
    assert [pause(tries).total_seconds() for tries in (1, 2, 3, 9, 1000)] == [15, 30, 60, 3600, 3600]


async def test_a_final_refusal_and_the_last_try_end_it() -> None:
    outbox, receiver = MemoryOutbox("a", "b"), Receiver(refuse, away)
    outbox.things[2] = replace(outbox.things[2], attempts=GIVE_UP_AFTER - 1)
    await courier(outbox, receiver).work()
    assert sorted(outbox.given_up) == [1, 2]
    assert not outbox.due


@pytest.mark.parametrize("manner", [take_and_fall_silent, fall_silent])
async def test_after_an_unknown_ending_it_asks_before_it_sends(
    manner: Callable[[Receiver, str], str],
) -> None:
    outbox, receiver = MemoryOutbox("a"), Receiver(manner)
    work = courier(outbox, receiver)
    await work.work()
    outbox.wait()
    await work.work()
    assert receiver.asked == ["a"]
    assert receiver.has == ["a"]
    assert outbox.arrived == {1: "n-a"}


async def test_the_doubt_stays_until_the_receiver_could_be_asked() -> None:
    outbox, receiver = MemoryOutbox("a"), Receiver(take_and_fall_silent)
    work = courier(outbox, receiver)
    await work.work()
    receiver.deaf = True
    for _ in range(2):
        outbox.wait()
        await work.work()
    receiver.deaf = False
    outbox.wait()
    await work.work()
    assert receiver.asked == ["a", "a", "a"]
    assert receiver.has == ["a"]


async def test_a_doubt_that_was_settled_is_forgotten() -> None:
    outbox, receiver = MemoryOutbox("a"), Receiver(fall_silent, away)
    work = courier(outbox, receiver)
    for _ in range(3):
        await work.work()
        outbox.wait()
    assert receiver.asked == ["a"]
    assert receiver.has == ["a"]


async def test_cancelled_in_the_middle_it_is_found_after_the_restart() -> None:
    written = asyncio.Event()

    class Hanging(Receiver):
        async def send(self, delivery: Delivery) -> str:
            take(self, delivery.draft.key)
            written.set()
            await asyncio.Event().wait()
            return ""

    outbox, receiver = MemoryOutbox("a"), Hanging()
    running = asyncio.create_task(courier(outbox, receiver).run())
    await written.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not outbox.arrived
    assert not outbox.errors
    outbox.restart()
    await courier(outbox, receiver).work()
    assert receiver.has == ["a"]
    assert outbox.arrived == {1: "n-a"}


async def test_a_try_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRY_S", 0.05)

    class Hanging(Receiver):
        async def send(self, delivery: Delivery) -> str:
            take(self, delivery.draft.key)
            await asyncio.Event().wait()
            return ""

    outbox, receiver = MemoryOutbox("a"), Hanging()
    await courier(outbox, receiver).work()
    assert outbox.things[1].interrupted
    outbox.wait()
    await courier(outbox, receiver).work()
    assert outbox.arrived == {1: "n-a"}
    assert receiver.has == ["a"]


async def test_each_town_has_its_receiver_and_strangers_things_stay() -> None:
    outbox = MemoryOutbox()
    for town in ("rivemont", "petiville", "ailleurs"):
        outbox.put(town, town)
    one, other = Receiver(away), Receiver()
    work = Courier(outbox, {("rivemont", "open311"): one, ("petiville", "open311"): other})
    await work.work()
    assert outbox.arrived == {2: "n-petiville"}
    assert other.has == ["petiville"]
    outbox.wait()
    await work.work()
    assert one.has == ["rivemont"]
    assert outbox.due.keys() == {3}


async def test_a_mistake_of_a_sender_stops_nobody_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    outbox, receiver = MemoryOutbox("a", "b"), Receiver(stumble)
    with caplog.at_level(logging.DEBUG):
        await courier(outbox, receiver).work()
    assert outbox.arrived == {2: "n-b"}
    assert outbox.things[1].interrupted
    assert outbox.errors == ["ValueError in callbot"]
    assert "06 12" not in caplog.text


async def test_a_broken_outbox_is_survived_and_what_was_sent_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)

    def take_while_the_disk_fills(receiver: Receiver, key: str) -> str:
        outbox.broken = True
        return take(receiver, key)

    outbox, receiver = MemoryOutbox("a"), Receiver(take_while_the_disk_fills)
    running = asyncio.create_task(courier(outbox, receiver).run())
    async with asyncio.timeout(PATIENCE_S):
        await outbox.breaking.wait()
        await asyncio.sleep(0.03)
        assert not running.done()
        outbox.broken = False
        outbox.restart()
        await outbox.arriving.wait()
    running.cancel()
    assert receiver.has == ["a"]
    assert receiver.asked == ["a"]


async def test_one_failure_of_the_outbox_lets_the_others_end_first() -> None:
    class Slow(Receiver):
        async def send(self, delivery: Delivery) -> str:
            if delivery.draft.key == "b":
                await asyncio.sleep(0.02)
                outbox.broken = False
            else:
                outbox.broken = True
            return take(self, delivery.draft.key)

    outbox, receiver = MemoryOutbox("a", "b"), Slow()
    with pytest.raises(JournalError):
        await courier(outbox, receiver).work()
    assert outbox.arrived == {2: "n-b"}


async def test_it_wakes_when_told() -> None:
    outbox, receiver = MemoryOutbox(), Receiver()
    work = courier(outbox, receiver)
    running = asyncio.create_task(work.run())
    await asyncio.sleep(0.01)
    outbox.put("a")
    work.wake()
    async with asyncio.timeout(module.LOOK_EVERY_S / 2):
        await outbox.arriving.wait()
    running.cancel()


@pytest.mark.parametrize("wrong", ["", "  \n", "deux\nlignes", "clé"])
def test_a_secret_is_one_plain_line(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "key"
    path.write_text(wrong, encoding="utf-8")
    with pytest.raises(TownError, match="one line of ASCII") as caught:
        read_secret(path)
    assert not wrong.strip() or wrong.strip() not in str(caught.value)
    path.write_text("s3cret\n")
    assert read_secret(path) == "s3cret"


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    with pytest.raises(TownError, match=r"can't read the secret .*/key"):
        read_secret(tmp_path / "key")
