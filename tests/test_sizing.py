"""How many callers a machine carries: from a decode factor, and measured."""

import pytest

from callbot.quality.erlang import erlang_b
from callbot.settings import Settings
from callbot.sizing import BUSY_HOUR, CALL_S, TURNED_AWAY, measure, sizing


def test_a_slower_model_carries_fewer_callers() -> None:
    small, large = sizing(0.03, 2), sizing(0.8, 2)
    assert small.calls > 2 * large.calls
    assert sizing(0.03, 8).calls == pytest.approx(4 * small.calls, abs=4)


def test_a_days_calls_follow_erlang() -> None:
    size = sizing(0.5, 2)
    offered = size.daily * BUSY_HOUR * CALL_S / 3600
    assert erlang_b(offered, size.calls) <= TURNED_AWAY < erlang_b(offered * 1.1, size.calls)


def test_a_hopeless_model_still_takes_one_caller() -> None:
    assert sizing(500.0, 1).calls == 1


async def test_the_bundled_model_is_measured() -> None:
    size = await measure(Settings())
    assert 0 < size.decode_factor < 1
    assert size.calls > 5
