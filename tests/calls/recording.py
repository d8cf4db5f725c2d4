"""What was heard in a recording: was this prompt in it, from when to when, where is sound."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .voices import RATE

Samples = NDArray[np.int16]
PIECE_S = 0.4  # prompts are looked for in pieces of this length
EARLY_S, LATE_S = 0.05, 0.6  # how far a piece may have moved against the one before: a busy machine stutters
STALLED_S = 3.0  # the same where only matters that it was said, not when it ended
LOST_S = 1.5  # then a piece may also come sooner: a recorder that is kept waiting loses sound
ALIKE = 0.8  # correlation that counts as the same sound; A-law alone leaves some 0.99
FAINT = 60.0  # standard deviation of a piece that says nothing: a pause within the prompt
LOUD = 250.0  # root mean square of a 20 ms frame that counts as sound
FRAME = RATE // 50


@dataclass(frozen=True)
class Heard:
    """Where a prompt was found, and how much of its speech: times in seconds of the recording, 0 to 1.

    `missing_s` is all speech not found, `cut_s` that after the last piece found.
    """

    start: float
    end: float
    share: float
    missing_s: float
    cut_s: float


def find(recording: Samples, prompt: Samples, late_s: float = LATE_S) -> Heard | None:
    """The first place where `prompt` stands in `recording`, and how much of it; None for nothing of it."""
    sound = recording.astype(np.float64)
    early = int((EARLY_S if late_s < STALLED_S else LOST_S) * RATE)
    late = int(late_s * RATE)
    found: list[tuple[int, int]] = []  # place in the recording, place in the prompt
    heard = total = after = 0
    for place, piece in pieces(prompt):
        total += len(piece)
        after += len(piece)
        begin, end = 0, len(sound)
        if found:
            expected = found[-1][0] + place - found[-1][1]
            begin, end = max(0, expected - early), expected + len(piece) + late
        window = sound[begin:end]
        if len(window) < len(piece):
            continue
        likeness = correlate(window, piece)
        alike = np.flatnonzero(likeness >= ALIKE)
        if len(alike):
            first = int(alike[0])
            best = first + int(np.argmax(likeness[first : first + RATE // 20]))
            found.append((begin + best, place))
            heard += len(piece)
            after = 0
    if not found:
        return None
    length = int(PIECE_S * RATE)
    start, end = found[0][0] - found[0][1], found[-1][0] + length
    return Heard(start / RATE, end / RATE, heard / total, (total - heard) / RATE, after / RATE)


def pieces(prompt: Samples) -> list[tuple[int, NDArray[np.float64]]]:
    """A prompt's pieces that hold speech, with their places."""
    length = int(PIECE_S * RATE)
    cut = [
        (at, prompt[at : at + length].astype(np.float64)) for at in range(0, len(prompt) - length + 1, length)
    ]
    return [(at, piece) for at, piece in cut if np.std(piece) > FAINT]


def correlate(sound: NDArray[np.float64], piece: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalised correlation of `piece` with every place of `sound`, -1 to 1."""
    length = len(piece)
    size = 1 << (len(sound) + length - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(piece, size)), size)
    product = product[: len(sound) - length + 1]
    energy = np.concatenate(([0.0], np.cumsum(sound * sound)))
    power = energy[length:] - energy[:-length]
    # A floor, so that rounding in digital silence does not look like a match.
    likeness: NDArray[np.float64] = product / np.sqrt(
        np.maximum(power, length * 100.0) * np.sum(piece * piece)
    )
    return likeness


def sounds(recording: Samples, *, gap: float = 0.3) -> list[tuple[float, float]]:
    """The stretches of sound, in seconds; pauses shorter than `gap` belong to them."""
    count = len(recording) // FRAME
    frames = recording[: count * FRAME].reshape(count, FRAME).astype(np.float64)
    loud = (
        np.flatnonzero(np.sqrt(np.mean(frames * frames, axis=1)) > LOUD) if count else np.array([], dtype=int)
    )
    stretches: list[tuple[float, float]] = []
    for index in loud:
        start, end = index * FRAME / RATE, (index + 1) * FRAME / RATE
        if stretches and start - stretches[-1][1] < gap:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((start, end))
    return stretches
