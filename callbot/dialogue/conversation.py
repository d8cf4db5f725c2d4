"""The turn loop: the one place where line, ear, understanding, policy, voice and journal meet."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from callbot.agi.line import Audio, Digit, Line, LineEvent, PlaybackEnded
from callbot.dialogue import moves, policy, state
from callbot.dialogue.dialogue import Dialogue, Pause, Reply
from callbot.dialogue.moves import (
    FRONT_DESK,
    Answer,
    Goodbye,
    Greet,
    Register,
    Repeat,
    StopRecording,
    TakeMessage,
    Transfer,
    Wait,
)
from callbot.errors import CallerHungUp, JournalError, UnderstandingError, VoiceError
from callbot.speech.ear import Ear, Heard, Sound, Speaking
from callbot.speech.echo import FarEnd
from callbot.speech.message import Recorder
from callbot.speech.prompts import Manner, Prompts
from callbot.speech.recording import CallRecorder
from callbot.town.answers import Answers
from callbot.types import Outcome, TurnRecord, Utterance
from callbot.understanding.needs import is_backchannel

log = logging.getLogger(__name__)

Record = Callable[[TurnRecord], Awaitable[None]]
FORESEE_AFTER_MS = 100
"""Pause after which the words so far are looked at."""
LEGAL_PART = 1
"""Sentences of the greeting that say who speaks and what becomes of it: they are heard out."""
ECHO_FROM_MS = 100
"""Voiced sound from which it is told whether it is an echo."""
COMPARE_EVERY_S = 0.1
RESUME_BEFORE_S = 0.5
"""A prompt stopped for nothing goes on a little before that place, at a word already heard."""
MESSAGE_BEGINS_S, MESSAGE_ENDS_S = 8.0, 4.0
"""Silence after which no message comes any more, and after which it has ended."""
LONGEST_MESSAGE_S = 120.0
LEAST_SPEECH_S = 0.5
"""A message with less is none: a cough, a click."""
NOTHING_HEARD = TurnRecord(number=0, move="", prompt="")


@dataclass(frozen=True, slots=True)
class Tempo:
    """Patience, in milliseconds and seconds of the call's own clock."""

    no_input_ms: int = 6000
    wait_ms: int = 30_000
    """Silence left to a caller who asked for a moment."""
    barge_in_ms: int = 300
    end_silence_ms: int = 500
    """Silence that ends an utterance."""
    quick_silence_ms: int = 300
    """Silence that ends an utterance which is whole and understood."""
    slow_silence_ms: int = 1000
    """Silence that ends an unfinished one."""
    max_call_s: int = 1800


@dataclass(frozen=True, slots=True)
class _Heard:
    """What came back after a prompt."""

    kind: Literal["speech", "key", "silence"]
    key: str = ""
    utterance: Utterance | None = None
    barge_in: bool = False
    resumed: int = 0
    """False barge-ins before it."""
    clock_ms: int = 0
    """The call's own clock at the declared end of what was heard."""
    received_at: float = field(default_factory=time.perf_counter)


