"""The words of each move."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from callbot.dialogue import forms, state
from callbot.dialogue.moves import (
    FRONT_DESK,
    Answer,
    Ask,
    AskSlot,
    Choose,
    Confirm,
    ConfirmRequest,
    Emergency,
    Goodbye,
    Greet,
    MessageTaken,
    Move,
    OfferCallBack,
    OfferMessage,
    Register,
    Repeat,
    SendText,
    SpeakLanguage,
    StopRecording,
    TakeMessage,
    TellStatus,
    Transfer,
    Wait,
)
from callbot.town.answers import Answers
from callbot.town.spoken import say_date, say_digits, say_number, say_phone
from callbot.town.yaml_files import read_yaml
from callbot.types import Known, Queueing, Sentence

TEMPLATES: dict[str, str] = read_yaml(Path(__file__).parent / "sentences.yml")[0]
"""All sentences by id, with their holes."""
ASKED = "on vous demandera"
"""In an answer, the sentence that names the pieces: the bot asks for them itself."""
_PARTS = {"matin": "le matin", "après-midi": "l'après-midi", "soir": "le soir"}
FIXED = ("handover", "nobody")
"""Sentences kept under their own name: the dialplan and emergencies play them."""
MASKED = {
    **dict.fromkeys(("number", "street", "landmark"), "[adresse]"),
    **dict.fromkeys(("name", "name_dates"), "[nom]"),
    "phone": "[téléphone]",
    "reference": "[numéro]",
    "details": "[précisions]",
    "status": "[état de la demande]",
}
"""What the journal keeps instead of a piece that is said back."""


def sentence(id: str, about: str = "", **values: str) -> Sentence:
    """One of the bot's own sentences.

    Args:
        about: what fills its holes, part of its id: a recording says one filling only.
    """
    return Sentence("_".join(filter(None, [id, about])), TEMPLATES[id].format(**values).strip())


def varied(said: Sentence, times: int) -> Sentence:
    """A sentence that was said `times` times already, in other words where there are any."""
    ways = [said.id, *(id for id in (f"{said.id}_2", f"{said.id}_3") if id in TEMPLATES)]
    way = ways[times % len(ways)]
    return said if way == said.id else sentence(way)


def fixed() -> list[Sentence]:
    """The sentences that must exist whatever breaks later."""
    return [sentence(id) for id in FIXED]


def words(move: Move, answers: Answers, now: datetime, told: str = "", last: bool = True) -> list[Sentence]:
    """What the bot says for a move; of Repeat only what comes before the last words.

    Args:
        told: what came of it: a request's number or its state, what a live source says, a TextResult.
        last: nothing more is said before the caller speaks.
    """
    more = [sentence("ask_anything_else")] if last else []
    match move:
        case Greet(recorded):
            notice = [sentence("recorded")] if recorded else []
            return [sentence("greeting", town=answers.town.name), *notice, sentence("question")]
        case StopRecording():
            return [sentence("recording_stopped")]
        case Answer(state.DEAF):
            return [*_answer(state.DEAF, answers, now), sentence("offer_human")]
        case Answer(intent) if told:
            return [Sentence(f"{intent}_live", told, personal=True, masked=told), *more]
        case Answer(intent, offers_text=True) if last:
            return [*_answer(intent, answers, now), sentence("offer_text")]
        case Answer(intent):
            known = answers.catalog.get(intent)
            # "Oui, je suis un robot." leaves the word to the caller; an answer asks for the next question.
            is_control = known is not None and known.kind == "control"
            return [*_answer(intent, answers, now), *([] if is_control else more)]
        case Confirm(intent):
            return [sentence("confirm", intent, what=_name(intent, answers))]
        case Choose(first, second):
            names = {"first": _name(first, answers), "second": _name(second, answers)}
            return [sentence("choose", f"{first}_{second}", **names)]
        case Ask(reason):
            return [sentence(f"ask_{reason}")]
        case AskSlot(state.FOLLOW_UP, "reference", again=again):
            return [*([sentence("ask_again")] if again else []), sentence("slot_request")]
        case AskSlot(slot=forms.MOBILE, again=again):
            return [*([sentence("ask_again")] if again else []), sentence("slot_mobile")]
        case AskSlot(unfit=("past" | "far") as unfit):
            return [sentence(f"day_{unfit}"), sentence("slot_other_date")]
        case AskSlot(intent, unfit=day) if day:
            return [_shut(day, intent, answers, now), sentence("slot_other_date")]
        case AskSlot(intent, slot, known, again):
            heard = _said_back("noted", intent, known, answers, now)
            return [*([sentence("ask_again")] if again else [heard]), sentence(f"slot_{slot}")]
        case ConfirmRequest(intent, known):
            return [_said_back("confirm_request", intent, known, answers, now)]
        case Register(intent, _, complete):
            if not complete:
                return []
            kept = _personal("registered", number=(say_digits(told), MASKED["reference"]))
            return [kept, *_advice(intent, answers, now), *more]
        case TellStatus():
            return [Sentence("status", told, personal=True, masked=MASKED["status"]), *more]
        case SendText():
            return [sentence(f"text_{told}"), *more]
        case OfferMessage(_, reason, intent):
            is_open = answers.town.calendar(FRONT_DESK).at(now).is_open  # but nobody is at a telephone
            away = sentence("message_nobody") if reason == "nobody" or is_open else _closed(answers, now)
            return [*_answer(intent, answers, now), away, sentence("offer_message")]
        case TakeMessage():
            return [sentence("leave_message")]
        case MessageTaken():
            return [sentence("message_taken"), *more]
        case SpeakLanguage(language):
            return _in_language(language)
        case Wait():
            return [sentence("wait")]
        case Emergency():
            urgent = _answer("urgence_vitale", answers, now)
            return [*urgent, sentence("once_more"), *urgent, sentence("offer_human")]
        case Transfer(service, reason, intent, wait):
            announced = _announced(service, reason, answers)
            return [*_answer(intent, answers, now), announced, *_queue(wait)]
        case OfferCallBack(Transfer(intent=intent), wait):
            return [*_answer(intent, answers, now), *_queue(wait), sentence("offer_call_back")]
        case Goodbye(off_topic):
            return [sentence("goodbye_off_topic" if off_topic else "goodbye")]
        case Repeat(manner):
            return [sentence(f"repeat_{manner}")] if manner else []


def every_sentence(answers: Answers, now: datetime) -> list[Sentence]:
    """All that can be said in this town at this moment, to be rendered before it is needed."""
    ready = [
        replace(sentence(id, town=answers.town.name), language=_language(id))
        for id, template in TEMPLATES.items()
        if not any(hole in template for hole in ("{what}", "{service}", "{first}", "{number}"))
    ]
    for intent in answers.catalog:
        ready.extend(_answer(intent.id, answers, now))
        if intent.name:
            ready.append(sentence("confirm", intent.id, what=intent.name))
    ready.extend(_announced(service, "service", answers) for service in answers.town.services)
    return ready


def _language(id: str) -> str:
    return id.removeprefix("language_") if id.startswith("language_") else "fr"


def _in_language(language: str) -> list[Sentence]:
    if language == "fr":
        return [sentence("language_fr"), *_in_language("en")]
    known = f"language_{language}" if f"language_{language}" in TEMPLATES else "language_en"
    return [replace(sentence(known), language=_language(known))]


def _personal(id: str, **values: tuple[str, str]) -> Sentence:
    """A sentence that says back what this caller said: no recording of it is kept.

    Args:
        values: what fills a hole, and what the journal keeps of it.
    """
    spoken = {name: value for name, (value, _) in values.items()}
    masked = {name: value for name, (_, value) in values.items()}
    said = TEMPLATES[id].format(**spoken).strip()
    return Sentence(id, said, personal=True, masked=TEMPLATES[id].format(**masked).strip())


def _said_back(id: str, intent: str, known: Known, answers: Answers, now: datetime) -> Sentence:
    """`Je note : signaler un nid-de-poule, 17 rue pasteur.`"""
    hidden = dict.fromkeys(MASKED.get(name, value if name == "date" else "") for name, value in known)
    today = now.date()
    days = [_day(value, today) if value[:1].isdigit() else value for value in hidden]
    kept = ", ".join(filter(None, [_name(intent, answers), *days]))
    return _personal(id, what=(_what(intent, known, answers, today), kept))


def _day(value: str, today: date) -> str:
    """`2026-11-24 matin` -> `mardi 24 novembre matin`."""
    day, _, part = value.partition(" ")
    return f"{say_date(date.fromisoformat(day), today)} {part}".strip()


def _shut(value: str, intent: str, answers: Answers, now: datetime) -> Sentence:
    """`Le vendredi premier janvier, c'est fermé, c'est un jour férié.`"""
    iso, _, part = value.partition(" ")
    day, known = date.fromisoformat(iso), answers.catalog.get(intent)
    because = answers.town.calendar(known.service if known else FRONT_DESK).closed_because(day)
    pieces = (f"Le {say_date(day, now.date())}", _PARTS.get(part), "c'est fermé", because)
    said = f"{', '.join(filter(None, pieces))}."
    return Sentence("day_shut", said, personal=True, masked=said)


def _what(intent: str, known: Known, answers: Answers, today: date) -> str:
    """`signaler un nid-de-poule, 17 rue pasteur`."""
    values = dict(known)
    place = " ".join(filter(None, (values.get(part, "") for part in forms.ADDRESS_PARTS[:2])))
    parts = [_name(intent, answers), place, values.get("landmark", "")]
    for name, value in known:
        match name:
            case "date":
                parts.append(_day(value, today))
            case "phone":
                parts.append(say_phone(value))
            case "reference":
                parts.append(f"numéro {say_digits(value)}")
            case "name" | "name_dates" | "details":
                parts.append(value)
    return ", ".join(filter(None, parts))


def _advice(intent: str, answers: Answers, now: datetime) -> list[Sentence]:
    """What an answer to a request says beside the pieces it needs: « N'approchez pas du nid. »"""
    known = answers.catalog.get(intent)
    if known is None or known.kind != "case":
        return []
    parts = re.split(r"(?<=[.!?]) ", answers.text(known, now))
    kept = [part for part in parts if ASKED not in part.lower()]
    return [Sentence(f"{intent}_advice", " ".join(kept))] if any(kept) else []


