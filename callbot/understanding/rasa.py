"""The Rasa server: a client of its HTTP API, and the supervision of a local one."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from callbot.errors import UnderstandingError
from callbot.types import IntentScore

log = logging.getLogger(__name__)

MAX_TEXT = 1000
"""Characters of an utterance that are parsed; nobody says more in one breath."""
BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)
START_S = 90.0
STOP_S = 5.0
NICE = 10
"""A training in the background leaves the machine to the calls."""
LEARNT_NLU, LEARNT_DOMAIN = "nlu.yml", "domain.yml"
"""Names of the files that were learnt beside a project."""
DOMAINS, CALIBRATION = "domains", "calibration"
"""Folders of a project that holds what was learnt too."""
FEWEST = 12
"""A new intent with fewer sentences has no part in the calibration."""
NONSENSE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""What an answer that is not Rasa's may raise."""
WATCH_S, MAX_MISSES = 5.0, 6
"""A server that misses this many looks in a row hangs."""
# No telemetry, no banners; the learners stand side by side, and more threads each would only wait in turn.
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "RASA_TELEMETRY_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONWARNINGS": "ignore",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
}


class RasaClient:
    """Asks a Rasa server what an utterance means.

    Args:
        url: the server's base URL.
        timeout_s: patience with one parse.
    """

    def __init__(self, url: str, timeout_s: float = 1.5) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=httpx.Timeout(timeout_s),
            limits=httpx.Limits(max_keepalive_connections=20),
            trust_env=False,  # what callers say goes to Rasa, never through a proxy
        )
        self._timeout_s = timeout_s

    async def parse(self, text: str) -> tuple[IntentScore, ...]:
        """Candidate intents, likeliest first; empty for an utterance without words.

        Raises:
            UnderstandingError: no answer in time, or not one Rasa gives.
        """
        words = " ".join(text.split())[:MAX_TEXT]
        if not words:
            return ()
        try:
            async with asyncio.timeout(self._timeout_s):  # httpx's own is for each read
                response = await self._http.post("/model/parse", json={"text": words})
            response.raise_for_status()
            return tuple(_score(item) for item in response.json()["intent_ranking"])
        except (httpx.HTTPError, TimeoutError, *NONSENSE) as error:
            raise UnderstandingError(f"Rasa: {type(error).__name__}: {error}") from error

    async def load(self, model: Path) -> None:
        """Have the server exchange its model for this file, which it must see under the same path.

        Raises:
            UnderstandingError: it refuses, or does not answer in time.
        """
        try:
            response = await self._http.put("/model", json={"model_file": str(model)}, timeout=START_S)
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise UnderstandingError(f"Rasa takes no other model: {type(error).__name__}: {error}") from error

    async def ready(self) -> bool:
        """Does the server answer with a model loaded?"""
        try:
            response = await self._http.get("/status", timeout=2.0)
            return response.status_code == 200 and bool(response.json().get("model_file"))
        except (httpx.HTTPError, *NONSENSE):
            return False

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _score(item: Any) -> IntentScore:
    confidence = float(item["confidence"])
    if not 0 <= confidence <= 1:  # not a number would pass for certainty further on
        raise ValueError(f"confidence {confidence}")
    return IntentScore(str(item["name"]), confidence)


