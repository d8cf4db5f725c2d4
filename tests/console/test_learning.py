"""The pages about learning, over real HTTP. The training itself is in tests/calls/test_learning.py."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from callbot.journal.database import now
from callbot.journal.deployments import Deployments
from callbot.journal.models import Training
from callbot.journal.proposals import Proposals
from callbot.journal.trainings import Trainings
from callbot.quality.gate import FIXED, REVIEWED, Outcome, Question, verdict
from callbot.quality.learned import Learned
from tests.console.site import BIRTH, MARRIAGE, Site, csrf_of
from tests.quality import tiny

from ..patience import eventually

OWN, FIRST, SECOND = "nlu-0.tar.gz", "learnt-1.tar.gz", "learnt-2.tar.gz"
POOL = "piscine_tarif"
HOSTILE = "<script>alert(1)</script>"


def make(folder: Path) -> Site:
    """A console whose Rasa is not there: what it is asked to train fails at once."""
    models, project = folder / "models", folder / "project"
    models.mkdir()
    (project / "data").mkdir(parents=True)
    (project / "domain.yml").write_text("intents: []")
    for name in (OWN, FIRST, SECOND):
        (models / name).touch()
        (models / name.replace(".tar.gz", ".calibration.json")).touch()
    settings = {"nlu_models_dir": models, "nlu_project": project, "nlu_python": folder / "no-python"}
    return Site(folder, settings=settings)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = make(tmp_path)
    with site.running():
        yield site


@pytest.fixture
def officer(site: Site) -> Iterator[httpx.Client]:
    with site.client("quentin") as http:
        yield http


def report(passed: bool, ear: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the gate found of a model that lost one sentence, or none."""
    questions = [
        Question(FIXED, "je voudrais un acte de naissance", BIRTH),
        Question(FIXED, f"la piscine {HOSTILE}", POOL),
        Question(REVIEWED, "un acte pour mon mariage", MARRIAGE),
    ]
    before = [Outcome(BIRTH, False), Outcome(BIRTH, True), Outcome(MARRIAGE, False)]
    after = [Outcome(BIRTH if passed else POOL, not passed), Outcome(POOL, False), Outcome(MARRIAGE, False)]
    found = verdict(questions, before, after).as_json()
    seconds = {"training": 300.0, "calibrating": 280.0, "judging": 60.0}
    more = {"proposals": [], "diff": "+      - un acte", "before_model": OWN, "seconds": seconds}
    more |= {"unknown_words": ["trempette"]} | ({"ear": ear} if ear else {})
    return json.loads(json.dumps(found)) | more  # as the database has it


def running(site: Site, progress: float) -> int:
    """A training in progress, which another console does."""
    return site.add(Training(at=now(), account="claire", state="training", progress=progress, report={}))


def trained(site: Site, model: str, passed: bool = True, ear: dict[str, Any] | None = None) -> int:
    """A training that has ended."""
    row = {"at": now(), "ended_at": now(), "account": "quentin", "progress": 1.0, "model": model}
    return site.add(Training(state="passed" if passed else "refused", report=report(passed, ear), **row))


def post(http: httpx.Client, path: str, **data: str) -> httpx.Response:
    token = csrf_of(http.get("/compte").text)
    return http.post(f"/apprentissage{path}", data={"csrf": token, **data})


def test_only_officers_see_and_change_it(site: Site) -> None:
    id = Proposals(site.database).propose_text("un acte", BIRTH, "quentin")
    with site.client() as nobody:
        assert nobody.get("/apprentissage").status_code == 303
    with site.client("anne") as operator:
        assert operator.get("/apprentissage").status_code == 403
        for path in (f"/propositions/{id}/retirer", "/entrainer", "/revenir", "/entrainements/1/deployer"):
            assert post(operator, path, model=OWN).status_code == 403
    with site.client("quentin") as officer:
        assert officer.post("/apprentissage/entrainer").status_code == 403, "without the form's token"
        assert officer.get("/apprentissage").status_code == 200
    assert len(Proposals(site.database).open()) == 1 and Trainings(site.database).all() == []


