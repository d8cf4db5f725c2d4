"""The journal."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from callbot.errors import JournalError
from callbot.journal.privacy import load_key, pseudonym
from callbot.journal.requests import Requests
from callbot.journal.store import Journal
from callbot.types import CallInfo, Hypothesis, IntentScore, Outcome, TurnRecord

NUMBER = "0612345678"


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    journal = Journal(url, b"k" * 32)
    yield journal
    journal.close()


async def test_a_call_and_its_turns_are_kept(journal: Journal) -> None:
    call = await journal.begin(CallInfo("17.0", "PJSIP/x", NUMBER, "Durand", "0261911200"), "Rivemont")
    await journal.turn(
        call,
        TurnRecord(
            1, "answer:piscine_tarif", "Trois euros.", "speech", "la piscine",
            (Hypothesis("la piscine", 1.0),), (IntentScore("piscine_tarif", 0.9),), True, 12.0, 6.0, 25.0,
        ),
    )  # fmt: skip
    await journal.end(call, Outcome("TRANSFER", "standard", "asked"))
    (row,) = journal.calls()
    assert (row.linkedid, row.result, row.destination, row.reason) == (
        "17.0",
        "TRANSFER",
        "standard",
        "asked",
    )
    assert row.ended_at is not None and row.ended_at >= row.started_at
    (turn,) = journal.turns(call)
    assert (turn.intent, turn.confidence, turn.barge_in) == ("piscine_tarif", 0.9, True)
    assert turn.nbest == [["la piscine", 1.0]] and turn.ranking == [["piscine_tarif", 0.9]]
    assert journal.count() == 1


async def test_every_stage_and_version_is_kept(journal: Journal) -> None:
    versions = {"callbot": "0.1.0", "speech": "fr-telephone", "town": "rivemont-1"}
    call = await journal.put(0, journal.begin_entry(CallInfo("17.0", "c"), "Rivemont", versions))
    turn = TurnRecord(1, "greet", "", "speech", endpoint_ms=300, decode_ms=12, nlu_ms=6, voice_ms=2)
    await journal.turn(call, replace(turn, think_ms=9, model="nlu-1.tar.gz"))
    (row,), (kept,) = journal.calls(), journal.turns(call)
    assert row.versions == versions and kept.model == "nlu-1.tar.gz"
    stages = (kept.endpoint_ms, kept.decode_ms, kept.nlu_ms, kept.voice_ms, kept.think_ms)
    assert stages == (300, 12, 6, 2, 9)


async def test_what_no_column_holds_is_cut_and_never_lost(journal: Journal) -> None:
    """PostgreSQL refuses what SQLite takes: a NUL, half a letter, a name too long."""
    called = "0" * 200
    call = await journal.begin(CallInfo("17\0.0", "c", called=called), "Rivemont")
    await journal.turn(call, TurnRecord(0, "m" * 500, "bon\0jour \ud800", utterance="\0"))
    (row,), (turn,) = journal.calls(), journal.turns(call)
    assert (row.linkedid, len(row.called), len(turn.move)) == ("17.0", 80, 160)
    assert (turn.prompt, turn.utterance) == ("bonjour ?", "")


async def test_a_turn_is_on_disk_at_once(tmp_path: Path) -> None:
    """Another process sees it without the journal being closed; SQLite is in WAL mode."""
    journal = Journal(f"sqlite:///{tmp_path / 'j.sqlite'}", b"k" * 32)
    call = await journal.begin(CallInfo("1", "c"), "Rivemont")
    await journal.turn(call, TurnRecord(0, "greet", "Bonjour."))
    with sqlite3.connect(tmp_path / "j.sqlite") as other:
        assert other.execute("select move from turns").fetchall() == [("greet",)]
        assert other.execute("pragma journal_mode").fetchone() == ("wal",)


async def test_no_number_and_no_name_is_written(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path / 'j.sqlite'}", b"k" * 32)
    await journal.begin(CallInfo("1", "c", NUMBER, "Jeanne Durand"), "Rivemont")
    journal.close()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert NUMBER.encode() not in written and b"Durand" not in written
    assert journal.calls()[0].caller_last2 == "78"


async def test_the_same_turn_twice_is_an_error_without_what_was_said(journal: Journal) -> None:
    call = await journal.begin(CallInfo("1", "c"), "Rivemont")
    await journal.turn(call, TurnRecord(0, "greet", "Bonjour."))
    with pytest.raises(JournalError) as caught:
        await journal.turn(call, TurnRecord(0, "greet", "secret words"))
    assert "secret" not in str(caught.value)


def test_a_journal_that_cannot_be_opened_is_one_clear_line() -> None:
    away = "postgresql://callbot:secret@127.0.0.1:9/callbot"
    for url in (
        "sqlite:////dev/null/nowhere/j.sqlite",
        "nonsense",
        "postgresql+missing://x",
        "mysql://x",
        away,
    ):
        with pytest.raises(JournalError) as caught:
            Journal(url, b"k" * 32)
        assert "\n" not in str(caught.value) and "secret" not in str(caught.value)


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "journal.key"
    key = load_key(path)
    assert len(key) == 32 and load_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(b"short")
    with pytest.raises(JournalError, match="too short"):
        load_key(tmp_path / "k")


def test_one_caller_is_one_pseudonym_however_written() -> None:
    key = b"k" * 32
    writings = {
        pseudonym(text, key) for text in ("0612345678", "06 12 34 56 78", "+33612345678", "0033612345678")
    }
    assert len(writings) == 1
    assert pseudonym("0612345678", b"other" * 8)[0] != pseudonym("0612345678", key)[0]
    assert pseudonym("", key) == pseudonym("anonymous", key) == ("", "")


async def test_an_older_versions_file_goes_on(tmp_path: Path) -> None:
    """Journals from before there were migrations: some lack columns, some a table; nothing is lost."""
    file = tmp_path / "j.sqlite"
    Journal(f"sqlite:///{file}", b"k" * 32).close()
    with sqlite3.connect(file) as old:
        old.executescript(
            """
            alter table turns drop column foreseen;
            drop table alembic_version;
            alter table turns drop column model; alter table turns drop column begins_ms;
            alter table turns drop column ends_ms;
            alter table turns drop column endpoint_ms; alter table turns drop column voice_ms;
            drop index calls_once; alter table calls drop column once;
            alter table calls drop column versions; alter table calls drop column recording;
            drop table figures; drop table purges; drop table unanswered; drop table questions;
            drop table deployments; drop table proposals; drop table trainings; drop table reviews;
            drop table samples; drop table raw_turns;
            drop table events; drop table queues; drop table audit; drop table logins; drop table accounts;
            drop table transfers;
            drop table deliveries;
            drop table requests;
            create table requests (id integer primary key, call_id integer not null references calls (id),
                at datetime not null, intent varchar(80) not null, slots json not null,
                complete boolean not null, unique (call_id, intent));
            insert into calls (id, linkedid, started_at, called, town, caller_hash, caller_last2,
                destination, reason) values (1, '1.0', '2026-11-01 10:00:00', '', 'Rivemont', '', '', '', '');
            insert into requests values
                (4, 1, '2026-11-01 10:01:00', 'voirie_nid_de_poule', '{"number": "17"}', 1);
            """
        )
    journal = Journal(f"sqlite:///{file}", b"k" * 32)
    (kept,) = Requests(journal.database).all()
    assert (kept.reference, kept.known, kept.state) == ("1004", (("number", "17"),), "received")
    call = await journal.begin(CallInfo("17.0", "PJSIP/x"), "Rivemont")
    await journal.turn(call, TurnRecord(0, "greet", "", foreseen=True))
    assert journal.turns(call)[0].foreseen
    journal.close()


def test_a_newer_versions_file_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'j.sqlite'}"
    Journal(url, b"k" * 32).close()
    with sqlite3.connect(tmp_path / "j.sqlite") as newer:
        newer.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(JournalError, match="9999"):
        Journal(url, b"k" * 32)


def test_nobody_else_reads_the_file(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        journal = Journal(f"sqlite:///{tmp_path / 'journal.sqlite'}", b"key")
    finally:
        os.umask(before)
    assert journal.count() == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("journal.sqlite*")}
    journal.close()
    assert "journal.sqlite-wal" in modes and set(modes.values()) == {0o600}
