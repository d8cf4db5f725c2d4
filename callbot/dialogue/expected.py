"""The answers a closed question expects, for the ear to listen out for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

from callbot.dialogue.state import State
from callbot.speech.closed import Grammar
from callbot.town.spoken import say_number
from callbot.understanding.phones import find_phone

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
        *("oui c'est bon", "oui exactement", "oui voilà c'est ça", "oui très bien", "oui parfait"),
        *("oui allez-y", "oui c'est exact", "oui absolument", "oui effectivement"),
        *("c'est bon", "parfait", "c'est parfait"),
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
_BEFORE_A_DIGIT = 5 * tuple(f"zéro {say_number(digit)}" for digit in range(10))
"""What is listed more often is likelier to the grammar: else « zéro six douze » becomes « zéro douze »."""

YES_NO = Grammar((*_YES, *_NO, *ANYWHERE))
CHOICE = Grammar((*_CHOICES, *_YES, *_NO, *ANYWHERE))
ANYTHING_ELSE = Grammar((*_YES, *_NO, *_ENDS, *ANYWHERE))
NUMBERS = Grammar((*_NUMBERS, "c'est le", "alors", "euh", "voilà", *_WHEN), any_order=True)
PHONES = replace(
    NUMBERS, phrases=(*NUMBERS.phrases, *_BEFORE_A_DIGIT), whole=lambda text: bool(find_phone(text))
)
_OF_SLOT = {"phone": PHONES, "reference": NUMBERS, "": YES_NO}


def expected(
    state: State, streets: tuple[str, ...] = (), slots: Callable[[str], tuple[str, ...]] = lambda _: ()
) -> Grammar | None:
    """The answers to what was asked last; None after an open question.

    Args:
        streets: the town's.
        slots: what a request needs; « trente rue de la gare » is a yes to one that needs an address.
    """
    if state.form is not None:
        if state.form.asked in ("address", "street") and streets:
            return addresses(streets)
        return _OF_SLOT.get(state.form.asked)
    if state.choice:
        return _or_pieces(CHOICE, frozenset(slot for one in state.choice for slot in slots(one)[:1]), streets)
    if state.pending:
        return _or_pieces(YES_NO, frozenset(slots(state.pending)[:1]), streets)
    return ANYTHING_ELSE if state.offered_more else None


@functools.lru_cache(maxsize=16)
def _or_pieces(answers: Grammar, slots: frozenset[str], streets: tuple[str, ...]) -> Grammar:
    """These answers, or at once the first piece that the request would be asked for, or both."""
    pieces = PHONES if "phone" in slots else NUMBERS if "reference" in slots else None
    if slots & {"address", "street"} and streets:
        pieces = addresses(streets)
    if pieces is None:
        return answers
    return replace(pieces, phrases=(*answers.phrases, *pieces.phrases))


@functools.lru_cache(maxsize=8)
def addresses(streets: tuple[str, ...]) -> Grammar:
    """House numbers and these streets, as they are said."""
    said = (" ".join(street.lower().replace("-", " ").split()) for street in streets)
    return Grammar((*said, *_NUMBERS, "bis", "ter", "au", "c'est", "numéro"), any_order=True, longest_s=3)
