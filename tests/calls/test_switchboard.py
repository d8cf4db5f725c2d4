"""The switchboard on a real Asterisk: who is free, what becomes of a transfer, what its operator hears."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest

from callbot.journal.models import QueueState, Transfer
from callbot.journal.store import Journal
from callbot.journal.transfers import Transfers
from callbot.operators import Operators
from callbot.switchboard.ami import Ami
from callbot.switchboard.queues import Estimate
from callbot.types import CallInfo

from ..patience import until
from . import voices
from .lab import OPERATORS, CallRecord, Lab, Step, await_hang_up, await_human, hear, wait

ONE, TWO = (f"PJSIP/{name}" for name in OPERATORS)
WHISPER = "Appel du robot : état civil, acte de naissance, non compris deux fois."
# Hands every call over, with a whisper that the number dialled chooses; @WAV@ is its file.
BRIDGE = """#!/usr/bin/env python3
import os, sys, time
WHISPERS = {"201": "@WAV@", "202": "/nowhere/at/all", "203": "@WAV@,1,System(reboot)", "204": "../@WAV@"}
dialled = ""
while line := sys.stdin.readline().strip():
    if line.startswith("agi_extension: "):
        dialled = line.removeprefix("agi_extension: ")
if dialled == "205":
    time.sleep(2)
for name, value in (
    ("CALLBOT_WHISPER", WHISPERS.get(dialled, "")),
    ("CALLBOT_DESTINATION", "standard"),
    ("CALLBOT_RESULT", "TRANSFER"),
):
    os.write(1, f'SET VARIABLE {name} "{value}"\\n'.encode())
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def whisper() -> Path:
    """What the operator is told."""
    return voices.speak(WHISPER, voices.MAN)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, whisper: Path) -> Iterator[Lab]:
    """A town whose bot hands every call over at once."""
    bridge = tmp_path_factory.mktemp("bridge") / "bridge.py"
    bridge.touch(mode=0o755)
    with Lab(bridge=bridge) as lab:
        wav = lab.state / "prompts" / "whispers" / "call-1.wav"
        wav.parent.mkdir()
        shutil.copy(whisper, wav)
        bridge.write_text(BRIDGE.replace("@WAV@", str(wav.with_suffix(""))), encoding="utf-8")
        yield lab


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(f"sqlite:///{tmp_path / 'j.sqlite'}", b"k" * 32)
    yield journal
    journal.close()


class Told(Transfers):
    """A journal's transfers, and what was told of them."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal.database)
        self.told: list[tuple[str, str, str]] = []

    async def update(self, linkedid: str, state: str, operator: str = "", at: datetime | None = None) -> None:
        self.told.append((linkedid, state, operator))
        await super().update(linkedid, state, operator, at)


@asynccontextmanager
async def listening(
    lab: Lab, journal: Journal, transfers: Transfers | None = None
) -> AsyncIterator[tuple[Operators, Ami]]:
    """The operators as the account `callbot` of dialplan/ sees them."""
    ami = Ami("127.0.0.1", lab.town.manager_port, "callbot", lab.secrets["SECRET_MANAGER"])
    operators = Operators(ami, transfers or Transfers(journal.database))
    work = asyncio.create_task(operators.run())
    try:
        await until(lambda: operators.informed)
        yield operators, ami
        assert not work.done()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def states(journal: Journal) -> list[str]:
    """The operators' states in the journal, and how many wait."""
    found = journal.database.read(lambda session: session.get(QueueState, "standard"))
    return [*(member["state"] for member in found.members), str(found.waiting)] if found else []


class Story:
    """The transfer of a call that is under way, and the states it was seen in."""

    def __init__(self, lab: Lab, journal: Journal) -> None:
        self.lab, self.journal, self.id = lab, journal, 0
        self.seen: list[str] = []

    async def call(self, steps: list[Step], dialled: str = "101") -> CallRecord:
        """Place a call; its transfer is written as soon as Asterisk has its channel."""
        number = self.lab.new_number()
        follower = asyncio.create_task(self._follow(number))
        try:
            return await asyncio.to_thread(self.lab.place_call, steps, number=number, dialled=dialled)
        finally:
            await asyncio.sleep(1.5)  # what is in doubt is believed after a second
            follower.cancel()

    def transfer(self) -> Transfer:
        return self.journal.database.read(lambda session: session.get_one(Transfer, self.id))

    async def _follow(self, number: str) -> None:
        pattern = re.compile(r'Executing \[\d+@callbot-in:1\] .*"(PJSIP/reseau-\w+)"')
        known = len(self.lab.town.log.read_text(errors="replace"))
        await until(lambda: pattern.search(self.lab.town.log.read_text(errors="replace")[known:]))
        shown = await asyncio.to_thread(self.lab.town.command, "core show channels concise")
        channel = next(line for line in shown.splitlines() if f"!{number}!" in line and "reseau" in line)
        linkedid = channel.split("!")[-1]
        call = await self.journal.begin(CallInfo(linkedid, "PJSIP/reseau"), "Rivemont")
        transfers = Transfers(self.journal.database)
        self.id = await transfers.begin(call, linkedid, "rivemont", "accueil", "standard", "asked")
        while True:
            kept = self.transfer()
            if kept.state not in self.seen[-1:]:
                self.seen.append(kept.state)
            await asyncio.sleep(0.01)


