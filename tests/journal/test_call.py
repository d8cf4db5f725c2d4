"""A call's journal when the database is slow, locked or gone."""

import asyncio
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import Connection, create_engine

from callbot.errors import JournalError
from callbot.journal import call as call_module
from callbot.journal.call import CallJournal
from callbot.journal.outbox import Outbox
from callbot.journal.requests import Requests
from callbot.journal.store import Journal
from callbot.journal.transfers import Transfers
from callbot.types import CallInfo, Context, Draft, FiledRequest, Outcome, TurnRecord

from ..patience import PATIENCE_S

HOLE = "voirie_nid_de_poule"
INFO = CallInfo("17.0", "PJSIP/x")
AT_ONCE_S = PATIENCE_S
"""Far from what a locked database takes, which is for ever; a busy machine is waited for."""


@pytest.fixture
def journal(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.setattr("callbot.journal.database.BUSY_S", 1)
    monkeypatch.setattr(call_module, "RETRY_PAUSE_S", 0.1)
    journal = Journal(url, b"k" * 32)
    yield journal
    journal.close()


@pytest.fixture
def other(journal: Journal) -> Iterator[Connection]:
    """Another process that holds the tables of the calls, until it commits."""
    engine = create_engine(journal.database.url)
    with engine.connect() as connection:
        lock = "BEGIN EXCLUSIVE" if journal.database.dialect == "sqlite" else "LOCK calls, turns, requests"
        connection.exec_driver_sql(lock)
        yield connection
    engine.dispose()


async def test_turns_are_written_in_order_and_the_outcome_last(journal: Journal) -> None:
    call = CallJournal(journal, INFO, "Rivemont")
    for number in range(3):
        await call.record(TurnRecord(number, f"move {number}", ""))
    await call.end(Outcome("DONE", reason="goodbye"))
    (row,) = journal.calls()
    assert (row.result, row.reason) == ("DONE", "goodbye")
    assert [turn.move for turn in journal.turns(row.id)] == ["move 0", "move 1", "move 2"]


async def test_a_lock_is_waited_out_without_the_caller(journal: Journal, other: Connection) -> None:
    call = CallJournal(journal, INFO, "Rivemont")
    await asyncio.wait_for(call.record(TurnRecord(0, "greet", "")), AT_ONCE_S)
    await asyncio.sleep(0.25)
    other.commit()
    await call.end(Outcome("DONE", reason="goodbye"))
    (row,) = journal.calls()
    assert row.result == "DONE" and [turn.move for turn in journal.turns(row.id)] == ["greet"]


async def test_a_database_that_stays_locked_costs_the_caller_nothing(
    journal: Journal, other: Connection, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_module, "END_S", 0.2)
    call = CallJournal(journal, INFO, "Rivemont")
    for number in range(3):
        await asyncio.wait_for(call.record(TurnRecord(number, f"move {number}", "")), AT_ONCE_S)
        await asyncio.sleep(0.5)
    await asyncio.wait_for(call.hand_over(Context("accueil"), "standard", "asked"), AT_ONCE_S)
    await asyncio.wait_for(call.end(Outcome("TRANSFER", "standard", "asked")), AT_ONCE_S)
    assert "not written yet" in caplog.text and journal.spool.depth == 1
    other.commit()
    assert await journal.spool.catch_up(journal.put) == 1 and journal.spool.depth == 0
    (row,) = journal.calls()
    assert [turn.move for turn in journal.turns(row.id)] == ["move 0", "move 1", "move 2"]
    assert row.result == "TRANSFER" and await Transfers(journal.database).open() == ["17.0"]


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


async def test_a_request_that_cannot_be_kept_is_told(journal: Journal, other: Connection) -> None:
    call = CallJournal(journal, INFO, "Rivemont")
    await call.record(TurnRecord(0, "greet", ""))
    with pytest.raises(JournalError):
        await asyncio.wait_for(call.request(filed(HOLE, True)), 15)
    other.rollback()
    await call.end(Outcome("FAILED"))
    assert Requests(journal.database).all() == []
