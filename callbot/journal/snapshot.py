"""A copy of a SQLite journal while it is written to, and whether such a copy is whole."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from sqlalchemy import make_url

from callbot.errors import JournalError
from callbot.journal.database import Database

PAGES = 256
"""Copied at a time; between two pieces the server may write."""


def sqlite_file(url: str) -> Path | None:
    """The journal's file; None: it is in PostgreSQL."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def snapshot(file: Path, target: Path) -> None:
    """Copy a journal as it is at one moment, by SQLite's own online backup.

    Raises:
        JournalError: it can't be read, or the copy not written.
    """
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy, pages=PAGES)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole
    except sqlite3.Error as error:
        raise JournalError(f"journal {file} can't be copied: {error}") from error


def check(file: Path) -> int:
    """See that a copy is whole, and bring it to this version; returns how many calls it holds.

    Raises:
        JournalError: it is damaged, no journal, or a newer version's.
    """
    try:
        with contextlib.closing(sqlite3.connect(file)) as copy:
            (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise JournalError(f"the copy of the journal is damaged: {error}") from error
    if verdict != "ok":
        raise JournalError(f"the copy of the journal is damaged: {verdict}")
    Database(f"sqlite:///{file}").close()
    with contextlib.closing(sqlite3.connect(file)) as copy:
        (calls,) = copy.execute("SELECT count(*) FROM calls").fetchone()
        copy.execute("PRAGMA journal_mode=DELETE")
    return int(calls)
