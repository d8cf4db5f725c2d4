"""Asterisk's manager interface (AMI), by the package asterisk-ami, hardened for a connection of months.

The package's client reads in a thread of its own and is used for that, for the protocol's greeting, and for
writing actions and parsing answers and events. What it lacks is done here:

- its thread ends when the manager is quiet for the socket's time-out: the time-out is raised above our pings;
- its futures wait in threads, are never forgotten without an answer, and a callback that raises meets a
  missing import: answers are matched to actions here, in the event loop;
- its AutoReconnect tries twice a second for ever and logs in before the greeting: `run` does it instead;
- it sends with `send`, which may send half, and keeps whatever comes without an end of message;
- it writes CR and LF in a value as they are: one action could carry another. They are refused;
- it takes each separator that `str.splitlines` knows for a new line: a caller's name could forge a field.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

from asterisk.ami.action import Action
from asterisk.ami.client import AMIClient
from asterisk.ami.event import Event
from asterisk.ami.response import Response

from callbot.errors import AmiError

log = logging.getLogger(__name__)

Fields = dict[str, str]
OnEvent = Callable[[Fields], None]

CONNECT_S = 5.0
PING_EVERY_S = 15.0
ANSWER_S = 10.0
"""Patience with an answer; a ping's included, so that a dead connection is known after 25 s."""
QUIET_S = 30.0
"""The socket's time-out: longer than any silence between two answered pings."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0
LASTING_S = 60.0
"""A connection that lasted as long was a good one: the pauses after it start from the shortest."""
MAX_MESSAGE = 1_000_000
"""Bytes; Asterisk's longest are some thousands."""
BUFFER = 16_384
EVENTS = "call,agent"

_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")


class Ami:
    """A connection that is kept up.

    Args:
        host: where Asterisk's manager interface listens.
        port: its port.
        user: its account.
        secret: never shown, logged or part of an error.
    """

    def __init__(self, host: str, port: int, user: str, secret: str) -> None:
        self._host, self._port = host, port
        self._user, self._secret = user, secret
        self._link: _Link | None = None
        self._closing = asyncio.Event()
        self.connected = False
        """Logged in, and alive as far as the last ping knows."""

    async def run(self, on_event: OnEvent, on_connect: Callable[[], None] = lambda: None) -> None:
        """Keep the connection up until `close`; whatever happens there never ends this.

        Args:
            on_event: gets every event in the event loop, `Event` holding its name.
            on_connect: called after each log-in: what was known before may be out of date.
        """
        failures, told = 0, ""
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                await self._session(on_event, on_connect)
            except AmiError as error:
                level = logging.DEBUG if str(error) == told else logging.WARNING
                log.log(level, "manager interface %s:%d: %s", self._host, self._port, error)
                told = str(error)
            except Exception:
                log.exception("manager interface")
            if time.monotonic() - began >= LASTING_S:
                failures, told = 0, ""
            if not self._closing.is_set():
                await self._pause(pause_before(failures))
            failures += 1

    async def action(self, name: str, **fields: str) -> list[Fields]:
        """Have Asterisk do something; the events of its list when it answers with one, else the answer alone.

        Raises:
            AmiError: refused, not answered in time, not connected, or a line break in a value.
        """
        check_fields({"Action": name, **fields})
        if self._link is None or not self.connected:
            raise AmiError(f"{name}: Asterisk's manager interface is away")
        return await self._link.ask(name, fields)

    async def close(self) -> None:
        """End the connection, and `run`."""
        self._closing.set()
        if self._link is not None:
            self._link.hang_up()

    async def _session(self, on_event: OnEvent, on_connect: Callable[[], None]) -> None:
        """One connection, from the greeting to its end.

        Raises:
            AmiError: always, unless it was closed on purpose: why it ended.
        """
        check_fields({"Username": self._user, "Secret": self._secret})
        link = self._link = _Link(self._host, self._port, on_event)
        try:
            await link.open()
            # Answered or not, the secret stays out of every message: the action's fields are never told.
            await link.ask("Login", {"Username": self._user, "Secret": self._secret, "Events": EVENTS})
            log.info("manager interface %s:%d: logged in as %s", self._host, self._port, self._user)
            self.connected = True
            _safely(on_connect)
            while await link.lasts(PING_EVERY_S):
                await link.ask("Ping", {})
        finally:
            self.connected = False
            link.hang_up()
        if not self._closing.is_set():
            raise AmiError("connection lost")

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)


