"""Pipelines of the NLU compared, and its learning curve, written into docs/benchmarks.md.

Run with Rasa's Python (`make bench-nlu`). Trains on all of rasa_project/data, measures on the two files of
callers that no one trains on. `--diet` adds Rasa's own DIET on DIET_SIZE sentences an intent (with all of
them it takes hours; compare it with that row of the learning curve), `--clinc data_full.json` the same
pipeline on CLINC150 (github.com/clinc/oos-eval).
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "rasa_project"
sys.path.insert(0, str(PROJECT))

import joblib  # noqa: E402
import numpy as np  # noqa: E402
import yaml  # noqa: E402
from callbot_nlu.data import Sentence, load  # noqa: E402
from callbot_nlu.ear import Ear  # noqa: E402
from callbot_nlu.lexicon import Lexicon  # noqa: E402
from callbot_nlu.model import IntentModel, Options  # noqa: E402
from sklearn.feature_extraction.text import CountVectorizer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402

BEGIN, END = "<!-- nlu:begin -->", "<!-- nlu:end -->"
OUT_OF_SCOPE = "hors_sujet"
SIZES = (10, 30, 90)
VOTE = "vote of SVM and network"
DIET_SIZE = SIZES[0]
CLINC_OUT_OF_SCOPE = "oos"
Shares = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Callers:
    """Utterances with their intents."""

    name: str
    texts: list[str]
    intents: np.ndarray


@dataclass(frozen=True)
class Row:
    """A pipeline's figures."""

    name: str
    accuracy: dict[str, tuple[float, float]]
    out_of_scope: float
    megabytes: float
    train_s: float
    parse_ms: float


def read_callers(folder: Path) -> list[Callers]:
    """dev_plain.csv and dev_hard.csv of a folder."""
    found = []
    for name in ("plain", "hard"):
        with (folder / f"dev_{name}.csv").open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        found.append(Callers(name, [row["utterance"] for row in rows], np.array([row["id"] for row in rows])))
    return found


