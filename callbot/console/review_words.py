"""The review's words in French, and the intents one may choose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from callbot.console.words import Words
from callbot.journal.search import folded, words_of
from callbot.types import OUT_OF_SCOPE

OUTCOMES = {
    "answered": "Répondu par le robot",
    "transferred": "Transféré",
    "message": "Message laissé",
    "hung_up": "A raccroché sans réponse",
    "failed": "Panne",
    "ongoing": "En cours",
}
SIGNALS = {
    "wrong": "jugé mauvais par le standard",
    "failed": "panne",
    "not_understood": "non compris",
    "dissatisfied": "pas satisfait",
    "insulted": "insultes",
    "hung_up": "a raccroché sans réponse",
    "off_topic": "jugé hors sujet par le standard",
    "repairs": "plusieurs relances",
    "unsure": "robot peu sûr",
    "silent": "silence",
    "slow": "réponse lente",
}
BANDS = {"low": "incertaine (moins de 50 %)", "middle": "probable (50 à 85 %)", "high": "sûre (85 % et plus)"}
STAGES = {
    "endpoint": "fin de phrase",
    "decode": "reconnaissance",
    "nlu": "compréhension",
    "voice": "voix",
    "think": "réflexion",
}
KINDS = {"random": "tirage au hasard", "unsure": "tirage des moins sûres"}
VERSIONS = {"callbot": "callbot", "speech": "reconnaissance", "town": "commune"}
CONTROLS = {
    "conversation_oui": "dire oui",
    "conversation_non": "dire non",
    "conversation_repeter": "faire répéter",
    "conversation_plus_lentement": "faire parler plus lentement",
    "conversation_parler_plus_fort": "faire parler plus fort",
    "conversation_saluer": "dire bonjour",
    "conversation_remercier": "remercier",
    "conversation_au_revoir": "dire au revoir",
    "conversation_annuler": "annuler",
    "conversation_autre_question": "avoir une autre question",
    "conversation_insatisfait": "ne pas être satisfait",
    "conversation_attendre": "demander un instant",
    "conversation_insulte": "insulter",
    "conversation_ne_sait_pas": "ne pas savoir quoi dire",
    OUT_OF_SCOPE: "hors sujet (aucune intention ne convient)",
}
"""Intents that nobody is told the name of, so that the catalogue has none."""
_MOVES = {
    "greet": "accueille",
    "answer": "répond",
    "confirm": "demande de confirmer",
    "choose": "propose de choisir",
    "ask": "relance",
    "askslot": "demande une précision",
    "confirmrequest": "relit la demande",
    "register": "enregistre la demande",
    "tellstatus": "dit où en est la demande",
    "sendtext": "envoie un SMS",
    "offermessage": "propose de laisser un message",
    "takemessage": "prend un message",
    "messagetaken": "remercie du message",
    "repeat": "répète",
    "wait": "patiente",
    "emergency": "donne le numéro d'urgence",
    "speaklanguage": "parle une autre langue",
    "transfer": "transfère",
    "offercallback": "propose de rappeler",
    "goodbye": "prend congé",
    "hung_up": "l'appelant raccroche",
    "failed": "panne",
}
_ASKS = {
    "silence": "n'entend rien",
    "silence_yes_no": "n'entend rien",
    "silence_choice": "n'entend rien",
    "silence_slot": "n'entend rien",
    "still_there": "demande si l'appelant est là",
    "noise": "n'entend que du bruit",
    "unclear": "fait répéter",
    "denied": "s'est trompé, fait redire",
    "go_on": "invite à poser la question",
    "wrong_key": "touche sans effet",
    "sorry": "s'excuse",
    "insulted": "répond à une insulte",
    "what_to_change": "demande ce qu'il faut changer",
    "anything_else": "demande s'il y a autre chose",
    "unheard_message": "n'a pas entendu de message",
}
_NAMING = ("answer", "confirm", "choose", "register", "confirmrequest", "sendtext")
"""Moves whose details are intents."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An intent one may choose."""

    id: str
    name: str
    service: str
    """Its label."""
    found_by: str
    """Folded: what a search looks into."""


class Choices:
    """Every intent, by name.

    Args:
        words: the catalogue's.
        known: ids and services of the intents.
        learnt: ids, services and names of those that were learnt since.
    """

    def __init__(
        self, words: Words, known: Iterable[tuple[str, str]], learnt: Iterable[tuple[str, str, str]] = ()
    ) -> None:
        own = [(id, service, CONTROLS.get(id) or words.intent(id)) for id, service in known]
        there = {id for id, _, _ in own}
        own += [one for one in learnt if one[0] not in there]
        choices = (
            _choice(id, f"{name[:1].upper()}{name[1:]}", words.service(service)) for id, service, name in own
        )
        self.all = tuple(sorted(choices, key=lambda one: folded(one.name)))
        self._by_id: Mapping[str, Choice] = {one.id: one for one in self.all}
        self._by_name: Mapping[str, Choice] = {folded(one.name): one for one in self.all}

    def __contains__(self, id: str) -> bool:
        return id in self._by_id

    def name(self, id: str) -> str:
        """What an intent is called."""
        known = self._by_id.get(id)
        return known.name if known else id.replace("_", " ").capitalize() if id else "Rien de reconnu"

    def exactly(self, text: str) -> str:
        """The id of the intent that is called so, or has this id; empty when there is none."""
        if text in self._by_id:
            return text
        known = self._by_name.get(folded(" ".join(text.split())))
        return known.id if known else ""

    def find(self, text: str) -> tuple[Choice, ...]:
        """Those whose name or service holds a word that begins with each word of the text."""
        words = words_of(text)
        return tuple(one for one in self.all if words and all(f" {word}" in one.found_by for word in words))

    def move(self, move: str) -> str:
        """What the bot did: « répond : les horaires de la piscine »."""
        return ", puis ".join(self._part(part) for part in move.split("+")) if move else ""

    def _part(self, part: str) -> str:
        name, *details = part.split(":")
        if name == "ask" and details:
            return _ASKS.get(details[0], _MOVES["ask"])
        said = _MOVES.get(name, name)
        if name not in _NAMING or not details:
            return said
        return f"{said} : {' ou '.join(_inside(self.name(one)) for one in details)}"


def percent(share: float) -> str:
    """« 87 % »."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def decimal(number: float) -> str:
    """« 0,72 »."""
    return f"{number:.2f}".replace(".", ",")


def _inside(name: str) -> str:
    return f"{name[:1].lower()}{name[1:]}"


def _choice(id: str, name: str, service: str) -> Choice:
    searched = folded(f"{name} {service} {id}")
    found_by = " ".join("".join(char if char.isalnum() else " " for char in searched).split())
    return Choice(id, name, service, f" {found_by}")
