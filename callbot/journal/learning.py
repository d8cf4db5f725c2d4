"""What the bot is to learn: proposals, trainings, and which model the servers shall use."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import func, make_url, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from callbot.errors import JournalError
from callbot.journal.accounts import trail
from callbot.journal.database import Database, now
from callbot.journal.models import Deployment, Proposal, Review, Training, Turn

LONGEST_TEXT = 300
"""Letters of a sentence to be learnt; nobody asks one thing in more."""
MOST_WORDS = 60
MOST_SHOWN = 100
"""Rows of a history."""
RUNNING = ("queued", "training", "calibrating", "judging")
"""States of a training that has not ended."""
INTERRUPTED = "interrompu : la console s'est arrêtée pendant l'entraînement"
CANCELLED = "annulé"

# What stands for a number, a name... in a masked sentence: « [téléphone] ». Nothing is learnt from it.
_MASKS = re.compile(r"\[[^\[\]]*\]|<[^<>]*>|\{[^{}]*\}")
_NO_WORDS = re.compile(r"[^\w\s'’-]+")

Action = Literal["deploy", "roll_back"]


class ProposalError(JournalError):
    """A sentence that can't be learnt; the message is French, for the page."""


class TrainingError(JournalError):
    """A training or a deployment that can't begin; the message is French, for the page."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A sentence to be learnt, or that was."""

    id: int
    at: datetime
    account: str
    intent: str
    text: str
    turn_id: int | None
    state: str
    """proposed, undone, refused (by the gate), learnt"""
    training_id: int | None


@dataclass(frozen=True, slots=True)
class Trained:
    """A training, and what the gate found."""

    id: int
    at: datetime
    account: str
    state: str
    """queued, training, calibrating, judging, passed, refused, failed"""
    progress: float
    """0 to 1, of the whole."""
    model: str
    data: str
    report: Mapping[str, Any]
    error: str
    ended_at: datetime | None

    @property
    def running(self) -> bool:
        """It has not ended."""
        return self.state in RUNNING


@dataclass(frozen=True, slots=True)
class Deployed:
    """A model that was asked for."""

    id: int
    at: datetime
    account: str
    model: str
    """File name in nlu_models_dir."""
    previous: str
    action: str
    """deploy or roll_back"""
    state: str
    """asked, starting, live, failed"""
    error: str


def learnable(text: str) -> str:
    """A masked utterance as it is learnt: small letters, no signs, nothing that stands for a secret.

    Raises:
        ProposalError: nothing is left of it, or it is too long.
    """
    words = _NO_WORDS.sub(" ", _MASKS.sub(" ", unicodedata.normalize("NFC", text)))
    words = " ".join(words.replace("_", " ").casefold().replace("’", "'").split()).strip("-' ")
    if not any(letter.isalpha() for letter in words):
        raise ProposalError("cette phrase ne contient aucun mot à apprendre")
    if len(words) > LONGEST_TEXT or len(words.split()) > MOST_WORDS:
        raise ProposalError("cette phrase est trop longue pour être apprise")
    return words


