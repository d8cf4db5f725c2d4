"""A telephone on its loudspeaker: what it plays goes into its microphone again, weaker, later, with noise.

The outside Asterisk hands the call's sound to it by AudioSocket (kind, length, payload; 20 ms of signed
16-bit mono at 8000 Hz a message), so the line echoes as a real one does, without a break.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import voices

FRAME = 160
"""Samples of 20 ms."""
HANG_UP, SOUND = 0x00, 0x10
LOUD = 250.0
"""Root mean square of a frame that counts as the other side speaking."""
PAUSE_FRAMES = 45
ACCEPT_S = 30.0


@dataclass(frozen=True)
class Hear:
    """Let the other side finish."""


@dataclass(frozen=True)
class Speak:
    """Say a recording; over the other side once it has spoken for `over_s`, if that is given."""

    wav: Path
    over_s: float | None = None


@dataclass
class Loudspeaker:
    """One call.

    Args:
        steps: what its caller does, in order; then it hangs up.
        echo_db: what it plays comes back that much weaker.
        delay_ms: and that much later, with a room after it.
        noise_rms: of the noise around it (of 32767): pink, like traffic behind a window.
    """

    steps: Sequence[Hear | Speak]
    echo_db: float = 20.0
    delay_ms: int = 120
    noise_rms: float = 60.0
    seed: int = 1
    _speech: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    _loud: int = 0
    _quiet: int = 0

    @contextlib.contextmanager
    def answering(self) -> Iterator[str]:
        """Serve one call in a thread; yields the address for AudioSocket."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(ACCEPT_S)
            thread = threading.Thread(target=self._serve, args=[listener], daemon=True)
            thread.start()
            yield f"127.0.0.1:{listener.getsockname()[1]}"
            thread.join(1.0)

    def _serve(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(ACCEPT_S)
            stream = connection.makefile("rb")
            steps = deque(self.steps)
            echo, noise = self._echo(), self._noise()
            while steps or len(self._speech):
                header = stream.read(3)
                if len(header) < 3:
                    return
                kind, length = struct.unpack(">BH", header)
                payload = stream.read(length)
                if kind == HANG_UP:
                    return
                if kind != SOUND:
                    continue
                heard = np.frombuffer(payload, dtype="<i2").astype(np.float64)
                self._watch(heard)
                if steps and not len(self._speech) and self._is_over(steps[0]):
                    steps.popleft()
                said, self._speech = self._speech[: len(heard)], self._speech[len(heard) :]
                if len(said) and not len(self._speech):
                    self._loud = 0  # what was heard so far is no answer
                sound = echo.send(heard) + next(noise)[: len(heard)]
                sound[: len(said)] += said
                frame = np.clip(sound, -32768, 32767).astype("<i2").tobytes()
                connection.sendall(struct.pack(">BH", SOUND, len(frame)) + frame)
            connection.sendall(struct.pack(">BH", HANG_UP, 0))

    def _watch(self, heard: NDArray[np.float64]) -> None:
        if np.sqrt(np.mean(heard**2)) > LOUD:
            self._loud, self._quiet = self._loud + 1, 0
        else:
            self._quiet += 1

    def _is_over(self, step: Hear | Speak) -> bool:
        if isinstance(step, Hear):
            if self._loud < 5 or self._quiet < PAUSE_FRAMES:
                return False
        else:
            if step.over_s is not None and self._loud * FRAME / voices.RATE < step.over_s:
                return False
            self._speech = voices.read(step.wav).astype(np.float64)
        self._loud = 0
        return True

    def _echo(self) -> Echo:
        return Echo(self.echo_db, self.delay_ms, self.seed)

    def _noise(self) -> Iterator[NDArray[np.float64]]:
        rng = np.random.default_rng(self.seed)
        spectrum = np.fft.rfft(rng.standard_normal(20 * voices.RATE))
        pink = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 20.0))
        pink *= self.noise_rms / np.sqrt(np.mean(pink**2))
        while True:
            for at in range(0, len(pink) - FRAME + 1, FRAME):
                yield pink[at : at + FRAME]


class Echo:
    """The way from a loudspeaker to its microphone: a delay, then a small room."""

    def __init__(self, echo_db: float, delay_ms: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        room = rng.standard_normal(600) * np.exp(-np.arange(600) / 150)
        taps = np.concatenate(([1.0], 0.4 * room / np.linalg.norm(room)))
        self._taps = taps * 10 ** (-echo_db / 20)
        self._delay = delay_ms * voices.RATE // 1000
        self._past = np.zeros(self._delay + len(self._taps))

    def send(self, played: NDArray[np.float64]) -> NDArray[np.float64]:
        """What comes back while this is being played."""
        self._past = np.concatenate((self._past, played))[-(self._delay + len(self._taps) + len(played)) :]
        late = self._past[: len(self._past) - self._delay]
        window = late[-(len(self._taps) - 1 + len(played)) :]
        return np.convolve(window, self._taps, mode="valid")[-len(played) :]
