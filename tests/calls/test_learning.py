"""A misunderstood call is corrected in the browser, learnt, deployed and understood, while calls go on.

The pool of this town is called « la Pyramide », which no model can know. The Rasa project is a small one with
the real components, so that a training takes seconds; everything else is real: calls, server, console, pages.
"""

import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from callbot.journal.database import Database, now
from callbot.journal.models import Call, Turn
from callbot.settings import Settings
from callbot.understanding import rasa

from ..console.browser import CHROMIUM
from ..quality import tiny
from .bot import Bot
from .console import PASSWORD, Console, chromium
from .lab import CallRecord, Lab, hear, say, wait

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.timeout(900),  # 150 s on an idle machine
]

POOL, BIRTH = "piscine_horaires", "etat_civil_acte_naissance_copie"
ASKS = "Est-ce que la pyramide est ouverte ?"
KNOWN = "Je voudrais une copie de mon acte de naissance."
SPOILT = "bonjour je voudrais un acte de naissance s'il vous plaît"
"""A sentence of the gate's, which somebody will correct wrongly."""
SLOW_MS = 300_000
"""A training, on a machine that does other things too."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of a server that has learnt a dozen intents."""
    folder = tmp_path_factory.mktemp("learning")
    project = tiny.make(folder / "project")
    (folder / "gate.csv").write_text(tiny.gate(), encoding="utf-8")
    settings = Settings(nlu_project=project, nlu_models_dir=folder / "models")
    model = rasa.model_path(project, folder / "models")

    async def train() -> None:
        await rasa.train(settings.nlu_python, project, model, folder / "log")
        await rasa.calibrate(settings.nlu_python, project, model, settings.costs, output=folder / "log")

    asyncio.run(train())
    return {
        "CALLBOT_NLU_PROJECT": str(project),
        "CALLBOT_NLU_MODELS_DIR": str(folder / "models"),
        "CALLBOT_GATE_FILE": str(folder / "gate.csv"),
        "CALLBOT_NO_INPUT_MS": "60000",
    }


@pytest.fixture
def town(lab: Lab, bot: Bot, small: dict[str, str]) -> Iterator[Bot]:
    """A server of that town, to which calls go."""
    state = Path(tempfile.mkdtemp(prefix="learning.", dir=lab.home))
    with Bot(state, prompts_from=bot.state, **small) as second:
        lab.set_global(CALLBOT_SOCKET=str(second.socket))
        try:
            yield second
        finally:
            lab.set_global(CALLBOT_SOCKET=str(bot.socket))


@pytest.fixture
def page() -> Iterator[Any]:
    with chromium(playwright) as page:
        yield page


def spoken(town: Bot, record: CallRecord) -> list[dict[str, Any]]:
    """The turns of a call in which the caller spoke."""
    rows = town.select(
        "select linkedid from calls where caller_last2 = ? order by id desc", record.number[-2:]
    )
    return [turn for turn in town.turns(rows[0]["linkedid"]) if turn["heard"] == "speech"]


def enter(page: Any, town: Bot, desk: Console) -> None:
    """Quentin, the quality officer, logs in."""
    add = [sys.executable, "-m", "callbot", "account", "add", "quentin", "--role", "quality"]
    subprocess.run(add, env=town.environment, input=PASSWORD + "\n", text=True, check=True)
    page.goto(desk.url)
    page.get_by_label("Nom").fill("quentin")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Apprentissage").wait_for()


def correct(page: Any, desk: Console, call_id: int, name: str) -> None:
    """Say what a call's only spoken turn meant."""
    page.goto(f"{desk.url}/revue/appels/{call_id}")
    page.get_by_label("Autre intention").first.fill(name)
    page.get_by_role("button", name="Corriger").first.click()
    page.get_by_text("Corrigé :").first.wait_for()


def train(page: Any, desk: Console) -> None:
    """Have it learnt; returns once the gate has judged."""
    page.goto(f"{desk.url}/apprentissage")
    page.get_by_role("button", name="Entraîner", exact=True).click()
    page.get_by_role("heading", name="Entraînement en cours").wait_for()
    page.get_by_role("heading", name="Dernier examen").wait_for(timeout=SLOW_MS)


