"""Which speech model hears: that of what is deployed, while it is there; and a server that changes over."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from callbot import models_in_force
from callbot.ears import ear_of, ear_path, first_hearing, next_hearing, unknown_words
from callbot.errors import SpeechModelError
from callbot.journal.database import Database
from callbot.journal.deployments import Deployments
from callbot.journal.privacy import load_key
from callbot.journal.store import Journal
from callbot.models_in_force import files_of, free_port
from callbot.quality.learned import Learned, Lessons
from callbot.settings import BUNDLED_MODEL, Settings

from .patience import PATIENCE_S
from .test_models_in_force import RASA, eventually
from .test_operations import Call, in_progress
from .test_server import start

POOL = "piscine_tarif"
OLD, NEW = "nlu-0.tar.gz", "learnt-1.tar.gz"
LESSONS = Lessons().plus([("où se trouve le zblouf", POOL)])


def hear_with(settings: Settings, lessons: Lessons = LESSONS) -> Path:
    """A speech model of these lessons: the bundled one, by another name."""
    path = ear_path(settings, lessons)
    shutil.copytree(BUNDLED_MODEL, path)
    return path


def test_words_the_ear_does_not_know_are_named(tmp_path: Path) -> None:
    taught = ["l'acte du schtroumpf est-il prêt", "rendez-vous zblouf", "ma soeur"]
    lessons = Lessons().plus((text, POOL) for text in taught)
    assert unknown_words(BUNDLED_MODEL, lessons) == ["schtroumpf", "zblouf"]
    assert unknown_words(tmp_path, lessons) == [], "a model that does not list its words"


def test_an_ear_belongs_to_its_words_and_to_the_model_it_comes_from(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    Learned(settings.learned_path).keep(NEW, LESSONS)
    assert ear_of(settings, files_of(settings, NEW)) == BUNDLED_MODEL, "it is not there yet"
    path = hear_with(settings)
    assert ear_of(settings, files_of(settings, NEW)) == path and path.name.startswith("fr-telephone-")
    assert ear_of(settings, files_of(settings, OLD)) == BUNDLED_MODEL, "the project's own learnt nothing"
    assert ear_path(settings, LESSONS.plus([("le zblouf", POOL)])) != path
    other = tmp_path / "fr-telephone"
    shutil.copytree(BUNDLED_MODEL, other)
    (other / "graph" / "words.txt").write_text("un 1\n")
    chosen = Settings(state_dir=tmp_path, model_dir=other)
    assert ear_of(chosen, files_of(chosen, NEW)) == other, "the administrator's choice stands"


def test_a_broken_ear_keeps_no_server_from_starting(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    Learned(settings.learned_path).keep(NEW, LESSONS)
    path = hear_with(settings)
    files = files_of(settings, NEW)
    now = first_hearing(settings, files)
    assert now.folder == path and next_hearing(settings, files, now) is now
    (path / "graph" / "words.txt").unlink()
    hearing = first_hearing(settings, files)
    assert hearing.folder == BUNDLED_MODEL
    with pytest.raises(
        SpeechModelError, match=r"words\.txt"
    ):  # a deployment fails, and the old model goes on
        next_hearing(settings, files, hearing)
    assert next_hearing(settings, files_of(settings, OLD), now).folder == BUNDLED_MODEL


async def test_a_server_changes_ears_with_the_model_and_back(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_in_force, "LOOK_S", 0.05)
    python = short_tmp / "python"
    python.write_text(RASA)
    python.chmod(0o755)
    (short_tmp / "models").mkdir()
    for name in (OLD, NEW):
        (short_tmp / "models" / name).write_text("intent")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = Settings(
        state_dir=short_tmp, nlu_models_dir=short_tmp / "models", nlu_url=url, max_lag_ms=5000
    )
    Learned(settings.learned_path).keep(NEW, LESSONS)
    path = hear_with(settings)
    arguments = ("--model", str(settings.nlu_models_dir / OLD), "--port", str(port))
    rasa = await asyncio.create_subprocess_exec(str(python), *arguments)
    server = await start(settings)
    database = Database(settings.journal_dsn)
    deployments = Deployments(database)

    async def deploy(model: str, previous: str) -> None:
        id = deployments.ask(model, previous, "deploy", "quentin")

        async def live() -> bool:
            found = deployments.newest()
            assert found is not None and found.id == id
            return found.state == "live"

        await eventually(live)

    async def call(linkedid: str) -> Call:
        begun = Call(settings, linkedid)
        await in_progress(settings, 1)
        return begun

    async def end(begun: Call) -> None:
        begun.asterisk.say("HANGUP\n")
        await begun.end()
        await in_progress(settings, 0)

    lasting = await call("1.1")
    await deploy(NEW, OLD)
    await end(lasting)
    await end(await call("1.2"))
    await deploy(OLD, NEW)
    await end(await call("1.3"))
    os.kill(os.getpid(), 15)
    await asyncio.wait_for(server, PATIENCE_S)
    rasa.kill()
    await rasa.wait()
    database.close()
    journal = Journal(settings.journal_dsn, load_key(short_tmp / "journal.key"))
    heard = {row.linkedid: row.versions["speech"] for row in journal.calls()}
    journal.close()
    assert heard["1.1"] == heard["1.3"] != heard["1.2"]
    assert heard["1.1"].startswith("fr-telephone-") and heard["1.2"].startswith(f"{path.name}-")
