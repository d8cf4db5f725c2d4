"""The Rasa model in force: which it is, what belongs to it, and its exchange while calls go on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from callbot.dialogue.state import Thresholds
from callbot.errors import CallbotError, JournalError, UnderstandingError
from callbot.journal.database import Database
from callbot.journal.deployments import Deployed, Deployments, deployed_at
from callbot.settings import Settings
from callbot.types import IntentScore
from callbot.understanding.calibration import Calibration
from callbot.understanding.rasa import RasaClient, RasaProcess, calibration_path, newest_model
from callbot.understanding.understanding import Understanding

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Pause between two looks at what is to be in force."""
RETIRE_S = 600.0
"""A call that goes on longer than this after an exchange is understood by the new model."""
LAST_PARSE_S = 30.0
WARM = "bonjour"
"""Parsed once before callers are: the first parse is slow."""


@dataclass(frozen=True, slots=True)
class Files:
    """A model's files."""

    name: str
    """File name in nlu_models_dir; empty: a remote server's, of which nothing is known."""
    path: Path
    answers: Path
    """Catalogue of the intents it learnt; not there when it learnt none."""


def files_of(settings: Settings, name: str) -> Files:
    """Where a model's files lie."""
    version = settings.learned_path / "versions" / name.removesuffix(".tar.gz")
    return Files(name, settings.nlu_models_dir / name, version / "intents.yml")


def files_in_force(settings: Settings, deployments: Deployments | None = None) -> Files:
    """The model that was deployed last, while it is there, else the project's own.

    Args:
        deployments: of a journal that is open; None: it is looked at, if it can be.

    Raises:
        UnderstandingError: none was ever trained.
        JournalError: the open journal can't be read.
    """
    deployed = _deployed(settings) if deployments is None else deployments.live()
    if deployed is not None:
        files = files_of(settings, deployed.model)
        if settings.nlu_url is not None or files.path.is_file():
            return files
        log.error("the deployed model %s is not in nlu_models_dir; the project's own serves", deployed.model)
    if settings.nlu_url is not None:
        return files_of(settings, "")
    return files_of(settings, newest_model(settings.nlu_project, settings.nlu_models_dir).name)


def _deployed(settings: Settings) -> Deployed | None:
    """What the journal says; nothing when there is none, or it is away: the server looks again later."""
    try:
        return deployed_at(settings.journal_dsn)
    except JournalError as error:
        log.warning("which model is deployed can't be read: %s", error)
        return None


def calibration_of(files: Files) -> Calibration:
    """A model's calibration; cautious defaults for a remote or uncalibrated one."""
    path = calibration_path(files.path)
    if files.name and path.is_file():
        return Calibration.load(path)
    if files.name:
        log.warning("the NLU model %s has no calibration (callbot calibrate)", files.name)
    return Calibration()


def thresholds_of(settings: Settings, calibration: Calibration) -> Thresholds:
    """When to act, and when to ask: what the settings say, else what was fitted."""
    fitted = calibration.thresholds
    asked = (settings.answer_threshold, settings.confirm_threshold, settings.choose_threshold)
    names = ("answer", "confirm", "choose")
    return Thresholds(*(fitted[name] if one is None else one for name, one in zip(names, asked, strict=True)))


class Model:
    """A model that understands callers, with its calibration and its server.

    Args:
        process: its server, when it is ours.
    """

    def __init__(
        self, files: Files, client: RasaClient, calibration: Calibration, process: RasaProcess | None = None
    ) -> None:
        self.files = files
        self.client = client
        self.calibration = calibration
        self.process = process
        self.successor: Model | None = None
        """Who parses in its place once it has retired."""
        self._users: weakref.WeakSet[Understanding] = weakref.WeakSet()
        self._parsing = 0

    @property
    def name(self) -> str:
        """File name of the model that parses now."""
        return self.successor.name if self.successor is not None else self.files.name

    @property
    def used(self) -> bool:
        """Is there a conversation that it understands?"""
        return bool(self._users)

    @property
    def parsing(self) -> bool:
        """Does somebody wait for an answer of its server?"""
        return self._parsing > 0

    def understanding(self) -> Understanding:
        """For a new conversation."""
        made = Understanding(self.parse, self.calibration, lambda: self.name)
        self._users.add(made)
        return made

    async def parse(self, text: str) -> tuple[IntentScore, ...]:
        """See `RasaClient.parse`."""
        if self.successor is not None:
            return await self.successor.parse(text)
        self._parsing += 1
        try:
            return await self.client.parse(text)
        finally:
            self._parsing -= 1


def first_model(settings: Settings) -> Model:
    """The model in force when the server starts; its server is started by `Exchange.run`.

    Raises:
        UnderstandingError: none was ever trained, or its calibration can't be read.
    """
    files = files_in_force(settings)
    url = settings.nlu_url or f"http://127.0.0.1:{settings.nlu_port}"
    process = new_process(settings, files, settings.nlu_port) if settings.nlu_url is None else None
    client = RasaClient(url, settings.nlu_timeout_ms / 1000)
    return Model(files, client, calibration_of(files), process)


