"""The spool: what happens in a call is in a file before it is in the database, until it is there.

A file a call, one JSON line a thing that happened; it is gone when the database has all of it. A server
that dies leaves its calls' files, and so does a call that ends while the database is away: they are caught
up with, in order. The lines hold what the tables would: no number but that of a call handed over, and words
as they would be stored there.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from callbot.errors import JournalError

log = logging.getLogger(__name__)

Entry = dict[str, Any]
"""Something that happened in a call, as JSON and the tables keep it: `kind`, `at` and the row's columns."""
Put = Callable[[int, Entry, bool], Awaitable[int]]
"""Writes an entry of a call (its id, 0 before it has one) into the database; returns the call's id."""
Result = TypeVar("Result")

FILE_S = 0.25
"""Patience with the disk: a call goes on without it."""
PUT_S = 15.0
"""Patience with one write into the database."""
CATCH_UP_S = 2.0
"""Pause between two looks whether the database is back."""
MODE = 0o600


class Sheet:
    """What happened in one call and is not in the database yet, oldest first.

    Args:
        spool: whose it is.
        path: its file; None: in memory only.
    """

    def __init__(self, spool: Spool, path: Path | None) -> None:
        self.entries: deque[Entry] = deque()
        self._spool = spool
        self._path = path
        self._file = -1
        self.unsaved: list[Entry] = []
        """What the disk did not take so far."""
        self._careful = False
        self._told = False
        self.call_id = 0

    async def add(self, entry: Entry) -> None:
        """Keep an entry; returns when it outlives this process, or when the disk takes too long."""
        self.entries.append(entry)
        self.unsaved.append(entry)
        await self._spool.on_disk(self.save)

    async def keep(self) -> None:
        """The database is away: the file is now to outlive the machine's power too."""
        self._careful = True
        await self._spool.on_disk(self.save)

    async def close(self) -> None:
        """Everything is in the database: the file goes."""
        self.entries.clear()
        await self._spool.on_disk(self._delete)

    async def leave(self) -> None:
        """The call is over and the database away: whoever catches up has the rest."""
        self._careful = True
        await self._spool.on_disk(self._release)

    async def put(self, put: Put, again: bool) -> None:
        """Write the oldest entry into the database; one that can never be written is left out.

        Args:
            again: it may be there already.

        Raises:
            JournalError: the database is away.
        """
        entry = self.entries[0]
        # A try that timed out may still arrive, between a look at what is there and the next try's own row.
        for once_more in (False, True):
            try:
                async with asyncio.timeout(PUT_S):
                    self.call_id = await put(self.call_id, entry, again or once_more)
                break
            except TimeoutError as error:
                raise JournalError("journal: no answer") from error
            except JournalError as error:
                if not error.final:
                    raise
                if once_more:
                    log.error("%s of a call left out: %s", entry.get("kind"), error)
                    break
        self.entries.popleft()

    def load(self) -> None:
        """Read the entries of a call that is over; a line cut short by a full disk is left out."""
        if self.entries or self._path is None:
            return
        lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        if not lines:  # a full disk, then a kill: nothing is in it, and a bridge's note ends the call's row
            return
        for line in lines:
            try:
                entry = json.loads(line)
                datetime.fromisoformat(entry["at"])
                self.entries.append(entry)
            except (ValueError, KeyError, TypeError, RecursionError):
                log.error("%s: a line is unreadable and left out", self._path.name)
        if not self.entries or self.entries[0].get("kind") != "begin":
            raise ValueError("no call begins in it")
        if self.entries[-1].get("kind") != "end":  # its server died; the dialplan then says so too
            died = datetime.fromtimestamp(self._path.stat().st_mtime, UTC).replace(tzinfo=None)
            end = {"result": "FAILED", "destination": "", "reason": "server_died"}
            self.entries.append({"kind": "end", "at": died.isoformat(), **end})

    # These work on the file, in the spool's thread.

    def save(self) -> None:
        """Append to the file what is not in it yet."""
        if self._path is None:
            return
        try:
            if self._file < 0:
                self._file = _create(self._path)
            while self.unsaved:
                _append(self._file, self.unsaved[0])
                self.unsaved.pop(0)
            if self._careful:
                os.fsync(self._file)
                _sync_folder(self._path.parent)
        except OSError as error:
            if not self._told:
                log.error("spool %s: %s", self._path.parent, error.strerror)
            self._told = True

    def _delete(self) -> None:
        self._close_file()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _release(self) -> None:
        self.save()
        if self._path is not None and not self.unsaved:
            self.entries.clear()  # the file has them
        self._close_file()

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


