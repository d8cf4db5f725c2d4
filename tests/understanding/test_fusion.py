"""Several readings, one ranking."""

import pytest

from callbot.types import Hypothesis, IntentScore
from callbot.understanding.fusion import LEAST, UNLISTED, fuse


def scores(**shares: float) -> list[IntentScore]:
    return [IntentScore(intent, share) for intent, share in shares.items()]


def test_one_reading_keeps_its_probabilities() -> None:
    ranking = scores(a=0.7, b=0.2)
    assert fuse([(Hypothesis("x", 0.4), ranking)]) == tuple(
        IntentScore(score.intent, pytest.approx(score.confidence)) for score in ranking
    )


def test_half_is_the_mean_and_half_what_the_readings_agree_on() -> None:
    fused = fuse(
        [
            (Hypothesis("x", 0.6), scores(a=0.5, b=0.5)),
            (Hypothesis("y", 0.2), scores(a=0.2, b=0.8)),
        ]
    )
    mean = 0.75 * 0.5 + 0.25 * 0.8
    a, b = 0.5**0.75 * 0.2**0.25, 0.5**0.75 * 0.8**0.25
    assert [item.intent for item in fused] == ["b", "a"]
    assert fused[0].confidence == pytest.approx((mean + b / (a + b)) / 2, abs=UNLISTED * LEAST)


def test_what_most_readings_allow_goes_before_what_one_is_sure_of() -> None:
    """By their mean alone, the hornets that were heard once would win."""
    fused = fuse(
        [
            (Hypothesis("nid de frelons de l'école", 0.4), scores(frelons=0.85, ecole=0.15)),
            (Hypothesis("crayon de l'école", 0.3), scores(ecole=0.4, cantine=0.3, garderie=0.3)),
            (Hypothesis("frais de l'école", 0.3), scores(ecole=0.4, cantine=0.3, tarif=0.3)),
        ]
    )
    assert fused[0].intent == "ecole"


def test_shares_add_up_to_no_more_than_one() -> None:
    fused = fuse([(Hypothesis("x", 0.5), scores(a=0.6)), (Hypothesis("y", 0.5), scores(b=0.6))])
    assert sum(item.confidence for item in fused) < 1
    assert fused[0].confidence == pytest.approx(fused[1].confidence)


def test_nothing_comes_of_nothing() -> None:
    assert (
        fuse([]) == fuse([(Hypothesis("x", 0.0), scores(a=1.0))]) == fuse([(Hypothesis("x", 1.0), [])]) == ()
    )


def test_only_the_likeliest_are_kept() -> None:
    fused = fuse([(Hypothesis("x", 1.0), scores(a=0.5, b=0.3, c=0.2))], depth=2)
    assert [item.intent for item in fused] == ["a", "b"]
