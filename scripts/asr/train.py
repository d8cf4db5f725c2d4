"""Trains the network: cross-entropy on the synthesiser's own phone times, then lattice-free MMI.

    THREADS=1 python train.py OUT.pt FEATURES.pkl [FEATURES.pkl ...] --ce-epochs 4 --mmi-epochs 1.5

Every batch mixes all data sets, because batch-norm statistics would follow the set seen last. OUT.pt is
written anew at every stage's end and every few hundred steps, so an interrupted run leaves a usable model.
"""

from __future__ import annotations

import argparse
import math
import os
import pickle
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from augment import Augmenter
from features import BINS
from network import CONTEXT, Tdnn
from phones import NUM_PDFS, NUM_PHONES
from torch.nn import functional

Sample = tuple[np.ndarray, np.ndarray]
"""Features [frames, 30] and labels [output frames]."""
BATCH = 48
CMVN_WINDOW = 600
"""Frames of the sliding mean (Kaldi's OnlineCmvnOptions)."""
CMVN_GLOBAL = 200
"""How many frames the global mean weighs at a call's start."""
NO_LABEL = -100
SLACK = 2
"""Output frames (30 ms) by which MMI may shift a phone against the synthesiser's times."""


def online_cmvn(
    features: np.ndarray, global_mean: np.ndarray, earlier: int, earlier_mean: np.ndarray
) -> np.ndarray:
    """Mean subtraction as Kaldi's OnlineCmvn does it, `earlier` frames of that mean into a call."""
    n = np.arange(1, len(features) + 1)
    history = np.clip(np.minimum(earlier, CMVN_WINDOW - n), 0, None)
    prior = np.clip(np.minimum(CMVN_GLOBAL, CMVN_WINDOW - n - history), 0, None)
    total = np.cumsum(features, 0) + history[:, None] * earlier_mean + prior[:, None] * global_mean
    return (features - total / (n + history + prior)[:, None]).astype(np.float32)


def with_call_history(sample: Sample, global_mean: np.ndarray, rng: random.Random) -> np.ndarray:
    """The utterance as the first of a call, or after up to 6 s of the same speaker or line noise."""
    features, labels = sample
    if rng.random() < 0.35:
        return online_cmvn(features, global_mean, 0, global_mean)
    silent = np.repeat(labels < 2, 3)[: len(features)]
    silent = np.concatenate([silent, np.zeros(len(features) - len(silent), bool)])
    mean = features.mean(0)
    if 5 < silent.sum() < len(silent):
        share = rng.random()
        mean = share * features[~silent].mean(0) + (1 - share) * features[silent].mean(0)
    return online_cmvn(features, global_mean, rng.randint(0, CMVN_WINDOW), mean)


def augmented(sample: Sample, augment: Augmenter, rng: random.Random) -> Sample:
    """The same words by another voice on another line."""
    features, labels = sample
    return augment(features, labels, np.random.default_rng(rng.getrandbits(32))), labels


def batches(
    data: list[Sample], global_mean: np.ndarray, rng: random.Random, augment: Augmenter | None = None
) -> Iterator[tuple[torch.Tensor, torch.Tensor, list[int]]]:
    """Batches of like length in random order: padded features, labels, lengths in output frames."""
    order = sorted(range(len(data)), key=lambda i: len(data[i][1]) + rng.random() * 6)
    groups = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    rng.shuffle(groups)
    for group in groups:
        longest = (max(len(data[i][1]) for i in group) + 9) // 10 * 10
        x = np.zeros((len(group), 3 * longest + 2 * CONTEXT - 2, BINS), np.float32)
        y = np.full((len(group), longest), NO_LABEL, np.int64)
        for row, i in enumerate(group):
            sample = augmented(data[i], augment, rng) if augment else data[i]
            features = with_call_history(sample, global_mean, rng)
            count = min(len(features), x.shape[1] - CONTEXT)
            x[row, :CONTEXT] = features[0]
            x[row, CONTEXT : CONTEXT + count] = features[:count]
            x[row, CONTEXT + count :] = features[count - 1]
            y[row, : len(data[i][1])] = data[i][1]
        yield torch.from_numpy(x), torch.from_numpy(y), [len(data[i][1]) for i in group]


def phone_language_model(data: list[Sample]) -> tuple[torch.Tensor, torch.Tensor]:
    """Smoothed trigram P(third | first, second) and P(first): the denominator of MMI."""
    three = np.zeros((NUM_PHONES,) * 3)
    two = np.zeros((NUM_PHONES,) * 2)
    one = np.zeros(NUM_PHONES)
    first = np.zeros(NUM_PHONES)
    for _, labels in data:
        phones = labels[labels % 2 == 0].astype(int) // 2
        first[phones[0]] += 1
        np.add.at(one, phones, 1)
        np.add.at(two, (phones[:-1], phones[1:]), 1)
        np.add.at(three, (phones[:-2], phones[1:-1], phones[2:]), 1)
    p1 = (one + 1) / (one + 1).sum()
    p2 = (two + 20 * p1) / (two + 20 * p1).sum(-1, keepdims=True)
    p3 = (three + 10 * p2[None]) / (three + 10 * p2[None]).sum(-1, keepdims=True)
    start = (first + 1) / (first + 1).sum()
    return torch.tensor(p3, dtype=torch.float32), torch.tensor(start, dtype=torch.float32)


