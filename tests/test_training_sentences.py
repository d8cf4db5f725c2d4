"""The training sentences: none twice, none that is measured on."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from callbot.understanding.sounds import plain

ROOT = Path(__file__).parents[1]
GATE = ROOT / "tests" / "data" / "nlu_gate.csv"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def bare(text: str) -> str:
    """The words alone: « Bonsoir ! » is « bonsoir »."""
    return " ".join(re.findall(r"\w+", plain(text)))


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    files = sorted((ROOT / "rasa_project" / "data").rglob("*.yml"))
    items = [
        item for file in files for item in yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)["nlu"]
    ]
    lines = [line for item in items for line in item["examples"].splitlines()]
    return [bare(line.removeprefix("- ")) for line in lines]


def test_no_sentence_stands_twice(sentences: list[str]) -> None:
    assert [text for text, count in Counter(sentences).items() if count > 1] == []


def test_what_is_measured_on_is_never_learnt(sentences: list[str]) -> None:
    with GATE.open(encoding="utf-8", newline="") as lines:
        measured = {bare(row["utterance"]) for row in csv.DictReader(lines)}
    assert len(measured) > 700
    assert measured & set(sentences) == set()
