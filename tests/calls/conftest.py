"""What the real-call tests share: the town and its bot, started once for the session."""

import shutil
from collections.abc import Iterator

import pytest

from .asterisk import UNPACKED
from .bot import Bot
from .lab import Lab


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
