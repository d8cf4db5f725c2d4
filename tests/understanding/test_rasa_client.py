"""The client against an HTTP server that misbehaves as Rasa can't be made to; the real one is elsewhere."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from callbot.errors import UnderstandingError
from callbot.types import IntentScore
from callbot.understanding import rasa
from callbot.understanding.rasa import RasaClient, RasaProcess

from ..patience import PATIENCE_S

Answer = Callable[[bytes], Awaitable[bytes]]


def http(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}".encode()


class Server:
    """One canned answer for every request."""

    answer: bytes = b""
    delay_s: float = 0.0
    handle_instead: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] | None = None

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = await reader.read(65536)
        if self.handle_instead is not None:
            return await self.handle_instead(reader, writer)
        await asyncio.sleep(self.delay_s)
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield server
    listening.close()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[RasaClient]:
    client = RasaClient(server.url, timeout_s=10)
    yield client
    await client.close()


@pytest.fixture
async def impatient(server: Server) -> AsyncIterator[RasaClient]:
    client = RasaClient(server.url, timeout_s=0.3)
    yield client
    await client.close()


async def test_the_ranking_is_returned(client: RasaClient, server: Server) -> None:
    server.answer = http(
        '{"intent_ranking": [{"name": "a", "confidence": 0.7}, {"name": "b", "confidence": 0.2}]}'
    )
    assert await client.parse("bonjour") == (IntentScore("a", 0.7), IntentScore("b", 0.2))
    assert b"POST /model/parse" in server.request and b'"bonjour"' in server.request


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
async def test_no_words_no_question(client: RasaClient, text: str) -> None:
    assert await client.parse(text) == ()


async def test_a_speech_of_an_hour_is_cut(client: RasaClient, server: Server) -> None:
    server.answer = http('{"intent_ranking": []}')
    await client.parse("mot " * 10000)
    assert len(server.request) < 2000


@pytest.mark.parametrize(
    "answer",
    [
        http("", "500 Internal Server Error"),
        http("not json"),
        http("{}"),
        http('{"intent_ranking": [{"name": "a"}]}'),
        http('{"intent_ranking": 3}'),
        http('{"intent_ranking": [{"name": "a", "confidence": NaN}]}'),
        http('{"intent_ranking": [{"name": "a", "confidence": 7}]}'),
        b"garbage\r\n\r\n",
        b"",
    ],
)
async def test_what_is_no_answer_is_one_error(client: RasaClient, server: Server, answer: bytes) -> None:
    server.answer = answer
    with pytest.raises(UnderstandingError):
        await client.parse("bonjour")


async def test_an_answer_that_hangs_is_not_waited_for(impatient: RasaClient, server: Server) -> None:
    server.delay_s = 5
    with pytest.raises(UnderstandingError, match="Timeout"):
        await impatient.parse("bonjour")


async def test_an_answer_that_trickles_is_not_waited_for(impatient: RasaClient, server: Server) -> None:
    """A byte now and then satisfies a read's time-out, not a caller's patience."""

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal whole
        for byte in http('{"intent_ranking": []}'):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.1)
        whole = True

    whole = False
    server.handle_instead = trickle
    with pytest.raises(UnderstandingError, match="Timeout"):
        await impatient.parse("bonjour")
    assert not whole


async def test_no_proxy_hears_what_callers_say(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.answer = http('{"intent_ranking": []}')
    client = RasaClient(server.url)
    assert await client.parse("bonjour") == ()
    await client.close()


async def test_nobody_there() -> None:
    client = RasaClient("http://127.0.0.1:9", timeout_s=0.5)
    with pytest.raises(UnderstandingError):
        await client.parse("bonjour")
    assert not await client.ready()
    await client.close()


async def test_ready_means_a_model_is_loaded(client: RasaClient, server: Server) -> None:
    server.answer = http('{"model_file": "m.tar.gz"}')
    assert await client.ready()
    server.answer = http('{"model_file": ""}')
    assert not await client.ready()


def script(tmp_path: Path, text: str) -> Path:
    """Stands for Rasa's Python where only starting and dying matter."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


