"""The manager interface over real TCP: whatever the other side does, the adapter lives and comes back."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from callbot.errors import AmiError
from callbot.switchboard import ami as module
from callbot.switchboard.ami import Ami, Fields, check_fields, pause_before

from ..patience import PATIENCE_S, until
from . import recorded
from .manager import GREETING, SECRET, USER, Script, Session, good, serving


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; hardly any are made."""
    asked: list[float] = []

    async def pause(_: Ami, seconds: float) -> None:
        asked.append(seconds)
        await asyncio.sleep(0.01)

    monkeypatch.setattr(Ami, "_pause", pause)
    return asked


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that takes seconds takes a twentieth."""
    for name in ("PING_EVERY_S", "ANSWER_S", "QUIET_S"):
        monkeypatch.setattr(module, name, getattr(module, name) / 50)


@asynccontextmanager
async def connection(port: int, *, secret: str = SECRET) -> AsyncIterator[tuple[Ami, list[Fields]]]:
    """An adapter at work, and the events it has told."""
    ami, events = Ami("127.0.0.1", port, USER, secret), list[Fields]()
    work = asyncio.create_task(ami.run(events.append))
    try:
        yield ami, events
        assert not work.done()
    finally:
        await ami.close()
        await asyncio.wait_for(work, PATIENCE_S)


async def test_it_logs_in_and_collects_a_list() -> None:
    async with serving(good) as manager, connection(manager.port) as (ami, events):
        await until(lambda: ami.connected)
        assert manager.sessions[0].actions[0]["Events"] == "call,agent"
        found = await ami.action("QueueStatus")
        assert [one["Event"] for one in found] == ["QueueParams", "QueueMember", "QueueMember", "QueueEntry"]
        assert (await ami.action("Ping"))[0]["Message"] == "well"
        assert events == []
        both = await asyncio.gather(ami.action("QueueStatus"), ami.action("QueueStatus"))
        assert [len(one) for one in both] == [4, 4]


async def test_a_recorded_session_arrives_as_it_was() -> None:
    async def script(session: Session) -> None:
        await session.log_in()
        text = recorded.text("answered")
        await session.say(text[text.index("Event: Newchannel") :])
        await session.serve()

    async with serving(script) as manager, connection(manager.port) as (_, events):
        await until(lambda: len(events) >= len(recorded.events("answered")))
        assert events == recorded.events("answered")


@pytest.mark.parametrize("text", ["a\r\nAction: Originate", "a\nb", "a\rb", "a\0b"])
async def test_a_line_break_is_refused(text: str) -> None:
    async with serving(good) as manager, connection(manager.port) as (ami, _):
        await until(lambda: ami.connected)
        with pytest.raises(AmiError, match="line break") as refused:
            await ami.action("QueuePause", Reason=text)
        assert text not in str(refused.value)
        with pytest.raises(AmiError):
            await ami.action(f"Queue{text}Pause")
        with pytest.raises(AmiError):
            check_fields({"Na: me": "x"})
        assert len(manager.sessions[0].actions) == 1


async def test_a_refusal_is_an_error_and_nothing_more() -> None:
    async with serving(good) as manager, connection(manager.port) as (ami, _):
        await until(lambda: ami.connected)
        with pytest.raises(AmiError, match="Nonsense: Invalid/unknown command"):
            await ami.action("Nonsense")
        assert ami.connected


async def test_nobody_there_is_an_error_at_once() -> None:
    ami = Ami("127.0.0.1", 1, USER, SECRET)
    with pytest.raises(AmiError, match="away"):
        await ami.action("Ping")


async def test_a_wrong_secret_is_told_without_it(
    caplog: pytest.LogCaptureFixture, pauses: list[float]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(good) as manager, connection(manager.port, secret="wrong-" + SECRET) as (ami, _):
        await until(lambda: len(pauses) >= 3)
        assert not ami.connected
    assert "Authentication failed" in caplog.text
    assert SECRET not in caplog.text
    assert sum(record.levelno >= logging.WARNING for record in caplog.records) == 1


async def test_the_secret_is_told_to_a_manager_only(pauses: list[float]) -> None:
    heard: list[bytes] = []

    async def script(session: Session) -> None:
        await session.say(b"220 mail.example ESMTP\r\n")
        heard.append(await session.reader.read(100))

    async with serving(script) as manager, connection(manager.port) as (ami, _):
        await until(lambda: len(pauses) >= 2 and len(heard) >= 2)
        assert not ami.connected
    assert set(heard) == {b""}


async def silent(session: Session) -> None:
    """Says nothing at all."""
    await asyncio.Event().wait()


async def silent_after_log_in(session: Session) -> None:
    """As an Asterisk that hangs, or a cable that was pulled."""
    await session.log_in()
    await asyncio.Event().wait()


async def chatty(session: Session) -> None:
    """Answers no ping, but goes on with its events."""
    await session.log_in()
    with contextlib.suppress(OSError):
        while True:
            await session.say("Event: Newchannel\nUniqueid: 1\n\n")
            await asyncio.sleep(0.01)


async def garbage(session: Session) -> None:
    """No manager's words."""
    await session.log_in()
    await session.say(
        bytes(range(256)) * 20 + b"\r\n\r\nEvent: \r\nResponse\r\n\r\nEvent:\r\n\r\n: : :\r\n\r\n"
    )
    await asyncio.Event().wait()


