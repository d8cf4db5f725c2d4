"""The Rasa project's own components. What needs Rasa or scikit-learn runs in Rasa's Python."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from callbot.settings import ROOT, Settings
from callbot.types import IntentScore
from callbot.understanding.calibration import FEATURES, Calibration

PROJECT = ROOT / "rasa_project"
sys.path.append(str(PROJECT))

from callbot_nlu import french  # noqa: E402
from callbot_nlu.ear import Ear  # noqa: E402
from callbot_nlu.lexicon import Lexicon  # noqa: E402

TOY = {
    "poubelle": [
        "ma poubelle n'a pas été vidée",
        "les éboueurs ont oublié mon bac",
        "la poubelle est pleine",
    ],
    "mariage": ["je veux me marier", "on voudrait célébrer notre mariage", "quels papiers pour un mariage"],
    "piscine": ["la piscine ouvre à quelle heure", "je voudrais nager dimanche", "le bassin est ouvert"],
}


def in_rasa(code: str, folder: Path = PROJECT) -> Any:
    """What a snippet prints as JSON on its last line, in Rasa's Python."""
    python = Settings().nlu_python
    if not python.is_file():
        pytest.skip(f"Rasa's Python not installed: {python} (make setup)")
    environment = os.environ | {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "RASA_TELEMETRY_ENABLED": "false",
        "PYTHONPATH": str(folder),
    }
    done = subprocess.run(
        [python, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


# French


def test_hesitations_accents_and_elisions() -> None:
    assert french.normalize("Euh, l’Acte de décès") == "l' acte de deces"


@pytest.mark.parametrize(
    "forms",
    [
        ("renouveler", "renouvelé", "renouvelait"),
        ("poubelle", "poubelles"),
        ("inscription", "inscriptions"),
        ("demander", "demandé", "demandez", "demandait"),
    ],
)
def test_forms_of_a_word_share_a_stem(forms: tuple[str, ...]) -> None:
    stems = {french.stem(french.fold(form)) for form in forms}
    assert len(stems) == 1


def test_a_run_of_number_words_is_one_symbol() -> None:
    assert french.stems(["en", "deux", "mille", "neuf", "ici"]) == ["en", "0", "ici"]


@pytest.mark.parametrize("text", ["", "  ", "😀🔥", "\x00\x07", "您好", "?!"])
def test_nothing_said_is_no_word(text: str) -> None:
    assert french.words(text) == []


# Concepts


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon.load(PROJECT / "lexicon")


@pytest.mark.parametrize(
    ("said", "concept"),
    [
        ("mes gosses", "enfant"),
        ("ma bagnole", "voiture"),
        ("un vieux frigo", "encombrant"),
        ("ma carte nationale d'identité", "cni"),
        ("je n'ai pas de quoi payer", "payer"),
        ("mon père nous a quittés", "mort"),
    ],
)
def test_everyday_words_lead_to_their_concept(lexicon: Lexicon, said: str, concept: str) -> None:
    assert concept in {name for _, name in lexicon.find(french.words(said))}


def test_the_lexicon_knows_thousands_of_words(lexicon: Lexicon) -> None:
    assert lexicon.size > 4000
    assert len(lexicon.names) > 200


def test_a_star_stands_for_endings_and_only_where_written() -> None:
    lexicon = Lexicon({"payer": ["pay*"], "carte": ["carte bleue"]})
    assert lexicon.find(["payons"]) == [(0, "payer")]
    assert lexicon.find(["les", "cartes", "bleues"]) == [(1, "carte")]
    assert lexicon.find(["carton"]) == []


def test_a_concept_defined_twice_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yml").write_text("eau: robinet, fuite\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"b\.yml: eau"):
        Lexicon.load(tmp_path)


# The model


def test_the_model_learns_stores_and_never_crashes() -> None:
    found = in_rasa(f"""
import io, json, joblib
from callbot_nlu.classifier import model_from, rank
toy = {TOY!r}
pairs = [(text, intent) for intent, texts in toy.items() for text in texts]
out = {{}}
for language in ("fr", "none"):
    model = model_from({{"language": language, "temperature": 0, "hidden": 32}})
    model.fit([text for text, _ in pairs], [intent for _, intent in pairs])
    stored = io.BytesIO(); joblib.dump(model, stored); stored.seek(0)
    again = joblib.load(stored)
    text = "ma poubelle est pleine"
    odd = ["", "😀", "\\x00", "zzzz qqqq", "mot " * 500, "hello how are you"]
    out[language] = {{
        "top": rank(again, text, 2)[0][0],
        "same": abs(model.shares([text]) - again.shares([text])).max() < 1e-2,
        "sum": float(model.shares([text]).sum()),
        "lengths": [len(rank(again, item, 2)) for item in odd],
    }}
print(json.dumps({{**out, "same": [str(out[k].pop("same")) for k in out]}}))
""")
    assert found.pop("same") == ["True", "True"]
    for language in ("fr", "none"):
        assert found[language]["top"] == "poubelle"
        assert found[language]["sum"] == pytest.approx(1, abs=1e-3)
    assert found["fr"]["lengths"] == [0, 0, 0, 2, 2, 2]


def test_another_language_is_refused_with_its_name() -> None:
    message = in_rasa("""
import json
from callbot_nlu.classifier import model_from
try:
    model_from({"language": "de"})
except Exception as error:
    print(json.dumps(str(error)))
""")
    assert "'de'" in message


# Calibration

SYNTHETIC = """
import json, numpy as np
from callbot_nlu.calibrate import *
random = np.random.default_rng(0)
n = 4000
top = random.uniform(0.3, 0.99, n)
shares = np.column_stack([top, (1 - top) * 0.6, (1 - top) * 0.4])
right = random.random(n) < top ** 3  # overconfident
intents = np.tile(np.array(["a", "b", "hors_sujet"]), (n, 1))
held = HeldOut(["un deux trois"] * n, np.where(right, "a", "b"), intents, shares)
"""


def test_the_mapping_makes_overconfidence_honest() -> None:
    result = in_rasa(SYNTHETIC + "print(json.dumps(calibrate(held, Costs())))")
    assert result["ece_before"] > 0.1
    assert result["ece_after"] < 0.03
    assert result["features"] == list(FEATURES)
    assert 0 < result["thresholds"]["confirm"] <= result["thresholds"]["answer"] <= 1


def test_a_dearer_wrong_answer_raises_the_threshold() -> None:
    cheap, dear = in_rasa(
        SYNTHETIC
        + "print(json.dumps([calibrate(held, Costs(wrong=w))['thresholds']['answer'] for w in (3.0, 40.0)]))"
    )
    assert cheap < dear


def test_callbot_computes_the_features_as_calibration_did(tmp_path: Path) -> None:
    code = SYNTHETIC + "r = calibrate(held, Costs())\nf = held.features()[:1]\n"
    code += "p = apply_mapping(f, np.array(r['weights']), r['bias'])[0]\n"
    found = in_rasa(code + "print(json.dumps([f[0].tolist(), float(p), shares[0].tolist(), r]))")
    features, probability, shares, result = found
    ranking = [IntentScore(name, share) for name, share in zip(("a", "b", "hors_sujet"), shares, strict=True)]
    assert [make(ranking, "un deux trois") for make in FEATURES.values()] == pytest.approx(features)
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(result), encoding="utf-8")
    assert Calibration.load(path).apply(ranking, "un deux trois")[0].confidence == pytest.approx(probability)