def pause_before(failures: int) -> float:
    """Seconds before another try: longer each time, and not the same for all who lost the same Asterisk."""
    longest = min(LONGEST_PAUSE_S, 2 * FIRST_PAUSE_S * 2.0 ** min(failures, 10))
    return random.uniform(longest / 2, longest)


def check_fields(fields: Fields) -> None:
    """Nothing in an action may start another line.

    Raises:
        AmiError: names the field, never its value.
    """
    for name, value in fields.items():
        if not _FIELD_NAME.fullmatch(name):
            raise AmiError(f"no name of an action's field: {name!r}")
        if any(character in value for character in "\r\n\0"):
            raise AmiError(f"a line break in the action's field {name}")


class _Link:
    """One connection, and the actions under way on it. Everything but the client's thread is in the loop."""

    def __init__(self, host: str, port: int, on_event: OnEvent) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._greeted = asyncio.Event()
        self._ended = asyncio.Event()
        self._asked: dict[str, asyncio.Future[list[Fields]]] = {}
        self._lists: dict[str, list[Fields]] = {}
        self._client = _Client(host, port, self._from_thread)

    async def open(self) -> None:
        """Connect, and wait for Asterisk's greeting: nobody else shall be told the secret."""
        try:
            await asyncio.to_thread(self._client.connect)
            async with asyncio.timeout(ANSWER_S):
                await self._greeted.wait()
        except TimeoutError as error:
            raise AmiError("no greeting: is this Asterisk's manager interface?") from error
        except OSError as error:
            raise AmiError(f"can't connect: {error.strerror or error}") from error
        if self._ended.is_set():
            raise AmiError("connection lost before a greeting: is this Asterisk's manager interface?")

    async def ask(self, name: str, fields: Fields) -> list[Fields]:
        """Send an action and wait for all of its answer."""
        if self._ended.is_set():
            raise AmiError(f"{name}: connection lost")
        number = str(next(self._numbers))
        answer: asyncio.Future[list[Fields]] = self._loop.create_future()
        self._asked[number] = answer
        try:
            async with asyncio.timeout(ANSWER_S):
                await asyncio.to_thread(self._client.send, Action(name, {**fields, "ActionID": number}))
                return await answer
        except TimeoutError:
            raise AmiError(f"{name}: no answer in {ANSWER_S:.0f} s") from None
        except OSError as error:
            raise AmiError(f"{name}: {error.strerror or 'connection lost'}") from None
        except AmiError as error:
            raise AmiError(f"{name}: {error}") from None
        finally:
            del self._asked[number]
            self._lists.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # known above, or of no interest any more

    async def lasts(self, seconds: float) -> bool:
        """Is it still up after as long?"""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
        return not self._ended.is_set()

    def hang_up(self) -> None:
        """End it now."""
        self._client.disconnect()
        self._over()

    def _from_thread(self, message: Event | Response | str) -> None:
        """Called by the client's thread; never raises there."""
        with contextlib.suppress(RuntimeError):  # the loop has ended before the thread
            self._loop.call_soon_threadsafe(self._received, message)

    def _received(self, message: Event | Response | str) -> None:
        if isinstance(message, Event):
            # Channel variables come as a dictionary of their own; nobody here needs them.
            values = {key: value for key, value in message.keys.items() if isinstance(value, str)}
            self._event({"Event": message.name, **values})
        elif isinstance(message, Response):
            self._answer({"Response": message.status, **message.keys})
        elif message == _Client.GREETED:
            self._greeted.set()
        else:
            self._over()

    def _answer(self, fields: Fields) -> None:
        number = fields.get("ActionID", "")
        waiting = self._asked.get(number)
        if waiting is None or waiting.done():
            return  # too late
        if fields["Response"].lower() not in ("success", "goodbye"):
            waiting.set_exception(AmiError(fields.get("Message", "refused")[:200]))
        elif fields.get("EventList", "").lower() == "start":
            self._lists[number] = []
        else:
            waiting.set_result([fields])

    def _event(self, fields: Fields) -> None:
        number = fields.get("ActionID", "")
        collected = self._lists.get(number)
        if not number:
            if not self._ended.is_set():
                _safely(self._on_event, fields)
        elif collected is None:
            pass  # of an answer nobody waits for any more
        elif fields.get("EventList", "").lower() not in ("complete", "cancelled"):
            collected.append(fields)
        elif not self._asked[number].done():
            self._asked[number].set_result(collected)

    def _over(self) -> None:
        self._ended.set()
        self._greeted.set()  # whoever waits for it looks at the end first
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(AmiError("connection lost"))


