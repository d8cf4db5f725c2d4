#!/usr/bin/env python3
"""How well callers can interrupt, measured on real calls from telephones on their loudspeakers.

Each line echoes what the bot says 20 dB weaker (120 to 240 ms later) into a room with traffic noise. False
barge-in: the bot stopped, or halted, though the caller was silent. Missed: the caller spoke over an answer
and the bot spoke on to its end.

    scripts/bench_barge_in.py [--answers 50] [--parallel 2]
"""

import argparse
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_calls import QUESTIONS

from callbot.quality.statistics import wilson
from tests.calls import voices
from tests.calls.asterisk import AsteriskError
from tests.calls.bot import Bot, BotError
from tests.calls.lab import Lab
from tests.calls.loudspeaker import Hear, Loudspeaker, Speak

OVER_S = 1.5
"""Seconds of an answer after which the next question is asked over it."""


def calm(at: int) -> Loudspeaker:
    """A caller who hears every answer out."""
    voice = (voices.WOMAN, voices.MAN)[at % 2]
    steps: list[Hear | Speak] = [Hear()]
    for question in QUESTIONS:
        steps += [Speak(voices.speak(question, voice)), Hear()]
    return Loudspeaker(steps, delay_ms=120 + 40 * (at % 4), seed=at)


def hasty(at: int) -> Loudspeaker:
    """A caller who asks the next question over every answer."""
    voice = (voices.WOMAN, voices.MAN)[at % 2]
    first, *others = (voices.speak(question, voice) for question in QUESTIONS)
    over: list[Hear | Speak] = [Speak(wav, OVER_S) for wav in others]
    return Loudspeaker([Hear(), Speak(first), *over, Hear()], delay_ms=120 + 40 * (at % 4), seed=100 + at)


def place(
    lab: Lab, bot: Bot, phones: Iterable[Loudspeaker], parallel: int, spoken_over: int
) -> tuple[int, int, int, int]:
    """Place calls that each speak over the bot so often.

    Returns (prompts, of them cut or halted for nothing, utterances over a prompt, of them not heeded).
    """
    with ThreadPoolExecutor(parallel) as pool:
        records = list(pool.map(lab.place_loud_call, phones))
    prompts = false = missed = 0
    for record in records:
        barged, halted, turns = bot.interruptions(record.number)
        prompts += turns
        false += halted + max(0, barged - spoken_over)
        missed += max(0, spoken_over - barged)
    print(f"  {len(records)} calls: {prompts} prompts", flush=True)
    return prompts, false, len(records) * spoken_over, missed


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=50, help="at least this many of each kind")
    parser.add_argument("--parallel", type=int, default=2, help="calls at the same time")
    arguments = parser.parse_args()
    try:
        print("starting Asterisk, the callbot server and Rasa...", flush=True)
        with Lab() as lab, Bot(lab.state) as bot:
            bot.settle()
            at_least, over = arguments.answers, len(QUESTIONS) - 1
            quiet = place(lab, bot, map(calm, range(-(-at_least // len(QUESTIONS)))), arguments.parallel, 0)
            loud = place(lab, bot, map(hasty, range(-(-at_least // over))), arguments.parallel, over)
            prompts, false, spoken, missed = (sum(both) for both in zip(quiet, loud, strict=True))
    except KeyboardInterrupt:
        return 130
    except (AsteriskError, BotError, TimeoutError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    for name, count, total in (("false barge-ins", false, prompts), ("missed barge-ins", missed, spoken)):
        low, high = wilson(count, total)
        print(f"{name}: {count} of {total} ({count / total:.1%}; {low:.1%} to {high:.1%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