def test_writers_are_held_out_of_intents_that_another_wrote_for() -> None:
    train, asked, how = in_rasa("""
import json
from callbot_nlu.calibrate import split
from callbot_nlu.data import Sentence
rows = [Sentence(f"t{i}", "two", i % 2 == 0) for i in range(20)]
rows += [Sentence(f"o{i}", "one", False) for i in range(50)]
train, asked, how = split(rows)
print(json.dumps([[(s.intent, s.second) for s in part] for part in (train, asked)] + [how]))
""")
    assert how == "by writer"
    # Of intent two, only the second writer's sentences are asked about, and only a share of them.
    assert {tuple(row) for row in asked if row[0] == "two"} == {("two", True)}
    assert ["two", True] in train
    assert sum(row[0] == "one" for row in asked) in range(3, 20)


# The ear


@pytest.fixture
def ear_file(tmp_path: Path) -> Path:
    path = tmp_path / "ear.tsv"
    path.write_text("*\t*\t10\ncarte\tquand\t3\ncarte\tla carte\t1\nune\t\t1\n", encoding="utf-8")
    return path


def test_words_are_misheard_as_measured(ear_file: Path) -> None:
    ear = Ear.load(ear_file)
    assert ear.rate == pytest.approx(0.5)
    said = "je veux une carte"
    heard = {version for at in range(40) for version in ear.versions([said], seed=at)}
    assert said in heard and len(heard) > 8
    assert any("quand" in version for version in heard)
    assert any("la carte" in version for version in heard)
    assert any("carte" in version.split() and "une" not in version.split() for version in heard)


