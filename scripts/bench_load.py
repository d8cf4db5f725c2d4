#!/usr/bin/env python3
"""How many callers one machine answers at once, and what they cost it, measured on real SIP calls.

For each number of calls: latencies from the RTP packets on the wire (the caller's last loud packet to the
town's next one), processor time and memory of each process. Beside it, in the same run, on the same speech:

    floor            raw Vosk decoding of the spoken parts alone, in one process
    always decoding  one Vosk stream a call fed without pause, in 100 ms pieces, a partial result asked after
                     each, as a websocket recognition server does

    scripts/bench_load.py [--calls 1,5,13,30,60,100] [--write]

--write puts the table and the plot into docs/benchmarks.md.
"""

import argparse
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import vosk

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from callbot.settings import BUNDLED_MODEL, Settings
from callbot.speech.ear import HOLD_MS, PRE_ROLL_MS
from callbot.speech.endpoint import FRAME_MS, Endpointer
from tests.calls import recording, voices, wire
from tests.calls.asterisk import REPO, AsteriskError
from tests.calls.bot import Bot, BotError
from tests.calls.crowd import Crowd, Script
from tests.calls.lab import Lab
from tests.calls.recording import Samples

LEVELS = (1, 5, 13, 30, 60, 100)
QUESTIONS = {
    "Je voudrais une copie de mon acte de naissance.": "etat_civil_acte_naissance_copie",
    "Quels sont les horaires de la piscine ?": "piscine_horaires",
    "Comment inscrire mon fils à la cantine ?": "cantine_inscription",
    "Je voudrais emprunter des livres à la médiathèque.": "mediatheque_inscription",
}
MOVES = {f"answer:{intent}" for intent in QUESTIONS.values()}
SETTLED_S = 16.0
"""The greeting and an answer are over after so long."""
TOWN_PORTS = range(20000, 22000)
DOCS = REPO / "docs" / "benchmarks.md"
PLOT = REPO / "docs" / "load.svg"
MARKS = ("<!-- load:begin -->", "<!-- load:end -->")
AS_SHIPPED = {
    f"CALLBOT_{name.upper()}": str(Settings.model_fields[name].default)
    for name in ("max_lag_ms", "nlu_timeout_ms")
}
"""Patience as in a town; tests side by side have more."""
BEFORE_MS = PRE_ROLL_MS + FRAME_MS - Endpointer(0, 0).window_ms
"""Decoded from before an utterance is said to begin: its first frames count as part of it."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """Processor seconds and resident megabytes, by process."""

    server_s: float
    rasa_s: float
    asterisk_s: float
    """Its bridges included."""
    server_mb: float


@dataclass(frozen=True)
class Level:
    """What one number of calls gave."""

    calls: int
    placed: int
    answered: int
    """Utterances that an answer followed; these, what was asked and the latencies are of callers let in."""
    asked: int
    latencies: Sequence[float]
    greetings: Sequence[float]
    minutes: float
    used: Usage
    peak_mb: float
    right: float
    """Share of their utterances understood as what was said."""
    silence: float
    """Share of the decoded audio in which nobody speaks: before an onset, and after the last word."""
    turned_away: int
    """Callers whom the server sent to the queue because it was full."""

    def cpu(self, seconds: float) -> float:
        """Processor seconds a minute of call."""
        return seconds / self.minutes


def scripts() -> list[Script]:
    """Four callers who ask three questions each, in another order and at other moments."""
    found = []
    for at in range(4):
        order = [list(QUESTIONS)[(at + step) % len(QUESTIONS)] for step in range(3)]
        voice = (voices.WOMAN, voices.MAN)[at % 2]
        says = [
            (SETTLED_S * (step + 1) + 1.3 * at, voices.speak(text, voice)) for step, text in enumerate(order)
        ]
        found.append(Script(says, SETTLED_S * 4 + 1.3 * at))
    return found


def usage(bot: Bot, lab: Lab) -> Usage:
    """Of all processes that serve calls, so far."""
    family = [bot.process.pid, *bot.children()]
    rasa = [pid for pid in family if b"rasa" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    others = [pid for pid in family if pid not in rasa]
    return Usage(
        sum(map(cpu_seconds, others)),
        sum(map(cpu_seconds, rasa)),
        cpu_seconds(lab.town.pid),
        sum(map(resident_mb, others[:1])),
    )


def turned_away(lab: Lab, bot: Bot, known: int) -> set[str]:
    """Numbers of callers since the journal had `known` rows."""
    rows = bot.select(
        "select linkedid from (select * from calls order by id limit -1 offset ?) where reason = 'crowded'",
        known,
    )
    calls = {row["linkedid"] for row in rows}
    return {record["src"] for record in lab.records() if record["uniqueid"] in calls}


def cpu_seconds(pid: int) -> float:
    """Of a process and its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(value) for value in fields[11:15]) / TICKS


