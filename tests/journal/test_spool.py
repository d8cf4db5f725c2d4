"""Whatever becomes of database, disk or process: what happened in a call gets into the journal."""

import asyncio
import json
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from callbot.errors import JournalError
from callbot.journal import call as call_module
from callbot.journal.call import CallJournal
from callbot.journal.privacy import pseudonym
from callbot.journal.requests import Requests
from callbot.journal.spool import Entry, erase
from callbot.journal.store import Journal
from callbot.types import CallInfo, Outcome, TurnRecord

from ..patience import PATIENCE_S
from .conftest import Postgres

KEY = b"k" * 32
INFO = CallInfo("17.0", "PJSIP/x", "0612345678")
DONE = Outcome("DONE", reason="goodbye")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbot.journal.database.BUSY_S", 1)
    monkeypatch.setattr(call_module, "RETRY_PAUSE_S", 0.05)
    monkeypatch.setattr(call_module, "END_S", 0.2)


@contextmanager
def opened(url: str, spool: Path | None) -> Iterator[Journal]:
    journal = Journal(url, KEY, spool, patient=True)
    yield journal
    journal.close()


async def hold(journal: Journal, info: CallInfo = INFO, turns: int = 2) -> None:
    """A call, from beginning to end."""
    call = CallJournal(journal, info, "Rivemont")
    for number in range(turns):
        await asyncio.wait_for(call.record(TurnRecord(number, f"move {number}", "")), PATIENCE_S)
    await asyncio.wait_for(call.end(DONE), PATIENCE_S)


def kept(journal: Journal) -> list[tuple[str, str | None, list[str]]]:
    return [
        (call.linkedid, call.result, [turn.move for turn in journal.turns(call.id)])
        for call in journal.calls()
    ]


WHOLE = [("17.0", "DONE", ["move 0", "move 1"])]

