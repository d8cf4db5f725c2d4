"""`callbot nlu train`: what it starts and when. Rasa's own training is test_nlu_components.py's."""

from pathlib import Path

import pytest

from callbot import memory
from callbot.commands.understanding import SIDE_BY_SIDE_GB, nlu_train

RASA = """#!/bin/sh
# Stands for Rasa's Python: notes what it was asked for, makes the file that was asked for.
case "$2" in
  rasa)
    for word; do name=$folder; folder=$last; last=$word; done  # --out FOLDER --fixed-model-name NAME
    echo training >> "$LOG"
    [ -z "$TOGETHER" ] || while ! grep -q calibrating "$LOG"; do sleep 0.05; done
    mkdir -p "$name"; echo model > "$name/$last.tar.gz"; echo trained >> "$LOG" ;;
  *) echo calibrating >> "$LOG"; echo {} > "$4" ;;
esac
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    python = tmp_path / "python"
    python.write_text(RASA)
    python.chmod(0o700)
    monkeypatch.setenv("CALLBOT_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("CALLBOT_NLU_PYTHON", str(python))
    monkeypatch.setenv("CALLBOT_NLU_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def made(log: Path) -> list[str]:
    """Endings of the files it left."""
    return sorted(path.name.partition(".")[2] for path in (log.parent / "models").iterdir())


def test_with_room_both_are_done_at_once(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_gb", lambda: SIDE_BY_SIDE_GB)
    monkeypatch.setenv("TOGETHER", "yes")
    nlu_train()
    noted = log.read_text().split()
    assert sorted(noted) == ["calibrating", "trained", "training"] and noted[-1] == "trained"
    assert made(log) == ["calibration.json", "tar.gz"]


def test_on_a_small_machine_one_after_the_other_and_only_once(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_gb", lambda: SIDE_BY_SIDE_GB - 0.1)
    nlu_train()
    nlu_train()
    assert log.read_text().split() == ["training", "trained", "calibrating"]
    assert made(log) == ["calibration.json", "tar.gz"]


def test_what_memory_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    total = next(line for line in memory.MEMINFO.read_text().splitlines() if line.startswith("MemTotal"))
    assert 0 < memory.available_gb() < int(total.split()[1]) / 2**20
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "no linux")
    assert memory.available_gb() == 0
