"""The server's socket: who may listen, who may connect. Calls through it are in tests/calls."""

import asyncio
import contextlib
import os
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from callbot.doorway import listen, status
from callbot.errors import SettingsError
from callbot.journal import missed
from callbot.journal.privacy import load_key
from callbot.journal.store import Journal
from callbot.server import Server
from callbot.settings import ROOT, Settings

from .patience import PATIENCE_S, until

BRIDGE = ROOT / "callbot" / "agi" / "bridge.py"


def test_a_stale_socket_is_replaced_and_removed_at_the_end(short_tmp: Path) -> None:
    path = short_tmp / "s"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))
    with listen(path):
        assert path.is_socket() and path.stat().st_mode & 0o777 == 0o660
    assert not path.exists()


def test_a_file_in_the_way_is_left_alone(short_tmp: Path) -> None:
    (short_tmp / "s").write_text("precious")
    with pytest.raises(SettingsError, match="no socket"), listen(short_tmp / "s"):
        pass
    assert (short_tmp / "s").read_text() == "precious"


def test_a_second_server_is_refused(short_tmp: Path) -> None:
    with (
        listen(short_tmp / "s"),
        pytest.raises(SettingsError, match="another callbot server"),
        listen(short_tmp / "s"),
    ):
        pass


def test_a_path_too_long_for_a_socket_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="longer than 107 bytes"), listen(tmp_path / ("x" * 120)):
        pass


