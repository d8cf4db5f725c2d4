"""What several commands need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from callbot import settings as settings_module
from callbot.settings import Settings

if TYPE_CHECKING:
    from callbot.journal.database import Database

console = Console()


def load_settings() -> Settings:
    """The settings in force.

    Raises:
        SettingsError: they can't be read, or one is wrong.
    """
    return settings_module.load()


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The journal's database, made when there is none.

    Raises:
        JournalError: it can't be opened.
    """
    from callbot.journal.database import Database

    settings.state_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.journal_dsn)
    try:
        yield database
    finally:
        database.close()
