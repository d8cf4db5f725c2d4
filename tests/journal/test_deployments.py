"""Which model is asked for, which is in force."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from callbot.errors import JournalError
from callbot.journal.database import Database
from callbot.journal.deployments import Deployments, deployed_at
from callbot.journal.models import Audit
from callbot.journal.trainings import TrainingError

NOW = datetime(2026, 11, 23, 10, 0)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def actions(database: Database) -> list[tuple[str, str, str]]:
    return database.read(
        lambda session: [(row.account, row.action, row.about) for row in session.query(Audit).order_by("id")]
    )


def test_the_newest_deployment_that_works_is_in_force(database: Database, url: str) -> None:
    deployments = Deployments(database, lambda: NOW)
    assert deployments.in_force() is None and deployed_at(url) is None
    first = deployments.ask("learnt-1.tar.gz", "nlu-0.tar.gz", "deploy", "quentin")
    deployments.tell(first, "starting")
    with pytest.raises(TrainingError):
        deployments.ask("learnt-2.tar.gz", "nlu-0.tar.gz", "deploy", "claire")
    deployments.tell(first, "live")
    second = deployments.ask("learnt-2.tar.gz", "learnt-1.tar.gz", "deploy", "claire")
    deployments.tell(second, "failed", "no such file")
    in_force, there = deployments.in_force(), deployed_at(url)
    assert in_force == there and in_force is not None and in_force.id == first
    deployments.tell(first, "failed", "on another server")
    assert [(one.state, one.error) for one in deployments.all()] == [("failed", "no such file"), ("live", "")]
    assert ("claire", "deployed", "learnt-2.tar.gz") in actions(database)


def test_a_journal_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    assert deployed_at(f"sqlite:///{tmp_path / 'j.sqlite'}") is None
    assert not (tmp_path / "j.sqlite").exists()
    with pytest.raises(JournalError):
        deployed_at("no url")
