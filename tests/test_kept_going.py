"""A part of the server that breaks begins again; what only the administrator can mend ends it."""

import asyncio
import logging

import pytest

from callbot import kept_going
from callbot.errors import SettingsError

CALLER = "je m'appelle Jeanne Martin"


async def test_a_part_that_breaks_begins_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kept_going, "PAUSE_S", 0)
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise ValueError(CALLER)

    with caplog.at_level(logging.ERROR):
        await asyncio.wait_for(kept_going.kept_going("delivery", work), 5)
    assert begun == 3
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert all(line.startswith("delivery broke") and "ValueError in work" in line for line in told)
    assert CALLER not in caplog.text


async def test_wrong_settings_are_told_at_once() -> None:
    async def work() -> None:
        raise SettingsError("no such folder")

    with pytest.raises(SettingsError, match="no such folder"):
        await kept_going.kept_going("delivery", work)


async def test_a_part_can_be_cancelled() -> None:
    task = asyncio.create_task(kept_going.kept_going("delivery", asyncio.Event().wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
