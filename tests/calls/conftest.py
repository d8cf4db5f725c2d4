"""What the real-call tests share: the town and its bot, started once for the session."""

import fcntl
import shutil
from collections.abc import Generator, Iterator

import pytest

from .asterisk import REPO, UNPACKED
from .bot import Bot
from .lab import Lab

ALONE = ("test_chaos",)
"""A crowd of callers while everything breaks: calls beside it would starve, and it beside them."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Among the test processes, real calls may be made side by side, but not beside ALONE.

    Who comes takes the door first, so those who come later do not keep the crowd waiting for ever.
    """
    place = REPO / ".runtime" / "calls"
    place.parent.mkdir(exist_ok=True)
    with place.with_suffix(".door").open("w") as door, place.with_suffix(".room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        if item.path.stem in ALONE:
            fcntl.flock(room, fcntl.LOCK_EX)
        else:
            fcntl.flock(room, fcntl.LOCK_SH)
            fcntl.flock(door, fcntl.LOCK_UN)
        return (yield)


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
