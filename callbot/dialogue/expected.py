"""The answers a closed question expects, for the ear to listen out for."""

from __future__ import annotations

import functools

from callbot.dialogue.state import State
from callbot.speech.closed import Grammar
from callbot.town.spoken import say_number

ANYWHERE = (
    *("pardon", "répétez", "répétez s'il vous plaît", "quelqu'un", "je veux parler à quelqu'un"),
    *("attendez", "attendez une minute", "je ne sais pas"),
)
_YES = (
    *("oui", "oui oui", "oui merci", "oui s'il vous plaît", "oui c'est ça", "oui voilà", "oui d'accord"),
    *(
        "oui tout à fait",
        "oui bien sûr",
        "oui je veux bien",
        "oui c'est bien ça",
        "ouais",
        "c'est ça",
        "voilà",
    ),
    *("tout à fait", "exactement", "absolument", "bien sûr", "d'accord", "volontiers"),
)
_NO = (
    *(
        "non",
        "non non",
        "non merci",
        "non pas du tout",
        "non c'est pas ça",
        "non ce n'est pas ça",
        "pas du tout",
    ),
    *("c'est pas ça", "non pas ça"),
)
_CHOICES = (
    *("le premier", "la première", "le deuxième", "la deuxième", "le second", "la seconde", "le dernier"),
    *("plutôt le premier", "plutôt le deuxième", "le un", "le deux", "un", "deux", "la deux", "la une"),
    *("ni l'un ni l'autre", "aucun des deux"),
)
_ENDS = (
    *("non c'est tout", "non c'est tout merci", "non c'est bon", "non c'est bon merci", "c'est tout"),
    *("non merci c'est tout", "non merci au revoir", "merci", "merci au revoir", "merci beaucoup au revoir"),
    "au revoir",
)
_WHEN = ("après", "avant", "vers", "à partir de", "heures", "heure")
"""Whoever is asked for a number to be called back at says when, too."""
_NUMBERS = (*map(say_number, range(100)), "cent", "mille")

YES_NO = Grammar((*_YES, *_NO, *ANYWHERE))
CHOICE = Grammar((*_CHOICES, *_YES, *_NO, *ANYWHERE))
ANYTHING_ELSE = Grammar((*_YES, *_NO, *_ENDS, *ANYWHERE))
NUMBERS = Grammar((*_NUMBERS, "c'est le", "alors", "euh", "voilà", *_WHEN), any_order=True)
_OF_SLOT = {"phone": NUMBERS, "reference": NUMBERS, "": YES_NO}


def expected(state: State, streets: tuple[str, ...] = ()) -> Grammar | None:
    """The answers to what was asked last; None after an open question.

    Args:
        streets: the town's.
    """
    if state.form is not None:
        if state.form.asked in ("address", "street") and streets:
            return addresses(streets)
        return _OF_SLOT.get(state.form.asked)
    if state.choice:
        return CHOICE
    if state.pending:
        return YES_NO
    return ANYTHING_ELSE if state.offered_more else None


@functools.lru_cache(maxsize=8)
def addresses(streets: tuple[str, ...]) -> Grammar:
    """House numbers and these streets, as they are said."""
    said = (" ".join(street.lower().replace("-", " ").split()) for street in streets)
    return Grammar((*said, *_NUMBERS, "bis", "ter", "au", "c'est", "numéro"), any_order=True, longest_s=3)
