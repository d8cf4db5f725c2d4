"""Another voice and another line each time an utterance is learnt, made from its stored features.

All thirty cepstra of thirty mel bins are kept, so the log mel energies come back exactly; in them a vocal
tract is a shift, a voice source a slope, an equaliser a sum, and noise adds its energy. That costs almost
nothing, so no utterance is heard twice alike, which the sound itself (features.telephone) can't afford.
"""

from __future__ import annotations

import numpy as np
from features import BINS, HIGH_HZ, LOW_HZ, RATE, coloured_noise, mfcc
from phones import PHONE_ID

LIFTER = 22
"""Kaldi's cepstral lifter, the MFCC default."""
DULL = 0.3
"""Share of utterances by a soft voice on a hissing line, where all above the first formant drowns."""
FIRST_FORMANTS_HZ, OTHER_FORMANTS_HZ = 900.0, 1600.0
"""Below the one and above the other formants move by factors of their own."""
VOICELESS = np.isin(np.arange(len(PHONE_ID)), [PHONE_ID[p] for p in ("SIL", *"p t k f s S".split())])  # noqa: SIM905
VOICED_OF_LABEL = ~np.repeat(VOICELESS, 2)
"""Whether a pdf (two for each phone) belongs to a voiced phone."""


def mel(hertz: np.ndarray | float) -> np.ndarray:
    """Kaldi's mel scale."""
    return np.asarray(1127 * np.log1p(np.asarray(hertz) / 700))


CENTRES_MEL = np.linspace(mel(LOW_HZ), mel(HIGH_HZ), BINS + 2)[1:-1]
CENTRES_HZ = 700 * np.expm1(CENTRES_MEL / 1127)
_LIFT = 1 + 0.5 * LIFTER * np.sin(np.pi * np.arange(BINS) / LIFTER)
_DCT = np.sqrt(2 / BINS) * np.cos(np.pi / BINS * np.outer(np.arange(BINS), np.arange(BINS) + 0.5))
_DCT[0] /= np.sqrt(2)
_PRE_EMPHASIS = np.abs(1 - 0.97 * np.exp(-2j * np.pi * CENTRES_HZ / RATE)) ** 2
"""What Kaldi's pre-emphasis leaves of a bin's power: the mel energies hold the sound after it."""


def log_mel(cepstra: np.ndarray) -> np.ndarray:
    """Log mel energies [frames, 30] of MFCC [frames, 30]: the inverse of `mfcc`'s last two steps."""
    return (cepstra / _LIFT) @ _DCT


def cepstra(log_energies: np.ndarray) -> np.ndarray:
    """MFCC of log mel energies."""
    return (log_energies @ _DCT.T) * _LIFT


def power(log_energies: np.ndarray) -> float:
    """Mean power of the sound before the pre-emphasis; neighbouring mel filters sum to one."""
    return float((np.exp(log_energies) / _PRE_EMPHASIS).sum(1).mean())


def stretched(log_energies: np.ndarray, lower: float, upper: float) -> np.ndarray:
    """The first formants `lower` times higher, all others `upper` times; the fundamental stays.

    Every bin takes what stood at its frequency over the factor, which goes from one to the other between 900
    and 1600 Hz. Women's and children's throats are shorter in another proportion than their mouths (Fant,
    "A note on vocal tract size factors and non-uniform F-pattern scalings", 1966): no single factor makes one
    speaker of another.
    """
    octaves = np.log(CENTRES_HZ / FIRST_FORMANTS_HZ) / np.log(OTHER_FORMANTS_HZ / FIRST_FORMANTS_HZ)
    share = np.clip(octaves, 0, 1)
    voiced = np.clip((CENTRES_HZ - 150) / 150, 0, 1)
    factor = np.exp(voiced * ((1 - share) * np.log(lower) + share * np.log(upper)))
    source = np.interp(mel(CENTRES_HZ / factor), CENTRES_MEL, np.arange(BINS))
    left = np.floor(source).astype(int)
    right, share = np.minimum(left + 1, BINS - 1), source - left
    return log_energies[:, left] * (1 - share) + log_energies[:, right] * share