DIES = """
import asyncio, os, signal, sys
from pathlib import Path
from callbot.journal.call import CallJournal
from callbot.journal.store import Journal
from callbot.types import CallInfo, TurnRecord

async def main():
    journal = Journal(sys.argv[1], b"k" * 32, Path(sys.argv[2]))
    call = CallJournal(journal, CallInfo("17.0", "c"), "Rivemont")
    for number in range(5):
        await call.record(TurnRecord(number, f"move {number}", ""))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_process_killed_the_next_instant_has_kept_every_turn(url: str, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    dead = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", DIES, url, str(spool)], timeout=PATIENCE_S
    )
    assert dead.returncode == -signal.SIGKILL
    assert len(list(spool.iterdir())) == 1
    with opened(url, spool) as journal:
        await journal.spool.find()
        assert await journal.spool.catch_up(journal.put) == 1
        (row,) = journal.calls()
        assert [turn.number for turn in journal.turns(row.id)] == [0, 1, 2, 3, 4]
        assert (row.result, row.reason) == ("FAILED", "server_died"), "as the dialplan has it"
    assert list(spool.iterdir()) == []


async def test_nothing_is_left_behind_when_all_goes_well(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path / "spool") as journal:
        await hold(journal)
        assert kept(journal) == WHOLE and journal.spool.depth == 0
    assert list((tmp_path / "spool").iterdir()) == []


async def test_a_postgresql_that_is_stopped_gets_the_calls_when_it_is_back(
    postgres: Postgres, tmp_path: Path
) -> None:
    with opened(postgres.database(), tmp_path / "spool") as journal:
        before = CallJournal(journal, CallInfo("16.0", "c"), "Rivemont")
        await before.record(TurnRecord(0, "move 0", ""))
        await before._written()
        await asyncio.to_thread(postgres.stop)
        try:
            await before.record(TurnRecord(1, "move 1", ""))
            await before.end(DONE)
            await hold(journal)
            assert await journal.spool.catch_up(journal.put) == 0 and journal.spool.depth == 2
            (first, _) = sorted((tmp_path / "spool").iterdir())
            assert stat.S_IMODE(first.stat().st_mode) == 0o600
            assert INFO.number not in "".join(path.read_text() for path in first.parent.iterdir())
        finally:
            await asyncio.to_thread(postgres.start)
        assert await journal.spool.catch_up(journal.put) == 2
        assert kept(journal) == [("16.0", "DONE", ["move 0", "move 1"]), *WHOLE]


async def test_a_server_starts_while_postgresql_is_stopped(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.database("template0")  # without tables, moreover
    await asyncio.to_thread(postgres.stop)
    try:
        with pytest.raises(JournalError, match="can't be opened"):
            Journal(url, KEY)
        journal = Journal(url, KEY, tmp_path / "spool", patient=True)
        await hold(journal)
        assert journal.spool.depth == 1
    finally:
        await asyncio.to_thread(postgres.start)
    assert await journal.spool.catch_up(journal.put) == 1 and kept(journal) == WHOLE
    journal.close()


async def test_a_sqlite_file_that_is_taken_away_gets_the_calls_when_it_is_back(tmp_path: Path) -> None:
    file, aside = tmp_path / "j.sqlite", tmp_path / "aside.sqlite"
    with opened(f"sqlite:///{file}", tmp_path / "spool") as journal:
        await hold(journal, CallInfo("16.0", "c"), 1)
        file.rename(aside)
        await hold(journal)
        assert journal.spool.depth == 1 and not file.exists(), "nor is an empty one begun in its place"
        aside.rename(file)
        assert await journal.spool.catch_up(journal.put) == 1
        assert kept(journal) == [("16.0", "DONE", ["move 0"]), *WHOLE]


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can grow beyond this many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "room", [10_000, 700, 0], ids=["spool writable", "spool filling up", "nothing at all"]
)
async def test_a_full_disk_costs_neither_call_nor_record(tmp_path: Path, room: int) -> None:
    with opened(f"sqlite:///{tmp_path / 'j.sqlite'}", tmp_path / "spool") as journal:
        await hold(journal, CallInfo("15.0", "c"), 1)
        journal.database.write_now(
            lambda session: session.connection().exec_driver_sql("PRAGMA wal_checkpoint")
        )
        with full_disk(room):
            await hold(journal)
            with pytest.raises(JournalError):
                await journal.put(0, journal.begin_entry(INFO, "Rivemont"))
        lines = [line for path in (tmp_path / "spool").iterdir() for line in path.read_text().splitlines()]
        assert [json.loads(line)["kind"] for line in lines] == ["begin", "turn", "turn", "end"][: len(lines)]
        assert (len(lines) == 4) == (room == 10_000)
        assert await journal.spool.catch_up(journal.put) == 1
        assert kept(journal) == [("15.0", "DONE", ["move 0"]), *WHOLE]
    assert list((tmp_path / "spool").iterdir()) == []


async def test_what_is_caught_up_with_twice_is_there_once(url: str, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with opened(url, spool) as journal:
        call = CallJournal(journal, INFO, "Rivemont")
        await call.record(TurnRecord(0, "move 0", ""))
        await call.record(TurnRecord(1, "move 1", ""))
        (file,) = spool.iterdir()
        copy = file.read_bytes()
        await journal.spool.find()
        assert await journal.spool.catch_up(journal.put) == 0, "a call in progress is its own business"
        await call.end(DONE)
        for _ in range(2):
            file.write_bytes(copy)
            await journal.spool.find()
            assert await journal.spool.catch_up(journal.put) == 1
        assert [moves for _, _, moves in kept(journal)] == [["move 0", "move 1"]]


async def test_a_try_that_arrives_after_all_while_the_next_is_made_loses_nothing(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The database was slow: the first try's row is there only after the second has looked for it."""
    with opened(url, tmp_path / "spool") as journal:
        sheet = journal.spool.sheet()
        for entry in (journal.begin_entry(INFO, "Rivemont"), journal.turn_entry(TurnRecord(0, "move 0", ""))):
            await sheet.add(entry)
        late: list[bool] = []

        async def put(call_id: int, entry: Entry, again: bool) -> int:
            if late:
                late.pop()
                call_id = await journal.put(call_id, entry, again=True)
                return await journal.put(call_id, entry, again=False)  # as if nothing had been seen
            return await journal.put(call_id, entry, again)

        while sheet.entries:
            late.append(True)
            await sheet.put(put, again=True)
        await journal.spool.finish(sheet)
        assert [(linkedid, moves) for linkedid, _, moves in kept(journal)] == [("17.0", ["move 0"])]
    assert "left out" not in caplog.text


