"""The conversations in writing: one a sender, from greeting to outcome, each with its journal."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from callbot.dialogue import moves, policy
from callbot.dialogue.dialogue import Dialogue, Reply
from callbot.dialogue.writing import Button, all_in_writing, apology, as_heard, choices
from callbot.errors import JournalError, UnderstandingError
from callbot.town.answers import Answers
from callbot.types import WRITTEN, CallInfo, Hypothesis, Outcome, TurnRecord

log = logging.getLogger(__name__)

SWEEP_S = 30.0
"""Pause between two looks for conversations gone quiet."""
ABANDONED = Outcome("DONE", reason="hung_up")
"""The end of a conversation that its citizen left, as of a call."""

_COMMAND = re.compile(r"/\w+")
"""What a widget sends by itself when it opens: `/start`, `/restart`, `/session_start`, `/get_started`..."""


class Log(Protocol):
    """Where a conversation is written down: a `callbot.journal.call.CallJournal`."""

    async def record(self, turn: TurnRecord) -> None:
        """Have a turn written; raises JournalError when an earlier write failed for good."""

    async def end(self, outcome: Outcome) -> None:
        """Have the outcome written; never raises."""


Open = Callable[[CallInfo, Answers], tuple[Dialogue, Log]]
"""Begins a conversation with these answers, and its journal."""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence before it is addressed to anybody."""

    text: str
    buttons: tuple[Button, ...] = ()


class Chat:
    """One conversation, from greeting to outcome."""

    def __init__(self, open_dialogue: Open, answers: Answers) -> None:
        # The sender's id is the widget's: the journal gets an id of its own.
        info = CallInfo(f"{WRITTEN}{secrets.token_hex(8)}", "text")
        self._id = info.linkedid
        log.info("chat %s begins", self._id)
        self._dialogue, self._journal = open_dialogue(info, answers)
        self._answers = answers
        self._turns = 0
        self._asked: moves.Move = moves.Greet()
        """The move that awaits an answer."""
        self.outcome = Outcome("FAILED", reason="fault")
        """How it ends when nothing more is written."""
        self.over = False

    async def greet(self, briefly: bool = False) -> list[Said]:
        """Say who answers, and ask for a question unless one was put already (`briefly`).

        Raises:
            JournalError: an earlier turn could not be written.
        """
        reply = await self._dialogue.begin()
        if briefly:
            reply = replace(reply, sentences=reply.sentences[:1])
        return await self._say(reply, TurnRecord(0, "", ""))

    async def hear(self, text: str) -> list[Said]:
        """Answer a message; one without text has the last words said again.

        Raises:
            UnderstandingError: Rasa does not answer; the conversation can go on.
            JournalError: a turn or a request could not be written.
        """
        self.outcome = Outcome("FAILED", reason="fault")  # until it is answered
        text = text or policy.REPEAT_KEY
        began = time.perf_counter()
        if self._is_key(text):
            reply = await self._dialogue.key(text)
            return await self._say(reply, TurnRecord(0, "", "", "key", text))
        words = as_heard(text)
        hypotheses = (Hypothesis(words, 1.0),) if words else ()
        heard = TurnRecord(0, "", "", "speech", words, hypotheses)
        try:
            reply = await self._dialogue.speech(hypotheses)
        except UnderstandingError as error:  # what was not answered is worth a look too
            log.error("chat %s waits: %s", self._id, error)
            await self._record(replace(heard, move="failed"))
            raise
        nlu_ms = (time.perf_counter() - began) * 1000
        model = self._dialogue.model
        return await self._say(reply, replace(heard, ranking=reply.ranking, nlu_ms=nlu_ms, model=model))

    async def end(self) -> None:
        """Write down how it ended."""
        await self._journal.end(self.outcome)
        log.info("chat %s ends: %s %s", self._id, self.outcome.result, self.outcome.reason)

    def _is_key(self, text: str) -> bool:
        """A lone digit is a key of the telephone, but « 5 » is an answer to « À quel numéro ? »."""
        takes_numbers = isinstance(self._asked, moves.AskSlot) or self._asked == moves.Ask("what_to_change")
        return len(text) == 1 and text in ("0*" if takes_numbers else "0123456789*")

    async def _say(self, reply: Reply, heard: TurnRecord) -> list[Said]:
        last = reply.turn[-1]
        if not isinstance(last, moves.Repeat | moves.Wait):
            self._asked = last
        texts = all_in_writing(reply, self._answers)
        masked = all_in_writing(reply.masked, self._answers)
        told = replace(heard, prompt=" ".join(texts), masked_prompt=" ".join(masked), gave=reply.gave)
        await self._record(replace(told, move=moves.describe(reply.turn)))
        self.outcome = ABANDONED
        match last:
            case moves.Goodbye():
                self.outcome, self.over = Outcome("DONE", reason="goodbye"), True
            case moves.Transfer(service, reason) | moves.OfferMessage(service, reason):
                queue = self._answers.town.service(service).queue
                self.outcome, self.over = Outcome("TRANSFER", queue, reason), True
        said = [Said(text) for text in texts]
        if said and not isinstance(last, moves.Wait):
            said[-1] = replace(said[-1], buttons=choices(self._asked, self._answers))
        return said

    async def _record(self, turn: TurnRecord) -> None:
        await self._journal.record(replace(turn, number=self._turns))
        self._turns += 1


