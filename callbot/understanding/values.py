"""Values said aloud: here, which of two things offered. Dates, numbers and streets come with the requests."""

from __future__ import annotations

import re
import unicodedata

_POLITE = r"( s'il vous plait| merci)?"
_LEAD = r"(euh |alors |plutot |oui |c'est |ce serait )*"
_FIRST = re.compile(rf"{_LEAD}((le|la|au) )?(premiere?|(le |la |numero )?une?){_POLITE}")
_SECOND = re.compile(rf"{_LEAD}((le|la|au) )?(deuxieme|seconde?|derniere?|(le |la |numero )?deux){_POLITE}")


def picked(text: str) -> int | None:
    """1 or 2 for `le premier`, `plutôt la deuxième`, `le deux s'il vous plaît`; None for anything more.

    Only a reply that is nothing else picks: « pas le premier » and « une seconde » do not.
    """
    plain = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    plain = " ".join(plain.split())
    if _FIRST.fullmatch(plain):
        return 1
    return 2 if _SECOND.fullmatch(plain) else None
