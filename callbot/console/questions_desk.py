"""What the pages about unanswered questions work with."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from callbot.errors import CallbotError
from callbot.journal.database import Database
from callbot.journal.local_days import PARIS, day_of
from callbot.journal.proposals import Proposals
from callbot.journal.questions import Caller, Questions
from callbot.journal.unanswered import Gathering, Saying
from callbot.quality.learned import Learned
from callbot.quality.unanswered import due
from callbot.settings import Settings
from callbot.town import sms
from callbot.town.answers import Intent
from callbot.town.communes import Communes


@dataclass(frozen=True, slots=True)
class Desk:
    """What these pages work with."""

    settings: Settings
    communes: Communes
    questions: Questions
    gathering: Gathering
    proposals: Proposals
    learned: Learned
    database: Database
    clock: Callable[[], datetime]
    keys: Callable[[int], str] = field(default=secrets.token_hex)

    def services(self) -> dict[str, str]:
        """Every service's key and name, in the order of the names."""
        found = {
            key: service.name
            for commune in reversed(list(self.communes))
            for key, service in self.communes[commune].town.services.items()
        }
        return dict(sorted(found.items(), key=lambda pair: pair[1]))

    def commune(self, sayings: Sequence[Saying]) -> str:
        """The commune that most of its callers called."""
        names = {self.communes[key].town.name: key for key in self.communes}
        called = Counter(names[one.town] for one in sayings if one.town in names)
        return called.most_common(1)[0][0] if called else self.communes.first

    def due(self, commune: str, service: str) -> date:
        """The day by which a service answers what it is given now."""
        town = self.communes[commune].town
        return due(town.calendar(service), day_of(self.clock(), town.tz or PARIS))

    def mailbox(self, commune: str, service: str) -> str:
        """Where a service gets its mail; empty when it gets none."""
        config = self.communes[commune].town.hand_over.mail
        return config.mailbox(service) if config is not None else ""

    def can_text(self, caller: Caller) -> bool:
        """May this caller be sent an SMS?"""
        config = self.communes[caller.town].town.sms if caller.town in self.communes else None
        return config is not None and sms.may_send(caller.phone, config) is None

    def intents(self) -> list[tuple[str, str, str]]:
        """Every intent with an answer that sentences may be added to: id, service, name."""
        known = [
            (one.id, one.service, one.name)
            for one in self.communes[self.communes.first].catalog
            if one.kind != "control" and one.name
        ]
        there = {id for id, _, _ in known}
        learnt = [
            (id, one.service, one.name) for id, one in self.learned.intents().items() if id not in there
        ]
        return sorted([*known, *learnt], key=lambda one: (one[1], one[2]))

    def taken(self) -> set[str]:
        """Ids that a new intent can't have."""
        return {one.id for one in self.communes[self.communes.first].catalog} | set(self.learned.intents())

    def names(self) -> dict[str, str]:
        """What each intent is called, learnt ones too."""
        return {id: f"{name[:1].upper()}{name[1:]}" for id, _, name in self.intents()}

    def answer_of(self, intent: Intent) -> str:
        """What the bot says about an intent now; empty when people answer it."""
        try:
            return self.communes[self.communes.first].text(intent, self.communes.clock(self.communes.first)())
        except CallbotError:
            return ""


def desk_of(
    settings: Settings, database: Database, communes: Communes, clock: Callable[[], datetime]
) -> Desk:
    """The desk of these pages.

    Args:
        clock: the moment, UTC without zone.
    """
    return Desk(
        settings=settings,
        communes=communes,
        questions=Questions(database, clock),
        gathering=Gathering(database, clock),
        proposals=Proposals(database, clock),
        learned=Learned(settings.learned_path),
        database=database,
        clock=clock,
    )
