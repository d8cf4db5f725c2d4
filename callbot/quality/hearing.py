"""Has the ear learn a training's words: a speech model beside the settings' own, which is never touched."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from callbot.ears import ear_path, unknown_words
from callbot.errors import CallbotError, SpeechModelError
from callbot.quality.learned import Lessons
from callbot.settings import BUNDLED_MODEL, ROOT, Settings

log = logging.getLogger(__name__)

SCRIPT = ROOT / "scripts" / "asr" / "learn_words.py"
TOOLS = ("espeak-ng", "fstprint", "fstcompile", "fstarcsort", "fstconnect", "fstconvert")
SOUNDS = Path("graph", "phones", "word_boundary.int")
"""Tells our models' sounds from others': two models number them alike only when they are the same."""
NICE = 19

Obstacle = Literal["", "model", "tools", "script"]
FRENCH: Mapping[Obstacle, str] = {
    "model": "le modèle de reconnaissance choisi par l'administrateur n'est pas celui de callbot, "
    "qui seul peut apprendre des mots",
    "tools": "les paquets libfst-tools et espeak-ng ne sont pas installés sur cette machine",
    "script": "le programme qui le fait manque dans cette installation (scripts/asr)",
}
FAILED = "la construction du nouveau modèle a échoué"
UNSAID = "leur prononciation n'est pas connue"


@dataclass(frozen=True, slots=True)
class Taught:
    """What became of the words of some lessons."""

    learnt: tuple[str, ...] = ()
    """Words that the settings' own model does not know, and this one does."""
    unknown: tuple[str, ...] = ()
    """Words that stay unknown."""
    problem: str = ""
    """Why, in French for the page; empty: they can't be said (numbers in digits)."""
    model: str = ""
    """Name of the speech model; empty: the settings' own."""


def obstacle(settings: Settings) -> Obstacle:
    """What keeps this machine from having its ear learn words; empty: nothing does."""
    base = settings.model_dir
    try:
        ours = (base / SOUNDS).read_bytes() == (BUNDLED_MODEL / SOUNDS).read_bytes()
    except OSError:
        ours = False
    if not ours or not all((base / "graph" / name).is_file() for name in ("HCLr.fst", "Gr.fst")):
        return "model"
    if not all(map(shutil.which, TOOLS)) or not any(Path("/usr/lib").glob("*/libfstlookahead.so.*")):
        return "tools"
    return "" if SCRIPT.is_file() else "script"


async def teach(settings: Settings, lessons: Lessons, output: Path) -> Taught:
    """Make the speech model that knows these lessons' words, unless it is there; failures are only told.

    Args:
        output: where the programs' own words go.
    """
    wanted = await asyncio.to_thread(unknown_words, settings.model_dir, lessons)
    if not any(map(sayable, wanted)):
        return Taught(unknown=tuple(wanted))
    try:
        path = await asyncio.to_thread(ear_path, settings, lessons)
        if not path.is_dir():
            if found := obstacle(settings):
                return Taught(unknown=tuple(wanted), problem=FRENCH[found])
            await _make(settings, lessons, path, output)
    except (CallbotError, OSError) as error:
        log.error("the ear learns no words: %s", error)
        return Taught(unknown=tuple(wanted), problem=f"{FAILED} (détails dans {output.name})")
    still = set(await asyncio.to_thread(unknown_words, path, lessons))
    learnt = tuple(word for word in wanted if word not in still)
    problem = UNSAID if any(map(sayable, still)) else ""
    return Taught(learnt, tuple(sorted(still)), problem, path.name)


def prune(settings: Settings, kept: Iterable[Lessons]) -> None:
    """Delete the speech models that none of these lessons needs."""
    needed = {ear_path(settings, lessons) for lessons in kept}
    for path in settings.speech_models_dir.glob("*"):
        if path not in needed and path.is_dir():
            log.info("the old speech model %s is deleted", path.name)
            shutil.rmtree(path, ignore_errors=True)


def sayable(word: str) -> bool:
    """Can it be learnt? Numbers in digits are not words."""
    return not any(letter.isdigit() for letter in word)


async def _make(settings: Settings, lessons: Lessons, target: Path, output: Path) -> None:
    """Build in a folder of its own, try it in a process of its own, then put it in its place."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        sentences = partial / "sentences.txt"
        texts = [text for known in lessons.examples.values() for text in known]
        sentences.write_text("\n".join(texts) + "\n", encoding="utf-8")
        made = partial / "model"
        await _run(output, {}, str(SCRIPT), str(settings.model_dir), str(sentences), str(made))
        environment = {
            "CALLBOT_MODEL_DIR": str(made),
            "CALLBOT_SAMPLE_RATE_HZ": str(settings.sample_rate_hz),
            "CALLBOT_STATE_DIR": str(settings.state_dir),
        }
        # A damaged graph may end the process that loads it.
        await _run(output, environment, "-m", "callbot", "models", "check")
        made.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


async def _run(output: Path, environment: Mapping[str, str], *arguments: str) -> None:
    """Run our Python at the lowest priority; it ends with us, and when we are cancelled."""
    with output.open("ab") as log_file:
        process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL", "nice", "-n", str(NICE), sys.executable, *arguments),
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            start_new_session=True,
        )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
    if code != 0:
        raise SpeechModelError(f"{' '.join(arguments[:3])} failed with code {code}, see {output}")