class Spool:
    """The calls that are not in the database yet.

    Args:
        folder: where their files are; None: in memory only.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._open: set[Sheet] = set()
        self._left: deque[Sheet] = deque()
        self._lock = asyncio.Lock()

    @property
    def depth(self) -> int:
        """Calls that are over and not in the database, and calls in progress that wait for it."""
        return len(self._left) + sum(bool(sheet.entries) for sheet in self._open)

    def sheet(self) -> Sheet:
        """A sheet for a new call."""
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.jsonl"
        sheet = Sheet(self, self._folder / name if self._folder is not None else None)
        self._open.add(sheet)
        return sheet

    async def finish(self, sheet: Sheet) -> None:
        """A call is over; what of it is not in the database is caught up with later."""
        if sheet.entries:
            await sheet.leave()
            self._left.append(sheet)
        else:
            await sheet.close()
        self._open.discard(sheet)

    async def run(self, put: Put) -> None:
        """Catch up with what an earlier process left, and with what is left from now on; never ends."""
        await self.find()
        while True:
            await self.catch_up(put)
            for sheet in [sheet for sheet in self._open if sheet.unsaved]:
                await self.on_disk(sheet.save)  # the disk may have room again
            await asyncio.sleep(CATCH_UP_S)

    async def find(self) -> None:
        """Look for what an earlier process left."""
        mine = {sheet._path for sheet in (*self._open, *self._left)}
        found = await self.compute(_files, self._folder)
        self._left.extend(Sheet(self, path) for path in found if path not in mine)

    async def catch_up(self, put: Put) -> int:
        """Write what is left into the database, as far as it can be; returns how many calls are."""
        done = 0
        async with self._lock:
            while self._left:
                sheet = self._left[0]
                try:
                    await self.compute(sheet.load)
                    while sheet.entries:
                        await sheet.put(put, again=True)
                    await sheet.close()
                except JournalError:
                    return done
                except (OSError, ValueError) as error:
                    log.error("%s can't be caught up with and stays: %s", sheet._path, error)
                except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
                    # No sheet of ours, or one that a disk has spoilt: the others must not wait for it.
                    log.error("%s can't be caught up with and stays: %r", sheet._path, error)
                self._left.popleft()
                done += 1
            if done:
                log.info("the journal has caught up with %d calls", done)
        return done

    def close(self) -> None:
        """Let its thread end."""
        self._thread.shutdown(wait=False)

    async def compute(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Do this in the spool's thread, in turn."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def on_disk(self, work: Callable[[], None]) -> None:
        """The same, but without waiting for a slow disk."""
        if self._folder is None:
            return
        doing = asyncio.get_running_loop().run_in_executor(self._thread, work)
        await asyncio.wait([doing], timeout=FILE_S)


def erase(folder: Path, caller_hashes: Iterable[str]) -> int:
    """Delete the waiting calls of these callers, known by pseudonym; returns how many there were."""
    gone = 0
    for path in _of(folder, caller_hashes):
        with contextlib.suppress(OSError):
            path.unlink()
            gone += 1
    return gone


def export(folder: Path, caller_hashes: Iterable[str]) -> list[list[Entry]]:
    """What the waiting calls of these callers hold."""
    found = []
    for path in _of(folder, caller_hashes):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found.append([json.loads(line) for line in lines if line.endswith("}")])
    return found


def _of(folder: Path, caller_hashes: Iterable[str]) -> list[Path]:
    """The files of these callers."""
    wanted, found = set(caller_hashes) - {""}, []
    for path in _files(folder):
        with (
            contextlib.suppress(OSError, ValueError, AttributeError, TypeError, RecursionError),
            path.open(encoding="utf-8") as file,
        ):
            if json.loads(file.readline()).get("caller_hash") in wanted:
                found.append(path)
    return found


def _files(folder: Path | None) -> list[Path]:
    """Those that nobody writes to, the oldest call's first."""
    if folder is None or not folder.is_dir():
        return []
    return [path for path in sorted(folder.glob("*.jsonl")) if not _in_use(path)]


def _in_use(path: Path) -> bool:
    """Does a process, this one included, hold it?"""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def _create(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _append(file: int, entry: Entry) -> None:
    """Add a line, whole or not at all."""
    line = json.dumps(entry).encode() + b"\n"
    before = os.fstat(file).st_size
    try:
        if os.write(file, line) != len(line):
            raise OSError(28, "No space left on device")
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file, before)
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
