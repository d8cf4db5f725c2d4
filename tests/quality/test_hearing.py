"""Words that are taught are heard; what stands in the way is told, and leaves nothing behind."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from callbot.ears import ear_path
from callbot.quality import hearing
from callbot.quality.hearing import FAILED, FRENCH, Taught, obstacle, prune, teach
from callbot.quality.learned import Lessons
from callbot.rehearsal import load_pcm
from callbot.settings import BUNDLED_MODEL, Settings
from callbot.speech.recognizer import SpeechModel
from tests.conftest import MODEL

POOL = "piscine_tarif"
LESSONS = Lessons().plus([("je cherche les ateliers d'encapacitation", POOL), ("où est le zblouf 12", POOL)])
SAID = "Je voudrais parler de l'encapacitation."
"""In another sentence than was taught, with another elision."""
NEW = ("encapacitation", "zblouf")


def speak(wav: Path) -> None:
    """A caller's voice, which the bundled model never heard."""
    subprocess.run(["espeak-ng", "-v", "mb-fr4", "-s", "140", "-w", wav, SAID], check=True)


def heard(folder: Path, wav: Path) -> str:
    """What a speech model makes of a sound."""
    recognizer = SpeechModel(folder, 8000).recognizer()
    recognizer.feed(load_pcm(wav, 8000))
    return recognizer.finish()[0].text


async def test_a_word_that_nobody_knew_is_heard_once_it_is_taught(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    assert obstacle(settings) == "", "set-up installs libfst-tools"
    before = {path: path.stat().st_mtime_ns for path in BUNDLED_MODEL.rglob("*")}
    wav = tmp_path / "said.wav"
    speak(wav)
    assert "encapacitation" not in heard(MODEL, wav)
    taught = await teach(settings, LESSONS, tmp_path / "log")
    path = ear_path(settings, LESSONS)
    assert taught == Taught(NEW, ("12",), "", path.name), (tmp_path / "log").read_text()
    assert "l'encapacitation" in heard(path, wav)
    assert [one.name for one in settings.speech_models_dir.iterdir()] == [path.name]
    assert {path: path.stat().st_mtime_ns for path in BUNDLED_MODEL.rglob("*")} == before
    # What was made is not made again.
    stamp = path.stat().st_mtime_ns
    assert await teach(settings, LESSONS, tmp_path / "log") == taught
    assert path.stat().st_mtime_ns == stamp
    prune(settings, [LESSONS])
    assert path.is_dir()
    prune(settings, [Lessons()])
    assert not path.exists() and BUNDLED_MODEL.is_dir()


async def test_known_words_need_no_new_ear(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    lessons = Lessons().plus([("un acte de naissance pour ma soeur", POOL)])
    assert await teach(settings, lessons, tmp_path / "log") == Taught()
    assert not settings.speech_models_dir.exists()


async def test_without_tools_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    taught = await teach(Settings(state_dir=tmp_path), LESSONS, tmp_path / "log")
    assert taught == Taught((), ("12", *NEW), FRENCH["tools"])


async def test_a_model_with_other_sounds_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "official"
    shutil.copytree(BUNDLED_MODEL, other)
    (other / hearing.SOUNDS).write_text("1 nonword\n2 begin\n")
    settings = Settings(state_dir=tmp_path, model_dir=other)
    taught = await teach(settings, LESSONS, tmp_path / "log")
    assert taught == Taught((), ("12", *NEW), FRENCH["model"])


@pytest.mark.parametrize(
    "script",
    [
        "import sys; sys.exit(3)",
        "import sys, pathlib; pathlib.Path(sys.argv[3]).mkdir()",  # nothing that loads
    ],
)
async def test_a_failure_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(hearing, "SCRIPT", tmp_path / "script.py")
    (tmp_path / "script.py").write_text(script)
    settings = Settings(state_dir=tmp_path)
    taught = await teach(settings, LESSONS, tmp_path / "log")
    assert (taught.learnt, taught.unknown, taught.model) == ((), ("12", *NEW), "")
    assert taught.problem.startswith(FAILED)
    assert list(settings.speech_models_dir.iterdir()) == []


def test_what_espeak_says_becomes_our_phones() -> None:
    """Words that espeak-ng says in English included, and those it says nothing for."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import learn_words as l;"
        "print(l.pronounce(['schtroumpf', 'cabaret', 'bungalow', 'petits']))"
        "; print(l.lacking(['la fête d\\'encapacitation 12', 'l\\'acte'], {'la', 'fête', 'l\\'acte'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, hearing.SCRIPT.parent], capture_output=True, text=True, check=True
    )
    said, lacking = map(eval, done.stdout.splitlines())
    assert said["cabaret"] == {tuple("k a b a R E".split()): 0.0}  # noqa: SIM905
    assert tuple("b eu n g a l o".split()) in said["bungalow"]  # noqa: SIM905
    assert said["petits"].keys() >= {("p", "eu", "t", "i"), ("p", "t", "i"), ("p", "eu", "t", "i", "z")}
    assert set(lacking) == {"encapacitation", "d'encapacitation", "l'encapacitation"}
