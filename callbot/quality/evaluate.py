"""`callbot evaluate`: rows with a known intent through recogniser, fusion, calibration and the first move."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callbot.dialogue import moves
from callbot.dialogue.moves import Transfer, Turn
from callbot.errors import EvaluationError, SettingsError
from callbot.parts import Parts
from callbot.quality import judging
from callbot.quality.statistics import expected_calibration_error, wilson, word_errors
from callbot.rehearsal import TrialDesk, load_pcm, office_hours
from callbot.speech.closed import Grammar
from callbot.speech.ear import Heard
from callbot.types import OUT_OF_SCOPE, Hypothesis, IntentScore, Utterance

MAX_CONFUSIONS = 30


@dataclass(frozen=True, slots=True)
class Row:
    """One utterance and its intent."""

    intent: str
    utterance: str = ""
    path: Path | None = None
    text: str = ""
    """What is said in the WAV, when known."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the bot made of a row."""

    row: Row
    ranking: tuple[IntentScore, ...]
    turn: Turn
    heard: str = ""


@dataclass(slots=True)
class Report:
    """Figures over all rows; `as_json` has the keys the quality officer's tools read."""

    judged: list[Judged] = field(default_factory=list)

    def rate(
        self, true: Callable[[Judged], bool], among: Callable[[Judged], bool] | None = None
    ) -> tuple[int, int]:
        """How many of how many rows."""
        rows = [item for item in self.judged if among is None or among(item)]
        return sum(map(true, rows)), len(rows)

    def rates(self) -> dict[str, tuple[int, int]]:
        """Every proportion, as counts."""
        return {
            "top1": self.rate(lambda item: intents(item.ranking, 1) == [item.row.intent]),
            "top2": self.rate(lambda item: item.row.intent in intents(item.ranking, 2)),
            "wrong_answer_rate": self.rate(is_wrong),
            "served_rate": self.rate(is_served),
            "transfer_rate": self.rate(lambda item: isinstance(item.turn[-1], Transfer)),
            "oos_recall": self.rate(
                lambda item: not is_wrong(item), among=lambda item: item.row.intent == OUT_OF_SCOPE
            ),
        }

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        tops = [item.ranking[0] if item.ranking else IntentScore("", 0.0) for item in self.judged]
        right = [top.intent == item.row.intent for top, item in zip(tops, self.judged, strict=True)]
        confusions = Counter(
            (item.row.intent, top.intent)
            for top, item, ok in zip(tops, self.judged, right, strict=True)
            if not ok
        )
        spoken = [item for item in self.judged if item.row.text]
        words = sum(len(item.row.text.split()) for item in spoken)
        errors = sum(word_errors(item.row.text.split(), item.heard.split()) for item in spoken)
        return {
            "n": len(self.judged),
            **{name: (k / n if n else None) for name, (k, n) in self.rates().items()},
            "ece": expected_calibration_error([top.confidence for top in tops], right),
            "moves": dict(Counter(moves.describe(item.turn[-1:]).split(":")[0] for item in self.judged)),
            "confusions": [
                {"intent": intent, "taken_for": other, "n": n}
                for (intent, other), n in confusions.most_common(MAX_CONFUSIONS)
            ],
            "wer": errors / words if words else None,
        }

    def lines(self) -> Iterable[str]:
        """The proportions with their 95 % Wilson intervals, for people."""
        for name, (k, n) in self.rates().items():
            low, high = wilson(k, n)
            yield f"{name:18} {k / n if n else 0:6.1%}  [{low:.1%}, {high:.1%}]  {k}/{n}"


def intents(ranking: Sequence[IntentScore], depth: int) -> list[str]:
    """The likeliest intents; what nothing was understood of counts as out of scope."""
    return [item.intent for item in ranking[:depth]] or [OUT_OF_SCOPE]


def is_wrong(item: Judged) -> bool:
    """Would the bot, without asking, answer or act on another intent than was meant?"""
    return judging.is_wrong(item.turn, item.row.intent)


def is_served(item: Judged) -> bool:
    """Answered right at once, or the right intent is the one confirmed or among the choice."""
    return judging.serves(item.turn, item.row.intent)


def read_rows(file: Path, known: set[str], spoken: bool) -> list[Row]:
    """Rows of a CSV with the header `id,utterance`, or `id,path` and optionally `text`.

    Raises:
        EvaluationError: unreadable, a column is missing, or an id no intent has; names the row.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            wanted = {"id", "path" if spoken else "utterance"}
            missing = wanted - set(reader.fieldnames or ())
            if missing:
                raise EvaluationError(f"{file}: column missing: {', '.join(sorted(missing))}")
            rows = []
            for number, item in enumerate(reader, 2):
                if item["id"] not in known:
                    raise EvaluationError(f"{file}, row {number}: unknown intent {item['id']!r}")
                place = Path(item["path"] or "") if spoken else None
                if place is not None and not place.is_absolute():
                    place = file.parent / place
                rows.append(Row(item["id"], (item.get("utterance") or ""), place, (item.get("text") or "")))
            return rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"can't read {file}: {error}") from error


async def evaluate(parts: Parts, rows: Sequence[Row], progress: Callable[[int], object]) -> Report:
    """Judge every row.

    Raises:
        EvaluationError: a WAV can't be read; names the row.
        UnderstandingError: Rasa did not answer.
    """
    report = Report()
    for number, row in enumerate(rows, 1):
        hypotheses = [Hypothesis(row.utterance.lower(), 1.0)]
        if row.path is not None:
            hypotheses = list((await listen(parts, row, number)).hypotheses)
        reply = await parts.dialogue(TrialDesk(), clock=office_hours).speech(hypotheses)
        heard = hypotheses[0].text if hypotheses else ""
        report.judged.append(Judged(row, reply.ranking, reply.turn, heard))
        progress(1)
    return report


async def listen(parts: Parts, row: Row, number: int) -> Utterance:
    """What the ear of a call hears in a row's WAV; pauses longer than an end of speech join up."""
    assert row.path is not None
    rate_hz = parts.settings.sample_rate_hz
    try:
        pcm = load_pcm(row.path, rate_hz)
    except SettingsError as error:
        raise EvaluationError(f"row {number + 1}: {error}") from error
    return await hear(parts, pcm)


async def hear(parts: Parts, pcm: bytes, grammar: Grammar | None = None) -> Utterance:
    """The first words that the ear of a call hears in this sound, as answers to a closed question if any."""
    rate_hz = parts.settings.sample_rate_hz
    ear = parts.ear()
    ear.expect(grammar)
    utterances: list[Utterance] = []
    step = rate_hz // 50 * 2
    for at in range(0, len(pcm) + rate_hz * 4, step):
        sound = await ear.hear(pcm[at : at + step].ljust(step, b"\0"))
        if isinstance(sound, Heard) and sound.utterance.hypotheses:
            utterances.append(sound.utterance)
    return utterances[0] if utterances else Utterance(())
