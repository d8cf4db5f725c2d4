"""`callbot privacy`: what is too old is deleted; what is kept of one caller is handed out, or erased."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from callbot.commands.shared import console, load_settings, open_database
from callbot.errors import JournalError, SettingsError

if TYPE_CHECKING:
    from callbot.journal.database import Database
    from callbot.journal.erasure import Caller, Erased
    from callbot.journal.retention import Folders
    from callbot.settings import Settings

app = typer.Typer(help="Personal data: deleted in time, handed out, erased.", no_args_is_help=True)

Number = Annotated[str, typer.Argument(help="The caller's number: 0612345678, +33 6 12 34 56 78...")]
KINDS = {
    "calls": "appels",
    "turns": "tours de parole",
    "requests": "demandes et messages",
    "deliveries": "envois",
    "transfers": "transferts",
    "sounds": "sons",
    "spool": "appels en attente d'écriture",
    "recordings": "enregistrements d'appels",
    "messages": "sons de messages",
    "said_back": "sons de phrases redites",
    "raw_words": "paroles non masquées",
    "transcripts": "appels rendus anonymes",
    "proposals": "phrases proposées",
    "logins": "sessions expirées",
    "audit": "lignes du journal d'audit",
    "purges": "comptes rendus de purge",
    "numbers": "numéros et notes de transferts",
}


@app.command()
def purge(
    dry_run: Annotated[bool, typer.Option(help="Count what would go, delete nothing.")] = False,
) -> None:
    """Delete what is older than the settings allow; the server does so every day."""
    from callbot.journal.database import now
    from callbot.journal.retention import Folders, Limits
    from callbot.journal.retention import purge as delete

    settings = load_settings()
    with open_database(settings) as database:
        counts = delete(database, Limits.of(settings), Folders.of(settings), now(), dry_run=dry_run)
    _tell("à supprimer" if dry_run else "supprimé", counts)


@app.command()
def export(
    number: Number,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A .zip with the sounds, or a .json without.")
    ] = Path("export.zip"),
) -> None:
    """Write all that is kept of one caller into a file that only you may read; exit code 1 if nothing is."""
    if out.suffix not in (".zip", ".json"):
        raise SettingsError(f"{out}: .zip or .json")
    with _caller(number) as (caller, _):
        found = caller.export()
    if found is None:
        console.print("rien n'est conservé sous ce numéro", highlight=False)
        raise typer.Exit(1)
    _write(out, *found)
    console.print(f"exporté : {out}", highlight=False, markup=False)


@app.command()
def erase(number: Number, yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False) -> None:
    """Erase all that is kept of one caller; exit code 1 if nothing is."""
    with _caller(number) as (caller, settings):
        if not yes:
            typer.confirm(
                "Effacer définitivement tout ce qui est conservé sous ce numéro ?", abort=True, err=True
            )
        erased = caller.erase()
        if erased is None:
            console.print("rien n'est conservé sous ce numéro", highlight=False)
            raise typer.Exit(1)
        unlearnt = _unlearn(settings, erased)
    _tell("effacé", erased.counts)
    _tell_what_is_left(erased, unlearnt)


def _tell(what: str, counts: dict[str, int]) -> None:
    told = [f"{number} {KINDS.get(kind, kind)}" for kind, number in counts.items() if number]
    console.print(f"{what} : {', '.join(told) or 'rien'}", highlight=False, markup=False)


def _tell_what_is_left(erased: Erased, unlearnt: int) -> None:
    if unlearnt:
        console.print(
            f"phrases apprises de cet appelant et retirées : {unlearnt} ; entraînez le modèle de nouveau "
            "(console, Apprentissage), l'ancien les connaît encore",
            highlight=False,
        )
    for reference, channel, remote in erased.elsewhere:
        there = f" sous le numéro {remote}" if remote else ""
        console.print(
            f"la demande {reference} est partie ({channel}){there} : à effacer là-bas aussi", highlight=False
        )
    if not erased.scrubbed:
        console.print(
            "la base servait à ce moment : relancez « callbot privacy purge » pour vider son journal",
            highlight=False,
        )


def _unlearn(settings: Settings, erased: Erased) -> int:
    """Take sentences out of what was learnt, and of what each model knew; returns how many were there."""
    from callbot.quality.hearing import prune
    from callbot.quality.learned import Learned, Lessons, read, write

    found: set[str] = set()

    def without(lessons: Lessons) -> Lessons:
        theirs = {*erased.learnt, *((intent, one) for intent in lessons.examples for one in erased.sentences)}
        for intent, text in theirs:
            if text in lessons.examples.get(intent, ()):
                found.add(text)
                lessons = lessons.minus(intent, [text])
        return lessons

    learned = Learned(settings.learned_path)
    learned.change(without)
    versions = learned.path / "versions"
    for folder in versions.iterdir() if versions.is_dir() else ():
        before = read(folder)
        after = without(before)
        if after != before:
            write(folder, after)
    if found and versions.is_dir():  # speech models that know their words
        prune(settings, [read(folder) for folder in versions.iterdir()])
    return len(found)


@contextmanager
def _caller(number: str) -> Iterator[tuple[Caller, Settings]]:
    from callbot.journal.privacy import load_key
    from callbot.journal.retention import Folders

    settings = load_settings()
    key = settings.state_dir / "journal.key"
    if not key.is_file():
        raise SettingsError(f"{key} not found: is state_dir right?")
    with open_database(settings) as database:
        yield _find(number, load_key(key), database, Folders.of(settings)), settings


def _find(number: str, key: bytes, database: Database, folders: Folders) -> Caller:
    from callbot.journal.erasure import Caller

    try:
        return Caller(number, key, database, folders)
    except ValueError:
        raise SettingsError("this is no telephone number") from None


def _write(out: Path, exported: dict[str, Any], sounds: list[Path]) -> None:
    text = json.dumps(exported, ensure_ascii=False, indent=2) + "\n"
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            if out.suffix == ".json":
                file.write(text.encode())
                return
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("donnees.json", text)
                for sound in sounds:
                    archive.write(sound, f"sons/{sound.name}")
    except OSError as error:
        raise JournalError(f"can't write {out}: {error.strerror}") from error