class Proposals:
    """The sentences that officers want the bot to learn. Methods raise JournalError without a database.

    Args:
        database: the journal's.
        clock: the moment, UTC without zone.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def propose(self, turn_id: int, intent: str, account: str) -> int:
        """Propose a turn's masked words as an example of an intent; returns the proposal's id.

        The same words proposed for another intent before are given up.

        Raises:
            ProposalError: no such turn, or words that can't be learnt.
        """

        def write(session: Session) -> int:
            turn = session.get(Turn, turn_id)
            if turn is None:
                raise ProposalError("ce tour de parole n'existe plus")
            return self._propose(session, learnable(turn.utterance), intent, account, turn_id)

        return self._database.write_now(write)

    def propose_text(self, text: str, intent: str, account: str) -> int:
        """The same for words that somebody wrote, masked already.

        Raises:
            ProposalError: words that can't be learnt.
        """
        words = learnable(text)
        return self._database.write_now(lambda session: self._propose(session, words, intent, account, None))

    def _propose(self, session: Session, text: str, intent: str, account: str, turn_id: int | None) -> int:
        if not re.fullmatch(r"\w{1,80}", intent):
            raise ProposalError("cette intention n'existe pas")
        others = select(Proposal).where(
            Proposal.text == text, Proposal.intent != intent, Proposal.state != "undone"
        )
        for other in session.scalars(others):
            other.state = "undone"
        row = session.scalar(select(Proposal).where(Proposal.text == text, Proposal.intent == intent))
        if row is not None and row.state in ("proposed", "learnt"):
            return row.id
        if row is None:
            row = Proposal(text=text, intent=intent)
            session.add(row)
        row.at, row.account, row.turn_id, row.state = self._clock(), account, turn_id, "proposed"
        row.training_id = None
        session.flush()
        trail(session, self._clock(), account, "proposed", row.id)
        return row.id

    def undo(self, id: int, account: str) -> Proposed | None:
        """Give a proposal up; returns what it was before, None when there is none or it was undone.

        One that was learnt is unlearnt by the next training.
        """

        def write(session: Session) -> Proposed | None:
            row = session.get(Proposal, id)
            if row is None or row.state == "undone":
                return None
            before = _proposed(row)
            row.state = "undone"
            trail(session, self._clock(), account, "proposal_undone", id)
            return before

        return self._database.write_now(write)

    def again(self, id: int, account: str) -> bool:
        """Propose one that was undone or refused once more; False when it can't be."""

        def write(session: Session) -> bool:
            row = session.get(Proposal, id)
            if row is None or row.state not in ("undone", "refused"):
                return False
            self._propose(session, row.text, row.intent, account, row.turn_id)
            return True

        return self._database.write_now(write)

    def open(self) -> list[Proposed]:
        """Those the next training takes in, oldest first."""
        return self._listed("proposed")

    def refused(self) -> list[Proposed]:
        """Those that the gate stopped, oldest first."""
        return self._listed("refused")

    def learnt(self) -> list[Proposed]:
        """Those that were learnt, newest first."""
        return self._listed("learnt")[::-1]

    def _listed(self, state: str) -> list[Proposed]:
        found = select(Proposal).where(Proposal.state == state).order_by(Proposal.id)
        return self._database.read(lambda session: [_proposed(row) for row in session.scalars(found)])

    def judge(self, ids: Sequence[int], training_id: int, state: Literal["learnt", "refused"]) -> None:
        """What became of those that a training took in; one undone meanwhile stays so."""
        change = (
            update(Proposal)
            .where(Proposal.id.in_(ids), Proposal.state == "proposed")
            .values(state=state, training_id=training_id)
        )
        self._database.write_now(lambda session: session.execute(change))


class Trainings:
    """The trainings of a journal. Methods raise JournalError when the database is away.

    Args:
        clock: the moment, UTC without zone.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def ask(self, account: str) -> int:
        """Ask for a training; returns its id.

        Raises:
            TrainingError: one has not ended.
        """

        def write(session: Session) -> int:
            if session.scalar(select(Training.id).where(Training.state.in_(RUNNING)).limit(1)):
                raise TrainingError("un entraînement est déjà en cours")
            row = Training(at=self._clock(), account=account, state="queued", progress=0.0, report={})
            session.add(row)
            session.flush()
            trail(session, self._clock(), account, "training_asked", row.id)
            return row.id

        return self._database.write_now(write)

    def cancel(self, id: int, account: str) -> bool:
        """Stop a training; False when it has ended."""

        def write(session: Session) -> bool:
            row = session.get(Training, id)
            if row is None or row.state not in RUNNING:
                return False
            row.state, row.error, row.ended_at = "failed", CANCELLED, self._clock()
            trail(session, self._clock(), account, "training_cancelled", id)
            return True

        return self._database.write_now(write)

    def advance(self, id: int, state: str, progress: float, **values: str) -> bool:
        """Tell how far it is; False when it was cancelled meanwhile.

        Args:
            progress: 0 to 1, of the whole.
            values: `model` and `data`, once they are known.
        """

        def write(session: Session) -> bool:
            running = update(Training).where(Training.id == id, Training.state.in_(RUNNING))
            done: Any = session.execute(running.values(state=state, progress=progress, **values))
            return bool(done.rowcount)

        return self._database.write_now(write)

    def end(self, id: int, state: str, report: Mapping[str, Any], error: str = "") -> bool:
        """Tell how it ended: passed, refused or failed; False when it was cancelled meanwhile."""

        def write(session: Session) -> bool:
            row = session.get(Training, id)
            if row is None or row.state not in RUNNING:
                return False
            row.state, row.report, row.error = state, dict(report), error
            row.ended_at = self._clock()
            if state != "failed":
                row.progress = 1.0
            trail(session, self._clock(), row.account, f"training_{state}", id)
            return True

        return self._database.write_now(write)

    def interrupt(self) -> int:
        """Those that nobody runs any more have failed; returns how many. A queued one still waits."""
        change = (
            update(Training)
            .where(Training.state.in_(RUNNING[1:]))
            .values(state="failed", error=INTERRUPTED, ended_at=self._clock())
        )

        def write(session: Session) -> int:
            done: Any = session.execute(change)
            return int(done.rowcount)

        return self._database.write_now(write)

    def queued(self) -> Trained | None:
        """The one that waits to begin."""
        return self._first(select(Training).where(Training.state == "queued").order_by(Training.id))

    def running(self) -> Trained | None:
        """The one that has not ended, the waiting one included."""
        return self._first(select(Training).where(Training.state.in_(RUNNING)).order_by(Training.id))

    def get(self, id: int) -> Trained | None:
        """A training."""
        return self._first(select(Training).where(Training.id == id))

    def all(self) -> list[Trained]:
        """The newest, newest first."""
        newest = select(Training).order_by(Training.id.desc()).limit(MOST_SHOWN)
        return self._database.read(lambda session: [_trained(row) for row in session.scalars(newest)])

    def _first(self, rows: Any) -> Trained | None:
        def read(session: Session) -> Trained | None:
            row = session.scalar(rows.limit(1))
            return _trained(row) if row is not None else None

        return self._database.read(read)


class Deployments:
    """Which model the servers shall use. Methods raise JournalError when the database is away.

    Args:
        clock: the moment, UTC without zone.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def ask(self, model: str, previous: str, action: Action, account: str) -> int:
        """Ask the servers to take a model; returns the row's id.

        Args:
            model: file name in nlu_models_dir.
            previous: that of the one in force.

        Raises:
            TrainingError: the servers have not yet done what was asked before.
        """

        def write(session: Session) -> int:
            newest = session.scalar(select(Deployment).order_by(Deployment.id.desc()).limit(1))
            if newest is not None and newest.state == "starting":
                raise TrainingError("une mise en service est en cours")
            row = Deployment(
                at=self._clock(),
                account=account,
                model=model,
                previous=previous,
                action=action,
                state="asked",
            )
            session.add(row)
            session.flush()
            trail(session, self._clock(), account, "deployed" if action == "deploy" else "rolled_back", model)
            return row.id

        return self._database.write_now(write)

    def tell(self, id: int, state: str, error: str = "") -> None:
        """What a server made of it; what works on one server is not failed by another."""

        def write(session: Session) -> None:
            row = session.get(Deployment, id)
            if row is not None and not (row.state == "live" and state != "live"):
                row.state, row.error = state, error

        self._database.write_now(write)

    def in_force(self) -> Deployed | None:
        """The newest that has not failed: what servers shall serve; None: the project's own model."""
        return self._newest(Deployment.state != "failed")

    def live(self) -> Deployed | None:
        """The newest that a server said it serves: what is only asked for may not work."""
        return self._newest(Deployment.state == "live")

    def newest(self) -> Deployed | None:
        """The newest, failed or not."""
        return self._newest()

    def all(self) -> list[Deployed]:
        """The newest, newest first."""
        newest = select(Deployment).order_by(Deployment.id.desc()).limit(MOST_SHOWN)
        return self._database.read(lambda session: [_deployed(row) for row in session.scalars(newest)])

    def _newest(self, *conditions: Any) -> Deployed | None:
        def read(session: Session) -> Deployed | None:
            found = select(Deployment).where(*conditions).order_by(Deployment.id.desc()).limit(1)
            row = session.scalar(found)
            return _deployed(row) if row is not None else None

        return self._database.read(read)


