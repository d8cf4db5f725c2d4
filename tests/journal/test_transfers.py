"""Transfers and queues."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from callbot.journal.events import Events
from callbot.journal.models import QueueState, Transfer
from callbot.journal.store import Journal
from callbot.journal.transfers import Transfers
from callbot.types import CallInfo

NOON = datetime(2026, 11, 23, 12)
ONE = "PJSIP/operateur1"


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    journal = Journal(url, b"k" * 32)
    yield journal
    journal.close()


@pytest.fixture
def transfers(journal: Journal) -> Transfers:
    return Transfers(journal.database)


async def begin(journal: Journal, linkedid: str = "17.0", queue: str = "standard") -> int:
    call = await journal.begin(CallInfo(linkedid, "PJSIP/x", "0612345678"), "Rivemont")
    transfers = Transfers(journal.database)
    return await transfers.begin(
        call, linkedid, "rivemont", "etat_civil", queue, "not_understood", "etat_civil_acte", "fr"
    )


def row(journal: Journal, id: int) -> Transfer:
    return journal.database.read(lambda session: session.get_one(Transfer, id))


def told(journal: Journal) -> list[tuple[str, str]]:
    return [
        (kind, ref) for _, kind, ref in Events(journal.database).since(0) if kind in ("transfer", "queue")
    ]


async def test_it_is_written_before_the_call_moves(journal: Journal) -> None:
    id = await begin(journal)
    kept = row(journal, id)
    assert (kept.linkedid, kept.town, kept.service, kept.queue) == (
        "17.0",
        "rivemont",
        "etat_civil",
        "standard",
    )
    assert (kept.reason, kept.intent, kept.language) == ("not_understood", "etat_civil_acte", "fr")
    assert (kept.state, kept.operator, kept.judged) == ("announced", "", "")
    assert told(journal) == [("transfer", str(id))]


@pytest.mark.parametrize(
    ("steps", "state", "operator", "answered", "ended"),
    [
        ([("waiting", ""), ("ringing", ONE)], "ringing", ONE, None, None),
        ([("waiting", ""), ("ringing", ONE), ("waiting", "")], "waiting", "", None, None),
        ([("waiting", ""), ("answered", ONE)], "answered", ONE, 1, None),
        ([("answered", ONE), ("ended", ONE), ("ended", "")], "ended", ONE, 0, 1),
        ([("answered", ONE), ("ended", "")], "ended", ONE, 0, 1),
        (
            [("answered", ONE), ("unanswered", ""), ("waiting", ""), ("abandoned", "")],
            "answered",
            ONE,
            0,
            None,
        ),
        ([("waiting", ""), ("abandoned", ""), ("unanswered", ""), ("ended", "")], "abandoned", "", None, 1),
        ([("waiting", ""), ("unanswered", ""), ("ended", "")], "unanswered", "", None, 1),
        ([("unanswered", ""), ("waiting", ""), ("answered", ONE)], "unanswered", "", None, 0),
        ([("ended", "")], "abandoned", "", None, 0),
        ([("ended", ONE)], "ended", ONE, None, 0),
    ],
)
async def test_what_becomes_of_it(
    journal: Journal,
    transfers: Transfers,
    steps: list[tuple[str, str]],
    state: str,
    operator: str,
    answered: int | None,
    ended: int | None,
) -> None:
    id = await begin(journal)
    for minute, (become, who) in enumerate(steps):
        await transfers.update("17.0", become, who, NOON + timedelta(minutes=minute))
    kept = row(journal, id)
    assert (kept.state, kept.operator) == (state, operator)
    assert kept.answered_at == (None if answered is None else NOON + timedelta(minutes=answered))
    assert kept.ended_at == (None if ended is None else NOON + timedelta(minutes=ended))


async def test_the_newest_of_a_call_is_meant_and_others_are_nobodys_business(
    journal: Journal, transfers: Transfers
) -> None:
    first = await begin(journal)
    await transfers.update("17.0", "unanswered")
    second = await begin(journal)
    other = await begin(journal, "18.0")
    await transfers.update("17.0", "answered", ONE)
    await transfers.update("99.9", "answered", ONE)
    assert [row(journal, id).state for id in (first, second, other)] == [
        "unanswered",
        "answered",
        "announced",
    ]
    assert sorted(await transfers.open()) == ["17.0", "18.0"]


async def test_followers_hear_of_changes_only(journal: Journal, transfers: Transfers) -> None:
    id = await begin(journal)
    for _ in range(2):
        await transfers.update("17.0", "ringing", ONE)
    await transfers.update("99.9", "ringing", ONE)
    assert told(journal) == [("transfer", str(id))] * 2


async def test_a_queue_is_told_of_when_it_changes(journal: Journal, transfers: Transfers) -> None:
    free = [{"interface": ONE, "name": "Anne", "state": "free"}]
    busy = [{"interface": ONE, "name": "Anne", "state": "busy"}]
    await transfers.set_queue("standard", 0, 0, free)
    await transfers.set_queue("standard", 0, 0, free)
    assert len(told(journal)) == 1
    await transfers.set_queue("standard", 1, 5, free)
    await transfers.set_queue("standard", 1, 6, free)  # the same caller, as far as one can tell
    assert len(told(journal)) == 2
    await transfers.set_queue("standard", 1, 60, free)
    await transfers.set_queue("standard", 1, 60, busy)
    assert told(journal) == [("queue", "standard")] * 4
    (kept,) = journal.database.read(lambda session: list(session.scalars(select(QueueState))))
    assert (kept.waiting, kept.longest_wait_s, kept.members) == (1, 60, busy)


async def test_a_number_is_kept_until_the_caller_was_called_back(journal: Journal) -> None:
    transfers = Transfers(journal.database)
    call = await journal.begin(CallInfo("17.0", "PJSIP/x", "0612345678"), "Rivemont")
    kept, done, withheld = [
        await transfers.begin(call, "17.0", "rivemont", "accueil", "standard", "asked", phone=phone)
        for phone in ("0612345678", "0612345678", "")
    ]

    def change(session: Session) -> None:
        session.get_one(Transfer, done).called_back = True

    journal.database.write_now(change)
    assert row(journal, done).phone == "0612345678" and row(journal, withheld).phone is None
    assert await transfers.forget_numbers() == 1
    assert [row(journal, id).phone for id in (kept, done, withheld)] == ["0612345678", None, None]
    assert await transfers.forget_numbers() == 0
