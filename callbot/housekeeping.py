"""What the server does now and then: what is old goes, samples are drawn, unanswered questions gathered."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from callbot.errors import CallbotError
from callbot.journal.database import Database, now
from callbot.journal.events import Events
from callbot.journal.retention import Folders, Limits, purge
from callbot.journal.samples import samples_of
from callbot.journal.transfers import Transfers
from callbot.journal.unanswered import Gathering
from callbot.quality.unanswered import new_sayings, refresh
from callbot.settings import Settings

log = logging.getLogger(__name__)

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
LOWEST_PRIORITY = 19


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done when the server starts, and again and again."""

    name: str
    every_s: float
    """Pause between two times; after a failure an hour at most."""
    run: Callable[[], Awaitable[object]]


def jobs_of(settings: Settings, database: Database) -> tuple[Job, ...]:
    """The server's.

    Args:
        database: the journal's, which may be away.
    """

    async def delete_old() -> None:
        await asyncio.to_thread(purge, database, Limits.of(settings), Folders.of(settings), now())

    async def draw_sample() -> None:
        if drawn := await asyncio.to_thread(samples_of(settings, database).draw):
            log.info("%d turns drawn to be reviewed this week", drawn)

    async def gather_questions() -> None:
        # Nothing new, as usual: no process is worth starting.
        if await asyncio.to_thread(new_sayings, Gathering(database)):
            await asyncio.to_thread(_in_a_process, _gather, settings)

    return (
        Job("deleting what is too old", DAY_S, delete_old),
        Job("deleting old events", HOUR_S, Events(database).forget),
        Job("deleting numbers of who was called back", HOUR_S, Transfers(database).forget_numbers),
        Job("drawing the week's sample", HOUR_S, draw_sample),
        Job("gathering unanswered questions", HOUR_S, gather_questions),
    )


async def keep_house(jobs: Sequence[Job]) -> None:
    """Do jobs side by side, each in its time; never ends. One that fails holds up nothing but itself."""
    await asyncio.gather(*map(_again_and_again, jobs))


async def _again_and_again(job: Job) -> None:
    while True:
        pause_s = job.every_s
        try:
            await job.run()
        except (CallbotError, OSError) as error:
            log.error("%s failed, later again: %s", job.name, error)
            pause_s = min(pause_s, HOUR_S)
        except Exception:
            log.exception("%s failed, later again", job.name)
            pause_s = min(pause_s, HOUR_S)
        await asyncio.sleep(pause_s)


def _in_a_process(work: Callable[[Settings], None], settings: Settings) -> None:
    """Do heavy work beside the calls: in this process it would take the breath of those in progress."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_step_back) as process:
        process.submit(work, settings).result()


def _step_back() -> None:
    """Calls come first; and a Ctrl-C is the server's business."""
    os.nice(LOWEST_PRIORITY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _gather(settings: Settings) -> None:
    database = Database(settings.journal_dsn)
    try:
        refresh(Gathering(database), settings.nlu_project)
    finally:
        database.close()
