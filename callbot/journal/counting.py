"""What became of a call, and what is counted of it. Pure; definitions in words: `quality/figures.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from callbot.journal.board import LONGEST_CALL
from callbot.journal.tally import Tally
from callbot.types import CALL_BACK, DEFAULT_QUEUE, OUT_OF_SCOPE, WRITTEN

OUTCOMES = ("contained", "human", "message", "served_lost", "lost", "unknown", "ongoing")
"""Each call has one: served by the bot alone; answered by a person; left a message or asked to be called
back; served by the bot, then gone from the queue; none of these; handed over and nobody could tell; not over
yet."""
ACTS = ("answer", "register", "tellstatus", "sendtext", "emergency")
"""Moves by which the bot does something about a need, and does not merely ask."""
_TALK = "conversation_"
"""Intents that are a matter of the conversation itself: an answer to one serves no need."""


@dataclass(frozen=True, slots=True)
class Part:
    """One row of calls: a call that nobody answered comes back to the bot as a second one."""

    id: int
    town: str
    linkedid: str
    started_at: datetime
    ended_at: datetime | None
    result: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """One turn."""

    at: datetime
    heard: str
    intent: str
    move: str
    endpoint_ms: float | None
    decode_ms: float | None
    nlu_ms: float | None
    voice_ms: float | None
    think_ms: float | None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """One transfer."""

    at: datetime
    state: str
    intent: str
    queue: str
    answered_at: datetime | None
    ended_at: datetime | None


@dataclass(slots=True)
class Whole:
    """Everything that is known of a call."""

    parts: list[Part]
    turns: list[Spoken] = field(default_factory=list)
    transfers: list[HandedOver] = field(default_factory=list)
    requests: list[tuple[str, str, bool]] = field(default_factory=list)
    """(kind, intent, complete)"""
    texts: int = 0
    """SMS that confirm its requests."""

    @property
    def started_at(self) -> datetime:
        """When the caller reached the bot."""
        return self.parts[0].started_at


def joined(parts: Iterable[Part]) -> list[Whole]:
    """Calls of their parts: those of one town and linkedid, begun within the longest call of each other."""
    calls: list[Whole] = []
    open: dict[tuple[str, str], Whole] = {}
    for part in sorted(parts, key=lambda part: (part.started_at, part.id)):
        key = (part.town, part.linkedid or str(part.id))
        known = open.get(key)
        if known is not None and part.started_at - known.started_at <= LONGEST_CALL:
            known.parts.append(part)
        else:
            open[key] = call = Whole([part])
            calls.append(call)
    return calls


def count(call: Whole, moment: datetime) -> Tally:
    """What is counted of a call.

    Args:
        moment: now, UTC without zone: what has no end and began long ago will have none.
    """
    tally = Tally()
    if call.parts[0].linkedid.startswith(WRITTEN):
        tally.counts["chats"] = 1
        return tally
    served, asked = _needs(call.turns)
    outcome = _outcome(call, moment, bool(served))
    tally.counts["calls"] = tally.counts[outcome] = 1
    if outcome == "ongoing":
        return tally
    _count_people(call, tally)
    _count_turns(call, tally)
    tally.counts["message_bot"] = int(outcome == "message" and not call.transfers)
    last = call.parts[-1]
    tally.counts["failed"] = int(any(part.result in (None, "FAILED") for part in call.parts))
    tally.counts["bot_lost"] = int(outcome == "lost" and not call.transfers and last.reason == "hung_up")
    for kind, intent, complete in call.requests:
        name = "messages" if kind == "message" else "call_backs" if intent == CALL_BACK else "requests"
        tally.counts[name] += int(complete or kind == "message")
    tally.counts["sms"] = call.texts + sum(_names(turn.move).count("sendtext") for turn in call.turns)
    wanted = {one.intent for one in call.transfers} | asked
    tally.intents.update(intent for intent in wanted if intent and _is_need(intent))
    return tally


def _outcome(call: Whole, moment: datetime, served: bool) -> str:
    def young(since: datetime) -> bool:
        return moment - since < LONGEST_CALL

    last = call.parts[-1]
    if last.ended_at is None and young(last.started_at):
        return "ongoing"
    if any(one.answered_at is not None for one in call.transfers):
        return "human"
    if any(
        kind == "message" or (intent == CALL_BACK and complete) for kind, intent, complete in call.requests
    ):
        return "message"
    if not call.transfers:
        contained = served and last.result in ("DONE", "MESSAGE")
        return "contained" if contained else "lost"
    newest = call.transfers[-1]
    if newest.state in ("abandoned", "unanswered", "ended"):
        return "served_lost" if served else "lost"
    return "ongoing" if young(newest.at) else "served_lost" if served else "unknown"


def _needs(turns: list[Spoken]) -> tuple[set[str], set[str]]:
    """Moves that served a need, and the intents that calls are about: answered or taken down.

    An answer that the caller grumbles at, so that the bot is sorry or hands over, served nothing.
    """
    served: set[str] = set()
    asked: set[str] = set()
    for turn, after in pairwise([*turns, None]):
        assert turn is not None
        disliked = after is not None and after.move.startswith(("ask:sorry", "ask:insulted"))
        disliked = disliked or (after is not None and after.move.endswith(":dissatisfied"))
        for move in turn.move.split("+"):
            name, _, detail = move.partition(":")
            intent = detail.partition(":")[0]
            if name not in ACTS or (name == "answer" and not _is_need(intent)):
                continue
            asked.add(intent)
            if not disliked:
                served.add(move)
    return served, asked


def _is_need(intent: str) -> bool:
    return not intent.startswith(_TALK) and intent != OUT_OF_SCOPE


def _names(move: str) -> list[str]:
    return [part.partition(":")[0] for part in move.split("+")]


def _count_people(call: Whole, tally: Tally) -> None:
    """Hand-overs: a call that is handed over twice counts once."""
    if not call.transfers:
        return
    tally.counts["transfers"] = 1
    tally.counts["desk"] = desk = int(call.transfers[-1].queue == DEFAULT_QUEUE)
    answered = next((one for one in call.transfers if one.answered_at is not None), None)
    if answered is not None and answered.answered_at is not None:
        tally.counts["transfers_answered"] = 1
        tally.counts["desk_answered"] = desk
        tally.measure("wait", _lasted(answered.at, answered.answered_at))
        if answered.ended_at is not None:
            tally.measure("talk", _lasted(answered.answered_at, answered.ended_at))
        return
    newest = call.transfers[-1]
    state = {"abandoned": "abandoned", "ended": "abandoned", "unanswered": "unanswered"}.get(newest.state)
    tally.counts[f"transfers_{state or 'unknown'}"] = 1
    if state and newest.ended_at is not None:
        tally.measure("gone" if state == "abandoned" else "in_vain", _lasted(newest.at, newest.ended_at))


def _count_turns(call: Whole, tally: Tally) -> None:
    greeting = next((turn for turn in call.turns if not turn.heard), None)
    if greeting is not None:
        tally.measure("greet", (greeting.at - call.started_at) / timedelta(milliseconds=1))
    with_bot = sum(
        _lasted(part.started_at, part.ended_at) for part in call.parts if part.ended_at is not None
    )
    if with_bot:
        tally.measure("bot", with_bot)
    for turn in call.turns:
        if not turn.heard:
            continue
        tally.counts["turns"] += 1
        tally.counts["silent"] += turn.heard == "silence"
        if turn.heard != "speech":
            continue
        if turn.intent:
            tally.counts["understood"] += 1
            tally.counts["off_topic"] += turn.intent == OUT_OF_SCOPE
        stages = {
            **{"endpoint": turn.endpoint_ms, "decode": turn.decode_ms, "nlu": turn.nlu_ms},
            **{"voice": turn.voice_ms, "think": turn.think_ms},
        }
        felt = [stages[name] for name in ("endpoint", "decode", "think")]
        whole = sum(ms for ms in felt if ms is not None) if None not in felt else None
        for name, ms in {**stages, "felt": whole}.items():
            if ms is not None:
                tally.measure(name, ms)


def _lasted(begin: datetime, end: datetime) -> float:
    """Milliseconds, in whole seconds: an exact duration would tell one call from all others."""
    return max(0.0, round((end - begin).total_seconds()) * 1000.0)
