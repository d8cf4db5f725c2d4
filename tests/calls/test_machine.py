"""What is said of the machine, and what follows from it."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .conftest import MACHINE, proves_nothing
from .machine import Machine, share


@pytest.mark.parametrize(
    ("spans", "part"),
    [
        ([], 0.0),
        ([(11, 12)], 0.1),
        ([(11, 12), (15, 17)], 0.3),
        ([(1, 9)], 0.0),
        ([(8, 12), (19, 40)], 0.3),
        ([(0, 99)], 1.0),
    ],
)
def test_the_share_of_a_time_that_lies_in_spans(spans: list[tuple[float, float]], part: float) -> None:
    assert share(spans, 10, 20) == pytest.approx(part)


@contextmanager
def standing_still(first: float, last: float) -> Iterator[Machine]:
    """One that tells of one standstill; there is no way to bring one about."""
    machine = Machine(["sh", "-c", f"echo {first} {last}; exec sleep 60"]).start()
    while first < last and not machine.stood_still(first, last):
        time.sleep(0.01)
    yield machine
    machine.stop()


def test_a_failure_while_the_machine_stood_still_proves_nothing(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm: list[bool] = []
    monkeypatch.setattr(Machine, "calm", lambda _: calm.append(True))
    stash, now = request.config.stash, time.monotonic()
    watched = stash[MACHINE]
    try:
        with standing_still(now - 9, now + 9) as stash[MACHINE]:
            assert proves_nothing(request.node) and calm == [True]
        with standing_still(now - 99, now - 90) as stash[MACHINE]:
            assert not proves_nothing(request.node) and calm == [True]
    finally:
        stash[MACHINE] = watched


def test_it_is_waited_for_until_it_is_calm_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("tests.calls.machine.time.monotonic", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    with standing_still(90, 112) as machine:
        machine.calm(wait)
        assert now[0] == 120
    with standing_still(90, 9999) as machine:
        machine.calm(wait)
        assert now[0] == 300


def test_ticks_that_come_late_are_told() -> None:
    """Frozen for half a second, it says so."""
    machine = Machine().start()
    try:
        began = time.monotonic()
        time.sleep(0.5)  # it begins to tick
        machine.ticking.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        machine.ticking.send_signal(signal.SIGCONT)
        while not machine.stood_still(began):
            assert time.monotonic() < began + 12
            time.sleep(0.05)
    finally:
        machine.stop()
