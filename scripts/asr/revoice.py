"""Another speaker out of a recording: WORLD's vocoder with the formants, the pitch and the breath changed.

Seven diphone voices are few, and but one of them is a woman's: a network that heard only them fails on a
smaller vocal tract (formants a tenth higher double the errors) and on any vocoder's smoothed sound. The times
of the phones stay what they were.
"""

from __future__ import annotations

import numpy as np
import pyworld
from scipy.ndimage import uniform_filter1d

HINGE_HZ = 1500.0
"""Below it lies F1, above it F2 to F4: the two stretch differently from speaker to speaker."""
LOWEST_PITCH, HIGHEST_PITCH = 75.0, 380.0
TILT_FROM_HZ = 300.0
"""Above it a soft voice falls faster than a loud one; what is not voiced (s, f, t) does not."""


def warped_axis(bins: int, nyquist: float, low: float, high: float) -> np.ndarray:
    """For every bin of the new spectrum, the (fractional) bin of the old one that it takes."""
    hertz = np.linspace(0, nyquist, bins)
    hinge = HINGE_HZ * low
    source = np.where(hertz <= hinge, hertz / low, HINGE_HZ + (hertz - hinge) / high)
    return np.clip(source / nyquist * (bins - 1), 0, bins - 1)


def glottal_gain(bins: int, nyquist: float, pitch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What another voice source adds to the log power of voiced frames, [frames, bins].

    From pressed to breathy: a slope of +4 to -9 dB an octave above TILT_FROM_HZ, and a fundamental up to
    14 dB weaker or 4 dB stronger (soft voices; also what a small loudspeaker or a high-pass takes
    away). A mean over the utterance cannot undo it, because consonants without voice keep their spectrum.
    """
    hertz = np.linspace(0, nyquist, bins)
    octaves = np.log2(np.maximum(hertz, TILT_FROM_HZ) / TILT_FROM_HZ)
    slope = rng.uniform(-9, 4)
    fundamental = rng.uniform(-14, 4)
    near = 1 / (1 + np.exp((hertz[None] - 1.4 * pitch[:, None]) / 30))
    return (slope * octaves[None] + fundamental * near) * (np.log(10) / 10)


def draw_pitch(median: float, stretch: float, rng: np.random.Generator) -> float:
    """The factor on the pitch that suits a tract shorter by `stretch`: small speakers speak higher."""
    wanted = (
        190 * stretch**3 * np.exp(rng.normal(0, 0.22)) if stretch > 1.03 else median * rng.uniform(0.75, 1.3)
    )
    return float(np.clip(wanted, 85, 300) / median)


def revoice(samples: np.ndarray, rate: int, rng: np.random.Generator, stretch: float) -> np.ndarray:
    """The sound as somebody else would say it; formants moved up by about `stretch` (1: only vocoded).

    Same length as `samples`, int16 scale in and out. Envelope and aperiodicity by CheapTrick and D4C
    (Morise 2016).
    """
    x = np.ascontiguousarray(samples, np.float64)
    pitch, times = pyworld.dio(x, rate)
    pitch = pyworld.stonemask(x, pitch, times, rate)
    envelope = np.log(pyworld.cheaptrick(x, pitch, times, rate))
    breath = pyworld.d4c(x, pitch, times, rate)
    bins = envelope.shape[1]
    axis = warped_axis(bins, rate / 2, stretch * rng.uniform(0.95, 1.05), stretch * rng.uniform(0.95, 1.05))
    left = np.floor(axis).astype(int)
    right, share = np.minimum(left + 1, bins - 1), axis - np.floor(axis)
    envelope = envelope[:, left] * (1 - share) + envelope[:, right] * share
    breath = breath[:, left] * (1 - share) + breath[:, right] * share
    # blunter or sharper formants around a coarse envelope
    coarse = uniform_filter1d(
        envelope, int(rng.uniform(600, 1500) / (rate / 2) * bins), axis=1, mode="nearest"
    )
    envelope = coarse + (envelope - coarse) * rng.uniform(0.75, 1.15)
    breath = np.clip(breath ** rng.uniform(0.5, 1.3), 1e-3, 1 - 1e-3)
    voiced = pitch > 0
    if voiced.any():
        median = float(np.median(pitch[voiced]))
        melody = rng.uniform(0.4, 1.4)
        moved = median * (pitch[voiced] / median) ** melody * draw_pitch(median, stretch, rng)
        pitch[voiced] = np.clip(moved, LOWEST_PITCH, HIGHEST_PITCH)
        envelope[voiced] += glottal_gain(bins, rate / 2, pitch[voiced], rng)
    sound = pyworld.synthesize(
        pitch, np.ascontiguousarray(np.exp(envelope)), np.ascontiguousarray(breath), rate
    )
    return np.resize(sound, len(x)) if len(sound) >= len(x) else np.pad(sound, (0, len(x) - len(sound)))
