"""`callbot account`: who may use the console."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from callbot.commands.shared import console, load_settings, open_database

if TYPE_CHECKING:
    from callbot.journal.accounts import Accounts

app = typer.Typer(help="Accounts of the console.", no_args_is_help=True)


@app.command("add")
def account_add(
    name: str,
    role: Annotated[str, typer.Option(help="operator, quality or admin.")] = "operator",
    phone: Annotated[str, typer.Option(help="Telephone, as the queues know it: PJSIP/operateur1.")] = "",
) -> None:
    """Make an account; the password is asked twice, or read from standard input."""
    with _accounts() as book:
        book.add(name, _ask_password(), role, phone)


@app.command("password")
def account_password(name: str) -> None:
    """Give an account a new password; it is unlocked and its sessions end."""
    with _accounts() as book:
        book.change_password(name, _ask_password())


@app.command("disable")
def account_disable(name: str) -> None:
    """Let an account in no more; its sessions end."""
    with _accounts() as book:
        book.disable(name)


@app.command("list")
def account_list() -> None:
    """List the accounts."""
    table = Table("nom", "rôle", "poste", "état")
    with _accounts() as book:
        for one in book.all():
            locked = f"bloqué jusqu'à {one.locked_until:%H:%M} UTC" if one.locked_until else "ouvert"
            table.add_row(escape(one.name), one.role, escape(one.operator), locked if one.active else "fermé")
    console.print(table)


@contextmanager
def _accounts() -> Iterator[Accounts]:
    from callbot.journal.accounts import Accounts

    settings = load_settings()
    with open_database(settings) as database:
        yield Accounts(database, settings.session_hours)


def _ask_password() -> str:
    """Typed twice at a terminal, else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = typer.prompt("mot de passe", hide_input=True, confirmation_prompt=True, err=True)
    return answer
