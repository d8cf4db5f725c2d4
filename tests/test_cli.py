"""The `callbot` command as an administrator types it."""

import asyncio
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import soundfile

from callbot.journal.privacy import load_key
from callbot.journal.requests import Requests
from callbot.journal.store import Journal
from callbot.types import CallInfo, FiledRequest

from .patience import PATIENCE_S

BROKEN_MODEL = {"CALLBOT_MODEL_DIR": "/dev/null/nowhere/model"}


def callbot(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CALLBOT_")}
    return subprocess.run(
        [sys.executable, "-m", "callbot", *arguments],
        env=clean | environment | {"COLUMNS": "200"},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def test_help_names_every_command() -> None:
    shown = callbot("--help").stdout
    for command in (
        "serve",
        "status",
        "call",
        "chat",
        "say",
        "models",
        "doctor",
        "nlu",
        "town",
        "requests",
        "scenarios",
    ):
        assert command in shown


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["status"], {"CALLBOT_SOCKET": "/dev/null/nowhere/s"}, "no callbot server answers"),
        (["serve"], BROKEN_MODEL, "speech model not found: /dev/null/nowhere/model"),
        (["models", "check"], BROKEN_MODEL, "speech model not found"),
        (["serve"], {"CALLBOT_NLU_PORT": "seventy"}, "nlu_port"),
        (["serve"], {"CALLBOT_CONFIG": "/dev/null/nowhere/c.toml"}, "settings file not found"),
        (["serve"], {"CALLBOT_TOWN": "atlantis"}, "can't read"),
        (["town", "check", "/dev/null/nowhere/t.yml"], {}, "can't read /dev/null/nowhere/t.yml"),
        (["models", "install", "nothing"], {}, "not found: nothing"),
        (["say", "Bonjour.", "-o", "/dev/null/nowhere/x.wav"], {}, "can't write /dev/null/nowhere/x.wav"),
        (["say", "Bonjour."], {"CALLBOT_VOICE": "mb/mb-klingon"}, "unknown voice"),
        (["scenarios", "/dev/null/nowhere/s.csv"], {}, "can't read /dev/null/nowhere/s.csv"),
        (["nlu", "train"], {"CALLBOT_NLU_MODELS_DIR": "/dev/null/nowhere"}, "nlu_models_dir"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_and_exit_code_1(
    arguments: list[str], environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = callbot(*arguments, CALLBOT_STATE_DIR=str(tmp_path), **environment)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith("callbot: ") and said in lines[0]


def test_requests_are_listed_as_they_were_said(tmp_path: Path) -> None:
    key = load_key(tmp_path / "journal.key")
    journal = Journal(f"sqlite:///{tmp_path / 'journal.sqlite'}", key)

    async def take() -> str:
        call = await journal.begin(CallInfo("1.0", "PJSIP/x", number="0612345678"), "Rivemont")
        said = (("street", "rue [red]pasteur[/red]"),)
        filed = FiledRequest(
            "", "voirie_nid_de_poule", "voirie", said, "0612345678", datetime.min, complete=False
        )
        return (await Requests(journal.database).keep(call, "rivemont", filed)).reference

    number = asyncio.run(take())
    journal.close()
    shown = callbot("requests", CALLBOT_STATE_DIR=str(tmp_path)).stdout
    for said in (number, "signaler un nid-de-poule", "rue [red]pasteur[/red]", "0612345678", "incomplète"):
        assert said in shown


def test_an_unknown_command_is_exit_code_2() -> None:
    assert callbot("dance").returncode == 2


def test_say_writes_what_a_caller_would_hear(tmp_path: Path) -> None:
    out = tmp_path / "bonjour.wav"
    assert callbot("say", "Bonjour à tous.", "-o", str(out), CALLBOT_STATE_DIR=str(tmp_path)).returncode == 0
    assert soundfile.info(out).samplerate == 8000 and soundfile.info(out).duration > 0.5


def test_the_town_is_checked() -> None:
    done = callbot("town", "check")
    assert done.returncode == 0 and "Rivemont" in done.stdout


def test_a_service_that_nothing_belongs_to_is_told(tmp_path: Path) -> None:
    hours = "hours: {lundi: 9:00-12:00}"
    services = f"{{accueil: {{name: x, {hours}}}, voiries: {{name: y, {hours}}}, voirie: {{name: z}}}}"
    (tmp_path / "x.yml").write_text(f"name: X\nincomplete: true\nservices: {services}\n")
    done = callbot("town", "check", str(tmp_path / "x.yml"))
    assert "belongs to (misspelt?): voiries\n" in done.stdout


def test_the_speech_model_learns_the_words_of_what_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "nlu-0.tar.gz").touch()
    places = {"CALLBOT_STATE_DIR": str(tmp_path), "CALLBOT_NLU_MODELS_DIR": str(tmp_path)}
    done = callbot("models", "learn", **places)
    assert (done.returncode, done.stdout) == (0, "there is no word to learn\n")
    done = callbot("doctor", **places)
    assert "learnt words: none that the ear does not know" in " ".join(done.stdout.split())


def test_doctor_says_the_remedy_of_each_part_that_is_not_well(tmp_path: Path) -> None:
    done = callbot("doctor", CALLBOT_STATE_DIR=str(tmp_path), **BROKEN_MODEL)
    assert done.returncode == 1
    assert "KO  speech model" in done.stdout and "callbot models install" in done.stdout
    assert "ok  learnt words" in done.stdout, "that is no more than advice"
    assert "ok  voice" in done.stdout and "ok  journal" in done.stdout
    assert "KO  server" in done.stdout and "callbot serve" in done.stdout