@dataclass(slots=True)
class _Seat:
    """One sender's place."""

    seen_at: float
    chat: Chat | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One message at a time."""
    present: int = 0
    """Messages being answered or waiting for it: such a seat is not taken away."""


@dataclass(slots=True)
class Seats:
    """The conversations in progress, one a sender."""

    open_dialogue: Open
    answers: Answers
    idle_s: float
    """Seconds without a message after which a conversation is over."""
    max_sessions: int
    """Conversations at once; one more takes the place of the one quiet for longest."""
    clock: Callable[[], float]
    """Seconds."""
    _seats: OrderedDict[bytes, _Seat] = field(default_factory=OrderedDict)
    """The one quiet for longest first."""
    _ending: set[asyncio.Task[None]] = field(default_factory=set)

    async def hear(self, sender: bytes, text: str) -> list[Said]:
        """Answer a sender's message; never raises for what a citizen, Rasa or the journal can do."""
        self.forget_idle()
        seat = self._seat(sender)
        if seat is None:
            log.error("all %d conversations wait for an answer: one more is refused", self.max_sessions)
            return [Said(apology(self.answers))]
        seat.present += 1
        try:
            async with seat.lock:
                return await self._answer(seat, text)
        finally:
            seat.present -= 1
            seat.seen_at = self.clock()
            self._seats.move_to_end(sender)
            if seat.chat is None and not seat.present:
                del self._seats[sender]

    def forget_idle(self) -> None:
        """End the conversations gone quiet."""
        for sender, seat in list(self._seats.items()):
            if self.clock() - seat.seen_at < self.idle_s:
                return
            if not seat.present:
                self._leave(seat)
                del self._seats[sender]

    async def close(self) -> None:
        """End them all, and wait until that is written down."""
        for seat in self._seats.values():
            if seat.chat is not None:
                seat.chat.outcome = replace(seat.chat.outcome, reason="server_stopped")
            self._leave(seat)
        await asyncio.gather(*self._ending)

    def _seat(self, sender: bytes) -> _Seat | None:
        """This sender's place, None when there is none left."""
        if sender not in self._seats:
            if len(self._seats) >= self.max_sessions:
                free = next((other for other, seat in self._seats.items() if not seat.present), None)
                if free is None:
                    return None
                self._leave(self._seats.pop(free))
            self._seats[sender] = _Seat(self.clock())
        return self._seats[sender]

    def _leave(self, seat: _Seat) -> None:
        """End a seat's conversation behind everybody's back: nobody waits for the journal."""
        if seat.chat is not None:
            task = asyncio.create_task(seat.chat.end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        seat.chat = None

    async def _answer(self, seat: _Seat, text: str) -> list[Said]:
        said: list[Said] = []
        begins = _COMMAND.fullmatch(text) is not None or (not text and seat.chat is None)
        if begins:
            self._leave(seat)
        try:
            if seat.chat is None:
                seat.chat = Chat(self.open_dialogue, self.answers)
                said += await seat.chat.greet(briefly=not begins)
            if not begins:
                said += await seat.chat.hear(text)
            if seat.chat.over:
                self._leave(seat)
            return said
        except UnderstandingError:
            pass  # it has told so; once Rasa is back, the conversation goes on
        except JournalError as error:
            log.error("a chat fails: %s", error)
            self._leave(seat)
        except Exception as error:  # its message may hold what was written: only its place is told
            place = "".join(traceback.format_tb(error.__traceback__))
            log.error("a chat fails: %s\n%s", type(error).__name__, place)
            self._leave(seat)
        return [*said, Said(apology(self.answers))]


async def sweep(seats: Seats) -> None:
    """End the conversations gone quiet, now and then; never ends."""
    while True:
        await asyncio.sleep(SWEEP_S)
        seats.forget_idle()
