"""A call that no server saw has its row in the journal; one that was seen has no second one."""

import asyncio
import time
from pathlib import Path

import pytest

from callbot.errors import JournalError
from callbot.journal import missed
from callbot.journal.store import Journal
from callbot.types import CallInfo


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "missed"
    missed.prepare(folder)
    return folder


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missed, "SETTLED_S", 0.1)


def note(folder: Path, name: str, dialled: str = "") -> Path:
    path = folder / name
    path.write_text(dialled)
    return path


def test_notes_become_rows(tmp_path: Path, folder: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path / 'j.sqlite'}", b"k" * 32)
    note(folder, "17.1", "0155000000")
    note(folder, "17.2", "\x00not a number")
    strange = note(folder, "17.5 'x'")

    async def work() -> list[int]:
        await journal.begin(CallInfo("17.3", "PJSIP/x"), "Rivemont")
        note(folder, "17.3")
        notes = missed.Notes(folder, journal)
        done = [await notes.collect()]
        await asyncio.sleep(0.2)
        late = note(folder, "17.4")
        done.append(await notes.collect())
        assert late.exists(), "its call may still be written down by a server that hung"
        late.unlink()
        return [*done, await notes.collect()]

    assert asyncio.run(work()) == [0, 3, 0]
    rows = {call.linkedid: call for call in journal.calls()}
    assert sorted(rows) == ["17.1", "17.2", "17.3"] and len(journal.calls()) == 3
    first = rows["17.1"]
    assert (first.called, first.result, first.reason) == ("0155000000", "FAILED", "server_away")
    assert first.started_at == first.ended_at
    assert rows["17.2"].called == ""
    assert (rows["17.3"].result, rows["17.3"].reason) == ("FAILED", "server_died"), "and has an end"
    assert list(folder.iterdir()) == [strange]
    journal.close()


def test_a_note_waits_for_the_database(tmp_path: Path, folder: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path / 'j.sqlite'}", b"k" * 32)
    path = note(folder, "17.1")
    (tmp_path / "j.sqlite").rename(tmp_path / "aside")
    notes = missed.Notes(folder, journal)
    assert asyncio.run(notes.collect()) == 0
    time.sleep(0.2)
    with pytest.raises(JournalError):
        asyncio.run(notes.collect())
    (tmp_path / "aside").rename(tmp_path / "j.sqlite")
    assert path.exists()
    assert asyncio.run(notes.collect()) == 1
    journal.close()
