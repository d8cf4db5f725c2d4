"""One live source each: fetched at its own pace, remembered, and honest about its age."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from callbot.errors import LiveError
from callbot.town import feeds_gbfs as gbfs
from callbot.town.feeds import Event, dated, one_line
from callbot.town.live_config import BikeSource, DatedSource, LiveSource
from callbot.town.live_fetch import Document, Fetched, Fetcher, read_file
from callbot.town.live_words import station_name
from callbot.town.local_time import local

log = logging.getLogger(__name__)

BACKOFF_MAX_S = 600.0
JITTER = 0.1
"""Share by which pauses vary, lest several servers ask in step."""
SLOW = 10
"""Names of stations are looked at this many times less often than their bikes."""
HORIZON_DAYS = 62
"""How far ahead calendars are read."""


class Feed(ABC):
    """What is common to all sources: pace, outages, age.

    Args:
        name: the source's key in the town file; logged.
        zone: the town's; None: the machine's.
        clock: the time now: aware, or the town's local time.
    """

    def __init__(
        self, name: str, source: LiveSource, zone: tzinfo | None, clock: Callable[[], datetime]
    ) -> None:
        self.name = name
        self.timeout_s = source.timeout_ms / 1000
        self.stale = timedelta(seconds=source.stale_s)
        self.zone = zone
        self.fetcher = Fetcher(self.timeout_s)
        self._source = source
        self._clock = clock
        self._fetched_at: datetime | None = None
        self._failures = 0
        self._retry_s = 0.0
        self._flight: asyncio.Task[str] | None = None
        self._closed = False

    @abstractmethod
    async def load(self) -> float:
        """Fetch once; returns the publisher's time to live, seconds; raises LiveError."""

    def local(self, moment: datetime) -> datetime:
        """In the town's time, without a zone."""
        return local(moment, self.zone)

    def today(self) -> date:
        """The day it is in town."""
        return self.local(self._clock()).date()

    def fresh(self, now: datetime) -> bool:
        """Has it been seen lately? Now is local."""
        return self._fetched_at is not None and now - self._fetched_at <= self.stale

    async def ready(self) -> None:
        """Fetch when nothing was fetched yet and no failure is recent; waits for timeout_s at most."""
        if self._fetched_at is None and asyncio.get_running_loop().time() >= self._retry_s:
            await asyncio.wait({self._begin()}, timeout=self.timeout_s)

    async def refresh(self) -> str:
        """Fetch now, or join who is fetching; returns what is wrong, empty when nothing is."""
        flight = self._begin()
        await asyncio.wait({flight})
        return "closed" if flight.cancelled() else flight.result()

    async def keep_fresh(self) -> None:
        """Refresh until cancelled or closed."""
        while not self._closed:
            await self.refresh()
            await asyncio.sleep(self._retry_s - asyncio.get_running_loop().time())

    async def close(self) -> None:
        """Stop fetching."""
        self._closed = True
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait({self._flight})
        await self.fetcher.close()

    def _begin(self) -> asyncio.Task[str]:
        """Whoever asks while a fetch is under way shares it."""
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._fetch())
        return self._flight

    async def _fetch(self) -> str:
        problem, pause_s = "", float(self._source.refresh_s)
        try:
            ttl_s = await self.load()
        except Exception as error:  # a LiveError, or a fault of ours that must not end the other feeds
            problem = one_line(str(error) if isinstance(error, LiveError) else repr(error))
            pause_s = min(pause_s * 2 ** min(self._failures, 10), BACKOFF_MAX_S)
            if not self._failures:
                log.warning("live source %s is out: %s", self.name, problem)
            self._failures += 1
        else:
            # A ttl of days would keep facts beyond their own limit.
            pause_s = max(pause_s, min(ttl_s, self._source.stale_s / 2))
            self._fetched_at = self.local(self._clock())
            if self._failures:
                log.info("live source %s is back after %d failures", self.name, self._failures)
            self._failures = 0
        self._retry_s = asyncio.get_running_loop().time() + pause_s * (1 + random.random() * JITTER)
        return problem


