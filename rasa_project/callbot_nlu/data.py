"""The project's training sentences, and which of them a second writer wrote."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import yaml

# libyaml reads a megabyte of sentences twenty times faster, where it is built in.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SECOND_WRITER = "_relecture"
"""Files with this in their names are by second and later readers, who saw the definitions only."""


@dataclass(frozen=True)
class Sentence:
    """A training sentence; `second` if a second or later reader wrote it."""

    text: str
    intent: str
    second: bool


def load(folder: Path) -> list[Sentence]:
    """All sentences of a folder's NLU files.

    Raises:
        ValueError: no sentence there.
    """
    sentences = []
    for path in sorted(folder.rglob("*.yml")):
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
        second = SECOND_WRITER in path.stem
        for item in (content or {}).get("nlu") or []:
            lines = str(item.get("examples", "")).splitlines()
            texts = [line.strip()[2:].strip() for line in lines if line.strip().startswith("- ")]
            sentences += [Sentence(text, item["intent"], second) for text in texts if "intent" in item]
    if not sentences:
        raise ValueError(f"no training sentences in {folder}")
    return sentences


def digest(sentences: list[Sentence]) -> str:
    """Identity of the sentences."""
    lines = sorted(f"{sentence.intent}\t{sentence.text}" for sentence in sentences)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
