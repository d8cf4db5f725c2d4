"""The acoustic network: seven time-delay layers, one output every 30 ms, 62 pdfs.

Kept apart from train.py so that export.py can read a checkpoint without the training code.
"""

from __future__ import annotations

import torch
from features import BINS, SUBSAMPLING
from phones import NUM_PDFS
from torch import nn

LAYERS = 7
STRIDE_LAYER = 2
"""The layer after which only every third frame is computed."""
CONTEXT = 15
"""Frames of 10 ms the network sees on each side: 1 + 1 + 1 + 4 x 3."""


class Tdnn(nn.Module):
    """Convolutions over time (kernel 3), ReLU, batch norm; heads for MMI and for cross-entropy."""

    def __init__(self, units: int = 384, dropout: float = 0.08) -> None:
        super().__init__()
        self.units = units
        self.register_buffer("mean", torch.zeros(BINS))
        self.register_buffer("std", torch.ones(BINS))
        sizes = [BINS] + [units] * LAYERS
        self.conv = nn.ModuleList(
            nn.Conv1d(sizes[i], sizes[i + 1], 3, stride=SUBSAMPLING if i == STRIDE_LAYER else 1)
            for i in range(LAYERS)
        )
        self.norm = nn.ModuleList(nn.BatchNorm1d(units) for _ in range(LAYERS))
        self.out = nn.Conv1d(units, NUM_PDFS, 1)
        self.frame_out = nn.Conv1d(units, NUM_PDFS, 1)
        self.drop = nn.Dropout(dropout)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[batch, 3 T + 28, 30] -> two score arrays [batch, T, pdfs]."""
        x = ((features - self.mean) / self.std).transpose(1, 2)
        for i, (conv, norm) in enumerate(zip(self.conv, self.norm, strict=True)):
            x = norm(torch.relu(conv(x)))
            if i >= STRIDE_LAYER:
                x = self.drop(x)
        return self.out(x).transpose(1, 2), self.frame_out(x).transpose(1, 2)