def test_a_folder_that_is_missing_is_said(short_tmp: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"), listen(short_tmp / "no" / "s"):
        pass


def test_no_server_no_status(short_tmp: Path) -> None:
    with pytest.raises(SettingsError, match="no callbot server answers"):
        status(short_tmp / "s")


async def start(settings: Settings) -> asyncio.Task[None]:
    """A server that listens, or the error that stopped it."""
    task = asyncio.create_task(Server(settings).run())
    await until(lambda: task.done() or settings.socket_path.exists())
    if task.done():
        await task
    return task


@pytest.fixture
async def running(short_tmp: Path) -> AsyncIterator[Settings]:
    """A real server; Rasa is away on purpose."""
    settings = Settings(
        state_dir=short_tmp,
        nlu_url="http://127.0.0.1:9",
        max_lag_ms=5000,
        pretend_now=datetime(2026, 11, 24, 15),
    )
    task = await start(settings)
    yield settings
    os.kill(os.getpid(), 15)  # as systemd stops it
    await asyncio.wait_for(task, PATIENCE_S)
    assert not settings.socket_path.exists()


async def test_status_of_a_server_whose_rasa_is_away(running: Settings) -> None:
    assert await asyncio.to_thread(status, running.socket_path) == {"rasa": False, "calls": 0}


async def test_housekeeping_that_fails_never_ends_the_server(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("callbot.housekeeping.purge", refuse)
    settings = Settings(state_dir=short_tmp, nlu_url="http://127.0.0.1:9", max_lag_ms=5000)
    task = await start(settings)
    await until(lambda: "deleting what is too old failed" in caplog.text)
    assert (await asyncio.to_thread(status, settings.socket_path))["calls"] == 0
    os.kill(os.getpid(), 15)
    await asyncio.wait_for(task, PATIENCE_S)


async def test_what_is_too_old_goes_when_the_server_starts(
    short_tmp: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "callbot.journal.retention")
    old = short_tmp / "recordings" / "call-1.wav"
    old.parent.mkdir()
    old.touch()
    os.utime(old, (0, 0))
    task = await start(Settings(state_dir=short_tmp, nlu_url="http://127.0.0.1:9", max_lag_ms=5000))
    await until(lambda: "purged" in caplog.text)
    assert "purged: 1 recordings" in caplog.text and not old.exists()
    os.kill(os.getpid(), 15)
    await asyncio.wait_for(task, PATIENCE_S)


@pytest.mark.parametrize("hello", [b"GET / HTTP/1.0\r\n\r\n", b"callbot/1\n", b"", b"callbot/2\n"])
async def test_strangers_are_turned_away_and_the_server_lives_on(running: Settings, hello: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(str(running.socket_path))
    writer.write(hello)
    writer.write_eof()
    with contextlib.suppress(ConnectionResetError):  # closed with some of our words unread
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    writer.close()
    assert (await asyncio.to_thread(status, running.socket_path))["calls"] == 0


async def test_too_many_open_files_is_survived(running: Settings) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    idle = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 12, hard))
        for _ in range(20):
            with contextlib.suppress(OSError):
                idle.append(await asyncio.open_unix_connection(str(running.socket_path)))
        await asyncio.sleep(missed.LOOK_S + 0.5)  # what looks into folders meanwhile must not end the server
    finally:
        for _, writer in idle:
            writer.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    await asyncio.sleep(0.5)
    assert (await asyncio.to_thread(status, running.socket_path))["calls"] == 0


class FakeAsterisk:
    """Runs the real bridge and answers every command at once: only the server's side is looked at."""

    def __init__(self, settings: Settings) -> None:
        audio_out, self.audio = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, str(BRIDGE), str(settings.socket_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[3],
            preexec_fn=lambda: os.dup2(audio_out, 3),
        )
        os.close(audio_out)
        assert self.process.stdin and self.process.stdout
        self.commands: list[str] = []

    def say(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def answer_until_done(self) -> None:
        assert self.process.stdout
        stream = False
        for raw in self.process.stdout:
            line = raw.decode()
            self.commands.append(line.strip())
            if line.startswith("STREAM FILE"):
                if "silence" in line:
                    stream = True
                else:
                    self.say("200 result=0 endpos=8000\n")
            else:
                self.say("200 result=1\n" if line.startswith("SET") else "200 result=0\n")
                stream = False
        assert not stream or self.commands

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self.audio)


async def test_a_caller_whose_name_is_an_attack_is_a_caller_like_another(running: Settings) -> None:
    """Quotes, newlines and a forged header: the call goes on, nothing of it reaches AGI or the journal."""
    asterisk = FakeAsterisk(running)
    asterisk.say(
        'agi_channel: x\nagi_calleridname: "; System(rm)\nagi_callerid: 06"\\n${X}12345678\nEXEC evil\n\n'
    )
    answering = asyncio.create_task(asyncio.to_thread(asterisk.answer_until_done))
    await until(lambda: asterisk.commands)
    asterisk.say("HANGUP\n")
    await asyncio.wait_for(answering, PATIENCE_S)
    asterisk.close()
    assert not any("rm" in command or "evil" in command for command in asterisk.commands)
    journal = Journal(running.journal_dsn, load_key(running.state_dir / "journal.key"))
    # The outcome is written once the dialplan has the call back.
    await until(lambda: any(call.ended_at for call in journal.calls()))
    (call,) = journal.calls()
    journal.close()
    assert (call.caller_last2, call.reason) == ("78", "hung_up")


async def test_an_audio_descriptor_that_never_sends_ends_with_a_human(running: Settings) -> None:
    """No audio at all is silence: asked twice, then the queue."""
    asterisk = FakeAsterisk(running)
    asterisk.say("agi_channel: x\nagi_uniqueid: 1.1\n\n")
    await asyncio.to_thread(asterisk.answer_until_done)
    asterisk.close()
    assert 'SET VARIABLE "CALLBOT_RESULT" "TRANSFER"' in asterisk.commands
    (whisper,) = [line for line in asterisk.commands if "CALLBOT_WHISPER" in line]
    assert Path(whisper.split('"')[3] + ".wav").is_file(), "the operator would hear nothing"


async def test_a_server_told_to_stop_hands_its_calls_to_humans(short_tmp: Path) -> None:
    settings = Settings(state_dir=short_tmp, nlu_url="http://127.0.0.1:9", max_lag_ms=5000, drain_s=0)
    task = await start(settings)
    asterisk = FakeAsterisk(settings)
    asterisk.say("agi_channel: x\nagi_uniqueid: 1.1\n\n")
    answering = asyncio.create_task(asyncio.to_thread(asterisk.answer_until_done))
    await until(lambda: asterisk.commands)
    os.kill(os.getpid(), 15)
    await asyncio.wait_for(task, PATIENCE_S)
    await asyncio.wait_for(answering, PATIENCE_S)
    asterisk.close()
    assert asterisk.commands[-1] == 'SET VARIABLE "CALLBOT_RESULT" "FAILED"'


async def test_the_text_channel_answers_and_stops_with_the_server(short_tmp: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = Settings(state_dir=short_tmp, nlu_url="http://127.0.0.1:9", max_lag_ms=5000, text_port=port)
    task = await start(settings)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        response = await http.post("/webhooks/rest/webhook", json={"sender": "a", "message": "/start"})
        assert "robot" in response.text
        response = await http.post("/webhooks/rest/webhook", json={"sender": "a", "message": "bonjour"})
        assert "Appelez la mairie au 02 61 91 12 00." in response.text  # Rasa is away
    os.kill(os.getpid(), 15)
    await asyncio.wait_for(task, PATIENCE_S)
    journal = Journal(settings.journal_dsn, load_key(short_tmp / "journal.key"))
    (call,) = journal.calls()
    assert (call.linkedid[:5], call.result, call.reason) == ("text-", "FAILED", "server_stopped")
    assert [turn.move for turn in journal.turns(call.id)] == ["greet", "failed"]
    journal.close()
