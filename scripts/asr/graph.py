"""A Vosk model's graph for run-time grammars: HCLr.fst (the lexicon) and Gr.fst (the language model).

    python graph.py TEXTDIR LEXICON.txt MODEL_DIR --work DIR

A phone is one state with a first-frame pdf and a self-loop pdf, so the H of Kaldi's H o C o L is a mere
relabelling: phone p enters by transition id 2p and stays by 2p - 1 (kaldi_format.py). OpenFst's tools
(Debian: libfst-tools) and kaldifst do the automata. Vosk composes HCLr with Gr, or with a grammar given at
run time, while it decodes.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from language_model import END, START, BackoffModel, Recipe, load, prune_to
from phones import PHONES, phone_table

SILENCE = 0.5
"""Probability of a pause between two words."""
UNKNOWN_COST = 2.6
"""Cost of each phone of [unk], a loop of all phones that only grammars use."""
UNKNOWN = "[unk]"


class Arc(NamedTuple):
    """An arc of an automaton in OpenFst's text format; label 0 is epsilon."""

    source: int
    target: int
    input: int
    output: int
    cost: float


class Word(NamedTuple):
    """A pronunciation: word, cost, phone ids at their word positions."""

    word: str
    cost: float
    phones: tuple[int, ...]


def run(command: str) -> None:
    """A pipeline of OpenFst tools."""
    subprocess.run(["bash", "-c", "set -o pipefail; " + command], check=True)


def lookahead_library() -> str:
    """OpenFst's look-ahead types are in a plug-in that fstconvert does not find by itself on Debian."""
    found = sorted(Path("/usr/lib").glob("*/libfstlookahead.so.*"))
    if not found:
        raise SystemExit("libfstlookahead.so is missing: apt-get install libfst-tools")
    return str(found[-1])


def read_lexicon(path: Path) -> list[Word]:
    """The lines of lexicon.py with phones as ids of `phone_table`."""
    number = {name: i for i, name in enumerate(phone_table().names)}
    lexicon = []
    for line in path.read_text(encoding="utf8").splitlines():
        word, cost, text = line.split("\t")
        phones = text.split()
        places = ["S"] if len(phones) == 1 else ["B", *"I" * (len(phones) - 2), "E"]
        ids = tuple(number[f"{p}_{place}"] for p, place in zip(phones, places, strict=True))
        lexicon.append(Word(word, float(cost), ids))
    return lexicon


def disambiguation(lexicon: list[Word]) -> list[int]:
    """A number for each pronunciation that another one equals or begins with; 0 for the others."""
    same = Counter(w.phones for w in lexicon)
    prefixes = {w.phones[:i] for w in lexicon for i in range(1, len(w.phones))}
    used: Counter[tuple[int, ...]] = Counter()
    numbers = []
    for word in lexicon:
        if same[word.phones] > 1 or word.phones in prefixes:
            used[word.phones] += 1
            numbers.append(used[word.phones])
        else:
            numbers.append(0)
    return numbers


def lexicon_arcs(lexicon: list[Word], word_id: dict[str, int], first_mark: int) -> tuple[list[Arc], int, int]:
    """From phones (as transition ids) to words: arcs, final state, number of disambiguation marks."""
    start, loop, pause = 0, 1, 2
    paused, silent = -math.log(1 - SILENCE), -math.log(SILENCE)
    numbers = disambiguation(lexicon)
    marks = max(numbers) + 1
    arcs = [
        Arc(start, loop, 0, 0, paused),
        Arc(start, pause, 0, 0, silent),
        Arc(pause, 3, 2, 0, 0.0),
        Arc(3, loop, first_mark + marks - 1, 0, 0.0),
    ]
    states = 4
    for (word, cost, phones), number in zip(lexicon, numbers, strict=True):
        labels = [2 * p for p in phones] + ([first_mark + number - 1] if number else [])
        state = loop
        for i, label in enumerate(labels):
            output, extra = (word_id[word], cost) if i == 0 else (0, 0.0)
            if i == len(labels) - 1:
                arcs += [
                    Arc(state, loop, label, output, extra + paused),
                    Arc(state, pause, label, output, extra + silent),
                ]
            else:
                arcs.append(Arc(state, states, label, output, extra))
                state, states = states, states + 1
    number_of = {name: i for i, name in enumerate(phone_table().names)}
    second, later = states, states + 1
    for phone in PHONES:
        begin, inside, end = (2 * number_of[f"g{phone}_{place}"] for place in "BIE")
        arcs.append(Arc(loop, second, begin, word_id[UNKNOWN], UNKNOWN_COST))
        arcs += [Arc(second, later, inside, 0, UNKNOWN_COST), Arc(later, later, inside, 0, UNKNOWN_COST)]
        for state in (second, later):
            arcs += [
                Arc(state, loop, end, 0, UNKNOWN_COST + paused),
                Arc(state, pause, end, 0, UNKNOWN_COST + silent),
            ]
    return arcs, loop, marks


