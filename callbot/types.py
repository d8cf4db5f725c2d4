"""Plain types that travel between the rooms of the house. No behaviour, no imports from other rooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

OUT_OF_SCOPE, CALL_BACK = "hors_sujet", "conversation_etre_rappele"
"""Intents that more than one room has to know."""
DEFAULT_QUEUE = "standard"
"""The front desk's; services may have queues of their own."""
WRITTEN = "text-"
"""Conversations of the text channel have such linkedids: they are no telephone calls."""

Slot = Literal[
    "address", "date", "phone", "reference", "name", "name_dates", "details", "service", "station", "street"
]
"""A piece that a request, or a live answer, needs; `name_dates`: who, and when, in the caller's own words."""

Known = tuple[tuple[str, str], ...]
"""What a request holds so far: (name, value) pairs in the order they are said back."""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """Who calls whom, as the line tells it. Never log `number` or `name`."""

    linkedid: str
    """Asterisk's id shared by every leg of the call."""
    channel: str
    number: str = ""
    """Caller's number, empty when withheld."""
    name: str = ""
    called: str = ""
    """The number dialled: it chooses the commune."""
    unanswered: bool = False
    """The call comes back from the operators, none of whom answered."""


@dataclass(frozen=True, slots=True)
class Queueing:
    """What a caller who is put into a queue now would find."""

    before: int
    """People who wait already."""
    seconds: int | None = None
    """Until somebody answers, about; None: nobody can tell."""
    staffed: bool = True
    """Somebody is at a telephone of that queue, free or not."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One reading of an utterance."""

    text: str
    confidence: float
    """Share of this reading among the n-best, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the caller said between two silences."""

    hypotheses: tuple[Hypothesis, ...]
    """Best first; empty when speech was heard but no word recognised."""
    speech_s: float = 0.0
    """Seconds of speech, without the silence that ended it."""
    decode_ms: float = 0.0
    """Wall time from the declared end of speech to the hypotheses."""
    endpoint_ms: float = 0.0
    """Silence after the last word, until it was taken for the end."""
    length_ms: float = 0.0
    """From the first sound of speech to the declared end."""

    @property
    def text(self) -> str:
        """The best reading, empty when there is none."""
        return self.hypotheses[0].text if self.hypotheses else ""


@dataclass(frozen=True, slots=True)
class IntentScore:
    """One candidate meaning."""

    intent: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence the bot says. A recording named after `id` wins over synthesis."""

    id: str
    text: str
    language: str = "fr"
    """ISO 639-1: the voice that speaks it."""
    personal: bool = False
    """It holds what this caller said: its sound is not kept."""
    masked: str = ""
    """Of a personal one, what the journal keeps: without what the caller said."""


@dataclass(frozen=True, slots=True)
class Context:
    """What travels with a call that is handed over."""

    service: str
    """Its key."""
    intent: str = ""
    """What the caller wants, as far as the bot knows."""
    language: str = "fr"
    """ISO 639-1"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the bot's part of a call ended."""

    result: Literal["DONE", "TRANSFER", "MESSAGE", "FAILED"]
    """Value of the channel variable CALLBOT_RESULT, on which the dialplan acts."""
    destination: str = ""
    """Queue, with TRANSFER."""
    reason: str = ""
    """Why, in one word: goodbye, asked, not_understood, no_input, hung_up, fault..."""
    context: Context | None = field(default=None, compare=False)
    """With TRANSFER."""
    whisper: str = field(default="", compare=False)
    """Path, without its extension, of the WAV that the operator hears before the caller."""


@dataclass(frozen=True, slots=True)
class FiledRequest:
    """What a caller asks the town to do, or a message they leave, as it is kept."""

    reference: str
    """Its number, as the caller is told."""
    intent: str
    service: str
    known: Known
    phone: str
    at: datetime
    """When it was kept, UTC without zone."""
    kind: Literal["request", "message"] = "request"
    complete: bool = True
    state: Literal["received", "handed_over", "done"] = "received"
    remote: str = ""
    """Its number in the town's own system."""
    recording: str = ""
    """File name of a message's sound."""
    token: str = ""
    """Random: with the number, the key by which a second hand-over is told from a second request."""


Channel = Literal["open311", "mail", "sms"]
"""How something leaves the house."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Something to hand over: a request to the town's system or mailbox, an SMS to a caller."""

    channel: Channel
    key: str
    """Unique: by it the receiver, or we, tell a second try from a second thing."""
    content: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A draft that is due, as it stands in the outbox."""

    id: int
    town: str
    """The commune's key."""
    draft: Draft
    attempts: int = 0
    """Tries before this one."""
    interrupted: bool = False
    """The try before began and nobody knows how it ended: it may have arrived."""


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One turn of a call, as the journal keeps it."""

    number: int
    move: str
    """What the bot did: the move's name, and its intent or reason; hung_up or failed when it could not."""
    prompt: str
    """What the bot said."""
    heard: Literal["speech", "key", "silence", ""] = ""
    """What came back."""
    utterance: str = ""
    hypotheses: tuple[Hypothesis, ...] = ()
    ranking: tuple[IntentScore, ...] = ()
    barge_in: bool = False
    resumed: int = 0
    """How often the prompt before was stopped by a noise, then went on."""
    decode_ms: float | None = None
    nlu_ms: float | None = None
    think_ms: float | None = None
    """From the words to the next command on the line: understanding, decision and voice."""
    foreseen: bool = False
    """The words were understood before the end of speech was declared."""
    endpoint_ms: float | None = None
    """Silence after the last word, until it was taken for the end."""
    voice_ms: float | None = None
    """Until the sound of the answer was there; part of `think_ms`."""
    model: str = ""
    """Name of the Rasa model that understood it."""
    gave: str = ""
    """The slot of a request that the caller's words were the answer to."""
    masked_prompt: str | None = None
    """What the bot said, without what it said back; None: the journal masks `prompt` by its words."""
    begins_ms: int | None = None
    """When the caller's words began, by the call's own clock."""
    ends_ms: int | None = None
