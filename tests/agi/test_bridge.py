"""The bridge as Asterisk runs it: a process with descriptors 0, 1 and 3."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..patience import PATIENCE_S

BRIDGE = Path(__file__).parents[2] / "callbot" / "agi" / "bridge.py"


class Bridge:
    """A bridge process and Asterisk's ends of its pipes."""

    def __init__(self, *arguments: str) -> None:
        commands_out, commands_in = os.pipe()
        replies_out, replies_in = os.pipe()
        audio_out, audio_in = os.pipe()
        self.process = subprocess.Popen(
            # -S -E leaves out what a bare python3-minimal has not.
            [sys.executable, "-S", "-E", str(BRIDGE), *arguments],
            stdin=replies_out,
            stdout=commands_in,
            stderr=subprocess.PIPE,
            pass_fds=[3],
            preexec_fn=lambda: os.dup2(audio_out, 3),
        )
        for descriptor in (commands_in, replies_out, audio_out):
            os.close(descriptor)
        self.commands = os.fdopen(commands_out, "rb")
        self.replies = os.fdopen(replies_in, "wb", buffering=0)
        self.audio = audio_in

    def command(self) -> bytes:
        return self.commands.readline()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self.audio)
        for pipe in (self.commands, self.replies):
            pipe.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "s")


@pytest.fixture
def listener(path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(PATIENCE_S)
        yield listener


@pytest.fixture
def bridge(path: str) -> Iterator[Bridge]:
    bridge = Bridge(path)
    yield bridge
    bridge.close()


def accept(listener: socket.socket) -> tuple[socket.socket, int]:
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE_S)
    hello, descriptors, _, _ = socket.recv_fds(connection, 10, 4)
    assert hello == b"callbot/1\n"
    return connection, descriptors[0]


def expect_failure(bridge: Bridge) -> None:
    assert bridge.command() == b"SET VARIABLE CALLBOT_RESULT FAILED\n"
    bridge.replies.write(b"200 result=1\n")
    assert bridge.process.wait(PATIENCE_S) == 0


def test_lines_and_audio_reach_the_server_and_commands_reach_asterisk(
    listener: socket.socket, bridge: Bridge
) -> None:
    connection, audio = accept(listener)
    with connection:
        os.write(bridge.audio, b"\x01\x02")
        assert os.read(audio, 10) == b"\x01\x02"
        bridge.replies.write(b"agi_channel: x\n\n")
        assert connection.recv(100) == b"agi_channel: x\n\n"
        connection.sendall(b"!alive\nNOO")
        connection.sendall(b"P\n!alive\n")
        assert bridge.command() == b"NOOP\n"
        connection.sendall(b"!done\n")
        assert bridge.process.wait(PATIENCE_S) == 0
        assert bridge.command() == b""  # nothing else was said to Asterisk
    os.close(audio)


def test_an_absent_server_means_failed(path: str, bridge: Bridge) -> None:
    expect_failure(bridge)


def test_a_server_that_dies_means_failed(listener: socket.socket, bridge: Bridge) -> None:
    connection, audio = accept(listener)
    os.close(audio)
    connection.close()
    expect_failure(bridge)


def test_a_silent_server_means_failed_after_four_seconds(listener: socket.socket, bridge: Bridge) -> None:
    connection, audio = accept(listener)
    began = time.monotonic()
    with connection:
        expect_failure(bridge)
    assert time.monotonic() - began > 3
    os.close(audio)


def test_the_reply_of_a_prompt_that_just_ended_is_not_taken_for_ours(bridge: Bridge) -> None:
    bridge.command()
    bridge.replies.write(b"200 result=0 endpos=8000\n")
    time.sleep(0.2)
    assert bridge.process.poll() is None
    bridge.replies.write(b"200 result=1\n")
    assert bridge.process.wait(PATIENCE_S) == 0


def test_a_hang_up_is_relayed_and_the_server_may_finish(listener: socket.socket, bridge: Bridge) -> None:
    connection, audio = accept(listener)
    with connection:
        bridge.replies.write(b"HANGUP\n")
        bridge.replies.close()
        assert connection.recv(100) == b"HANGUP\n"
        assert connection.recv(100) == b""
        connection.sendall(b"NOOP\n!done\n")
        assert bridge.process.wait(PATIENCE_S) == 0
    os.close(audio)


@pytest.mark.parametrize("arguments", [[], ["/dev/null/nowhere/at/all"]])
def test_a_wrong_call_still_ends_with_a_human(arguments: list[str]) -> None:
    bridge = Bridge(*arguments)
    expect_failure(bridge)
    bridge.close()


def test_the_bridge_imports_nothing_heavy() -> None:
    """It runs once a call, inside a container that may hold python3-minimal only."""
    source = BRIDGE.read_text(encoding="utf-8")
    imported = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= {"array", "contextlib", "os", "select", "signal", "socket", "sys", "time"}


def test_a_call_that_reaches_no_server_leaves_a_note(path: str) -> None:
    folder = Path(path).parent / "missed"
    folder.mkdir()
    bridge = Bridge(path, "1763740800.12")
    bridge.replies.write(b"agi_channel: x\nagi_callerid: 0612345678\nagi_extension: 0155000000\n\n")
    expect_failure(bridge)
    bridge.close()
    (note,) = folder.iterdir()
    assert (note.name, note.read_text()) == ("1763740800.12", "0155000000")


def test_a_call_that_a_server_ended_leaves_none(listener: socket.socket, path: str) -> None:
    folder = Path(path).parent / "missed"
    folder.mkdir()
    bridge = Bridge(path, "1763740800.12")
    connection, audio = accept(listener)
    with connection:
        connection.sendall(b"!done\n")
        assert bridge.process.wait(PATIENCE_S) == 0
    os.close(audio)
    bridge.close()
    assert not list(folder.iterdir())
