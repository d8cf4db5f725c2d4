"""A call's journal when the database is slow, locked or gone."""

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from callbot.errors import JournalError
from callbot.journal import call as call_module
from callbot.journal.call import CallJournal
from callbot.journal.outbox import Outbox
from callbot.journal.requests import Requests
from callbot.journal.store import Journal
from callbot.types import CallInfo, Draft, FiledRequest, Outcome, TurnRecord

HOLE = "voirie_nid_de_poule"
INFO = CallInfo("17.0", "PJSIP/x")


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.setattr("callbot.journal.database.BUSY_S", 0.1)
    monkeypatch.setattr(call_module, "RETRY_PAUSE_S", 0.2)
    journal = Journal(f"sqlite:///{tmp_path / 'j.sqlite'}", b"k" * 32)
    yield journal
    journal.close()


@pytest.fixture
def other(tmp_path: Path, journal: Journal) -> Iterator[sqlite3.Connection]:
    """Another process that holds the database."""
    connection = sqlite3.connect(tmp_path / "j.sqlite", isolation_level=None)
    yield connection
    connection.close()


async def test_turns_are_written_in_order_and_the_outcome_last(journal: Journal) -> None:
    call = CallJournal(journal, INFO, "Rivemont")
    for number in range(3):
        await call.record(TurnRecord(number, f"move {number}", ""))
    await call.end(Outcome("DONE", reason="goodbye"))
    (row,) = journal.calls()
    assert (row.result, row.reason) == ("DONE", "goodbye")
    assert [turn.move for turn in journal.turns(row.id)] == ["move 0", "move 1", "move 2"]


async def test_a_lock_is_waited_out_without_the_caller(journal: Journal, other: sqlite3.Connection) -> None:
    other.execute("BEGIN EXCLUSIVE")
    call = CallJournal(journal, INFO, "Rivemont")
    await asyncio.wait_for(call.record(TurnRecord(0, "greet", "")), 0.05)
    await asyncio.sleep(0.25)
    other.execute("COMMIT")
    await call.end(Outcome("DONE", reason="goodbye"))
    (row,) = journal.calls()
    assert row.result == "DONE" and [turn.move for turn in journal.turns(row.id)] == ["greet"]


async def test_a_database_that_stays_locked_sends_the_call_to_a_human(
    journal: Journal, other: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    other.execute("BEGIN EXCLUSIVE")
    call = CallJournal(journal, INFO, "Rivemont")
    await asyncio.sleep(1.5)
    with pytest.raises(JournalError):
        await call.record(TurnRecord(0, "greet", ""))
    other.execute("COMMIT")
    await call.end(Outcome("FAILED", reason="fault"))
    assert "not written" in caplog.text
    assert journal.calls()[0].result == "FAILED"  # what could still be written was


def filed(intent: str, complete: bool, **known: str) -> FiledRequest:
    return FiledRequest("", intent, "voirie", tuple(known.items()), "", datetime.min, complete=complete)


async def test_a_request_is_safe_before_its_number_is_known(journal: Journal) -> None:
    call = CallJournal(journal, INFO, "Rivemont", "rivemont")
    await call.record(TurnRecord(0, "greet", ""))
    first = await call.request(filed(HOLE, False, street="rue pasteur"))
    requests = Requests(journal.database)
    assert requests.all() == [first] and not first.complete and dict(first.known) == {"street": "rue pasteur"}
    again = await call.request(filed(HOLE, True, number="17", street="rue pasteur"))
    (kept,) = requests.all()
    assert again == kept and kept.reference == first.reference and kept.complete
    assert dict(kept.known)["number"] == "17"
    other = await call.request(filed(HOLE, True, street="rue de la gare"))
    assert other.reference != first.reference, "a second hole is a second request"
    await call.end(Outcome("DONE", reason="goodbye"))


async def test_what_a_complete_request_sends_is_kept_with_it(journal: Journal) -> None:
    def hand_over(kept: FiledRequest) -> list[Draft]:
        return [Draft("open311", f"{kept.reference}-{kept.token}", {"reference": kept.reference})]

    call = CallJournal(journal, INFO, "Rivemont", "rivemont", hand_over)
    outbox = Outbox(journal.database, b"k" * 32)
    await call.request(filed(HOLE, False))
    assert outbox.all() == []
    kept = await call.request(filed(HOLE, True, street="rue pasteur"))
    ((delivery, state, _),) = outbox.all()
    assert (delivery.town, state, delivery.draft.content["reference"]) == (
        "rivemont",
        "queued",
        kept.reference,
    )
    await outbox.sent(delivery.id, "311-7")
    found = await Requests(journal.database).find("rivemont", kept.reference)
    assert found is not None and (found.state, found.remote) == ("handed_over", "311-7")
    assert await Requests(journal.database).find("petit-rivemont", kept.reference) is None
    await call.end(Outcome("DONE", reason="goodbye"))


async def test_a_request_that_cannot_be_kept_is_told(journal: Journal, other: sqlite3.Connection) -> None:
    call = CallJournal(journal, INFO, "Rivemont")
    await call.record(TurnRecord(0, "greet", ""))
    await asyncio.sleep(0.2)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError):
        await call.request(filed(HOLE, True))
    other.execute("ROLLBACK")
    await call.end(Outcome("FAILED"))
