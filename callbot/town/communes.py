"""The communes of one server, told apart by the number dialled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from callbot.errors import TownError
from callbot.town.answers import Answers, Catalog
from callbot.town.live import LiveSources
from callbot.town.local_time import clock_in
from callbot.town.profile import dialled, load_town, located


def named(names: str) -> list[str]:
    """The bundled names and files' paths between commas."""
    return [name.strip() for name in names.split(",") if name.strip()]


class Communes:
    """What each commune answers.

    Args:
        names: bundled names or files' paths, with commas between them; the first takes what no other's.
        clock: the machine's local time.

    Raises:
        TownError: a file is wrong, two communes claim a number, or none is named.
    """

    def __init__(self, names: str, clock: Callable[[], datetime] = datetime.now) -> None:
        listed = named(names)
        if not listed:
            raise TownError("no commune is named (set town)")
        self._answers: dict[str, Answers] = {}
        self._live: dict[str, LiveSources] = {}
        self._clocks: dict[str, Callable[[], datetime]] = {}
        self._by_number: dict[str, str] = {}
        self._catalog = Catalog()
        self._clock = clock
        for name in listed:
            key = Path(name).stem
            if key in self._answers:
                raise TownError(f"two communes are called {key}")
            self._answers[key] = self._read(name)
            town = self._answers[key].town
            self._clocks[key] = clock_in(town.tz, clock)
            self._live[key] = LiveSources(town.live, town.sectors, self._clocks[key], town.tz)
            for number in town.numbers:
                if number in self._by_number:
                    raise TownError(f"{self._by_number[number]} and {key} both claim the number {number}")
                self._by_number[number] = key

    def _read(self, name: str) -> Answers:
        town = load_town(name)
        try:
            return Answers(town, self._catalog, clock_in(town.tz, self._clock)())
        except TownError as error:
            raise TownError(f"{located(name, error.keys)}: {error}") from error

    def learnt(self, file: Path) -> dict[str, Answers]:
        """What each answers when it knows the intents learnt in this file too; see `adopt`.

        Raises:
            TownError: the file can't be read, or a town can't say an answer.
        """
        catalog = self._catalog.with_learned(file)
        return {
            key: Answers(known.town, catalog, self._clocks[key]()) for key, known in self._answers.items()
        }

    def adopt(self, answers: Mapping[str, Answers]) -> None:
        """Answer so from now on; conversations that have begun keep what they began with."""
        self._answers.update(answers)

    @property
    def first(self) -> str:
        """The commune that takes what no other's."""
        return next(iter(self._answers))

    def called(self, number: str) -> str:
        """The commune that this dialled number belongs to."""
        return self._by_number.get(dialled(number), self.first)

    def clock(self, key: str) -> Callable[[], datetime]:
        """What time it is in a commune, without a zone."""
        return self._clocks[key]

    def live(self, key: str) -> LiveSources:
        """A commune's live sources."""
        return self._live[key]

    def __getitem__(self, key: str) -> Answers:
        return self._answers[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._answers)