async def test_what_cannot_be_read_or_written_stops_nothing_else(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    with opened(url, spool) as journal:
        begin, turn = journal.begin_entry(INFO, "Rivemont"), journal.turn_entry(TurnRecord(0, "move 0", ""))
        nameless = {**turn, "number": None, "utterance": "secret words"}
        lines = "\n".join(json.dumps(entry) for entry in (begin, nameless, turn))
        (spool / "1.jsonl").write_text(lines + '\n{"kind": "turn", "numb')
        (spool / "0.jsonl").write_text("no call\n")
        await journal.spool.find()
        await journal.spool.catch_up(journal.put)
        assert kept(journal) == [("17.0", "FAILED", ["move 0"])]
    assert [path.name for path in spool.iterdir()] == ["0.jsonl"]
    assert "left out" in caplog.text and "secret" not in caplog.text


async def test_a_caller_who_is_forgotten_leaves_the_spool_too(tmp_path: Path) -> None:
    spool, file = tmp_path / "spool", tmp_path / "j.sqlite"
    with opened(f"sqlite:///{file}", spool) as journal:
        file.rename(tmp_path / "aside")
        await hold(journal)
        await hold(journal, CallInfo("18.0", "c", "0687654321"))
        assert erase(spool, [pseudonym(INFO.number, KEY)[0]]) == 1
        (other,) = spool.iterdir()
        assert "18.0" in other.read_text()
        (tmp_path / "aside").rename(file)
        await journal.spool.catch_up(journal.put)
        assert [linkedid for linkedid, _, _ in kept(journal)] == ["18.0"]


async def test_two_servers_that_start_together_make_the_tables_once(
    tmp_path: Path, postgres: Postgres
) -> None:
    code = "import sys; from callbot.journal.database import Database; Database(sys.argv[1])"
    for empty in (f"sqlite:///{tmp_path / 'new.sqlite'}", postgres.database("template0")):
        starting = [await asyncio.create_subprocess_exec(sys.executable, "-c", code, empty) for _ in range(3)]
        assert [await process.wait() for process in starting] == [0, 0, 0]
        with opened(empty, None) as journal:
            assert journal.count() == 0 and Requests(journal.database).all() == []


def test_the_tables_are_those_that_the_program_knows(url: str) -> None:
    """Models and migrations agree, on both databases; the oldest columns may be empty in older rows."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from callbot.journal.models import Base

    with opened(url, None) as journal:
        difference = journal.database.read(
            lambda session: compare_metadata(MigrationContext.configure(session.connection()), Base.metadata)
        )
    other = [one for one in difference if not isinstance(one, list) or one[0][0] != "modify_nullable"]
    assert other == []


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    async def calls(journal: Journal) -> None:
        for _ in range(20):
            await hold(journal)

    with opened(f"sqlite:///{tmp_path / 'j.sqlite'}", tmp_path / "spool") as journal:
        asyncio.run(hold(journal))
        before = len(list(Path("/proc/self/fd").iterdir()))
        asyncio.run(calls(journal))
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


async def test_a_disk_that_has_room_again_is_written_to_before_anything_else_happens(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'j.sqlite'}", tmp_path / "spool") as journal:
        running = asyncio.create_task(journal.spool.run(journal.put))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            call = CallJournal(journal, INFO, "Rivemont")
            await call.record(TurnRecord(0, "greet", ""))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        (file,) = (tmp_path / "spool").iterdir()
        async with asyncio.timeout(PATIENCE_S):
            while file.read_text().count("\n") < 2:  # noqa: ASYNC110 (a file)
                await asyncio.sleep(0.1)
        await call.end(DONE)
        running.cancel()
