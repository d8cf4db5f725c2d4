"""What the telephone does to a voice, the MFCC the recogniser computes, and a label for every 30 ms.

    python features.py OUT.pkl SPEECH.pkl [SPEECH.pkl ...] --seed 1

The result is a pickled list of (features: float32 [frames at 10 ms, 30], labels: int16 [frames at 30 ms]).
"""

from __future__ import annotations

import argparse
import pickle
from multiprocessing import Pool
from pathlib import Path

import kaldi_native_fbank as knf
import numpy as np
from phones import PHONE_ID
from scipy.signal import butter, fftconvolve, istft, lfilter, sosfilt, stft

RATE = 8000
BINS = 30
"""Mel bins, and cepstra: all of them are kept."""
LOW_HZ, HIGH_HZ = 80, 3700
SUBSAMPLING = 3
"""10 ms feature frames for one 30 ms output frame of the network."""
FRAME_MS = 10.0
FIRST_CENTRE_MS = 12.5
"""Centre of the first 25 ms window: Kaldi's snip-edges."""
ENVELOPE_CEPSTRA = 26
"""Cepstra up to 3.2 ms: the vocal tract, not the pitch of a voice below 300 Hz."""
MFCC_CONF = f"""--sample-frequency={RATE}
--use-energy=false
--num-mel-bins={BINS}
--num-ceps={BINS}
--low-freq={LOW_HZ}
--high-freq={HIGH_HZ}
--dither=0
"""
"""conf/mfcc.conf of the Vosk model: the same options as `mfcc` below."""


def mfcc(samples: np.ndarray) -> np.ndarray:
    """Kaldi's MFCC of a sound at int16 scale: [frames, 30]."""
    options = knf.MfccOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = BINS
    options.mel_opts.low_freq = LOW_HZ
    options.mel_opts.high_freq = HIGH_HZ
    options.num_ceps = BINS
    options.use_energy = False
    computer = knf.OnlineMfcc(options)
    computer.accept_waveform(RATE, np.asarray(samples, np.float32))
    computer.input_finished()
    frames = [computer.get_frame(i) for i in range(computer.num_frames_ready)]
    return np.stack(frames).astype(np.float32) if frames else np.zeros((0, BINS), np.float32)


def a_law(samples: np.ndarray) -> np.ndarray:
    """There and back through ITU-T G.711 A-law; int16 scale in and out."""
    rounded = np.clip(np.round(samples), -32768, 32767).astype(np.int64)
    sign = np.where(rounded >= 0, 1, -1)
    magnitude = np.minimum(np.abs(rounded), 32635) >> 3
    segment = sum((magnitude >= (32 << k)).astype(np.int64) for k in range(7))
    shift = np.maximum(segment, 1)
    step = (magnitude >> shift) & 15
    decoded = np.where(segment == 0, ((magnitude >> 1) << 1) + 1, ((step + 16) * 2 + 1) << (shift - 1))
    return (sign * (decoded << 3)).astype(np.float32)


def mu_law(samples: np.ndarray) -> np.ndarray:
    """There and back through mu-law (the continuous curve, 8 bits); int16 scale in and out."""
    x = np.clip(samples / 32768.0, -1, 1)
    code = np.round((np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256) + 1) * 127.5) / 127.5 - 1
    return (np.sign(code) * (256.0 ** np.abs(code) - 1) / 255 * 32768).astype(np.float32)


def peaking_filter(hertz: float, q: float, decibels: float) -> tuple[np.ndarray, np.ndarray]:
    """Second-order bell filter (the audio EQ cookbook's): numerator, denominator."""
    gain = 10 ** (decibels / 40)
    w = 2 * np.pi * hertz / RATE
    alpha, cosine = np.sin(w) / (2 * q), np.cos(w)
    numerator = np.array([1 + alpha * gain, -2 * cosine, 1 - alpha * gain])
    denominator = np.array([1 + alpha / gain, -2 * cosine, 1 - alpha / gain])
    return numerator / denominator[0], denominator / denominator[0]


