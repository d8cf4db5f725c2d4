"""The exchange of the model while conversations go on. A small server stands for Rasa."""

import asyncio
import contextlib
import gc
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callbot import models_in_force
from callbot.errors import TownError, UnderstandingError
from callbot.journal.database import Database
from callbot.journal.deployments import Deployments
from callbot.models_in_force import Exchange, Model, files_in_force, first_model, free_port
from callbot.settings import Settings
from callbot.types import Hypothesis

from .patience import PATIENCE_S

RASA = f"""#!{sys.executable}
import http.server, json, sys
model, port = sys.argv[sys.argv.index("--model") + 1], int(sys.argv[-1])
intent = open(model).read()
if intent == "broken":
    sys.exit(1)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer({{"model_file": model}})
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        ranking = [] if intent == "dumb" else [{{"name": intent, "confidence": 1.0}}]
        self.answer({{"intent_ranking": ranking}})
    def do_PUT(self):
        global intent
        intent = open(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["model_file"]).read()
        self.answer({{}})
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
OLD, NEW = "nlu-0.tar.gz", "learnt-1.tar.gz"


class Bench:
    """A server without calls: what is in force, and what conversations begin with."""

    def __init__(self, folder: Path, **more: object) -> None:
        python = folder / "python"
        python.write_text(RASA)
        python.chmod(0o755)
        (folder / "project").mkdir()
        (folder / "models").mkdir()
        for name, intent in (
            (OLD, "old"),
            (NEW, "new"),
            ("learnt-2.tar.gz", "broken"),
            ("learnt-3.tar.gz", "dumb"),
        ):
            (folder / "models" / name).write_text(intent)
        self.settings = Settings(
            state_dir=folder,
            nlu_python=python,
            nlu_project=folder / "project",
            nlu_models_dir=folder / "models",
            **({"nlu_port": free_port()} | more),  # type: ignore[arg-type]
        )
        self.database = Database(self.settings.journal_dsn)
        self.deployments = Deployments(self.database)
        self.unspeakable = ""
        """The model whose answers no town can say."""

    async def begin(self) -> None:
        self.model = first_model(self.settings)
        self._task = asyncio.create_task(
            Exchange(self.settings, self.model, self.database, self._adopt).run()
        )
        await eventually(self.model.client.ready)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.model.client.close()

    async def _adopt(self, model: Model) -> None:
        if model.files.name == self.unspeakable:
            raise TownError("cites what Rivemont lacks")
        self.model = model

    def ask(self, model: str) -> int:
        return self.deployments.ask(model, self.model.name, "deploy", "quentin")

    def state(self, id: int) -> tuple[str, str]:
        return next((one.state, one.error) for one in self.deployments.all() if one.id == id)

    async def until(self, id: int, state: str) -> None:
        async def so() -> bool:
            return self.state(id)[0] == state

        await eventually(so)

    async def understood(self) -> str:
        [score] = await self.model.understanding().rank([Hypothesis("bonjour", 1.0)])
        return score.intent


async def eventually(check: object) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await check():  # type: ignore[operator]  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models_in_force, "LOOK_S", 0.05)


@pytest.fixture
async def bench(short_tmp: Path) -> AsyncIterator[Bench]:
    bench = Bench(short_tmp)
    await bench.begin()
    yield bench
    await bench.end()
    bench.database.close()


async def test_a_model_is_exchanged_without_a_parse_lost(bench: Bench) -> None:
    begun = bench.model.understanding()
    old = bench.model
    heard: list[list[str]] = [[] for _ in range(4)]

    async def talk(mine: list[str]) -> None:
        while True:
            mine.append(await bench.understood())

    talking = [asyncio.create_task(talk(mine)) for mine in heard]
    id = bench.ask(NEW)
    await bench.until(id, "live")

    async def all_new() -> bool:
        return all(mine[-1:] == ["new"] for mine in heard)

    await eventually(all_new)
    assert not any(task.done() for task in talking), "no parse fails"
    for task in talking:
        task.cancel()
    for mine in heard:
        assert mine[0] == "old" and mine[-1] == "new"
        assert mine == sorted(mine, reverse=True), "never back"
    # Who began with the old one is understood by it until the end, and told so.
    [score] = await begun.rank([Hypothesis("la suite", 1.0)])
    assert (score.intent, begun.model, bench.model.name) == ("old", OLD, NEW)
    assert await old.client.ready()
    del begun, talking, task

    async def stopped() -> bool:
        gc.collect()  # as it happens by itself, some time
        with contextlib.suppress(RuntimeError):  # its client is closed
            return not await old.client.ready()
        return True

    await eventually(stopped)
    assert await bench.understood() == "new"


async def test_a_call_that_never_ends_goes_on_with_the_new_model(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_in_force, "RETIRE_S", 0.1)
    begun, old = bench.model.understanding(), bench.model
    await bench.until(bench.ask(NEW), "live")

    async def retired() -> bool:
        return old.successor is not None

    await eventually(retired)
    [score] = await begun.rank([Hypothesis("la suite", 1.0)])
    assert (score.intent, begun.model) == ("new", NEW)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("learnt-2.tar.gz", "ended at once"),
        ("learnt-3.tar.gz", "understands nothing"),
        ("learnt-9.tar.gz", "not in nlu_models_dir"),
        ("unspeakable", "Rivemont"),
    ],
)
async def test_what_cannot_serve_leaves_the_old_model_in_force(bench: Bench, model: str, why: str) -> None:
    if model == "unspeakable":
        bench.unspeakable = model = NEW
    id = bench.ask(model)
    await bench.until(id, "failed")
    assert why in bench.state(id)[1]
    assert await bench.understood() == "old" and bench.model.name == OLD
    assert files_in_force(bench.settings).name == OLD
    if not bench.unspeakable:  # nor is the way barred
        await bench.until(bench.ask(NEW), "live")
        assert await bench.understood() == "new"


async def test_back_again_and_after_a_restart(bench: Bench) -> None:
    await bench.until(bench.ask(NEW), "live")
    back = bench.deployments.ask(OLD, NEW, "roll_back", "quentin")
    await bench.until(back, "live")
    assert await bench.understood() == "old"
    await bench.until(bench.ask(NEW), "live")
    await bench.end()
    await bench.begin()
    assert (await bench.understood(), bench.model.name) == ("new", NEW)


async def test_what_was_only_asked_for_is_tried_beside_after_a_restart(bench: Bench) -> None:
    await bench.end()
    id = bench.ask("learnt-2.tar.gz")
    bench.deployments.tell(id, "starting")  # and then the server died
    await bench.begin()
    assert await bench.understood() == "old"
    await bench.until(id, "failed")
    assert await bench.understood() == "old"


async def test_a_deployed_model_that_was_lost_is_replaced_by_the_projects_own(bench: Bench) -> None:
    await bench.until(bench.ask(NEW), "live")
    (bench.settings.nlu_models_dir / NEW).unlink()
    assert files_in_force(bench.settings).name == OLD


async def test_a_remote_server_is_told_which_file_to_load(short_tmp: Path) -> None:
    port = free_port()
    bench = Bench(short_tmp, nlu_url=f"http://127.0.0.1:{port}")
    arguments = ("--model", str(bench.settings.nlu_models_dir / OLD), "--port", str(port))
    remote = await asyncio.create_subprocess_exec(str(bench.settings.nlu_python), *arguments)
    try:
        await bench.begin()
        calibration = {
            "features": ["margin"],
            "weights": [1.0],
            "bias": 0.0,
            "thresholds": {"answer": 0.61, "confirm": 0.4, "choose": 0.5},
        }
        (bench.settings.nlu_models_dir / "learnt-1.calibration.json").write_text(json.dumps(calibration))
        assert (bench.model.name, await bench.understood()) == ("", "old")
        await bench.until(bench.ask(NEW), "live")
        assert (bench.model.name, await bench.understood()) == (NEW, "new")
        assert bench.model.calibration.thresholds["answer"] == 0.61
        failed = bench.ask("learnt-9.tar.gz")
        await bench.until(failed, "failed")
        assert await bench.understood() == "new"
        await bench.end()
    finally:
        remote.kill()
        await remote.wait()
        bench.database.close()


def test_without_any_model_it_is_said(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, nlu_models_dir=tmp_path / "no")
    with pytest.raises(UnderstandingError, match="callbot nlu train"):
        first_model(settings)
