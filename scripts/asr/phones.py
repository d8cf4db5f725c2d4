"""The phone set of the French telephone model and the ways into it from espeak-ng's notations.

Thirty phones and SIL. The letters are those of the MBROLA French voices (SAMPA) with the three front rounded
vowels and schwa merged into ``eu``, both nasal front vowels into ``e~`` and the palatal nasal split into
``n j``: espeak-ng does not tell them apart in MBROLA mode.
"""

from __future__ import annotations

import os
import subprocess
from typing import NamedTuple

PHONES: list[str] = "a e E i o O u y eu a~ e~ o~ p t k b d g f v s z S Z m n l R j w".split()  # noqa: SIM905
VOWELS: frozenset[str] = frozenset("a e E i o O u y eu a~ e~ o~".split())  # noqa: SIM905
PHONE_ID: dict[str, int] = {"SIL": 0, **{phone: i for i, phone in enumerate(PHONES, 1)}}
"""Acoustic number of a phone; pdf 2n is its first 30 ms frame, pdf 2n + 1 every later one."""
NUM_PHONES = len(PHONE_ID)
NUM_PDFS = 2 * NUM_PHONES

POSITIONS: dict[str, str] = {"B": "begin", "I": "internal", "E": "end", "S": "singleton"}

_SAME = {c: c for c in "p t k b d g f v s z S Z m n l j w".split()}  # noqa: SIM905
_VOICES_SAME = {c: c for c in "a e E i o O u y a~ e~ o~ R".split()}  # noqa: SIM905

MBROLA_TO_PHONES: dict[str, str] = {
    **_SAME, **_VOICES_SAME,
    "@": "eu", "2": "eu", "9": "eu", "V": "eu", "Y": "y", "I": "i", "U": "u", "A": "a", "3": "E", "E:": "E",
    "A~": "a~", "O~": "o~", "E~": "e~", "9~": "e~", "N": "n", "J": "n j", "H": "y", "r": "R", "x": "R",
    "T": "t", "D": "d", "tS": "t S", "dZ": "d Z", "ts": "t s", "dz": "d z", "h": "", "?": "",
}  # fmt: skip
"""MBROLA phone name (the .pho file's first column) to our phones, separated by blanks."""

IPA_TO_PHONES: dict[str, str] = {
    **{c: c for c in "a e i o u y p t k b d f v s z m n l j w".split()},  # noqa: SIM905
    "ɔ̃": "o~", "ɑ̃": "a~", "ɛ̃": "e~", "œ̃": "e~", "ə": "eu", "ø": "eu", "œ": "eu", "ʌ": "eu",
    "ɜ": "eu", "ɛ": "E", "ɔ": "O", "ɒ": "O", "ɑ": "a", "æ": "a", "ɐ": "a", "ʊ": "u", "ɪ": "i", "ɥ": "y",
    "ʁ": "R", "r": "R", "ɹ": "R", "ʀ": "R", "x": "R", "ʃ": "S", "ʒ": "Z", "tʃ": "t S", "dʒ": "d Z",
    "aɪ": "a j", "eɪ": "E j", "ɔɪ": "O j", "əʊ": "o", "oʊ": "o", "aʊ": "a w",
    "ɲ": "n j", "ŋ": "n", "θ": "t", "ð": "d", "ɡ": "g", "g": "g", "h": "", "ʔ": "",
}  # fmt: skip
"""International Phonetic Alphabet, as libespeak-ng's phoneme events give it, to our phones."""


class PhoSegment(NamedTuple):
    """One line of a MBROLA .pho file."""

    name: str
    """MBROLA phone name, ``_`` for a pause."""
    duration: float
    """Milliseconds."""
    pitch: list[tuple[float, float]]
    """(percent of the duration, hertz)."""


def parse_pho(text: str) -> list[PhoSegment]:
    """Read the .pho format: phone, milliseconds, then pairs of percent and hertz; ``;`` opens a comment."""
    segments = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 2 or fields[0].startswith(";"):
            continue
        values = [float(x) for x in fields[2:]]
        segments.append(
            PhoSegment(fields[0], float(fields[1]), list(zip(values[::2], values[1::2], strict=False)))
        )
    return segments


def speak_to_pho(text: str, voice: str = "mb-fr1") -> list[PhoSegment]:
    """Let espeak-ng say how a MBROLA voice would speak a text (no sound is made)."""
    command = ["espeak-ng", "-v", voice, "--pho", "-q", text]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return parse_pho(subprocess.run(command, capture_output=True, text=True, env=environment).stdout)


def pho_to_phones(segments: list[PhoSegment]) -> list[str] | None:
    """Phones of a spoken text without its pauses; None when espeak-ng left French for another language."""
    phones: list[str] = []
    for segment in segments:
        if segment.name == "_":
            continue
        if segment.name not in MBROLA_TO_PHONES:
            return None
        phones += MBROLA_TO_PHONES[segment.name].split()
    return phones


class PhoneTable(NamedTuple):
    """The phones as Kaldi numbers them, from 1; entry 0 is ``<eps>``."""

    names: list[str]
    pdfs: list[tuple[int, int]]
    """(pdf of the first frame, pdf of the later ones)."""
    kinds: list[str]
    """What phones/word_boundary.int says of each."""


def phone_table() -> PhoneTable:
    """SIL, then each phone at its four word positions, then copies ``g*`` for [unk]; all share pdfs."""
    names, pdfs, kinds = ["<eps>", "SIL"], [(-1, -1), (0, 1)], ["", "nonword"]
    for prefix in ("", "g"):
        for phone in PHONES:
            number = PHONE_ID[phone]
            for position, kind in POSITIONS.items():
                names.append(f"{prefix}{phone}_{position}")
                pdfs.append((2 * number, 2 * number + 1))
                kinds.append(kind)
    return PhoneTable(names, pdfs, kinds)