async def endless(session: Session) -> None:
    """One message that never ends."""
    await session.log_in()
    while True:
        await session.say(b"x" * 60_000)


async def closing(session: Session) -> None:
    """Ends at once."""


async def cut(session: Session) -> None:
    """Ends in the middle of a message."""
    await session.log_in()
    await session.say("Event: QueueCallerJoin\nQueue: stand")


async def cut_in_an_answer(session: Session) -> None:
    """Ends in the middle of a list."""
    await session.log_in()
    number = (await session.action())["ActionID"]
    await session.say(f"Response: Success\nActionID: {number}\nEventList: start\n\nEvent: QueuePa")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "script", [silent, silent_after_log_in, chatty, garbage, endless, closing, cut, cut_in_an_answer]
)
async def test_a_bad_connection_is_left_for_a_new_one(script: Script, pauses: list[float]) -> None:
    async with serving(script, good) as manager, connection(manager.port) as (ami, _):
        await until(lambda: len(manager.sessions) == 2 and ami.connected)
        assert len(await ami.action("QueueStatus")) == 4
        assert len(pauses) == 1
    await until(lambda: not any(thread.name == "ami" for thread in threading.enumerate()))


async def test_a_dead_connection_is_known_within_half_a_minute() -> None:
    assert module.PING_EVERY_S + module.ANSWER_S < module.QUIET_S <= 30


@pytest.mark.usefixtures("quick")
async def test_a_quiet_connection_stays() -> None:
    async with serving(good) as manager, connection(manager.port) as (ami, _):
        await until(lambda: len(manager.sessions[0].actions) >= 5 if manager.sessions else False)
        assert ami.connected and len(manager.sessions) == 1


@pytest.mark.usefixtures("quick")
async def test_a_late_answer_is_nobodys(caplog: pytest.LogCaptureFixture) -> None:
    async def slow(session: Session) -> None:
        await session.log_in()
        while (action := await session.action())["Action"] == "Ping":
            await session.answer(action)
        await asyncio.sleep(1.5 * module.ANSWER_S)
        await session.answer(action)
        await session.serve()

    async with serving(slow) as manager, connection(manager.port) as (ami, events):
        await until(lambda: ami.connected)
        with pytest.raises(AmiError, match="no answer"):
            await ami.action("QueueStatus")
        await asyncio.sleep(0.6 * module.ANSWER_S)
        assert events == []


async def test_a_slow_manager_is_understood_letter_by_letter() -> None:
    async def script(session: Session) -> None:
        for letter in GREETING:
            await session.say(bytes([letter]))
            await asyncio.sleep(0.001)
        await session.answer(await session.action())
        for letter in b"Event: QueueCallerJoin\r\nQueue: caf\xc3\xa9\r\n\r\n":
            await session.say(bytes([letter]))
            await asyncio.sleep(0.001)
        await session.serve()

    async with serving(script) as manager, connection(manager.port) as (_, events):
        await until(lambda: bool(events))
        assert events == [{"Event": "QueueCallerJoin", "Queue": "café"}]