def deployed_at(url: str) -> Deployed | None:
    """What served last by the journal of this URL; a SQLite file that is not there yet is not made.

    Raises:
        JournalError: it can't be opened.
    """
    try:
        place = make_url(url)
    except SQLAlchemyError as error:
        raise JournalError(f"journal can't be opened: {type(error).__name__}") from error
    if place.get_backend_name() == "sqlite" and not Path(place.database or "").is_file():
        return None
    database = Database(url)
    try:
        return Deployments(database).live()
    finally:
        database.close()


def reviewed(database: Database, known: Sequence[str]) -> list[tuple[str, str]]:
    """What people who listened found: masked words and the intent they mean; the last word of each counts.

    Args:
        known: intents that there are; what was reviewed as another is left out.

    Raises:
        JournalError: the database can't be read.
    """
    newest = select(func.max(Review.id)).group_by(Review.turn_id)
    found = (
        select(Turn.utterance, Review.intent)
        .join(Turn, Turn.id == Review.turn_id)
        .where(Review.id.in_(newest), Turn.heard == "speech", Turn.utterance != "")
        .order_by(Review.id)
    )
    meant: dict[str, str] = {}
    for utterance, intent in database.read(lambda session: session.execute(found).all()):
        if intent in known:
            meant[" ".join(utterance.split())] = intent
    return list(meant.items())


def _proposed(row: Proposal) -> Proposed:
    return Proposed(
        row.id, row.at, row.account, row.intent, row.text, row.turn_id, row.state, row.training_id
    )


def _trained(row: Training) -> Trained:
    return Trained(
        id=row.id,
        at=row.at,
        account=row.account,
        state=row.state,
        progress=row.progress,
        model=row.model,
        data=row.data,
        report=row.report or {},
        error=row.error,
        ended_at=row.ended_at,
    )


def _deployed(row: Deployment) -> Deployed:
    return Deployed(row.id, row.at, row.account, row.model, row.previous, row.action, row.state, row.error)
