"""Live answers: bikes at a station, the next collection in a street, today's menu, what is on in town.

A caller never waits for a source: each is fetched beforehand, at its own pace, and what is not known in time
or is too old is said to be out.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Literal

from callbot.errors import LiveError
from callbot.town.feeds import Event
from callbot.town.live_config import LiveConfig
from callbot.town.live_feeds import BikeFeed, DatedFeed, Feed
from callbot.town.live_words import (
    OUT,
    WASTE,
    fold,
    for_ear,
    say_agenda,
    say_collection,
    say_menu,
    say_station,
    sector_name,
)

BIKES, MENU, AGENDA = "mobilite_velos_disponibles", "cantine_menu", "evenements_agenda"
_SOURCES = {BIKES: "velos", MENU: "menu", AGENDA: "agenda", **dict.fromkeys(WASTE, "collecte")}
_KINDS = {
    "dechets_jour_collecte_ordures": re.compile(
        r"\bordures?\b|menager|residuel|\bomr?\b|\bbac (?:gris|noir)"
    ),
    "dechets_jour_collecte_tri": re.compile(r"\btri\b|selectiv|emballage|recycl|jaune"),
    "dechets_vegetaux_collecte": re.compile(r"vegeta|dechets? verts?\b|branchage"),
}
"""By intent: how calendars call what is collected, folded."""
_EVERYWHERE = re.compile(r".*\b(?:tous|toute?s?|ensemble)\b.*|(?:la )?(?:commune|ville)")
MENU_UNTIL_HOUR = 14
"""From then on the day's menu is eaten."""
AGENDA_DAYS, AGENDA_EVENTS = 30, 3


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """What a source says, or that it is away."""

    text: str
    is_out: bool = False


