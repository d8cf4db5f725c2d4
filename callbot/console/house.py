"""What the pages share, and how a page is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension
from jinja2.lexer import Token

from callbot.console import words as wording
from callbot.console.live import Pulse
from callbot.console.oidc import Oidc
from callbot.console.words import Words
from callbot.journal.accounts import ROLES, Accounts, Visitor
from callbot.journal.board import Board
from callbot.journal.figures import Figures
from callbot.settings import Settings
from callbot.text_channel.door import Limiter

Pause = Callable[[str, bool], Awaitable[None]]
"""Have an operator's telephone paused (True) or not; raises CallbotError when it can't be done."""

LISTENING = timedelta(hours=1)
"""Later parts of a sound that are asked for within it are one listening."""


class FrenchSpaces(Extension):
    """Templates are typed with plain spaces; no line of a page begins with « : » or ends with « « »."""

    def filter_stream(self, stream: Iterable[Token]) -> Iterable[Token]:
        """Only what the template itself says: what callers said and people typed stays as it is."""
        for token in stream:
            said = token.type in ("data", "string")
            yield Token(token.lineno, token.type, wording.spaced(token.value)) if said else token


class Pages:
    """Templates, filled; everything a caller said is escaped."""

    def __init__(self, words: Words) -> None:
        self._environment = Environment(
            loader=PackageLoader("callbot.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[FrenchSpaces],
        )
        self._environment.filters["spaced"] = wording.spaced
        self._environment.globals.update(words=words, w=wording)

    def fragment(self, template: str, **context: Any) -> str:
        """A piece of a page."""
        return self._environment.get_template(template).render(**context)

    def page(
        self, template: str, visitor: Visitor | None = None, status: int = 200, **context: Any
    ) -> HTMLResponse:
        """A whole page, with the menu of who reads it."""
        rank = ROLES.index(visitor.role) if visitor else -1
        text = self.fragment(template, visitor=visitor, rank=rank, **context)
        return HTMLResponse(text, status)


@dataclass(frozen=True, slots=True)
class House:
    """What every page may need."""

    settings: Settings
    accounts: Accounts
    board: Board
    figures: Figures
    words: Words
    pages: Pages
    pulse: Pulse
    limiter: Limiter
    """Of log-ins."""
    pause: Pause | None
    clock: Callable[[], datetime]
    oidc: Oidc | None = None
    """The town's identity provider."""

    @property
    def messages(self) -> Path:
        """Folder of the messages' sound."""
        return self.settings.messages_dir

    def heard(self, request: Request, visitor: Visitor, action: str, about: object) -> None:
        """Somebody listens: one line of the trail, though a player asks for many parts, in any order."""
        whole = request.headers.get("range", "bytes=0-").startswith("bytes=0-")
        self.accounts.note(visitor.name, action, about, None if whole else LISTENING)


def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


TheHouse = Annotated[House, Depends(_house)]
