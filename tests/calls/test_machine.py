"""What is said of the machine, and what follows from it."""

import fcntl
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.patience import PATIENCE_S

from .asterisk import REPO
from .machine import Machine, share
from .ticks import is_stolen


@pytest.mark.parametrize(
    ("spans", "part"),
    [
        ([], 0.0),
        ([(11, 12)], 0.1),
        ([(11, 12), (15, 17)], 0.3),
        ([(1, 9)], 0.0),
        ([(8, 12), (19, 40)], 0.3),
        ([(0, 99)], 1.0),
        ([(15, 17), (11, 12), (11, 13)], 0.4),
    ],
)
def test_the_share_of_a_time_that_lies_in_spans(spans: list[tuple[float, float]], part: float) -> None:
    assert share(spans, 10, 20) == pytest.approx(part)


@contextmanager
def standing_still(first: float, last: float) -> Iterator[Machine]:
    """One that tells of one standstill; there is no way to bring one about."""
    machine = Machine(["sh", "-c", f"echo {first} {last} late; exec sleep 60"]).start()
    while first < last and not machine.lost(first, last):
        time.sleep(0.01)
    yield machine
    machine.stop()


USUAL = [1000, 0, 100, 900, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("after", "stolen"),
    [
        ([1100, 0, 110, 990, 0, 0, 0, 0], False),
        ([1100, 0, 110, 970, 0, 0, 0, 20], False),
        ([1010, 0, 100, 930, 0, 0, 0, 60], True),
        ([1000, 100, 100, 940, 0, 0, 0, 60], True),
        ([1001, 0, 100, 1098, 0, 0, 0, 1], False),
    ],
)
def test_what_others_took_of_the_processor(after: list[int], stolen: bool) -> None:
    assert is_stolen(USUAL, after) == stolen


OUTCOMES = {
    (0.0, 0.0, True): ["FAILED"],
    (0.5, 0.05, True): ["RERUN", "RERUN", "FAILED"],
    (0.5, 0.05, False): ["FAILED"],
    (0.5, 0.5, True): ["RERUN", "RERUN", "SKIPPED"],
    (0.5, 0.5, False): ["SKIPPED"],
}
"""Of a call that nobody answers: the share of time lost, of it to others, and whether it is calm after."""


def test_a_call_that_fails_is_made_again_only_if_the_machine_was_kept_from_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the very hooks of these tests, in a process of its own."""
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    pytester.makeconftest(
        """
        from tests.calls import conftest
        from tests.calls.conftest import *
        conftest.__file__ = __file__
        del pytest_runtest_protocol  # this very test has a room
        """
    )
    pytester.makepyfile(
        f"""
        import pytest
        from tests.calls.machine import Machine

        @pytest.mark.parametrize(("lost", "taken", "calm"), {list(OUTCOMES)})
        def test_a_call(lost: float, taken: float, calm: bool) -> None:
            Machine.lost = lambda *_, kind="": taken if kind == "stolen" else lost
            Machine.calm = lambda *_: calm
            assert False, "nobody answered"
        """
    )
    lines = pytester.runpytest_subprocess("-v", "-p", "no:cacheprovider").outlines
    for (lost, taken, calm), outcomes in OUTCOMES.items():
        told = [line.split()[1] for line in lines if f"[{lost}-{taken}-{calm}] " in line and "%]" in line]
        assert told == outcomes


def test_only_calls_wait_for_a_room(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has none is not kept waiting by those who do, though the hook is called for every test."""
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    calls = pytester.mkpydir("calls")
    calls.joinpath("conftest.py").write_text("from tests.calls.conftest import *\n")
    calls.joinpath("test_calls.py").write_text("def test_a_call(): pass\n")
    pytester.makepyfile("def test_no_call(): pass")
    with (REPO / ".runtime" / "calls.door").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=PATIENCE_S).assert_outcomes(passed=2)


def test_it_is_waited_for_until_it_is_calm_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("tests.calls.machine.time.monotonic", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    with standing_still(90, 112) as machine:
        assert machine.calm(wait) and now[0] == 120
    with standing_still(90, 9999) as machine:
        assert not machine.calm(wait) and now[0] == 180
        for _ in range(9):
            machine.calm(wait)
        assert now[0] == 120 + 300


def test_ticks_that_come_late_are_told() -> None:
    """Frozen for half a second, it says so."""
    machine = Machine().start()
    try:
        began = time.monotonic()
        time.sleep(0.5)  # it begins to tick
        machine.ticking.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        machine.ticking.send_signal(signal.SIGCONT)
        while not machine.lost(began):
            assert time.monotonic() < began + 12
            time.sleep(0.05)
    finally:
        machine.stop()
