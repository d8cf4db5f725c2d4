"""How each word is said: espeak-ng alone and in sentences (liaisons), dropped schwas, everyday reductions.

    python lexicon.py WORDS.txt LEXICON.txt --sentences DOMAIN.txt [more.txt ...]

One line a pronunciation: word, cost (minus the natural logarithm of how likely), phones; tabs between them.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable
from multiprocessing import Pool
from pathlib import Path

from phones import MBROLA_TO_PHONES, VOWELS, PhoSegment, parse_pho, pho_to_phones

Phones = tuple[str, ...]
PLOSIVES_AND_F_V = frozenset("p t k b d g f v".split())  # noqa: SIM905
DATA = Path(__file__).resolve().parent / "data"
BATCH = 400
COMMA_PAUSES = 2
"""espeak-ng ends a paragraph with at least so many pause lines; inside a word it writes one at most."""


def by_hand() -> dict[str, list[Phones]]:
    """data/pronunciations.tsv: word and phones."""
    table: dict[str, list[Phones]] = defaultdict(list)
    for line in (DATA / "pronunciations.tsv").read_text(encoding="utf8").splitlines():
        if not line.startswith("#"):
            word, phones = line.split("\t")
            table[word].append(tuple(phones.split()))
    return table


def _run(texts: list[str], voice: str) -> list[list[PhoSegment]]:
    """One espeak-ng run over many paragraphs; fewer groups come back when one of them is silent."""
    command = ["espeak-ng", "-v", voice, "--pho", "-q", "--stdin"]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    joined = "\n\n".join(texts) + "\n"
    out = subprocess.run(command, input=joined, capture_output=True, text=True, env=environment).stdout
    groups: list[list[PhoSegment]] = []
    current: list[PhoSegment] = []
    pauses = 0
    for segment in parse_pho(out):
        if segment.name != "_":
            if pauses >= COMMA_PAUSES and current:
                groups.append(current)
                current = []
            pauses = 0
            current.append(segment)
        else:
            pauses += 1
    return [*groups, current] if current else groups


def speak_many(texts: list[str], voice: str = "mb-fr1") -> list[list[PhoSegment]]:
    """What espeak-ng says for each text, thousands a second; an empty list where it says nothing."""
    if not texts:
        return []
    groups = _run(texts, voice)
    if len(groups) == len(texts):
        return groups
    if len(texts) == 1:
        return [[s for group in groups for s in group]]
    middle = len(texts) // 2
    return speak_many(texts[:middle], voice) + speak_many(texts[middle:], voice)


def alone(words: list[str]) -> dict[str, list[Phones]]:
    """Pronunciations of words said by themselves: the full one, then without its only schwa."""
    result: dict[str, list[Phones]] = {}
    for start in range(0, len(words), BATCH):
        part = words[start : start + BATCH]
        for word, segments in zip(part, speak_many(part), strict=True):
            full = pho_to_phones(segments)
            if not full:
                continue
            result[word] = [tuple(full)]
            schwas = [i for i, s in enumerate(segments) if s.name == "@"]
            if len(schwas) == 1 and len(full) > 2:
                short = [s for i, s in enumerate(segments) if i != schwas[0] and s.name != "_"]
                result[word].append(tuple(p for s in short for p in MBROLA_TO_PHONES[s.name].split()))
    return result


_ALIKE = [{"e", "E"}, {"o", "O"}, {"eu", "E"}, {"i", "j"}, {"u", "w"}, {"s", "z"}, {"eu", "e"}]


def _difference(a: str, b: str) -> float:
    return 0.0 if a == b else 0.5 if {a, b} in _ALIKE else 1.2


_prons: dict[str, list[Phones]] = {}


def divide(task: tuple[list[str], list[str]]) -> list[tuple[str, Phones]] | None:
    """Cut a sentence's phones at its word boundaries, with the fewest edits to the words' pronunciations."""
    words, phones = task
    size = len(phones)
    best = [math.inf] * (size + 1)
    best[0] = 0.0
    back: list[list[int]] = []
    for word in words:
        after = [math.inf] * (size + 1)
        origin = [0] * (size + 1)
        for start in range(size + 1):
            if best[start] == math.inf:
                continue
            for pron in _prons[word]:
                span = min(size, start + len(pron) + 2) - start
                row = [float(i) for i in range(span + 1)]
                for i, phone in enumerate(pron):
                    new = [i + 1.0]
                    for j in range(span):
                        change = row[j] + _difference(phone, phones[start + j])
                        new.append(min(change, row[j + 1] + 1.0, new[j] + 1.0))
                    row = new
                for end in range(1, span + 1):
                    if best[start] + row[end] < after[start + end]:
                        after[start + end] = best[start] + row[end]
                        origin[start + end] = start
        best = after
        back.append(origin)
    if best[size] > 6:
        return None
    pieces: list[tuple[str, Phones]] = []
    end = size
    for word, origin in zip(reversed(words), reversed(back), strict=True):
        pieces.append((word, tuple(phones[origin[end] : end])))
        end = origin[end]
    return pieces


def in_sentences(
    sentences: list[str], prons: dict[str, list[Phones]], jobs: int
) -> dict[str, Counter[Phones]]:
    """How often each word is said in which way inside sentences."""
    known = [s for s in sentences if all(w in prons for w in s.split())]
    tasks = []
    for start in range(0, len(known), 100):
        part = known[start : start + 100]
        for sentence, segments in zip(part, speak_many(part), strict=True):
            phones = pho_to_phones(segments)
            if phones:
                tasks.append((sentence.split(), phones))
    _prons.update(prons)
    counts: dict[str, Counter[Phones]] = defaultdict(Counter)
    with Pool(jobs) as pool:
        for pieces in pool.imap(divide, tasks, chunksize=50):
            for word, pron in pieces or []:
                counts[word][pron] += 1
    return counts


def variants(
    word: str, prons: list[Phones], seen: Counter[Phones], extra: Iterable[Phones]
) -> dict[Phones, float]:
    """All pronunciations of a word and their costs."""
    costs: dict[Phones, float] = {prons[0]: 0.0} if prons else {}
    total = sum(seen.values())
    for pron, count in seen.most_common(6):
        if pron and count >= 3 and count / total >= 0.04:
            costs[pron] = min(costs.get(pron, 9.0), 1.5, -math.log(count / total))
    for pron in extra:
        costs.setdefault(pron, 0.7 if prons else 0.0)
    for pron in prons[1:]:
        costs.setdefault(pron, 1.0)
    if prons and total and word[-1] in "sxz" and prons[0][-1] not in ("s", "z") and len(word) > 2:
        costs.setdefault((*prons[0], "z"), 1.6)
    if not total or not word.rstrip("s").endswith("e"):
        return costs
    for pron, cost in list(costs.items()):
        if len(pron) > 3 and pron[-1] in ("R", "l") and pron[-2] in PLOSIVES_AND_F_V:
            costs.setdefault(pron[:-1], cost + 1.2)  # quatre -> quat', possible -> possib'
        if total >= 3 and len(pron) > 2 and pron[-1] not in VOWELS:
            costs.setdefault((*pron, "eu"), cost + (1.0 if pron[-2] not in VOWELS else 1.8))
    return costs


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", type=Path)
    parser.add_argument("lexicon", type=Path)
    parser.add_argument("--sentences", type=Path, nargs="*", default=[])
    parser.add_argument("--limit", type=int, default=6000, help="sentences looked at for liaisons")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    words = args.words.read_text(encoding="utf8").split()
    prons = alone(words)
    hand = by_hand()
    for word, ways in hand.items():
        prons.setdefault(word, ways)
    sentences = [s for path in args.sentences for s in path.read_text(encoding="utf8").splitlines() if s]
    step = max(1, len(sentences) // args.limit)
    counts = in_sentences(sentences[::step], prons, args.jobs)
    lines, silent = [], []
    for word in words:
        ways = variants(word, prons.get(word, []), counts.get(word, Counter()), hand.get(word, []))
        if not ways:
            silent.append(word)
        lines += [f"{word}\t{cost:.1f}\t{' '.join(pron)}" for pron, cost in ways.items()]
    args.lexicon.write_text("\n".join(lines) + "\n", encoding="utf8")
    print(f"{len(words)} words, {len(lines)} pronunciations; none for {len(silent)}: {' '.join(silent[:40])}")


if __name__ == "__main__":
    main()
