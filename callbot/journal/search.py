"""Words looked for in what callers said: accents and capitals make no difference, every word must be there.

Each engine's own pattern matching does it, so that nothing callers said is written down a second time in an
index that erasure would have to know: GLOB in SQLite, regular expressions in PostgreSQL.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, and_, false, literal, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

MOST_WORDS = 12
"""Of one search."""
_LONGEST_WORD = 40
_ACCENTED = {
    "a": "aàâäáã",
    "c": "cç",
    "e": "eéèêë",
    "i": "iîïí",
    "n": "nñ",
    "o": "oôöóõ",
    "u": "uùûüú",
    "y": "yÿ",
}
_BETWEEN = "[^0-9A-Za-zÀ-ÿŒœ]"
"""What stands before a word. Named letter by letter: what a class like \\w holds depends on the locale."""


def folded(text: str) -> str:
    """Small letters without accents: « Où est l'École ? » is « ou est l'ecole ? »."""
    plain = text.lower().replace("œ", "oe").replace("æ", "ae").replace("’", "'")
    return "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))


def words_of(text: str) -> tuple[str, ...]:
    """The words to look for, folded; the first dozen."""
    found = re.findall(r"[^\W_]+", folded(text))
    return tuple(dict.fromkeys(word[:_LONGEST_WORD] for word in found))[:MOST_WORDS]


def says(session: Session, column: InstrumentedAttribute[str], text: str) -> ColumnElement[bool]:
    """Every word of the text begins a word in this column; a text without a word is in none."""
    words = words_of(text)
    if not words:
        return false()
    postgres = session.get_bind().dialect.name == "postgresql"
    begins = _begins_in_postgres if postgres else _begins_in_sqlite
    return and_(*(or_(*(begins(column, spelling) for spelling in _spellings(word))) for word in words))


def _spellings(word: str) -> set[str]:
    """« coeur » is « cœur » too."""
    return {word, word.replace("oe", "œ"), word.replace("ae", "æ")}


def _begins_in_sqlite(column: InstrumentedAttribute[str], word: str) -> ColumnElement[Any]:
    # LIKE is several times faster than GLOB and leaves little to look at: « p_sc_ne » for « piscine ».
    rough = "".join("_" if letter in _ACCENTED or not letter.isascii() else letter for letter in word)
    spaced = literal(" ").concat(column)
    return and_(column.like(f"%{rough}%"), spaced.op("GLOB")(f"*{_BETWEEN}{_pattern(word)}*"))


def _begins_in_postgres(column: InstrumentedAttribute[str], word: str) -> ColumnElement[Any]:
    return column.op("~")(f"(^|{_BETWEEN}){_pattern(word)}")


def _pattern(word: str) -> str:
    """The word in any writing; letters and digits only, so that nothing in it is a sign of the pattern's."""
    classes = (_ACCENTED.get(letter, letter) for letter in word)
    return "".join(f"[{''.join(dict.fromkeys(one + one.upper()))}]" for one in classes)
