"""The ear that goes with what was learnt: a speech model that knows more words than the settings' own.

Which one is in force needs no record of its own: its folder is named by the settings' model and by the
sentences that the Rasa model in force learnt. While it is not there (nothing new to hear, a folder lost,
another `model_dir`), the settings' own model hears.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from callbot.errors import SpeechModelError
from callbot.models_in_force import Files
from callbot.quality.learned import LearnedError, Lessons, read
from callbot.settings import Settings
from callbot.speech.recognizer import SpeechModel
from callbot.versions import speech_version, versions

log = logging.getLogger(__name__)

RECIPE = "1"
"""Of scripts/asr/learn_words.py: another one makes other models of the same words."""
DIGITS = 12


@dataclass(frozen=True, slots=True)
class Hearing:
    """What the calls that begin now are heard with."""

    folder: Path
    model: SpeechModel
    versions: Mapping[str, Mapping[str, str]]
    """See `callbot.versions`."""


def ear_path(settings: Settings, lessons: Lessons) -> Path:
    """Where the speech model that knows these lessons' words is, or will be.

    Raises:
        SettingsError: the settings' own model can't be read.
    """
    texts = sorted(text for known in lessons.examples.values() for text in known)
    identity = "\0".join((RECIPE, speech_version(settings.model_dir), *texts))
    digest = hashlib.sha256(identity.encode()).hexdigest()[:DIGITS]
    return settings.speech_models_dir / f"{settings.model_dir.name}-{digest}"


def ear_of(settings: Settings, files: Files) -> Path:
    """Folder of the speech model that hears for a Rasa model.

    Raises:
        SettingsError: the settings' own model can't be read.
    """
    try:
        lessons = read(files.answers.parent)
    except LearnedError as error:
        log.error("which words were learnt can't be read: %s", error)
        lessons = Lessons()
    if lessons.examples and (path := ear_path(settings, lessons)).is_dir():
        return path
    return settings.model_dir


def first_hearing(settings: Settings, files: Files) -> Hearing:
    """What the server hears with when it starts; a learnt model that is broken does not keep it from that.

    Raises:
        SpeechModelError: not even the settings' own model loads.
    """
    folder = ear_of(settings, files)
    try:
        return _open(settings, folder)
    except SpeechModelError as error:
        if folder == settings.model_dir:
            raise
        log.error("the words that were learnt are not heard: %s", error)
        return _open(settings, settings.model_dir)


def next_hearing(settings: Settings, files: Files, now: Hearing) -> Hearing:
    """What hears for a Rasa model that is put into service; blocks while it loads, unless it hears already.

    Raises:
        SpeechModelError: it does not load.
    """
    folder = ear_of(settings, files)
    return now if folder == now.folder else _open(settings, folder)


def _open(settings: Settings, folder: Path) -> Hearing:
    model = SpeechModel(folder, settings.sample_rate_hz, settings.nbest)
    return Hearing(folder, model, versions(settings, folder))


def unknown_words(model_dir: Path, lessons: Lessons) -> list[str]:
    """Words of what was learnt that the ear can't hear; none when the model does not list what it knows."""
    known = _heard(model_dir)
    if not known:
        return []
    words = {word for texts in lessons.examples.values() for text in texts for word in _split(text)}
    return sorted(words - known)


def _split(text: str) -> Iterator[str]:
    """The words as the recogniser writes them: « l' » and « acte », « sœur »."""
    for word in re.sub(r"oe(?=u|il)", "œ", text).replace("'", "' ").split():
        yield from (part for part in word.split("-") if part)


def _heard(model_dir: Path) -> set[str]:
    try:
        lines = (model_dir / "graph" / "words.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    words = {line.split()[0] for line in lines if line.strip()}
    return words | {part for word in words for part in _split(word)}
