"""What the town hall says about each intent: a catalogue of templates, filled with the town's facts."""

from __future__ import annotations

import copy
import string
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from callbot.errors import TownError
from callbot.town import sms
from callbot.town.live import details_of, served
from callbot.town.profile import Service, Town
from callbot.town.spoken import say_date, say_phone, say_time
from callbot.town.yaml_files import explained, line_of, read_yaml
from callbot.types import Slot

INTENTS = Path(__file__).parent / "data" / "intents"

Kind = Literal["info", "live", "case", "transfer", "control"]


_LEFT_TO_PEOPLE: Mapping[str, Any] = {"kind": "transfer", "slots": (), "answer": "", "sms": ""}
_LIVE_ALONE: Mapping[str, Any] = {"answer": "Une personne de la mairie peut vous renseigner.", "sms": ""}
"""When a live source answers, and the town has no fixed words for the time it is away."""


class Intent(BaseModel):
    """What is known of one intent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    service: str
    kind: Kind
    name: str = Field("", description="Said after « Vous appelez pour »; shown to the operator.")
    slots: tuple[Slot, ...] = Field((), description="What a request needs: address, date, name...")
    staffed: bool = Field(False, description="It is for a day on which the service is open: an appointment.")
    answer: str = Field("", description="Template; may cite {etat_civil.phone}, {facts.prix_x}, {now.time}.")
    sms: str = Field("", description="Template of a text to send after the answer: GSM 7-bit, 300 letters.")

    @property
    def is_request(self) -> bool:
        """The bot takes it down itself."""
        return bool(self.slots) and self.kind != "live"


class Catalog:
    """All intents.

    Raises:
        TownError: a file that can't be read, names the line and the key; the same intent twice.
    """

    def __init__(self, folder: Path = INTENTS) -> None:
        self._intents: dict[str, Intent] = {}
        for path in sorted(folder.glob("*.yml")):
            self._read(path, {"service": path.stem})

    def with_learned(self, file: Path) -> Catalog:
        """The same with the intents that this town's bot has learnt; each names its service.

        The catalogue's own win, should an update bring one of the same name.

        Raises:
            TownError: the file can't be read; none at all is no error.
        """
        more = copy.copy(self)
        more._intents = dict(self._intents)
        if file.is_file():
            more._read(file, {})
        return more

    def _read(self, path: Path, given: Mapping[str, str]) -> None:
        document, tree = read_yaml(path)
        if not isinstance(document, dict):
            raise TownError(f"{path}: must be a mapping of intents")
        for key, value in document.items():
            if key in self._intents and not given:
                continue
            if key in self._intents:
                raise TownError(f"{path}:{line_of(tree, [key])}: {key}: stands twice in the catalogue")
            if not isinstance(value, dict) or {"id", *given} & value.keys():
                line = line_of(tree, [str(key)])
                raise TownError(f"{path}:{line}: {key}: must hold kind, name, answer")
            try:
                self._intents[key] = Intent.model_validate({"id": str(key), **given, **value})
            except ValidationError as error:
                raise TownError(f"{path}:{explained(error, tree, (str(key),))}") from error

    def but(self, changes: Mapping[str, Mapping[str, Any]]) -> Catalog:
        """The same with some fields of some intents changed."""
        changed = copy.copy(self)
        changed._intents = {
            id: intent.model_copy(update=changes.get(id, {})) for id, intent in self._intents.items()
        }
        return changed

    def __iter__(self) -> Iterator[Intent]:
        return iter(self._intents.values())

    def __len__(self) -> int:
        return len(self._intents)

    def get(self, intent: str) -> Intent | None:
        """An intent, None when the catalogue lacks it."""
        return self._intents.get(intent)


class Answers:
    """Answers of one town, worded for a moment.

    What the town words itself replaces the catalogue's, whose SMS could contradict it and goes too. Where a
    town file says it is incomplete, an answer that cites what it lacks is left to the service's people, and
    an SMS that does is not offered.

    Raises:
        TownError: a template cites what the town does not have, or the town words an unknown intent.
    """

    def __init__(self, town: Town, catalog: Catalog, moment: datetime) -> None:
        self.town = town
        details = details_of(town.live, town.sectors)
        self.by_station = tuple(intent for intent, detail in details.items() if detail == "station")
        """Intents whose live answer hangs on a station."""
        self.unanswered: tuple[str, ...] = ()
        """Intents that go to people because the town file lacks what their answers cite."""
        if unknown := [intent for intent in town.answers if catalog.get(intent) is None]:
            raise TownError(
                f"{town.name} words an intent that is none: {', '.join(unknown)}", ("answers", unknown[0])
            )
        self.catalog = catalog.but({id: {"answer": words, "sms": ""} for id, words in town.answers.items()})
        changes: dict[str, Mapping[str, Any]] = {}
        for intent in self.catalog:
            try:
                text = self._filled(intent.id, "sms", intent.sms, moment)
                if town.sms is not None:
                    sms.check(text, f"sms to {intent.id} in {town.name}")
            except TownError:
                if not town.incomplete:
                    raise
                changes[intent.id] = {"sms": ""}
            try:
                self.text(intent, moment)
            except TownError:
                if not town.incomplete:
                    raise
                changes[intent.id] = _LIVE_ALONE if intent.id in served(town.live) else _LEFT_TO_PEOPLE
        self.unanswered = tuple(id for id, change in changes.items() if change is _LEFT_TO_PEOPLE)
        self.catalog = self.catalog.but(changes)
        if town.sms is None:
            self.catalog = self.catalog.but({intent.id: {"sms": ""} for intent in self.catalog})
        self.catalog = self.catalog.but({id: {"slots": (detail,)} for id, detail in details.items()})

    def text(self, intent: Intent, moment: datetime) -> str:
        """The answer to an intent, ready to be spoken."""
        return self._filled(intent.id, "answer", intent.answer, moment)

    def sms(self, intent: Intent, moment: datetime) -> str:
        """The text to send after an answer; empty when there is none, or the town lacks a fact."""
        try:
            return self._filled(intent.id, "sms", intent.sms, moment)
        except TownError:  # a complete town was refused at start
            return ""

    def _filled(self, id: str, kind: str, template: str, moment: datetime) -> str:
        try:
            filled = _Formatter().vformat(template, (), _Facts(self.town, moment))
        except (KeyError, AttributeError, ValueError, IndexError) as error:
            where = ("answers", id) if kind == "answer" and id in self.town.answers else ()
            raise TownError(f"{kind} to {id} cites what {self.town.name} lacks: {error}", where) from error
        return " ".join(filled.split())


class _Formatter(string.Formatter):
    """`{a.b}` looks b up in mapping a; nothing else of Python is reachable from a template."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        value: Any = kwargs
        for part in field_name.split("."):
            if not isinstance(value, Mapping):
                raise KeyError(field_name)
            value = value[part]
        return value, field_name