def denominator(
    scores: torch.Tensor, lengths: list[int], trigram: torch.Tensor, start: torch.Tensor
) -> torch.Tensor:
    """Log of the sum over all phone sequences; the state is (phone before, phone)."""
    steps = scores.shape[1]
    live = torch.arange(steps)[None] < torch.tensor(lengths)[:, None]
    top = scores.max(-1, keepdim=True).values.detach()
    likelihood = (scores - top).exp().clamp_min(1e-30)
    enter, stay = likelihood[..., 0::2], likelihood[..., 1::2]
    by_phone = trigram.permute(1, 0, 2)
    alpha = torch.diag_embed(start[None] * enter[:, 0])
    norm = alpha.sum((1, 2))
    alpha = alpha / norm[:, None, None]
    log_total = norm.log()
    for t in range(1, steps):
        moved = torch.bmm(alpha.permute(2, 0, 1), by_phone).permute(1, 0, 2)
        new = moved * enter[:, t, None, :] + alpha * stay[:, t, None, :]
        norm = new.sum((1, 2))
        alpha = torch.where(live[:, t, None, None], new / norm[:, None, None], alpha)
        log_total = log_total + torch.where(live[:, t], norm.log(), 0.0)
    return log_total + (top.squeeze(-1) * live).sum(1)


