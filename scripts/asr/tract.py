"""The same network, expecting speakers of another vocal tract: its first layer takes the features stretched.

    python tract.py OUT.pt NETWORK.pt --lower 1.07 --upper 0.91

Stretching is linear in the cepstra, so it costs nothing when decoding. Drawing tracts at random in training
(augment.py) makes the network careful, not right: which vowel it was depends on who speaks, and 300 ms do not
tell. Most voices it learnt from are men's; between theirs and the callers' there is a middle, set here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from augment import cepstra, log_mel, stretched
from features import BINS

ANCHOR = 0.1
"""How much the new global mean is held to the old one where the stretch leaves it open."""


def stretch_matrix(lower: float, upper: float) -> np.ndarray:
    """W [30, 30] with `W @ mfcc` the cepstra of a frame whose formants were moved (augment.stretched)."""
    return cepstra(stretched(log_mel(np.eye(BINS)), lower, upper)).T


def expecting(network: dict, lower: float, upper: float) -> dict:
    """A checkpoint whose network hears every speaker as if the formants were moved by the two factors."""
    matrix = stretch_matrix(lower, upper)
    state = dict(network["state"])
    weight = state["conv.0.weight"] / state["std"][None, :, None]
    state["conv.0.bias"] = state["conv.0.bias"] - (weight * state["mean"][None, :, None]).sum((1, 2))
    state["conv.0.weight"] = torch.einsum("oik,ij->ojk", weight, torch.tensor(matrix, dtype=weight.dtype))
    state["mean"], state["std"] = torch.zeros(BINS), torch.ones(BINS)
    mean = np.asarray(network["global_mean"])
    held = np.vstack([matrix, ANCHOR * np.eye(BINS)])
    moved = np.linalg.lstsq(held, np.concatenate([mean, ANCHOR * mean]), rcond=None)[0]
    return {**network, "state": state, "global_mean": moved.astype(mean.dtype)}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("network", type=Path)
    parser.add_argument("--lower", type=float, required=True, help="factor on the first formants")
    parser.add_argument("--upper", type=float, required=True, help="factor on the formants above")
    args = parser.parse_args()
    torch.save(expecting(torch.load(args.network, weights_only=False), args.lower, args.upper), args.out)


if __name__ == "__main__":
    main()