def _announced(service: str, reason: str, answers: Answers) -> Sentence:
    """The announcement names who really answers: a service without a queue of its own is the front desk's."""
    if reason != "service":
        return sentence(f"transfer_{reason}")
    own, desk = answers.town.service(service), answers.town.service(FRONT_DESK)
    who, about = (desk, FRONT_DESK) if own.queue == desk.queue else (own, service)
    return sentence("transfer_service", about, service=who.name)


def _closed(answers: Answers, now: datetime) -> Sentence:
    """`L'accueil de la mairie est fermé en ce moment, et rouvre lundi à huit heures trente.`"""
    name = answers.town.service(FRONT_DESK).name
    state = answers.town.calendar(FRONT_DESK).say_now(now)
    return Sentence("closed", f"{name[0].upper()}{name[1:]} est {state}.")


def _queue(wait: Queueing | None) -> list[Sentence]:
    """`Il y a deux personnes avant vous, environ trois minutes.`; nothing when nobody is."""
    if wait is None or not wait.before:
        return []
    people = "une personne" if wait.before == 1 else f"{say_number(wait.before)} personnes"
    about = ""
    if wait.seconds is not None:
        minutes = max(1, round(wait.seconds / 60))
        about = ", environ une minute" if minutes == 1 else f", environ {say_number(minutes)} minutes"
    return [Sentence("queue", f"Il y a {people} avant vous{about}.")]


def _answer(intent: str, answers: Answers, now: datetime) -> list[Sentence]:
    known = answers.catalog.get(intent)
    if known is None or not known.answer:
        return []
    return [Sentence(intent, answers.text(known, now))]


def _name(intent: str, answers: Answers) -> str:
    known = answers.catalog.get(intent)
    return known.name if known is not None else ""
