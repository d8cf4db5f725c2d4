"""The telephone line as the dialogue sees it: play, hear, keys, hang-up; nothing of AGI shows through.

`PhoneLine` speaks AGI through the bridge. While no prompt plays it plays silence: keys pressed between AGI
commands are lost, and trunks cut calls that carry no media.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from callbot.agi import protocol
from callbot.errors import CallerHungUp, LineError, ProtocolError
from callbot.types import CallInfo, Outcome

log = logging.getLogger(__name__)

KEYS = "0123456789*#"
GAP_S = 0.1
"""When Asterisk delivers no audio for this long, the line delivers silence: time never stops."""
READ_EVERY_S = 0.04
"""Audio is read so often, two frames of Asterisk's at a time: waking up costs more than hearing them does."""
HEARTBEAT_S = 1.0
NUDGE_S = 0.05
"""Patience with a NOOP that may have been read together with the command before it; the next time twice."""
REPLY_S = 5.0
"""Patience with Asterisk's reply to a command that does not play."""
MAX_GARBAGE = 20
MAX_HEADER = 500
"""Lines of an AGI header: some 25, and a script's arguments (Asterisk gives 128 at most)."""
BACKLOG_S = 10
"""Audio kept while the dialogue is busy; beyond it, audio is dropped."""
HELLO = b"callbot/1\n"


@dataclass(frozen=True, slots=True)
class Audio:
    """Caller's audio: signed 16-bit little-endian mono, at the line's rate."""

    pcm: bytes
    playing: Path | None = None
    """What the caller heard when it came; None: silence."""
    position_s: float = 0.0
    """How much of that had been heard, in seconds."""


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """Every prompt of the last `play` was heard to its end."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed; it stops what plays."""

    key: str


LineEvent = Audio | PlaybackEnded | Digit


class Line(Protocol):
    """One call. All methods raise CallerHungUp once the caller has gone."""

    info: CallInfo

    @property
    def clock_s(self) -> float:
        """Seconds of caller's audio delivered so far: the call's own clock."""

    @property
    def unheard(self) -> Sequence[Path]:
        """What is being played and what comes after it."""

    @property
    def position_s(self) -> float:
        """How much of what is being played has been heard, in seconds."""

    async def play(self, wavs: Sequence[Path], skip_s: float = 0.0) -> None:
        """Start playing these WAVs in turn instead of what plays now; returns at once.

        Args:
            skip_s: seconds of the first one that are left out.
        """

    async def stop(self) -> None:
        """Stop playing."""

    async def next_event(self) -> LineEvent:
        """What happens next."""

    async def leave(self, outcome: Outcome) -> None:
        """Give the call back to the dialplan with this outcome; never raises."""


@dataclass(slots=True)
class _Pending:
    """A command sent and not yet answered."""

    reply: asyncio.Future[protocol.Reply | None]
    stopped: bool = False
    """A stopped STREAM FILE: it answers only when it had just ended by itself (`endpos=`)."""

    def settle(self, reply: protocol.Reply | None) -> None:
        """Wake whoever waits; None: stopped, or the line is gone."""
        if not self.reply.done():
            self.reply.set_result(reply)


