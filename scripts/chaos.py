#!/usr/bin/env python3
"""A thousand real calls while everything behind them breaks, one thing after another; nobody may be lost.

    scripts/chaos.py [--calls 1000] [--at-once 20] [--seed 1] [--faults "server killed,disk full"] [--write]

Prints faults against outcomes, and what does not hold; the exit code is then 1. --write puts the table into
docs/benchmarks.md. Needs root: a small disk is mounted, packets are dropped (between the callers' and the
town's loopback addresses only).
"""

import argparse
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.bench_load import DOCS, machine_name
from tests.calls.asterisk import AsteriskError
from tests.calls.bot import BotError
from tests.calls.chaos import LENGTH_S, Chaos, Report, resources, table
from tests.calls.faults import FAULTS, missing, scene
from tests.calls.lab import Lab

HOLD_S = 8.0
SHOWN = 20
MARKS = ("<!-- chaos:begin -->", "<!-- chaos:end -->")


def section(report: Report, seed: int, minutes: float, machine: str) -> str:
    """Of docs/benchmarks.md."""
    verdict = (
        "Everything holds."
        if not report.broken
        else f"**{len(report.broken)} things do not hold**, first of all: {'; '.join(report.broken[:5])}."
    )
    return "\n".join(
        [
            MARKS[0],
            "## Through faults",
            "",
            f"`make chaos`, {report.placed} real calls in {minutes:.0f} minutes, seed {seed}, {machine}. A "
            f"caller asks one question and hangs up after some {LENGTH_S:.0f} s by the clock, whatever they "
            "hear; two operators answer. A call is in the row of every fault that held while it went on.",
            "",
            *table(report),
            "",
            resources(report),
            "",
            verdict,
            MARKS[1],
        ]
    )


def write(text: str) -> None:
    """Into docs/benchmarks.md."""
    document = DOCS.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(MARKS[0]) + ".*?" + re.escape(MARKS[1]), re.DOTALL)
    document = pattern.sub(lambda _: text, document) if pattern.search(document) else f"{document}\n{text}\n"
    DOCS.write_text(document, encoding="utf-8")


def write_samples(report: Report, file: Path) -> None:
    """What the server held, second by second."""
    lines = ["at,pid,mb,descriptors,threads,children,calls"]
    for sample in report.samples:
        used = sample.used
        held = f"{used.descriptors},{used.threads},{used.children}"
        lines.append(f"{sample.at:.0f},{sample.pid},{sample.mb:.1f},{held},{sample.calls}")
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the faults' order")
    parser.add_argument("--faults", default=",".join(FAULTS), help="only these, with commas between")
    parser.add_argument("--hold", type=float, default=HOLD_S, help="seconds a fault holds")
    parser.add_argument("--samples", type=Path, help="CSV of what the server held, second by second")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    asked = parser.parse_args()
    deck = [name.strip() for name in asked.faults.split(",")]
    if unknown := set(deck) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    if away := missing():
        print(f"chaos: not installed: {', '.join(away)} (make setup)", file=sys.stderr)
        return 1
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {what}", flush=True)

    try:
        tell("starting Asterisk, the callbot server and Rasa...")
        with Lab() as lab, scene(lab, asked.hold) as broken:
            broken.bot.settle()
            report = Chaos(broken, asked.calls, asked.at_once, deck, asked.seed, tell).run()
    except KeyboardInterrupt:
        return 130
    except (AsteriskError, BotError, TimeoutError) as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 1
    if asked.samples:
        write_samples(report, asked.samples)
    text = section(report, asked.seed, (time.monotonic() - began) / 60, machine_name())
    print(text)
    for line in report.broken[:SHOWN]:
        print(f"BROKEN: {line}", file=sys.stderr)
    if asked.write:
        write(text)
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