@dataclass(frozen=True, slots=True)
class Bikes:
    """A bike system as last seen."""

    stations: dict[str, tuple[str, ...]]
    """Ids by the spoken name; several when the operator calls two alike."""
    types: gbfs.VehicleTypes
    status: gbfs.Status


class BikeFeed(Feed):
    """Shared bikes, by GBFS."""

    def __init__(
        self, name: str, source: BikeSource, zone: tzinfo | None, clock: Callable[[], datetime]
    ) -> None:
        super().__init__(name, source, zone, clock)
        self.bikes: Bikes | None = None
        slow_s = float(SLOW * source.refresh_s)
        self._slow_s = (slow_s, max(slow_s, float(source.stale_s)))
        self._gbfs = Document(self.fetcher, source.url, gbfs.discovery)
        self._found: gbfs.Discovery | None = None

    async def load(self) -> float:
        """Bikes now; names and kinds when they are due."""
        try:
            found = await self._gbfs.get(*self._slow_s)
            if found != self._found:
                self._information = Document(self.fetcher, found.information, gbfs.information)
                self._types = Document(self.fetcher, found.vehicle_types, gbfs.vehicle_types)
                self._status = Document(self.fetcher, found.status, gbfs.status)
                self._found = found
            information = await self._information.get(*self._slow_s)
            types = gbfs.VehicleTypes(frozenset(), 0)
            if found.vehicle_types:
                with contextlib.suppress(LiveError):  # bikes are bikes, electric or not
                    types = await self._types.get(*self._slow_s)
            status = await self._status.get()
        except LiveError:
            self._gbfs.forget()  # perhaps the feeds have moved
            raise
        names: dict[str, tuple[str, ...]] = {}
        for id, name in information.names.items():
            if spoken := station_name(name):
                names[spoken] = (*names.get(spoken, ()), id)
        self.bikes = Bikes(names, types, status)
        return status.ttl_s

    def fresh(self, now: datetime) -> bool:
        """Seen lately, and the operator's own time is recent."""
        return super().fresh(now) and self.bikes is not None and self.recent(self.bikes.status.updated, now)

    def recent(self, moment: datetime, now: datetime) -> bool:
        """Is this aware moment within the limit? Now is local."""
        return now - self.local(moment) <= self.stale


class DatedFeed(Feed):
    """A calendar, or a list of dated items."""

    def __init__(
        self, name: str, source: DatedSource, zone: tzinfo | None, clock: Callable[[], datetime]
    ) -> None:
        super().__init__(name, source, zone, clock)
        self._fetched: Fetched | None = None
        self._events: tuple[Event, ...] = ()
        self._from: date | None = None

    async def load(self) -> float:
        """Fetch; work out the days ahead when the document or the day has changed."""
        if self._source.path is not None:
            fetched = await asyncio.to_thread(read_file, self._source.path, self._fetched)
        else:
            fetched = await self.fetcher.get(self._source.url, self._fetched)
        same = self._fetched is not None and fetched.body == self._fetched.body
        if not same or self.today() != self._from:
            await self._work_out(fetched, self.today())
        self._fetched = fetched
        return 0.0

    async def events(self, today: date) -> tuple[Event, ...]:
        """What goes on from today to HORIZON_DAYS ahead.

        Raises:
            LiveError: nothing was fetched.
        """
        if self._fetched is None:
            raise LiveError(f"{self.name}: nothing fetched")
        if self._from != today:
            return await self._work_out(self._fetched, today)
        return self._events

    async def _work_out(self, fetched: Fetched, today: date) -> tuple[Event, ...]:
        last = today + timedelta(days=HORIZON_DAYS)
        events = await asyncio.to_thread(dated, fetched.body, today, last, self.zone)
        self._fetched, self._from, self._events = fetched, today, events
        return events