def test_the_ear_leaves_a_word_and_repeats_itself_by_seed(ear_file: Path) -> None:
    deaf = Ear.load(ear_file, rate=9.0)
    assert deaf.mishear("une", random.Random(1)) == "une"
    assert Ear.load(ear_file).versions(["une carte"] * 9, 3) == Ear.load(ear_file).versions(
        ["une carte"] * 9, 3
    )


@pytest.mark.parametrize("content", ["carte\tquand\t3\n", "*\t*\t9\ncarte\tquand\n", "*\t*\tbeaucoup\n"])
def test_a_broken_measurement_is_refused_with_its_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "ear.tsv").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"ear\.tsv"):
        Ear.load(tmp_path / "ear.tsv")


def test_the_measured_ear_of_the_project_mishears_a_fair_share_of_words() -> None:
    assert 0.02 < Ear.load(PROJECT / "ear.tsv").rate < 0.4


# The whole, as a Rasa user runs it


@pytest.mark.timeout(300)
def test_a_downloaded_transformer_can_be_plugged_in(tmp_path: Path) -> None:
    """config_transformer.yml trains with a transformer of a few neurons, made on the spot."""
    project = tmp_path / "project"
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "callbot_nlu", project / "callbot_nlu", ignore=caches)
    config = (PROJECT / "config_transformer.yml").read_text(encoding="utf-8")
    (project / "config.yml").write_text(config.replace("epochs: 60", "epochs: 2"), encoding="utf-8")
    examples = {intent: "\n".join(f"      - {text}" for text in texts) for intent, texts in TOY.items()}
    blocks = "".join(
        f"  - intent: {intent}\n    examples: |\n{lines}\n" for intent, lines in examples.items()
    )
    (project / "data").mkdir()
    (project / "data" / "nlu.yml").write_text(f'version: "3.1"\nnlu:\n{blocks}', encoding="utf-8")
    ranking = in_rasa(
        """
import asyncio, json
import tensorflow as tf

class Tiny(tf.Module):
    def __init__(self):
        self.words = tf.Variable(tf.random.normal((64, 16)))
        self.attention = tf.keras.layers.MultiHeadAttention(2, 8)
        self.attention(tf.zeros((1, 2, 16)), tf.zeros((1, 2, 16)))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, texts):
        words = tf.strings.split(texts).to_tensor("")
        vectors = tf.gather(self.words, tf.strings.to_hash_bucket_fast(words, 64))
        return tf.reduce_mean(self.attention(vectors, vectors), axis=1)

tf.saved_model.save(Tiny(), "encoder")
from rasa.core.agent import Agent
from rasa.model_training import train_nlu
path = train_nlu("config.yml", "data", "models", fixed_model_name="tiny")
message = asyncio.run(Agent.load(path).parse_message("ma poubelle est pleine"))
print(json.dumps([item["name"] for item in message["intent_ranking"]]))
""",
        project,
    )
    assert sorted(ranking) == sorted(TOY)
