"""« Apprentissage »: what the bot is to learn, trainings, the gate's report, which model is in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from callbot.console.board import Id
from callbot.console.house import House, TheHouse
from callbot.console.review_desk import Changer, Officer
from callbot.journal.accounts import Visitor
from callbot.journal.deployments import Deployed
from callbot.journal.trainings import Trained, TrainingError
from callbot.quality.learned import LearnedError, Lessons, NewIntent, diff
from callbot.quality.training import Classroom

router = APIRouter(prefix="/apprentissage")

STATES = {
    "queued": "va commencer",
    "training": "entraînement",
    "calibrating": "calibrage",
    "judging": "examen",
    "hearing": "apprentissage des mots nouveaux par la reconnaissance vocale",
    "passed": "accepté",
    "refused": "refusé",
    "failed": "échoué",
}
DEPLOYMENTS = {
    "asked": "demandé",
    "starting": "se prépare",
    "live": "en service",
    "failed": "échoué",
}
OWN = "le modèle d'origine"
"""What the project's own model is called: it has no training."""


def _classroom(request: Request) -> Classroom:
    room: Classroom = request.app.state.classroom
    return room


TheClassroom = Annotated[Classroom, Depends(_classroom)]
Problem = Literal["", "entrainement", "service", "modele", "fichiers"]
Ending = Annotated[str, Form(max_length=80)]


@router.get("")
def page(house: TheHouse, room: TheClassroom, visitor: Officer, probleme: Problem = "") -> Response:
    """Everything at one glance."""
    return _page(house, room, visitor, probleme)


def _page(house: House, room: Classroom, visitor: Visitor, problem: str, status: int = 200) -> Response:
    proposals = room.proposals.open()
    in_force = room.in_force()
    broken = ""
    try:
        lessons, known = room.learned.lessons(), room.learned.read_version(in_force)
    except LearnedError as error:
        lessons = known = Lessons()
        broken = str(error)
    wanted = lessons.plus((one.text, one.intent) for one in proposals)
    trainings = room.trainings.all()
    deployments = room.deployments.all()
    newest = deployments[0] if deployments else None
    changing = newest is not None and newest.state in ("asked", "starting")
    back = previous(deployments, in_force)
    return house.pages.page(
        "learning.html",
        visitor,
        status,
        problem=problem,
        broken=broken,
        proposals=proposals,
        refused=room.proposals.refused(),
        learnt=room.proposals.learnt(),
        new_intents=[(id, one) for id, one in wanted.intents.items() if id not in known.intents],
        diff=diff(known, wanted),
        stale=not broken and room.stale(in_force),
        running=next((one for one in trainings if one.running), None),
        last=next((one for one in trainings if one.state in ("passed", "refused")), None),
        trainings=trainings,
        deployments=deployments,
        newest=newest,
        changing=changing,
        in_force=in_force,
        back=back if back and room.there(back) else "",
        deployable=lambda one: one.state == "passed" and one.model != in_force and room.there(one.model),
        label=Labels(house, trainings, lessons.intents),
        states=STATES,
        percent=percent,
        deployment_states=DEPLOYMENTS,
    )


@router.get("/entrainements/{id}")
def training(house: TheHouse, room: TheClassroom, visitor: Officer, id: Id) -> Response:
    """What the gate found of one model."""
    found = room.trainings.get(id)
    if found is None:
        raise HTTPException(404)
    in_force = room.in_force()
    ready = found.state == "passed" and found.model != in_force and room.there(found.model)
    try:
        intents = room.learned.lessons().intents
    except LearnedError:  # the page before says so
        intents = {}
    return house.pages.page(
        "training.html",
        visitor,
        one=found,
        report=found.report,
        in_force=in_force,
        deployable=ready,
        label=Labels(house, room.trainings.all(), intents),
        states=STATES,
        percent=percent,
    )


@router.post("/propositions/{id}/retirer")
def undo(room: TheClassroom, visitor: Changer, id: Id) -> Response:
    """Give a proposal up."""
    try:
        if not room.undo(id, visitor.name):
            raise HTTPException(404)
    except LearnedError:
        return _back("fichiers")
    return _back()


@router.post("/propositions/{id}/reprendre")
def again(room: TheClassroom, visitor: Changer, id: Id) -> Response:
    """Propose a refused one once more."""
    if not room.proposals.again(id, visitor.name):
        raise HTTPException(404)
    return _back()


@router.post("/intentions/retirer")
def remove_intent(house: TheHouse, room: TheClassroom, visitor: Changer, id: Ending) -> Response:
    """Give up a new intent."""
    if id not in room.learned.intents():
        raise HTTPException(404)
    try:
        room.learned.remove_intent(id)
    except LearnedError:
        return _back("fichiers")
    house.accounts.note(visitor.name, "intent_removed", id)
    return _back()


@router.post("/entrainer")
def train(room: TheClassroom, visitor: Changer) -> Response:
    """Ask for a training."""
    try:
        room.trainings.ask(visitor.name)
    except TrainingError:
        return _back("entrainement")
    return _back(place="suivi")


@router.post("/entrainements/{id}/annuler")
def cancel(room: TheClassroom, visitor: Changer, id: Id) -> Response:
    """Stop a training."""
    if room.trainings.get(id) is None:
        raise HTTPException(404)
    room.trainings.cancel(id, visitor.name)
    return _back()


@router.post("/entrainements/{id}/deployer")
def deploy(room: TheClassroom, visitor: Changer, id: Id) -> Response:
    """Put a model that passed the gate into service."""
    found = room.trainings.get(id)
    if found is None or found.state != "passed":
        raise HTTPException(404)
    return _ask(room, visitor, found.model, "deploy")


@router.post("/revenir")
def roll_back(room: TheClassroom, visitor: Changer, model: Ending) -> Response:
    """Go back to the model that was in force before."""
    if model != previous(room.deployments.all(), room.in_force()):
        return _back("service")  # somebody else did meanwhile
    return _ask(room, visitor, model, "roll_back")


def _ask(room: Classroom, visitor: Visitor, model: str, action: Literal["deploy", "roll_back"]) -> Response:
    if not room.there(model):
        return _back("modele")
    try:
        room.deployments.ask(model, room.in_force(), action, visitor.name)
    except TrainingError:
        return _back("service")
    return _back(place="service")


def percent(share: float) -> str:
    """« 98,5 % »"""
    return f"{share * 100:.1f}".replace(".", ",") + "\N{NO-BREAK SPACE}%"


def previous(deployments: list[Deployed], in_force: str) -> str:
    """The model in force before this one; empty when there was none."""
    for one in deployments:
        if one.state == "live" and one.model == in_force:
            return one.previous
    return ""


class Labels:
    """What models and intents are called."""

    def __init__(self, house: House, trainings: list[Trained], intents: Mapping[str, NewIntent]) -> None:
        self._house = house
        self._versions = {one.model: one for one in reversed(trainings) if one.model}
        self._intents = intents

    def model(self, name: str) -> str:
        """« entraînement 12 », the project's own, or the file's name."""
        if (one := self._versions.get(name)) is not None:
            return f"entraînement {one.id}"
        return OWN if name.startswith("nlu-") else name or "inconnu"

    def intent(self, id: str) -> str:
        """An intent, one that was learnt included."""
        if id in self._intents:
            name = self._intents[id].name
            return name[:1].upper() + name[1:]
        return self._house.words.intent(id)


def _back(problem: str = "", place: str = "") -> Response:
    query = f"?probleme={problem}" if problem else ""
    return RedirectResponse(f"/apprentissage{query}{'#' + place if place else ''}", 303)
