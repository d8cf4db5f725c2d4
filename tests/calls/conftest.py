"""What the real-call tests share: the town and its bot, started once for the session."""

import contextlib
import fcntl
import functools
import shutil
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO

import pytest

from .asterisk import REPO, UNPACKED
from .bot import Bot
from .lab import Lab
from .machine import HOPELESS, STANDSTILL, Machine

AGAIN = 2
"""So many more times is done what failed while the machine stood still."""
ROOMS = 2
"""Two cores: a third test with calls would only make those of the others late."""
ALONE = ("test_chaos",)
"""A crowd of callers while everything breaks: calls beside it would starve, and it beside them."""


MACHINE = pytest.StashKey[Machine]()
BEGAN = pytest.StashKey[float]()
AGAIN_WHEN_CALM = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Watch the machine from now on."""
    config.stash[MACHINE] = Machine().start()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Watch no more."""
    config.stash[MACHINE].stop()


def has_calls(item: pytest.Item) -> bool:
    """Some of the hooks here are called for every test there is."""
    return Path(__file__).parent in item.path.parents


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A call that fails while the machine stands still is made again once it is calm."""
    for item in items:
        if has_calls(item):
            condition = functools.partial(is_made_again, item)
            item.add_marker(pytest.mark.flaky(reruns=AGAIN, condition=condition))


def is_made_again(item: pytest.Item, _error: object = None) -> bool:
    """What `pytest_runtest_makereport` found."""
    return item.stash.get(AGAIN_WHEN_CALM, False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What failed while the machine was kept from us is made again; else nothing was learnt."""
    report = yield
    if not report.failed:
        return report
    machine, tries = item.config.stash[MACHINE], getattr(item, "execution_count", 1)
    lost = machine.lost(item.stash[BEGAN])
    item.stash[AGAIN_WHEN_CALM] = lost >= STANDSTILL and tries <= AGAIN and machine.calm()
    taken = machine.lost(item.stash[BEGAN], kind="stolen")  # never by our own tests
    if taken >= HOPELESS and not item.stash[AGAIN_WHEN_CALM]:
        report.outcome = "skipped"
        reason = f"Skipped: nothing learnt, others took the processor for {taken:.0%} of this call's time"
        report.longrepr = (str(item.path), item.location[1] or 0, reason)
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """From here on a try counts."""
    item.stash[BEGAN] = time.monotonic()
    item.stash[AGAIN_WHEN_CALM] = False


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Among the test processes, real calls are made in so many rooms at most; ALONE takes them all.

    Who comes takes the door first, so those who come later do not keep the crowd waiting for ever.
    """
    if not has_calls(item):
        return (yield)
    place = REPO / ".runtime" / "calls"
    place.parent.mkdir(exist_ok=True)
    with contextlib.ExitStack() as held:
        door, *rooms = (
            held.enter_context(place.with_suffix(f".{name}").open("w")) for name in ("door", *range(ROOMS))
        )
        fcntl.flock(door, fcntl.LOCK_EX)
        if item.path.stem in ALONE:
            for room in rooms:
                fcntl.flock(room, fcntl.LOCK_EX)
        else:
            while not any(map(_is_free, rooms)):
                time.sleep(0.1)
            fcntl.flock(door, fcntl.LOCK_UN)
        return (yield)


def _is_free(room: IO[str]) -> bool:
    """Take a room if nobody is there."""
    try:
        fcntl.flock(room, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@pytest.fixture(scope="session", autouse=True)
def telephony() -> None:
    """These tests prove the main job, so where set-up was forgotten they do not skip: they say so."""
    if not (UNPACKED / "usr/sbin/asterisk").exists() and shutil.which("asterisk") is None:
        pytest.fail("real calls need an Asterisk: run make setup", pytrace=False)
    if shutil.which("espeak-ng") is None or shutil.which("sox") is None:
        pytest.fail("real calls need espeak-ng and sox: run make setup", pytrace=False)


@pytest.fixture(scope="session")
def lab(telephony: None) -> Iterator[Lab]:
    """The town's Asterisk and the world around it."""
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="session")
def bot(lab: Lab) -> Iterator[Bot]:
    """The town's callbot, with its Rasa."""
    with Bot(lab.state) as bot:
        bot.settle()
        yield bot