def new_process(settings: Settings, files: Files, port: int) -> RasaProcess:
    """A server for a model."""
    log_file = settings.state_dir / "rasa.log"
    return RasaProcess(settings.nlu_python, settings.nlu_project, files.path, port, log_file)


class Exchange:
    """Keeps the server of the model in force alive, and follows what is deployed.

    Args:
        model: the one in force now.
        database: the journal's.
        adopt: takes a model, and a catalogue's file of learnt intents, for every conversation that begins
            from then on; raises CallbotError, and changes nothing, when the answers can't be read.
    """

    def __init__(
        self, settings: Settings, model: Model, database: Database, adopt: Callable[[Model], Awaitable[None]]
    ) -> None:
        self._settings = settings
        self._model = model
        self._deployments = Deployments(database)
        self._adopt = adopt
        self._done: int | None = None
        """The deployment that was followed last."""
        self._failed: set[int] = set()
        self._servers: dict[Model, asyncio.Task[None]] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            UnderstandingError: the first server can't be started; says why.
        """
        if self._model.process is not None:
            self._model.process.check()
        self._supervise(self._model)
        away = False
        try:
            while True:
                try:
                    await self._look()
                    away = False
                except JournalError as error:
                    if not away:
                        log.warning("which model is deployed can't be read: %s", error)
                    away = True
                await asyncio.sleep(LOOK_S)
        finally:
            tasks = [*self._servers.values(), *self._retiring]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _supervise(self, model: Model) -> None:
        if model.process is not None:
            self._servers[model] = asyncio.create_task(model.process.supervise())

    async def _look(self) -> None:
        asked = await asyncio.to_thread(self._deployments.in_force)
        if asked is None or asked.id == self._done or asked.id in self._failed:
            return
        try:
            if asked.model != self._model.files.name or self._done is not None:
                await self._tell(asked, "starting")
                await self._follow(files_of(self._settings, asked.model))
        except (CallbotError, OSError) as error:
            self._failed.add(asked.id)
            log.error("the model %s could not be put into service: %s", asked.model, error)
            await self._tell(asked, "failed", str(error))
            return
        self._done = asked.id
        await self._tell(asked, "live")

    async def _tell(self, asked: Deployed, state: str, error: str = "") -> None:
        if asked.state != "live" or state == "failed":
            await asyncio.to_thread(self._deployments.tell, asked.id, state, error)

    async def _follow(self, files: Files) -> None:
        """Exchange the model; whatever goes wrong, the old one goes on."""
        old = self._model
        if files.name == old.files.name:  # only its answers have changed
            await self._adopt(old)
            return
        if not await asyncio.to_thread(files.path.is_file):
            raise UnderstandingError(f"{files.name} is not in nlu_models_dir")
        calibration = await asyncio.to_thread(calibration_of, files)
        if old.process is None:
            new = await self._reload(old, files, calibration)
        else:
            new = await self._beside(files, calibration)
        self._model = new
        log.info("the model %s understands from now on", files.name)
        if new.process is not None:
            task = asyncio.create_task(self._retire(old, new))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _beside(self, files: Files, calibration: Calibration) -> Model:
        """Start a server beside the old one, and take it once it has answered."""
        port = free_port()
        process = new_process(self._settings, files, port)
        client = RasaClient(process.url, self._settings.nlu_timeout_ms / 1000)
        new = Model(files, client, calibration, process)
        try:
            await process.start()
            patient = RasaClient(process.url, LAST_PARSE_S)
            try:
                if not await patient.parse(WARM):
                    raise UnderstandingError(f"{files.name} understands nothing")
            finally:
                await patient.close()
            await self._adopt(new)
        except BaseException:
            await process.stop()
            await client.close()
            raise
        self._supervise(new)
        return new

    async def _reload(self, old: Model, files: Files, calibration: Calibration) -> Model:
        """Have a remote server load another file; it goes on with the old one until then."""
        await old.client.load(files.path)
        new = Model(files, old.client, calibration)
        try:
            await self._adopt(new)
        except BaseException:
            if old.files.name:
                await old.client.load(old.files.path)
            raise
        old.successor = new
        return new

    async def _retire(self, old: Model, new: Model) -> None:
        """Let the conversations that the old model understands end, then its server."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETIRE_S):
                while old.used:  # noqa: ASYNC110 (garbage tells nobody that it is)
                    await asyncio.sleep(LOOK_S)
        old.successor = new
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_PARSE_S):
                while old.parsing:  # noqa: ASYNC110 (soon over)
                    await asyncio.sleep(LOOK_S / 10)
        if (task := self._servers.pop(old, None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await old.client.close()
        log.info("the model %s has retired", old.files.name)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