class _Client(AMIClient):  # type: ignore[misc]
    """The package's client and its listener thread, made robust; what it hears goes to one function."""

    GREETED, ENDED = "greeted", "ended"

    def __init__(self, host: str, port: int, tell: Callable[[Event | Response | str], None]) -> None:
        super().__init__(address=host, port=port, timeout=QUIET_S, buffer_size=BUFFER)
        self._tell = tell
        self._sending = threading.Lock()
        self._given_up = False
        self.add_listener(
            on_connect=lambda source: tell(self.GREETED),
            on_event=lambda source, event: tell(event),
            on_response=lambda source, response: tell(response),
        )

    def connect(self) -> None:
        """The package's knows IPv4 only and takes the reading time-out for connecting, too."""
        self._socket = socket.create_connection((self._address, self._port), CONNECT_S)
        self._socket.settimeout(QUIET_S)
        self.finished = threading.Event()
        if self._given_up:
            self._socket.close()
            return
        self._thread = threading.Thread(target=self.listen, name="ami", daemon=True)
        self._thread.start()

    def disconnect(self) -> None:
        """The package's closes the socket under its thread, which then sleeps on, and waits for that."""
        self._given_up = True
        if self._socket is not None:
            if self.finished is not None:
                self.finished.set()
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
            if self._thread is None or not self._thread.is_alive():
                self._socket.close()

    def send(self, pack: Action) -> None:
        """All of it, and never two at once; half an action makes the connection useless."""
        data = f"{pack}\r\n".encode(self.encoding)
        with self._sending:
            try:
                self._socket.sendall(data)
            except OSError:
                self.disconnect()
                raise

    def listen(self) -> None:
        """The package's tells of an end only after the greeting, and may leave the socket open."""
        try:
            super().listen()
        except Exception as error:
            log.debug("manager interface: %r", error)
        finally:
            self.finished.set()
            self._socket.close()
            self._tell(self.ENDED)

    def fire_recv_pack(self, pack: str) -> None:
        """A message that makes no sense is left out; the package's would end its thread."""
        try:
            super().fire_recv_pack(pack)
        except Exception as error:
            log.debug("manager interface: a message that makes no sense: %r", error)

    def _next_pack(self) -> Iterator[str]:
        """The greeting's line, then each message. The package's keeps what never ends."""
        data, end = b"", b"\r\n"
        while not self.finished.is_set():
            while end in data:
                pack, data = data.split(end, 1)
                yield self._decode_pack(pack)
                end = b"\r\n\r\n"
            received = self._socket.recv(self._buffer_size)
            if not received or len(data) > MAX_MESSAGE:
                return
            data += received

    def _decode_pack(self, pack: bytes) -> str:
        """Only CR LF ends a line; the parsers take form feeds and Unicode's separators for line ends, too."""
        lines = super()._decode_pack(pack).split("\r\n")
        return "\r\n".join(" ".join(line.splitlines()) for line in lines)


def _safely(callback: Callable[..., None], *arguments: object) -> None:
    """Whatever a callback does, the connection goes on."""
    try:
        callback(*arguments)
    except Exception:
        log.exception("manager interface: in %s", getattr(callback, "__qualname__", callback))