def smooth_curve(rng: np.random.Generator, spread: float) -> np.ndarray:
    """A gain for every bin, drawn at six points and straight between them; natural log of power."""
    return np.interp(np.arange(BINS), np.linspace(0, BINS - 1, 6), rng.normal(0, spread, 6))


def voice_source(voiced: np.ndarray, rng: np.random.Generator, dull: bool) -> np.ndarray:
    """Gain of another voice source on voiced frames only, [frames, 30], natural log of power.

    What lies above a corner between 250 and 700 Hz (`dull`: 350 and 800) is up to 20 dB weaker or 6 dB
    stronger than the fundamental (`dull`: 8 to 22 dB weaker), besides a slope of 3 dB an octave either way
    (`dull`: 6 down to 1 up): a soft or loud voice, or a synthesiser's. Onsets take some 30 ms. Voiceless
    frames of a dull voice are up to 12 dB weaker.
    """
    lowest, highest = (350, 800) if dull else (250, 700)
    corner = np.exp(rng.uniform(np.log(lowest), np.log(highest)))
    shelf = 1 / (1 + (corner / CENTRES_HZ) ** 3)
    octaves = np.log2(np.maximum(CENTRES_HZ, 300) / 300)
    level = rng.uniform(*((-22, -8) if dull else (-20, 6)))
    slope = rng.uniform(*((-6, 1) if dull else (-3, 3)))
    gain = level * shelf + slope * octaves
    breath = rng.uniform(-12, 0) if dull else 0.0
    soft = np.convolve(np.pad(voiced.astype(float), 2, mode="edge"), np.full(5, 0.2), "valid")[:, None]
    return (soft * gain + (1 - soft) * breath) * (np.log(10) / 10)


class Augmenter:
    """Draws voices and lines; noises are stretches of real ones, so they flicker as real ones do."""

    def __init__(self, seconds: int = 120) -> None:
        rng = np.random.default_rng(17)
        self._noises = [
            log_mel(mfcc(3000 * coloured_noise(seconds * RATE, rng, slope))) for slope in (0.0, 0.3, 0.5)
        ]

    def __call__(self, features: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The features [frames, 30] as another speaker on another line would have had them.

        Args:
            labels: a pdf for every 30 ms; the phones keep their times.
        """
        x = log_mel(features)
        voiced = np.resize(np.repeat(VOICED_OF_LABEL[labels], 3), len(x))
        if rng.random() < 0.6:
            size, proportion = rng.uniform(0.92, 1.1), np.exp(rng.uniform(-0.04, 0.1))
            x = stretched(x, size / proportion, size * proportion)
        dull = rng.random() < DULL
        if dull or rng.random() < 0.6:
            x = x + voice_source(voiced, rng, dull)
        if rng.random() < 0.5:
            level = x.mean(1, keepdims=True)
            x = level + (x - level) * rng.uniform(0.85, 1.3)
        if rng.random() < 0.7:
            x = x + smooth_curve(rng, 0.9)
        if dull:
            x = self._noisy(x, voiced, rng, self._noises[0], rng.uniform(11, 27))
        elif rng.random() < 0.7:
            noise = self._noises[rng.choice(len(self._noises), p=(0.6, 0.2, 0.2))]
            x = self._noisy(x, voiced, rng, noise, rng.uniform(5, 25 if rng.random() < 0.5 else 45))
        return cepstra(x)

    def _noisy(
        self, x: np.ndarray, voiced: np.ndarray, rng: np.random.Generator, noise: np.ndarray, decibels: float
    ) -> np.ndarray:
        at = rng.integers(0, len(noise) - len(x)) if len(noise) > len(x) else 0
        noise = np.resize(noise[at : at + len(x)], x.shape)
        level = power(x[voiced] if voiced.any() else x) / power(noise) * 10 ** (-decibels / 10)
        return np.logaddexp(x, noise + np.log(level))
