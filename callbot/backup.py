"""`callbot backup` and `callbot restore`: the journal, its key and what the bot learnt, in one archive.

With them go the sound of messages that wait for somebody and the calls that wait for a journal that is away.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from callbot.doorway import status
from callbot.errors import CallbotError, SettingsError
from callbot.journal import snapshot
from callbot.settings import Settings

KIND = "callbot backup 1"
MANIFEST, JOURNAL, KEY = "manifest.json", "journal.sqlite", "journal.key"
DAMAGE = (
    *(tarfile.TarError, zlib.error, EOFError, FileNotFoundError),
    *(ValueError, LookupError, TypeError, AttributeError, RecursionError),
)
"""What reading an archive that is none may raise."""


class BackupError(CallbotError):
    """An archive can't be made, or is not what it should be."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restoration did."""

    calls: int | None
    """In the journal; None: it is in PostgreSQL and was not touched."""
    files: int
    made_at: str
    aside: Path
    """Folder of what was there before."""


def folders(settings: Settings) -> dict[str, Path]:
    """Folders of an archive, and where they belong."""
    return {
        "learned": settings.learned_path,
        "messages": settings.messages_dir,
        "spool": settings.spool_dir,
    }


def back_up(settings: Settings, target: Path) -> int:
    """Write an archive, whole or not at all, while the server goes on; returns how many files it holds.

    Raises:
        BackupError: there is nothing to copy, or the archive can't be written.
        JournalError: the journal can't be copied.
    """
    key, file = settings.state_dir / "journal.key", snapshot.sqlite_file(settings.journal_dsn)
    if not key.is_file() or (file is not None and not file.is_file()):
        raise BackupError(f"there is no journal in {settings.state_dir}, or no journal.key")
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".callbot-backup-") as folder:
            found = {KEY: key}
            if file is not None:
                found[JOURNAL] = Path(folder) / JOURNAL
                snapshot.snapshot(file, found[JOURNAL])
            for name, place in folders(settings).items():
                for path in sorted(place.rglob("*")) if place.is_dir() else ():
                    if path.is_file():
                        found[f"{name}/{path.relative_to(place).as_posix()}"] = path
            count = _write(partial, found, Path(folder))
        partial.replace(target)
    except OSError as error:
        raise BackupError(f"{target}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return count


def restore(settings: Settings, archive: Path) -> Restored:
    """Put an archive's files in their places; what was there is put aside, not deleted.

    Raises:
        BackupError: the archive is damaged, or no archive of ours, or a server is running.
        JournalError: the journal in it is damaged, or a newer version's.
    """
    with contextlib.suppress(SettingsError):
        status(settings.socket_path)
        raise BackupError("a server is running: stop it first (systemctl stop callbot callbot-console)")
    state, file = settings.state_dir, snapshot.sqlite_file(settings.journal_dsn)
    try:
        state.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=state, prefix=".callbot-restore-") as folder:
            fresh = Path(folder)
            manifest = _unpack(archive, fresh)
            calls = None
            if file is not None:
                if not (fresh / JOURNAL).is_file():
                    raise BackupError(f"{archive} holds no journal: its journal was in PostgreSQL")
                calls = snapshot.check(fresh / JOURNAL)
            elif (fresh / JOURNAL).is_file():
                raise BackupError(f"{archive} holds a SQLite journal, and journal_url names another database")
            aside = state / f"before-restore-{datetime.now():%Y%m%d-%H%M%S}"
            aside.mkdir(mode=0o700)
            places = {KEY: state / KEY, **folders(settings)}
            if file is not None:
                places[JOURNAL] = file
                for left in (f"{file.name}-wal", f"{file.name}-shm"):
                    _move(file.with_name(left), aside / left)
            for name, place in places.items():
                _move(place, aside / name)
                _move(fresh / name, place)
        _give_to_owner(state, *places.values(), aside)
    except OSError as error:
        raise BackupError(f"{error.filename or archive}: {error.strerror}") from error
    return Restored(calls, len(manifest["files"]), manifest["made_at"], aside)


def _write(target: Path, found: dict[str, Path], scratch: Path) -> int:
    """Pack these files with their hashes; one that vanishes meanwhile is left out."""
    hashes: dict[str, str] = {}
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
        with tarfile.open(fileobj=raw, mode="w:gz") as archive:
            for name, path in found.items():
                copy = scratch / "copy"  # a spool's file may grow while it is read
                try:
                    shutil.copyfile(path, copy)
                except FileNotFoundError:
                    continue
                hashes[name] = _hash(copy)
                archive.add(copy, name, filter=_private)
            manifest = {
                "kind": KIND,
                "version": metadata.version("callbot"),
                "made_at": datetime.now().astimezone().isoformat(timespec="seconds"),
                "files": hashes,
            }
            listing = scratch / MANIFEST
            listing.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            archive.add(listing, MANIFEST, filter=_private)
        raw.flush()
        os.fsync(raw.fileno())
    return len(hashes)


def _private(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode, member.uid, member.gid, member.uname, member.gname = 0o600, 0, 0, "", ""
    return member


def _unpack(archive: Path, folder: Path) -> dict[str, Any]:
    """Unpack into an empty folder; returns the manifest, which every file agrees with."""
    try:
        unpacked: set[str] = set()
        with tarfile.open(archive, "r:gz") as packed:
            for member, name in _members(packed):
                unpacked.add(name)
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                content = packed.extractfile(member)
                assert content is not None  # a file
                with content, target.open("wb") as out:
                    shutil.copyfileobj(content, out)
                target.chmod(0o600)
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = manifest["files"]
        same = manifest["kind"] == KIND and isinstance(manifest["made_at"], str) and KEY in files
        # What the manifest does not name was put in afterwards; what it names elsewhere is not looked at.
        same = same and {*files, MANIFEST} == unpacked
        same = same and all(_hash(folder / name) == hash_ for name, hash_ in files.items())
    except DAMAGE as error:
        raise BackupError(f"{archive} is damaged, or no backup of callbot: {error}") from error
    if not same:
        raise BackupError(f"{archive} is damaged: a file is not what it was")
    return dict(manifest)


def _members(packed: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """Plain files with names that we give; nothing else leaves an archive."""
    for member in packed:
        first, *rest = PurePosixPath(member.name).parts or ("",)
        ours = first in ("learned", "messages", "spool") if rest else first in (MANIFEST, JOURNAL, KEY)
        if not member.isfile() or not ours or ".." in rest:
            raise ValueError(f"{member.name} does not belong there")
        yield member, PurePosixPath(member.name).as_posix()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _move(source: Path, target: Path) -> None:
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, target)


def _give_to_owner(state: Path, *places: Path) -> None:
    """Whoever restored (root, often), the server's user owns what it works with."""
    owner = state.stat()
    for place in places:
        for path in (place, *place.rglob("*")) if place.exists() else ():
            path.chmod(0o700 if path.is_dir() else 0o600)
            if os.getuid() == 0:
                os.chown(path, owner.st_uid, owner.st_gid)
