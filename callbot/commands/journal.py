"""`callbot requests`, `outbox`, `backup` and `restore`: what the journal holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from callbot.commands.shared import console, load_settings, open_database

STATES = {"received": "", "handed_over": "transmise", "done": "traitée"}


def backup(file: Annotated[Path, typer.Argument(help="The archive to write: callbot.tar.gz")]) -> None:
    """Copy the journal, its key and what was learnt into an archive, while the server goes on."""
    from callbot.backup import back_up
    from callbot.journal.snapshot import sqlite_file

    settings = load_settings()
    console.print(f"{file}: {back_up(settings, file)} files; it holds personal data", highlight=False)
    if sqlite_file(settings.journal_dsn) is None:
        console.print("the journal is in PostgreSQL and not in it: back it up by pg_dump", highlight=False)


def restore(
    file: Annotated[Path, typer.Argument(help="An archive of callbot backup.", exists=True)],
) -> None:
    """Check an archive and put it in place, with the server stopped; what was there is put aside."""
    from callbot import backup as archives

    done = archives.restore(load_settings(), file)
    calls = "the journal is in PostgreSQL: restore it by pg_restore" if done.calls is None else done.calls
    console.print(f"restored {done.files} files of {done.made_at}; calls: {calls}", highlight=False)
    console.print(f"what was there before: {done.aside}", highlight=False)


def requests() -> None:
    """List what callers asked the town to do, newest last; it holds personal data."""
    from callbot.journal.requests import Requests
    from callbot.town.answers import Catalog

    catalog = Catalog()
    with open_database(load_settings()) as database:
        kept = Requests(database).all()
    table = Table("numéro", "reçue le (UTC)", "demande", "précisions", "téléphone", "", "son")
    for request in kept:
        said = escape(", ".join(value for _, value in request.known))
        state = STATES[request.state] if request.complete else "incomplète"
        at = f"{request.at:%d/%m/%Y %H:%M}"
        known = catalog.get(request.intent)
        what = known.name if known is not None and known.name else request.intent
        if request.kind == "message":
            what = f"message : {what}" if what else "message"
        table.add_row(request.reference, at, what, said, request.phone, state, request.recording)
    console.print(table)


def outbox() -> None:
    """List what is to leave the house, or has: requests, mails, SMS; it holds no personal data."""
    from callbot.journal.outbox import Outbox

    with open_database(load_settings()) as database:
        deliveries = Outbox(database, key=b"").all()  # to read them takes none
    table = Table("n°", "commune", "voie", "demande", "état", "essais", "dernière erreur")
    for delivery, state, error in deliveries:
        about = delivery.draft.content.get("reference", "")
        tries = str(delivery.attempts)
        table.add_row(
            str(delivery.id), delivery.town, delivery.draft.channel, about, state, tries, escape(error)
        )
    console.print(table)
