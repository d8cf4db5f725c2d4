"""Calls that the server never saw: their bridges leave a note, and the journal gets a row all the same.

A note is a file in `missed/` beside the socket. Its name is the call's linkedid, its time the moment, its
content the number dialled, where the bridge still knew it. Nothing of the caller is in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from datetime import UTC, datetime
from pathlib import Path

from callbot.errors import JournalError
from callbot.journal.spool import Entry
from callbot.journal.store import Journal

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""Pause between two looks."""
SETTLED_S = 4.0
"""A server that hung, and lives again, first writes down itself what it finds waiting."""
MODE = 0o770
"""Asterisk's group leaves notes, whoever else may not."""
NAME = re.compile(r"[\w.:-]{1,150}", re.ASCII)
DIALLED = re.compile(r"[+0-9]{0,40}", re.ASCII)


def prepare(folder: Path) -> None:
    """Make the folder that bridges write to; without one, their calls have no row, and nothing else."""
    try:
        folder.mkdir(exist_ok=True)
        folder.chmod(MODE)
    except OSError as error:
        log.error("%s: %s; calls that reach no server will not be in the journal", folder, error.strerror)


class Notes:
    """The notes in a folder, on their way into a journal."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._folder = folder
        self._journal = journal
        self._seen: dict[Path, float] = {}
        """Since when, by a clock that does not jump."""

    async def run(self) -> None:
        """Collect until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if done := await self.collect():
                    log.info("%d calls reached no server", done)
            except (JournalError, OSError) as error:  # no database, too many open files
                log.error("calls that reached no server are not written yet: %s", error)

    async def collect(self) -> int:
        """Give each call of a settled note its row, unless it has one; returns how many notes there were.

        Raises:
            JournalError: the database is away; the notes stay.
            OSError: the folder can't be read.
        """
        found, now = await asyncio.to_thread(_notes, self._folder), time.monotonic()
        self._seen = {path: self._seen.get(path, now) for path in found}
        if self._journal.spool.depth:  # these calls' own rows come first
            return 0
        settled = [path for path, since in self._seen.items() if now - since >= SETTLED_S]
        for path in settled:
            with contextlib.suppress(OSError):
                await self._journal.put(0, await asyncio.to_thread(_entry, path), again=True)
                await asyncio.to_thread(path.unlink)
        return len(settled)


def _notes(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.glob("*"))
        if NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink()
    ]


def _entry(path: Path) -> Entry:
    with path.open(encoding="ascii", errors="replace") as file:
        dialled = file.read(64).strip()
    return {
        "kind": "missed",
        "at": datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None).isoformat(),
        "linkedid": path.name,
        "called": dialled if DIALLED.fullmatch(dialled) else "",
    }
