"""What systemd is told, by a socket like its own."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbot import watchdog
from callbot.settings import Settings

from .patience import PATIENCE_S
from .test_server import start


@pytest.fixture
def systemd(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(short_tmp / "notify"))
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(short_tmp / "notify"))
        yield listener


async def heard(systemd: socket.socket) -> str:
    return (await asyncio.to_thread(systemd.recv, 100)).decode()


async def test_a_server_says_when_it_takes_calls_and_when_it_stops(
    short_tmp: Path, systemd: socket.socket
) -> None:
    settings = Settings(state_dir=short_tmp / "state", nlu_url="http://127.0.0.1:9", max_lag_ms=5000)
    server = await start(settings)
    assert await heard(systemd) == "READY=1" and settings.socket_path.is_socket()
    os.kill(os.getpid(), 15)
    assert await heard(systemd) == "STOPPING=1", "and no word of being well: nobody asked"
    await asyncio.wait_for(server, PATIENCE_S)


async def test_it_says_that_it_is_well_only_while_its_loop_turns(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "150000")
    telling = asyncio.create_task(watchdog.keep_telling())
    assert [await heard(systemd) for _ in range(4)] == ["READY=1", *3 * ["WATCHDOG=1"]]
    telling.cancel()
    systemd.settimeout(0.2)
    with pytest.raises(TimeoutError):
        await heard(systemd)


async def test_an_abstract_socket_is_understood_and_a_missing_one_borne(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"callbot-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        watchdog.tell(watchdog.READY)
        assert listener.recv(100) == b"READY=1"
    for nobody in ("@" + name, str(short_tmp / "none"), ""):
        monkeypatch.setenv("NOTIFY_SOCKET", nobody)
        watchdog.tell(watchdog.READY)
