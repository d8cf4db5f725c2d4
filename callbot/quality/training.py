"""Trains in the background what officers proposed: train, calibrate, gate; one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from callbot.ears import unknown_words
from callbot.errors import CallbotError, JournalError, UnderstandingError
from callbot.journal.database import Database
from callbot.journal.deployments import Deployments
from callbot.journal.proposals import Proposals
from callbot.journal.trainings import Trained, Trainings, reviewed
from callbot.models_in_force import Files, files_in_force, files_of
from callbot.quality import hearing
from callbot.quality.gate import Outcome, Question, Rules, judge, questions_of, verdict
from callbot.quality.learned import Learned, Lessons, diff, read, write
from callbot.settings import Settings
from callbot.town.communes import Communes
from callbot.understanding.rasa import (
    calibrate,
    calibration_path,
    model_path,
    newest_model,
    train,
    with_learned,
)

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Pause between two looks at what is asked."""
KEPT = 5
"""Models of earlier trainings that are kept, beside those in force and before."""
EXPECTED_S: Mapping[str, float] = {"training": 330, "calibrating": 330, "judging": 90, "hearing": 20}
"""Until one was measured here."""
NEARLY = 0.97
"""Share of a phase that is told at most before it ends."""
NOTHING = "rien de nouveau à apprendre"


class Classroom:
    """What the pages about learning need.

    Args:
        settings: where what was learnt lies.
        database: the journal's.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.proposals = Proposals(database)
        self.trainings = Trainings(database)
        self.deployments = Deployments(database)
        self.learned = Learned(settings.learned_path)

    def in_force(self) -> str:
        """File name of the model in force; empty: nobody knows.

        Raises:
            JournalError: the database can't be read.
        """
        try:
            return files_in_force(self.settings, self.deployments).name
        except UnderstandingError:
            return ""

    def stale(self, in_force: str) -> bool:
        """Does the model in force know what was erased, or not what an update of the project brought?"""
        if not learnt(in_force):
            return False
        settings = self.settings
        return model_path(settings.nlu_project, settings.nlu_models_dir, self.learned.path).name != in_force

    def there(self, model: str) -> bool:
        """Are a model's file and its calibration still there?"""
        path = self.settings.nlu_models_dir / model
        return path.is_file() and calibration_path(path).is_file()

    def undo(self, id: int, account: str) -> bool:
        """Give a proposal up; one that was learnt is unlearnt by the next training.

        Raises:
            LearnedError: its file can't be written.
        """
        before = self.proposals.undo(id, account)
        if before is not None and before.state == "learnt":
            self.learned.remove_examples(before.intent, [before.text])
        return before is not None


