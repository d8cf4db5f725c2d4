"""The product under test: `callbot serve`, the Rasa it supervises, and what its journal says."""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from callbot.dialogue import wording
from callbot.dialogue.moves import Move
from callbot.doorway import status
from callbot.errors import SettingsError
from callbot.parts import make_voice
from callbot.settings import Settings
from callbot.speech.prompts import Prompts
from callbot.town.answers import Answers, Catalog
from callbot.town.profile import load_town

from ..patience import PATIENCE_S
from .asterisk import free_tcp_port

READY_S = 300.0
STOP_S = PATIENCE_S
OFFICE_HOURS = datetime(2026, 11, 24, 15)
"""What the bot's clock says when it starts: every service is there, whenever the tests run."""


class BotError(Exception):
    """The server did not come up, in one line."""


@dataclass(frozen=True)
class Usage:
    """What a process holds of the machine."""

    descriptors: int
    threads: int
    children: int


class Bot:
    """One callbot server with its state folder. Use as a context manager."""

    def __init__(
        self, state: Path, *, nlu_url: str | None = None, prompts_from: Path | None = None, **settings: str
    ) -> None:
        """`nlu_url` shares a running Rasa; `prompts_from` is a state folder whose prompts are reused.

        `settings` are environment variables: CALLBOT_TOWN="...".
        """
        self.state = state
        self.socket = state / "callbot.sock"
        self.log = state / "serve.log"
        self._nlu_port = free_tcp_port()
        self._shared_nlu = nlu_url
        state.mkdir(parents=True, exist_ok=True)
        if prompts_from is not None:
            shutil.copytree(
                prompts_from / "prompts", state / "prompts", copy_function=os.link, dirs_exist_ok=True
            )
        self._environment = os.environ | {
            "CALLBOT_STATE_DIR": str(state),
            "CALLBOT_SOCKET": str(self.socket),
            "CALLBOT_NLU_PORT": str(self._nlu_port),
            "CALLBOT_TOWN": "rivemont,petit-rivemont",
            "TZ": os.environ.get("TZ", "Europe/Paris"),
            "CALLBOT_PRETEND_NOW": OFFICE_HOURS.isoformat(),
            # Tests side by side are slow; nobody is turned away or handed over for that.
            "CALLBOT_MAX_LAG_MS": "5000",
            "CALLBOT_NLU_TIMEOUT_MS": "10000",
            "CALLBOT_DRAIN_S": "0",
            **settings,
        }
        if nlu_url is not None:
            self._environment["CALLBOT_NLU_URL"] = nlu_url
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What it runs with, for a process beside it."""
        return dict(self._environment)

    @property
    def nlu_url(self) -> str:
        """Where its Rasa answers."""
        return self._shared_nlu or f"http://127.0.0.1:{self._nlu_port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """`callbot serve`."""
        if self._process is None:
            raise BotError("callbot serve is not running")
        return self._process

    def start(self) -> None:
        """Start; returns once it is ready for calls."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "callbot", "serve"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_S
        while not self.ready():
            if self._process.poll() is not None:
                raise BotError(f"callbot serve ended at once: {self.last_words(1)}")
            if time.monotonic() > deadline:
                self.stop()
                raise BotError(f"callbot serve was not ready after {READY_S:.0f} s: {self.last_words(1)}")
            time.sleep(0.2)

    def ready(self) -> bool:
        """Does it take calls, with its Rasa?"""
        try:
            return bool(status(self.socket)["rasa"])
        except SettingsError:
            return False

    def calls_in_progress(self) -> int:
        """How many calls it holds just now."""
        return int(status(self.socket)["calls"])

    def stop(self) -> None:
        """Stop it and its Rasa, for certain."""
        if self._process is None:
            return
        children = self.children() if self._process.poll() is None else []
        for number in (signal.SIGCONT, signal.SIGTERM):
            for pid in [self._process.pid, *children]:
                if pid == self._process.pid or number == signal.SIGCONT:
                    send(pid, number)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in children:  # none, unless it was killed
            send(pid, signal.SIGKILL)
        self._process = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server alone."""
        send(self.process.pid, number)

    def send_rasa(self, number: signal.Signals) -> None:
        """Send a signal to the Rasa it supervises."""
        for pid in self.children():
            if b"rasa" in Path(f"/proc/{pid}/cmdline").read_bytes():
                send(pid, number)

    def children(self) -> list[int]:
        """Process ids of its children."""
        task = Path(f"/proc/{self.process.pid}/task")
        found = " ".join((thread / "children").read_text() for thread in task.iterdir())
        return [int(pid) for pid in found.split()]

    def usage(self) -> Usage:
        """What it holds just now."""
        proc = Path(f"/proc/{self.process.pid}")
        descriptors, threads = len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir()))
        return Usage(descriptors, threads, len(self.children()))

    def settle(self, patience: float = PATIENCE_S) -> None:
        """Wait until it has rendered all its prompts, so that later changes come from calls alone."""
        prompts, seen, since = self.state / "prompts", -1, time.monotonic()
        deadline = since + patience
        while time.monotonic() - since < 1.5 and time.monotonic() < deadline:
            count = len(list(prompts.iterdir()))
            if count != seen:
                seen, since = count, time.monotonic()
            time.sleep(0.1)

    def __enter__(self) -> Self:
        """Start."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def last_words(self, lines: int = 20) -> str:
        """The end of its log."""
        said = self.log.read_text(errors="replace").splitlines()
        return "\n".join(said[-lines:]) or "it said nothing"

    # -- what it says and writes --------------------------------------------------------------------------

    def wavs(self, move: Move, town: str = "rivemont") -> list[Path]:
        """The recordings it plays for a move, to look for in what a caller heard."""
        return asyncio.run(self._wavs(move, town))

    async def _wavs(self, move: Move, town: str) -> list[Path]:
        settings = Settings(state_dir=self.state)
        voice = make_voice(settings)
        try:
            prompts = Prompts(settings.prompts_dir, voice)
            now = datetime.fromisoformat(self._environment["CALLBOT_PRETEND_NOW"])
            answers = Answers(load_town(town), Catalog(), now)
            return [await prompts.wav(sentence) for sentence in wording.words(move, answers, now)]
        finally:
            await voice.close()

    def call(self, linkedid: str, patience: float = PATIENCE_S) -> dict[str, Any]:
        """The journal's row of a call, once it has ended."""
        deadline = time.monotonic() + patience
        while True:
            rows = self.select("select * from calls where linkedid = ?", linkedid)
            if (rows and rows[0]["ended_at"] is not None) or time.monotonic() > deadline:
                return rows[0] if rows else {}
            time.sleep(0.1)

    def turns(self, linkedid: str) -> list[dict[str, Any]]:
        """The journal's turns of a call, with what was really said while it is kept."""
        of_call = "from turns join calls on calls.id = call_id where linkedid = ? order by number"
        real = self.select(
            "select turn_id, raw_turns.utterance, raw_turns.nbest, raw_turns.prompt from raw_turns "
            "join turns on turns.id = turn_id join calls on calls.id = call_id where linkedid = ?",
            linkedid,
        )
        words = {raw.pop("turn_id"): raw for raw in real}
        turns = self.select(f"select turns.* {of_call}", linkedid)
        return [turn | words.get(turn["id"], {}) for turn in turns]

    def requests(self, linkedid: str) -> list[dict[str, Any]]:
        """What a call asked the town to do."""
        return self.select(
            "select requests.* from requests join calls on calls.id = call_id where linkedid = ?", linkedid
        )

    def foreseen(self) -> tuple[int, int]:
        """How many spoken turns were understood before the end of speech, and how many there were."""
        (row,) = self.select(
            "select sum(foreseen) as sooner, count(*) as n from turns where heard = 'speech'"
        )
        return row["sooner"] or 0, row["n"]

    def interruptions(self, number: str) -> tuple[int, int, int]:
        """Of the last call from a number: prompts that were cut or halted, by whom is not known; and turns.

        (turns with a barge-in, prompts that halted and went on, all turns)
        """
        turns = self.turns(self.linkedid_from(number))
        return (
            sum(bool(turn["barge_in"]) for turn in turns),
            sum(bool(turn["resumed"]) for turn in turns),
            len(turns),
        )

    def linkedid_from(self, number: str) -> str:
        """The newest call from a number, while it goes on; the journal knows its last two digits only."""
        query = "select linkedid from calls where caller_last2 = ? order by id desc limit 1"
        rows = self.select(query, number[-2:])
        return rows[0]["linkedid"] if rows else ""

    def linkedids_of_calls_to(self, dialled: str) -> list[str]:
        """The calls a dialled number received."""
        return [
            row["linkedid"] for row in self.select("select linkedid from calls where called = ?", dialled)
        ]

    def select(self, query: str, *values: object) -> list[dict[str, Any]]:
        path = self.state / "journal.sqlite"
        if not path.exists():
            return []
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, values)]
        finally:
            database.close()


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
