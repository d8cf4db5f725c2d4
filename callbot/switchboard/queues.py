"""Who is free and who waits, by queue, from what Asterisk tells. Pure: time comes with each message."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

MemberState = Literal["free", "busy", "ringing", "paused", "away"]
Message = Mapping[str, str]
"""An event, or an entry of QueueStatus's answer; `Event` holds its name."""

DEVICE_STATES: Mapping[str, MemberState] = {
    **{"1": "free", "2": "busy", "3": "busy", "8": "busy", "6": "ringing", "7": "ringing"},
    **{"0": "away", "4": "away", "5": "away"},
}
"""Asterisk's device states; 8 is a call on hold, 7 a second one that rings."""
LONGEST_NUMBER = 8
"""Digits of a number of seconds: three years."""
RECENT = 20
"""Calls by which the wait is foreseen."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who answers a queue."""

    interface: str
    """PJSIP/operateur1"""
    name: str = ""
    device: str = "0"
    """Asterisk's device state."""
    paused: bool = False

    @property
    def state(self) -> MemberState:
        """In one word; who has paused is away from the desk, whatever their telephone does."""
        return "paused" if self.paused else DEVICE_STATES.get(self.device, "away")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A caller in a queue."""

    linkedid: str
    since: float
    """Seconds since the epoch."""


@dataclass(slots=True)
class Queue:
    """One queue."""

    name: str
    members: dict[str, Member] = field(default_factory=dict)
    """By interface."""
    waiting: dict[str, Waiting] = field(default_factory=dict)
    """By the caller's channel (Uniqueid), first come first."""
    talks: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT))
    """Seconds of the last conversations."""
    holds: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT))
    """Seconds that the last callers waited."""
    usual_talk: int = 0
    """Asterisk's own average of talk times; 0: it knows none."""
    usual_hold: int = 0

    def count(self, *states: MemberState) -> int:
        """Members in one of these states."""
        return sum(member.state in states for member in self.members.values())

    def longest_wait(self, at: float) -> int:
        """Seconds that the first in the queue has waited; 0 when nobody does."""
        return max((round(at - caller.since) for caller in self.waiting.values()), default=0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a caller who entered the queue now would find."""

    before: int
    """People who wait already."""
    wait_s: int | None
    """Seconds until somebody answers, about; None: nobody can tell."""
    staffed: bool = True
    """Somebody is at a telephone, free or not."""


def estimate(queue: Queue) -> Estimate:
    """Foresee a new caller's wait.

    With a free operator for everyone it is none; a telephone that rings does so for one who waits. Otherwise
    operators are taken to become free evenly, one every (talk time / operators); without a known talk time,
    callers are taken to wait as the last ones did.
    """
    before = len(queue.waiting)
    staffed = queue.count("free", "busy", "ringing")
    if not staffed:
        return Estimate(before, None, staffed=False)
    lacking = max(0, before - queue.count("ringing")) + 1 - queue.count("free")
    if lacking <= 0:
        return Estimate(before, 0)
    if talk := fmean(queue.talks) if queue.talks else queue.usual_talk:
        return Estimate(before, round(lacking * talk / staffed))
    if hold := fmean(queue.holds) if queue.holds else queue.usual_hold:
        return Estimate(before, round(hold))
    return Estimate(before, None)


class Queues:
    """Every queue Asterisk has told of."""

    def __init__(self) -> None:
        self._queues: dict[str, Queue] = {}

    def __getitem__(self, name: str) -> Queue:
        return self._queues[name]

    def get(self, name: str) -> Queue | None:
        """The queue, None when Asterisk has none of that name."""
        return self._queues.get(name)

    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._queues)

    def refresh(
        self, entries: Iterable[Message], at: float, meanwhile: Sequence[tuple[Message, float]] = ()
    ) -> None:
        """Take QueueStatus's answer for the truth.

        Args:
            entries: the answer.
            at: when it came.
            meanwhile: events since the question, with their times: the answer may be older or newer than each
                of them, and each says what is so after it, so that they may be taken twice.
        """
        known, self._queues = self._queues, {}
        linkedids = {
            channel: caller.linkedid for queue in known.values() for channel, caller in queue.waiting.items()
        }
        for entry in entries:
            queue = self._queue(entry.get("Queue", ""))
            match entry.get("Event"):
                case "QueueParams":
                    if before := known.get(queue.name):
                        queue.talks, queue.holds = before.talks, before.holds
                    queue.usual_talk, queue.usual_hold = (
                        _seconds(entry, "TalkTime"),
                        _seconds(entry, "Holdtime"),
                    )
                case "QueueMember":
                    _member(queue, entry)
                case "QueueEntry":
                    # It does not tell the Linkedid; that of a call from outside is its first channel's id.
                    channel = entry.get("Uniqueid", "")
                    linkedid = linkedids.get(channel, channel)
                    queue.waiting[channel] = Waiting(linkedid, at - _seconds(entry, "Wait"))
        for event, then in meanwhile:
            self._change(event, then)
        self._queues.pop("", None)

    def event(self, event: Message, at: float) -> str:
        """Something happened; returns the name of the queue that it is about, empty when it is about none."""
        if not event.get("Queue") or not self._change(event, at):
            return ""
        queue = self._queue(event["Queue"])
        match event["Event"]:
            case "AgentConnect":
                queue.holds.append(_seconds(event, "HoldTime"))
            case "AgentComplete":
                queue.talks.append(_seconds(event, "TalkTime"))
        return queue.name

    def _change(self, event: Message, at: float) -> bool:
        """Who is there and who waits after it; the same a second time. Were it another event: False."""
        queue = self._queue(event.get("Queue", ""))
        channel = event.get("Uniqueid", "")
        match event.get("Event"):
            case "QueueParams" | "QueueMember" | "QueueEntry":
                return False  # an answer's, not what has happened
            case "QueueMemberAdded" | "QueueMemberStatus" | "QueueMemberPause" | "QueueMemberPaused":
                _member(queue, event)
            case "QueueMemberRemoved":
                queue.members.pop(_interface(event), None)
            case "QueueCallerJoin":
                queue.waiting.setdefault(channel, Waiting(event.get("Linkedid", channel), at))
            case "QueueCallerLeave" | "QueueCallerAbandon" | "AgentConnect":
                queue.waiting.pop(channel, None)
            case "AgentCalled" | "AgentRingNoAnswer" | "AgentDump" | "AgentComplete":
                pass  # their telephones' states come as QueueMemberStatus
            case _:
                return False
        return True

    def _queue(self, name: str) -> Queue:
        return self._queues.setdefault(name, Queue(name))


def _member(queue: Queue, message: Message) -> None:
    interface = _interface(message)
    name = message.get("MemberName") or message.get("Name", "")
    paused = message.get("Paused") == "1"
    queue.members[interface] = Member(interface, name, message.get("Status", "0"), paused)


def _interface(message: Message) -> str:
    """An event calls it Interface, QueueStatus Location."""
    return message.get("Interface") or message.get("Location", "")


def _seconds(message: Message, key: str) -> int:
    return whole(message.get(key, "")) or 0


def whole(text: str) -> int | None:
    """A number of seconds as Asterisk writes it; None for what is none, or longer than any call."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else None
