"""Is a service open, until when, and when does it open next?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import holidays

from callbot.town.spoken import WEEKDAYS, enumerate_words, say_day, say_time

Slot = tuple[time, time]
COUNTRY_PARTS = ("", *holidays.list_supported_countries()["FR"])
"""Places with public holidays of their own: 57 (Moselle), 6AE (Alsace), 971 (Guadeloupe)..."""
PARTS = {"matin": (time.min, time(12)), "après-midi": (time(12), time(18)), "soir": (time(18), time.max)}
"""Parts of a day, from when to when."""
HORIZON_DAYS = 120
"""How far ahead the next opening is looked for."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A service's state at a moment."""

    is_open: bool
    until: datetime | None = None
    """When open: closing time."""
    next: datetime | None = None
    """When closed: next opening; None when there is none in sight."""
    because: str = ""
    """Why it is closed today of all days, as a clause: c'est un jour férié."""


class Calendar:
    """Weekly hours, public holidays and exceptional closures of one service.

    Args:
        week: slots by weekday, 0 is Monday.
        closures: (first day, last day, reason), bounds included.
        country_part: one of COUNTRY_PARTS; "" for metropolitan France.
        special: (first day, last day, week) of other hours, summer's say, bounds included.
    """

    def __init__(
        self,
        week: Mapping[int, Sequence[Slot]],
        closures: Sequence[tuple[date, date, str]] = (),
        country_part: str = "",
        special: Sequence[tuple[date, date, Mapping[int, Sequence[Slot]]]] = (),
    ) -> None:
        self._week = week
        self._special = special
        self._closures = closures
        self._holidays = holidays.country_holidays("FR", subdiv=country_part or None, language="fr")

    def closed_because(self, day: date) -> str:
        """Why this day is closed although its weekday is not; empty when it is not."""
        for first, last, reason in self._closures:
            if first <= day <= last:
                return reason
        return "c'est un jour férié" if day in self._holidays else ""

    def slots(self, day: date) -> Sequence[Slot]:
        """Opening slots of a day."""
        return () if self.closed_because(day) else self._usual(day)

    def _usual(self, day: date) -> Sequence[Slot]:
        """The hours of its weekday at that time of the year."""
        return self._in_force(day).get(day.weekday(), ())

    def is_shut(self, day: date, part: str, now: datetime) -> bool:
        """Is it closed all that day, or all that part of it (matin, après-midi, soir)? What has passed is."""
        begin, end = PARTS.get(part, (time.min, time.max))
        if day == now.date():
            begin = max(begin, now.time())
        return not any(opens < end and begin < closes for opens, closes in self.slots(day))

    def at(self, moment: datetime) -> Opening:
        """The state at this local time."""
        today = moment.date()
        for begin, end in self.slots(today):
            if begin <= moment.time() < end:
                return Opening(True, until=datetime.combine(today, end))
        because = self.closed_because(today) if self._usual(today) else ""
        for days in range(HORIZON_DAYS):
            day = today + timedelta(days=days)
            for begin, _ in self.slots(day):
                if days or begin > moment.time():
                    return Opening(False, next=datetime.combine(day, begin), because=because)
        return Opening(False, because=because)

    def say_now(self, moment: datetime) -> str:
        """The state as the end of a sentence: `ouvert en ce moment, jusqu'à midi`."""
        state = self.at(moment)
        today = moment.date()
        if state.until is not None:
            return f"ouvert en ce moment, jusqu'à {say_time(state.until.time())}"
        closed = f"fermé aujourd'hui, {state.because}" if state.because else "fermé en ce moment"
        if state.next is None:
            return closed
        return f"{closed}, et rouvre {say_day(state.next.date(), today)} à {say_time(state.next.time())}"

    def _in_force(self, day: date) -> Mapping[int, Sequence[Slot]]:
        """The weekly hours of that time of the year."""
        return next((week for first, last, week in self._special if first <= day <= last), self._week)

    def say_week(self, today: date) -> str:
        """The weekly hours in force: `du lundi au vendredi, de huit heures trente à midi, puis le...`."""
        week = self._in_force(today)
        parts: list[str] = []
        day = 0
        while day < 7:
            slots = list(week.get(day, ()))
            last = day
            while last < 6 and slots and list(week.get(last + 1, ())) == slots:
                last += 1
            if slots:
                if last == day:
                    days = f"le {WEEKDAYS[day]}"
                elif last == day + 1:
                    days = f"le {WEEKDAYS[day]} et le {WEEKDAYS[last]}"
                else:
                    days = f"du {WEEKDAYS[day]} au {WEEKDAYS[last]}"
                hours = enumerate_words([f"de {say_time(a)} à {say_time(b)}" for a, b in slots])
                parts.append(f"{days}, {hours}".replace("de une", "d'une"))
            day = last + 1
        return ", puis ".join(parts)
