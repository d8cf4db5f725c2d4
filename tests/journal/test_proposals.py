"""Sentences proposed, given up, proposed again."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from callbot.journal.database import Database
from callbot.journal.models import Audit, Call, Turn
from callbot.journal.proposals import LONGEST_TEXT, ProposalError, Proposals, learnable
from callbot.journal.trainings import Trainings

NOW = datetime(2026, 11, 23, 10, 0)
BIRTH, MARRIAGE = "etat_civil_acte_naissance_copie", "etat_civil_acte_mariage_copie"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def proposals(database: Database) -> Proposals:
    return Proposals(database, lambda: NOW)


def add(database: Database, *rows: Any) -> int:
    def write(session: Any) -> int:
        session.add_all(rows)
        session.flush()
        return int(rows[-1].id)

    return database.write_now(write)


def turn(database: Database, words: str, number: int = 1) -> int:
    call = add(database, Call(linkedid="1.0", started_at=NOW))
    return add(database, Turn(call_id=call, number=number, at=NOW, heard="speech", utterance=words))


def actions(database: Database) -> list[tuple[str, str, str]]:
    return database.read(
        lambda session: [(row.account, row.action, row.about) for row in session.query(Audit).order_by("id")]
    )


@pytest.mark.parametrize(
    ("text", "learnt"),
    [
        ("Bonjour, je voudrais un ACTE de naissance ?", "bonjour je voudrais un acte de naissance"),
        ("je m'appelle [nom] et j'habite [adresse] merci", "je m'appelle et j'habite merci"),
        ("l’extrait  d’acte\nsvp", "l'extrait d'acte svp"),
        ("rendez-vous _passeport_", "rendez-vous passeport"),
        ("- intent: vole\n  examples: |", "intent vole examples"),
    ],
)
def test_words_are_learnt_without_signs_and_masks(text: str, learnt: str) -> None:
    assert learnable(text) == learnt == learnable(learnt)


@pytest.mark.parametrize("text", ["", "  ", "[téléphone]", "[nom] [adresse]", "12 34", "?!", "a" * 301])
def test_what_cannot_be_learnt_is_refused(proposals: Proposals, text: str) -> None:
    assert len("a" * 301) > LONGEST_TEXT
    with pytest.raises(ProposalError):
        proposals.propose_text(text, BIRTH, "quentin")
    with pytest.raises(ProposalError):
        proposals.propose_text("un acte", "../x", "quentin")
    assert proposals.open() == []


def test_a_turn_becomes_a_proposal_once(database: Database, proposals: Proposals) -> None:
    turn_id = turn(database, "Un acte de [nom], s'il vous plaît")
    id = proposals.propose(turn_id, BIRTH, "quentin")
    assert proposals.propose(turn(database, "un acte de s'il vous plaît"), BIRTH, "claire") == id
    [one] = proposals.open()
    assert (one.text, one.intent, one.account, one.turn_id) == (
        "un acte de s'il vous plaît",
        BIRTH,
        "quentin",
        turn_id,
    )
    assert actions(database) == [("quentin", "proposed", str(id))]
    with pytest.raises(ProposalError):
        proposals.propose(turn_id + 100, BIRTH, "quentin")


def test_the_newer_correction_of_the_same_words_wins(database: Database, proposals: Proposals) -> None:
    first = proposals.propose_text("un acte", BIRTH, "quentin")
    second = proposals.propose_text("un acte", MARRIAGE, "claire")
    assert [(one.id, one.intent) for one in proposals.open()] == [(second, MARRIAGE)]
    assert proposals.propose_text("un acte", BIRTH, "quentin") == first
    assert [(one.id, one.intent) for one in proposals.open()] == [(first, BIRTH)]


def test_undone_refused_learnt(database: Database, proposals: Proposals) -> None:
    ids = [proposals.propose_text(f"phrase {word}", BIRTH, "quentin") for word in ("une", "deux", "trois")]
    training = Trainings(database, lambda: NOW).ask("quentin")
    assert proposals.undo(ids[0], "claire")
    assert proposals.undo(ids[0], "claire") is None
    proposals.judge(ids[:2], training, "refused")
    assert [one.id for one in proposals.refused()] == [ids[1]], "what was undone meanwhile stays so"
    assert proposals.again(ids[1], "claire") and not proposals.again(ids[2], "claire")
    proposals.judge(ids[1:], training, "learnt")
    assert [one.id for one in proposals.learnt()] == [ids[2], ids[1]]
    before = proposals.undo(ids[2], "claire")
    assert before is not None and before.state == "learnt"
