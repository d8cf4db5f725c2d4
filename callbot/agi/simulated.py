"""A line without Asterisk: a scripted caller speaks WAVs, in virtual time. For `callbot call` and tests.

Nothing here imitates AGI: what is simulated is the caller and the clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from callbot.agi.line import Audio, Digit, LineEvent, PlaybackEnded
from callbot.errors import CallerHungUp, LineError
from callbot.types import CallInfo, Outcome

FRAME_S = 0.02


@dataclass(frozen=True, slots=True)
class Say:
    """The caller speaks: samples as signed 16-bit little-endian bytes at the line's rate."""

    pcm: bytes
    over_prompt_s: float | None = None
    """Speak over the bot this long after it began; None: wait until it has finished."""


@dataclass(frozen=True, slots=True)
class Press:
    """The caller presses a key once the bot has begun to speak."""

    key: str


@dataclass(frozen=True, slots=True)
class StaySilent:
    """The caller lets this listening time pass."""


CallerStep = Say | Press | StaySilent


class SimulatedLine:
    """A call whose caller follows steps, then hangs up when the bot has finished speaking.

    Args:
        steps: what the caller does, one step for each time the bot speaks.
        reaction_s: pause before the caller answers.
    """

    def __init__(
        self,
        steps: Sequence[CallerStep],
        info: CallInfo | None = None,
        rate_hz: int = 8000,
        reaction_s: float = 0.3,
    ) -> None:
        self.info = info or CallInfo(linkedid="simulated", channel="simulated")
        self.outcome: Outcome | None = None
        self.played: list[tuple[float, Path]] = []
        """What the bot began to play, and when."""
        self.speech_ends_s: list[float] = []
        """Call clock at the end of everything the caller said."""
        self._steps = deque(steps)
        self._rate_hz = rate_hz
        self._frame = int(rate_hz * FRAME_S) * 2
        self._reaction_s = reaction_s
        self._clock_frames = 0
        self._playlist: deque[Path] = deque()
        self._playing: Path | None = None
        self._prompt_left_s = 0.0
        self._prompt_began_s = 0.0
        self._silence_since_s = 0.0
        self._speech = b""
        self._armed = False
        """The bot has begun a prompt that the current step has not answered yet."""

    @property
    def clock_s(self) -> float:
        """Seconds of caller's audio delivered so far."""
        return self._clock_frames * FRAME_S

    @property
    def unheard(self) -> Sequence[Path]:
        """What is being played and what comes after it."""
        return [*([self._playing] if self._playing else []), *self._playlist]

    @property
    def position_s(self) -> float:
        """How much of what is being played has been heard, in seconds."""
        return float(soundfile.info(self._playing).duration) - self._prompt_left_s if self._playing else 0.0

    async def play(self, wavs: Sequence[Path], skip_s: float = 0.0) -> None:
        """Start playing these WAVs in turn instead of what plays now."""
        self._playlist = deque(wavs)
        self._prompt_left_s = 0.0
        self._playing = None
        if wavs:
            self._prompt_began_s = self.clock_s
            self._armed = True
            self._next_prompt()
            self._prompt_left_s -= skip_s
        else:
            self._silence_since_s = self.clock_s

    async def stop(self) -> None:
        """Stop playing."""
        await self.play([])

    async def next_event(self) -> LineEvent:
        """20 ms of the caller's audio, or what else happens."""
        await asyncio.sleep(0)  # what the bot does meanwhile gets its turns, though no time passes
        playing = self._prompt_left_s > 0
        step = self._steps[0] if self._steps and self._armed and not self._speech else None
        if isinstance(step, Press) and playing:
            self._take_step()
            await self.stop()
            return Digit(step.key)
        if isinstance(step, Say) and self._time_to_speak(step, playing):
            self._take_step()
            self._speech = step.pcm
        if isinstance(step, StaySilent) and not playing:
            self._take_step()
        if not self._steps and self._armed and not playing and not self._speech:
            raise CallerHungUp
        if playing:
            self._prompt_left_s -= FRAME_S
            if self._prompt_left_s <= 0 and not self._next_prompt():
                self._silence_since_s = self.clock_s
                return PlaybackEnded()
        self._clock_frames += 1
        frame, self._speech = self._speech[: self._frame], self._speech[self._frame :]
        if frame and not self._speech:
            self.speech_ends_s.append(self.clock_s)
        return Audio(frame.ljust(self._frame, b"\0"), self._playing, self.position_s)

    async def leave(self, outcome: Outcome) -> None:
        """Note the outcome."""
        self.outcome = outcome

    def _time_to_speak(self, step: Say, playing: bool) -> bool:
        if step.over_prompt_s is not None:
            return self.clock_s - self._prompt_began_s >= step.over_prompt_s
        return not playing and self.clock_s - self._silence_since_s >= self._reaction_s

    def _take_step(self) -> None:
        self._steps.popleft()
        self._armed = False

    def _next_prompt(self) -> bool:
        self._playing = None
        if not self._playlist:
            return False
        self._playing = wav = self._playlist.popleft()
        try:
            self._prompt_left_s = float(soundfile.info(wav).duration)
        except (OSError, soundfile.SoundFileError) as error:
            raise LineError(f"cannot play {wav}: {error}") from error
        self.played.append((self.clock_s, wav))
        return True
