"""What a town's bot has learnt, as files."""

import threading
from pathlib import Path

import pytest
import yaml

from callbot.errors import TownError
from callbot.quality.learned import Learned, LearnedError, Lessons, NewIntent, diff
from callbot.settings import ROOT
from callbot.town.answers import Catalog
from callbot.town.communes import Communes
from callbot.understanding import rasa
from tests.quality import tiny

BIRTH, POOL = "etat_civil_acte_naissance_copie", "piscine_tarif"
COMPOST = "ville_composteurs"


@pytest.fixture
def learned(tmp_path: Path) -> Learned:
    return Learned(tmp_path / "learned")


def with_compost(learned: Learned) -> Learned:
    learned.add_intent(
        COMPOST,
        "proprete_dechets",
        "obtenir un composteur",
        'Un composteur par foyer : {gratuit}, "promis".',
        ["Je voudrais un composteur !", "[téléphone]", "où trouver un bac à compost"],
    )
    return learned


def test_nothing_learnt_is_no_file(learned: Learned) -> None:
    assert not learned.lessons() and learned.examples() == {} and not learned.path.exists()


def test_sentences_are_rasas_yaml_sorted_and_stable(learned: Learned) -> None:
    tiny.teach(learned, POOL, "L'entrée, c'est combien ?", "au grand bain", "l'entrée c'est combien")
    tiny.teach(learned, BIRTH, "le papier de naissance")
    text = (learned.path / "nlu.yml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    assert [item["intent"] for item in found["nlu"]] == [BIRTH, POOL]
    assert found["nlu"][1]["examples"].splitlines() == ["- au grand bain", "- l'entrée c'est combien"]
    tiny.teach(learned, POOL, "au grand bain")
    assert (learned.path / "nlu.yml").read_text(encoding="utf-8") == text
    learned.remove_examples(POOL, ["au grand bain", "l'entrée c'est combien"])
    learned.remove_examples(BIRTH, ["le papier de naissance"])
    assert not (learned.path / "nlu.yml").exists()


def test_a_sentence_belongs_to_one_intent(learned: Learned) -> None:
    tiny.teach(learned, POOL, "un papier")
    tiny.teach(learned, BIRTH, "un papier")
    assert learned.examples() == {BIRTH: ("un papier",)}


def test_a_new_intent_is_answered_word_for_word(learned: Learned) -> None:
    with_compost(learned)
    assert yaml.safe_load((learned.path / "domain.yml").read_text())["intents"] == [COMPOST]
    assert learned.intents()[COMPOST].answer == 'Un composteur par foyer : {gratuit}, "promis".'
    communes = Communes("rivemont")
    assert communes["rivemont"].catalog.get(COMPOST) is None
    answers = communes.learnt(learned.path / "intents.yml")["rivemont"]
    known = answers.catalog.get(COMPOST)
    assert known is not None and known.service == "proprete_dechets" and known.kind == "info"
    moment = communes["rivemont"].town  # the answers of the commune in force are not touched
    assert moment is answers.town and communes["rivemont"].catalog.get(COMPOST) is None
    from tests.conftest import MONDAY_NOON

    assert answers.text(known, MONDAY_NOON) == 'Un composteur par foyer : {gratuit}, "promis".'


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": BIRTH},
        {"id": "Ma Ville"},
        {"id": "../x"},
        {"service": "a: b"},
        {"name": " "},
        {"answer": ""},
        {"answer": "a" * 601},
        {"examples": ["[nom]"]},
    ],
)
def test_what_is_no_intent_is_refused(learned: Learned, wrong: dict[str, object]) -> None:
    right: dict[str, object] = {
        "id": COMPOST,
        "service": "proprete_dechets",
        "name": "obtenir un composteur",
        "answer": "Gratuit.",
        "examples": ["un composteur"],
    }
    with pytest.raises(LearnedError):
        learned.add_intent(**(right | wrong))  # type: ignore[arg-type]
    assert not learned.path.exists()
    learned.add_intent(**right)  # type: ignore[arg-type]
    learned.add_intent(**(right | {"answer": "Payant.", "examples": []}))  # type: ignore[arg-type]
    assert learned.intents()[COMPOST].answer == "Payant." and learned.examples()[COMPOST] == (
        "un composteur",
    )
    learned.remove_intent(COMPOST)
    assert not learned.lessons()


