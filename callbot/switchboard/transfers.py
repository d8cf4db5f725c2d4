"""What Asterisk's events mean for a call that was handed over, and what its operator is told. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from callbot.switchboard.queues import whole

State = Literal["waiting", "ringing", "answered", "ended", "abandoned", "unanswered"]
Message = Mapping[str, str]

STATES: Mapping[str, State] = {
    "QueueCallerJoin": "waiting",
    "AgentCalled": "ringing",
    "AgentRingNoAnswer": "waiting",
    "AgentDump": "waiting",  # the operator hung up during the whisper; the caller keeps their place
    "AgentConnect": "answered",
    "AgentComplete": "ended",
    "QueueCallerAbandon": "unanswered",
    "QueueCallerLeave": "unanswered",
}
DOUBTFUL = ("QueueCallerAbandon", "QueueCallerLeave")
"""Asterisk says « abandon » of a caller who hung up and of one whose patience, the queue's time-out, ran out
while a telephone rang; and « leave » just before AgentConnect as well."""
WITH_OPERATOR = ("AgentCalled", "AgentConnect", "AgentComplete")


@dataclass(frozen=True, slots=True)
class Change:
    """What a transfer has become."""

    linkedid: str
    state: State
    operator: str = ""
    """Interface that rings or has answered."""
    talk_s: int | None = None
    """Of one that has ended: how long they talked, where Asterisk says so."""
    doubtful: bool = False
    """To be believed unless something else about the same call follows within the second."""


def meaning(event: Message) -> Change | None:
    """What an event says of the transfer of its call; None: nothing."""
    name, linkedid = event.get("Event", ""), event.get("Linkedid", "")
    if not linkedid:
        return None
    if name in ("HangupRequest", "Hangup"):
        # Of the caller's channel, the call's first: the operators' come and go. One who is talked to ends it.
        ended: State = "abandoned" if name == "HangupRequest" else "ended"
        return Change(linkedid, ended) if event.get("Uniqueid") == linkedid else None
    state = STATES.get(name)
    if state is None:
        return None
    operator = event.get("Interface", "") if name in WITH_OPERATOR else ""
    talked = whole(event.get("TalkTime", "")) if name == "AgentComplete" else None
    return Change(
        linkedid,
        state,
        operator,
        talked,
        doubtful=name in DOUBTFUL,
    )


NOBODY = "callbot-message"
"""The dialplan's context for calls that no operator answered."""


def found(linkedid: str, channels: Iterable[Message]) -> Change | None:
    """What has become of a transfer while nobody listened, from the channels there are (CoreShowChannels).

    None: as far as one can tell it is as it was.
    """
    legs = [one for one in channels if one.get("Linkedid") == linkedid]
    caller = next((one for one in legs if one.get("Uniqueid") == linkedid), None)
    if caller is None:
        return Change(linkedid, "ended")
    if caller.get("Context") == NOBODY:
        return Change(linkedid, "unanswered")
    if caller.get("Application") != "Queue":
        return None  # with the bot, who announces it
    others = [one for one in legs if one is not caller]
    bridged = [one for one in others if caller.get("BridgeId") and one.get("BridgeId") == caller["BridgeId"]]
    if bridged:
        return Change(linkedid, "answered", _interface(bridged[0]))
    if others:  # its telephone rings, or its operator hears the whisper
        return Change(linkedid, "ringing", _interface(others[0]))
    return Change(linkedid, "waiting")


def _interface(channel: Message) -> str:
    """PJSIP/operateur1-0000002a is a call of PJSIP/operateur1."""
    return channel.get("Channel", "").rpartition("-")[0]


LONGEST_WHISPER = 13
"""Words: the operator hears it before the caller, who waits meanwhile."""
REASONS = {
    "asked": "demande une personne",
    "not_understood": "non compris deux fois",
    "no_input": "n'a rien dit",
    "too_long": "appel trop long",
    "dissatisfied": "mécontent",
    "language": "parle une autre langue",
}
"""Why, in the operator's ear; a matter for the service needs no words."""
LANGUAGES = {
    **{"ar": "arabe", "de": "allemand", "en": "anglais", "es": "espagnol", "it": "italien"},
    **{"nl": "néerlandais", "pl": "polonais", "pt": "portugais", "ro": "roumain", "ru": "russe"},
    **{"tr": "turc", "uk": "ukrainien", "zh": "chinois"},
}

_ARTICLE = re.compile(r"^(?:les? |la |l['’]|une? |des )", re.IGNORECASE)
_SERVICE = re.compile(r"^services? (?:de la |de l['’]|des |du |de |d['’])", re.IGNORECASE)
_AND = re.compile(r" et (?:de la |de l['’]|des |du |de |d['’])")
_DANGLING = re.compile(
    r"(?:\s+(?:à|au|aux|de|des|du|en|et|la|le|les|ou|par|pas|pour|sa|ses|son|sur|un|une))+$"
)


def whisper(name_of_intent: str, service_name: str, reason: str, language: str) -> str:
    """What the operator hears before the caller.

    « Appel du robot : état civil, acte de naissance, non compris deux fois. »

    Args:
        name_of_intent: as the bot offers it (« une copie d'acte de naissance »); empty when it knows none.
        service_name: « le service de l'état civil »
        reason: of the transfer.
        language: ISO 639-1, of the caller.
    """
    service = _AND.sub(" et ", _SERVICE.sub("", _ARTICLE.sub("", service_name.strip())))
    service = service.removesuffix(" de la mairie")
    matter = _ARTICLE.sub("", name_of_intent.strip())
    why = REASONS.get(reason, "")
    if language not in ("", "fr"):
        speaks = f"parle {LANGUAGES[language]}" if language in LANGUAGES else REASONS["language"]
        explained = reason in ("language", "not_understood", "no_input")
        why = speaks if explained or not why else f"{why}, {speaks}"
    room = LONGEST_WHISPER - len(f"Appel du robot {why}".split())
    if matter and len(f"{service} {matter}".split()) > room:
        service = ""  # operators know where they work
    words = matter.split()
    if len(words) > room:
        matter = _DANGLING.sub("", " ".join(words[:room])).rstrip(",;:")
    told = ", ".join(filter(None, (service, matter, why)))
    return f"Appel du robot : {told}." if told else "Appel du robot."