class LiveSources:
    """The live facts of one town.

    Args:
        sectors: of waste collection: a sector's name -> its streets.
        clock: the time now: aware, or the town's local time.
        zone: the town's; None: the machine's.
    """

    def __init__(
        self,
        config: LiveConfig,
        sectors: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
        clock: Callable[[], datetime] = datetime.now,
        zone: tzinfo | None = None,
    ) -> None:
        self._sectors = sectors
        self._details = details_of(config, sectors)
        self._velos = BikeFeed("velos", config.velos, zone, clock) if config.velos else None
        self._dated = {
            name: DatedFeed(name, source, zone, clock)
            for name, source in (
                *(("collecte", config.collecte), ("menu", config.menu)),
                ("agenda", config.agenda),
            )
            if source
        }
        self._feeds: dict[str, Feed] = {**self._dated, **({"velos": self._velos} if self._velos else {})}

    def about(self, intent: str) -> Literal["", "station", "street"]:
        """The detail that an intent's live answer hangs on; empty: none, or nothing is live for it."""
        return self._details.get(intent, "")

    def names(self, intent: str) -> tuple[str, ...]:
        """What the detail may be: the stations known so far, or every street of a sector."""
        match self.about(intent):
            case "station" if self._velos and self._velos.bikes:
                return tuple(self._velos.bikes.stations)
            case "street":
                return tuple(
                    dict.fromkeys(street for streets in self._sectors.values() for street in streets)
                )
        return ()

    async def answer(self, intent: str, about: str, now: datetime) -> LiveAnswer | None:
        """What to say, within the source's time-out.

        Args:
            about: one of `names`, when the answer hangs on a detail.
            now: aware, or the town's local time.

        Returns:
            The sentences; that the source is out, when it is; None when this town has nothing live to say.
        """
        feed = self._feeds.get(_SOURCES.get(intent, ""))
        if feed is None or (self.about(intent) and not about.strip()):
            return None
        now = feed.local(now)
        try:
            async with asyncio.timeout(feed.timeout_s):
                await feed.ready()
                if not feed.fresh(now):
                    return LiveAnswer(OUT[feed.name], is_out=True)
                if isinstance(feed, BikeFeed):
                    said = self._say_bikes(feed, about, now)
                else:
                    events = await self._dated[feed.name].events(now.date())
                    said = self._say_dated(intent, about, now, events)
        except (LiveError, TimeoutError):
            return LiveAnswer(OUT[feed.name], is_out=True)
        return LiveAnswer(said) if said else None

    async def keep_fresh(self) -> None:
        """Refresh every source until cancelled; outages are logged, once each, and never raised."""
        async with asyncio.TaskGroup() as group:
            for feed in self._feeds.values():
                group.create_task(feed.keep_fresh(), name=f"live {feed.name}")

    async def refresh(self) -> dict[str, str]:
        """Fetch every source once, now; what is wrong by source, empty where nothing is."""
        problems = await asyncio.gather(*(feed.refresh() for feed in self._feeds.values()))
        return dict(zip(self._feeds, problems, strict=True))

    async def close(self) -> None:
        """Stop fetching and close the connections."""
        for feed in self._feeds.values():
            await feed.close()

    def _say_bikes(self, feed: BikeFeed, about: str, now: datetime) -> str | None:
        assert feed.bikes is not None  # a fresh feed has them
        wanted = fold(about)
        name = next((name for name in feed.bikes.stations if fold(name) == wanted), None)
        if name is None:
            return None
        said = []
        for id in feed.bikes.stations[name]:
            station = feed.bikes.status.stations.get(id)
            # A closed station is often switched off: that it is closed is the newest there is.
            closed = station is not None and not (
                station.installed and (station.renting or station.returning)
            )
            if station is None or not (closed or feed.recent(station.reported, now)):
                said.append(f"La station {name} ne donne pas de nouvelles en ce moment.")
            else:
                said.append(say_station(name, station, station.electric(feed.bikes.types)))
        return " ".join(dict.fromkeys(said))

    def _say_dated(self, intent: str, about: str, now: datetime, events: tuple[Event, ...]) -> str | None:
        if intent in WASTE:
            return self._say_collection(intent, about, now, events)
        told = [event for event in events if for_ear(event.summary)]
        if intent == MENU:
            return _menu(told, now)
        return _agenda(told, now)

    def _say_collection(
        self, intent: str, about: str, now: datetime, events: tuple[Event, ...]
    ) -> str | None:
        of_kind = [event for event in events if _is_kind(event, intent) and not _over(event, now)]
        where: list[str] = []
        if self._sectors:
            wanted = fold(about)
            sectors = [sector for sector, streets in self._sectors.items() if wanted in map(fold, streets)]
            if len(sectors) != 1:  # unknown, or a street through two sectors: no guess
                return None
            street = next(name for name in self._sectors[sectors[0]] if fold(name) == wanted)
            where = [street, sector_name(sectors[0])]
            of_kind = [event for event in of_kind if self._serves(event, sectors[0])]
        elif len({fold(event.location) for event in of_kind}) > 1:  # sectors that the town file lacks
            return None
        days = sorted({event.day for event in of_kind if event.day >= now.date()})
        return say_collection(intent, where, days[:2], now.date()) if days else None

    def _serves(self, event: Event, sector: str) -> bool:
        """Is this collection for the sector? LOCATION tells, else SUMMARY; neither: it is for all."""
        named = self._named(event.location or event.summary)
        if named or not event.location:
            return sector in named or not named
        return bool(_EVERYWHERE.fullmatch(fold(event.location)))

    def _named(self, text: str) -> set[str]:
        """Sectors that a text names; « nord-est » does not name « nord »."""
        left, named = fold(text), set()
        for sector in sorted(self._sectors, key=len, reverse=True):
            bare = re.sub(r"^(?:secteur|zone|quartier) ", "", fold(sector))
            left, count = re.subn(rf"(?<![\w-]){re.escape(bare)}(?![\w-])", " ; ", left)
            if count:
                named.add(sector)
        return named


def _is_kind(event: Event, intent: str) -> bool:
    return bool(_KINDS[intent].search(fold(" ; ".join((*event.categories, event.summary)))))


def _over(event: Event, now: datetime) -> bool:
    """Has it ended? What has no end lasts until midnight."""
    return event.end is not None and datetime.combine(event.last, event.end) <= now


def _menu(events: list[Event], now: datetime) -> str | None:
    first = now.date() + timedelta(days=now.hour >= MENU_UNTIL_HOUR)
    days = sorted({event.day for event in events if event.day >= first})
    return say_menu([event for event in events if event.day == days[0]], now.date()) if days else None


def _agenda(events: list[Event], now: datetime) -> str | None:
    last = now.date() + timedelta(days=AGENDA_DAYS)
    coming = [event for event in events if event.day <= last and not _over(event, now)]
    return say_agenda(coming[:AGENDA_EVENTS], now) if coming else None


def served(config: LiveConfig) -> frozenset[str]:
    """The intents that a configured source answers."""
    return frozenset(intent for intent, name in _SOURCES.items() if getattr(config, name) is not None)


def details_of(
    config: LiveConfig, sectors: Mapping[str, tuple[str, ...]]
) -> Mapping[str, Literal["station", "street"]]:
    """The intents whose live answer hangs on a detail, and which."""
    found: dict[str, Literal["station", "street"]] = {}
    if config.velos is not None:
        found[BIKES] = "station"
    if config.collecte is not None and sectors:
        found |= dict.fromkeys(WASTE, "street")
    return found