class Crowd(threading.Thread):
    """Somebody calls, again and again."""

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        self._lab = lab
        self._enough = threading.Event()
        self.records: list[CallRecord] = []

    def run(self) -> None:
        while not self._enough.is_set():
            self.records.append(self._lab.place_call([hear(), say(KNOWN), hear()]))

    def stop(self) -> None:
        self._enough.set()
        self.join()


def test_from_a_misunderstood_call_to_a_better_bot(lab: Lab, town: Bot, page: Any) -> None:
    server = town.process.pid
    first = spoken(town, lab.place_call([hear(), say(ASKS), hear()]))[0]
    assert "pyramide" in first["utterance"] and first["intent"] != POOL, first

    with Console(town) as desk, ThreadPoolExecutor(1) as pool:
        # Found among the calls, corrected, learnt, accepted.
        enter(page, town, desk)
        page.goto(f"{desk.url}/revue")
        page.get_by_text("pyramide").first.wait_for()
        correct(page, desk, first["call_id"], POOL)
        page.goto(f"{desk.url}/apprentissage")
        assert f"+      - {first['utterance']}" in page.locator("pre.diff").inner_text()
        train(page, desk)
        page.get_by_text("Accepté :").wait_for()

        # Put into service while one call goes on and others come.
        lasting = pool.submit(lab.place_call, [hear(), say(KNOWN), hear(), wait(20), say(KNOWN), hear()])
        crowd = Crowd(lab)
        crowd.start()
        time.sleep(5)
        page.get_by_role("button", name="Mettre en service").click()
        page.get_by_role("heading", name="Modèle en service").wait_for()
        page.get_by_text("entraînement 1").first.wait_for()
        page.get_by_role("button", name="Revenir au modèle précédent").wait_for(timeout=SLOW_MS)
        long_call = lasting.result()
        crowd.stop()

        again = spoken(town, lab.place_call([hear(), say(ASKS), hear()]))[0]
        assert again["intent"] == POOL and again["move"].startswith(f"answer:{POOL}"), again
        assert again["model"] != first["model"] and again["model"].startswith("learnt-")
        assert town.process.pid == server and town.process.poll() is None
        turns = spoken(town, long_call)
        assert [turn["intent"] for turn in turns] == [BIRTH, BIRTH], turns
        assert {turn["model"] for turn in turns} == {first["model"]}
        for record in crowd.records:
            assert [turn["intent"] for turn in spoken(town, record)] == [BIRTH]
            assert record.ending == "finished"
        assert town.select("select count(*) as n from calls where result = 'FAILED'") == [{"n": 0}]

        # A bad correction is stopped, and what it would spoil is named.
        correct(page, desk, told(town, SPOILT), "piscine_tarif")
        train(page, desk)
        page.get_by_text("Refusé : ce modèle ne peut pas être mis en service.").wait_for()
        worse = page.locator("table", has_text="Moins bien comprises").inner_text()
        assert SPOILT in worse
        assert page.get_by_role("button", name="Mettre en service").count() == 0
        page.get_by_role("heading", name="Arrêtées par l'examen (1)").wait_for()

        # And back again in one click.
        page.get_by_role("button", name="Revenir au modèle précédent").click()
        page.get_by_text("retour en arrière").wait_for()
        deadline = time.monotonic() + SLOW_MS / 1000
        while town.select("select state from deployments order by id desc limit 1") != [{"state": "live"}]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        back = spoken(town, lab.place_call([hear(), say(ASKS), hear()]))[0]
        assert (back["intent"], back["model"]) == (first["intent"], first["model"])


def told(town: Bot, words: str) -> int:
    """A call of yesterday, well understood; returns its id."""
    database = Database(f"sqlite:///{town.state / 'journal.sqlite'}")

    def write(session: Any) -> int:
        call = Call(linkedid="yesterday", started_at=now(), ended_at=now(), town="Rivemont", result="DONE")
        session.add(call)
        session.flush()
        ranking = [[BIRTH, 0.97], ["etat_civil_acte_mariage_copie", 0.02]]
        turn = Turn(call_id=call.id, number=1, at=now(), heard="speech", utterance=words, ranking=ranking)
        turn.intent, turn.confidence, turn.move = BIRTH, 0.97, f"answer:{BIRTH}"
        session.add(turn)
        return call.id

    try:
        return database.write_now(write)
    finally:
        database.close()
