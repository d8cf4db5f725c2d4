"""What the server does now and then, against a real journal."""

import asyncio
import logging
import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from callbot.errors import JournalError
from callbot.housekeeping import Job, jobs_of, keep_house
from callbot.journal.database import Database, now
from callbot.journal.events import KEPT, Events
from callbot.journal.local_days import begin_of, day_of
from callbot.journal.models import Event, Transfer
from callbot.journal.questions import Questions
from callbot.journal.samples import KINDS, samples_of
from callbot.settings import Settings
from tests.journal.made import Made, turn

from .patience import PATIENCE_S


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        state_dir=tmp_path, nlu_project=tmp_path, review_random_per_week=2, review_unsure_per_week=1
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.journal_dsn)
    yield database
    database.close()


async def do(settings: Settings, database: Database) -> None:
    """Every job of the server, once."""
    for job in jobs_of(settings, database):
        await job.run()


def last_week() -> datetime:
    """A moment of last week."""
    today: date = day_of(now())
    return begin_of(today - timedelta(days=today.weekday() + 3))


async def test_what_is_too_old_goes(settings: Settings, database: Database) -> None:
    settings.messages_dir.mkdir()
    old, new = (settings.messages_dir / f"message-{name}.wav" for name in ("old", "new"))
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    database.write_now(lambda session: session.add(Event(at=now() - 2 * KEPT, kind="call", ref="1")))
    call = Made(database, now()).call(transfer={"phone": "0612345678", "called_back": True})
    await do(settings, database)
    assert new.exists() and not old.exists()
    assert "1" not in {ref for _, kind, ref in Events(database).since(0) if kind == "call"}
    moved = database.read(lambda session: session.query(Transfer).filter_by(call_id=call).one())
    assert moved.phone is None


async def test_the_weeks_sample_is_drawn_though_nobody_looks_at_it(
    settings: Settings, database: Database
) -> None:
    made = Made(database, last_week())
    for number in range(5):
        made.answered(f"la piscine {number}")
    await do(settings, database)
    await do(settings, database)
    assert samples_of(settings, database).progress("quentin").drawn == dict(zip(KINDS, (2, 1), strict=True))


async def test_questions_are_gathered_though_nobody_looks_at_them(
    settings: Settings, database: Database
) -> None:
    made = Made(database, now() - timedelta(days=1))
    for words in ("je veux installer une ruche", "une ruche dans mon jardin", "euh"):
        made.call([turn(words, "voirie_nid_de_poule", 0.2, "ask:unclear")])
    await do(settings, database)
    (asked,) = Questions(database).all()
    assert asked.sayings == 2 and "ruche" in asked.label


@pytest.mark.parametrize(
    "error", [JournalError("the database is away"), PermissionError(13, "Permission denied"), KeyError("x")]
)
async def test_a_job_that_fails_holds_up_no_other_and_is_tried_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("callbot.housekeeping.HOUR_S", 0.0)
    done: list[str] = []
    finished = asyncio.Event()
    tried = 0

    async def fails() -> None:
        nonlocal tried
        tried += 1
        if tried < 3:
            raise error
        done.append("at last")
        finished.set()

    async def works() -> None:
        done.append("at once")

    keeping = asyncio.create_task(keep_house([Job("sweeping", 1e6, fails), Job("dusting", 1e6, works)]))
    async with asyncio.timeout(PATIENCE_S):
        await finished.wait()
    assert done == ["at once", "at last"] and not keeping.done()
    keeping.cancel()
    failures = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert [one.getMessage().startswith("sweeping failed, later again") for one in failures] == [True, True]
    assert all(bool(one.exc_info) == isinstance(error, KeyError) for one in failures)
