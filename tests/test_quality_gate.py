"""The quality gate: a test set nobody trained on keeps its accuracy and its rate of wrong answers.

tests/data/nlu_gate.csv: up to three utterances an intent by a writer of their own, and those out of scope.
The real Rasa server with the trained model, its calibration, the policy's first move: the code a call runs.
"""

import asyncio
from pathlib import Path

import pytest

from callbot.dialogue.moves import Ask, Choose, Confirm, SpeakLanguage
from callbot.quality import scenarios
from callbot.quality.evaluate import Report, Row, evaluate, read_rows
from callbot.rehearsal import open_parts
from callbot.settings import Settings
from tests.calls.asterisk import free_tcp_port

GATE = Path(__file__).parent / "data" / "nlu_gate.csv"
CALLS = Path(__file__).parent / "data" / "scenarios.csv"
STRANGE = [
    "",
    "   ",
    "euh",
    "🙂🙂🙂",
    "\x00\x07\x1b[31m",
    "'; drop table calls; --",
    "mot " * 500,
    "je voudrais un acte de naissance et puis la piscine " * 50,
    "i would like to know where the train station is please",
    "どこにありますか",
    "hjkl qsdf wxcv zzz rrr",
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    settings = Settings(state_dir=tmp_path_factory.mktemp("gate"), nlu_port=free_tcp_port())

    async def judge() -> Report:
        async with open_parts(settings) as parts:
            rows = read_rows(GATE, {intent.id for intent in parts.answers.catalog}, spoken=False)
            strange = [Row("hors_sujet", text) for text in STRANGE]
            return await evaluate(parts, [*rows, *strange], lambda done: None)

    return asyncio.run(judge())


@pytest.fixture(scope="module")
def gate(report: Report) -> Report:
    return Report(report.judged[: -len(STRANGE)])


@pytest.mark.timeout(180)
def test_understanding_keeps_its_accuracy(gate: Report) -> None:
    rates = {name: k / n for name, (k, n) in gate.rates().items()}
    assert rates["top1"] >= 0.95, rates
    assert rates["served_rate"] >= 0.955, rates


@pytest.mark.timeout(180)
def test_whole_calls_go_as_they_should(tmp_path: Path) -> None:
    """tests/data/scenarios.csv: 45 calls by a writer of their own, who had seen only the definitions."""
    settings = Settings(state_dir=tmp_path, nlu_port=free_tcp_port())

    async def play() -> list[list[scenarios.Played]]:
        async with open_parts(settings) as parts:
            return [await scenarios.play(parts, steps) for steps in scenarios.read(CALLS).values()]

    failed = [call for call in asyncio.run(play()) if any(turn.missed for turn in call)]
    said = [scenarios.difference(turn) for call in failed for turn in call if turn.missed]
    assert len(failed) <= 9, "\n".join(said)


@pytest.mark.timeout(180)
def test_wrong_answers_stay_rare(gate: Report) -> None:
    wrong, n = gate.rates()["wrong_answer_rate"]
    assert wrong / n <= 0.01


@pytest.mark.timeout(180)
def test_what_is_out_of_scope_is_not_answered(gate: Report) -> None:
    kept_back, n = gate.rates()["oos_recall"]
    assert kept_back / n >= 0.9


@pytest.mark.timeout(180)
def test_strange_input_is_never_answered(report: Report) -> None:
    """Empty, endless, foreign, emoji, control characters: never a crash, never an answer about something."""
    for item in report.judged[-len(STRANGE) :]:
        assert isinstance(item.turn[-1], Ask | Confirm | Choose | SpeakLanguage), item
