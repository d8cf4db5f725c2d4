"""The town's days in the journal's UTC: when one begins, and which one a moment belongs to."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")


def day_of(moment: datetime, zone: ZoneInfo = PARIS) -> date:
    """The local day of a moment, UTC without zone."""
    return moment.replace(tzinfo=UTC).astimezone(zone).date()


def begin_of(day: date, zone: ZoneInfo = PARIS) -> datetime:
    """When a local day begins, UTC without zone."""
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None)
