"""Values said aloud: here, which of two things offered. Dates, numbers and streets come with the requests."""

from __future__ import annotations

import re
import unicodedata

# A cardinal picks only when it stands alone: « un instant » does not.
_FIRST = re.compile(r"\bpremiere?\b|^(euh )?((le|la|numero) )?une?$")
_SECOND = re.compile(r"\b(deuxieme|seconde?|derniere?)\b|^(euh )?((le|la|numero) )?deux$")
MAX_WORDS = 6
"""« une copie de mon acte… » is no choice of the first: only short replies pick."""


def picked(text: str) -> int | None:
    """1 or 2 for `le premier`, `la deuxième`, `le deux`; None when the words pick neither, or both."""
    plain = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    if len(plain.split()) > MAX_WORDS:
        return None
    first, second = bool(_FIRST.search(plain)), bool(_SECOND.search(plain))
    return None if first == second else 1 if first else 2
