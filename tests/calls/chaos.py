"""Callers all the time, one fault after another, and what became of callers, records and resources."""

import contextlib
import os
import random
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..patience import PATIENCE_S
from . import voices
from .bot import Bot, Usage, resident_mb
from .crowd import SIPP_BAD_CALLS, Crowd, Script
from .faults import FAULTS, Scene
from .lab import Lab

QUESTIONS = (
    "Je voudrais une copie de mon acte de naissance.",
    "Quels sont les horaires de la piscine ?",
    "Comment inscrire mon fils à la cantine ?",
    "Je voudrais emprunter des livres à la médiathèque.",
)
ASK_S = 8.0
WARM_S = 12.0
LENGTH_S = 20.0
PAUSE = 0.5
"""Between two faults, once everything is there again: so many times as long as a fault holds."""
WHOLE_S = 300.0
AFTER_S = 2.0
"""What a fault does may show so long after it."""
CAUGHT_UP_S = PATIENCE_S
CALM_SHARE = 0.7
"""From this share of the calls on, the server is killed no more: one process is then watched for long."""
KILLS = ("server killed",)
POOLS = Usage(descriptors=12, threads=10, children=0)
"""What may come with use once: idle connections to the journal, threads of pools that are not yet full."""
GROWTH_MB = 15.0
"""Resident memory may drift so much over the second half of the last process' life."""
LONG_S = 120
"""A shorter one tells nothing of that."""
NONE = "no fault"
ENTERED = re.compile(rb"@callbot-in:\d+\] EAGI\(\"(PJSIP/[\w-]+)")

ANSWER, OPERATOR, QUEUE, MESSAGE, ASKED, NOTHING = (
    "answered by the bot",
    "spoke with an operator",
    "in the operators' queue",
    "message",
    "asked again by the bot",
    "nothing",
)
OUTCOMES = (ANSWER, OPERATOR, QUEUE, MESSAGE, ASKED, NOTHING)


@dataclass(frozen=True)
class Window:
    """A fault, from its beginning to everything being there again; seconds since the epoch."""

    fault: str
    began: float
    ended: float


@dataclass(frozen=True)
class Sample:
    """The server at a moment."""

    at: float
    pid: int
    mb: float
    used: Usage
    calls: int
    """How many have begun so far."""


@dataclass(frozen=True)
class Fate:
    """What became of a caller."""

    number: str
    linkedid: str
    began: float
    ended: float
    outcome: str
    userfield: str
    ended_by_town: bool
    rows: Sequence[Mapping[str, Any]]
    """The journal's."""

    def meets(self, window: Window) -> bool:
        """Did the fault hold during the call?"""
        return self.began <= window.ended + AFTER_S and window.began <= self.ended


@dataclass
class Report:
    """Everything that is known afterwards."""

    placed: int
    windows: Sequence[Window]
    fates: Sequence[Fate]
    samples: Sequence[Sample]
    before: Usage
    after: Usage
    broken: list[str] = field(default_factory=list)

    @property
    def unheard(self) -> list[Fate]:
        """Calls of which the journal has no row."""
        return [fate for fate in self.fates if not fate.rows]


