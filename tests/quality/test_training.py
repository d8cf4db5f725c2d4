"""The training in the background: one at a time, cancelled at once, honest after a death; Rasa is a script.

A real training, gate and deployment: tests/calls/test_learning.py.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callbot.ears import ear_of, ear_path
from callbot.journal.database import Database
from callbot.journal.deployments import Deployments
from callbot.journal.proposals import Proposals
from callbot.journal.trainings import INTERRUPTED, Trained, Trainings
from callbot.models_in_force import files_of
from callbot.quality import hearing, training
from callbot.quality.learned import Lessons, write
from callbot.quality.training import Classroom, Trainer
from callbot.settings import BUNDLED_MODEL, Settings
from callbot.town.communes import Communes
from callbot.understanding.rasa import model_path
from tests.quality import tiny

from ..patience import PATIENCE_S

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
        self.deployments = Deployments(self.database)
        self.communes = Communes("rivemont")

    def trainer(self) -> Trainer:
        """Another console's, as it were."""
        return Trainer(self.settings, self.database, self.communes)

    def row(self, id: int) -> Trained:
        found = self.trainings.get(id)
        assert found is not None
        return found

    async def until(self, id: int, *states: str) -> Trained:
        async with asyncio.timeout(PATIENCE_S):
            while self.row(id).state not in states:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return self.row(id)

    async def pid(self) -> int:
        """Of the Rasa that trains."""
        path = self.folder / "pid"
        async with asyncio.timeout(PATIENCE_S):
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
    async with asyncio.timeout(PATIENCE_S):
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
    expected = {"training": 60.0, "calibrating": 30.0, "judging": 10.0, "hearing": 0.0}
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
    hearing = training.EXPECTED_S["hearing"]  # was not there in an older version
    assert room.trainer()._expected() == {"training": 5, "calibrating": 4, "judging": 3, "hearing": hearing}


RASA = """case "$*" in
*rasa*) mkdir -p "$(dirname {folder}/models/.x)"; echo "$@" >> {folder}/told
  while [ "$1" != --out ]; do shift; done; mkdir -p "$2"; touch "$2/$4.tar.gz" ;;
*) while [ "$1" != --out ]; do shift; done; echo {{}} > "$2" ;;
esac"""
TEACH = """import pathlib, shutil, sys
shutil.copytree(sys.argv[1], sys.argv[3])
with (pathlib.Path(sys.argv[3]) / "graph" / "words.txt").open("a") as file:
    file.write("trempouille 99999\\n")
"""
"""Stands for scripts/asr/learn_words.py, which tests/quality/test_hearing.py runs."""


@pytest.mark.parametrize(("passed", "script"), [(True, TEACH), (True, "raise SystemExit(3)"), (False, TEACH)])
async def test_new_words_are_taught_to_the_ear_but_never_fail_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed: bool, script: str
) -> None:
    monkeypatch.setattr(hearing, "SCRIPT", tmp_path / "teach.py")
    (tmp_path / "teach.py").write_text(script)

    async def judged(*_: object) -> dict[str, object]:
        return {"passed": passed}

    monkeypatch.setattr(Trainer, "_judge", judged)
    room = Room(tmp_path, RASA)
    room.proposals.propose_text("pour faire trempouille", POOL, "quentin")
    task = asyncio.create_task(room.trainer().run())
    row = await room.until(room.trainings.ask("quentin"), "passed", "refused", "failed")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert row.state == ("passed" if passed else "refused"), row.error
    ear, files = row.report["ear"], files_of(room.settings, row.model)
    if passed and script == TEACH:
        assert (ear["learnt"], row.report["unknown_words"], ear["problem"]) == (["trempouille"], [], "")
        assert ear_of(room.settings, files).name == ear["model"]
    else:
        assert row.report["unknown_words"] == ["trempouille"] and ear["learnt"] == []
        assert ear_of(room.settings, files) == BUNDLED_MODEL
        assert ("a échoué" in ear["problem"]) is passed
    room.database.close()


async def test_what_was_unlearnt_or_updated_is_trained_again(tmp_path: Path) -> None:
    room = Room(tmp_path, "exit 3")
    classroom = Classroom(room.settings, room.database)
    tiny.teach(room.trainer()._learned, POOL, "pour nager")
    model = model_path(room.settings.nlu_project, tmp_path / "models", room.settings.learned_path).name
    (tmp_path / "models" / model).touch()
    classroom.learned.keep(model, classroom.learned.lessons())
    room.deployments.tell(room.deployments.ask(model, OWN, "deploy", "quentin"), "live")
    assert classroom.in_force() == model and not classroom.stale(model) and not classroom.stale(OWN)
    task = asyncio.create_task(room.trainer().run())
    assert (await room.until(room.trainings.ask("quentin"), "failed")).error == training.NOTHING
    # `callbot privacy erase` takes a sentence out of all the files: the model knows it still.
    for folder in (room.settings.learned_path, classroom.learned.version(model)):
        write(folder, Lessons())
    assert classroom.stale(model)
    assert "code 3" in (await room.until(room.trainings.ask("quentin"), "failed")).error, "it is tried"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    room.database.close()


def test_old_models_go_but_never_those_needed(tmp_path: Path) -> None:
    room = Room(tmp_path, "true")

    def taught(at: int) -> Lessons:
        return Lessons().plus([(f"un acte {'x' * (at + 1)}", POOL)])

    models, names = room.settings.nlu_models_dir, [f"learnt-{at}.tar.gz" for at in range(9)]
    for at, name in enumerate(names):
        (models / name).touch()
        os.utime(models / name, (time.time() + at,) * 2)
        (models / name.replace(".tar.gz", ".calibration.json")).touch()
        room.trainer()._learned.keep(name, taught(at))
        ear_path(room.settings, taught(at)).mkdir(parents=True)
    Deployments(room.database).ask(names[1], names[0], "deploy", "quentin")
    room.trainer()._prune({names[2]})
    left = sorted(path.name for path in models.glob("*.tar.gz"))
    assert left == [names[0], names[1], names[2], *names[4:], OWN]
    assert not (room.settings.learned_path / "versions" / "learnt-3").exists()
    assert not (models / "learnt-3.calibration.json").exists()
    ears = {ear_path(room.settings, taught(at)) for at in range(9) if at != 3}
    assert set(room.settings.speech_models_dir.iterdir()) == ears
    room.database.close()