def test_proposals_are_shown_as_a_difference_and_taken_back(site: Site, officer: httpx.Client) -> None:
    assert "Entraîner</button>" not in officer.get("/apprentissage").text
    proposals = Proposals(site.database)
    first = proposals.propose_text("un acte de naissance", BIRTH, "quentin")
    proposals.propose_text("pour nager", POOL, "quentin")
    text = officer.get("/apprentissage").text
    assert "<ins>+      - un acte de naissance</ins>" in text and "À apprendre (2)" in text
    assert post(officer, f"/propositions/{first}/retirer").status_code == 303
    assert post(officer, f"/propositions/{first}/retirer").status_code == 404
    text = officer.get("/apprentissage").text
    assert "À apprendre (1)" in text and "un acte de naissance" not in text
    assert ("quentin", "proposal_undone", str(first)) in [
        (one.account, one.action, one.about) for one in site.accounts.actions()
    ]


def test_a_new_intent_is_named_and_can_be_given_up(site: Site, officer: httpx.Client) -> None:
    learned = Learned(site.settings.learned_path)
    learned.add_intent("ville_ruches", "accueil", f"une ruche {HOSTILE}", "Oui.", ["une ruche chez moi"])
    text = officer.get("/apprentissage").text
    assert "Nouvelles intentions (1)" in text and "Une ruche" in text and HOSTILE not in text
    assert post(officer, "/intentions/retirer", id="ville_ruches").status_code == 303
    assert not learned.lessons()
    assert post(officer, "/intentions/retirer", id="ville_ruches").status_code == 404


def test_a_training_that_cannot_run_says_why(site: Site, officer: httpx.Client) -> None:
    Proposals(site.database).propose_text("pour nager", POOL, "quentin")
    assert post(officer, "/entrainer").headers["location"] == "/apprentissage#suivi"
    trainings = Trainings(site.database)
    eventually(lambda: trainings.running() is None)
    [one] = trainings.all()
    assert one.state == "failed" and "no-python" in one.error
    assert "no-python" in officer.get("/apprentissage").text
    assert len(Proposals(site.database).open()) == 1, "what was proposed still is"


def test_nothing_new_is_no_training(site: Site, officer: httpx.Client) -> None:
    post(officer, "/entrainer")
    trainings = Trainings(site.database)
    eventually(lambda: trainings.running() is None)
    assert "rien de nouveau" in trainings.all()[0].error


def test_a_training_is_cancelled(site: Site, officer: httpx.Client) -> None:
    id = running(site, 0.37)
    text = officer.get("/apprentissage").text
    assert 'value="37"' in text and "Étape\xa0: entraînement" in text
    assert post(officer, "/entrainer").headers["location"].endswith("probleme=entrainement")
    assert post(officer, f"/entrainements/{id}/annuler").status_code == 303
    row = Trainings(site.database).get(id)
    assert row is not None and (row.state, row.error) == ("failed", "annulé")


def test_words_new_to_the_ear_are_told(site: Site, officer: httpx.Client) -> None:
    ear = {"model": "fr-1", "learnt": ["plouf"], "problem": "rien ne va"}
    first = trained(site, FIRST, ear=ear)
    for path in ("", f"/entrainements/{first}"):
        text = officer.get(f"/apprentissage{path}").text.replace("\N{NO-BREAK SPACE}", " ")
        assert "dès que ce modèle sera en service : plouf." in text
        assert "autrement : trempette. Ils n'ont pas pu lui être appris : rien ne va." in text
    refused = trained(site, SECOND, passed=False)
    text = officer.get(f"/apprentissage/entrainements/{refused}").text
    assert "Un modèle accepté les lui apprendrait" in text and "pas pu lui" not in text


