"""The facts of one commune, read from a YAML file a town clerk can edit."""

from __future__ import annotations

import re
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any

import phonenumbers
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from callbot.errors import TownError
from callbot.town.calendar import COUNTRY_PARTS, Calendar, Slot
from callbot.town.live_config import LiveConfig
from callbot.town.mail import MailConfig
from callbot.town.open311 import Open311Config
from callbot.town.sms import SmsConfig
from callbot.town.spoken import WEEKDAYS
from callbot.types import DEFAULT_QUEUE

COMMUNES = Path(__file__).parent / "data" / "communes"
MAX_NODES = 200_000
"""Values of a YAML file, aliases counted as what they stand for."""
YAML_FAULTS = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError)
"""What PyYAML lets through: an impossible date, `!!int` of no number, a nesting without end."""

_NUMBER = re.compile(r"\+?[0-9]([ .]?[0-9]){1,14}")
_SLOT = re.compile(r"(\d{1,2})[h:](\d{2})\s*-\s*(\d{1,2})[h:](\d{2})")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _slots(value: Any) -> Any:
    """`8:30-12:00, 13:30-17:30` -> slots."""
    if not isinstance(value, str):
        return value
    slots: list[Slot] = []
    for part in value.split(","):
        match = _SLOT.fullmatch(part.strip())
        if not match:
            raise ValueError(f"hours must read like 8:30-12:00, 13:30-17:30, not {value!r}")
        a, b, c, d = map(int, match.groups())
        begin, end = time(a, b), time(c, d)
        if end <= begin or (slots and begin < slots[-1][1]):
            raise ValueError(f"hours out of order: {value!r}")
        slots.append((begin, end))
    return tuple(slots)


Slots = Annotated[tuple[Slot, ...], BeforeValidator(_slots)]


class Closure(_Strict):
    """Days on which everything, or one service, is closed."""

    first: date
    last: date
    reason: str = Field(description="Said after « fermé aujourd'hui, »: c'est la veille de Noël.")

    @model_validator(mode="after")
    def _ordered(self) -> Closure:
        if self.last < self.first:
            raise ValueError(f"ends ({self.last}) before it begins ({self.first})")
        return self


def _known_weekdays(value: dict[str, tuple[Slot, ...]]) -> dict[str, tuple[Slot, ...]]:
    unknown = set(value) - set(WEEKDAYS)
    if unknown:
        raise ValueError(f"no weekday: {', '.join(sorted(unknown))}")
    return value


Week = Annotated[dict[str, Slots], AfterValidator(_known_weekdays)]


class SpecialHours(_Strict):
    """Other hours for some weeks: summer's, a holiday's."""

    first: date
    last: date
    hours: Week

    @model_validator(mode="after")
    def _ordered(self) -> SpecialHours:
        if self.last < self.first:
            raise ValueError(f"ends ({self.last}) before it begins ({self.first})")
        return self


class Service(_Strict):
    """A municipal service."""

    name: str = Field(description="Said after « je vous passe »: le service de l'état civil.")
    queue: str = Field(DEFAULT_QUEUE, pattern=r"^[a-z0-9_-]+$", description="Asterisk queue of its people.")
    phone: str = Field("", pattern=r"^(0\d( ?\d\d){4}|\d{2,4})?$", description="02 61 91 12 00, or 3939.")
    address: str = ""
    hours: Week = Field(default_factory=dict, description="By weekday: lundi: 8:30-12:00.")
    special: tuple[SpecialHours, ...] = Field((), description="Other hours from a day to a day.")
    closures: tuple[Closure, ...] = ()


class HandOver(_Strict):
    """Where the town wants the requests that the bot takes."""

    open311: Open311Config | None = Field(None, description="Its system, by Open311 GeoReport v2.")
    mail: MailConfig | None = Field(None, description="The services' mailboxes, for what goes no other way.")