async def test_actions_under_way_end_with_their_connection() -> None:
    async with serving(cut_in_an_answer, good) as manager, connection(manager.port) as (ami, _):
        await until(lambda: ami.connected)
        with pytest.raises(AmiError, match="connection lost"):
            await ami.action("QueueStatus")


async def test_a_hundred_thousand_events(pauses: list[float]) -> None:
    count = 100_000

    async def script(session: Session) -> None:
        await session.log_in()
        for first in range(0, count, 1000):
            await session.say("".join(f"Event: Newchannel\nUniqueid: {first + n}\n\n" for n in range(1000)))
        await session.serve()

    async with serving(script) as manager, connection(manager.port) as (ami, events):
        await until(lambda: len(events) == count)
        assert [int(event["Uniqueid"]) for event in events] == list(range(count))
        assert await ami.action("Ping")
        assert pauses == []


async def test_a_callers_name_can_not_forge_a_field() -> None:
    async def script(session: Session) -> None:
        await session.log_in()
        for separator in ("\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r", "\\n"):
            name = f"Jo{separator}Linkedid: 666{separator}Response: x"
            await session.writer.drain()
            session.writer.write(f"Event: Hangup\r\nLinkedid: 1\r\nName: {name}\r\n\r\n".encode())
        await session.serve()

    async with serving(script) as manager, connection(manager.port) as (_, events):
        await until(lambda: len(events) == 7)
        assert {(event["Linkedid"], len(event)) for event in events} == {("1", 3)}


async def test_a_callback_that_raises_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def script(session: Session) -> None:
        await session.log_in()
        await session.say("Event: One\nChanVariable: a=b\n\nEvent: Two\n\n")
        await session.serve()

    seen: list[Fields] = []

    def bad(event: Fields) -> None:
        seen.append(event)
        raise ValueError("of no use")

    def worse() -> None:
        raise RuntimeError("neither")

    async with serving(script) as manager:
        ami = Ami("127.0.0.1", manager.port, USER, SECRET)
        work = asyncio.create_task(ami.run(bad, worse))
        await until(lambda: len(seen) == 2)
        assert seen[0] == {"Event": "One"}  # channel variables are left out
        assert await ami.action("Ping") and ami.connected
        await ami.close()
        await asyncio.wait_for(work, PATIENCE_S)
        assert not ami.connected
    assert "of no use" in caplog.text and "neither" in caplog.text


@pytest.mark.parametrize("failures", range(12))
def test_pauses_grow_from_two_seconds_to_a_minute(failures: int) -> None:
    pauses = [pause_before(failures) for _ in range(200)]
    longest = min(60, 4 * 2**failures)
    assert 2 <= longest / 2 <= min(pauses) < max(pauses) <= longest
    assert len(set(pauses)) > 100


async def test_pauses_grow_with_each_failure(pauses: list[float]) -> None:
    async with serving(closing) as manager, connection(manager.port):
        await until(lambda: len(pauses) >= 6)
    assert pauses[0] < 4 <= pauses[1] < 8 <= pauses[2] < 16 <= pauses[3]


async def test_nobody_listens_then_somebody_does(pauses: list[float]) -> None:
    async with serving(good) as manager:
        port = manager.port
    async with connection(port) as (ami, _):
        await until(lambda: len(pauses) >= 2)
        assert not ami.connected


async def test_closing_during_a_pause_or_a_connection_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(module, "pause_before", lambda _: 3600.0)
    ami = Ami("127.0.0.1", 1, USER, SECRET)
    work = asyncio.create_task(ami.run(lambda _: None))
    await asyncio.sleep(0.1)
    await ami.close()
    await asyncio.wait_for(work, PATIENCE_S)
    async with serving(silent) as manager:
        ami = Ami("127.0.0.1", manager.port, USER, SECRET)
        work = asyncio.create_task(ami.run(lambda _: None))
        await until(lambda: bool(manager.sessions))
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(work, PATIENCE_S)
        await until(lambda: not any(thread.name == "ami" for thread in threading.enumerate()))
