"""Asterisk's words, over TCP, become rows of a real SQLite journal."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from callbot import operators as module
from callbot.errors import AmiError, JournalError
from callbot.journal.models import QueueState, Transfer
from callbot.journal.store import Journal
from callbot.journal.transfers import Transfers
from callbot.operators import Operators
from callbot.switchboard.ami import Ami
from callbot.switchboard.queues import Estimate
from callbot.types import CallInfo

from ..patience import PATIENCE_S
from . import recorded
from .manager import SECRET, USER, Script, Session, good, serving

ONE, TWO = "PJSIP/operateur1", "PJSIP/operateur2"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    async def pause(_: Ami, seconds: float) -> None:
        await asyncio.sleep(0.05)

    monkeypatch.setattr(Ami, "_pause", pause)
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    monkeypatch.setattr(module, "DOUBT_S", 0.1)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(f"sqlite:///{tmp_path / 'j.sqlite'}", b"k" * 32)
    yield journal
    journal.close()


@asynccontextmanager
async def at_work(port: int, transfers: Transfers | None) -> AsyncIterator[Operators]:
    operators = Operators(Ami("127.0.0.1", port, USER, SECRET), transfers)
    work = asyncio.create_task(operators.run())
    try:
        yield operators
        assert not work.done()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def until(met: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not met():  # noqa: ASYNC110 (what is met is in a database)
            await asyncio.sleep(0.01)


async def begin(journal: Journal, linkedid: str) -> int:
    call = await journal.begin(CallInfo(linkedid, "PJSIP/x"), "Rivemont")
    return await Transfers(journal.database).begin(call, linkedid, "rivemont", "accueil", "standard", "asked")


def transfer(journal: Journal, id: int) -> Transfer:
    return journal.database.read(lambda session: session.get_one(Transfer, id))


def queue(journal: Journal) -> QueueState | None:
    return journal.database.read(lambda session: session.scalar(select(QueueState)))


def playing(name: str) -> Script:
    """A manager that tells a recorded session after the first question."""

    async def script(session: Session) -> None:
        session.recording = name
        await session.log_in()
        await session.answer(await session.action())
        text = recorded.text(name)
        await session.say(text[text.index("Event: Newchannel") :])
        await session.serve()

    return script


def linkedid(name: str) -> str:
    return next(event["Linkedid"] for event in recorded.events(name) if event["Event"] == "QueueCallerJoin")


@pytest.mark.parametrize(
    ("name", "state", "operator"),
    [
        ("answered", "ended", ONE),
        ("abandoned", "abandoned", ""),
        ("caller_hangs_up_in_whisper", "abandoned", ""),
        ("operator_hangs_up_in_whisper", "ended", ONE),
    ],
)
async def test_a_recorded_call_is_written_down(
    journal: Journal, name: str, state: str, operator: str
) -> None:
    id = await begin(journal, linkedid(name))
    async with (
        serving(playing(name)) as manager,
        at_work(manager.port, Transfers(journal.database)) as operators,
    ):
        await until(lambda: transfer(journal, id).ended_at)
        kept = transfer(journal, id)
        assert (kept.state, kept.operator) == (state, operator)
        assert (kept.answered_at is not None) == bool(operator)
        assert operators.informed
        await until(lambda: (found := queue(journal)) and {one["state"] for one in found.members} == {"free"})


async def test_one_whose_time_ran_out_is_unanswered_though_asterisk_says_abandoned(journal: Journal) -> None:
    id = await begin(journal, linkedid("unanswered"))

    async def script(session: Session) -> None:
        await session.log_in()
        await session.answer(await session.action())
        text = recorded.text("unanswered")
        # The caller goes on to the bot, who takes a message; in the recording there is none.
        await session.say(text[text.index("Event: Newchannel") : text.index("Event: SoftHangupRequest")])
        await session.serve()

    async with serving(script) as manager, at_work(manager.port, Transfers(journal.database)):
        await until(lambda: transfer(journal, id).ended_at)
        assert transfer(journal, id).state == "unanswered"


async def test_the_queue_is_written_down_and_the_wait_is_told(journal: Journal) -> None:
    async with (
        serving(good) as manager,
        at_work(manager.port, Transfers(journal.database)) as operators,
    ):
        assert operators.estimate("standard") is None
        await until(lambda: operators.informed)
        assert operators.estimate("standard") == Estimate(1, 0)  # one telephone rings, the other is free
        assert operators.estimate("inconnue") is None
        await until(lambda: queue(journal))
        kept = queue(journal)
        assert kept is not None and (kept.name, kept.waiting, kept.longest_wait_s) == ("standard", 1, 4)
        assert [member["interface"] for member in kept.members] == [ONE, TWO]
        manager.sessions[0].writer.transport.abort()
        await until(lambda: not operators.informed)
        assert operators.estimate("standard") is None
        await until(lambda: operators.informed)


async def test_pausing_is_an_action(journal: Journal) -> None:
    async with serving(good) as manager, at_work(manager.port, None) as operators:
        with pytest.raises(AmiError):
            await operators.pause(ONE, True)
        await until(lambda: operators.informed)
        await operators.pause(ONE, True, "déjeuner")
        await operators.pause(ONE, False)
        with pytest.raises(AmiError):
            await operators.pause(ONE, True, "x\r\nAction: Logoff")
        actions = [action for action in manager.sessions[0].actions if action["Action"] == "QueuePause"]
        assert [(one["Interface"], one["Paused"], one.get("Reason")) for one in actions] == [
            (ONE, "true", "déjeuner"),
            (ONE, "false", None),
        ]
    assert queue(journal) is None


async def test_a_journal_that_can_not_be_written_loses_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    id = await begin(journal, linkedid("answered"))
    transfers = Transfers(journal.database)
    update, set_queue, broken = transfers.update, transfers.set_queue, True

    async def flaky_update(*arguments: Any) -> None:
        if broken:
            raise JournalError("disk full")
        await update(*arguments)

    async def flaky_queue(*arguments: Any) -> None:
        if broken:
            raise JournalError("disk full")
        await set_queue(*arguments)

    monkeypatch.setattr(transfers, "update", flaky_update)
    monkeypatch.setattr(transfers, "set_queue", flaky_queue)
    async with serving(playing("answered")) as manager, at_work(manager.port, transfers):
        await until(lambda: caplog.text.count("disk full") >= 3)
        assert transfer(journal, id).state == "announced"
        broken = False
        await until(lambda: transfer(journal, id).state == "ended")
        assert transfer(journal, id).operator == ONE
        await until(lambda: queue(journal))


async def test_what_ended_while_nobody_listened_is_found(journal: Journal) -> None:
    (waiting,) = (one for one in recorded.channels("status_waiting") if one["Uniqueid"] == one["Linkedid"])
    gone, there = await begin(journal, "1.0"), await begin(journal, waiting["Linkedid"])

    async def script(session: Session) -> None:
        await session.log_in()
        while True:
            action = await session.action()
            if action["Action"] != "CoreShowChannels":
                await session.answer(action)
                continue
            await session.say(recorded.answer("status_waiting", "c", action["ActionID"]))

    async with serving(script) as manager, at_work(manager.port, Transfers(journal.database)):
        await until(lambda: transfer(journal, gone).ended_at)
        assert transfer(journal, gone).state == "abandoned"
        await until(lambda: transfer(journal, there).state == "ringing")


async def test_an_account_that_may_not_list_channels_still_works(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    id = await begin(journal, "1.0")

    async def script(session: Session) -> None:
        await session.log_in()
        while True:
            action = await session.action()
            if action["Action"] == "CoreShowChannels":
                action["Action"] = "Nonsense"
            await session.answer(action)

    async with serving(script) as manager, at_work(manager.port, Transfers(journal.database)) as operators:
        await until(lambda: "stay open" in caplog.text)
        assert operators.informed and transfer(journal, id).state == "announced"


async def test_a_fault_of_ours_ends_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    id = await begin(journal, linkedid("answered"))
    transfers = Transfers(journal.database)
    update = transfers.update

    async def faulty(linkedid: str, state: str, *more: Any) -> None:
        if state == "ringing":
            raise ValueError("a fault")
        await update(linkedid, state, *more)

    monkeypatch.setattr(transfers, "update", faulty)
    async with serving(playing("answered")) as manager, at_work(manager.port, transfers):
        await until(lambda: transfer(journal, id).state == "ended")
    assert "a fault" in caplog.text
