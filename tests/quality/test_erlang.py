"""Erlang's formulas against published values and each other."""

import math

import pytest

from callbot.quality.erlang import erlang_a, erlang_b, erlang_c


@pytest.mark.parametrize(
    ("load", "operators", "lost"),
    # The usual tables of Erlang B: offered traffic at which 1 % or 5 % are lost.
    [(4.46, 10, 0.01), (12.03, 20, 0.01), (84.06, 100, 0.01), (0.053, 1, 0.05), (15.25, 20, 0.05)],
)
def test_erlang_b_against_the_tables(load: float, operators: int, lost: float) -> None:
    assert erlang_b(load, operators) == pytest.approx(lost, rel=0.01)


def test_erlang_b_at_its_ends() -> None:
    assert erlang_b(3, 0) == 1 and erlang_b(0, 2) == 0
    assert erlang_b(1000, 1000) < 0.03, "no overflow"
    with pytest.raises(ValueError):
        erlang_b(-1, 2)


def test_erlang_c_by_hand() -> None:
    """One operator (M/M/1): who waits is the load, the mean wait load / (service - rate)."""
    one = erlang_c(0.5, 1, 1)
    assert (one.waits, one.mean_wait, one.busy) == pytest.approx((0.5, 1.0, 0.5))
    # Two operators, 1 erlang: a third waits; on average a third of a call.
    two = erlang_c(1, 1, 2)
    assert (two.waits, two.mean_wait) == pytest.approx((1 / 3, 1 / 3))
    assert erlang_c(2, 1, 2).mean_wait == math.inf


def test_erlang_a_lies_between_loss_and_endless_patience() -> None:
    """The more patience, the nearer to C; the less, the nearer to B."""
    assert erlang_a(1.5, 1, 1e-7, 2).mean_wait == pytest.approx(erlang_c(1.5, 1, 2).mean_wait, rel=1e-4)
    assert erlang_a(1.5, 1, 1e7, 2).abandons == pytest.approx(erlang_b(1.5, 2), rel=1e-4)


def test_erlang_a_with_patience_as_long_as_talk() -> None:
    """Each call, waiting or not, leaves at the same rate: the line is Poisson with the load as its mean."""
    load, operators = 3.0, 2
    poisson = [math.exp(-load) * load**k / math.factorial(k) for k in range(60)]
    waiting = sum(p * max(0, k - operators) for k, p in enumerate(poisson))
    found = erlang_a(load, 1, 1, operators)
    assert found.abandons == pytest.approx(waiting / load)
    assert found.waits == pytest.approx(1 - poisson[0] - poisson[1])
    assert found.busy == pytest.approx(sum(p * min(k, operators) for k, p in enumerate(poisson)) / operators)


def test_flows_balance_however_great_the_load() -> None:
    for rate in (0.01, 1, 50, 5000):
        found = erlang_a(rate, 1, 0.5, 10)
        assert rate * (1 - found.abandons) == pytest.approx(10 * found.busy, rel=1e-6), rate


def test_rates_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError):
        erlang_a(1, 1, 0, 1)
    with pytest.raises(ValueError):
        erlang_c(1, 1, 0)
