"""What the policy knows: the call so far, what was just heard, and when to act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from callbot.dialogue.forms import Form
from callbot.dialogue.moves import OfferCallBack, OfferMessage
from callbot.town.answers import Intent
from callbot.types import OUT_OF_SCOPE, IntentScore

YES, NO, HUMAN = "conversation_oui", "conversation_non", "conversation_humain"
EMERGENCY, VIOLENCE = "urgence_vitale", "ccas_violences"
LANGUAGE, MY_DATA = "conversation_langue_etrangere", "conversation_donnees_personnelles"
DEAF, CANCEL = "conversation_malentendant", "conversation_annuler"
ENDS = frozenset({"conversation_au_revoir", "conversation_remercier"})
FOLLOW_UP = "accueil_suivi_courrier_reclamation"
MESSAGE = "message"
"""Stands for an intent while a caller is asked whether they want to leave a message."""
BY_NAME = ("accueil_joindre_service", "accueil_joindre_agent_nomme")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities from which the bot acts."""

    answer: float
    """Probability of the likeliest intent from which it is acted on at once."""
    confirm: float
    """Probability of the likeliest intent from which it is confirmed."""
    choose: float
    """Probability of the two likeliest together from which they are offered as a choice."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What is known of a caller before they speak."""

    anonymous: bool = False
    """They withhold their number: a request must ask for one."""
    mobile: bool = False
    """The number they call from takes SMS."""
    recorded: bool = False
    """The sound of the call is kept, unless they refuse."""


@dataclass(frozen=True, slots=True)
class State:
    """What the bot remembers of the call."""

    pending: str = ""
    """The intent we asked a yes or no for."""
    choice: tuple[str, ...] = ()
    """The two intents we offered."""
    form: Form | None = None
    """The request being taken."""
    offered_more: bool = False
    """We asked whether there is another question."""
    topic: str = ""
    """The intent served last: what a follow-up is about."""
    refused: tuple[str, ...] = ()
    """Intents the caller has said no to."""
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What was said of a request before its need was confirmed."""
    then: str = ""
    """Another need of the sentence whose first is being confirmed, or taken."""
    repairs: int = 0
    silences: int = 0
    stalled: int = 0
    """Turns in a row that brought the caller no further."""
    complaints: int = 0
    """Insults and dissatisfactions met with a sentence."""
    vague: bool = False
    """The words before were too few to understand: what the next ones mean is confirmed."""
    foreign: bool = False
    """The caller asked for another language."""
    leaving: str = ""
    """The service the call is being handed to."""
    texts: str = ""
    """The answer that was offered in writing."""
    unreached: OfferMessage | None = None
    """A message was offered, for want of people."""
    crowded: OfferCallBack | None = None
    """A call-back was offered, for want of patience."""
    caller: Caller = Caller()

    @property
    def unclear(self) -> bool:
        """We asked for more words: the next ones add to those before."""
        return self.repairs > 0


@dataclass(frozen=True, slots=True)
class Silence:
    """The caller said nothing."""


@dataclass(frozen=True, slots=True)
class Key:
    """The caller pressed a key."""

    key: str


@dataclass(frozen=True, slots=True)
class Understood:
    """The caller spoke."""

    ranking: tuple[IntentScore, ...]
    """Calibrated probabilities, likeliest first; empty when no word was recognised."""
    picked: int | None = None
    """1 or 2 when the words pick the first or the second of two: « le premier »."""
    consent: Literal["yes", "no", ""] = ""
    """The words begin with a yes or a no."""
    rest: tuple[IntentScore, ...] = ()
    """What follows that yes or no, ranked alone; empty when little does."""
    second: tuple[IntentScore, ...] = ()
    """A second need of the same sentence, ranked alone."""
    joined: tuple[IntentScore, ...] = ()
    """The words together with those before, ranked; empty when they stand for themselves."""
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Addresses, days and numbers among the words, what they hint at, and the words themselves (text)."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class MessageLeft:
    """The caller has left a message, or said nothing after the tone."""

    spoken: bool


Input = Silence | Key | Understood | MessageLeft
Lookup = Callable[[str], Intent | None]
NOBODY_KNOWS = IntentScore(OUT_OF_SCOPE, 0.0)