class Trainer:
    """Does the trainings that are asked for in the journal.

    Args:
        settings: whose project, models and gate.
        database: the journal's.
        communes: whose answers are judged.
    """

    def __init__(self, settings: Settings, database: Database, communes: Communes) -> None:
        self._settings = settings
        self._database = database
        self._communes = communes
        self._trainings = Trainings(database)
        self._proposals = Proposals(database)
        self._learned = Learned(settings.learned_path)
        self._known: tuple[tuple[str, tuple[Question, ...]], list[Outcome]] | None = None
        """What the model in force made of the sentences last time: it need not be asked twice."""
        self._began = 0.0
        self._spent: dict[str, float] = {}
        self._phase, self._share = "training", 0.0

    async def run(self) -> None:
        """Until cancelled. One console of a machine trains; a training that a dead one left has failed."""
        with contextlib.ExitStack() as stack:
            while not self._alone(stack):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(LOOK_S)
            begun = False
            while True:
                try:
                    if not begun:
                        await asyncio.to_thread(self._trainings.interrupt)
                        begun = True
                    job = await asyncio.to_thread(self._trainings.queued)
                    if job is not None:
                        await self._do(job)
                except JournalError as error:
                    log.error("trainings wait for the journal: %s", error)
                await asyncio.sleep(LOOK_S)

    def _alone(self, stack: contextlib.ExitStack) -> bool:
        """Is no other console of this machine here to train?"""
        try:
            self._settings.learned_path.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((self._settings.learned_path / ".trainer").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    async def _do(self, job: Trained) -> None:
        """One training, from the first look to what became of it; it ends when it is cancelled."""
        self._spent = {}
        self._enter("training")
        expected = await asyncio.to_thread(self._expected)
        work = asyncio.create_task(self._work(job))
        try:
            while not work.done():
                told = (job.id, self._phase, self._progress(expected))
                if not await asyncio.to_thread(self._trainings.advance, *told):
                    log.info("training %d is cancelled", job.id)
                    return
                await asyncio.wait([work], timeout=LOOK_S)
            try:
                work.result()
            except (CallbotError, OSError) as error:
                log.error("training %d fails: %s", job.id, error)
                await asyncio.to_thread(self._trainings.end, job.id, "failed", {}, str(error))
            except Exception as error:
                log.exception("training %d fails", job.id)
                await asyncio.to_thread(self._trainings.end, job.id, "failed", {}, type(error).__name__)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _work(self, job: Trained) -> None:
        settings = self._settings
        proposals = await asyncio.to_thread(self._proposals.open)
        lessons = self._learned.lessons().plus((one.text, one.intent) for one in proposals)
        before = await asyncio.to_thread(files_in_force, settings, Deployments(self._database))
        if not before.name:  # a remote server's, which the project's own stands for
            before = files_of(settings, newest_model(settings.nlu_project, settings.nlu_models_dir).name)
        known = read(before.answers.parent)
        _forget_partial(settings)
        with tempfile.TemporaryDirectory(prefix=".candidate-", dir=settings.learned_path) as folder:
            candidate = Path(folder)
            write(candidate, lessons)
            model = model_path(settings.nlu_project, settings.nlu_models_dir, candidate)
            if lessons == known and not (learnt(before.name) and model.name != before.name):
                raise CallbotError(NOTHING)
            names = {"model": model.name, "data": model.name.removesuffix(".tar.gz").rpartition("-")[2]}
            await asyncio.to_thread(lambda: self._trainings.advance(job.id, "training", 0.0, **names))
            log_file = settings.learned_path / "training.log"
            with with_learned(settings.nlu_project, candidate) as project:
                await train(settings.nlu_python, project, model, log_file)
                self._enter("calibrating")
                if not calibration_path(model).is_file():
                    await calibrate(settings.nlu_python, project, model, settings.costs, output=log_file)
        self._learned.keep(model.name, lessons)
        self._enter("judging")
        after = files_of(settings, model.name)
        report = await self._judge(before, after, lessons)
        passed = bool(report["passed"])
        if passed:
            self._enter("hearing")
            taught = await hearing.teach(settings, lessons, log_file)
        else:  # it can't be put into service, so nobody would hear with it
            unknown = await asyncio.to_thread(unknown_words, settings.model_dir, lessons)
            taught = hearing.Taught(unknown=tuple(unknown))
        self._enter("ended")
        report |= {
            "proposals": [one.id for one in proposals],
            "diff": diff(known, lessons),
            "before_model": before.name,
            "unknown_words": taught.unknown,
            "ear": {"model": taught.model, "learnt": taught.learnt, "problem": taught.problem},
            "seconds": self._spent,
        }
        await asyncio.to_thread(self._end, job, [one.id for one in proposals], lessons, report, passed)
        await asyncio.to_thread(self._prune, {before.name, model.name})

    def _end(
        self, job: Trained, proposals: Sequence[int], lessons: Lessons, report: dict[str, Any], passed: bool
    ) -> None:
        """What was learnt is kept; what the gate refused is not, and can be proposed once more."""
        if not self._trainings.end(job.id, "passed" if passed else "refused", report):
            return
        taken = {(text, intent) for intent, texts in lessons.examples.items() for text in texts}
        if passed:
            still = {one.id: (one.text, one.intent) for one in self._proposals.open()}
            new = [still[id] for id in proposals if still.get(id) in taken]
            self._learned.change(lambda now: now.plus(new))
        self._proposals.judge(proposals, job.id, "learnt" if passed else "refused")

    async def _judge(self, before: Files, after: Files, lessons: Lessons) -> dict[str, Any]:
        """Both models' outcomes, compared."""
        first = self._communes.first
        old_answers = (await asyncio.to_thread(self._communes.learnt, before.answers))[first]
        answers = (await asyncio.to_thread(self._communes.learnt, after.answers))[first]
        known = [intent.id for intent in answers.catalog]
        found = await asyncio.to_thread(reviewed, self._database, known)
        questions = questions_of(self._settings, answers.catalog, found, lessons)
        key = (before.name, tuple(questions))
        if self._known is None or self._known[0] != key:
            outcomes = await judge(self._settings, before, old_answers, questions, self._half(0))
            self._known = (key, outcomes)
        new = await judge(self._settings, after, answers, questions, self._half(1))
        rules = Rules(self._settings.gate_accuracy_drop, self._settings.gate_wrong_rise)
        judged = verdict(questions, self._known[1], new, rules)
        if judged.passed:  # it may be in force next time
            self._known = ((after.name, key[1]), new)
        return judged.as_json()

    def _half(self, at: int) -> Any:
        def told(share: float) -> None:
            self._share = (at + share) / 2

        return told

    def _enter(self, phase: str) -> None:
        moment = time.monotonic()
        if self._phase != phase:
            self._spent[self._phase] = round(moment - self._began, 1)
        self._phase = phase if phase in EXPECTED_S else self._phase
        self._began, self._share = moment, 0.0

    def _expected(self) -> Mapping[str, float]:
        """How long each phase took last time, s."""
        for one in self._trainings.all():
            spent = one.report.get("seconds", {})
            if "judging" in spent:
                return {
                    phase: max(1.0, float(spent.get(phase, usual))) for phase, usual in EXPECTED_S.items()
                }
        return EXPECTED_S

    def _progress(self, expected: Mapping[str, float]) -> float:
        """Of the whole, 0 to 1."""
        phases = list(EXPECTED_S)
        done = sum(expected[phase] for phase in phases[: phases.index(self._phase)])
        share = min(NEARLY, (time.monotonic() - self._began) / expected[self._phase])
        here = self._share if self._phase == "judging" else share
        return (done + here * expected[self._phase]) / sum(expected.values())

    def _prune(self, needed: set[str]) -> None:
        """Delete old models; never the project's own, nor those in force and before."""
        for one in Deployments(self._database).all()[:2]:
            needed |= {one.model, one.previous}
        models = self._settings.nlu_models_dir.glob("learnt-*.tar.gz")
        newest = sorted(models, key=lambda path: path.stat().st_mtime, reverse=True)
        for path in newest[KEPT:]:
            if path.name not in needed:
                log.info("the old model %s is deleted", path.name)
                path.unlink(missing_ok=True)
                calibration_path(path).unlink(missing_ok=True)
                shutil.rmtree(self._learned.version(path.name), ignore_errors=True)
        versions = (self._settings.learned_path / "versions").glob("*")
        hearing.prune(self._settings, [read(path) for path in versions])


def learnt(model: str) -> bool:
    """Did a model learn something beside the project?"""
    return model.startswith("learnt-")


def _forget_partial(settings: Settings) -> None:
    """What a training that was killed left behind."""
    left = [
        *settings.nlu_models_dir.glob(".learnt-*"),
        *settings.learned_path.glob(".candidate-*"),
        *settings.speech_models_dir.glob(".*"),
    ]
    for path in left:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
