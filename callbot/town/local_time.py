"""A commune's own time: La Réunion is hours ahead of a server in Paris.

Inside a commune a moment has no zone and is its local time; `None` stands for the machine's zone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo


def known_zone(name: str) -> str:
    """The name of a time zone, or nothing.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        if name:
            ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"no time zone: {name}; they read like Indian/Reunion") from error
    return name


def local(moment: datetime, zone: tzinfo | None) -> datetime:
    """An aware moment in this zone, without it; one without a zone is local already."""
    return moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment


def clock_in(zone: tzinfo | None, clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """The time in this zone, without it.

    Args:
        clock: the machine's local time, without a zone.
    """
    return (lambda: local(clock().astimezone(), zone)) if zone is not None else clock
