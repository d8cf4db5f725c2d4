"""The training in the background: one at a time, cancelled at once, honest after a death; Rasa is a script.

A real training, gate and deployment: tests/calls/test_learning.py.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callbot.journal.database import Database
from callbot.journal.learning import INTERRUPTED, Deployments, Proposals, Trained, Trainings
from callbot.quality import training
from callbot.quality.learned import Lessons
from callbot.quality.training import Trainer, unknown_words
from callbot.settings import BUNDLED_MODEL, Settings
from callbot.town.communes import Communes

OWN = "nlu-0.tar.gz"
POOL = "piscine_tarif"
SLEEPS = "echo $$ > {folder}/pid; exec sleep 60"


class Room:
    """A project, a model in force, and a Rasa that does as it is told."""

    def __init__(self, folder: Path, does: str) -> None:
        self.folder = folder
        (folder / "project" / "data").mkdir(parents=True)
        (folder / "project" / "domain.yml").write_text("intents: []\n")
        (folder / "models").mkdir()
        (folder / "models" / OWN).touch()
        python = folder / "python"
        python.write_text(f"#!/bin/sh\n{does.format(folder=folder)}\n")
        python.chmod(0o755)
        self.settings = Settings(
            state_dir=folder,
            nlu_project=folder / "project",
            nlu_models_dir=folder / "models",
            nlu_python=python,
        )
        self.database = Database(self.settings.journal_dsn)
        self.trainings, self.proposals = Trainings(self.database), Proposals(self.database)
        self.communes = Communes("rivemont")

    def trainer(self) -> Trainer:
        """Another console's, as it were."""
        return Trainer(self.settings, self.database, self.communes)

    def row(self, id: int) -> Trained:
        found = self.trainings.get(id)
        assert found is not None
        return found

    async def until(self, id: int, *states: str) -> Trained:
        async with asyncio.timeout(20):
            while self.row(id).state not in states:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return self.row(id)

    async def pid(self) -> int:
        """Of the Rasa that trains."""
        path = self.folder / "pid"
        async with asyncio.timeout(20):
            while not path.is_file() or not path.read_text().strip():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return int(path.read_text())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LOOK_S", 0.05)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    room = Room(tmp_path, SLEEPS)
    task = asyncio.create_task(room.trainer().run())
    yield room
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    room.database.close()


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_training_that_is_cancelled_ends_at_once(room: Room) -> None:
    room.proposals.propose_text("pour faire trempette", POOL, "quentin")
    id = room.trainings.ask("quentin")
    await room.until(id, "training")
    pid = await room.pid()
    assert os.getpriority(os.PRIO_PROCESS, pid) >= 10, "calls come first"
    assert room.row(id).model.startswith("learnt-")
    room.trainings.cancel(id, "claire")
    async with asyncio.timeout(10):
        while alive(pid):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert room.row(id).error == "annulé"
    assert [one.text for one in room.proposals.open()] == ["pour faire trempette"]
    # The next one begins.
    (room.folder / "pid").unlink()
    await room.until(room.trainings.ask("quentin"), "training")
    assert alive(await room.pid())


async def test_a_console_that_dies_takes_its_training_with_it(tmp_path: Path) -> None:
    room = Room(tmp_path, SLEEPS)
    room.proposals.propose_text("pour faire trempette", POOL, "quentin")
    id = room.trainings.ask("quentin")
    first = asyncio.create_task(room.trainer().run())
    await room.until(id, "training")
    pid = await room.pid()
    second = asyncio.create_task(room.trainer().run())
    await asyncio.sleep(0.3)
    assert room.row(id).state == "training", "a second console leaves it alone"
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert (await room.until(id, "failed")).error == INTERRUPTED
    assert not alive(pid)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    room.database.close()


async def test_what_rasa_refuses_is_told(tmp_path: Path) -> None:
    room = Room(tmp_path, "echo no memory; exit 3")
    task = asyncio.create_task(room.trainer().run())
    nothing = room.trainings.ask("quentin")
    assert (await room.until(nothing, "failed")).error == training.NOTHING
    room.proposals.propose_text("pour faire trempette", POOL, "quentin")
    failed = await room.until(room.trainings.ask("quentin"), "failed")
    assert "failed with code 3" in failed.error
    assert "no memory" in (room.settings.learned_path / "training.log").read_text()
    assert not list(room.settings.learned_path.glob(".candidate*"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    room.database.close()


async def test_progress_grows_by_what_each_phase_took_last_time(room: Room) -> None:
    trainer = room.trainer()
    expected = {"training": 60.0, "calibrating": 30.0, "judging": 10.0}
    seen = []
    for phase in ("training", "calibrating", "judging"):
        trainer._enter(phase)
        seen.append(trainer._progress(expected))
        trainer._began -= 15
        trainer._share = 0.5
        seen.append(trainer._progress(expected))
    assert [round(one, 2) for one in seen] == [0, 0.15, 0.6, 0.75, 0.9, 0.95]
    trainer._enter("training")
    trainer._began -= 1000
    assert trainer._progress(expected) < 0.6, "a phase that lasts is not over"
    report = {"seconds": {"training": 5, "calibrating": 4, "judging": 3}}
    room.trainings.ask("quentin")
    await asyncio.sleep(0)
    for one in room.trainings.all():
        room.trainings.end(one.id, "passed", report)
    assert room.trainer()._expected() == {"training": 5, "calibrating": 4, "judging": 3}


def test_old_models_go_but_never_those_needed(tmp_path: Path) -> None:
    room = Room(tmp_path, "true")
    models, names = room.settings.nlu_models_dir, [f"learnt-{at}.tar.gz" for at in range(9)]
    for at, name in enumerate(names):
        (models / name).touch()
        os.utime(models / name, (time.time() + at,) * 2)
        (models / name.replace(".tar.gz", ".calibration.json")).touch()
        room.trainer()._learned.keep(name, Lessons().plus([("un acte", POOL)]))
    Deployments(room.database).ask(names[1], names[0], "deploy", "quentin")
    room.trainer()._prune({names[2]})
    left = sorted(path.name for path in models.glob("*.tar.gz"))
    assert left == [names[0], names[1], names[2], *names[4:], OWN]
    assert not (room.settings.learned_path / "versions" / "learnt-3").exists()
    assert not (models / "learnt-3.calibration.json").exists()
    room.database.close()


def test_words_the_ear_does_not_know_are_named(tmp_path: Path) -> None:
    lessons = Lessons().plus([("l'acte du schtroumpf est-il prêt", POOL), ("rendez-vous zblouf", POOL)])
    assert unknown_words(BUNDLED_MODEL, lessons) == ["schtroumpf", "zblouf"]
    assert unknown_words(tmp_path, lessons) == [], "a model that does not list its words"
