#!/usr/bin/env python3
"""Speak a file of utterances with the held-out voices, for `callbot evaluate audio`.

    scripts/speak_rows.py dev_plain.csv OUT [--voices fr4 fr5 pico] [--clean]

Reads `id,utterance`, writes OUT/<voice>/*.wav and OUT/rows.csv with `id,path,text`. Through A-law with white
noise 20 dB below the speech, unless --clean.
"""

from __future__ import annotations

import argparse
import csv
import sys
from multiprocessing import Pool
from pathlib import Path

import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parent / "asr"))

from evaluate import RATE, on_the_phone, read_sound, speak


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--voices", nargs="+", default=["fr4", "fr5", "pico"])
    parser.add_argument("--clean", action="store_true", help="neither noise nor A-law")
    arguments = parser.parse_args()
    with arguments.rows.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    jobs = []
    for voice in arguments.voices:
        (arguments.out / voice).mkdir(parents=True, exist_ok=True)
        jobs += [
            (row["utterance"], voice, arguments.out / voice / f"{at:04}.wav") for at, row in enumerate(rows)
        ]
    with Pool() as pool:
        pool.map(speak, jobs, chunksize=8)
    if not arguments.clean:
        for seed, (_, _, path) in enumerate(jobs):
            soundfile.write(path, on_the_phone(read_sound(path), seed), RATE, subtype="PCM_16")
    with (arguments.out / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "path", "text"])
        for at, (text, _, path) in enumerate(jobs):
            writer.writerow([rows[at % len(rows)]["id"], path.relative_to(arguments.out), text])


if __name__ == "__main__":
    main()
