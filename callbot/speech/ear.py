"""The ear of one call: frames in, utterances out. Vosk only works while somebody speaks."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import webrtcvad

from callbot.speech.closed import Grammar, Reading, settle
from callbot.speech.echo import ECHO_MS
from callbot.speech.endpoint import FRAME_MS, Endpointer, Mark
from callbot.speech.recognizer import Recognizer, RecognizerPool
from callbot.types import Hypothesis, Utterance

with warnings.catch_warnings():  # from Python 3.13 on the module comes from PyPI (audioop-lts)
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

PRE_ROLL_MS = 300
"""Audio before the onset that goes to the recogniser: soft first consonants."""
BATCH_MS = 100
"""Audio handed to the recogniser's thread at once."""
HOLD_MS = 200
"""Silence after speech that the recogniser gets at once: what the network looks ahead, and a little more. The
rest waits until somebody speaks again; most often it ends the utterance, and nobody need decode it."""
LONG_HOLD_MS = 500
"""The same after words that sound unfinished: the network takes sound in pieces and tells the last word up to
0.36 s after its end (« … à la », then « … à la cantine »). Not told then, it costs a long pause."""
VAD_MODE = 2
"""Of 0 (hears speech everywhere) to 3."""
MIN_RMS = 120
"""Frames softer than this (of 32767; about -49 dBFS) are silence; the VAD is not even asked."""
NOISE_S = 0.25
"""An utterance without words and with less voiced time than this was a noise."""
TAIL_MS = 200
"""Silence after speech that still belongs to `Ear.recent`: the soft end of a word."""
MAX_PAUSE_MS = 5000
"""Longest silence that ends an utterance."""
CLOSED_PATIENCE_S = 0.2
"""How long an answer may wait for the closed reading."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """Somebody speaks now."""

    voiced_ms: int
    partial: str
    """Words so far."""
    silence_ms: int = 0
    """Pause since the last sound of speech."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance is complete; it may hold no word (a mumble)."""

    utterance: Utterance


Sound = Speaking | Heard


