"""The facts of one commune, read from a YAML file a town clerk can edit."""

from __future__ import annotations

import re
from datetime import date, time
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from callbot.errors import TownError
from callbot.town.calendar import COUNTRY_PARTS, Calendar, Slot
from callbot.town.live_config import LiveConfig
from callbot.town.local_time import known_zone
from callbot.town.mail import MailConfig
from callbot.town.open311 import Open311Config
from callbot.town.sms import SmsConfig
from callbot.town.spoken import WEEKDAYS
from callbot.town.yaml_files import explained, line_of, read_yaml
from callbot.types import DEFAULT_QUEUE

COMMUNES = Path(__file__).parent / "data" / "communes"
_PHONE = re.compile(r"0\d( ?\d\d){4}|\d{2,4}|")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBER = re.compile(r"\+?[0-9]([ .]?[0-9]){1,14}")
_SLOT = re.compile(r"(\d{1,2})[h:](\d{2})\s*-\s*(\d{1,2})[h:](\d{2})")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


def _day(value: Any) -> Any:
    """`2026-12-24` -> that day."""
    if isinstance(value, date):
        return value
    if not _DAY.fullmatch(str(value)):
        raise ValueError(f"days must read like 2026-12-24, not {value!r}")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"no such day: {value}") from error


Day = Annotated[date, BeforeValidator(_day)]


def _slots(value: Any) -> Any:
    """`8:30-12:00, 13:30-17:30` -> slots."""
    if isinstance(value, tuple):
        return value
    slots: list[Slot] = []
    for part in str(value).split(","):
        match = _SLOT.fullmatch(part.strip())
        if not match:
            told = "nothing; leave a closed day out" if value is None else repr(value)
            raise ValueError(f"hours must read like 8:30-12:00, 13:30-17:30, not {told}")
        a, b, c, d = map(int, match.groups())
        try:
            begin, end = time(a, b), time(c, d)
        except ValueError as error:
            raise ValueError(f"no such hour: {value!r}") from error
        if end <= begin or (slots and begin < slots[-1][1]):
            raise ValueError(f"hours out of order: {value!r}")
        slots.append((begin, end))
    return tuple(slots)


Slots = Annotated[tuple[Slot, ...], BeforeValidator(_slots)]


class Closure(_Strict):
    """Days on which everything, or one service, is closed."""

    first: Day
    last: Day
    reason: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        min_length=1, description="Said after « fermé aujourd'hui, »: c'est la veille de Noël."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Closure:
        if self.last < self.first:
            raise ValueError(f"ends ({self.last}) before it begins ({self.first})")
        return self


def _weekday(value: str) -> str:
    if value not in WEEKDAYS:
        raise ValueError(f"no weekday: {value}; they are {', '.join(WEEKDAYS)}")
    return value


Week = dict[Annotated[str, AfterValidator(_weekday)], Slots]


def _phone(value: str) -> str:
    if not _PHONE.fullmatch(value):
        raise ValueError(f"must read like 02 61 91 12 00, or 3939, not {value!r}")
    return value


class SpecialHours(_Strict):
    """Other hours for some weeks: summer's, a holiday's."""

    first: Day
    last: Day
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
    phone: Annotated[str, AfterValidator(_phone)] = Field("", description="02 61 91 12 00, or 3939.")
    address: str = ""
    hours: Week = Field(default_factory=dict, description="By weekday: lundi: 8:30-12:00.")
    special: tuple[SpecialHours, ...] = Field((), description="Other hours from a day to a day.")
    closures: tuple[Closure, ...] = ()

    @field_validator("special")
    @classmethod
    def _one_at_a_time(cls, value: tuple[SpecialHours, ...]) -> tuple[SpecialHours, ...]:
        for before, after in pairwise(sorted(value, key=lambda item: item.first)):
            if after.first <= before.last:
                raise ValueError(f"two for {after.first}: the hours of that day would be a guess")
        return value


class HandOver(_Strict):
    """Where the town wants the requests that the bot takes."""

    open311: Open311Config | None = Field(None, description="Its system, by Open311 GeoReport v2.")
    mail: MailConfig | None = Field(None, description="The services' mailboxes, for what goes no other way.")


class Town(_Strict):
    """A commune."""

    name: str
    zone: Annotated[str, AfterValidator(known_zone)] = Field(
        "", description="Its time zone: Indian/Reunion, America/Guadeloupe... Empty: the machine's."
    )
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

    @field_validator("live")
    @classmethod
    def _one_zone(cls, value: LiveConfig, info: ValidationInfo) -> LiveConfig:
        own = info.data.get("zone")
        if own and value.zone and value.zone != own:
            raise ValueError(f"its zone {value.zone} is not the town's, {own}: leave it out")
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
    def tz(self) -> ZoneInfo | None:
        """Its time zone; None: the machine's."""
        name = self.zone or self.live.zone
        return ZoneInfo(name) if name else None

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
        raise TownError(f"{path}:{explained(error, tree)}") from error


def town_path(name: str) -> Path:
    """The file of a commune, by its bundled name or its path."""
    return Path(name) if "/" in name or name.endswith((".yml", ".yaml")) else COMMUNES / f"{name}.yml"


def located(name: str, keys: tuple[str, ...]) -> str:
    """`town.yml:12`: a commune's file, and the line of these keys when there are any."""
    path = town_path(name)
    return f"{path}:{line_of(read_yaml(path)[1], list(keys))}" if keys else str(path)
