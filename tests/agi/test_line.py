"""PhoneLine against a scripted Asterisk: a fake, because its races can't be produced at will by the real one.

The real Asterisk is in tests/calls.
"""

import asyncio
import contextlib
import os
import socket
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callbot.agi.line import NUDGE_S, READ_EVERY_S, Audio, Digit, PhoneLine, PlaybackEnded, receive_hello
from callbot.errors import CallerHungUp, LineError, ProtocolError
from callbot.types import Outcome

from ..patience import PATIENCE_S, until

HEADER = (
    "agi_network: no\nagi_channel: PJSIP/loop-1\nagi_uniqueid: 17.1\nagi_callerid: 0612345678\n"
    "agi_calleridname: unknown\nagi_dnid: 0261911200\nagi_arg_1: /tmp/s\nagi_arg_2: 17.0\n\n"
)


class Asterisk:
    """The other end: reads commands, answers what the test says."""

    def __init__(self, folder: Path) -> None:
        self.silence = folder / "silence.wav"
        with wave.open(str(self.silence), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
        self.audio_out = -1

    async def connect(self) -> PhoneLine:
        ours, theirs = socket.socketpair()
        self.reader, self.writer = await asyncio.open_connection(sock=ours)
        reader, writer = await asyncio.open_connection(sock=theirs)
        audio_in, self.audio_out = os.pipe()
        return PhoneLine(reader, writer, audio_in, self.silence)

    def say(self, *lines: str) -> None:
        self.writer.write("".join(line + "\n" for line in lines).encode())

    async def command(self) -> str:
        """The next command, heartbeats aside."""
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), PATIENCE_S)).decode().strip()
            if line != "!alive":
                return line


@pytest.fixture
async def asterisk(tmp_path: Path) -> Asterisk:
    return Asterisk(tmp_path)


@pytest.fixture
async def line(asterisk: Asterisk) -> AsyncIterator[PhoneLine]:
    line = await asterisk.connect()
    asterisk.writer.write(HEADER.encode())
    await line.open()
    yield line
    await line.close()
    asterisk.writer.close()
    os.close(asterisk.audio_out)


async def test_the_header_tells_who_calls(line: PhoneLine) -> None:
    assert (line.info.linkedid, line.info.number, line.info.name, line.info.called) == (
        "17.0",
        "0612345678",
        "",
        "0261911200",
    )


async def test_silence_plays_while_nothing_else_does(line: PhoneLine, asterisk: Asterisk) -> None:
    assert "silence" in await asterisk.command()


async def test_a_prompt_interrupts_silence_and_its_end_is_told(line: PhoneLine, asterisk: Asterisk) -> None:
    await asterisk.command()
    playing = asyncio.create_task(line.play([Path("/p/one.wav"), Path("/p/two.wav")]))
    assert await asterisk.command() == "NOOP"  # the stopped STREAM FILE gets no reply of its own
    asterisk.say("200 result=0")
    await playing
    assert await asterisk.command() == 'STREAM FILE "/p/one" "0123456789*#"'
    asterisk.say("200 result=0 endpos=800")
    assert '"/p/two"' in await asterisk.command()
    asterisk.say("200 result=0 endpos=800")
    assert isinstance(await line.next_event(), PlaybackEnded)
    assert "silence" in await asterisk.command()


async def test_a_prompt_that_ended_just_before_being_stopped_is_no_confusion(
    line: PhoneLine, asterisk: Asterisk
) -> None:
    await asterisk.command()
    playing = asyncio.create_task(line.play([Path("/p/one.wav")]))
    assert await asterisk.command() == "NOOP"
    asterisk.say("200 result=0 endpos=480000", "200 result=0")
    await playing
    assert '"/p/one"' in await asterisk.command()


async def test_nudges_that_a_busy_asterisk_reads_together_are_brought_out(
    line: PhoneLine, asterisk: Asterisk
) -> None:
    """It answers the first of them, and the others when one more comes: the next prompt waits for all."""
    await asterisk.command()
    playing = asyncio.create_task(line.play([Path("/p/one.wav")]))
    await asyncio.sleep(4 * NUDGE_S)
    together = 0
    with contextlib.suppress(TimeoutError):
        while True:
            assert await asyncio.wait_for(asterisk.command(), 0.02) == "NOOP"
            together += 1
    assert together > 1
    asterisk.say("200 result=0")
    assert await asterisk.command() == "NOOP"
    asterisk.say(*["200 result=0"] * together)
    await playing
    assert '"/p/one"' in await asterisk.command()