def write_automaton(path: Path, arcs: list[Arc], finals: dict[int, float], start: int) -> None:
    """OpenFst's text format; the first line's source is the start."""
    arcs.sort(key=lambda a: (a.source != start, a.source, a.input))
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{a.source} {a.target} {a.input} {a.output} {a.cost:.4f}\n" for a in arcs)
        file.writelines(f"{state} {cost:.4f}\n" for state, cost in finals.items())


def read_automaton(path: Path) -> tuple[list[Arc], dict[int, float], int]:
    """Arcs, final costs and start of fstprint's output."""
    arcs: list[Arc] = []
    finals: dict[int, float] = {}
    start = -1
    with path.open(encoding="ascii") as file:
        for line in file:
            f = line.split()
            if start < 0:
                start = int(f[0])
            if len(f) >= 4:
                arcs.append(
                    Arc(int(f[0]), int(f[1]), int(f[2]), int(f[3]), float(f[4]) if len(f) > 4 else 0.0)
                )
            else:
                finals[int(f[0])] = float(f[1]) if len(f) > 1 else 0.0
    return arcs, finals, start


def with_self_loops(arcs: list[Arc], start: int, transition_ids: int) -> list[Arc]:
    """Let the state behind forward id 2p repeat 2p - 1; states entered in several ways are split."""
    states = 1 + max(max(a.source, a.target) for a in arcs)
    entered: dict[int, set[int]] = defaultdict(set)
    entered[start].add(0)
    for arc in arcs:
        entered[arc.target].add(arc.input if arc.input <= transition_ids else 0)
    result: list[Arc] = []
    loops: dict[int, int] = {}
    private: dict[tuple[int, int], int] = {}
    for arc in arcs:
        kind = arc.input if arc.input <= transition_ids else 0
        if kind and len(entered[arc.target]) > 1:
            if (arc.target, kind) not in private:
                private[arc.target, kind] = states
                result.append(Arc(states, arc.target, 0, 0, 0.0))
                loops[states] = kind
                states += 1
            result.append(arc._replace(target=private[arc.target, kind]))
        else:
            result.append(arc)
            if kind:
                loops[arc.target] = kind
    return result + [Arc(state, state, kind - 1, 0, 0.0) for state, kind in loops.items()]


def write_lookahead(hcl: Path, word_id: dict[str, int], out: Path, work: Path) -> dict[str, int]:
    """Write an automaton sorted by output as HCLr.fst, and words.txt with the numbers OpenFst gives them."""
    environment = f"LD_PRELOAD={lookahead_library()}"
    options = f"--fst_type=olabel_lookahead --save_relabel_opairs={work}/relabel.txt"
    run(f"{environment} fstconvert {options} {hcl} {out}/HCLr.fst")
    pairs = (line.split() for line in (work / "relabel.txt").read_text().splitlines())
    renumbered = {int(old): int(new) for old, new in pairs}
    spare = max([*renumbered.values(), len(word_id)]) + 1
    given: dict[str, int] = {}
    for word, number in word_id.items():
        if number and number not in renumbered:
            renumbered[number] = spare
            spare += 1
        given[word] = renumbered.get(number, 0)
    lines = [f"{w} {i}\n" for w, i in sorted(given.items(), key=lambda x: x[1])]
    (out / "words.txt").write_text("".join(lines), encoding="utf8")
    return given


