"""What the review's pages work with: who looks for what, and where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, cast
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, HTTPException, Request

from callbot.console.access import Poster, need
from callbot.console.review_words import BANDS, OUTCOMES, Choices
from callbot.console.words import REASONS, Words, local
from callbot.journal.accounts import ROLES, Visitor
from callbot.journal.database import Database
from callbot.journal.local_days import begin_of
from callbot.journal.review import Band, Calls, Filters
from callbot.journal.samples import Samples, samples_of
from callbot.journal.verdicts import Span, Verdicts
from callbot.quality.learned import Learned
from callbot.settings import Settings
from callbot.town.communes import Communes

FIRST_DAYS = 7
"""What the list shows before anything is chosen."""
_FLAGS = ("silence", "lent", "reste", "echantillon")
_KEYS = ("du", "au", "mots", "intention", "issue", "confiance", "motif", *_FLAGS, "ordre")
_LONGEST = 200
_YEARS = range(2000, 2200)


def _officer(visitor: Poster) -> Visitor:
    if ROLES.index(visitor.role) < ROLES.index("quality"):
        raise HTTPException(403)
    return visitor


Officer = Annotated[Visitor, Depends(need("quality", page=True))]
Listener = Annotated[Visitor, Depends(need("quality"))]
Changer = Annotated[Visitor, Depends(_officer)]


@dataclass(frozen=True, slots=True)
class Desk:
    """What these pages work with."""

    calls: Calls
    verdicts: Verdicts
    samples: Samples
    sounds: Path
    """Folder of the calls' sound."""
    clock: Callable[[], datetime]
    words: Words
    communes: Communes
    learned: Learned

    def choices(self) -> Choices:
        """Every intent, those learnt since the console started included."""
        catalog = self.communes[self.communes.first].catalog
        learnt = ((id, one.service, one.name) for id, one in self.learned.intents().items())
        return Choices(self.words, ((one.id, one.service) for one in catalog), learnt)

    def sound(self, name: str) -> Path | None:
        """A call's sound, None when it was not recorded or is kept no more."""
        path = self.sounds / Path(name).name
        return path if name and path.name == name and path.is_file() else None


def desk_of(
    settings: Settings, database: Database, communes: Communes, words: Words, clock: Callable[[], datetime]
) -> Desk:
    """The desk of these pages.

    Args:
        clock: the moment, UTC without zone.
    """
    return Desk(
        calls=Calls(database, clock),
        verdicts=Verdicts(database, clock),
        samples=samples_of(settings, database, clock),
        sounds=settings.recordings_of_calls_dir,
        clock=clock,
        words=words,
        communes=communes,
        learned=Learned(settings.learned_path),
    )


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.review
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]


class Query:
    """What a reader looks for, as the address of the list has it; what makes no sense is told."""

    def __init__(self, given: Mapping[str, str], today: date) -> None:
        self.given = {key: given[key].strip()[:_LONGEST] for key in _KEYS if key in given}
        if not self.given:
            self.given = {"du": f"{today - timedelta(days=FIRST_DAYS - 1)}", "ordre": "pires"}
        self.errors: list[str] = []
        self._since, self._until = self._day("du"), self._day("au")
        if self._since and self._until and self._since > self._until:
            self._since, self._until = self._until, self._since

    def __getitem__(self, key: str) -> str:
        return self.given.get(key, "")

    @property
    def encoded(self) -> str:
        """The same for a link."""
        return urlencode({key: value for key, value in self.given.items() if value or key == "du"})

    @property
    def span(self) -> Span:
        """The days, from the first's midnight to the last's."""
        until = self._until + timedelta(days=1) if self._until else None
        return Span(begin_of(self._since) if self._since else None, begin_of(until) if until else None)

    def filters(self, choices: Choices) -> Filters:
        """The same for the journal."""
        intents = None
        if self["intention"]:
            exact = choices.exactly(self["intention"])
            intents = (exact,) if exact else tuple(one.id for one in choices.find(self["intention"]))
            if not intents:
                self.errors.append("Aucune intention ne porte ce nom.")
        return Filters(
            since=self.span.since,
            until=self.span.until,
            words=self["mots"],
            intents=intents,
            outcome=self["issue"] if self["issue"] in OUTCOMES else "",
            band=cast(Band, self["confiance"] if self["confiance"] in BANDS else ""),
            reason=self["motif"] if self["motif"] in REASONS else "",
            silent=bool(self["silence"]),
            slow=bool(self["lent"]),
            unreviewed=bool(self["reste"]),
            sampled=bool(self["echantillon"]),
            order="worst" if self["ordre"] == "pires" else "newest",
        )

    def _day(self, key: str) -> date | None:
        if not self[key]:
            return None
        try:
            day = date.fromisoformat(self[key])
        except ValueError:
            day = None
        if day is None or day.year not in _YEARS:
            self.errors.append("Choisissez des dates qui existent.")
            self.given[key] = ""
            return None
        return day


def asked(request: Request, desk: TheDesk) -> Query:
    """What this page's address asks for."""
    return Query(request.query_params, local(desk.clock()).date())


TheQuery = Annotated[Query, Depends(asked)]


def listed(encoded: str, desk: Desk) -> Query:
    """The list that a form was reached from."""
    return Query(dict(parse_qsl(encoded)), local(desk.clock()).date())