class RasaProcess:
    """A local Rasa server: started, watched, started again.

    Args:
        python: Python of the environment that holds Rasa.
        project: the Rasa project, working directory of the server (its custom components are found there).
        model: the trained model's file.
        port: loopback port.
        log_file: where its output goes.
        spare: it leaves the machine to others.
    """

    def __init__(
        self, python: Path, project: Path, model: Path, port: int, log_file: Path, *, spare: bool = False
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._command = [
            *(str(python), "-m", "rasa", "run", "--enable-api", "--model", str(model)),
            *("--interface", "127.0.0.1", "--port", str(port)),
        ]
        self._project = project
        self._port = port
        self._log_file = log_file
        self._spare = spare
        self._process: asyncio.subprocess.Process | None = None

    def check(self) -> None:
        """Say before starting what would stop it.

        Raises:
            UnderstandingError: no such Python, no model, or the port is taken.
        """
        python, model = Path(self._command[0]), Path(self._command[6])
        if not os.access(python, os.X_OK):
            raise UnderstandingError(f"Rasa's Python not found: {python} (make setup, or set nlu_python)")
        if not model.is_file():
            raise UnderstandingError(f"no trained NLU model: {model} (callbot nlu train)")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self._port))
            except OSError as error:
                raise UnderstandingError(f"port {self._port} for Rasa is taken (set nlu_port)") from error

    async def start(self) -> None:
        """Start once and wait until it answers, without supervision.

        Raises:
            UnderstandingError: it did not come up within START_S.
        """
        self.check()
        process = await self._spawn()
        client = RasaClient(self.url)
        try:
            async with asyncio.timeout(START_S):
                while not await client.ready():
                    if process.returncode is not None:
                        raise UnderstandingError(f"Rasa ended at once, see {self._log_file}")
                    await asyncio.sleep(0.3)
        except TimeoutError:
            await self.stop()
            raise UnderstandingError(f"Rasa did not come up in {START_S:.0f} s") from None
        finally:
            await client.close()

    async def supervise(self) -> None:
        """Keep the server running until cancelled; waits longer between failures that follow closely."""
        failures = 0
        try:
            while True:
                began = asyncio.get_running_loop().time()
                try:
                    how = await self._live()
                except OSError as error:
                    how = f"could not be started: {error}"
                lived_s = asyncio.get_running_loop().time() - began
                failures = 0 if lived_s > 60 else failures + 1
                pause_s = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
                log.error("Rasa %s after %.0f s; again in %.0f s", how, lived_s, pause_s)
                await asyncio.sleep(pause_s)
        finally:
            await self.stop()

    async def _live(self) -> str:
        """One life of the server, which `start` may have begun; returns how it ended."""
        process = self._process
        if process is None or process.returncode is not None:
            process = await self._spawn()
        watch = asyncio.create_task(self._watch())
        end = asyncio.create_task(process.wait())
        try:
            await asyncio.wait([watch, end], return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                return f"ended with code {process.returncode}"
            await self.stop()
            return f"did not answer for {WATCH_S * MAX_MISSES:.0f} s and was stopped"
        finally:
            watch.cancel()
            end.cancel()

    async def _watch(self) -> None:
        """Return when a server that once answered has stopped to, though its process lives."""
        client = RasaClient(self.url)
        was_ready, misses = False, 0
        try:
            while misses < MAX_MISSES:
                await asyncio.sleep(WATCH_S)
                ready = await client.ready()
                was_ready = was_ready or ready
                misses = 0 if ready or not was_ready else misses + 1
        finally:
            await client.close()

    async def _spawn(self) -> asyncio.subprocess.Process:
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                # A server killed outright must not leave a Rasa behind that keeps the port.
                *("setpriv", "--pdeathsig", "KILL"),
                *(("nice", "-n", str(NICE)) if self._spare else ()),
                *self._command,
                cwd=self._project,
                env=os.environ | ENVIRONMENT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self._process

    async def stop(self) -> None:
        """End the server, politely then not."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        for signal_ in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal_)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_S)
                return


def project_hash(project: Path, learned: Path | None = None) -> str:
    """Identity of a trained model: every file that training reads, by content.

    Args:
        learned: folder of what was learnt beside the project; nothing there, and it counts for nothing.
    """
    digest = hashlib.sha256()
    files = [(str(path.relative_to(project)), path) for path in training_files(project)]
    files += [(f"learned/{path.name}", path) for path in learnt_files(learned)]
    for name, path in files:
        digest.update(name.encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def learnt_files(learned: Path | None) -> list[Path]:
    """What training reads of what was learnt; answers are none of its business."""
    if learned is None:
        return []
    return [path for path in (learned / LEARNT_DOMAIN, learned / LEARNT_NLU) if path.is_file()]


def training_files(project: Path) -> Iterable[Path]:
    """Config, domain, data and components of a Rasa project, in a fixed order."""
    suffixes = {".yml", ".yaml", ".py", ".txt", ".csv", ".tsv"}
    return sorted(
        path
        for path in project.rglob("*")
        if path.suffix in suffixes
        and path.is_file()
        and not {"models", "tests", "results", ".rasa", "__pycache__"} & set(path.relative_to(project).parts)
    )


def model_path(project: Path, models: Path, learned: Path | None = None) -> Path:
    """Where the model of the project as it stands now is, or will be.

    One that learnt more is called otherwise: only a deployment brings it into force.
    """
    kind = "learnt" if learnt_files(learned) else "nlu"
    return models / f"{kind}-{project_hash(project, learned)}.tar.gz"


def calibration_path(model: Path) -> Path:
    """Where a model's calibration is kept."""
    return model.with_name(model.name.removesuffix(".tar.gz") + ".calibration.json")


def newest_model(project: Path, models: Path) -> Path:
    """The project's model; after an edit that was not trained yet, the newest there is.

    Raises:
        UnderstandingError: none was ever trained.
    """
    wanted = model_path(project, models)
    if wanted.is_file():
        return wanted
    trained = sorted(models.glob("nlu-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not trained:
        raise UnderstandingError(f"no trained NLU model: {wanted} (callbot nlu train)")
    log.warning("%s is not trained for the present sentences (callbot nlu train)", trained[-1].name)
    return trained[-1]


@contextlib.contextmanager
def with_learned(project: Path, learned: Path | None) -> Iterator[Path]:
    """The project itself when nothing was learnt beside it, else a copy for the moment that holds it too.

    A sentence that was learnt leaves the intent that the project has it under: a correction wins.

    Raises:
        UnderstandingError: no room for the copy.
    """
    files = learnt_files(learned)
    if not files:
        yield project
        return
    try:
        with tempfile.TemporaryDirectory(prefix=".project-", dir=learned) as folder:
            _merge(project, {path.name: path for path in files}, Path(folder))
            yield Path(folder)
    except OSError as error:
        raise UnderstandingError(f"a copy of {project} to train on: {error.strerror}") from error


def _merge(project: Path, learnt: Mapping[str, Path], merged: Path) -> None:
    texts = {name: path.read_text(encoding="utf-8") for name, path in learnt.items()}
    lessons = texts.get(LEARNT_NLU, "")
    lines = {line.strip() for line in lessons.splitlines()}
    taught = {line for line in lines if line.startswith("- ") and not line.startswith("- intent:")}
    (merged / "data").mkdir()
    for path in training_files(project):
        target = merged / path.relative_to(project)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_relative_to(project / "data"):
            kept = [
                line
                for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
                if line.strip() not in taught
            ]
            target.write_text("".join(kept), encoding="utf-8")
        else:
            shutil.copyfile(path, target)
    shutil.copytree(merged / "data", merged / CALIBRATION)
    (merged / DOMAINS).mkdir()
    (merged / "domain.yml").replace(merged / DOMAINS / "project.yml")
    if LEARNT_DOMAIN in texts:
        (merged / DOMAINS / "learned.yml").write_text(texts[LEARNT_DOMAIN], encoding="utf-8")
    if lessons:
        (merged / "data" / "learned.yml").write_text(lessons, encoding="utf-8")
        new = {line.strip() for line in texts.get(LEARNT_DOMAIN, "").splitlines()}
        head, *blocks = lessons.split("  - intent: ")
        # Calibration asks about a fifth of an intent's sentences: the rest must still tell what it is.
        large = [
            f"  - intent: {block}"
            for block in blocks
            if f"- {block.splitlines()[0]}" not in new or block.count("\n") > FEWEST
        ]
        if large:
            (merged / CALIBRATION / "learned.yml").write_text("".join((head, *large)), encoding="utf-8")


async def train(python: Path, project: Path, target: Path, output: Path | None = None) -> Path:
    """Train a project's model unless it is there already.

    Args:
        target: the model's file.
        output: where Rasa's own words go; None: they are shown, and the machine is not spared.

    Raises:
        UnderstandingError: Rasa is missing or training failed.
    """
    if target.is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnderstandingError(f"nlu_models_dir {target.parent}: {error.strerror}") from error
    name = target.name.removesuffix(".tar.gz")
    partial = target.parent / f".{name}"
    domain = DOMAINS if (project / DOMAINS).is_dir() else "domain.yml"
    await _run(
        python,
        project,
        output,
        *("-m", "rasa", "train", "nlu", "--nlu", "data", "--domain", domain, "--config", "config.yml"),
        *("--out", str(partial), "--fixed-model-name", name),
    )
    made = partial / target.name
    if not made.is_file():
        raise UnderstandingError("rasa train nlu ended well but left no model")
    made.replace(target)
    with contextlib.suppress(OSError):
        partial.rmdir()
    return target


async def calibrate(
    python: Path,
    project: Path,
    model: Path,
    costs: str,
    png: Path | None = None,
    output: Path | None = None,
) -> Path:
    """Fit probabilities and thresholds for a model; draws the risk-coverage curve when asked to.

    Args:
        costs: `wrong=20,transfer=3,question=1`.
        output: where its words go; None: they are shown, and the machine is not spared.

    Raises:
        UnderstandingError: Rasa's Python is missing or the fit failed.
    """
    target = calibration_path(model)
    partial = target.with_name(f".{target.name}")
    picture = ("--png", str(png)) if png is not None else ()
    asked = ("--data", CALIBRATION) if (project / CALIBRATION).is_dir() else ()
    options = ("--out", str(partial), "--costs", costs, *asked, *picture)
    await _run(python, project, output, "-m", "callbot_nlu.calibrate", *options)
    partial.replace(target)
    return target


async def _run(python: Path, project: Path, output: Path | None, *arguments: str) -> None:
    """Run a module of Rasa's environment in the project; it ends with us, and when we are cancelled."""
    if not os.access(python, os.X_OK):
        raise UnderstandingError(f"Rasa's Python not found: {python} (make setup, or set nlu_python)")
    with contextlib.ExitStack() as stack:
        log_file = stack.enter_context(output.open("ab")) if output is not None else None
        process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL"),
            *(("nice", "-n", str(NICE)) if output is not None else ()),
            *(str(python), *arguments),
            cwd=project,
            env=os.environ | ENVIRONMENT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            start_new_session=True,
        )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
    if code != 0:
        raise UnderstandingError(f"{' '.join(arguments[1:4])} failed with code {code}")
