"""Fusion and calibration together, and what is said of a calibration that can't be used."""

import json
from pathlib import Path

import pytest

from callbot.errors import UnderstandingError
from callbot.types import Hypothesis, IntentScore
from callbot.understanding.calibration import FEATURES, Calibration
from callbot.understanding.understanding import Understanding

RANKING = (IntentScore("a", 0.6), IntentScore("b", 0.3), IntentScore("hors_sujet", 0.1))
STORED = {
    "features": ["logit_top", "margin"],
    "weights": [1.0, 2.0],
    "bias": -0.5,
    "thresholds": {"answer": 0.9, "confirm": 0.4, "choose": 0.5},
}


def stored(tmp_path: Path, **change: object) -> Path:
    path = tmp_path / "m.calibration.json"
    path.write_text(json.dumps(STORED | change))
    return path


def test_the_likeliest_gets_its_probability_and_the_others_the_rest(tmp_path: Path) -> None:
    calibrated = Calibration.load(stored(tmp_path)).apply(RANKING, "deux mots")
    # sigmoid(-0.5 + logit(0.6) + 2 * 0.3) = sigmoid(0.505)
    assert calibrated[0].confidence == pytest.approx(0.6237, abs=1e-3)
    assert calibrated[1].confidence / calibrated[2].confidence == pytest.approx(3)
    assert sum(item.confidence for item in calibrated) == pytest.approx(1)


def test_the_order_never_changes(tmp_path: Path) -> None:
    """A likeliest intent that is hardly ever right stays first, and no other passes it."""
    doubtful = Calibration.load(stored(tmp_path, bias=-9.0)).apply(RANKING, "deux mots")
    assert [item.intent for item in doubtful] == ["a", "b", "hors_sujet"]
    assert doubtful[0].confidence >= doubtful[1].confidence


def test_without_a_calibration_nothing_changes() -> None:
    assert Calibration().apply(RANKING, "x") == RANKING
    assert Calibration().apply((), "") == ()


@pytest.mark.parametrize("name", FEATURES)
def test_every_feature_is_finite_for_every_ranking(name: str) -> None:
    for ranking in (RANKING, RANKING[:1], (IntentScore("a", 1.0),), (IntentScore("a", 0.0),)):
        assert abs(FEATURES[name](ranking, "")) < 100


@pytest.mark.parametrize(
    "change",
    [{"features": ["unheard_of", "margin"]}, {"weights": [1.0]}, {"thresholds": {}}, {"bias": "x"}],
)
def test_a_wrong_calibration_is_one_clear_line(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(UnderstandingError, match="callbot calibrate"):
        Calibration.load(stored(tmp_path, **change))


def test_a_broken_calibration_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("{")
    for place in (path, tmp_path / "missing.json"):
        with pytest.raises(UnderstandingError, match="callbot calibrate"):
            Calibration.load(place)


async def test_readings_are_understood_together() -> None:
    async def parse(text: str) -> tuple[IntentScore, ...]:
        return (IntentScore("a" if "acte" in text else "b", 0.9),)

    ranking = await Understanding(parse).rank([Hypothesis("un acte", 0.7), Hypothesis("une carte", 0.3)])
    assert [item.intent for item in ranking] == ["a", "b"]
    assert ranking[0].confidence == pytest.approx(0.55, abs=0.01)
    assert await Understanding(parse).rank([]) == ()
    assert await Understanding(parse).rank([Hypothesis("acte " * 200, 1.0)]) == ()
