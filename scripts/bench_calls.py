#!/usr/bin/env python3
"""How long callers wait, measured on the wire of real calls.

Answer latency: from the caller's last sample to the first sample of what the bot says next, both taken from
the packets of the caller's telephone. Greeting: from the answer of the call to the bot's first sample.

    scripts/bench_calls.py [--turns 20] [--parallel 1]
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.calls import voices
from tests.calls.asterisk import AsteriskError
from tests.calls.bot import Bot, BotError
from tests.calls.lab import CallRecord, Lab, hear, say

QUESTIONS = (
    "Je voudrais une copie de mon acte de naissance.",
    "Quels sont les horaires de la piscine ?",
    "Comment inscrire mon fils à la cantine ?",
    "Je voudrais emprunter des livres à la médiathèque.",
    "Comment on fait pour se pacser ?",
)
TURNS_A_CALL = 5


def place(lab: Lab, voice: str) -> CallRecord:
    """One call that asks every question."""
    steps = [hear()]
    for question in QUESTIONS[:TURNS_A_CALL]:
        steps += [say(question, voice), hear(timeout=8)]
    return lab.place_call(steps, longest=240)


def describe(name: str, seconds: Sequence[float]) -> str:
    """One line of results."""
    p50, p95, worst = np.percentile(seconds, [50, 95, 100]) * 1000
    return f"{name:<34} p50 {p50:5.0f} ms   p95 {p95:5.0f} ms   worst {worst:5.0f} ms   n={len(seconds)}"


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=20, help="at least this many answers")
    parser.add_argument("--parallel", type=int, default=1, help="calls at the same time")
    arguments = parser.parse_args()
    latencies: list[float] = []
    greetings: list[float] = []
    try:
        print("starting Asterisk, the callbot server and Rasa...", flush=True)
        with Lab() as lab, Bot(lab.state) as bot, ThreadPoolExecutor(arguments.parallel) as pool:
            bot.settle()
            callers = cycle((voices.WOMAN, voices.MAN))
            for attempt in range(4 * arguments.turns):
                began = time.monotonic()
                records = list(pool.map(lambda voice: place(lab, voice), islice(callers, arguments.parallel)))
                for record in records:
                    latencies += record.answer_latencies
                    greetings += [record.greeting_delay] if record.greeting_delay is not None else []
                seconds = time.monotonic() - began
                print(f"  round {attempt + 1}: {len(latencies)} answers so far ({seconds:.0f} s)", flush=True)
                if len(latencies) >= arguments.turns:
                    break
            sooner, spoken = bot.foreseen()
    except KeyboardInterrupt:
        return 130
    except (AsteriskError, BotError, TimeoutError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if len(latencies) < arguments.turns:
        print(f"bench: only {len(latencies)} answers in {len(greetings)} calls", file=sys.stderr)
        return 1
    print(f"\n{len(greetings)} calls, {arguments.parallel} at a time")
    print(describe("caller's last sample -> answer", latencies))
    print(describe("call answered -> greeting", greetings))
    print(f"understood before the end of speech: {sooner} of {spoken} turns")
    return 0


if __name__ == "__main__":
    sys.exit(main())
