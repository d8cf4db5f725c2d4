"""When does the caller speak, and when have they finished? A pure state machine over 20 ms frames."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

FRAME_MS = 20


class Mark(Enum):
    """What a frame reveals."""

    ONSET = "onset"
    """Speech has begun, some frames ago."""
    END = "end"
    """The utterance is over, `end_silence_ms` ago."""


@dataclass(slots=True)
class Endpointer:
    """Onset and end of utterances from voiced/unvoiced frames.

    Args:
        end_silence_ms: silence that ends an utterance, unless `wait` says otherwise for this one.
        max_utterance_ms: an utterance is cut at this length.
        onset_ms: voiced time within `window_ms` that makes an onset; clicks are shorter.
    """

    end_silence_ms: int
    max_utterance_ms: int
    onset_ms: int = 80
    window_ms: int = 160
    speaking: bool = field(default=False, init=False)
    voiced_ms: int = field(default=0, init=False)
    """Voiced time of the utterance in progress, or of the last one."""
    silence_ms: int = field(default=0, init=False)
    """Silence since the utterance in progress was last voiced."""
    length_ms: int = field(default=0, init=False)
    """Time since the onset of the utterance in progress, or of the last one until its declared end."""
    _patience_ms: int = field(default=0, init=False)
    _recent: deque[bool] = field(init=False)

    def __post_init__(self) -> None:
        self._recent = deque(maxlen=self.window_ms // FRAME_MS)

    def wait(self, silence_ms: int) -> None:
        """End the utterance in progress, and only this one, after that much silence."""
        self._patience_ms = silence_ms

    def push(self, voiced: bool) -> Mark | None:
        """Take one frame."""
        if not self.speaking:
            self._recent.append(voiced)
            if sum(self._recent) * FRAME_MS < self.onset_ms:
                return None
            self.speaking = True
            self.voiced_ms = sum(self._recent) * FRAME_MS
            self.length_ms = len(self._recent) * FRAME_MS
            self.silence_ms = 0
            self._patience_ms = self.end_silence_ms
            self._recent.clear()
            return Mark.ONSET
        self.length_ms += FRAME_MS
        self.silence_ms = 0 if voiced else self.silence_ms + FRAME_MS
        self.voiced_ms += FRAME_MS * voiced
        if self.silence_ms >= self._patience_ms or self.length_ms >= self.max_utterance_ms:
            self.speaking = False
            return Mark.END
        return None