class Conversation:
    """One call, from greeting to outcome.

    Args:
        line: the caller.
        ear: hears this line.
        prompts: sentences as WAVs.
        dialogue: decides what to say.
        answers: the town's answers.
        record: writes a turn down.
        messages: folder of the messages' sound.
        recorder: keeps the sound of this call, once the caller was told; None: it is not kept.
    """

    def __init__(
        self,
        line: Line,
        ear: Ear,
        prompts: Prompts,
        dialogue: Dialogue,
        answers: Answers,
        record: Record,
        messages: Path,
        tempo: Tempo = Tempo(),  # noqa: B008 (frozen)
        recorder: CallRecorder | None = None,
    ) -> None:
        self._line = line
        self._ear = ear
        self._prompts = prompts
        self._dialogue = dialogue
        self._answers = answers
        self._record = record
        self._messages = messages
        self._tempo = tempo
        self._recorder = recorder
        self._legal_end: int | None = None
        """WAVs still to come when the caller has been told; None: they have."""
        self._manner = Manner()
        self._patience_ms = tempo.no_input_ms
        self._far_end = FarEnd(ear.rate_hz)
        self._compared_s = 0.0
        """When the caller's sound was last compared with it."""
        self._is_callers = False
        """The utterance in progress is no echo."""
        self._foreseen = ""
        """The words so far that `foresee` was asked about."""
        self._foresight: asyncio.Task[Pause] | None = None
        self._turns = 0
        self._turn = NOTHING_HEARD
        """The turn in progress, until it is written down."""

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
            return Outcome(
                "FAILED", reason="fault", context=self._dialogue.context(Transfer(FRONT_DESK, "asked"))
            )

    async def _converse(self) -> Outcome:
        reply, asked_at = await self._dialogue.begin(), None
        while True:
            last = reply.turn[-1]
            self._suit(last)
            if any(_ends_recording(move) for move in reply.turn):
                await self._forget_sound()
            began = time.perf_counter()
            wavs = [await self._prompts.wav(sentence, self._manner) for sentence in reply.sentences]
            if isinstance(last, TakeMessage):
                wavs.append(await self._prompts.tone())
            voice_ms = (time.perf_counter() - began) * 1000
            await self._line.play(wavs)
            if asked_at is not None:
                think_ms = (time.perf_counter() - asked_at) * 1000
                self._turn = replace(self._turn, voice_ms=voice_ms, think_ms=think_ms)
            await self._record_turn(moves.describe(reply.turn), reply.text, reply.masked.text)
            match last:
                case Transfer():
                    await self._play_out()
                    return self._to_humans(last)
                case Goodbye():
                    if await self._play_out() == policy.HUMAN_KEY:
                        return self._to_humans(Transfer(FRONT_DESK, "asked"))
                    return Outcome("DONE", reason="goodbye")
                case TakeMessage():
                    reply, asked_at = await self._take_message(last), None
                    continue
            heard = await self._listen(LEGAL_PART + last.recorded if isinstance(last, Greet) else 0)
            asked_at = heard.received_at
            reply = await self._hear(heard)
            if self._line.clock_s > self._tempo.max_call_s:
                reply = await self._dialogue.too_long()

    def _suit(self, move: moves.Move) -> None:
        """Speak and wait as the caller asked."""
        if isinstance(move, Repeat):
            self._manner = self._manner.but(move.manner)
        if isinstance(move, Answer) and move.intent == state.DEAF:
            self._manner = Manner(slow=True, loud=True)
        self._patience_ms = self._tempo.wait_ms if isinstance(move, Wait) else self._tempo.no_input_ms

    def _to_humans(self, move: Transfer) -> Outcome:
        queue = self._answers.town.service(move.service).queue
        return Outcome("TRANSFER", queue, move.reason, self._dialogue.context(move))

    async def _record_turn(self, move: str, prompt: str = "", masked: str = "") -> None:
        turn = replace(self._turn, number=self._turns, move=move, prompt=prompt, masked_prompt=masked)
        self._turns += 1
        self._turn = NOTHING_HEARD
        await self._record(turn)

    async def _record_rest(self, move: str) -> None:
        """What was heard and not answered any more is worth a look too."""
        if self._turn.heard:
            with contextlib.suppress(JournalError):
                await self._record_turn(move)

    async def _listen(self, uncut: int = 0) -> _Heard:
        """Hear the caller out, over the prompt or after it.

        Args:
            uncut: WAVs at the beginning of the prompt that are played out whatever is said.
        """
        playing, barge_in = True, False
        open_end = len(self._line.unheard) - uncut
        """WAVs still to come from which the prompt may be cut."""
        self._legal_end = open_end if uncut else None
        kept: _Heard | None = None
        stopped: Sequence[Path] = ()
        resume_s, resumed = 0.0, 0
        self._forget_foresight()
        self._ear.expect(self._dialogue.expects)
        quiet_since_s = self._line.clock_s
        while True:
            match await self._next_event():
                case Digit(key):
                    if self._legal_end is not None:
                        await self._forget_sound()  # they were not told: the key cut it short
                    await self._ear.forget()
                    return _Heard("key", key, barge_in=playing, resumed=resumed)
                case PlaybackEnded():
                    playing, quiet_since_s = False, self._line.clock_s
                case Audio(pcm, wav, position_s):
                    self._far_end.play(wav, position_s, len(pcm) // 2)
                    sound = await self._ear.hear(pcm)
                    if sound is not None and self._is_own_echo(sound):
                        await self._ear.forget()
                        continue
                    may_cut = len(self._line.unheard) <= open_end
                    if isinstance(sound, Heard):
                        if (playing or stopped) and not self._says_something(sound.utterance.text):
                            if stopped:  # a cough, a « d'accord »: the prompt goes on
                                await self._line.play(stopped, max(0.0, resume_s - RESUME_BEFORE_S))
                                playing, barge_in, stopped = True, False, ()
                                resumed += 1
                            continue
                        clock_ms = round(self._line.clock_s * 1000)
                        kept = _Heard("speech", "", sound.utterance, barge_in or playing, resumed, clock_ms)
                    if playing and may_cut and self._interrupts(sound):
                        resume_s = self._line.position_s
                        playing, barge_in, stopped = False, True, self._line.unheard
                        await self._line.stop()
                    self._foresee(sound)
                    if self._ear.speaking:
                        quiet_since_s = self._line.clock_s
            if kept is not None and (not playing or len(self._line.unheard) <= open_end):
                if playing:
                    await self._line.stop()
                return kept
            waited_ms = (self._line.clock_s - quiet_since_s) * 1000
            if not playing and waited_ms >= self._patience_ms:
                return _Heard("silence", resumed=resumed)

    def _is_own_echo(self, sound: Sound) -> bool:
        """Did the ear hear nothing but what the bot says, or said just now?

        An utterance once told to be the caller's stays so: its last word may drown in an echo.
        """
        if isinstance(sound, Speaking):
            if sound.voiced_ms < ECHO_FROM_MS or self._line.clock_s - self._compared_s < COMPARE_EVERY_S:
                return False
            self._compared_s = self._line.clock_s
        is_echo = not self._is_callers and self._far_end.echoes_in(self._ear.recent, self._ear.recent_ago_ms)
        long_enough = isinstance(sound, Speaking) and sound.voiced_ms >= self._tempo.barge_in_ms
        self._is_callers = long_enough and not is_echo
        return is_echo

    def _interrupts(self, sound: Sound | None) -> bool:
        return (
            isinstance(sound, Speaking)
            and sound.voiced_ms >= self._tempo.barge_in_ms
            and self._says_something(sound.partial)
        )

    def _says_something(self, text: str) -> bool:
        """Words, and not only « d'accord » when nothing was asked."""
        asked = self._dialogue.awaits_answer and len(self._line.unheard) <= 1  # the question comes last
        return bool(text.strip()) and (asked or not is_backchannel(text))

    def _foresee(self, sound: Sound | None) -> None:
        """Have the words so far understood during the pause after them; they decide how long it lasts."""
        if not isinstance(sound, Speaking) or not sound.partial:
            return
        if self._foresight is not None and self._foresight.done():
            pause = "usual" if self._foresight.exception() else self._foresight.result()
            self._ear.wait(self._pause_ms(pause))
            self._foresight = None
        if sound.silence_ms >= FORESEE_AFTER_MS and sound.partial != self._foreseen:
            self._forget_foresight()
            self._foreseen = sound.partial
            self._ear.wait(self._tempo.end_silence_ms)
            self._foresight = asyncio.create_task(self._dialogue.foresee(sound.partial))

    def _forget_foresight(self) -> None:
        if self._foresight is not None:
            self._foresight.cancel()
        self._foresight, self._foreseen = None, ""

    def _pause_ms(self, pause: Pause) -> int:
        tempo = self._tempo
        return {
            "short": tempo.quick_silence_ms,
            "usual": tempo.end_silence_ms,
            "long": tempo.slow_silence_ms,
        }[pause]

    async def _hear(self, heard: _Heard) -> Reply:
        """What to do about it; the turn's record takes it down."""
        self._turn = replace(NOTHING_HEARD, heard=heard.kind, barge_in=heard.barge_in, resumed=heard.resumed)
        if heard.kind == "silence":
            return await self._dialogue.silence()
        if heard.utterance is None:
            self._turn = replace(self._turn, utterance=heard.key)
            return await self._dialogue.key(heard.key)
        utterance = heard.utterance
        self._turn = replace(
            self._turn,
            utterance=utterance.text,
            hypotheses=utterance.hypotheses,
            endpoint_ms=utterance.endpoint_ms,
            begins_ms=max(0, heard.clock_ms - round(utterance.length_ms)),
            ends_ms=max(0, heard.clock_ms - round(utterance.endpoint_ms)),
            decode_ms=utterance.decode_ms,
        )
        foreseen = self._dialogue.knows(utterance.text)
        began = time.perf_counter()
        reply = await self._dialogue.speech(utterance.hypotheses)
        nlu_ms = (time.perf_counter() - began) * 1000
        self._turn = replace(
            self._turn,
            ranking=reply.ranking,
            nlu_ms=nlu_ms,
            foreseen=foreseen,
            model=self._dialogue.model,
            gave=reply.gave,
        )
        return reply

    async def _take_message(self, move: TakeMessage) -> Reply:
        """Record what is said after the tone; a hang-up ends a message as well as a key does."""
        await self._play_out()
        self._ear.expect(None)
        recorder, words, speech_s = Recorder(self._ear.rate_hz), list[str](), 0.0
        quiet_since_s = began_s = self._line.clock_s
        hung_up: CallerHungUp | None = None
        try:
            while recorder.seconds < LONGEST_MESSAGE_S:
                event = await self._next_event()
                if isinstance(event, Digit):
                    break
                if isinstance(event, PlaybackEnded):
                    continue
                recorder.add(event.pcm)
                sound = await self._ear.hear(event.pcm)
                if isinstance(sound, Heard):
                    words.append(sound.utterance.text)
                    speech_s += sound.utterance.speech_s
                if self._ear.speaking:
                    quiet_since_s = self._line.clock_s
                patience_s = MESSAGE_ENDS_S if speech_s else MESSAGE_BEGINS_S
                if self._line.clock_s - quiet_since_s >= patience_s:
                    break
        except CallerHungUp as error:
            hung_up = error
        spoken = speech_s >= LEAST_SPEECH_S or (self._ear.speaking and recorder.seconds >= LEAST_SPEECH_S)
        await self._ear.forget()
        said = " ".join(filter(None, words))
        self._turn = replace(
            NOTHING_HEARD,
            heard="speech" if spoken else "silence",
            utterance=said,
            begins_ms=round(began_s * 1000),
            ends_ms=round(self._line.clock_s * 1000),
        )
        recording = await asyncio.to_thread(recorder.save, self._messages) if spoken else ""
        reply = await self._dialogue.message(move, said, recording)
        if hung_up is not None:
            raise hung_up
        return reply

    async def _play_out(self) -> str:
        """Wait for the end of the announcement; a key cuts it short and is returned."""
        while isinstance(event := await self._next_event(), Audio):
            pass
        return event.key if isinstance(event, Digit) else ""

    async def _next_event(self) -> LineEvent:
        """What happens on the line; its sound is kept if it may be, as silence until the caller was told."""
        event = await self._line.next_event()
        if isinstance(event, Audio):
            if self._legal_end is not None and len(self._line.unheard) <= self._legal_end:
                self._legal_end = None
            if self._recorder is not None:
                self._recorder.add(event.pcm if self._legal_end is None else bytes(len(event.pcm)))
        return event

    async def _forget_sound(self) -> None:
        if self._recorder is not None:
            await self._recorder.discard()


def _ends_recording(move: moves.Move) -> bool:
    """The caller refuses, or wants everything deleted."""
    return isinstance(move, StopRecording) or (isinstance(move, Register) and move.intent == state.MY_DATA)