async def test_a_server_that_dies_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rasa, "BACKOFF_S", (0.01,))
    python = script(tmp_path, f"echo started >> {tmp_path}/starts; exit 1")
    process = RasaProcess(python, tmp_path, tmp_path / "m", 1, tmp_path / "log")
    task = asyncio.create_task(process.supervise())
    for _ in range(100):
        await asyncio.sleep(0.05)
        if (tmp_path / "starts").exists() and len((tmp_path / "starts").read_text().split()) >= 3:
            break
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len((tmp_path / "starts").read_text().split()) >= 3


async def test_a_server_that_hangs_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alive and silent is as bad as dead: stopped, so that supervision starts another."""
    monkeypatch.setattr(rasa, "WATCH_S", 0.05)
    looks = iter([True, True, *[False] * 100])

    async def ready(self: RasaClient) -> bool:
        return next(looks)

    monkeypatch.setattr(RasaClient, "ready", ready)
    process = RasaProcess(script(tmp_path, "exec sleep 60"), tmp_path, tmp_path / "m", 1, tmp_path / "log")
    assert "did not answer" in await asyncio.wait_for(process._live(), PATIENCE_S)


async def test_a_server_that_cannot_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rasa, "BACKOFF_S", (0.01,))
    (tmp_path / "log").mkdir()  # where its output should go
    process = RasaProcess(script(tmp_path, "true"), tmp_path, tmp_path / "m", 1, tmp_path / "log")
    task = asyncio.create_task(process.supervise())
    await asyncio.sleep(0.3)
    assert not task.done() and caplog.text.count("could not be started") > 2
    task.cancel()


async def test_a_server_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rasa, "STOP_S", 0.2)
    python = script(tmp_path, "trap '' TERM; while true; do sleep 0.1; done")
    process = RasaProcess(python, tmp_path, tmp_path / "m", 1, tmp_path / "log")
    task = asyncio.create_task(process.supervise())
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), PATIENCE_S)
    assert process._process is not None and process._process.returncode == -9


def test_a_killed_server_leaves_no_rasa_behind(tmp_path: Path) -> None:
    python = script(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    program = (
        "import asyncio, pathlib, sys\n"
        "from callbot.understanding.rasa import RasaProcess\n"
        "python, folder = map(pathlib.Path, sys.argv[1:])\n"
        "asyncio.run(RasaProcess(python, folder, folder / 'm', 1, folder / 'log').supervise())\n"
    )
    server = subprocess.Popen([sys.executable, "-c", program, str(python), str(tmp_path)])
    assert eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    pid = int((tmp_path / "pid").read_text())
    server.kill()
    server.wait()
    assert eventually(lambda: not Path(f"/proc/{pid}").exists())


def eventually(true: Callable[[], object]) -> bool:
    """Does it become true within five seconds?"""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


async def test_what_would_stop_rasa_is_said_before(tmp_path: Path) -> None:
    python, model = script(tmp_path, "true"), tmp_path / "m.tar.gz"
    log = tmp_path / "log"
    with pytest.raises(UnderstandingError, match="make setup"):
        RasaProcess(tmp_path / "no", tmp_path, model, 5055, log).check()
    with pytest.raises(UnderstandingError, match="callbot nlu train"):
        RasaProcess(python, tmp_path, model, 5055, log).check()
    model.touch()
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    with pytest.raises(UnderstandingError, match=r"port \d+ for Rasa is taken"):
        RasaProcess(python, tmp_path, model, taken.sockets[0].getsockname()[1], log).check()
    taken.close()


def test_a_model_belongs_to_its_data_and_configuration(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "nlu.yml").write_text("a")
    (tmp_path / "config.yml").write_text("b")
    first = rasa.project_hash(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "x.yml").write_text("no part of it")
    assert rasa.project_hash(tmp_path) == first
    (tmp_path / "data" / "nlu.yml").write_text("a changed")
    assert rasa.project_hash(tmp_path) != first


def test_after_an_edit_the_newest_model_serves_on(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("a")
    with pytest.raises(UnderstandingError, match="callbot nlu train"):
        rasa.newest_model(tmp_path, tmp_path / "models")
    trained = rasa.model_path(tmp_path, tmp_path / "models")
    trained.parent.mkdir()
    trained.touch()
    (tmp_path / "config.yml").write_text("edited")
    assert rasa.newest_model(tmp_path, tmp_path / "models") == trained
