"""A small Rasa project for tests: a few of the real one's intents, the same components, quickly trained."""

import shutil
from pathlib import Path

import yaml

from callbot.journal.proposals import learnable
from callbot.quality.learned import Learned
from callbot.settings import ROOT

PROJECT = ROOT / "rasa_project"
INTENTS = (
    *("etat_civil_acte_naissance_copie", "etat_civil_acte_mariage_copie", "etat_civil_acte_deces_copie"),
    *("piscine_horaires", "piscine_tarif", "accueil_horaires_mairie", "accueil_adresse_acces"),
    *("dechets_encombrants_rdv", "voirie_nid_de_poule"),
    *("conversation_oui", "conversation_non", "conversation_humain", "conversation_au_revoir", "hors_sujet"),
)
MOST = 20
"""Sentences of an intent."""


def make(folder: Path, intents: tuple[str, ...] = INTENTS, but: tuple[str, ...] = ()) -> Path:
    """Write the project; it never learns sentences that hold a word of `but`."""
    for name in ("callbot_nlu", "lexicon"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(PROJECT / "ear.tsv", folder / "ear.tsv")
    config = yaml.safe_load((PROJECT / "config.yml").read_text(encoding="utf-8"))
    classifier = next(item for item in config["pipeline"] if "ConceptIntentClassifier" in item["name"])
    classifier |= {"nets": 1, "hidden": 64, "updates": 250}  # the real ones take minutes
    (folder / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (folder / "domain.yml").write_text(
        yaml.safe_dump({"version": "3.1", "intents": list(intents)}), encoding="utf-8"
    )
    for path in sorted((PROJECT / "data" / "nlu").glob("*.yml")):
        found = []
        for item in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["nlu"]:
            lines = [line for line in item["examples"].splitlines() if not any(word in line for word in but)]
            if item["intent"] in intents:
                lines = lines[: MOST // 4 if "_relecture" in path.stem else MOST]
                found.append({"intent": item["intent"], "examples": "\n".join(lines) + "\n"})
        if found:
            (folder / "data" / "nlu").mkdir(parents=True, exist_ok=True)
            text = yaml.safe_dump({"version": "3.1", "nlu": found}, allow_unicode=True, width=10000)
            (folder / "data" / "nlu" / path.name).write_text(text, encoding="utf-8")
    return folder


def gate() -> str:
    """The gate's sentences of these intents, as CSV; out of scope is too much for so small a model."""
    lines = (ROOT / "tests" / "data" / "nlu_gate.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines[1:] if line.split(",")[0] in set(INTENTS) - {"hors_sujet"}]
    return "".join(lines[:1] + kept)


def teach(learned: Learned, intent: str, *texts: str) -> None:
    """What a training that passes does with proposals."""
    learned.change(lambda lessons: lessons.plus((learnable(text), intent) for text in texts))
