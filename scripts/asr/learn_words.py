"""A model of ours that knows more words: what a town's bot was taught, grafted on the graph it has.

    python learn_words.py MODEL SENTENCES.txt OUT

OUT is a copy of MODEL whose HCLr.fst has a branch for each word that it lacked, and whose Gr.fst counts the
sentences. Words keep the frequencies they have in MODEL: no word list is needed. Some ten seconds; needs
espeak-ng, libfst-tools and a Python with PyYAML, but neither MBROLA's voices nor kaldifst.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from graph import (
    SILENCE,
    Arc,
    build_grammar,
    lookahead_library,
    read_automaton,
    run,
    write_automaton,
    write_lookahead,
)
from language_model import Recipe, Trigrams, estimate, prune, prune_to
from phones import IPA_TO_PHONES, VOWELS, phone_table
from text import SEED, Speaker, closed_sentences, domain_sentences, general_sentences, normalise
from vocabulary import starts_with_vowel

Phones = tuple[str, ...]
TAUGHT = 10.0
"""Times each taught sentence counts: callers said it in earnest, the project's are thought up."""
FREQUENCY = 2e-4
"""Of a new word, before it is counted: a noun of daily life (1 = every word said)."""
ELIDED = 0.5
"""Share of it for its forms in l' and d'."""
SHORT_COST = 1.0
"""Of a pronunciation without its schwa; natural logarithm."""
PRUNE = 5.4e-7
"""Entropy (nats a word) an n-gram must save: what gave the bundled model's Gr.fst its size."""
MEGABYTES = 12.0
"""How large Gr.fst may be."""
SIL_IN = 2
"""Transition id by which a pause begins."""
NOT_SAID = re.compile(r"\([a-z-]+\)|[ˈˌː\s-]")
"""In espeak-ng's IPA: another language's name, stress, length."""


def lacking(sentences: list[str], known: set[str]) -> dict[str, float]:
    """Words that are not known, by frequency: as they stand, without their elision, and with one."""
    words: dict[str, float] = {}
    for token in dict.fromkeys(word for sentence in sentences for word in sentence.split()):
        if re.search(r"\d", token) or token in known:
            continue
        words.setdefault(token, FREQUENCY)
        bare = token.rpartition("'")[2]
        if bare and bare not in known:
            words[bare] = FREQUENCY
        for form in ("l'", "d'") if bare and starts_with_vowel(bare) else ():
            if form + bare not in known:
                words.setdefault(form + bare, FREQUENCY * ELIDED)
    return words


def say(words: list[str]) -> list[str]:
    """What espeak-ng says for each word, in IPA with underscores between."""
    command = ["espeak-ng", "-v", "fr", "-q", "--ipa", "--sep=_", "--stdin"]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    text = "\n\n".join(words) + "\n"
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if len(lines) == len(words):
        return lines
    if len(words) == 1:
        return ["_".join(lines)]
    return [line for word in words for line in say([word])]


def phones_of(ipa: str) -> Phones:
    """Our phones of what espeak-ng says; what they can't tell is left out."""
    found: list[str] = []
    for name in NOT_SAID.sub("_", ipa).split("_"):
        parts = [name] if name in IPA_TO_PHONES else [*name]
        found += (phone for part in parts for phone in IPA_TO_PHONES.get(part, "").split())
    return tuple(found)


def pronounce(words: list[str]) -> dict[str, dict[Phones, float]]:
    """Each word's pronunciations and their costs; words that nothing is said for are left out."""
    result: dict[str, dict[Phones, float]] = {}
    for word, ipa in zip(words, say(words) if words else [], strict=True):
        full = phones_of(ipa)
        if not full:
            continue
        costs = result[word] = {full: 0.0}
        short = phones_of(ipa.replace("ə", ""))
        if 2 < len(short) == len(full) - 1:
            costs[short] = SHORT_COST
        if word[-1] in "sxz" and full[-1] not in ("s", "z"):
            costs[(*full, "z")] = 1.6  # before a vowel
        elif word.endswith("e") and len(full) > 2 and full[-1] not in VOWELS:
            costs[(*full, "eu")] = 1.8
    return result