def coloured_noise(count: int, rng: np.random.Generator, slope: float) -> np.ndarray:
    """Noise whose amplitude falls with frequency to the power of `slope`: 0 white, 0.5 pink, 1 brown."""
    white = rng.standard_normal(count + 1)
    if slope == 0:
        return white[:count]
    spectrum = np.fft.rfft(white)
    return np.fft.irfft(spectrum / (np.arange(len(spectrum)) + 3.0) ** slope, count + 1)[:count]


def babble_noise(count: int, rng: np.random.Generator, voices: list[np.ndarray]) -> np.ndarray:
    """Two to five people talking behind."""
    noise = np.zeros(count)
    for _ in range(rng.integers(2, 6)):
        voice = voices[rng.integers(len(voices))].astype(np.float64)
        noise += np.resize(np.roll(voice, rng.integers(0, max(1, len(voice)))), count)
    return noise


def hum(count: int, rng: np.random.Generator) -> np.ndarray:
    """50 Hz mains hum with a harmonic and some hiss."""
    t = 2 * np.pi * 50 * np.arange(count) / RATE
    return np.sin(t + 1) + 0.5 * np.sin(3 * t) + 0.05 * rng.standard_normal(count)


def breaths(count: int, rng: np.random.Generator, level: float) -> np.ndarray:
    """Zero to three breaths or handling noises: smooth bursts of pink noise, `level` their loudest."""
    noise = np.zeros(count)
    for _ in range(rng.integers(0, 4)):
        length = min(count, int(RATE * rng.uniform(0.04, 0.4)))
        start = rng.integers(0, count - length + 1)
        burst = coloured_noise(length, rng, rng.choice([0.0, 0.3, 0.5])) * np.hanning(length)
        noise[start : start + length] += burst / (np.abs(burst).max() + 1e-9) * level * rng.uniform(0.2, 1)
    return noise


