"""What tests of the town hall's services share: sentences, a bot's journal, waiting for what must come."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from callbot.town.profile import COMMUNES

from .bot import Bot
from .lab import CallRecord, Lab

GOODBYE = "Non merci, au revoir."
WANTS_HUMAN = "Je veux parler à quelqu'un."
MESSAGE = "Bonjour, madame Martin, je rappelle pour mon dossier, merci de me rappeler."
NIGHT = datetime(2026, 11, 24, 22)


def town_with(folder: Path, more: str) -> str:
    """Rivemont's file with more in it."""
    path = folder / "rivemont.yml"
    path.write_text((COMMUNES / "rivemont.yml").read_text(encoding="utf-8") + more, encoding="utf-8")
    return str(path)


def prompts(lab: Lab, bot: Bot, record: CallRecord) -> list[str]:
    """What the bot said, turn by turn."""
    return [turn["prompt"] for turn in bot.turns(lab.linkedid(record.number))]


def request_of(lab: Lab, bot: Bot, record: CallRecord) -> dict[str, Any]:
    (request,) = bot.requests(lab.linkedid(record.number))
    return request


def manager(lab: Lab) -> dict[str, str]:
    """The settings of a bot that watches the queues."""
    return {
        "CALLBOT_AMI_HOST": "127.0.0.1",
        "CALLBOT_AMI_PORT": str(lab.town.manager_port),
        "CALLBOT_AMI_SECRET": lab.secrets["SECRET_MANAGER"],
    }


@contextmanager
def database(bot: Bot) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(bot.state / "journal.sqlite", isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()