class _Facts(Mapping[str, Any]):
    """What templates may cite."""

    def __init__(self, town: Town, moment: datetime) -> None:
        self._town = town
        self._moment = moment

    def __getitem__(self, key: str) -> Any:
        if key == "facts":
            return self._town.facts
        if key == "town":
            return {"name": self._town.name}
        if key == "now":
            return {"time": say_time(self._moment.time()), "date": say_date(self._moment.date())}
        if key in self._town.services:
            return _ServiceFacts(self._town, key, self._town.services[key], self._moment)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(("facts", "town", "now", *self._town.services))

    def __len__(self) -> int:
        return 3 + len(self._town.services)


class _ServiceFacts(Mapping[str, str]):
    """`{etat_civil.phone}`, `.address`, `.name`, `.hours` (the week), `.now` (open or closed)."""

    def __init__(self, town: Town, key: str, service: Service, moment: datetime) -> None:
        calendar = town.calendar(key)
        self._say: dict[str, Callable[[], str]] = {
            "name": lambda: service.name,
            "address": lambda: service.address,
            "phone": lambda: say_phone(service.phone or town.service("accueil").phone),
            "hours": lambda: calendar.say_week(moment.date()),
            "now": lambda: calendar.say_now(moment),
        }

    def __getitem__(self, key: str) -> str:
        return self._say[key]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._say)

    def __len__(self) -> int:
        return len(self._say)