async def test_a_pause_is_seen_and_another_rings(lab: Lab, journal: Journal) -> None:
    async with listening(lab, journal) as (operators, _):
        await until(lambda: states(journal) == ["free", "free", "0"])
        await operators.pause(ONE, True, "déjeuner")
        try:
            await until(lambda: states(journal) == ["paused", "free", "0"])
            record = await asyncio.to_thread(lab.place_call, [await_human()], dialled="101")
        finally:
            await operators.pause(ONE, False)
        assert [ring.operator for ring in record.rings] == ["operateur2"]
        await until(lambda: states(journal) == ["free", "free", "0"])


async def test_a_call_is_followed_to_its_end(lab: Lab, journal: Journal) -> None:
    transfers = Told(journal)
    async with listening(lab, journal, transfers) as (operators, _):
        story = Story(lab, journal)
        record = await story.call([await_human(), wait(1)], dialled="205")
        assert record.ending == "finished"
        kept, who = story.transfer(), f"PJSIP/{record.rings[0].operator}"
        steps = [("waiting", ""), ("ringing", who), ("answered", who), ("answered", who), ("ended", who)]
        linkedid = lab.linkedid(record.number)
        told = [
            step for step in transfers.told if step[1] != "abandoned"
        ]  # the hang-up of one who has talked
        assert told[: len(steps)] == [(linkedid, *step) for step in steps]
        assert story.seen[0] == "announced" and story.seen[-3:] == ["ringing", "answered", "ended"]
        assert (kept.linkedid, kept.operator) == (linkedid, who)
        assert kept.answered_at is not None and kept.ended_at is not None
        assert 0 < (kept.ended_at - kept.answered_at).total_seconds() < 10
        await until(lambda: states(journal) == ["free", "free", "0"])
        assert operators.estimate("standard") == Estimate(0, 0)


async def test_hanging_up_in_the_queue_is_abandoning(lab: Lab, journal: Journal) -> None:
    async with listening(lab, journal):
        story = Story(lab, journal)
        await story.call([wait(0.6)])
        assert story.transfer().state == "abandoned", story.seen


async def test_a_queue_that_gives_up_is_unanswered(lab: Lab, journal: Journal) -> None:
    for name in OPERATORS:  # telephones that ring for ever
        for step, what in (("1", "Ringing"), ("2", "Wait,60")):
            lab.outside.command(f"dialplan add extension {name},{step},{what} into phones")
    lab.set_global(CALLBOT_QUEUE_SECONDS="6")
    try:
        async with listening(lab, journal):
            story = Story(lab, journal)
            await story.call([hear(), wait(3)])
            assert story.transfer().state == "unanswered", story.seen
            assert story.seen[-2:] != ["abandoned", "unanswered"]
    finally:
        lab.set_global(CALLBOT_QUEUE_SECONDS="60")
        for name in OPERATORS:
            lab.outside.command(f"dialplan remove extension {name}@phones")
        assert lab.town_is_quiet()


def test_the_operator_hears_the_whisper_and_the_caller_does_not(lab: Lab, whisper: Path) -> None:
    # The operators' robots speak as soon as they pick up, during the whisper: nobody hears their pilot tone.
    record = lab.place_call([await_hang_up()], dialled="201")
    assert "outcome=ANSWERED" in lab.outcome(record.number)
    played = re.findall(r"<(PJSIP/\w+)-\w+> Playing '\S*/prompts/whispers/call-1", lab.town.log.read_text())
    assert played[-1] == f"PJSIP/{record.rings[0].operator}"
    heard = record.find(whisper)
    assert heard is None or heard.share < 0.5


@pytest.mark.parametrize("dialled", ["202", "203", "204"])
def test_a_whisper_that_is_missing_or_ill_formed_hinders_nobody(lab: Lab, dialled: str) -> None:
    before = lab.town.log.read_text().count("prompts/whispers/call-1.")
    record = lab.place_call([await_human()], dialled=dialled)
    assert record.ending == "finished"
    assert "outcome=ANSWERED" in lab.outcome(record.number)
    assert lab.town.log.read_text().count("prompts/whispers/call-1.") == before


def test_a_wrong_secret_gets_nothing(lab: Lab) -> None:
    async def work() -> bool:
        ami = Ami("127.0.0.1", lab.town.manager_port, "callbot", "wrong")
        task = asyncio.create_task(ami.run(lambda _: None))
        await asyncio.sleep(1)
        connected = ami.connected
        await ami.close()
        await task
        return connected

    assert asyncio.run(work()) is False


async def test_a_cut_connection_comes_back(lab: Lab, journal: Journal) -> None:
    async with listening(lab, journal) as (operators, ami):
        shown = await asyncio.to_thread(lab.town.command, "manager show connected")
        (line,) = (line for line in shown.splitlines() if line.split()[0] == "callbot")
        descriptor = line.split()[4]
        await asyncio.to_thread(lab.town.command, f"manager kick session {descriptor}")
        await until(lambda: not ami.connected)
        assert operators.estimate("standard") is None
        await until(lambda: operators.informed)
        assert operators.estimate("standard") == Estimate(0, 0)


async def test_a_restart_of_asterisk_ends_its_calls_and_nothing_else(lab: Lab, journal: Journal) -> None:
    async with listening(lab, journal) as (operators, ami):
        call = await journal.begin(CallInfo("1.0", "PJSIP/reseau"), "Rivemont")
        id = await Transfers(journal.database).begin(call, "1.0", "rivemont", "accueil", "standard", "asked")
        await asyncio.to_thread(lab.town.stop)
        await until(lambda: not ami.connected)
        await asyncio.to_thread(lab.town.start)
        await asyncio.to_thread(lab.log_operators_in)
        await until(lambda: operators.informed)
        await until(lambda: states(journal) == ["free", "free", "0"])
        await until(lambda: journal.database.read(lambda session: session.get_one(Transfer, id)).ended_at)
