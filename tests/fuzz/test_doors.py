"""The telephone's side: Asterisk, the bridge and the server's socket, each against one that says nonsense."""

import asyncio
import contextlib
import os
import socket
import tempfile
import threading
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from callbot.agi import line as agi_line
from callbot.agi.line import PhoneLine
from callbot.errors import LineError
from callbot.server import Server
from callbot.settings import Settings
from callbot.types import Outcome
from tests.agi.test_bridge import Bridge

from ..patience import PATIENCE_S

FEW = settings(deadline=None, max_examples=max(settings.default.max_examples // 5, 10))
SAID = st.one_of(
    st.sampled_from(
        [
            *(b"200 result=0 endpos=800", b"200 result=48", b"200 result=-1 endpos=0", b"HANGUP", b""),
            *(b"520-Usage", b"511 dead", b"200 result=" + b"9" * 5000, b"200 result=0 endpos=" + b"9" * 5000),
            *("200 result=²".encode(), "٢٠٠ result=0".encode(), b"x" * 70_000),
        ]
    ),
    st.binary(max_size=40),
)


@FEW
@given(st.booleans(), st.lists(SAID, max_size=30), st.binary(max_size=999))
def test_whatever_asterisk_says_the_call_ends_in_order(header: bool, said: list[bytes], sound: bytes) -> None:
    """Every method returns or raises a LineError, soon; no task dies without a word, no descriptor stays."""

    async def hold() -> None:
        unseen: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=theirs)
        audio_in, audio_out = os.pipe()
        line = PhoneLine(reader, writer, audio_in, Path("/silence.wav"))
        with ours:
            os.write(audio_out, sound)
            os.close(audio_out)
            ours.setblocking(False)
            text = (b"agi_channel: x\nagi_arg_2: 17.0\n\n" if header else b"") + b"\n".join(said) + b"\n"
            with contextlib.suppress(BlockingIOError):
                ours.send(text)
            ours.shutdown(socket.SHUT_WR)
            with contextlib.suppress(LineError):
                async with asyncio.timeout(PATIENCE_S):
                    await line.open()
                    await line.play([Path("/p/one.wav")])
                    while True:
                        await line.next_event()
            async with asyncio.timeout(PATIENCE_S):
                await line.leave(Outcome("TRANSFER", "standard"))
                await line.close()
        assert not unseen

    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with patch.object(agi_line, "REPLY_S", 3600.0):  # who hangs up or talks nonsense is not waited for
        asyncio.run(hold())
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208


@FEW
@given(
    st.sampled_from([b"", b"callbot/1\n", b"callbot/1", b"callbot/1?"]) | st.binary(max_size=20),
    st.integers(0, 6),
)
def test_whoever_knocks_no_descriptor_of_theirs_stays(hello: bytes, count: int) -> None:
    async def knock(server: Server) -> list[int]:
        ours, theirs = socket.socketpair()
        pipe = os.pipe()
        taken: list[int] = []

        async def bridge(connection: socket.socket, audio_fd: int) -> None:
            taken.append(audio_fd)
            os.close(audio_fd)

        async def told(connection: socket.socket) -> None:
            pass

        server._serve_bridge, server._tell_status = bridge, told  # type: ignore[method-assign]
        with ours:
            if hello:  # descriptors travel with bytes
                socket.send_fds(ours, [hello], [pipe[0]] * count)
            ours.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(PATIENCE_S):
                await server._serve(theirs)
        for end in pipe:
            os.close(end)
        return taken

    async def run() -> list[int]:
        return await knock(Server(Settings(state_dir=Path("/nonexistent"))))

    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    taken = asyncio.run(run())
    assert bool(taken) == (hello[:10] == agi_line.HELLO and count == 1)
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208


@settings(deadline=None, max_examples=max(settings.default.max_examples // 12, 5))
@given(
    st.lists(
        st.sampled_from(
            [b"!alive\n", b"!\n", b"!done", b"HTTP/1.1 400 Bad\r\n", b"x" * 70_000, b"\n", b"\0\xff"]
        )
        | st.binary(max_size=30),
        max_size=6,
    )
)
def test_a_server_that_talks_nonsense_leaves_the_caller_to_people(said: list[bytes]) -> None:
    """The bridge ends by itself, and tells the dialplan that the bot has failed unless the server is done."""
    with (
        tempfile.TemporaryDirectory(prefix="cb-", dir="/tmp") as folder,
        socket.socket(socket.AF_UNIX) as door,
    ):
        door.bind(f"{folder}/s")
        door.listen()
        door.settimeout(5)
        bridge = Bridge(f"{folder}/s")
        try:
            connection, _ = door.accept()
            connection.settimeout(5)
            with connection, contextlib.suppress(OSError):  # it hangs up on a line without end
                for part in said:
                    connection.sendall(part)
            heard: list[bytes] = []

            def asterisk() -> None:
                for command in bridge.commands:
                    heard.append(command)
                    if b"CALLBOT_RESULT" in command:
                        bridge.replies.write(b"200 result=1\n")

            listening = threading.Thread(target=asterisk)
            listening.start()
            assert bridge.process.wait(PATIENCE_S) == 0
            listening.join(PATIENCE_S)
        finally:
            bridge.close()
    done = b"!done" in b"".join(said).split(b"\n")[:-1]
    assert (b"SET VARIABLE CALLBOT_RESULT FAILED\n" in heard) != done or b"x" * 70_000 in said
