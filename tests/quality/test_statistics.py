"""Figures checked against published or hand-computed values."""

import pytest

from callbot.quality.statistics import expected_calibration_error, wilson, word_errors


def test_wilson_interval_against_a_published_example() -> None:
    """Newcombe 1998, table I: 81 of 263, and 0 of 20."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors"),
    [
        ("un deux trois", "un deux trois", 0),
        ("un deux trois", "un trois", 1),
        ("un deux", "un et deux", 1),
        ("un deux", "", 2),
        ("", "un", 1),
        ("a b c d", "b c d a", 2),
    ],
)
def test_word_errors(reference: str, hypothesis: str, errors: int) -> None:
    assert word_errors(reference.split(), hypothesis.split()) == errors


def test_calibration_error() -> None:
    assert expected_calibration_error([0.75] * 4, [True, True, True, False]) == pytest.approx(0)
    assert expected_calibration_error([1.0] * 4, [True, True, False, False]) == pytest.approx(0.5)
    assert expected_calibration_error([], []) == 0