class Chaos:
    """One run.

    Args:
        calls, at_once: how many, and how many of them at the same time at most.
        deck: faults, each of which comes once before any comes again.
        seed: of their order.
        tell: is told what happens.
        length_s: after which callers hang up, whatever they hear.
    """

    def __init__(
        self,
        scene: Scene,
        calls: int,
        at_once: int,
        deck: Sequence[str] = tuple(FAULTS),
        seed: int = 0,
        tell: Callable[[str], object] = lambda _: None,
        length_s: float = LENGTH_S,
    ) -> None:
        self._length_s = length_s
        self._scene, self._lab, self._bot = scene, scene.lab, scene.bot
        self._calls, self._at_once = calls, at_once
        self._deck, self._random, self._tell = deck, random.Random(seed), tell
        self._windows: list[Window] = []
        self._samples: list[Sample] = []
        self._over = threading.Event()
        self._reading, self._read = threading.Lock(), 0
        self._channels: set[bytes] = set()

    def run(self) -> Report:
        """Everything; nobody calls any more when this returns."""
        watch = threading.Thread(target=self._watch, daemon=True)
        with Crowd(self._lab) as crowd:
            self._warm_up(crowd)
            before, known = self._bot.usage(), set(rows_of_town(self._lab))
            watch.start()
            for script in scripts(self._length_s):
                crowd.call(
                    script,
                    self._calls // len(QUESTIONS),
                    at_once=max(1, self._at_once // len(QUESTIONS)),
                    a_second=max(0.5, self._at_once / self._length_s / len(QUESTIONS)),
                )
            self._break_things(crowd)
            codes, ended = crowd.wait(), crowd.ended_by_the_town()
            broken = [f"SIPp ended with {code}" for code in codes if code not in (0, SIPP_BAD_CALLS)]
        if not self._lab.town_is_quiet(CAUGHT_UP_S):
            # Whom SIPp gave up on without a BYE is still talked to: a trunk would end that after a while.
            self._tell(f"hung up for SIPp, which said: {crowd.errors()}")
            self._lab.town.command("channel request hangup all")
        if not self._lab.town_is_quiet(CAUGHT_UP_S):
            broken.append(f"channels stay: {self._lab.town.command('core show channels concise')}")
        if not self._caught_up():
            broken.append("calls are still in the spool, or among those that were missed")
        self._over.set()
        watch.join()
        rows = {id: rows for id, rows in rows_of_town(self._lab).items() if id not in known}
        fates = [fate for id, group in rows.items() if (fate := self._fate(id, group, ended))]
        report = Report(
            sum(self._calls // len(QUESTIONS) for _ in QUESTIONS),
            self._windows,
            fates,
            self._samples,
            before,
            self._calm_usage(before),
            broken,
        )
        report.broken += judge(report) + left_over(self._bot)
        return report

    def _warm_up(self, crowd: Crowd) -> None:
        """Pools and caches are filled by the first callers."""
        script = Script([(3.0, voices.speak(QUESTIONS[0], voices.MAN))], WARM_S)
        crowd.call(script, 4, at_once=4, a_second=4).wait()
        self._lab.town_is_quiet(CAUGHT_UP_S)
        crowd.forget()

    def _break_things(self, crowd: Crowd) -> None:
        """Faults, until the last caller has hung up."""
        waiting: list[str] = []
        time.sleep(PAUSE * self._scene.hold_s)
        while not crowd.over():
            if not waiting:
                waiting = self._random.sample(self._deck, len(self._deck))
            fault = waiting.pop()
            if fault in KILLS and self._begun() > CALM_SHARE * self._calls:
                if len(self._deck) == 1:
                    time.sleep(1)
                continue
            self._tell(f"{self._begun()} of {self._calls} calls; {fault}")
            began = time.time()
            FAULTS[fault](self._scene)
            deadline = time.monotonic() + WHOLE_S
            while not self._scene.whole() and time.monotonic() < deadline:
                time.sleep(0.2)
            self._windows.append(Window(fault, began, time.time()))
            time.sleep(PAUSE * self._scene.hold_s)

    def _begun(self) -> int:
        """How many calls have come, the first few that warm up included."""
        with self._reading, self._lab.town.log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
            self._read += len(new)
            self._channels.update(ENTERED.findall(new))
            return len(self._channels)

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            try:
                pid = self._bot.process.pid
                self._samples.append(
                    Sample(time.time(), pid, resident_mb(pid), self._bot.usage(), self._begun())
                )
            except (OSError, ValueError):  # it was just killed
                continue

    def _caught_up(self) -> bool:
        deadline = time.monotonic() + CAUGHT_UP_S
        waiting = (self._scene.disk / "spool", self._bot.state / "missed")
        while any(list(folder.iterdir()) for folder in waiting):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def _calm_usage(self, before: Usage, patience: float = 30.0) -> Usage:
        """What the server holds once all is over; connections to Rasa close a little later."""
        deadline = time.monotonic() + patience
        while (used := self._bot.usage()).descriptors > before.descriptors and time.monotonic() < deadline:
            time.sleep(0.5)
        return used

    def _fate(self, id: str, group: Sequence[Mapping[str, str]], ended: set[str]) -> Fate | None:
        """Of a call by its CDRs: one for each telephone that rang, then its own."""
        number = group[-1]["src"]
        if not number.startswith("07"):
            return None
        rows = self._bot.select("select * from calls where linkedid = ? order by id", id)
        moves = self._bot.select(
            "select number, move from turns where call_id in (select id from calls where linkedid = ?)", id
        )
        userfield = group[-1]["userfield"]
        began = float(id)
        length = max(float(record["duration"] or 0) for record in group)
        return Fate(
            number,
            id,
            began,
            began + length,
            outcome(userfield, [turn["move"] for turn in moves if turn["number"] > 0]),
            userfield,
            number in ended,
            rows,
        )


def scripts(length_s: float) -> Iterator[Script]:
    """Short calls: the greeting, one question, and they hang up by the clock."""
    for at, question in enumerate(QUESTIONS):
        wav = voices.speak(question, (voices.WOMAN, voices.MAN)[at % 2])
        yield Script([(ASK_S + 0.7 * at, wav)], length_s + 0.7 * at)


def rows_of_town(lab: Lab) -> dict[str, list[dict[str, str]]]:
    """The town's CDRs by call."""
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for record in lab.records():
        found[record["uniqueid"]].append(record)
    return found


def outcome(userfield: str, moves: Sequence[str]) -> str:
    """What a caller got, from what the dialplan wrote and the bot did after its greeting."""
    said = dict(part.split("=", 1) for part in userfield.split() if "=" in part)
    match said.get("outcome", ""):
        case "ANSWERED":
            return OPERATOR
        case "ABANDONED" | "QUEUED":
            return QUEUE
        case "BOT" | "DONE":
            if any(move.startswith("answer:") for move in moves):
                return ANSWER
            return ASKED if moves else NOTHING
        case "":
            return NOTHING
        case _:  # what the queue said when nobody was there
            return MESSAGE


def judge(report: Report) -> list[str]:
    """Invariants that do not hold."""
    broken = []
    if len(report.fates) != report.placed:
        broken.append(f"{report.placed} calls were placed, Asterisk has records of {len(report.fates)}")
    for fate in report.fates:
        about = f"call {fate.linkedid} ({fate.userfield or 'no outcome'})"
        if fate.outcome == NOTHING:
            broken.append(f"{about}: its caller got nothing")
        if fate.ended_by_town and "outcome=BOT" in fate.userfield:
            broken.append(f"{about}: the town dropped its caller")
        if not fate.rows:
            broken.append(f"{about}: the journal has no row")
        elif any(row["ended_at"] is None or not row["result"] for row in fate.rows):
            broken.append(f"{about}: its row has no end")
    for name in ("descriptors", "threads", "children"):
        was, now = getattr(report.before, name), getattr(report.after, name)
        if now > was + getattr(POOLS, name):
            broken.append(f"{name} of the server: {was} before, {now} after")
    life = last_life(report.samples)
    if len(life) > LONG_S and (grown := growth_mb(life)) > GROWTH_MB:
        broken.append(f"resident memory grew by {grown:.0f} MB in the last {len(life)} s")
    return broken


def last_life(samples: Sequence[Sample]) -> list[Sample]:
    """Of the process that lived to the end, the second half: by then every pool is full."""
    mine = [sample for sample in samples if sample.pid == samples[-1].pid] if samples else []
    return mine[len(mine) // 2 :]


def growth_mb(samples: Sequence[Sample]) -> float:
    """Over all of them, by their least-squares line."""
    at = np.array([sample.at for sample in samples])
    slope = float(np.polyfit(at - at[0], [sample.mb for sample in samples], 1)[0])
    return slope * float(at[-1] - at[0])


def left_over(bot: Bot) -> list[str]:
    """Processes that should have ended: bridges, and what servers that were killed had started."""
    parents, about = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            settings = (folder / "environ").read_bytes().decode(errors="replace")
            parents[int(folder.name)] = int(parent)
            about[int(folder.name)] = (state, command, f"{command} {settings}")
    family = {bot.process.pid}
    for _ in parents:  # as deep as it gets
        more = {pid for pid, parent in parents.items() if parent in family} - family
        if not more:
            break
        family |= more
    left = []
    for pid, (state, command, everything) in about.items():
        mine = pid in family or (str(bot.state) in everything and pid != os.getpid())
        if mine and (state == "Z" or pid not in family):
            left.append(f"a process stays: {pid} {command or '(zombie)'}")
    return left


def table(report: Report) -> list[str]:
    """Faults against outcomes; a call that met two faults is in both rows."""
    lines = [
        f"| Fault | times | calls | {' | '.join(OUTCOMES)} | without a row in the journal |",
        f"|---|---|---|{'---|' * len(OUTCOMES)}---|",
    ]
    times = Counter(window.fault for window in report.windows)
    calm = [fate for fate in report.fates if not any(map(fate.meets, report.windows))]
    rows: list[tuple[str, object, Iterable[Fate]]] = [(NONE, "", calm)]
    for fault in sorted(times):
        windows = [window for window in report.windows if window.fault == fault]
        met = [fate for fate in report.fates if any(map(fate.meets, windows))]
        rows.append((fault, times[fault], met))
    for name, count, fates in [*rows, ("**all**", len(report.windows), report.fates)]:
        fates = list(fates)
        got = Counter(fate.outcome for fate in fates)
        cells = " | ".join(str(got[each] or "") for each in OUTCOMES)
        unheard = sum(not fate.rows for fate in fates) or ""
        lines.append(f"| {name} | {count} | {len(fates)} | {cells} | {unheard} |")
    return lines


def resources(report: Report) -> str:
    """A sentence about what the server held."""
    samples, was, now = report.samples, report.before, report.after
    quarters = [samples[min(len(samples) - 1, len(samples) * quarter // 4)] for quarter in range(1, 5)]
    life = last_life(samples)
    drift = f"{growth_mb(life):+.1f} MB over {len(life)} s" if len(life) > 2 else "too short to say"
    marks = ", ".join(f"{sample.mb:.0f}" for sample in quarters)
    return (
        f"The server held {was.descriptors} descriptors before and {now.descriptors} after, {was.threads} "
        f"and {now.threads} threads, {was.children} and {now.children} children. Resident memory at the "
        f"quarters: {marks} MB; drift in the second half of the last process' life: {drift}. "
        f"{len({sample.pid for sample in samples})} processes served."
    )