def numerator(scores: torch.Tensor, labels: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """Log of the sum over the alignments of the right phones within SLACK of the known times."""
    count, steps, _ = scores.shape
    sequences = [
        [v // 2 for v in row[:n] if v % 2 == 0] for row, n in zip(labels.tolist(), lengths, strict=True)
    ]
    width = max(map(len, sequences))
    phones = torch.zeros(count, width, dtype=torch.long)
    for row, sequence in enumerate(sequences):
        phones[row, : len(sequence)] = torch.tensor(sequence)
    known = torch.where(labels < 0, 1, labels)
    position = (known % 2 == 0).long().cumsum(1) - 1
    allowed = torch.zeros(count, steps, width, dtype=torch.bool)
    times = torch.arange(steps)
    for shift in range(-SLACK, SLACK + 1):
        allowed.scatter_(2, position[:, (times + shift).clamp(0, steps - 1), None], True)
    never = -1e5
    penalty = torch.where(allowed, 0.0, never)
    index = (2 * phones)[:, None, :].expand(count, steps, width)
    enter = scores.gather(2, index) + penalty
    stay = scores.gather(2, index + 1) + penalty
    alpha = torch.cat([enter[:, 0, :1], torch.full((count, width - 1), never)], 1)
    pad = torch.full((count, 1), never)
    ends = torch.tensor(lengths)
    for t in range(1, steps):
        new = torch.logaddexp(torch.cat([pad, alpha[:, :-1]], 1) + enter[:, t], alpha + stay[:, t])
        alpha = torch.where((t < ends)[:, None], new, alpha)
    last = torch.tensor([len(s) - 1 for s in sequences])
    return alpha.gather(1, last[:, None]).squeeze(1)


class Trainer:
    """The network, its data and the two stages of training."""

    def __init__(
        self, data: list[Sample], held_out: list[Sample], units: int, out: Path, start: Path | None = None
    ) -> None:
        self.data, self.held_out, self.out = data, held_out, out
        self.rng = random.Random(3)
        self.augment = Augmenter()
        self.net = Tdnn(units)
        some = [augmented(sample, self.augment, self.rng) for sample in data[:3000]]
        self.global_mean = np.concatenate([f for f, _ in some]).mean(0)
        drawn = np.concatenate([with_call_history(s, self.global_mean, self.rng) for s in some[:1500]])
        self.net.mean.copy_(torch.tensor(drawn.mean(0)))
        self.net.std.copy_(torch.tensor(drawn.std(0)))
        if start:
            earlier = torch.load(start, weights_only=False)
            self.net.load_state_dict(earlier["state"])
            self.global_mean = earlier["global_mean"]
        counts = np.bincount(np.concatenate([labels for _, labels in data]), minlength=NUM_PDFS) + 10.0
        self.log_prior = torch.tensor(np.log(counts / counts.sum()), dtype=torch.float32)
        self.steps_an_epoch = math.ceil(len(data) / BATCH)
        size = sum(p.numel() for p in self.net.parameters())
        print(f"{size} parameters, {len(data)} utterances, {self.steps_an_epoch} steps an epoch", flush=True)

    def accuracy(self) -> float:
        """Share of held-out output frames whose phone is right."""
        self.net.eval()
        right = total = 0
        with torch.no_grad():
            for x, y, _ in batches(self.held_out, self.global_mean, random.Random(1)):
                guess = self.net(x)[1].argmax(-1)
                real = y >= 0
                total += int(real.sum())
                right += int((guess[real] // 2 == y[real] // 2).sum())
        self.net.train()
        return right / total

    def endless(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, list[int]]]:
        """Epoch after epoch."""
        while True:
            yield from batches(self.data, self.global_mean, self.rng, self.augment)

    def save(self) -> None:
        """Checkpoint, written whole or not at all."""
        state = {"units": self.net.units, "global_mean": self.global_mean, "state": self.net.state_dict()}
        partial = self.out.with_suffix(".saving")
        torch.save(state, partial)
        partial.rename(self.out)

    def prime_output(self) -> None:
        """Start the sequence head from the frame head, the priors taken out and the scores halved."""
        with torch.no_grad():
            self.net.out.weight.copy_(self.net.frame_out.weight * 0.5)
            self.net.out.bias.copy_((self.net.frame_out.bias - self.log_prior) * 0.5)

    def cross_entropy(self, epochs: float, peak: float = 2e-3) -> None:
        """First stage: which phone is it, frame by frame."""
        total = int(self.steps_an_epoch * epochs)
        optimiser = torch.optim.AdamW(self.net.parameters(), lr=1e-3, weight_decay=1e-2)
        started = time.monotonic()
        self.net.train()
        for step, (x, y, _) in enumerate(self.endless()):
            if step >= total:
                break
            rate = peak * min(1, step / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total)))
            for group in optimiser.param_groups:
                group["lr"] = rate
            with torch.autocast("cpu", torch.bfloat16):
                scores = self.net(x)[1].float()
            loss = functional.cross_entropy(
                scores.reshape(-1, NUM_PDFS), y.reshape(-1), ignore_index=NO_LABEL, label_smoothing=0.02
            )
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
            optimiser.step()
            if step % 100 == 99:
                print(
                    f"ce {step + 1}/{total} {loss.item():.3f} {time.monotonic() - started:.0f} s", flush=True
                )
            if step % 400 == 399:
                self.prime_output()
                self.save()
        print(f"held-out frames right: {self.accuracy():.4f}", flush=True)
        self.prime_output()
        self.save()

    def mmi(self, epochs: float) -> None:
        """Second stage: the right phone sequence against all others."""
        total = int(self.steps_an_epoch * epochs)
        trigram, start = phone_language_model(self.data)
        optimiser = torch.optim.AdamW(self.net.parameters(), lr=1e-4, weight_decay=1e-3)
        started, average = time.monotonic(), 0.0
        self.net.train()
        for step, (x, y, lengths) in enumerate(self.endless()):
            if step >= total:
                break
            rate = 4e-4 * min(1, step / 30) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * step / total)))
            for group in optimiser.param_groups:
                group["lr"] = rate
            with torch.autocast("cpu", torch.bfloat16):
                scores, frame_scores = self.net(x)
            scores, frame_scores = scores.float(), frame_scores.float()
            gap = denominator(scores, lengths, trigram, start) - numerator(scores, y, lengths)
            objective = gap.sum() / sum(lengths)
            frames = functional.cross_entropy(
                frame_scores.reshape(-1, NUM_PDFS), y.reshape(-1), ignore_index=NO_LABEL
            )
            loss = objective + 0.1 * frames + 2e-4 * (scores**2).mean()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            optimiser.step()
            average = objective.item() if step == 0 else 0.95 * average + 0.05 * objective.item()
            if step % 50 == 49:
                print(f"mmi {step + 1}/{total} {average:.4f} {time.monotonic() - started:.0f} s", flush=True)
            if step % 200 == 199:
                self.save()
        self.save()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("features", type=Path, nargs="+")
    parser.add_argument("--units", type=int, default=384)
    parser.add_argument("--start", type=Path, help="go on from this checkpoint of the same size")
    parser.add_argument("--ce-epochs", type=float, default=4.0)
    parser.add_argument("--mmi-epochs", type=float, default=1.5)
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("THREADS", "1")))
    torch.manual_seed(7)
    sets: list[list[Sample]] = [pickle.loads(path.read_bytes()) for path in args.features]
    held_out = sets[0][:120]
    data = [sample for i, samples in enumerate(sets) for sample in (samples[120:] if i == 0 else samples)]
    random.Random(11).shuffle(data)
    trainer = Trainer(data, held_out, args.units, args.out, args.start)
    if args.ce_epochs > 0:  # it sets the sequence head anew, which going on with MMI alone must not
        trainer.cross_entropy(args.ce_epochs, 1e-3 if args.start else 2e-3)
    if args.mmi_epochs > 0:
        trainer.mmi(args.mmi_epochs)


if __name__ == "__main__":
    main()