class Ear:
    """Listens to one call.

    Args:
        pool: where a recogniser is borrowed for each utterance.
        threads: where it computes.
        rate_hz: rate of the audio.
        narrowed: makes a recogniser for a grammar; None: the model knows no grammars.
    """

    def __init__(
        self,
        pool: RecognizerPool,
        threads: Executor,
        endpointer: Endpointer,
        rate_hz: int = 8000,
        narrowed: Callable[[Grammar], Recognizer] | None = None,
    ) -> None:
        self._pool = pool
        self._recognizer: Recognizer | None = None
        self._threads = threads
        self._endpointer = endpointer
        self.rate_hz = rate_hz
        self._frame = rate_hz * FRAME_MS // 1000 * 2
        self._vad = webrtcvad.Vad(VAD_MODE)
        self._rest = b""
        self._before: deque[bytes] = deque(maxlen=PRE_ROLL_MS // FRAME_MS)
        self._batch: list[bytes] = []
        self._held: list[bytes] = []
        self._hold_ms = HOLD_MS
        self._partial = ""
        self._narrowed = narrowed
        self._grammar: Grammar | None = None
        self._closed: Recognizer | None = None
        self._recent: deque[bytes] = deque(maxlen=(ECHO_MS + MAX_PAUSE_MS) // FRAME_MS)

    @property
    def recent(self) -> bytes:
        """ECHO_MS of sound up to the end of the utterance in progress, or of the last one."""
        end = len(self._recent) - self.recent_ago_ms // FRAME_MS
        frames = list(self._recent)[max(0, end - ECHO_MS // FRAME_MS) : max(0, end)]
        return b"".join(frames).rjust(ECHO_MS // FRAME_MS * self._frame, b"\0")

    @property
    def recent_ago_ms(self) -> int:
        """How long ago `recent` ended."""
        return max(0, self._endpointer.silence_ms - TAIL_MS)

    def expect(self, grammar: Grammar | None) -> None:
        """From the next utterance on, listen for these answers besides everything else."""
        if grammar != self._grammar or self._closed is None:
            self._grammar = grammar
            self._closed = self._narrowed(grammar) if self._narrowed and grammar else None

    @property
    def speaking(self) -> bool:
        """Is an utterance in progress?"""
        return self._endpointer.speaking

    def wait(self, silence_ms: int) -> None:
        """Let the utterance in progress end after that much silence."""
        self._endpointer.wait(silence_ms)
        self._hold_ms = LONG_HOLD_MS if silence_ms > self._endpointer.end_silence_ms else HOLD_MS

    async def forget(self) -> None:
        """Drop the utterance in progress: a key has answered instead, or it was an echo."""
        self._batch.clear()
        self._held.clear()
        if self._endpointer.speaking:
            self._endpointer.speaking = False
            await asyncio.get_running_loop().run_in_executor(self._threads, self._reset)

    async def hear(self, pcm: bytes) -> Sound | None:
        """Take audio of any length; returns the last thing it reveals, an utterance above all."""
        data = self._rest + pcm if self._rest else pcm
        whole = len(data) // self._frame * self._frame
        self._rest = data[whole:]
        sound: Sound | None = None
        for at in range(0, whole, self._frame):
            frame = data[at : at + self._frame]
            mark = self._endpointer.push(self._voiced(frame))
            self._recent.append(frame)
            if mark is None and not self._endpointer.speaking:  # most of a call
                self._before.append(frame)
                continue
            revealed = await self._spoken(frame, mark)
            if isinstance(revealed, Heard):
                self._rest = data[at + self._frame :]
                return revealed
            sound = revealed or sound
        return sound

    async def _spoken(self, frame: bytes, mark: Mark | None) -> Sound | None:
        """A frame of an utterance."""
        if mark is Mark.ONSET:
            self._batch.extend(self._before)
            self._before.clear()
            self._partial, self._hold_ms = "", HOLD_MS
        holding = self._endpointer.silence_ms > self._hold_ms
        if holding:
            self._held.append(frame)
        else:
            self._batch += [*self._held, frame]
            self._held.clear()
        if mark is Mark.END:
            self._held.clear()
            return await self._finish()
        if len(self._batch) * FRAME_MS >= BATCH_MS or (holding and self._batch):
            self._partial = await self._feed()
        return Speaking(self._endpointer.voiced_ms, self._partial, self._endpointer.silence_ms)

    async def _finish(self) -> Heard | None:
        began, endpoint_ms = time.perf_counter(), float(self._endpointer.silence_ms)
        length_ms = float(self._endpointer.length_ms)
        await self._feed()
        hypotheses = await self._settled()
        speech_s = self._endpointer.voiced_ms / 1000
        if not hypotheses and speech_s < NOISE_S:
            return None
        decode_ms = (time.perf_counter() - began) * 1000
        return Heard(Utterance(hypotheses, speech_s, decode_ms, endpoint_ms, length_ms))

    async def _feed(self) -> str:
        batch, self._batch = b"".join(self._batch), []
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._take, batch)

    async def _settled(self) -> tuple[Hypothesis, ...]:
        """What was heard, or the closed reading where it fits as well; one that takes too long is given up.

        Noise forced into a large grammar can take Kaldi seconds, and a caller is waiting.
        """
        loop = asyncio.get_running_loop()
        hypotheses, reading = await loop.run_in_executor(self._threads, self._end)
        closed, grammar = self._closed, self._grammar
        if closed is None or grammar is None:
            return hypotheses
        finishing = loop.run_in_executor(self._threads, closed.finish)
        try:
            async with asyncio.timeout(CLOSED_PATIENCE_S):
                narrowed = await asyncio.shield(finishing)
        except TimeoutError:
            self._closed = None  # its thread ends with it; the next question gets a new one
            return hypotheses
        return settle(hypotheses, reading, narrowed, closed.reading, grammar)

    # These compute, in a thread.

    def _open(self) -> Recognizer:
        """The recogniser of the utterance in progress."""
        if self._recognizer is None:
            self._recognizer = self._pool.borrow()
        return self._recognizer

    def _take(self, batch: bytes) -> str:
        if self._grammar is not None and self._endpointer.voiced_ms > self._grammar.longest_s * 1000:
            self._closed = None
        if self._closed is not None:
            self._closed.feed(batch)
        return self._open().feed(batch)

    def _end(self) -> tuple[tuple[Hypothesis, ...], Reading]:
        recognizer = self._open()
        hypotheses, reading = recognizer.finish(), recognizer.reading
        self._recognizer = None
        self._pool.give_back(recognizer)
        return hypotheses, reading

    def _reset(self) -> None:
        if self._recognizer is not None:
            self._recognizer.reset()
            self._pool.give_back(self._recognizer)
            self._recognizer = None
        if self._closed is not None:
            self._closed.reset()

    def _voiced(self, frame: bytes) -> bool:
        return audioop.rms(frame, 2) >= MIN_RMS and bool(self._vad.is_speech(frame, self.rate_hz))