class PhoneLine:
    """A call through Asterisk, behind a bridge.

    Args:
        reader, writer: the connection to the bridge, after its hello.
        audio_fd: read end of the caller's audio; the line owns and closes it.
        silence: a WAV of silence that Asterisk can read, some tens of seconds long.
        rate_hz: rate of the audio on `audio_fd`.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        audio_fd: int,
        silence: Path,
        rate_hz: int = 8000,
    ) -> None:
        self.info = CallInfo(linkedid="", channel="")
        self._reader = reader
        self._writer = writer
        self._audio_fd = audio_fd
        self._silence = silence
        self._bytes_s = rate_hz * 2
        self._delivered = 0
        self._backlog = 0
        self._flooded = False
        self._odd = b""
        self._events: asyncio.Queue[LineEvent | LineError] = asyncio.Queue()
        self._pending: deque[_Pending] = deque()
        self._stream: _Pending | None = None
        self._playlist: deque[Path] = deque()
        self._playing: Path | None = None
        self._skip_s = self._offset_s = 0.0
        """What is left out at the beginning of the next WAV, and of the one being played."""
        self._begun = 0
        """Audio that had come when the WAV being played began, in bytes."""
        self._hung_up = asyncio.Event()
        self._garbage = 0
        self._ended: LineError | None = None
        """What ended the conversation with Asterisk, if anything did."""
        self._tasks: list[asyncio.Task[None]] = []
        self._player: asyncio.Task[None] | None = None
        self._came_at = asyncio.get_running_loop().time()
        """When audio last came."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def clock_s(self) -> float:
        """Seconds of caller's audio delivered so far."""
        return self._delivered / self._bytes_s

    @property
    def unheard(self) -> Sequence[Path]:
        """What is being played and what comes after it."""
        return [*([self._playing] if self._playing else []), *self._playlist]

    async def open(self) -> None:
        """Read who calls, start draining the audio.

        Raises:
            ProtocolError: no AGI header within REPLY_S.
        """
        try:
            await self._open()
        except LineError as error:
            self._end(error)  # whoever sends no header answers no command either: `leave` waits for none
            raise

    async def _open(self) -> None:
        try:
            os.set_blocking(self._audio_fd, False)
            if not stat.S_ISFIFO(os.fstat(self._audio_fd).st_mode):
                raise ProtocolError("descriptor 3 is no audio pipe")
        except OSError as error:
            raise ProtocolError(f"descriptor 3 is no audio pipe: {error.strerror}") from error
        self._tick()
        self._tasks.append(asyncio.create_task(self._beat()))
        lines: list[str] = []
        try:
            async with asyncio.timeout(REPLY_S):
                while line := (await self._read_line()).rstrip("\r\n"):
                    lines.append(line)
                    if len(lines) > MAX_HEADER:
                        raise ProtocolError("an AGI header without end")
        except TimeoutError:
            raise ProtocolError("no AGI header from Asterisk") from None
        header = protocol.parse_environment(lines)
        self.info = CallInfo(
            linkedid=header.get("arg_2") or header.get("uniqueid", ""),
            channel=header.get("channel", ""),
            number=_known(header.get("callerid", "")),
            name=_known(header.get("calleridname", "")),
            called=header.get("arg_4") or _known(header.get("dnid", "")) or header.get("extension", ""),
            unanswered=header.get("arg_3") == "unanswered",
        )
        self._tasks.append(asyncio.create_task(self._guard(self._read_replies)))
        self._player = asyncio.create_task(self._guard(self._play_on))
        self._tasks.append(self._player)

    async def close(self) -> None:
        """Release everything; the bridge then lets the dialplan go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        self._close_audio()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    @property
    def position_s(self) -> float:
        """How much of what is being played has been heard, by the audio that came; 0 in silence."""
        came = self._delivered + self._backlog
        return self._offset_s + (came - self._begun) / self._bytes_s if self._playing else 0.0

    async def play(self, wavs: Sequence[Path], skip_s: float = 0.0) -> None:
        """Start playing these WAVs in turn instead of what plays now; returns at once."""
        self._playlist = deque(wavs)
        self._skip_s = skip_s
        self._playing = None
        await self._interrupt()

    async def stop(self) -> None:
        """Stop playing."""
        await self.play([])

    async def next_event(self) -> LineEvent:
        """What happens next; silence when nothing does for GAP_S.

        Raises:
            CallerHungUp: the caller has gone.
            LineError: the line is out of order.
        """
        if self._hung_up.is_set():
            raise CallerHungUp
        if not self._events.empty():
            await asyncio.sleep(0)  # a backlog must not keep the other calls waiting
        event = await self._events.get()
        if isinstance(event, LineError):
            raise event
        if isinstance(event, Audio):
            self._delivered += len(event.pcm)
            self._backlog = max(0, self._backlog - len(event.pcm))
        return event

    async def leave(self, outcome: Outcome) -> None:
        """Give the call back to the dialplan with this outcome."""
        if self._player is not None:
            self._player.cancel()
            await asyncio.gather(self._player, return_exceptions=True)
        try:
            await self._interrupt()
            await self._order("SET VARIABLE", "CALLBOT_RESULT", outcome.result)
            if outcome.destination:
                await self._order("SET VARIABLE", "CALLBOT_DESTINATION", outcome.destination)
            if outcome.whisper:
                await self._order("SET VARIABLE", "CALLBOT_WHISPER", outcome.whisper)
        except CallerHungUp:
            pass  # nobody is left to be sent anywhere
        except (LineError, OSError) as error:
            # Without `!done` the bridge sets FAILED itself.
            log.error("outcome %s could not be left: %s", outcome.result, error)
            return
        with contextlib.suppress(OSError):
            self._writer.write(b"!done\n")
            await self._writer.drain()

    async def _read_line(self) -> str:
        """One line from Asterisk.

        Raises:
            CallerHungUp: the bridge's end is closed.
        """
        try:
            line = await self._reader.readline()
        except (OSError, ValueError) as error:  # ValueError: a line beyond the reader's limit
            raise ProtocolError(f"line unreadable: {error}") from error
        if not line:
            self._hung_up.set()
            raise CallerHungUp
        return line.decode(errors="replace")

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run a task of this line; what ends it becomes the line's last event."""
        try:
            await work()
        except CallerHungUp:
            self._hung_up.set()
            self._end(CallerHungUp())
        except LineError as error:
            self._end(error)
        except OSError as error:
            self._end(ProtocolError(f"bridge lost: {error}"))
        except Exception as error:  # a fault of ours must not leave a caller in silence
            log.exception("call %s: line", self.info.linkedid)
            self._end(LineError(f"line: {error!r}"))

    def _end(self, error: LineError) -> None:
        self._ended = error
        self._events.put_nowait(error)
        while self._pending:
            self._pending.popleft().settle(None)

    async def _beat(self) -> None:
        """Tell the bridge that the server is alive."""
        while not self._writer.is_closing():
            self._writer.write(b"!alive\n")
            await asyncio.sleep(HEARTBEAT_S)

    async def _read_replies(self) -> None:
        """Match Asterisk's lines to the commands sent."""
        while True:
            line = (await self._read_line()).rstrip("\r\n")
            if line == "HANGUP":
                raise CallerHungUp
            try:
                reply = protocol.parse_reply(line)
                if reply is not None:
                    self._settle(reply)
            except ProtocolError as error:
                self._garbage += 1
                log.warning("%s", error)
                if self._garbage > MAX_GARBAGE:
                    raise ProtocolError("too many lines from Asterisk that are no AGI replies") from error

    def _settle(self, reply: protocol.Reply) -> None:
        if self._pending and self._pending[0].stopped and reply.endpos is None:
            self._pending.popleft().settle(None)
        if not self._pending:
            raise ProtocolError(f"reply to no command: {reply.code} {reply.text[:60]!r}")
        self._pending.popleft().settle(reply)

    def _send(self, verb: str, *arguments: str) -> _Pending:
        if self._hung_up.is_set():
            raise CallerHungUp
        if self._ended is not None:
            raise self._ended
        pending = _Pending(asyncio.get_running_loop().create_future())
        self._pending.append(pending)
        self._writer.write(protocol.command(verb, *arguments))
        return pending

    async def _order(self, verb: str, *arguments: str) -> None:
        """Send a command that does not play and wait for its reply."""
        pending = self._send(verb, *arguments)
        try:
            async with asyncio.timeout(REPLY_S):
                reply = await pending.reply
        except TimeoutError:
            raise ProtocolError(f"no reply to {verb}") from None
        if reply is None and not self._hung_up.is_set():
            raise self._ended or ProtocolError(f"no reply to {verb}")

    async def _interrupt(self) -> None:
        """Stop the STREAM FILE in progress. NOOP's reply, unlike another STREAM FILE's, can't be mistaken.

        Asterisk reads commands through a buffer but watches the bare descriptor: of lines that arrive
        together it sees the second only when one more comes, and that one brings out all of them. So a NOOP
        on the heels of its STREAM FILE needs a nudge, and so do nudges that a busy Asterisk reads together:
        each waits longer than the one before. No command is sent before all those sent are answered.

        Raises:
            ProtocolError: they are not, within REPLY_S.
        """
        if self._stream is None or self._stream.stopped:
            return
        self._stream.stopped = True
        orders = [self._send("NOOP")]
        patience_s, left_s = NUDGE_S, REPLY_S
        while left_s > 0:
            await asyncio.wait([order.reply for order in orders], timeout=min(patience_s, left_s))
            if all(order.reply.done() for order in orders):
                return
            orders.append(self._send("NOOP"))
            left_s, patience_s = left_s - patience_s, 2 * patience_s
        raise ProtocolError("no reply to NOOP")

    async def _play_on(self) -> None:
        """Play the prompts asked for, and silence when there is none."""
        while True:
            self._playing = prompt = self._playlist.popleft() if self._playlist else None
            wav, self._begun = str((prompt or self._silence).with_suffix("")), self._delivered + self._backlog
            self._offset_s = 0.0
            if prompt:
                self._offset_s, self._skip_s = self._skip_s, 0.0
            skipped = [str(int(self._offset_s * self._bytes_s / 2))] if self._offset_s else []
            self._stream = self._send("STREAM FILE", wav, KEYS, *skipped)
            reply = await self._stream.reply
            self._stream = self._playing = None
            if reply is None:  # stopped: the playlist is a new one
                while self._pending:
                    await asyncio.wait([self._pending[-1].reply])
                continue
            # (when the line is gone, `_send` raises)
            if reply.code != 200 or reply.result == "-1":
                await self._explain(reply, prompt or self._silence)
            elif reply.digit:
                self._playlist.clear()
                self._events.put_nowait(Digit(reply.digit))
            elif prompt is not None and not self._playlist:
                self._events.put_nowait(PlaybackEnded())

    async def _explain(self, reply: protocol.Reply, wav: Path) -> None:
        """Say why a prompt did not play.

        Mostly the caller hung up, of which Asterisk says no more than `result=-1` when a prompt was playing,
        as it does for a missing file. ANSWER does nothing on an answered call and fails on one that is over.
        """
        if reply.code != 511:
            pending = self._send("ANSWER")
            try:
                async with asyncio.timeout(REPLY_S):
                    answer = await pending.reply
            except TimeoutError:
                raise ProtocolError("no reply to ANSWER") from None
            if answer is not None and answer.code == 200 and answer.result == "0":
                raise LineError(f"Asterisk could not play {wav}: {reply.code} {reply.text}")
        raise CallerHungUp

    def _tick(self) -> None:
        """Take what audio has come; deliver silence in place of audio that does not come."""
        loop = asyncio.get_running_loop()
        # All calls at the same moments: a hundred of them wake the process no oftener than one.
        self._timer = loop.call_at((loop.time() // READ_EVERY_S + 1) * READ_EVERY_S, self._tick)
        self._read_audio()
        if loop.time() - self._came_at >= GAP_S:
            self._came_at = loop.time()
            if self._events.empty():
                self._put_audio(bytes(int(self._bytes_s * GAP_S) // 2 * 2))

    def _read_audio(self) -> None:
        if self._audio_fd < 0:
            return
        try:
            data = os.read(self._audio_fd, 65536)
        except BlockingIOError:
            return
        except OSError as error:
            log.warning("audio lost: %s", error)
            data = b""
        if not data:
            self._close_audio()
            return
        self._came_at = asyncio.get_running_loop().time()
        data = self._odd + data
        self._odd = data[len(data) & ~1 :]
        if self._backlog > BACKLOG_S * self._bytes_s:
            if not self._flooded:
                log.warning(
                    "call %s: audio comes faster than it is heard; some is dropped", self.info.linkedid
                )
            self._flooded = True
            return
        self._put_audio(data[: len(data) & ~1])

    def _put_audio(self, pcm: bytes) -> None:
        self._backlog += len(pcm)
        # Noted now: on a busy machine it is heard seconds later, when something else is playing.
        self._events.put_nowait(Audio(pcm, self._playing, self.position_s))

    def _close_audio(self) -> None:
        if self._audio_fd >= 0:
            os.close(self._audio_fd)
            self._audio_fd = -1


async def receive_hello(connection: socket.socket) -> tuple[bytes, list[int]]:
    """The first bytes of a fresh non-blocking connection, and the descriptors that came with them.

    A bridge says HELLO and passes one descriptor, the caller's audio; the receiver owns it.

    Raises:
        ProtocolError: nothing came within REPLY_S.
    """
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        async with asyncio.timeout(REPLY_S):
            await readable.wait()
    except TimeoutError:
        raise ProtocolError("somebody connected and said nothing") from None
    finally:
        loop.remove_reader(connection)
    hello, descriptors, _, _ = socket.recv_fds(connection, len(HELLO), 4)
    return hello, list(descriptors)


def _known(value: str) -> str:
    """Asterisk says `unknown` for what it does not know."""
    return "" if value == "unknown" else value
