"""A backup that was never restored is none: round trips, damage, and what must be refused."""

import asyncio
import gzip
import io
import os
import sqlite3
import stat
import tarfile
import threading
from pathlib import Path

import pytest

from callbot.backup import BackupError, back_up, restore
from callbot.doorway import listen
from callbot.errors import JournalError
from callbot.journal.privacy import load_key
from callbot.journal.store import Journal
from callbot.settings import Settings
from callbot.types import CallInfo, TurnRecord


@pytest.fixture
def settings(short_tmp: Path) -> Settings:
    """A state folder with something of everything in it."""
    settings = Settings(state_dir=short_tmp / "state")
    journal = Journal(settings.journal_dsn, load_key(settings.state_dir / "journal.key"))

    async def hold() -> None:
        call = await journal.begin(CallInfo("17.0", "c"), "Rivemont")
        await journal.turn(call, TurnRecord(0, "greet", "Bonjour."))

    asyncio.run(hold())
    journal.close()
    for name in ("learned/nlu.yml", "messages/message-1.wav", "spool/1.jsonl"):
        path = settings.state_dir / name
        path.parent.mkdir()
        path.write_text(name)
    return settings


def calls(settings: Settings) -> list[str]:
    with sqlite3.connect(settings.state_dir / "journal.sqlite") as journal:
        return [linkedid for (linkedid,) in journal.execute("select linkedid from calls")]


def test_what_is_backed_up_can_be_restored(settings: Settings, tmp_path: Path) -> None:
    archive = tmp_path / "b.tar.gz"
    assert back_up(settings, archive) == 5
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600 and os.listdir(tmp_path) == ["b.tar.gz"]  # noqa: PTH208
    key = (settings.state_dir / "journal.key").read_bytes()
    with sqlite3.connect(settings.state_dir / "journal.sqlite") as journal:
        journal.execute("delete from turns")
        journal.execute("delete from calls")
    (settings.state_dir / "journal.key").write_bytes(b"x" * 32)
    (settings.state_dir / "learned" / "nlu.yml").write_text("spoilt")
    (settings.state_dir / "learned" / "later.yml").write_text("of after the backup")
    done = restore(settings, archive)
    assert (done.calls, done.files) == (1, 5) and calls(settings) == ["17.0"]
    assert (settings.state_dir / "journal.key").read_bytes() == key
    for name in ("learned/nlu.yml", "messages/message-1.wav", "spool/1.jsonl"):
        assert (settings.state_dir / name).read_text() == name
    assert not (settings.state_dir / "learned" / "later.yml").exists()
    assert (done.aside / "learned" / "later.yml").read_text() == "of after the backup"
    journal_again = Journal(settings.journal_dsn, key)
    assert len(journal_again.turns(1)) == 1
    journal_again.close()


def test_a_backup_is_taken_while_calls_are_written(settings: Settings, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        journal = Journal(settings.journal_dsn, b"k" * 32)
        number = 0
        while not stop.is_set():
            number += 1
            asyncio.run(journal.begin(CallInfo(f"{number}.1", "c"), "Rivemont"))
        journal.close()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        back_up(settings, tmp_path / "b.tar.gz")
    finally:
        stop.set()
        writing.join()
    fresh = Settings(state_dir=settings.state_dir.with_name("other"))
    done = restore(fresh, tmp_path / "b.tar.gz")
    assert done.calls == len(calls(fresh)) <= len(calls(settings))


def test_nothing_is_restored_under_a_running_server(settings: Settings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "b.tar.gz")
    with listen(settings.socket_path) as listener:

        def answer() -> None:
            listener.setblocking(True)
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b'{"rasa": true, "calls": 0}\n')

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(BackupError, match="a server is running"):
            restore(settings, tmp_path / "b.tar.gz")
        answering.join()
    assert calls(settings) == ["17.0"]


def repacked(archive: Path, change: dict[str, bytes], extra: tarfile.TarInfo | None = None) -> None:
    """The same archive with some files changed."""
    with tarfile.open(archive) as packed:
        files = {member.name: packed.extractfile(member).read() for member in packed}  # type: ignore[union-attr]
    with tarfile.open(archive, "w:gz") as packed:
        if extra is not None:
            packed.addfile(extra, io.BytesIO())
        for name, content in (files | change).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))


def held(folder: Path) -> list[Path]:
    """All that lies there but what SQLite lays beside a database while a connection is open."""
    return sorted(path for path in folder.rglob("*") if not path.name.endswith(("-shm", "-wal")))


def test_a_damaged_archive_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    archive = tmp_path / "b.tar.gz"
    back_up(settings, archive)
    whole = archive.read_bytes()
    link = tarfile.TarInfo("learned/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    before = held(settings.state_dir)
    for spoil in (
        lambda: archive.write_bytes(whole[: len(whole) // 2]),
        lambda: archive.write_bytes(b"no archive"),
        lambda: archive.write_bytes(gzip.compress(b"no archive")),
        lambda: repacked(archive, {"journal.key": b"y" * 32}),
        lambda: repacked(archive, {"../evil": b""}),
        lambda: repacked(archive, {"learned/../../evil": b""}),
        lambda: repacked(archive, {"/etc/evil": b""}),
        lambda: repacked(archive, {}, link),
    ):
        archive.write_bytes(whole)
        spoil()
        with pytest.raises(BackupError, match="damaged"):
            restore(settings, archive)
        assert held(settings.state_dir) == before and calls(settings) == ["17.0"]
    assert not list(settings.state_dir.parent.rglob("evil"))


def test_a_journal_of_a_newer_version_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    with sqlite3.connect(settings.state_dir / "journal.sqlite") as journal:
        journal.execute("update alembic_version set version_num = '9999'")
    back_up(settings, tmp_path / "b.tar.gz")
    with pytest.raises(JournalError, match="9999"):
        restore(settings, tmp_path / "b.tar.gz")


def test_where_there_is_nothing_nothing_is_backed_up(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no journal"):
        back_up(Settings(state_dir=tmp_path), tmp_path / "b.tar.gz")
    assert not (tmp_path / "b.tar.gz").exists()


def test_an_archive_that_cannot_be_written_is_said(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="No such file"):
        back_up(settings, tmp_path / "missing" / "b.tar.gz")


def test_without_its_sqlite_journal_an_archive_serves_postgresql(settings: Settings, tmp_path: Path) -> None:
    away = Settings(state_dir=settings.state_dir, journal_url="postgresql://callbot@127.0.0.1:9/callbot")
    assert back_up(away, tmp_path / "b.tar.gz") == 4
    assert restore(away, tmp_path / "b.tar.gz").calls is None
    with pytest.raises(BackupError, match="PostgreSQL"):
        restore(settings, tmp_path / "b.tar.gz")
