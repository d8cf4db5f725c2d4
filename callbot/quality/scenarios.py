"""`callbot scenarios`: whole phone calls against what each turn should bring.

The header is `scenario,turn,utterance,expected`; `expected` joins with ` + ` the terms of EXPECTED and
`intent:ID`, `case:ID`, `transfer:SERVICE`, `ask:WHAT`. An empty utterance is silence. A scenario goes on
after a transfer: the caller still speaks while the call is handed over.
"""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from callbot.dialogue import moves
from callbot.dialogue.dialogue import Reply
from callbot.dialogue.moves import (
    Ask,
    AskSlot,
    Choose,
    Confirm,
    ConfirmRequest,
    Emergency,
    Goodbye,
    Repeat,
    Transfer,
    Turn,
    Wait,
)
from callbot.errors import EvaluationError
from callbot.parts import Parts
from callbot.quality import callers, judging
from callbot.quality.evaluate import hear
from callbot.rehearsal import TrialDesk, office_hours, type_in

COLUMNS = ("scenario", "turn", "utterance", "expected")
_TURN = re.compile(r"[0-9]{1,4}")
Holds = Callable[[Turn], bool]


def _any(*kinds: type[moves.Move]) -> Holds:
    return lambda turn: any(isinstance(move, kinds) for move in turn)


EXPECTED: Mapping[str, Holds] = {
    "confirm": lambda turn: any(
        isinstance(move, Confirm | ConfirmRequest) or (isinstance(move, AskSlot) and not move.again)
        for move in turn
    ),
    "repeat": lambda turn: Repeat() in turn,
    "slower": lambda turn: Repeat("slower") in turn,
    "louder": lambda turn: Repeat("louder") in turn,
    "wait": _any(Wait, Transfer),  # handed over, the caller waits in the queue's own way
    "greet": _any(Ask),
    "reprompt": _any(Ask, Choose),
    "emergency": _any(Emergency),
    "close": _any(Goodbye),
}
"""What a term without a detail asks of a turn."""


@dataclass(frozen=True, slots=True)
class Step:
    """A turn of a scenario."""

    scenario: str
    number: int
    utterance: str
    expected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """What the bot made of it."""

    step: Step
    reply: Reply
    missed: tuple[str, ...]
    """Expected terms that did not come."""
    heard: str = ""
    """What the recogniser made of the utterance, when it was spoken."""


def read(file: Path) -> dict[str, list[Step]]:
    """The scenarios of a file, in its order.

    Raises:
        EvaluationError: unreadable, a column is missing, or a term unknown; names the row.
    """
    scenarios: dict[str, list[Step]] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise EvaluationError(f"{file}: column missing: {', '.join(missing)}")
            for number, row in enumerate(reader, 2):
                terms = tuple(term.strip() for term in (row["expected"] or "").split(" + "))
                for term in terms:
                    if term not in EXPECTED and term.partition(":")[0] not in (
                        "intent",
                        "case",
                        "transfer",
                        "ask",
                    ):
                        raise EvaluationError(f"{file}, row {number}: unknown expectation {term!r}")
                if not _TURN.fullmatch(row["turn"] or ""):
                    raise EvaluationError(f"{file}, row {number}: turn must be a number, not {row['turn']!r}")
                step = Step(row["scenario"], int(row["turn"]), row["utterance"] or "", terms)
                scenarios.setdefault(step.scenario, []).append(step)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"can't read {file}: {error}") from error
    return scenarios


async def play(
    parts: Parts, steps: Sequence[Step], voice: str = "", noise_db: float = callers.QUIET_DB
) -> list[Played]:
    """One scenario.

    Args:
        voice: of `callers.voices`: who speaks it; empty: it is typed.
        noise_db: how far the line's noise lies below the voice.
    """
    desk = TrialDesk()
    dialogue = parts.dialogue(desk, clock=office_hours)
    await dialogue.begin()
    played = []
    for step in steps:
        if voice and step.utterance:
            pcm = await asyncio.to_thread(callers.call_out, step.utterance, voice, step.number, noise_db)
            utterance = await hear(parts, pcm, dialogue.expects)
            reply = await dialogue.speech(utterance.hypotheses)
        else:
            reply = await type_in(dialogue, step.utterance)
        missed = tuple(term for term in step.expected if not holds(term, reply.turn, desk))
        played.append(Played(step, reply, missed, utterance.text if voice and step.utterance else ""))
    return played


def holds(term: str, turn: Turn, desk: TrialDesk) -> bool:
    """Did a turn bring what was expected?"""
    kind, _, detail = term.partition(":")
    match kind:
        case "intent":
            return judging.serves(turn, detail)
        case "case":
            return detail in desk.kept
        case "transfer":
            return any(isinstance(move, Transfer) and move.service == detail for move in turn)
        case "ask":
            return any(isinstance(move, AskSlot | Choose | Ask | Confirm) for move in turn)
    return EXPECTED[term](turn)


def difference(played: Played) -> str:
    """A turn that failed: what was said, expected and done."""
    step, reply = played.step, played.reply
    heard = f"\n    heard    « {played.heard} »" if played.heard else ""
    top = f" [{reply.ranking[0].intent} {reply.ranking[0].confidence:.2f}]" if reply.ranking else ""
    return (
        f"{step.scenario}, turn {step.number}: « {step.utterance} »{heard}{top}\n"
        f"    expected {' + '.join(step.expected)}; missing {' + '.join(played.missed)}\n"
        f"    done     {moves.describe(reply.turn)}"
    )
