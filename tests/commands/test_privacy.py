"""`callbot privacy`, as an administrator types it."""

import asyncio
import json
import os
import stat
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from callbot.ears import ear_path
from callbot.journal.call import CallJournal
from callbot.journal.models import Proposal, RawTurn, Turn
from callbot.journal.privacy import load_key
from callbot.journal.store import Journal
from callbot.quality.learned import Learned, Lessons
from callbot.settings import Settings
from callbot.types import CallInfo, FiledRequest, Outcome, TurnRecord
from tests.quality import tiny

NUMBER = "0612345678"
SAID = "il y a un grand trou devant la boulangerie de léontine kerguélen"


def callbot(state: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "callbot", *arguments],
        env=os.environ | {"CALLBOT_STATE_DIR": str(state), "CALLBOT_RAW_DAYS": "7", "COLUMNS": "200"},
        capture_output=True, text=True, timeout=120, input=typed, cwd=state,
    )  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with one call in it, from whose words something was learnt."""

    async def call() -> None:
        key = load_key(tmp_path / "journal.key")
        journal = Journal(f"sqlite:///{tmp_path / 'journal.sqlite'}", key, raw=True)
        held = CallJournal(journal, CallInfo("1.1", "c", NUMBER), "Rivemont", "rivemont")
        await held.record(TurnRecord(1, "m", "D'accord.", "speech", SAID))
        (tmp_path / "messages").mkdir()
        (tmp_path / "messages" / "message-1.wav").write_bytes(b"RIFF sound")
        left = FiledRequest(
            "", "message", "accueil", (), "", datetime.min, "message", recording="message-1.wav"
        )
        await held.request(left)
        await held.end(Outcome("DONE", reason="goodbye"))
        masked = journal.turns(1)[0].utterance
        learned = Learned(tmp_path / "learned")
        tiny.teach(learned, "voirie_nid_de_poule", masked, "un trou dans la route")
        learned.keep("nlu-1.tar.gz", learned.lessons())
        (text,) = set(learned.examples()["voirie_nid_de_poule"]) - {"un trou dans la route"}
        moment = datetime(2026, 11, 24)
        proposal = Proposal(at=moment, account="zoé", intent="voirie_nid_de_poule", text=text, state="learnt")
        proposal.turn_id = journal.database.read(lambda session: session.scalars(select(Turn.id)).one())
        journal.database.write_now(lambda session: session.add(proposal))
        journal.close()

    asyncio.run(call())
    return tmp_path


def test_an_export_is_a_zip_that_only_its_owner_reads(state: Path) -> None:
    done = callbot(state, "privacy", "export", "06 12 34 56 78")
    assert done.returncode == 0 and "export.zip" in done.stdout
    assert stat.S_IMODE((state / "export.zip").stat().st_mode) == 0o600
    with zipfile.ZipFile(state / "export.zip") as archive:
        assert archive.read("sons/message-1.wav") == b"RIFF sound"
        exported = json.loads(archive.read("donnees.json"))
    assert exported["appels"][0]["tours"][0]["entendu"] == SAID
    assert exported["demandes"][0]["téléphone"] == NUMBER


def test_an_export_may_be_json_alone(state: Path) -> None:
    assert callbot(state, "privacy", "export", "+33612345678", "--out", "her.json").returncode == 0
    assert json.loads((state / "her.json").read_text(encoding="utf-8"))["appels"]
    assert callbot(state, "privacy", "export", NUMBER, "-o", "her.txt").returncode == 1
    nowhere = callbot(state, "privacy", "export", NUMBER, "-o", "/proc/nowhere.json")
    assert nowhere.returncode == 1 and nowhere.stderr.count("\n") == 1


def test_an_erasure_asks_first(state: Path) -> None:
    refused = callbot(state, "privacy", "erase", NUMBER, typed="n\n")
    assert refused.returncode == 1 and SAID.encode() in (state / "journal.sqlite").read_bytes()
    assert callbot(state, "privacy", "erase", NUMBER, typed="y\n").returncode == 0


def test_after_an_erasure_no_file_knows_the_caller(state: Path) -> None:
    done = callbot(state, "privacy", "erase", "0033 6 12 34 56 78", "--yes")
    assert done.returncode == 0, done.stderr
    assert "1 appels" in done.stdout and "entraînez le modèle de nouveau" in done.stdout
    everything = b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())
    for secret in ("kerguélen", "boulangerie", "612345678", "RIFF sound"):
        assert secret.encode() not in everything, secret
    assert b"un trou dans la route" in everything
    again = callbot(state, "privacy", "erase", NUMBER, "--yes")
    assert again.returncode == 1 and "rien n'est conservé sous ce numéro" in again.stdout


def test_a_speech_model_that_knows_their_words_goes_too(state: Path) -> None:
    settings = Settings(state_dir=state)
    learned = Learned(settings.learned_path)
    learned.keep("nlu-2.tar.gz", Lessons().plus([("un gros trou", "voirie_nid_de_poule")]))
    theirs, others = (ear_path(settings, learned.read_version(f"nlu-{at}.tar.gz")) for at in (1, 2))
    theirs.mkdir(parents=True)
    others.mkdir()
    assert callbot(state, "privacy", "erase", NUMBER, "--yes").returncode == 0
    assert not theirs.exists() and others.is_dir()


def test_an_example_of_a_services_answer_goes_too(state: Path) -> None:
    """It was taught with a new intent: no proposal tells whose it was."""
    learned = Learned(state / "learned")
    (taught,) = set(learned.examples()["voirie_nid_de_poule"]) - {"un trou dans la route"}
    learned.add_intent("voirie_cratere", "voirie", "un cratère", "On le bouche.", [taught, "un trou béant"])
    journal = Journal(f"sqlite:///{state / 'journal.sqlite'}", load_key(state / "journal.key"))
    journal.database.write_now(lambda session: session.delete(session.scalars(select(Proposal)).one()))
    journal.close()
    done = callbot(state, "privacy", "erase", NUMBER, "--yes")
    assert done.returncode == 0 and "phrases apprises de cet appelant et retirées : 1" in done.stdout
    assert b"kergu" not in b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())
    assert learned.examples()["voirie_cratere"] == ("un trou béant",)


@pytest.mark.parametrize("command", ["export", "erase"])
def test_what_is_no_number_is_said_without_repeating_it(state: Path, command: str) -> None:
    done = callbot(state, "privacy", command, "jeanne", *(["--yes"] if command == "erase" else []))
    assert done.returncode == 1 and done.stderr == "callbot: this is no telephone number\n"
    unknown = callbot(state, "privacy", command, "0699999999", *(["--yes"] if command == "erase" else []))
    assert unknown.returncode == 1 and "rien n'est conservé" in unknown.stdout


def test_a_wrong_place_is_no_caller_without_data(tmp_path: Path) -> None:
    done = callbot(tmp_path, "privacy", "erase", NUMBER, "--yes")
    assert done.returncode == 1 and "is state_dir right?" in done.stderr


def test_a_purge_counts_first_if_asked(state: Path) -> None:
    journal = Journal(f"sqlite:///{state / 'journal.sqlite'}", load_key(state / "journal.key"))
    long_ago = datetime(2020, 1, 1)
    journal.database.write_now(
        lambda session: setattr(session.scalars(select(RawTurn)).one(), "at", long_ago)
    )
    journal.close()
    assert callbot(state, "privacy", "purge", "--dry-run").stdout == "à supprimer : 1 paroles non masquées\n"
    assert callbot(state, "privacy", "purge").stdout == "supprimé : 1 paroles non masquées\n"
    assert callbot(state, "privacy", "purge").stdout == "supprimé : rien\n"