async def test_an_asterisk_that_answers_no_more_is_an_error(
    line: PhoneLine, asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Better a human than silence."""
    monkeypatch.setattr("callbot.agi.line.REPLY_S", 0.2)
    await asterisk.command()
    with pytest.raises(ProtocolError, match="no reply to NOOP"):
        await line.play([Path("/p/one.wav")])


async def test_a_key_stops_the_prompt(line: PhoneLine, asterisk: Asterisk) -> None:
    await asterisk.command()
    asterisk.say("200 result=48 endpos=0")
    assert await line.next_event() == Digit("0")


async def test_hang_up_is_raised_by_every_method(line: PhoneLine, asterisk: Asterisk) -> None:
    await asterisk.command()
    asterisk.say("HANGUP", "200 result=-1 endpos=0")
    with pytest.raises(CallerHungUp):
        while True:
            await line.next_event()
    with pytest.raises(CallerHungUp):
        await line.next_event()
    await line.leave(Outcome("DONE"))  # never raises


async def test_an_unplayable_prompt_is_an_error_not_a_hang_up(line: PhoneLine, asterisk: Asterisk) -> None:
    await asterisk.command()
    asterisk.say("200 result=-1 endpos=0")
    assert await asterisk.command() == "ANSWER"
    asterisk.say("200 result=0")
    with pytest.raises(LineError, match="could not play"):
        while True:
            await line.next_event()


async def test_a_prompt_broken_off_by_the_callers_hang_up_is_a_hang_up(
    line: PhoneLine, asterisk: Asterisk
) -> None:
    """Asterisk says no HANGUP when a prompt was playing."""
    await asterisk.command()
    asterisk.say("200 result=-1 endpos=16160")
    assert await asterisk.command() == "ANSWER"
    asterisk.say("511 Command Not Permitted on a dead channel or intercept routine")
    with pytest.raises(CallerHungUp):
        while True:
            await line.next_event()


async def test_audio_is_whole_samples_whatever_the_chunks(line: PhoneLine, asterisk: Asterisk) -> None:
    os.write(asterisk.audio_out, b"\x01\x02\x03")
    first = await line.next_event()
    os.write(asterisk.audio_out, b"\x04")
    second = await line.next_event()
    assert (first, second) == (Audio(b"\x01\x02"), Audio(b"\x03\x04"))


async def test_time_goes_on_when_no_audio_comes(line: PhoneLine, asterisk: Asterisk) -> None:
    event = await line.next_event()
    assert isinstance(event, Audio) and not any(event.pcm)
    assert line.clock_s == pytest.approx(0.1)


async def test_an_audio_descriptor_that_ends_early_is_silence(line: PhoneLine, asterisk: Asterisk) -> None:
    os.close(asterisk.audio_out)
    asterisk.audio_out = os.open(os.devnull, os.O_WRONLY)
    for _ in range(3):
        assert isinstance(await line.next_event(), Audio)


async def test_a_burst_of_garbage_ends_the_call_with_a_clear_error(
    line: PhoneLine, asterisk: Asterisk
) -> None:
    asterisk.say(*["what is this"] * 30)
    with pytest.raises(ProtocolError, match="no AGI replies"):
        while True:
            await line.next_event()


async def test_a_little_garbage_is_survived(line: PhoneLine, asterisk: Asterisk) -> None:
    await asterisk.command()
    asterisk.say("what is this", "200 result=49 endpos=0")
    assert await line.next_event() == Digit("1")


async def test_leaving_sets_the_variables_and_releases_the_bridge(
    line: PhoneLine, asterisk: Asterisk
) -> None:
    await asterisk.command()
    leaving = asyncio.create_task(line.leave(Outcome("TRANSFER", "standard", "asked")))
    assert await asterisk.command() == "NOOP"
    asterisk.say("200 result=0")
    assert await asterisk.command() == 'SET VARIABLE "CALLBOT_RESULT" "TRANSFER"'
    asterisk.say("200 result=1")
    assert await asterisk.command() == 'SET VARIABLE "CALLBOT_DESTINATION" "standard"'
    asterisk.say("200 result=1")
    assert await asterisk.command() == "!done"
    await leaving


async def test_what_asterisk_did_not_acknowledge_is_not_done(
    line: PhoneLine, asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `!done` the bridge sets FAILED itself."""
    monkeypatch.setattr("callbot.agi.line.REPLY_S", 0.2)
    await asterisk.command()
    await line.leave(Outcome("TRANSFER", "standard", "asked"))
    await line.close()
    rest = await asterisk.reader.read()
    assert b"!done" not in rest


async def test_a_flood_of_audio_is_dropped_not_kept(asterisk: Asterisk) -> None:
    line = await asterisk.connect()
    asterisk.writer.write(HEADER.encode())
    await line.open()
    for _ in range(40):
        os.write(asterisk.audio_out, bytes(32000))
        await asyncio.sleep(1.5 * READ_EVERY_S)
    assert line._backlog <= 12 * 16000
    await line.close()
    os.close(asterisk.audio_out)
    asterisk.writer.close()


async def test_a_file_instead_of_a_pipe_is_an_error(asterisk: Asterisk, tmp_path: Path) -> None:
    line = await asterisk.connect()
    os.dup2(os.open(asterisk.silence, os.O_RDONLY), line._audio_fd)
    with pytest.raises(ProtocolError, match="no audio pipe"):
        await line.open()
    await line.close()
    asterisk.writer.close()


async def test_no_header_is_an_error(asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbot.agi.line.REPLY_S", 0.1)
    line = await asterisk.connect()
    with pytest.raises(ProtocolError, match="no AGI header"):
        await line.open()
    await line.close()
    asterisk.writer.close()


async def test_the_hello_carries_the_audio_descriptor() -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    read_end, write_end = os.pipe()
    with ours, theirs:
        socket.send_fds(ours, [b"callbot/1\n"], [read_end])
        hello, descriptors = await receive_hello(theirs)
    assert hello == b"callbot/1\n"
    for descriptor in (read_end, write_end, *descriptors):
        os.close(descriptor)


async def test_a_prompt_goes_on_where_it_was_stopped(line: PhoneLine, asterisk: Asterisk) -> None:
    await asterisk.command()
    playing = asyncio.create_task(line.play([Path("/p/one.wav"), Path("/p/two.wav")], skip_s=1.5))
    assert await asterisk.command() == "NOOP"
    asterisk.say("200 result=0")
    await playing
    assert await asterisk.command() == 'STREAM FILE "/p/one" "0123456789*#" "12000"'
    assert line.position_s == pytest.approx(1.5)
    os.write(asterisk.audio_out, bytes(16000))
    while not isinstance(event := await line.next_event(), Audio):
        pass
    assert line.position_s == pytest.approx(1.5 + len(event.pcm) / 16000)
    asterisk.say("200 result=0 endpos=30000")
    assert await asterisk.command() == 'STREAM FILE "/p/two" "0123456789*#"'
    assert line.position_s < 1.0


async def test_audio_that_is_heard_late_tells_what_was_played_when_it_came(
    line: PhoneLine, asterisk: Asterisk
) -> None:
    await asterisk.command()
    playing = asyncio.create_task(line.play([Path("/p/one.wav"), Path("/p/two.wav")]))
    assert await asterisk.command() == "NOOP"
    asterisk.say("200 result=0")
    await playing
    for number, name in enumerate(("one", "two")):
        assert (await asterisk.command()).startswith(f'STREAM FILE "/p/{name}"')
        read = line._backlog + 8000
        os.write(asterisk.audio_out, bytes([number + 1]) * 8000)
        await until(lambda read=read: line._backlog >= read)  # nobody hears it yet
        asterisk.say("200 result=0 endpos=4000")
    told = []
    while not isinstance(event := await line.next_event(), PlaybackEnded):
        if isinstance(event, Audio) and any(event.pcm):
            told.append((event.pcm[0], event.playing))
            assert event.position_s >= 0.5 * len(event.pcm) / 8000
    assert dict(told) == {1: Path("/p/one.wav"), 2: Path("/p/two.wav")}
