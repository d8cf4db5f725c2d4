"""Phone times of speech whose synthesiser tells none: a network trained before says which phone is where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from features import FRAME_MS, SUBSAMPLING, mfcc
from network import CONTEXT, Tdnn
from phones import PHONE_ID, PHONES
from train import online_cmvn

OUTPUT_MS = FRAME_MS * SUBSAMPLING
HISS = 4.0
"""White noise (int16 scale) under sound that is silent between the words, which no line ever is."""
_NAMES = ["SIL", *PHONES]


class Aligner:
    """A checkpoint of train.py that finds known phones in a sound.

    Args:
        checkpoint: written by train.py.
    """

    def __init__(self, checkpoint: Path) -> None:
        state = torch.load(checkpoint, weights_only=False)
        self._net = Tdnn(state["units"])
        self._net.load_state_dict(state["state"])
        self._net.eval()
        self._mean = state["global_mean"].astype(np.float32)

    def __call__(
        self, samples: np.ndarray, groups: list[list[str]]
    ) -> tuple[list[str], list[float], float] | None:
        """Phones, milliseconds of each, and how far each output frame falls short of the network's own taste.

        Args:
            samples: int16 scale at 8000 Hz, silence at both ends.
            groups: the phones said, a pause possible between two groups.

        Returns:
            None when there is less sound than phones.
        """
        scores = self._scores(samples)
        states, optional = [0], [False]
        for i, group in enumerate(groups):
            states += [PHONE_ID[phone] for phone in group] + [0]
            optional += [False] * len(group) + [i + 1 < len(groups)]
        if len(scores) < len(states) + 2:
            return None
        path, total = best_path(scores, np.array(states), np.array(optional))
        phones: list[str] = []
        durations: list[float] = []
        for at, place in enumerate(path):
            if at == 0 or place != path[at - 1]:
                phones.append(_NAMES[states[place]])
                durations.append(0.0)
            durations[-1] += OUTPUT_MS
        return phones, durations, (total - float(scores.max(1).sum())) / len(scores)

    def _scores(self, samples: np.ndarray) -> np.ndarray:
        """[output frames, pdfs] as the recogniser would have them at the start of a call."""
        hiss = np.random.default_rng(len(samples)).standard_normal(len(samples)) * HISS
        features = online_cmvn(mfcc(samples + hiss), self._mean, 0, self._mean)
        count = (len(features) + SUBSAMPLING - 1) // SUBSAMPLING
        behind = SUBSAMPLING * count + CONTEXT - 2 - len(features)
        padded = np.pad(features, ((CONTEXT, max(0, behind)), (0, 0)), mode="edge")
        with torch.no_grad():
            scores = self._net(torch.from_numpy(padded)[None])[0][0]
        return scores.numpy()[:count]


def best_path(scores: np.ndarray, states: np.ndarray, optional: np.ndarray) -> tuple[list[int], float]:
    """The place in `states` of every frame and the score of it all (Viterbi).

    Args:
        scores: [frames, pdfs]; pdf 2n is the first frame of phone n, 2n + 1 every later one.
        states: phone numbers in order, the first and the last always passed.
        optional: which states may be skipped.
    """
    enter, stay = scores[:, 2 * states], scores[:, 2 * states + 1]
    never = np.full(len(states), -1e9)
    best = never.copy()
    best[0] = enter[0, 0]
    skips = np.zeros(len(states), bool)
    skips[2:] = optional[1:-1]
    steps = np.zeros((len(scores), len(states)), np.int8)
    for t in range(1, len(scores)):
        one = np.concatenate([never[:1], best[:-1]])
        two = np.where(skips, np.concatenate([never[:2], best[:-2]]), never)
        moved, stayed = np.maximum(one, two) + enter[t], best + stay[t]
        steps[t] = np.where(moved > stayed, np.where(two > one, 2, 1), 0)
        best = np.maximum(moved, stayed)
    place = len(states) - 1
    path = [place]
    for t in range(len(scores) - 1, 0, -1):
        place -= int(steps[t, place])
        path.append(place)
    return path[::-1], float(best[-1])
