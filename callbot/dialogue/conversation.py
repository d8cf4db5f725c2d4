"""The turn loop: the one place where line, ear, understanding, policy, voice and journal meet."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from callbot.agi.line import Audio, Digit, Line, PlaybackEnded
from callbot.dialogue import moves, policy, wording
from callbot.dialogue.moves import FRONT_DESK, Goodbye, Move, Repeat, Transfer
from callbot.errors import CallerHungUp, JournalError, UnderstandingError, VoiceError
from callbot.speech.ear import Ear, Heard, Sound, Speaking
from callbot.speech.prompts import Prompts
from callbot.town.answers import Answers
from callbot.types import Outcome, Sentence, TurnRecord, Utterance
from callbot.understanding.understanding import Understanding
from callbot.understanding.values import picked

log = logging.getLogger(__name__)

Record = Callable[[TurnRecord], Awaitable[None]]
NOTHING_HEARD = TurnRecord(number=0, move="", prompt="")


@dataclass(frozen=True, slots=True)
class Tempo:
    """Patience, in milliseconds and seconds of the call's own clock."""

    no_input_ms: int = 6000
    barge_in_ms: int = 300
    max_call_s: int = 1800


@dataclass(frozen=True, slots=True)
class _Reply:
    """What came back after a prompt."""

    input: policy.Input
    heard: Literal["speech", "key", "silence"]
    utterance: Utterance | None = None
    barge_in: bool = False
    received_at: float = field(default_factory=time.perf_counter)


class Conversation:
    """One call, from greeting to outcome.

    Args:
        line: the caller.
        ear: hears this line.
        prompts: sentences as WAVs.
        understanding: what the readings of an utterance mean.
        answers: the town's answers.
        record: writes a turn down.
        clock: the town's local time.
    """

    def __init__(
        self,
        line: Line,
        ear: Ear,
        prompts: Prompts,
        understanding: Understanding,
        answers: Answers,
        record: Record,
        thresholds: policy.Thresholds,
        tempo: Tempo = Tempo(),  # noqa: B008 (frozen)
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._line = line
        self._ear = ear
        self._prompts = prompts
        self._understanding = understanding
        self._answers = answers
        self._record = record
        self._thresholds = thresholds
        self._tempo = tempo
        self._clock = clock
        self._turns = 0
        self._turn = NOTHING_HEARD
        """The turn in progress, until it is written down."""
        self._said: list[Sentence] = []

    async def run(self) -> Outcome:
        """Hold the conversation; never raises for what a caller, Rasa or the voice can do."""
        try:
            return await self._converse()
        except CallerHungUp:
            await self._record_rest("hung_up")
            return Outcome("DONE", reason="hung_up")
        except (UnderstandingError, VoiceError, JournalError) as error:
            # The dialplan announces it, with a recording made when the server started.
            log.error("call %s handed over: %s", self._line.info.linkedid, error)
            await self._record_rest("failed")
            return Outcome("FAILED", reason="fault")

    async def _converse(self) -> Outcome:
        state, move = policy.begin()
        asked_at: float | None = None
        while True:
            sentences = self._words(move)
            wavs = [await self._prompts.wav(sentence) for sentence in sentences]
            await self._line.play(wavs)
            if asked_at is not None:
                self._turn = replace(self._turn, think_ms=(time.perf_counter() - asked_at) * 1000)
            await self._record_turn(moves.describe(move), " ".join(sentence.text for sentence in sentences))
            match move:
                case Transfer(service, reason):
                    await self._play_out()
                    return self._to_humans(service, reason)
                case Goodbye():
                    if await self._play_out() == policy.HUMAN_KEY:
                        return self._to_humans(FRONT_DESK, "asked")
                    return Outcome("DONE", reason="goodbye")
            reply = await self._listen()
            asked_at = reply.received_at
            heard = await self._understand(reply)
            if self._line.clock_s > self._tempo.max_call_s:
                move = Transfer(FRONT_DESK, "too_long")
            else:
                state, move = policy.decide(state, heard, self._answers.catalog.get, self._thresholds)

    def _to_humans(self, service: str, reason: str) -> Outcome:
        return Outcome("TRANSFER", self._answers.town.service(service).queue, reason)

    async def _record_turn(self, move: str, prompt: str = "") -> None:
        turn = replace(self._turn, number=self._turns, move=move, prompt=prompt)
        self._turns += 1
        self._turn = NOTHING_HEARD
        await self._record(turn)

    async def _record_rest(self, move: str) -> None:
        """What was heard and not answered any more is worth a look too."""
        if self._turn.heard:
            with contextlib.suppress(JournalError):
                await self._record_turn(move)

    def _words(self, move: Move) -> list[Sentence]:
        if not isinstance(move, Repeat):
            self._said = wording.words(move, self._answers, self._clock())
        return self._said

    async def _listen(self) -> _Reply:
        """Hear the caller out, over the prompt or after it."""
        playing, barge_in = True, False
        quiet_since_s = self._line.clock_s
        while True:
            match await self._line.next_event():
                case Digit(key):
                    await self._ear.forget()
                    return _Reply(policy.Key(key), "key", barge_in=playing)
                case PlaybackEnded():
                    playing, quiet_since_s = False, self._line.clock_s
                case Audio(pcm):
                    sound = await self._ear.hear(pcm)
                    if isinstance(sound, Heard):
                        if playing:
                            if not sound.utterance.hypotheses:
                                continue  # a cough, a noise: no words
                            barge_in = True
                            await self._line.stop()
                        return _Reply(policy.Understood(()), "speech", sound.utterance, barge_in)
                    if playing and self._interrupts(sound):
                        playing, barge_in = False, True
                        await self._line.stop()
                    if self._ear.speaking:
                        quiet_since_s = self._line.clock_s
            waited_ms = (self._line.clock_s - quiet_since_s) * 1000
            if not playing and waited_ms >= self._tempo.no_input_ms:
                return _Reply(policy.Silence(), "silence")

    def _interrupts(self, sound: Sound | None) -> bool:
        return (
            isinstance(sound, Speaking)
            and sound.voiced_ms >= self._tempo.barge_in_ms
            and bool(sound.partial.strip())
        )

    async def _understand(self, reply: _Reply) -> policy.Input:
        self._turn = replace(NOTHING_HEARD, heard=reply.heard, barge_in=reply.barge_in)
        if reply.utterance is None:
            key = reply.input.key if isinstance(reply.input, policy.Key) else ""
            self._turn = replace(self._turn, utterance=key)
            return reply.input
        self._turn = replace(
            self._turn,
            utterance=reply.utterance.text,
            hypotheses=reply.utterance.hypotheses,
            decode_ms=reply.utterance.decode_ms,
        )
        began = time.perf_counter()
        ranking = await self._understanding.rank(reply.utterance.hypotheses)
        self._turn = replace(self._turn, ranking=ranking, nlu_ms=(time.perf_counter() - began) * 1000)
        return policy.Understood(ranking, picked(reply.utterance.text))

    async def _play_out(self) -> str:
        """Wait for the end of the announcement; a key cuts it short and is returned."""
        while isinstance(event := await self._line.next_event(), Audio):
            pass
        return event.key if isinstance(event, Digit) else ""
