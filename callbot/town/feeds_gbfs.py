"""Shared bikes: GBFS 2.3 and 3.0 documents (github.com/MobilityData/gbfs). Bytes in, plain facts out.

The two differ in three places that matter here: 3.0 has no languages above its list of feeds, its texts are
lists by language, and its times are RFC 3339 where 2.x has POSIX seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AliasChoices, BeforeValidator, Field, OnErrorOmit, TypeAdapter

from callbot.errors import LiveError
from callbot.town.feeds import Text, Wire, clean, parse_json

LANGUAGE = "fr"
FIRST_YEAR, LAST_YEAR = 1970, 9000
_MILLISECONDS = 1e11
"""From here on a POSIX time is in milliseconds (some operators' are); as seconds it is the year 5138."""
_ELECTRIC = {"electric", "electric_assist"}

D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Discovery:
    """Where a system's documents are."""

    information: str
    status: str
    vehicle_types: str
    """Empty when the system has none."""
    ttl_s: int


@dataclass(frozen=True, slots=True)
class Stations:
    """Stations' names by their id."""

    names: Mapping[str, str]
    ttl_s: int


@dataclass(frozen=True, slots=True)
class VehicleTypes:
    """Ids of the electric ones."""

    electric: frozenset[str]
    ttl_s: int


@dataclass(frozen=True, slots=True)
class Station:
    """What stands at a station."""

    vehicles: int
    docks: int | None
    """Free ones; None when it has no such count."""
    by_type: tuple[tuple[str, int], ...]
    """(vehicle type's id, how many); empty when not told."""
    installed: bool
    renting: bool
    returning: bool
    reported: datetime
    """Its own last news, aware."""

    def electric(self, types: VehicleTypes) -> int | None:
        """How many are electric; None when not told."""
        if not self.by_type or not types.electric:
            return None
        return min(self.vehicles, sum(count for id, count in self.by_type if id in types.electric))


@dataclass(frozen=True, slots=True)
class Status:
    """All stations, by id."""

    stations: Mapping[str, Station]
    updated: datetime
    ttl_s: int


def _moment(value: object) -> object:
    """POSIX seconds or RFC 3339 -> aware."""
    try:
        if isinstance(value, str):
            read = datetime.fromisoformat(value)
            if not FIRST_YEAR <= read.year <= LAST_YEAR:  # « never », which no other zone can tell
                return datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
            return read if read.tzinfo else read.replace(tzinfo=UTC)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            read = datetime.fromtimestamp(value / 1000 if value >= _MILLISECONDS else value, UTC)
            return read if FIRST_YEAR <= read.year <= LAST_YEAR else datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("no time") from error
    return value


def _localised(value: object) -> object:
    """2.x: a text; 3.0: `[{"text": ..., "language": "fr"}]`, French first when there is."""
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        ours = [item for item in value if str(item.get("language")).startswith(LANGUAGE)]
        value = next((item.get("text") for item in ours or value), None)
    return clean(value) if isinstance(value, str) else value


def _flag(value: object) -> object:
    """Before 2.0 booleans were 0 and 1; some operators' still are."""
    return bool(value) if value in (0, 1) else value


def _id(value: object) -> object:
    return str(value) if isinstance(value, int) else value


Moment = Annotated[datetime, BeforeValidator(_moment)]
Name = Annotated[str, BeforeValidator(_localised)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Id = Annotated[str, BeforeValidator(_id)]
Count = Annotated[int, Field(ge=0, le=10_000)]


class _Document(Wire, Generic[D]):
    data: D
    last_updated: Moment
    ttl: Annotated[int, Field(ge=0)] = 0


class _Feed(Wire):
    name: Text
    url: Annotated[str, Field(max_length=2000, pattern=r"^https?://")]


class _Feeds(Wire):
    feeds: tuple[_Feed, ...]


class _Information(Wire):
    station_id: Id
    name: Name


class _Informations(Wire):
    stations: tuple[OnErrorOmit[_Information], ...]


class _Type(Wire):
    vehicle_type_id: Id
    propulsion_type: Text


class _Types(Wire):
    vehicle_types: tuple[OnErrorOmit[_Type], ...]


class _Available(Wire):
    vehicle_type_id: Id
    count: Count


class _Station(Wire):
    station_id: Id
    vehicles: Count = Field(validation_alias=AliasChoices("num_vehicles_available", "num_bikes_available"))
    num_docks_available: Count | None = None
    vehicle_types_available: tuple[_Available, ...] | None = None
    is_installed: Flag
    is_renting: Flag
    is_returning: Flag
    last_reported: Moment | None = None


class _Stations(Wire):
    stations: tuple[OnErrorOmit[_Station], ...]
    """One that makes no sense is left out: it gives no news, the others do."""


_DISCOVERY = TypeAdapter(_Document[_Feeds | dict[str, _Feeds]])
_INFORMATION = TypeAdapter(_Document[_Informations])
_TYPES = TypeAdapter(_Document[_Types])
_STATUS = TypeAdapter(_Document[_Stations])


def discovery(body: bytes) -> Discovery:
    """gbfs.json.

    Raises:
        LiveError: not one, or a system without stations.
    """
    document = parse_json(_DISCOVERY, body)
    data = document.data
    if isinstance(data, dict):
        if not data:
            raise LiveError("data: no language")
        data = data.get(LANGUAGE) or next(iter(data.values()))
    urls = {feed.name: feed.url for feed in data.feeds}
    if missing := {"station_information", "station_status"} - urls.keys():
        raise LiveError(f"no feed {' nor '.join(sorted(missing))}")
    return Discovery(
        urls["station_information"], urls["station_status"], urls.get("vehicle_types", ""), document.ttl
    )


def information(body: bytes) -> Stations:
    """station_information.json; raises LiveError."""
    document = parse_json(_INFORMATION, body)
    if not document.data.stations:
        raise LiveError("data.stations: none that makes sense")
    return Stations({station.station_id: station.name for station in document.data.stations}, document.ttl)


def vehicle_types(body: bytes) -> VehicleTypes:
    """vehicle_types.json; raises LiveError."""
    document = parse_json(_TYPES, body)
    types = document.data.vehicle_types
    electric = (kind.vehicle_type_id for kind in types if kind.propulsion_type in _ELECTRIC)
    return VehicleTypes(frozenset(electric), document.ttl)


def status(body: bytes) -> Status:
    """station_status.json; a station without a time of its own has the document's. Raises LiveError."""
    document = parse_json(_STATUS, body)
    if not document.data.stations:
        raise LiveError("data.stations: none that makes sense")
    stations = {
        station.station_id: Station(
            station.vehicles,
            station.num_docks_available,
            tuple((kind.vehicle_type_id, kind.count) for kind in station.vehicle_types_available or ()),
            station.is_installed,
            station.is_renting,
            station.is_returning,
            station.last_reported or document.last_updated,
        )
        for station in document.data.stations
    }
    return Status(stations, document.last_updated, document.ttl)