def test_a_model_that_passed_is_deployed_and_taken_back(site: Site, officer: httpx.Client) -> None:
    id = trained(site, FIRST)
    text = officer.get("/apprentissage").text
    assert "Accepté" in text and "Mettre en service" in text and "trempette" in text
    assert "100,0" in text and "50,0" in text, "shares before and after"
    assert HOSTILE not in text
    assert post(officer, f"/entrainements/{id}/deployer").headers["location"] == "/apprentissage#service"
    deployments = Deployments(site.database)
    asked = deployments.newest()
    assert asked is not None and (asked.model, asked.previous, asked.account) == (FIRST, OWN, "quentin")
    assert "Mise en service" in officer.get("/apprentissage").text
    deployments.tell(asked.id, "live")
    text = officer.get("/apprentissage").text
    assert "Revenir au modèle précédent (le modèle d&#39;origine)" in text and "Mettre en service" not in text
    assert post(officer, "/revenir", model=SECOND).headers["location"].endswith("probleme=service")
    assert post(officer, "/revenir", model=OWN).status_code == 303
    back = deployments.newest()
    assert back is not None and (back.model, back.action) == (OWN, "roll_back")


def test_a_model_that_was_refused_is_never_deployed(site: Site, officer: httpx.Client) -> None:
    proposals = Proposals(site.database)
    bad = proposals.propose_text("je voudrais un acte de naissance", POOL, "quentin")
    id = trained(site, FIRST, passed=False)
    proposals.judge([bad], id, "refused")
    text = officer.get("/apprentissage").text
    assert "Refusé" in text and "Mettre en service" not in text
    assert "je voudrais un acte de naissance" in text and "répond à tort" in text
    assert "Arrêtées par l'examen (1)" in text
    assert post(officer, f"/entrainements/{id}/deployer").status_code == 404
    assert Deployments(site.database).newest() is None
    assert post(officer, f"/propositions/{bad}/reprendre").status_code == 303
    assert [one.id for one in proposals.open()] == [bad]


def test_a_model_whose_file_is_gone_is_not_offered(site: Site, officer: httpx.Client) -> None:
    id = trained(site, FIRST)
    (site.settings.nlu_models_dir / FIRST).unlink()
    assert "Mettre en service" not in officer.get("/apprentissage").text
    assert post(officer, f"/entrainements/{id}/deployer").headers["location"].endswith("probleme=modele")
    assert officer.get("/apprentissage?probleme=modele").text.count("n&#39;est plus là") == 1
    assert officer.get("/apprentissage?probleme=x").status_code == 422


def test_a_trainings_own_page(site: Site, officer: httpx.Client) -> None:
    id = trained(site, FIRST)
    text = officer.get(f"/apprentissage/entrainements/{id}").text
    assert "Comparé à" in text and "+      - un acte" in text and "Mettre en service" in text
    assert officer.get(f"/apprentissage/entrainements/{id + 1}").status_code == 404


def test_what_was_learnt_is_unlearnt(site: Site, officer: httpx.Client) -> None:
    proposals, learned = Proposals(site.database), Learned(site.settings.learned_path)
    id = proposals.propose_text("pour nager", POOL, "quentin")
    proposals.judge([id], trained(site, FIRST), "learnt")
    tiny.teach(learned, POOL, "pour nager")
    learned.keep(FIRST, learned.lessons())
    assert "Désapprendre" in officer.get("/apprentissage").text
    post(officer, f"/propositions/{id}/retirer")
    assert learned.examples() == {} and proposals.learnt() == []


def test_a_broken_file_is_a_page_that_says_so(site: Site, officer: httpx.Client) -> None:
    site.settings.learned_path.mkdir(exist_ok=True)
    (site.settings.learned_path / "nlu.yml").write_text("nlu: [1")
    answer = officer.get("/apprentissage")
    assert answer.status_code == 200 and "illisible" in answer.text
