"""From calls in vain to an answer the bot can give: gathering, due dates, what an answer may hold."""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from callbot.journal.local_days import begin_of, day_of
from callbot.journal.questions import Asked
from callbot.journal.unanswered import Gathering
from callbot.quality import clusters
from callbot.town.calendar import Calendar
from callbot.town.spoken import MONTHS, WEEKDAYS, say_all
from callbot.types import Draft

log = logging.getLogger(__name__)

WORKING_DAYS = 5
"""A service has so many to answer."""
MOST_WORDS = 35
"""Of an answer: it is heard."""
LEAST_EXAMPLES = 3

_ONE_AT_A_TIME = threading.Lock()
_SITE = re.compile(r"https?:|www\.|\w\.(fr|com|org|net|eu|gouv)\b|\S@\S", re.IGNORECASE)
_SIGNS = re.compile(r"[()\[\]{}*_/<>|#\\]|\bcf\.", re.IGNORECASE)
_WORD = re.compile(r"\w[\w'’-]*")


def refresh(gathering: Gathering, nlu_project: Path) -> int:
    """Gather what was asked in vain since the last time and put it together; returns how much is new.

    Quick when nothing is new; the first time in a process takes some seconds.

    Args:
        nlu_project: the Rasa project, whose words are compared with.

    Raises:
        JournalError: the database is away.
        TownError: the project's lexicon can't be read.
    """
    with _ONE_AT_A_TIME:
        gathering.forget_understood()
        new = new_sayings(gathering)
        if not new:
            return 0
        waiting = {one.turn_id: one.text for one in gathering.alone()}
        meaning = clusters.of_project(nlu_project)
        found = clusters.cluster(meaning, waiting | new, gathering.known())
        gathering.place(list(new), found.joined, found.formed)
        log.info("%d turns in vain gathered, %d new questions", len(new), len(found.formed))
        return len(new)


def new_sayings(gathering: Gathering) -> dict[int, str]:
    """By turn, what was asked in vain since the last time; words that say nothing are left out.

    Raises:
        JournalError: the database is away.
    """
    return {one.turn_id: one.text for one in gathering.found() if clusters.content(one.text)}


def due(calendar: Calendar, today: date, days: int = WORKING_DAYS) -> date:
    """The day by which a service answers: so many days on, without weekends, holidays and closures."""
    day = today
    while days:
        day += timedelta(days=1)
        if day.weekday() < 5 and not calendar.closed_because(day):
            days -= 1
    return day


def end_of(day: date) -> datetime:
    """The last moment of a day here, UTC without zone."""
    return begin_of(day + timedelta(days=1)) - timedelta(seconds=1)


def faults(answer: str) -> tuple[str, ...]:
    """What keeps an answer from being spoken, in French; empty when nothing does."""
    text = say_all(answer)
    words = len(_WORD.findall(text))
    found = []
    if not words:
        found.append("La réponse est vide.")
    if words > MOST_WORDS:
        found.append(
            f"La réponse a {words} mots une fois dite, {MOST_WORDS} au plus : elle est entendue, pas lue."
        )
    if _SITE.search(answer):
        found.append("Pas d'adresse de site ni de courriel : dites plutôt « sur le site de la ville ».")
    elif signs := _SIGNS.search(text):
        found.append(f"« {signs[0]} » ne se prononce pas : écrivez-le en mots.")
    return tuple(found)


def intent_id(service: str, name: str, taken: Collection[str]) -> str:
    """A new intent's id: service, then the words of its name: `environnement_ruche_jardin`."""
    folded = unicodedata.normalize("NFKD", name.lower().replace("œ", "oe").replace("æ", "ae"))
    words = re.findall(r"[a-z0-9]+", "".join(char for char in folded if not unicodedata.combining(char)))
    base = "_".join([service, *(word for word in words if word not in clusters.EMPTY)])[:60].rstrip("_")
    tried = base
    count = 1
    while tried in taken:
        count += 1
        tried = f"{base}_{count}"
    return tried


def mail(question: Asked, service: str, day: date, sayings: Iterable[str], key: str) -> Draft:
    """The question as a service gets it, in the words of `town/mail.py`.

    Args:
        service: its key.
        day: by which an answer is awaited.
        sayings: what callers said, masked.
        key: unique.
    """
    when = f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"
    lines = [
        f"Des appelants posent une question à laquelle le robot ne sait pas répondre : « {question.label} »",
        "",
        *(f"  - {text}" for text in sayings),
        "",
        f"Nombre d'appels : {question.calls}",
        f"Réponse attendue avant la fin du {when}, en {MOST_WORDS} mots au plus, sans adresse de site :",
        "elle sera dite au téléphone. Répondez au responsable qualité du standard.",
    ]
    content = {
        "service": service,
        "reference": f"Q{question.id}",
        "name": f"une question d'appelants, réponse avant le {when}",
        "description": "\n".join(lines),
        "requested_at": question.at.replace(tzinfo=UTC).isoformat(timespec="seconds"),
    }
    return Draft("mail", key, content)


def text_message(town: str, asked_at: datetime, answer: str) -> str:
    """What a caller who left a number gets: it says who writes, why, and the answer."""
    day = day_of(asked_at)
    return f"{town} : voici la réponse à la question que vous avez posée au standard le {day:%d/%m}. {answer}"