class Town(_Strict):
    """A commune."""

    name: str
    numbers: tuple[str, ...] = Field((), description="Numbers its callers dial, when one server has several.")
    incomplete: bool = Field(
        False,
        description="What the answers cite and the file lacks goes to the front desk, without an error.",
    )
    answers: dict[str, str] = Field(default_factory=dict, description="Its own words, by intent.")
    holidays: str = Field("", description="Public holidays of their own: 57 (Moselle), 6AE (Alsace), 971...")
    closures: tuple[Closure, ...] = ()
    services: dict[str, Service]
    facts: dict[str, str] = Field(default_factory=dict, description="Anything an answer may cite.")
    streets: tuple[str, ...] = Field((), description="Its streets: what callers say is matched by sound.")
    sectors: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Sectors of waste collection, with their streets."
    )
    live: LiveConfig = LiveConfig()
    hand_over: HandOver = HandOver()
    sms: SmsConfig | None = Field(None, description="Answers in writing; none are offered without it.")

    @field_validator("holidays")
    @classmethod
    def _known_part(cls, value: str) -> str:
        if value not in COUNTRY_PARTS:
            raise ValueError(f"none of {', '.join(COUNTRY_PARTS[1:])}")
        return value

    @field_validator("numbers")
    @classmethod
    def _are_numbers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [number for number in value if not _NUMBER.fullmatch(number)]
        if wrong:
            raise ValueError(f"no telephone number: {', '.join(wrong)}")
        return tuple(dialled(number) for number in value)

    @field_validator("services")
    @classmethod
    def _has_accueil(cls, value: dict[str, Service]) -> dict[str, Service]:
        if "accueil" not in value or not value["accueil"].hours:
            raise ValueError("a town needs the service accueil, with its hours")
        return value

    @property
    def every_street(self) -> tuple[str, ...]:
        """All the streets that the file names."""
        of_sectors = (street for streets in self.sectors.values() for street in streets)
        return tuple(dict.fromkeys((*self.streets, *of_sectors)))

    def service(self, name: str) -> Service:
        """A service, or the front desk when the town has no such service."""
        return self.services.get(name) or self.services["accueil"]

    def calendar(self, service: str) -> Calendar:
        """When a service is open; the front desk's hours when it has none of its own."""
        own = self.service(service)
        hours = own if own.hours else self.services["accueil"]
        return Calendar(
            _by_number(hours.hours),
            [(item.first, item.last, item.reason) for item in (*own.closures, *self.closures)],
            self.holidays,
            [(item.first, item.last, _by_number(item.hours)) for item in hours.special],
        )


def _by_number(week: dict[str, tuple[Slot, ...]]) -> dict[int, tuple[Slot, ...]]:
    return {WEEKDAYS.index(day): slots for day, slots in week.items()}


def dialled(number: str) -> str:
    """A number as it is compared: E.164 for a French one however it is written, else its digits.

    Trunks deliver 0261911200, +33261911200 or 0033261911200 for the same line; extensions are short.
    """
    try:
        parsed = phonenumbers.parse(number, "FR")
        if phonenumbers.is_possible_number(parsed):
            return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        pass
    return re.sub(r"\D", "", number)


def load_town(name: str) -> Town:
    """Read a commune by its bundled name or its file's path.

    Raises:
        TownError: no such file, no YAML, or a wrong value; names the line and the key.
    """
    path = town_path(name)
    document, tree = read_yaml(path)
    try:
        return Town.model_validate(document, context={"folder": path.absolute().parent})
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(part) for part in first["loc"]]
        raise TownError(f"{path}:{line_of(tree, keys)}: {'.'.join(keys)}: {first['msg']}") from error


def town_path(name: str) -> Path:
    """The file of a commune, by its bundled name or its path."""
    return Path(name) if "/" in name or name.endswith((".yml", ".yaml")) else COMMUNES / f"{name}.yml"


def read_yaml(path: Path) -> tuple[Any, yaml.Node | None]:
    """A YAML file as data and as a tree that knows its lines.

    Raises:
        TownError: unreadable, or no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_bomb(tree, path)
        _refuse_twice(tree, path)
        return yaml.safe_load(text), tree
    except OSError as error:
        raise TownError(f"can't read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TownError(f"{path}: not UTF-8: {error.reason}") from error
    except yaml.YAMLError as error:
        raise TownError(" ".join(str(error).replace("<unicode string>", str(path)).split())) from error
    except YAML_FAULTS as error:
        raise TownError(f"{path}: no YAML: {error}") from error


def _refuse_bomb(node: yaml.Node | None, path: Path) -> None:
    """A few lines of aliases to aliases can stand for billions of values."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            parts = node.value if isinstance(node, yaml.SequenceNode) else ()
            if isinstance(node, yaml.MappingNode):
                parts = [part for pair in node.value for part in pair]
            sizes[id(node)] = 1 + sum(map(size, parts))
        return sizes[id(node)]

    if node is not None and size(node) > MAX_NODES:
        raise TownError(f"{path}: its aliases stand for more than {MAX_NODES} values")


def _refuse_twice(node: yaml.Node | None, path: Path) -> None:
    """YAML lets a key stand twice and forgets the first: an edit would be lost without a word."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise TownError(f"{path}:{key.start_mark.line + 1}: {key.value}: stands twice")
                seen.add(key.value)
            _refuse_twice(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_twice(item, path)


def line_of(node: yaml.Node | None, keys: list[str]) -> int:
    """The line (from 1) where this key stands, or the nearest one above it."""
    line = 1
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == key), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and key.isdecimal() and int(key) < len(node.value):
            node = node.value[int(key)]
            line = node.start_mark.line + 1
    return line
