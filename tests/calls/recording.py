"""What was heard in a recording: was this prompt in it, from when to when, where is sound."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .voices import RATE

Samples = NDArray[np.int16]
PROBE_S = 0.4  # the piece of a prompt compared at once
SLACK_S = 0.06  # how far a piece may have moved against the one before (a frame lost or repeated on the line)
ALIKE = 0.8  # correlation that counts as the same sound; A-law alone leaves some 0.99
LOUD = 250.0  # root mean square of a 20 ms frame that counts as sound
FRAME = RATE // 50


@dataclass(frozen=True)
class Heard:
    """Where a prompt was found, in seconds of the recording, and how much of it."""

    start: float
    duration: float
    share: float  # of the prompt's length, 0 to 1


def find(recording: Samples, prompt: Samples, *, after: float = 0.0) -> Heard | None:
    """The first place where `prompt` begins in `recording`, and for how long it goes on; None when it is not there."""
    prompt = strip(prompt)
    probe = int(PROBE_S * RATE)
    offset = int(after * RATE)
    sound = recording[offset:].astype(np.float64)
    if len(prompt) < probe or len(sound) < probe:
        return None
    likeness = correlate(sound, prompt[:probe].astype(np.float64))
    places = np.flatnonzero(likeness >= ALIKE)
    if not len(places):
        return None
    near = likeness[places[0] : places[0] + probe]
    start = int(places[0] + np.argmax(near))
    slack = int(SLACK_S * RATE)
    at, heard = start + probe, probe
    while heard < len(prompt):
        left = len(prompt) - heard
        length = left if left < 1.5 * probe else probe  # no scrap at the end
        piece = prompt[heard : heard + length].astype(np.float64)
        window = sound[max(0, at - slack) : at + length + slack]
        if len(window) < length:
            break
        if np.std(piece) > 20:  # a pause within the prompt says nothing
            likeness = correlate(window, piece)
            best = int(np.argmax(likeness))
            if likeness[best] < ALIKE:
                break
            at = max(0, at - slack) + best
        at += length
        heard += length
    return Heard((offset + start) / RATE, (at - start) / RATE, heard / len(prompt))


def correlate(sound: NDArray[np.float64], piece: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalised correlation of `piece` with every place of `sound`, -1 to 1."""
    length = len(piece)
    size = 1 << (len(sound) + length - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(piece, size)), size)
    product = product[: len(sound) - length + 1]
    energy = np.concatenate(([0.0], np.cumsum(sound * sound)))
    power = energy[length:] - energy[:-length]
    # A floor, so that rounding in digital silence does not look like a match.
    return product / np.sqrt(np.maximum(power, length * 100.0) * np.sum(piece * piece))


def strip(samples: Samples) -> Samples:
    """Without the silence at both ends."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 200)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def sounds(recording: Samples, *, gap: float = 0.3) -> list[tuple[float, float]]:
    """The stretches of sound, in seconds; pauses shorter than `gap` belong to them."""
    count = len(recording) // FRAME
    frames = recording[: count * FRAME].reshape(count, FRAME).astype(np.float64)
    loud = np.flatnonzero(np.sqrt(np.mean(frames * frames, axis=1)) > LOUD) if count else np.array([], dtype=int)
    stretches: list[tuple[float, float]] = []
    for index in loud:
        start, end = index * FRAME / RATE, (index + 1) * FRAME / RATE
        if stretches and start - stretches[-1][1] < gap:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((start, end))
    return stretches