def accuracy(names: np.ndarray, shares: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Share of rows whose likeliest intent is right, and of those whose two likeliest hold the right one."""
    order = np.argsort(-shares, axis=1)
    first, second = names[order[:, 0]] == truth, names[order[:, 1]] == truth
    return float(first.mean()), float((first | second).mean())


def measure(
    name: str, names: Sequence[str], shares: Shares, callers: list[Callers], train_s: float, megabytes: float
) -> Row:
    """Ask a trained pipeline about all callers."""
    known = np.array(names)
    figures, caught, strangers = {}, 0, 0
    for group in callers:
        predicted = shares(group.texts)
        figures[group.name] = accuracy(known, predicted, group.intents)
        out = group.intents == OUT_OF_SCOPE
        caught += int((known[predicted.argmax(axis=1)] == group.intents)[out].sum())
        strangers += int(out.sum())
    texts = callers[-1].texts[:100]
    times = []
    for text in texts:
        began = time.perf_counter()
        shares([text])
        times.append(time.perf_counter() - began)
    return Row(name, figures, caught / max(strangers, 1), megabytes, train_s, 1000 * float(np.median(times)))


def megabytes(model: Any) -> float:
    """Size of a model as stored."""
    stored = io.BytesIO()
    joblib.dump(model, stored, compress=3)
    return stored.tell() / 1e6


def train(
    options: Options, lexicon: Lexicon | None, sentences: list[Sentence], ear: Ear | None = None
) -> tuple[IntentModel, float]:
    """A model of ours, and how long it took."""
    began = time.perf_counter()
    model = IntentModel(options, lexicon, ear)
    model.fit([sentence.text for sentence in sentences], [sentence.intent for sentence in sentences])
    return model, time.perf_counter() - began


def counts_and_regression(sentences: list[Sentence], callers: list[Callers]) -> Row:
    """The plain reference: raw counts of words, logistic regression."""
    began = time.perf_counter()
    pipeline = Pipeline(
        [
            ("counts", CountVectorizer(dtype=np.float32)),
            ("regression", LogisticRegression(max_iter=200, tol=1e-3)),
        ]
    )
    pipeline.fit([sentence.text for sentence in sentences], [sentence.intent for sentence in sentences])
    train_s = time.perf_counter() - began
    return measure(
        "raw word counts, logistic regression",
        list(pipeline.classes_),
        pipeline.predict_proba,
        callers,
        train_s,
        megabytes(pipeline),
    )


def diet(sentences: list[Sentence], callers: list[Callers]) -> Row:
    """Rasa's own DIET, by its own command line."""
    import asyncio

    from rasa.core.agent import Agent

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        by_intent: dict[str, list[str]] = {}
        for sentence in sentences:
            by_intent.setdefault(sentence.intent, []).append(f"- {sentence.text}\n")
        data = [{"intent": intent, "examples": "".join(lines)} for intent, lines in by_intent.items()]
        (folder / "nlu.yml").write_text(yaml.safe_dump({"version": "3.1", "nlu": data}, allow_unicode=True))
        command = [
            *(sys.executable, "-m", "rasa", "train", "nlu", "--config", "config_diet.yml"),
            *("--nlu", folder / "nlu.yml", "--domain", "domain.yml"),
            *("--out", folder, "--fixed-model-name", "diet"),
        ]
        environment = os.environ | {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3"}
        began = time.perf_counter()
        subprocess.run(list(map(str, command)), cwd=PROJECT, env=environment, check=True)
        train_s = time.perf_counter() - began
        path = folder / "diet.tar.gz"
        agent = Agent.load(path)
        place = {intent: at for at, intent in enumerate(by_intent)}

        def shares(texts: Sequence[str]) -> np.ndarray:
            table = np.zeros((len(texts), len(place)))
            for row, text in zip(table, texts, strict=True):
                for item in asyncio.run(agent.parse_message(text))["intent_ranking"]:
                    row[place[item["name"]]] = item["confidence"]
            return table

        title = f"Rasa DIET, 20 epochs, {DIET_SIZE} sentences an intent"
        return measure(title, list(place), shares, callers, train_s, path.stat().st_size / 1e6)


def clinc(path: Path) -> str:
    """The chosen pipeline on CLINC150: accuracy in scope and recall out of scope, by one threshold."""
    content = json.loads(path.read_text(encoding="utf-8"))
    learnt = content["train"] + content["oos_train"]
    asked = content["test"] + content["oos_test"]
    began = time.perf_counter()
    model = IntentModel(Options(language="none", temperature=1.0))
    model.fit([text for text, _ in learnt], [intent for _, intent in learnt])
    train_s = time.perf_counter() - began
    truth = np.array([intent for _, intent in asked])
    shares = model.shares([text for text, _ in asked])
    top, sure = np.array(model.intents)[shares.argmax(axis=1)], shares.max(axis=1)
    inside = truth != CLINC_OUT_OF_SCOPE
    lines = [
        "## The same pipeline in English: CLINC150",
        "",
        f"{len(learnt)} sentences of 150 intents and out of scope, `language: none`; trained in "
        f"{train_s:.0f} s. A sentence below the threshold counts as out of scope.",
        "",
        "| Threshold | in-scope accuracy | out-of-scope recall |",
        "|---|---|---|",
    ]
    for threshold in (0.0, *np.quantile(sure, (0.02, 0.04, 0.06, 0.08, 0.1, 0.15))):
        told = np.where(sure < threshold, CLINC_OUT_OF_SCOPE, top)
        right = told == truth
        lines.append(f"| {threshold:.3f} | {right[inside].mean():.1%} | {right[~inside].mean():.1%} |")
    return "\n".join(lines)


def capped(sentences: list[Sentence], size: int) -> list[Sentence]:
    """At most `size` sentences an intent, drawn at random; out of scope keeps its proportion."""
    by_intent: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        by_intent.setdefault(sentence.intent, []).append(sentence)
    usual = float(np.median([len(found) for found in by_intent.values()]))
    random = np.random.default_rng(0)
    kept = []
    for found in by_intent.values():
        room = max(size, round(size * len(found) / usual)) if len(found) > 3 * usual else size
        kept += [found[at] for at in random.permutation(len(found))[:room]]
    return kept


def configured_ear() -> Ear:
    """The mishearings, at the rate that the project trains with."""
    pipeline = yaml.safe_load((PROJECT / "config.yml").read_text(encoding="utf-8"))["pipeline"]
    step = next(step for step in pipeline if step["name"].endswith("ConceptIntentClassifier"))
    return Ear.load(PROJECT / step["ear"], step["ear_rate"])


def markdown(rows: list[Row], curve: list[tuple[str, int, dict[str, tuple[float, float]]]], note: str) -> str:
    """Both tables."""
    lines = [
        "## Understanding: pipelines compared",
        "",
        note,
        "",
        "| Pipeline | plain top-1 | plain top-2 | hard top-1 | hard top-2 | out-of-scope recall | model MB "
        "| training s | one parse ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        figures = [f"{share:.1%}" for name in ("plain", "hard") for share in row.accuracy[name]]
        lines.append(
            f"| {row.name} | {' | '.join(figures)} | {row.out_of_scope:.0%} | {row.megabytes:.0f} "
            f"| {row.train_s:.0f} | {row.parse_ms:.1f} |"
        )
    lines += [
        "",
        "Out-of-scope recall is without any threshold; calibration adds the sentences it would not answer.",
        "",
        "## Understanding: learning curve",
        "",
        "| Sentences an intent | sentences | plain top-1 | plain top-2 | hard top-1 | hard top-2 |",
        "|---|---|---|---|---|---|",
    ]
    for size, count, both in curve:
        figures = [f"{share:.1%}" for name in ("plain", "hard") for share in both[name]]
        lines.append(f"| {size} | {count} | {' | '.join(figures)} |")
    return "\n".join(lines)


def write_between(path: Path, text: str) -> None:
    """Replace what stands between the markers; the rest of the file stays."""
    page = path.read_text(encoding="utf-8") if path.is_file() else "# Benchmarks\n"
    if BEGIN not in page or END not in page:
        page = f"{page.rstrip()}\n\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    callers_folder = ROOT.parent / "shared" / "nlu"
    parser.add_argument("--dev", type=Path, default=callers_folder, help="folder of dev_*.csv")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    parser.add_argument("--diet", action="store_true", help="train Rasa's DIET too")
    parser.add_argument("--clinc", type=Path, help="data_full.json of CLINC150: measure on it too")
    options = parser.parse_args(arguments)
    try:
        callers = read_callers(options.dev)
    except OSError as error:
        print(f"bench-nlu: skipped, no callers to measure on: {error} (--dev FOLDER)")
        return 0
    sentences = load(PROJECT / "data")
    learnt = {sentence.text.lower() for sentence in sentences}
    if both := [text for group in callers for text in group.texts if text.lower() in learnt]:
        print(f"bench-nlu: measured on, yet trained on: {both}", file=sys.stderr)
        return 1
    lexicon = Lexicon.load(PROJECT / "lexicon")
    intents = len({sentence.intent for sentence in sentences})

    def ours(name: str, choice: Options, words: Lexicon | None, ear: Ear | None = None) -> Row:
        print(f"training: {name}", flush=True)
        model, train_s = train(choice, words, sentences, ear)
        row = measure(name, model.intents, model.shares, callers, train_s, megabytes(model))
        print(f"  {row}", flush=True)
        return row

    chosen = Options(temperature=1.0)
    rows = [
        counts_and_regression(sentences, callers),
        ours("SVM on TF-IDF of stems and characters", replace(chosen, net_share=0.0), None),
        ours("the same with concepts", replace(chosen, net_share=0.0), lexicon),
        ours("a network on the same features", replace(chosen, net_share=1.0), lexicon),
        ours(VOTE, chosen, lexicon),
        ours("vote of SVM and two networks", replace(chosen, nets=2), lexicon),
        ours(
            "**vote of SVM and network, misheard sentences too (chosen)**",
            chosen,
            lexicon,
            configured_ear(),
        ),
    ]
    curve = []
    for size in SIZES:
        few = capped(sentences, size)
        print(f"training: {size} sentences an intent", flush=True)
        model, _ = train(chosen, lexicon, few)
        names = np.array(model.intents)
        both = {group.name: accuracy(names, model.shares(group.texts), group.intents) for group in callers}
        curve.append((str(size), len(few), both))
    curve.append(("all", len(sentences), next(row for row in rows if row.name == VOTE).accuracy))
    if options.diet:
        rows.insert(1, diet(capped(sentences, DIET_SIZE), callers))
    note = (
        f"{len(sentences)} sentences, {intents} intents; {len(callers[0].texts)} plain and "
        f"{len(callers[1].texts)} hard utterances kept for measuring. {os.cpu_count()} cores."
    )
    text = markdown(rows, curve, note)
    if options.clinc:
        text += "\n\n" + clinc(options.clinc)
    write_between(options.out, text)
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
