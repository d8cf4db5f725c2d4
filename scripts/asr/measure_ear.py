"""What the recogniser makes of words: rasa_project/ear.tsv, the noise the intent model is trained with.

    python measure_ear.py MODEL OUT.tsv --work DIR [--count 1500]

MODEL is a whole Vosk folder. One sentence in ten is left out of a language model made for this (a recogniser
that knows the sentence hears it too well), spoken by the training voices, sent through the telephone, decoded
and aligned word by word. DIR holds text/ and lexicon.txt of rebuild_graph.sh.

OUT.tsv: said, heard (empty: nothing), how often. A first row `* TAB * TAB n` counts all words said. Words
heard where none was said are kept with the word before them ("la carte" heard for "carte").
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import vosk
from evaluate import transcribe
from features import telephone
from synth import RATE, Utterance, speak_mbrola

EVERY = 10
HERE = Path(__file__).resolve().parent


def align(said: list[str], heard: list[str]) -> list[tuple[str, str]]:
    """Each word said with what was heard for it, by the fewest changes."""
    cost = np.zeros((len(said) + 1, len(heard) + 1), int)
    cost[:, 0], cost[0] = np.arange(len(said) + 1), np.arange(len(heard) + 1)
    for i, word in enumerate(said, 1):
        for j, other in enumerate(heard, 1):
            cost[i, j] = min(cost[i - 1, j] + 1, cost[i, j - 1] + 1, cost[i - 1, j - 1] + (word != other))
    pairs: list[tuple[str, str]] = []
    after: list[str] = []
    i, j = len(said), len(heard)
    while i:
        if j and cost[i, j] == cost[i - 1, j - 1] + (said[i - 1] != heard[j - 1]):
            pairs.append((said[i - 1], " ".join([heard[j - 1], *reversed(after)])))
            after, i, j = [], i - 1, j - 1
        elif cost[i, j] == cost[i - 1, j] + 1:
            pairs.append((said[i - 1], " ".join(reversed(after))))
            after, i = [], i - 1
        else:
            after.append(heard[j - 1])
            j -= 1
    return pairs[::-1]


def left_out_model(model: Path, work: Path) -> tuple[Path, list[str]]:
    """A copy of the model that does not know every tenth sentence of the domain, and those sentences."""
    lines = (work / "text" / "domain.txt").read_text(encoding="utf8").splitlines()
    left_out = lines[EVERY // 2 :: EVERY]
    texts, copy = work / "ear_text", work / "ear_model"
    shutil.rmtree(texts, ignore_errors=True)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(work / "text", texts)
    shutil.copytree(model, copy)
    kept = [line for at, line in enumerate(lines) if at % EVERY != EVERY // 2]
    (texts / "domain.txt").write_text("\n".join(kept) + "\n", encoding="utf8")
    command = [
        sys.executable,
        HERE / "graph.py",
        texts,
        work / "lexicon.txt",
        copy,
        "--work",
        work / "ear_graph",
    ]
    subprocess.run(list(map(str, command)), check=True)
    return copy, left_out


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    copy, sentences = left_out_model(args.model, args.work)
    rng = np.random.default_rng(0)
    drawn = [sentences[at] for at in rng.permutation(len(sentences))[: args.count]]
    with Pool(args.jobs) as pool:
        spoken = pool.map(speak_mbrola, [(at, text, 77) for at, text in enumerate(drawn)], chunksize=20)
    utterances = [u for u in spoken if isinstance(u, Utterance)]
    vosk.SetLogLevel(-1)
    recognizer = vosk.KaldiRecognizer(vosk.Model(str(copy)), RATE)
    voices = [u.samples for u in utterances[:100]]
    table: Counter[tuple[str, str]] = Counter()
    wrong = 0
    for at, utterance in enumerate(utterances):
        sound = telephone(utterance.samples, np.random.default_rng(at), voices)
        sound = np.concatenate([sound, np.zeros(RATE * 6 // 10)])
        heard = transcribe(recognizer, np.clip(sound, -32768, 32767)).split()
        for said, got in align(utterance.text.split(), heard):
            wrong += said != got
            table[said, got] += 1
        if at % 200 == 199:
            print(f"{at + 1} of {len(utterances)}: {wrong / table.total():.1%} of words misheard", flush=True)
    rows = [f"*\t*\t{table.total()}"]
    rows += [f"{a}\t{b}\t{n}" for (a, b), n in sorted(table.items()) if a != b]
    args.out.write_text("\n".join(rows) + "\n", encoding="utf8")
    print(f"{args.out}: {len(rows) - 1} mishearings, {wrong / table.total():.1%} of {table.total()} words")


if __name__ == "__main__":
    main()
