"""Masks who callers are in what is kept of their words: numbers, mails, names and addresses, said or typed.

What callers say comes from the recogniser: lower case, numbers in words, no punctuation. A word too many is
masked rather than a name too few, but what tells needs apart (services, streets spoken of) stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from callbot.journal.masking_names import names
from callbot.journal.masking_numbers import dictated, typed
from callbot.journal.masking_places import addresses
from callbot.journal.masking_words import Span, words

KINDS = {
    "name": "[nom]",
    "name_dates": "[nom]",
    "address": "[adresse]",
    "number": "[adresse]",
    "street": "[adresse]",
    "landmark": "[adresse]",
    "phone": "[téléphone]",
    "reference": "[numéro]",
}
"""What stands for the answer to a question, by the slot that was asked for."""


def mask(text: str, gave: str = "") -> str:
    """The text with « [nom] », « [téléphone] », « [adresse] », « [courriel] », « [numéro] » in their places.

    Args:
        gave: the slot of a request that these words were the answer to: « dupont » alone is a name then.
    """
    if not text or gave in KINDS:
        return KINDS[gave] if text else ""
    found = list(typed(text))
    said = words(text)
    for rule in (dictated, addresses, names):
        found.extend(span for span in rule(said) if not _overlaps(span, found))
    for span in sorted(found, reverse=True):
        text = f"{text[: span.start]}{span.kind}{text[span.end :]}"
    return text


def _overlaps(span: Span, others: Iterable[Span]) -> bool:
    return any(span.start < other.end and other.start < span.end for other in others)
