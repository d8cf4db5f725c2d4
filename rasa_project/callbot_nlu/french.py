"""Spoken French as features see it: no accents, elisions apart, no fillers."""

from __future__ import annotations

import re
import unicodedata

# Hesitations carry no meaning.
FILLERS = frozenset("euh heu ben bah hein hum voila alors donc enfin bon quoi".split())
_WORD = re.compile(r"[a-z0-9]+'|[a-z0-9]+")


def normalize(text: str) -> str:
    """`Euh, l'Acte de naissance` -> `l' acte de naissance`."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    plain = plain.replace("œ", "oe").replace("æ", "ae")
    return " ".join(word for word in _WORD.findall(plain) if word not in FILLERS)