def build_hcl(lexicon: list[Word], out: Path, work: Path) -> dict[str, int]:
    """Write HCLr.fst and the small files beside it; the word numbers (OpenFst renumbers them) come back."""
    import kaldifst  # learn_words.py does without

    table = phone_table()
    transition_ids = 2 * (len(table.names) - 1)
    words = [UNKNOWN, *sorted({w.word for w in lexicon})]
    word_id = {"<eps>": 0, **{w: i for i, w in enumerate(words, 1)}}
    arcs, final, marks = lexicon_arcs(lexicon, word_id, transition_ids + 1)
    write_automaton(work / "lexicon.txt", arcs, {final: 0.0}, 0)
    run(f"fstcompile {work}/lexicon.txt {work}/lexicon.fst")
    automaton = kaldifst.StdVectorFst.read(str(work / "lexicon.fst"))
    kaldifst.determinize_star(automaton)
    automaton.write(str(work / "determinised.fst"))
    run(f"fstprint {work}/determinised.fst {work}/determinised.txt")
    arcs, finals, start = read_automaton(work / "determinised.txt")
    write_automaton(work / "hcl.txt", with_self_loops(arcs, start, transition_ids), finals, start)
    # Words with the same ending share it: the self-loops are already there, so only states entered by the
    # same phone become one.
    run(f"fstcompile {work}/hcl.txt {work}/hcl_full.fst")
    automaton = kaldifst.StdVectorFst.read(str(work / "hcl_full.fst"))
    before = automaton.num_states
    kaldifst.minimize_encoded(automaton)
    print(f"lexicon graph: {before} states, {automaton.num_states} after minimisation", flush=True)
    automaton.write(str(work / "hcl_small.fst"))
    run(f"fstarcsort --sort_type=olabel {work}/hcl_small.fst {work}/hcl.fst")
    word_id = write_lookahead(work / "hcl.fst", word_id, out, work)
    (out / "disambig_tid.int").write_text("".join(f"{transition_ids + d}\n" for d in range(1, marks + 1)))
    (out / "phones").mkdir(exist_ok=True)
    kinds = "".join(f"{i} {kind}\n" for i, kind in enumerate(table.kinds) if i)
    (out / "phones" / "word_boundary.int").write_text(kinds)
    return word_id


def build_grammar(model: BackoffModel, word_id: dict[str, int], out: Path, work: Path) -> None:
    """Write the language model as Gr.fst: a state a history, back-off by epsilon arcs."""
    state_of: dict[tuple[str, ...], int] = {(): 0}
    arcs: list[Arc] = []
    finals: dict[int, float] = {}

    def state(history: tuple[str, ...]) -> int:
        return state_of.setdefault(history, len(state_of))

    def after(*words: str) -> int:
        """The longest history the model knows."""
        if words in model.trigrams:
            return state(words)
        return state(words[-1:]) if words[-1] in model.bigrams else 0

    def add(source: int, context: tuple[str, ...], word: str, probability: float) -> None:
        if word == END:
            finals[source] = -math.log(probability)
        elif word in word_id:
            label = word_id[word]
            arcs.append(Arc(source, after(*context, word), label, label, -math.log(probability)))

    for word, probability in model.unigram.items():
        add(0, (), word, probability)
    for a, kept in model.bigrams.items():
        source = state((a,))
        for word, probability in kept.items():
            add(source, (a,), word, probability)
        arcs.append(Arc(source, 0, 0, 0, -math.log(model.back2[a])))
    for (a, b), kept in model.trigrams.items():
        source = state((a, b))
        for word, probability in kept.items():
            add(source, (b,), word, probability)
        target = state((b,)) if b in model.bigrams else 0
        arcs.append(Arc(source, target, 0, 0, -math.log(model.back3[a, b])))
    write_automaton(work / "grammar.txt", arcs, finals, state_of[START,])
    steps = f"fstcompile {work}/grammar.txt | fstconnect | fstarcsort --sort_type=ilabel"
    run(f"{steps} | fstconvert --fst_type=const - {out}/Gr.fst")
    kept2 = sum(map(len, model.bigrams.values()))
    kept3 = sum(map(len, model.trigrams.values()))
    print(
        f"language model: {len(model.unigram)} words, {kept2} bigrams, {kept3} trigrams, "
        f"{len(state_of)} states"
    )


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", type=Path, help="folder written by text.py")
    parser.add_argument("lexicon", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--megabytes", type=float, default=11.0, help="how large Gr.fst may be")
    args = parser.parse_args()
    out = args.model / "graph"
    for folder in (out, args.work):
        folder.mkdir(parents=True, exist_ok=True)
    os.environ["LC_ALL"] = "C.UTF-8"
    word_id = build_hcl(read_lexicon(args.lexicon), out, args.work)
    build_grammar(prune_to(load(args.texts, Recipe()), args.megabytes), word_id, out, args.work)
    for path in sorted(out.glob("*.*")):
        print(f"{path.name} {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
