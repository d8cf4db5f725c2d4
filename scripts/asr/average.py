"""The mean of networks learnt on from one another; it often errs less than each (Wortsman 2022, model soups).

python average.py OUT.pt EARLIER.pt LATER.pt ...

The cepstral mean is the last one's: `train.py --start` keeps it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("networks", type=Path, nargs="+")
    args = parser.parse_args()
    networks = [torch.load(path, weights_only=False) for path in args.networks]
    states = [network["state"] for network in networks]
    mean = {
        name: torch.stack([s[name] for s in states]).mean(0) if value.is_floating_point() else value
        for name, value in states[-1].items()
    }
    torch.save({**networks[-1], "state": mean}, args.out)


if __name__ == "__main__":
    main()
