"""The sentences that officers want the bot to learn."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from callbot.errors import JournalError
from callbot.journal.accounts import trail
from callbot.journal.database import Database, now
from callbot.journal.models import Proposal, Turn

LONGEST_TEXT = 300
"""Letters of a sentence to be learnt; nobody asks one thing in more."""
MOST_WORDS = 60

# What stands for a number, a name... in a masked sentence: « [téléphone] ». Nothing is learnt from it.
_MASKS = re.compile(r"\[[^\[\]]*\]|<[^<>]*>|\{[^{}]*\}")
_NO_WORDS = re.compile(r"[^\w\s'’-]+")


class ProposalError(JournalError):
    """A sentence that can't be learnt; the message is French, for the page."""


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


def _proposed(row: Proposal) -> Proposed:
    return Proposed(
        row.id, row.at, row.account, row.intent, row.text, row.turn_id, row.state, row.training_id
    )
