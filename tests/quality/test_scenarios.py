"""Scenario files that can't be used, and what holds of a turn."""

from pathlib import Path

import pytest

from callbot.dialogue.moves import Answer, AskSlot, Emergency, Goodbye, Move, Repeat, Transfer, Wait
from callbot.errors import EvaluationError
from callbot.quality.scenarios import holds, read
from callbot.rehearsal import TrialDesk

HEADER = "scenario,turn,utterance,expected\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("scenario,turn,utterance\na,1,oui\n", "column missing: expected"),
        (HEADER + "a,1,oui,dance\n", "row 2: unknown expectation 'dance'"),
        (HEADER + "a,1,oui,close\na,x,oui,close\n", "row 3: turn must be a number"),
        ("\xff", "column missing"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(EvaluationError, match=complaint):
        read(file)


def test_steps_are_read_in_order(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(
        HEADER + "a,1,bonjour,greet\nb,1,,reprompt\na,2,un acte,intent:x + confirm\n", encoding="utf-8"
    )
    calls = read(file)
    assert list(calls) == ["a", "b"]
    assert [step.expected for step in calls["a"]] == [("greet",), ("intent:x", "confirm")]
    assert calls["b"][0].utterance == ""


@pytest.mark.parametrize(
    ("term", "move", "held"),
    [
        ("intent:x", Answer("x"), True),
        ("intent:x", Answer("y"), False),
        ("confirm", AskSlot("x", "date"), True),
        ("confirm", AskSlot("x", "date", again=True), False),
        ("confirm", Answer("x"), False),
        ("transfer:voirie", Transfer("voirie", "service"), True),
        ("transfer:voirie", Transfer("accueil", "asked"), False),
        ("ask:adresse", AskSlot("x", "address"), True),
        ("ask:adresse", Answer("x"), False),
        ("repeat", Repeat(), True),
        ("repeat", Repeat("slower"), False),
        ("slower", Repeat("slower"), True),
        ("wait", Wait(), True),
        ("emergency", Emergency(), True),
        ("close", Goodbye(), True),
        ("close", Transfer("accueil", "asked"), False),
        ("case:x", Answer("x"), False),
    ],
)
def test_what_holds(term: str, move: Move, held: bool) -> None:
    assert holds(term, (move,), TrialDesk()) is held


async def test_a_case_holds_once_it_is_kept() -> None:
    desk = TrialDesk()
    await desk.file("x", (), True)
    assert holds("case:x", (Goodbye(),), desk)