def formant_contrast(samples: np.ndarray, factor: float) -> np.ndarray:
    """Every formant and valley `factor` times as high and deep, in decibels; loudness of a frame unchanged.

    Voices differ in it, and parametric synthesisers sharpen theirs on purpose.
    """
    size, hop = 256, 64
    _, _, spectrum = stft(samples, RATE, nperseg=size, noverlap=size - hop)
    level = np.log(np.abs(spectrum) + 1.0)
    cepstrum = np.fft.ifft(np.concatenate([level, level[-2:0:-1]]), axis=0).real
    cepstrum[ENVELOPE_CEPSTRA : 1 - ENVELOPE_CEPSTRA] = 0
    envelope = np.fft.fft(cepstrum, axis=0).real[: size // 2 + 1]
    gain = np.exp(np.clip((factor - 1) * (envelope - envelope.mean(0)), -8, 4))
    _, result = istft(spectrum * gain, RATE, nperseg=size, noverlap=size - hop)
    return result[: len(samples)]


def telephone(samples: np.ndarray, rng: np.random.Generator, voices: list[np.ndarray]) -> np.ndarray:
    """The clean voice as it might arrive: microphone, room, noise of 3 to 40 dB, band, loudness, codec."""
    x = samples.astype(np.float64)
    count = len(x)
    if rng.random() < 0.6:
        x = formant_contrast(x, rng.uniform(0.75, 1.9))
    if rng.random() < 0.8:
        x = lfilter([1, -rng.uniform(-0.7, 0.6)], [1], x)
    for _ in range(rng.integers(0, 4)):
        hertz = float(np.exp(rng.uniform(np.log(150), np.log(3600))))
        x = lfilter(*peaking_filter(hertz, rng.uniform(0.5, 2), rng.uniform(-7, 7)), x)
    if rng.random() < 0.25:
        length = int(RATE * 0.25)
        echo = rng.standard_normal(length) * np.exp(-np.arange(length) / (RATE * rng.uniform(0.015, 0.06)))
        echo[0] = 0
        echo *= rng.uniform(0.1, 0.7) / np.sqrt((echo**2).sum())
        echo[0] = 1
        x = fftconvolve(x, echo)[:count]
    power = np.sqrt((x**2).mean()) + 1e-9
    if rng.random() < 0.25:
        x = x + breaths(count, rng, power * 0.7)
    if rng.random() < 0.85:
        kind = rng.integers(0, 8)
        if kind < 6:  # white and pink hide the weak upper formants, which is where voices are lost
            noise = coloured_noise(count, rng, (0.0, 0.0, 0.0, 0.3, 0.5, 1.0)[kind])
        else:
            noise = babble_noise(count, rng, voices) if kind == 6 else hum(count, rng)
        low = 8 if kind == 6 else 3
        snr = low + (40 - low) * rng.beta(1.1, 1.5)
        x = x + noise * (power / (np.sqrt((noise**2).mean()) + 1e-9) * 10 ** (-snr / 20))
    if rng.random() < 0.6:
        edges = [rng.uniform(150, 340), rng.uniform(3200, 3700)]
        x = sosfilt(butter(int(rng.integers(1, 4)), edges, "band", fs=RATE, output="sos"), x)
    if rng.random() < 0.3:  # a line without comfort noise: digital silence before and after
        x[: int(RATE * rng.uniform(0, 0.35))] = 0
        x[count - int(RATE * rng.uniform(0, 0.35)) :] = 0
    x *= 32768 * 10 ** (-rng.uniform(1, 26) / 20) / (np.abs(x).max() + 1e-9)
    codec = rng.random()
    if codec < 0.5:
        return a_law(x)
    if codec < 0.65:
        return mu_law(x)
    return np.round(np.clip(x + rng.standard_normal(count) * rng.uniform(0, 2), -32768, 32767)).astype(
        np.float32
    )


def frame_labels(phones: list[str], durations: list[float], frames: int) -> np.ndarray | None:
    """The pdf of every output frame: phones in order, each one frame or longer, near their real times.

    None when the sentence has more phones than frames.
    """
    count = (frames + SUBSAMPLING - 1) // SUBSAMPLING
    if count < len(phones):
        return None
    ends = np.cumsum(durations)
    starts = ends - durations
    centres = np.arange(count) * FRAME_MS * SUBSAMPLING + FIRST_CENTRE_MS
    cost = np.maximum(0, np.maximum(starts[None] - centres[:, None], centres[:, None] - ends[None]))
    best = np.full(len(phones), np.inf)
    best[0] = cost[0, 0]
    entered = np.zeros((count, len(phones)), bool)
    for t in range(1, count):
        before = np.concatenate([[np.inf], best[:-1]])
        entered[t] = before < best
        best = np.where(entered[t], before, best) + cost[t]
    if not np.isfinite(best[-1]):
        return None
    position = np.zeros(count, int)
    place = len(phones) - 1
    for t in range(count - 1, -1, -1):
        position[t] = place
        if t and entered[t, place]:
            place -= 1
    ids = np.array([PHONE_ID[p] for p in phones])
    later = np.zeros(count, bool)
    later[1:] = position[1:] == position[:-1]
    return (2 * ids[position] + later).astype(np.int16)


def merge_silences(phones: list[str], durations: list[float]) -> tuple[list[str], list[float]]:
    """One SIL where several follow one another."""
    merged: list[str] = []
    lengths: list[float] = []
    for phone, duration in zip(phones, durations, strict=True):
        if phone == "SIL" and merged and merged[-1] == "SIL":
            lengths[-1] += duration
        else:
            merged.append(phone)
            lengths.append(duration)
    return merged, lengths


_babble: list[np.ndarray] = []


def prepare(task: tuple[tuple, int]) -> tuple[np.ndarray, np.ndarray] | None:
    """Features and labels of one utterance under the noise its seed draws."""
    (samples, phones, durations, _text, _voice), seed = task
    heard = telephone(samples, np.random.default_rng(seed), _babble)
    features = mfcc(heard)
    labels = frame_labels(*merge_silences(phones, durations), len(features))
    return None if labels is None else (features, labels)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("speech", type=Path, nargs="+")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    utterances = [u for path in args.speech for u in pickle.loads(path.read_bytes())]
    _babble.extend(u[0] for u in utterances[:200])
    tasks = [(u, args.seed * 1000003 + i) for i, u in enumerate(utterances)]
    with Pool(args.jobs) as pool:
        prepared = [p for p in pool.imap(prepare, tasks, chunksize=64) if p is not None]
    frames = sum(len(f) for f, _ in prepared)
    print(f"{len(prepared)} of {len(utterances)} utterances, {frames} frames, {frames / 360000:.2f} hours")
    args.out.write_bytes(pickle.dumps(prepared, protocol=4))


if __name__ == "__main__":
    main()