def test_the_projects_own_intent_wins_over_a_learnt_one(tmp_path: Path) -> None:
    entry = f"{BIRTH}:\n  service: accueil\n  kind: info\n  name: x\n  answer: y\n"
    (tmp_path / "intents.yml").write_text(entry)
    found = Catalog().with_learned(tmp_path / "intents.yml").get(BIRTH)
    assert found is not None and found.service == "etat_civil"
    (tmp_path / "intents.yml").write_text("a:\n  kind: info\n")
    with pytest.raises(TownError, match="service"):
        Catalog().with_learned(tmp_path / "intents.yml")


def test_the_difference_is_shown_line_by_line() -> None:
    before = Lessons().plus([("un acte", BIRTH)])
    after = before.plus([("le bain", POOL)]).with_intent(COMPOST, NewIntent("accueil", "x", "y"))
    text = diff(before, after)
    assert "+++ b/nlu.yml" in text and "+      - le bain" in text and f"+  - {COMPOST}" in text
    assert not any(line.startswith("-") and not line.startswith("---") for line in text.splitlines())
    assert "-      - un acte" in diff(after, after.minus(BIRTH, ["un acte"]))
    assert diff(after, after) == ""


def test_a_broken_file_is_named(learned: Learned) -> None:
    learned.path.mkdir()
    (learned.path / "nlu.yml").write_text("nlu: [1")
    with pytest.raises(LearnedError, match=r"nlu\.yml"):
        learned.lessons()
    (learned.path / "nlu.yml").write_text("nlu: [1]")
    with pytest.raises(LearnedError, match="illisible"):
        learned.lessons()


def test_what_two_write_at_once_is_all_kept(learned: Learned) -> None:
    def write(word: str) -> None:
        for number in range(10):
            tiny.teach(Learned(learned.path), POOL, f"{word} {number} fois")

    threads = [threading.Thread(target=write, args=(word,)) for word in ("nager", "plonger", "couler")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(learned.examples()[POOL]) == 30


def test_a_version_stays_as_a_model_knew_it(learned: Learned) -> None:
    with_compost(learned)
    learned.keep("learnt-1.tar.gz", learned.lessons())
    learned.remove_intent(COMPOST)
    assert COMPOST in learned.read_version("learnt-1.tar.gz").intents
    assert not learned.read_version("nlu-0.tar.gz") and not learned.read_version("")
    assert f"-{COMPOST}:" in diff(learned.read_version("learnt-1.tar.gz"), learned.lessons())


# Training data


def test_without_lessons_the_model_is_the_projects_own(tmp_path: Path) -> None:
    project, models = ROOT / "rasa_project", tmp_path
    assert rasa.project_hash(project, tmp_path / "learned") == rasa.project_hash(project)
    assert rasa.model_path(project, models, tmp_path) == rasa.model_path(project, models)
    with rasa.with_learned(project, tmp_path / "learned") as merged:
        assert merged == project


def test_a_project_with_what_was_learnt(learned: Learned, tmp_path: Path) -> None:
    project = tiny.make(tmp_path / "project")
    with_compost(learned)
    own = next(
        line.strip()[2:]
        for line in (project / "data" / "nlu" / "etat_civil.yml").read_text(encoding="utf-8").splitlines()
        if line.strip().startswith("- ")
        and "intent" not in line
        and line.strip()[2:].replace(" ", "").isalpha()
    )
    tiny.teach(learned, POOL, own)
    model = rasa.model_path(project, tmp_path, learned.path)
    assert model.name.startswith("learnt-") and model != rasa.model_path(project, tmp_path)
    with rasa.with_learned(project, learned.path) as merged:
        sentences = sorted(merged.glob("data/**/*.yml"))
        text = "".join(path.read_text(encoding="utf-8") for path in sentences)
        assert text.count(f"- {own}\n") == 1, "a correction wins over the project's own sentence"
        domains = [yaml.safe_load(path.read_text()) for path in sorted((merged / "domains").glob("*.yml"))]
        assert {*tiny.INTENTS, COMPOST} == {intent for one in domains for intent in one["intents"]}
        asked = "".join(path.read_text() for path in merged.glob("calibration/**/*.yml"))
        assert COMPOST not in asked and own in asked, "two sentences are too few to be asked about"
        assert (merged / "callbot_nlu" / "classifier.py").is_file()
    assert not merged.exists()
    (learned.path / "intents.yml").write_text("", encoding="utf-8")
    assert rasa.model_path(project, tmp_path, learned.path) == model, "answers are not trained on"
