"""How live facts are said in French."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime

from callbot.town.feeds import Event
from callbot.town.feeds_gbfs import Station
from callbot.town.spoken import say_all, say_date, say_day, say_number, say_time

MOST_CHARS = 160
"""Of one title, place or dish; a caller can't skim."""

_URL = re.compile(r"(?:https?://|www\.)\S+")
_DASH = re.compile(r"\s[-–—]+\s")
_MARKS = re.compile(r"[^\w\s'’.,;:!?…-]+|_+")
# « 012 - Gare » is an operator's code and a name.
_CODE = re.compile(r"^\d+\s*[-–:.]\s*(?=\D)")


def fold(text: str) -> str:
    """Lower case without accents, words with single blanks: names are compared so."""
    bare = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe").replace("’", "'"))
    return " ".join("".join(char for char in bare if not unicodedata.combining(char)).split())


def for_ear(text: str) -> str:
    """What somebody wrote, fit to be read out: hours and numbers in words, no web addresses, no signs."""
    said = say_all(_DASH.sub(", ", _URL.sub("", text)))
    said = " ".join(_MARKS.sub(" ", said).split()).strip(" .,;:!-–")
    return said if len(said) <= MOST_CHARS else said[:MOST_CHARS].rsplit(" ", 1)[0]


def station_name(name: str) -> str:
    """An operator's name of a station as people say it: `012 - PLACE DU 8 MAI` -> Place du huit mai."""
    bare = _CODE.sub("", name)
    return for_ear(bare.capitalize() if bare.isupper() else bare)


def say_station(name: str, station: Station, electric: int | None) -> str:
    """What stands at a station."""
    if not station.installed:
        return f"La station {name} n'est pas en place en ce moment."
    if not (station.renting or station.returning):
        return f"La station {name} est fermée en ce moment."
    docks = "" if station.docks is None else _count(station.docks, "place libre", "places libres", True)
    if not station.renting:
        left = f" Pour en rendre un, il y a {docks}." if station.docks else ""
        return f"{name} : on ne peut pas y prendre de vélo en ce moment.{left}"
    bikes = _count(station.vehicles, "vélo", "vélos", False)
    if electric and electric == station.vehicles:
        bikes += " électrique" if electric == 1 else ", tous électriques"
    elif electric:
        bikes += f", dont {say_number(electric)} électrique{'s' if electric > 1 else ''}"
    if not station.returning:
        return f"{name} : {bikes}, mais on ne peut pas y rendre de vélo en ce moment."
    if not docks:
        return f"{name} : {bikes}."
    comma = "," if "," in bikes else ""
    return f"{name} : {bikes}{comma} et {docks}."


def _count(number: int, one: str, many: str, feminine: bool) -> str:
    """`aucune place libre`, `une place libre`, `vingt et une places libres`."""
    if number == 0:
        return f"aucun{'e' if feminine else ''} {one}"
    words = say_number(number)
    if feminine and words.endswith("un"):
        words += "e"
    return f"{words} {one if number == 1 else many}"


WASTE = {
    "dechets_jour_collecte_ordures": ("les ordures ménagères sont ramassées", "Sortez le bac"),
    "dechets_jour_collecte_tri": ("le bac jaune est ramassé", "Sortez-le"),
    "dechets_vegetaux_collecte": ("les déchets verts sont ramassés", "Sortez-les"),
}
"""By intent: what is collected, and what to put out."""


def say_collection(intent: str, where: Sequence[str], days: Sequence[date], today: date) -> str:
    """The next collections.

    Args:
        where: street and sector, what is known of them.
        days: the next one or two, in order.
    """
    collected, put_out = WASTE[intent]
    when = ", puis ".join(say_day(day, today) for day in days)
    sentence = ", ".join([*map(for_ear, where), f"{collected} {when}"])
    return f"{sentence[0].upper()}{sentence[1:]}. {put_out} la veille au soir."


def sector_name(sector: str) -> str:
    """`nord` -> secteur nord; `zone A` stays."""
    named = fold(sector).startswith(("secteur ", "zone ", "quartier ", "tournee "))
    return sector if named else f"secteur {sector}"


def say_menu(events: Sequence[Event], today: date) -> str:
    """The menu of one day: `Aujourd'hui à la cantine : ...`."""
    day = say_day(events[0].day, today)
    dishes = ", ".join(for_ear(event.summary) for event in events)
    return f"{day[0].upper()}{day[1:]} à la cantine : {dishes}."


def say_agenda(events: Sequence[Event], now: datetime) -> str:
    """Events with their day, hour and place."""
    said = [
        ", ".join(
            filter(None, [for_ear(event.summary), _when(event, now.date()), for_ear(_venue(event.location))])
        )
        for event in events
    ]
    if len(said) == 1:
        return f"Prochain rendez-vous : {said[0]}."
    return f"Les prochains rendez-vous : {' ; '.join(said)}."


def _when(event: Event, today: date) -> str:
    if event.day < today:
        if event.last == today:
            return "aujourd'hui encore"
        near = (event.last - today).days < 7
        return f"jusqu'{'à' if near else 'au'} {say_day(event.last, today)}"
    day = say_day(event.day, today)
    if event.start is not None:
        return f"{day} à {say_time(event.start)}"
    if event.last > event.day:
        return f"du {say_date(event.day)} au {say_date(event.last)}"
    return day


def _venue(location: str) -> str:
    """`Salle des fêtes, 12 rue Pasteur, 61000 Rivemont` -> Salle des fêtes; `12, rue Pasteur` stays."""
    head, _, rest = location.partition(",")
    return f"{head} {rest.partition(',')[0]}" if head.strip().isdigit() else head


OUT = {
    "velos": "Je n'arrive pas à joindre le service des vélos en ce moment.",
    "collecte": "Je n'arrive pas à consulter le calendrier des collectes en ce moment.",
    "menu": "Je n'arrive pas à consulter les menus de la cantine en ce moment.",
    "agenda": "Je n'arrive pas à consulter l'agenda de la ville en ce moment.",
}