def resident_mb(pid: int) -> float:
    """Resident memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def measure(lab: Lab, bot: Bot, calls: int, callers: Sequence[Script]) -> Level:
    """So many calls at once; they begin, and so speak, evenly over time, as callers do."""
    file = lab.home / f"load-{calls}.pcap"
    before, began, known = usage(bot, lab), time.monotonic(), len(bot.select("select id from calls"))
    peak = before.server_mb
    share = [len(range(at, calls, len(callers))) for at in range(len(callers))]
    with Crowd(lab) as crowd, wire.capture(TOWN_PORTS, range(lab.town.port, lab.town.port + 1), file=file):
        running = [
            crowd.call(script, count, at_once=count, a_second=count / SETTLED_S)
            for script, count in zip(callers, share, strict=True)
            if count
        ]
        while any(process.poll() is None for process in running):
            peak = max(peak, resident_mb(bot.process.pid))
            time.sleep(0.5)
        lab.town_is_quiet()
    after = usage(bot, lab)
    found = [call for call in wire.read(file, TOWN_PORTS) if call.number]  # not the operators' telephones
    file.unlink()
    away = turned_away(lab, bot, known)
    answers = [answer for call in found if call.number not in away for answer in call.answers()]
    rows = bot.select(
        "select move, begins_ms, ends_ms, endpoint_ms from turns "
        "where call_id in (select id from calls order by id limit -1 offset ?)",
        known,
    )
    heard = [row for row in rows if row["endpoint_ms"] is not None]
    spoken_ms = sum(row["ends_ms"] - row["begins_ms"] for row in heard)
    silent_ms = sum(min(row["endpoint_ms"], HOLD_MS) + BEFORE_MS for row in heard)
    right = sum(row["move"] in MOVES for row in rows) / (3 * max(1, calls - len(away)))
    spent = {
        name: getattr(after, name) - getattr(before, name) for name in ("server_s", "rasa_s", "asterisk_s")
    }
    level = Level(
        calls,
        len(found),
        sum(then is not None for _, then in answers),
        len(answers),
        [then - end for end, then in answers if then is not None],
        [call.greeting_s for call in found if call.greeting_s is not None],
        sum(script.length_s * count for script, count in zip(callers, share, strict=True)) / 60,
        Usage(**spent, server_mb=before.server_mb),
        peak,
        right,
        silent_ms / max(1, spoken_ms + silent_ms),
        len(away),
    )
    print(f"{line(level)}   ({time.monotonic() - began:.0f} s)", flush=True)
    return level


def percentile(values: Iterable[float], share: float) -> float:
    """In milliseconds; not a number when there are none."""
    values = list(values)
    return float(np.percentile(values, share)) * 1000 if values else float("nan")


def line(level: Level) -> str:
    """One row of the table."""
    used, grown = level.used, (level.peak_mb - level.used.server_mb) / level.calls
    return (
        f"| {level.calls} | {level.turned_away} | {level.answered} of {level.asked} | {level.right:.0%} "
        f"| {percentile(level.latencies, 50):.0f} | {percentile(level.latencies, 95):.0f} "
        f"| {percentile(level.greetings, 50):.0f} | {percentile(level.greetings, 95):.0f} "
        f"| {level.cpu(used.server_s):.2f} | {level.cpu(used.rasa_s):.2f} | {level.cpu(used.asterisk_s):.2f} "
        f"| {level.peak_mb:.0f} | {grown:.1f} "
        f"| {level.silence:.0%} |"
    )


def raw_decoding(callers: Sequence[Script]) -> dict[str, float]:
    """Processor seconds a minute of call: the floor, and the alternative that never stops decoding."""
    vosk.SetLogLevel(-1)
    model = vosk.Model(str(BUNDLED_MODEL))
    minutes = sum(script.length_s for script in callers) / 60
    spent = {"floor": 0.0, "always": 0.0}
    for script in callers:
        samples = script.samples()
        began = time.process_time()
        for first, last in recording.sounds(samples, gap=0.5):
            piece = samples[max(0, int(first * voices.RATE) - PRE_ROLL_MS * 8) : int(last * voices.RATE)]
            recognizer = vosk.KaldiRecognizer(model, voices.RATE)
            recognizer.AcceptWaveform(piece.tobytes())
            recognizer.FinalResult()
        spent["floor"] += time.process_time() - began
        began = time.process_time()
        always(model, samples)
        spent["always"] += time.process_time() - began
    return {name: seconds / minutes for name, seconds in spent.items()}


def start_up(lab: Lab, nlu_url: str) -> tuple[float, float]:
    """Seconds from launch to taking calls, Rasa running already: with no prompt rendered yet, then again."""
    spent = []
    server = Bot(lab.home / "another", nlu_url=nlu_url)
    for _ in range(2):
        began = time.monotonic()
        server.start()
        spent.append(time.monotonic() - began)
        server.settle()
        server.stop()
    return spent[0], spent[1]


def always(model: "vosk.Model", samples: Samples) -> None:
    """One stream without pause."""
    recognizer = vosk.KaldiRecognizer(model, voices.RATE)
    recognizer.SetWords(True)
    step = voices.RATE // 10
    for at in range(0, len(samples), step):
        piece = samples[at : at + step].tobytes()
        json.loads(recognizer.Result() if recognizer.AcceptWaveform(piece) else recognizer.PartialResult())


HEADER = """\
| Calls at once | turned away | answered | understood | answer p50 ms | p95 | greeting p50 ms | p95 \
| server CPU s/min | Rasa | Asterisk | server MB | MB a call | silence decoded |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"""


def report(levels: Sequence[Level], raw: dict[str, float], started: tuple[float, float], machine: str) -> str:
    """The section of docs/benchmarks.md."""
    largest = max(levels, key=lambda level: level.calls)
    server = largest.cpu(largest.used.server_s)
    return "\n".join(
        [
            MARKS[0],
            "## Under load",
            "",
            f"`scripts/bench_load.py --write`, {machine}. Callers are SIPp's, on the same machine,",
            "three questions each in about a minute, who begin evenly over the time between two questions;",
            "latencies are from the packets on the wire. Server: `callbot serve` with its voice; processor",
            "seconds are for a minute of call, the bridges with Asterisk. Silence decoded: the share of",
            "the sound given to Vosk that is the moment before an onset or the pause after the last word;",
            "between utterances nothing is decoded. Answers and latencies are those of callers let in.",
            "",
            HEADER,
            *map(line, levels),
            "",
            "Decoding alone, same speech, same run, processor seconds a minute of call:",
            f"**{raw['floor']:.2f}** for the spoken parts in one process (the floor);",
            f"**{raw['always']:.2f}** for a stream that is fed without pause, as a websocket server",
            f"does. With {largest.calls} calls the whole server took {server / raw['floor']:.1f} times the",
            f"floor, and {server / raw['always']:.2f} times what that alternative takes for decoding alone.",
            "",
            f"From launch to taking calls, Rasa running already: {started[1]:.1f} s, and {started[0]:.1f} s "
            "the first time, when",
            "no sentence has been rendered yet.",
            "",
            "![latency and processor time by calls at once](load.svg)",
            MARKS[1],
        ]
    )


def draw(levels: Sequence[Level], raw: dict[str, float], path: Path) -> None:
    """Latency and processor time over the number of calls."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    calls = [level.calls for level in levels]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    for share in (50, 95):
        values = [percentile(level.latencies, share) for level in levels]
        left.plot(calls, values, "o-", label=f"p{share}")
    left.axhline(800, color="grey", linestyle=":", label="800 ms")
    left.set(xlabel="calls at once", ylabel="ms", title="Last word to answer", ylim=(0, None))
    for name in ("server_s", "rasa_s", "asterisk_s"):
        right.plot(calls, [level.cpu(getattr(level.used, name)) for level in levels], "o-", label=name[:-2])
    right.axhline(raw["always"], color="grey", linestyle=":", label="always decoding")
    right.axhline(raw["floor"], color="black", linestyle=":", label="floor")
    right.set(xlabel="calls at once", ylabel="s", title="Processor time a minute of call", ylim=(0, None))
    for axis in (left, right):
        axis.legend()
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def machine_name() -> str:
    """The processor and how many."""
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} cores ({found[1] if found else platform.machine()}), {time.strftime('%B %Y')}"


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", default=",".join(map(str, LEVELS)), help="numbers of calls at once")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    arguments = parser.parse_args()
    wanted = [int(part) for part in arguments.calls.split(",")]
    callers = scripts()
    try:
        print("starting Asterisk, the callbot server and Rasa...", flush=True)
        with Lab() as lab, Bot(lab.state, **AS_SHIPPED) as bot:
            bot.settle()
            started = start_up(lab, bot.nlu_url)
            print(HEADER, flush=True)
            levels = [measure(lab, bot, calls, callers) for calls in wanted]
        raw = raw_decoding(callers)
    except KeyboardInterrupt:
        return 130
    except (AsteriskError, BotError, TimeoutError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    text = report(levels, raw, started, machine_name())
    print(text)
    if arguments.write:
        document = DOCS.read_text(encoding="utf-8")
        pattern = re.compile(re.escape(MARKS[0]) + ".*?" + re.escape(MARKS[1]), re.DOTALL)
        if pattern.search(document):
            document = pattern.sub(lambda _: text, document)
        else:
            document = f"{document}\n{text}\n"
        DOCS.write_text(document, encoding="utf-8")
        draw(levels, raw, PLOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
