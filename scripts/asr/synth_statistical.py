"""Speech for training by statistical voices, its phone times found by a network that was trained before.

    python synth_statistical.py rhvoice SENTENCES.txt OUT.pkl --aligner network.pt --count 4800 --seed 7
    python synth_statistical.py svox SENTENCES.txt OUT.pkl --aligner network.pt --count 4500 --seed 8

The result is a pickled list of synth.py's `Utterance`.
"""

from __future__ import annotations

import argparse
import pickle
import random
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from align import Aligner
from lexicon import BATCH, speak_many
from phones import pho_to_phones
from scipy.signal import resample_poly
from statistical_voices import ENGINES, Engine, Voice, speak_french
from synth import PEAK, RATE, Utterance

WORST = 0.06
"""Share of the utterances left out: those whose phones the aligner hears least."""
FEWEST = 4
"""Phones of an utterance."""
_worker: tuple[Aligner, tuple[Voice, ...], Engine]


def begin(kind: str, checkpoint: Path) -> None:
    """Load what a worker process needs once."""
    global _worker
    voices, engine = ENGINES[kind]
    _worker = Aligner(checkpoint), voices, engine()


def speak(task: tuple[str, list[str], int]) -> tuple[Utterance, float] | None:
    """An utterance and how well its phones are heard; None when nothing was said."""
    text, phones, seed = task
    aligner, voices, engine = _worker
    rng = random.Random(seed)
    name, spelt, sound, rate = speak_french(phones, voices, engine, rng)
    if len(sound) < rate // 4:
        return None
    tract = rng.uniform(0.9, 1.12)  # a smaller or larger speaker, by playing it faster or slower
    sound8 = resample_poly(sound.astype(np.float64), 1000, round(rate / RATE * 1000 * tract))
    before, after = (np.zeros(int(rng.uniform(*ms) * RATE / 1000)) for ms in ((50, 400), (1, 400)))
    sound8 = np.concatenate([before, sound8 / (np.abs(sound8).max() + 1) * PEAK, after])
    found = aligner(sound8, [s.labels for s in spelt])
    if found is None:
        return None
    names, durations, score = found
    return Utterance(sound8.astype(np.int16), names, durations, text, name), score


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=sorted(ENGINES))
    parser.add_argument("texts", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--aligner", type=Path, required=True, help="a checkpoint of train.py")
    parser.add_argument("--count", type=int, default=4500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    texts = args.texts.read_text(encoding="utf8").splitlines()
    random.Random(args.seed).shuffle(texts)
    texts = texts[: args.count]
    tasks = []
    for start in range(0, len(texts), BATCH):
        part = texts[start : start + BATCH]
        for text, segments in zip(part, speak_many(part), strict=True):
            phones = pho_to_phones(segments) or []
            if len(phones) >= FEWEST:
                tasks.append((text, phones, args.seed * 1000003 + len(tasks)))
    with Pool(args.jobs, begin, (args.kind, args.aligner)) as pool:
        spoken = [s for s in pool.imap(speak, tasks, chunksize=20) if s]
    worst = float(np.quantile([score for _, score in spoken], WORST))
    corpus = [utterance for utterance, score in spoken if score >= worst]
    hours = sum(len(u.samples) for u in corpus) / RATE / 3600
    print(f"{len(corpus)} of {args.count} utterances, {hours:.2f} hours")
    args.out.write_bytes(pickle.dumps([tuple(u) for u in corpus], protocol=4))


if __name__ == "__main__":
    main()
