"""The gate before a new model: the same sentences put to it and to the one in force, and what got worse.

Two sets: the fixed one (`settings.gate_file`), which nobody trains on, and what people who listened to calls
found (the reviews). The very understanding, policy and answers of a call judge; `verdict` is a pure function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from callbot.dialogue.dialogue import Dialogue
from callbot.dialogue.state import EMERGENCY, VIOLENCE
from callbot.journal.proposals import ProposalError, learnable
from callbot.models_in_force import Files, calibration_of, free_port, thresholds_of
from callbot.quality import judging
from callbot.quality.evaluate import intents, read_rows
from callbot.quality.learned import Lessons
from callbot.quality.statistics import wilson
from callbot.rehearsal import TrialDesk, office_hours
from callbot.settings import Settings
from callbot.town.answers import Answers, Catalog
from callbot.types import Hypothesis
from callbot.understanding.rasa import RasaClient, RasaProcess
from callbot.understanding.understanding import Understanding

PARSE_S = 30.0
"""Patience with a parse: nobody is on the line."""
NEVER_WORSE = frozenset({EMERGENCY, VIOLENCE})
"""Whoever calls for help must be understood: one sentence lost is too many."""
FIXED, REVIEWED = "fixed", "reviewed"
SETS = {FIXED: "les phrases de contrôle", REVIEWED: "les appels revus"}


@dataclass(frozen=True, slots=True)
class Question:
    """A sentence whose intent is known."""

    set: str
    """fixed or reviewed"""
    text: str
    """Masked."""
    intent: str
    taught: bool = False
    """The new model learns this very sentence: that it knows it proves nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model made of a sentence."""

    top: str
    """Its likeliest intent."""
    wrong: bool
    """The bot would answer or act on another intent than was meant, without asking."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How much worse a model may be; shares of a set."""

    accuracy_drop: float = 0.005
    wrong_rise: float = 0.0


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of how many, with its 95 % Wilson interval."""

    count: int
    of: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figures:
    """A set before and after."""

    right: tuple[Rate, Rate]
    wrong: tuple[Rate, Rate]


@dataclass(frozen=True, slots=True)
class Change:
    """A sentence that is understood worse, or better, than before."""

    set: str
    text: str
    intent: str
    before: str
    after: str
    wrong: bool
    """It is, or was, answered wrongly without a question."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """May the new model be put into service?"""

    passed: bool
    reasons: tuple[str, ...]
    """Why not, in French."""
    figures: Mapping[str, Figures]
    regressions: tuple[Change, ...]
    improvements: tuple[Change, ...]

    def as_json(self) -> dict[str, Any]:
        """As it is kept with the training."""
        return asdict(self)


def verdict(
    questions: Sequence[Question],
    before: Sequence[Outcome],
    after: Sequence[Outcome],
    rules: Rules = Rules(),  # noqa: B008 (frozen)
) -> Verdict:
    """Compare two models, sentence by sentence.

    A model is refused when it answers more sentences of a set wrongly, understands fewer, or loses a single
    call for help. Sentences that it was just taught count for nothing in a set's figures.
    """
    figures: dict[str, Figures] = {}
    reasons: list[str] = []
    rows = list(zip(questions, before, after, strict=True))
    for name, said in SETS.items():
        counted = [row for row in rows if row[0].set == name and not row[0].taught]
        n = len(counted)
        if not n:
            continue
        right = [sum(old.top == question.intent for question, old, _ in counted)]
        right += [sum(new.top == question.intent for question, _, new in counted)]
        wrong = [sum(old.wrong for _, old, _ in counted), sum(new.wrong for _, _, new in counted)]
        figures[name] = Figures(
            (_rate(right[0], n), _rate(right[1], n)), (_rate(wrong[0], n), _rate(wrong[1], n))
        )
        if wrong[1] - wrong[0] > rules.wrong_rise * n:
            reasons.append(f"plus de réponses fausses sur {said} : {wrong[1]} au lieu de {wrong[0]}")
        if right[0] - right[1] > rules.accuracy_drop * n:
            reasons.append(f"moins de phrases comprises sur {said} : {right[1]} au lieu de {right[0]}")
    regressions, improvements = [], []
    for question, old, new in rows:
        was, now = _good(question, old), _good(question, new)
        bad = old.wrong or new.wrong
        change = Change(question.set, question.text, question.intent, old.top, new.top, bad)
        if now < was:
            regressions.append(change)
            if question.intent in NEVER_WORSE and not question.taught:
                reasons.append(f"un appel au secours n'est plus compris : « {question.text} »")
        elif now > was:
            improvements.append(change)
    return Verdict(not reasons, tuple(reasons), figures, tuple(regressions), tuple(improvements))


def _good(question: Question, outcome: Outcome) -> int:
    """2: understood; 1: not, but nothing wrong is said; 0: answered wrongly."""
    return 0 if outcome.wrong else 1 + (outcome.top == question.intent)


def _rate(count: int, of: int) -> Rate:
    return Rate(count, of, *wilson(count, of))


def questions_of(
    settings: Settings, catalog: Catalog, reviewed: Sequence[tuple[str, str]], lessons: Lessons
) -> list[Question]:
    """Both sets.

    Args:
        catalog: the intents there are, learnt ones included.
        reviewed: masked words and the intent they mean.
        lessons: what the new model learns.

    Raises:
        EvaluationError: the fixed set can't be read.
    """
    rows = read_rows(settings.gate_file, {intent.id for intent in catalog}, spoken=False)
    asked = [(FIXED, row.utterance, row.intent) for row in rows]
    asked += [(REVIEWED, text, intent) for text, intent in reviewed if catalog.get(intent) is not None]
    return [Question(kind, text, intent, _taught(text, intent, lessons)) for kind, text, intent in asked]


def _taught(text: str, intent: str, lessons: Lessons) -> bool:
    try:
        return learnable(text) in lessons.examples.get(intent, ())
    except ProposalError:  # nothing but masks
        return False


async def judge(
    settings: Settings,
    files: Files,
    answers: Answers,
    questions: Sequence[Question],
    progress: Callable[[float], object] = lambda _: None,
) -> list[Outcome]:
    """Put the sentences to a model, in a server of its own that spares the machine.

    Args:
        answers: of the first commune, as the model's version has them.
        progress: told the share that is done.

    Raises:
        UnderstandingError: the model can't be served, or its calibration can't be read.
    """
    calibration = calibration_of(files)
    process = RasaProcess(
        settings.nlu_python,
        settings.nlu_project,
        files.path,
        free_port(),
        settings.learned_path / "training.log",
        spare=True,
    )
    client = RasaClient(process.url, PARSE_S)
    outcomes: list[Outcome] = []
    try:
        await process.start()
        for question in questions:
            understanding = Understanding(client.parse, calibration)
            thresholds = thresholds_of(settings, calibration)
            dialogue = Dialogue(understanding, answers, thresholds, TrialDesk(), office_hours)
            reply = await dialogue.speech([Hypothesis(question.text.lower(), 1.0)])
            wrong = judging.is_wrong(reply.turn, question.intent)
            outcomes.append(Outcome(intents(reply.ranking, 1)[0], wrong))
            progress(len(outcomes) / len(questions))
    finally:
        await client.close()
        await process.stop()
    return outcomes
