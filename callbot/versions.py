"""What a call is held with: callbot itself, the speech model, the town's file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from callbot.errors import SettingsError
from callbot.settings import Settings
from callbot.town.communes import named
from callbot.town.profile import town_path

SAMPLE = 65536
"""Bytes read of each end of a model's file: a large model has gigabytes."""
DIGITS = 12


def versions(settings: Settings, ear: Path) -> Mapping[str, Mapping[str, str]]:
    """By commune's key: names of the three, with a hash of what may change under a name.

    Args:
        ear: folder of the speech model that hears.

    Raises:
        SettingsError: one of the files can't be read.
    """
    try:
        same = {"callbot": metadata.version("callbot"), "speech": speech_version(ear)}
        return {key: {**same, "town": f"{key}-{_file_hash(path)}"} for key, path in _towns(settings).items()}
    except OSError as error:
        raise SettingsError(f"{error.filename}: {error.strerror}") from error


def speech_version(folder: Path) -> str:
    """A speech model's name, with a hash of its files.

    Raises:
        SettingsError: it can't be read.
    """
    try:
        return f"{folder.name}-{_folder_hash(folder)}"
    except OSError as error:
        raise SettingsError(f"{error.filename}: {error.strerror}") from error


def _towns(settings: Settings) -> dict[str, Path]:
    return {Path(name).stem: town_path(name) for name in named(settings.town)}


def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS]


def _folder_hash(folder: Path) -> str:
    """Of every file: its name, its size and both its ends."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder)}\0{size}\0".encode())
        with path.open("rb") as file:
            digest.update(file.read(SAMPLE))
            file.seek(max(0, size - SAMPLE))
            digest.update(file.read(SAMPLE))
    return digest.hexdigest()[:DIGITS]