class Graft:
    """New words on the lexicon's graph, each branching off where no old word goes on as it does.

    Shared beginnings matter: the decoder looks ahead at what an arc leads to, and soon gives up a branch that
    leads to nothing but a rare word.
    """

    def __init__(self, arcs: list[Arc], finals: dict[int, float], start: int) -> None:
        self.arcs = list(arcs)
        self._number = {name: i for i, name in enumerate(phone_table().names)}
        self._next = 1 + max(max(a.source, a.target) for a in arcs)
        self._from: dict[int, list[Arc]] = defaultdict(list)
        for arc in arcs:
            self._from[arc.source].append(arc)
        # graph.lexicon_arcs made final the states where words begin: the start, the state after a pause, and
        # the one where both a word and a pause may follow, to which words lead.
        self._roots = finals
        both = {s for s in finals if s != start and any(a.input == SIL_IN for a in self._from[s])}
        if len(both) != 1:
            raise SystemExit("HCLr.fst is not one of graph.py's")
        self._after = both.pop()
        self._nodes: dict[tuple[int, tuple[int, ...]], int] = {}

    def add(self, word: int, phones: Phones, cost: float) -> None:
        """Let a word be said so."""
        places = ["S"] if len(phones) == 1 else ["B", *"I" * (len(phones) - 2), "E"]
        labels = tuple(2 * self._number[f"{p}_{place}"] for p, place in zip(phones, places, strict=True))
        branches = {}
        for root, owed in self._roots.items():
            state, paid, shared = self._shared(root, labels)
            branches.setdefault(state, (owed - paid, labels[shared:]))
        for state, (owed, rest) in branches.items():
            self._branch(state, owed, rest, word, cost)

    def _shared(self, root: int, labels: tuple[int, ...]) -> tuple[int, float, int]:
        """How far old words go the same way: the last state, the cost until there, the number of labels."""
        state, paid = root, 0.0
        for at, label in enumerate(labels[:-1]):
            step = self._step(state, label)
            if step is None:
                return state, paid, at
            state, paid = step[0], paid + step[1]
        return state, paid, len(labels) - 1

    def _step(self, state: int, label: int) -> tuple[int, float] | None:
        """Where a label leads before it is known which word it is."""
        found = [(arc, 0.0) for arc in self._from[state]]
        found += [
            (arc, eps.cost)
            for eps, _ in found
            if eps.input == 0 == eps.output
            for arc in self._from[eps.target]
        ]
        return next(
            ((a.target, a.cost + more) for a, more in found if (a.input, a.output) == (label, 0)), None
        )

    def _branch(self, state: int, owed: float, rest: tuple[int, ...], word: int, cost: float) -> None:
        source = state
        for end, label in enumerate(rest, 1):
            key = state, rest[:end]
            last, new = end == len(rest), key not in self._nodes
            if new:
                self._nodes[key] = node = self._next
                self._next += 1
                self.arcs.append(Arc(node, node, label - 1, 0, 0.0))
                if last:
                    self.arcs.append(Arc(node, self._after, 0, 0, -math.log(1 - SILENCE)))
            node = self._nodes[key]
            if new or last:
                output, more = (word, cost) if last else (0, 0.0)
                self.arcs.append(Arc(source, node, label, output, more + (owed if end == 1 else 0.0)))
            source = node


def unigram_of(grammar: Path, words: dict[int, str], work: Path) -> dict[str, float]:
    """How often each word is said, as a Gr.fst has it: the arcs of the state that nothing backs off from."""
    run(f"fstprint {grammar} {work}/old_grammar.txt")
    arcs, _, state = read_automaton(work / "old_grammar.txt")
    back = {a.source: a.target for a in arcs if a.input == 0}
    while state in back:
        state = back[state]
    return {words[a.input]: math.exp(-a.cost) for a in arcs if a.source == state}


def count(taught: list[str], old: dict[str, float], new: dict[str, float]) -> Trigrams:
    """The project's sentences and the taught ones counted anew, over the words' frequencies there are."""
    recipe = Recipe()
    texts = [
        (domain_sentences(Path(__file__).resolve().parents[2]), recipe.domain),
        (general_sentences(), recipe.general),
        (closed_sentences(Speaker(SEED)), recipe.closed),
        ([s for s in taught if not re.search(r"\d", s)], TAUGHT),
    ]
    counted = [([s.split() for s in found], weight) for found, weight in texts]
    model = estimate(counted, {**new, **old}, recipe)
    model.unigram.update(old)
    total = sum(model.unigram.values())
    model.unigram = {word: p / total for word, p in model.unigram.items()}
    return model


def learn(base: Path, sentences: list[str], out: Path, work: Path) -> None:
    """Write the model that knows the sentences' words too."""
    graph = base / "graph"
    lines = (graph / "words.txt").read_text(encoding="utf8").splitlines()
    word_id = {word: int(number) for word, number in (line.split() for line in lines)}
    taught = [s for s in map(normalise, sentences) if s]
    new = lacking(taught, set(word_id))
    said = pronounce([*new])
    print(f"{len(said)} new words; no pronunciation for {len(new) - len(said)}", flush=True)
    first = max(word_id.values()) + 1
    wider = word_id | {word: first + i for i, word in enumerate(said)}

    shutil.copytree(base, out, ignore=shutil.ignore_patterns("HCLr.fst", "Gr.fst", "words.txt"))
    run(f"LD_PRELOAD={lookahead_library()} fstprint {graph}/HCLr.fst {work}/old.txt")
    arcs, finals, start = read_automaton(work / "old.txt")
    grown = Graft(arcs, finals, start)
    for word, costs in said.items():
        for phones, cost in costs.items():
            grown.add(wider[word], phones, cost)
    write_automaton(work / "hcl.txt", grown.arcs, finals, start)
    run(f"fstcompile {work}/hcl.txt | fstarcsort --sort_type=olabel - {work}/hcl.fst")
    given = write_lookahead(work / "hcl.fst", wider, out / "graph", work)

    old = unigram_of(graph / "Gr.fst", {i: word for word, i in word_id.items()}, work)
    model = count(taught, old, {word: new[word] for word in said})
    pruned = prune(model, PRUNE)
    if pruned.megabytes() > MEGABYTES:
        pruned = prune_to(model, MEGABYTES)
    build_grammar(pruned, given, out / "graph", work)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("sentences", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    os.environ["LC_ALL"] = "C.UTF-8"
    with tempfile.TemporaryDirectory() as work:
        learn(args.model, args.sentences.read_text(encoding="utf8").splitlines(), args.out, Path(work))


if __name__ == "__main__":
    main()
