"""Writes a trained network as the am/ and conf/ folders of a Vosk model.

python export.py CHECKPOINT.pt MODEL_DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from features import BINS, MFCC_CONF, SUBSAMPLING
from kaldi_format import KaldiWriter, write_network, write_transition_model
from network import CONTEXT, STRIDE_LAYER, Tdnn
from phones import phone_table

MODEL_CONF = """--min-active=200
--max-active=3000
--beam=10.0
--lattice-beam=4.0
--acoustic-scale=0.7
--frame-subsampling-factor=3
--endpoint.silence-phones=1
--endpoint.rule2.min-trailing-silence=0.5
--endpoint.rule3.min-trailing-silence=0.75
--endpoint.rule4.min-trailing-silence=1.0
"""
"""Kaldi decoder options; scale and beam were chosen on test_sentences.txt, the endpoint rules are seconds."""
GLOBAL_FRAMES = 1e4
"""How many frames the global mean claims to come from; Kaldi scales it down to 200."""


def folded_layers(net: Tdnn) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases with the input's and the batch norms' scales folded into the layer after them."""
    scale = (1 / net.std).numpy()
    shift = (-net.mean / net.std).numpy()
    layers = []
    for conv, norm in zip(net.conv, net.norm, strict=True):
        weight = conv.weight.detach().numpy()  # [out, in, 3]
        bias = conv.bias.detach().numpy() + np.einsum("oik,i->o", weight, shift)
        weight = weight * scale[None, :, None]
        layers.append((np.concatenate([weight[:, :, k] for k in range(3)], 1), bias))
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        scale = gain.detach().numpy()
        shift = (norm.bias - norm.running_mean * gain).detach().numpy()
    weight = net.out.weight.detach().numpy()[:, :, 0]
    layers.append((weight * scale[None], net.out.bias.detach().numpy() + weight @ shift))
    return layers


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("model", type=Path)
    args = parser.parse_args()
    state = torch.load(args.checkpoint, weights_only=False)
    net = Tdnn(state["units"])
    net.load_state_dict(state["state"])
    net.eval()
    layers = folded_layers(net)
    offsets = [1 if i <= STRIDE_LAYER else SUBSAMPLING for i in range(len(layers) - 1)]
    for folder in ("am", "conf"):
        (args.model / folder).mkdir(parents=True, exist_ok=True)
    with (args.model / "am" / "final.mdl").open("wb") as file:
        writer = KaldiWriter(file)
        write_transition_model(writer, phone_table().pdfs[1:])
        write_network(writer, layers, offsets, CONTEXT)
    mean = state["global_mean"]
    statistics = np.zeros((2, BINS + 1))  # row 0: sums, then the count; row 1: sums of squares
    statistics[0] = np.append(mean, 1.0) * GLOBAL_FRAMES
    statistics[1, :BINS] = (mean**2 + 1) * GLOBAL_FRAMES
    with (args.model / "am" / "global_cmvn.stats").open("wb") as file:
        KaldiWriter(file).double_matrix(statistics)
    (args.model / "conf" / "mfcc.conf").write_text(MFCC_CONF)
    (args.model / "conf" / "model.conf").write_text(MODEL_CONF)


if __name__ == "__main__":
    main()
