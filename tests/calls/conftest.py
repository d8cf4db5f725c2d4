"""What the real-call tests share: both Asterisks, started once for the session."""

import shutil

import pytest

from .asterisk import UNPACKED


@pytest.fixture(scope="session", autouse=True)
def telephony() -> None:
    """These tests prove the main job, so they do not skip where set-up was forgotten: they say so."""
    if not (UNPACKED / "usr/sbin/asterisk").exists() and shutil.which("asterisk") is None:
        pytest.fail("real calls need an Asterisk: run make setup", pytrace=False)
    if shutil.which("espeak-ng") is None or shutil.which("sox") is None:
        pytest.fail("real calls need espeak-ng and sox: run make setup", pytrace=False)
