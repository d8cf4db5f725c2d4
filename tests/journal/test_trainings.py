"""Trainings in the journal, and what was reviewed."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from callbot.journal.database import Database
from callbot.journal.models import Call, Review, Turn
from callbot.journal.trainings import CANCELLED, INTERRUPTED, TrainingError, Trainings, reviewed

NOW = datetime(2026, 11, 23, 10, 0)
BIRTH, MARRIAGE = "etat_civil_acte_naissance_copie", "etat_civil_acte_mariage_copie"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def add(database: Database, *rows: Any) -> int:
    def write(session: Any) -> int:
        session.add_all(rows)
        session.flush()
        return int(rows[-1].id)

    return database.write_now(write)


def turn(database: Database, words: str, number: int = 1) -> int:
    call = add(database, Call(linkedid="1.0", started_at=NOW))
    return add(database, Turn(call_id=call, number=number, at=NOW, heard="speech", utterance=words))


def test_one_training_at_a_time(database: Database) -> None:
    trainings = Trainings(database, lambda: NOW)
    first = trainings.ask("quentin")
    with pytest.raises(TrainingError):
        trainings.ask("claire")
    queued = trainings.queued()
    assert queued is not None and queued.id == first
    assert trainings.advance(first, "training", 0.25, model="learnt-1.tar.gz", data="1")
    assert trainings.queued() is None
    running = trainings.running()
    assert running is not None and (running.progress, running.model) == (0.25, "learnt-1.tar.gz")
    assert trainings.end(first, "passed", {"passed": True})
    done = trainings.get(first)
    assert done is not None and done.progress == 1 and done.ended_at == NOW and not done.running
    assert trainings.ask("claire") > first


def test_a_cancelled_training_stays_so(database: Database) -> None:
    trainings = Trainings(database, lambda: NOW)
    id = trainings.ask("quentin")
    assert trainings.cancel(id, "claire") and not trainings.cancel(id, "claire")
    assert not trainings.advance(id, "judging", 0.9)
    assert not trainings.end(id, "passed", {})
    row = trainings.get(id)
    assert row is not None and (row.state, row.error) == ("failed", CANCELLED)


def test_what_nobody_runs_any_more_has_failed(database: Database) -> None:
    trainings = Trainings(database, lambda: NOW)
    id = trainings.ask("quentin")
    assert trainings.interrupt() == 0, "one that waits can still begin"
    trainings.advance(id, "calibrating", 0.5)
    assert trainings.interrupt() == 1
    row = trainings.get(id)
    assert row is not None and (row.state, row.error, row.ended_at) == ("failed", INTERRUPTED, NOW)


def test_what_was_reviewed_last_counts(database: Database) -> None:
    words = turn(database, "un acte  pour mon fils")
    other = turn(database, "je veux nager")
    for account, intent in (("quentin", MARRIAGE), ("claire", BIRTH)):
        add(database, Review(turn_id=words, at=NOW, account=account, intent=intent))
    add(database, Review(turn_id=other, at=NOW, account="quentin", intent="gone"))
    assert reviewed(database, [BIRTH, MARRIAGE]) == [("un acte pour mon fils", BIRTH)]
