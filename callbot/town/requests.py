"""What a request is to others: what its receivers get, and what a caller is told of it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from callbot.town.mail import MailConfig
from callbot.town.open311 import Open311Config, RequestStatus
from callbot.town.spoken import MONTHS, WEEKDAYS, say_date, say_number
from callbot.types import Draft, FiledRequest, Known

MAX_NOTES = 120
"""Characters of a service's notes that are read to a caller."""
_PLAIN = re.compile(r"[\w\s.,;:!?'’()«»%°-]+")
_NOT_FOR_EARS = re.compile(r"_|www|https?|[0-9]{5}", re.IGNORECASE)
_LABELS = {
    "address": "Adresse",
    "landmark": "Repère",
    "date": "Date",
    "reference": "Numéro de dossier",
    "name": "Nom",
    "name_dates": "Pour qui et quand",
    "details": "Précisions",
    "service": "Service",
}


@dataclass(frozen=True, slots=True)
class Ways:
    """How a town's requests leave the house."""

    town: str
    """Its name."""
    open311: Open311Config | None = None
    mail: MailConfig | None = None


def drafts(filed: FiledRequest, name: str, ways: Ways) -> tuple[Draft, ...]:
    """What a complete request hands over: to the town's system if that takes it, else to a mailbox if any.

    Args:
        filed: its token, of letters and digits, makes the key unique among all copies of a journal.
        name: of its intent: `signaler un nid-de-poule`.
    """
    content = {
        "intent": filed.intent,
        "service": filed.service,
        "reference": filed.reference,
        "name": name,
        "description": describe(filed.known, name),
        # Open311 demands a place, and wants it from the most to the least specific.
        "address": ", ".join(filter(None, (*_place(filed.known), ways.town))),
        "phone": dict(filed.known).get("phone") or filed.phone,
        "requested_at": filed.at.replace(tzinfo=UTC).isoformat(timespec="seconds"),
    }
    key = f"{filed.reference}-{filed.token}"
    if ways.open311 and filed.kind == "request" and ways.open311.code(filed.intent):
        return (Draft("open311", key, content),)
    if ways.mail and ways.mail.mailbox(filed.service):
        return (Draft("mail", key, content),)
    return ()


def describe(known: Known, name: str) -> str:
    """A request in plain French, a piece a line; the telephone number goes apart.

    Args:
        name: of its intent.
    """
    values = dict(known)
    address, landmark = _place(known)
    pieces = {"address": address, "landmark": landmark, **values}
    if "date" in values:
        pieces["date"] = written_date(values["date"])
    lines = [
        f"{label} : {' '.join(pieces[piece].split())}"
        for piece, label in _LABELS.items()
        if pieces.get(piece)
    ]
    return "\n".join([name[:1].upper() + name[1:], *lines])


def say_status(
    filed: FiledRequest,
    name: str,
    service_name: str,
    today: date,
    status: RequestStatus | None = None,
    zone: tzinfo | None = None,
) -> str:
    """What a caller who asks after a request is told.

    Args:
        name: of its intent; empty is left out.
        service_name: `le service de la voirie`.
        today: in the town's time, as all days told.
        status: what its receiver says, None when it was not asked or did not answer.
        zone: the town's; None: the machine's.
    """
    about = f", pour {name}," if name else ""
    what = f"Votre demande {_number(filed.reference)}{about}"
    if filed.state == "done" or (status and status.state == "closed"):
        when = f" {_say_past(status.updated, today, zone)}" if status and status.updated else ""
        notes = _for_ears(status.notes) if status else ""
        return f"{what} a été traitée{when}." + (f" Le service a noté : {notes}" if notes else "")
    passed_on = f", et transmise {_to(service_name)}" if filed.state == "handed_over" else ""
    return f"{what} a bien été reçue {_say_past(filed.at, today, zone)}{passed_on}."


def say_not_found(reference: str) -> str:
    """What a caller who asks after a number that is no request's is told."""
    number = _number(reference)
    return f"Je ne trouve pas la demande {number}." if number else "Je ne trouve pas cette demande."


def _number(reference: str) -> str:
    """A number in words; empty when it is none, or longer than any we give."""
    return say_number(int(reference)) if reference.isdecimal() and len(reference) < 10 else ""


def _place(known: Known) -> tuple[str, str]:
    """`17 rue pasteur`, and what is beside it."""
    values = dict(known)
    street = " ".join(filter(None, (values.get("number"), values.get("street"))))
    return street, values.get("landmark", "")


def written_date(value: str) -> str:
    """`2026-11-23 matin` -> lundi 23 novembre 2026, matin."""
    day, _, part = value.partition(" ")
    try:
        read = date.fromisoformat(day)
    except ValueError:
        return value
    written = f"{WEEKDAYS[read.weekday()]} {read.day} {MONTHS[read.month - 1]} {read.year}"
    return ", ".join(filter(None, (written, part)))


def _say_past(moment: datetime, today: date, zone: tzinfo | None) -> str:
    """The day of a moment, seen from today: aujourd'hui, hier, lundi, le lundi deux novembre."""
    day = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone).date()
    distance = today - day
    if distance <= timedelta(0):  # clocks of other houses run ahead
        return "aujourd'hui"
    if distance == timedelta(1):
        return "hier"
    return WEEKDAYS[day.weekday()] if distance < timedelta(7) else f"le {say_date(day)}"


def _to(service: str) -> str:
    """`le service de la voirie` -> au service de la voirie."""
    article, _, rest = service.partition(" ")
    return {"le": f"au {rest}", "les": f"aux {rest}"}.get(article, f"à {service}")


def _for_ears(notes: str) -> str:
    """A service's notes as one sentence, empty when they are long or hold what can't be read out."""
    line = " ".join(notes.split())
    if not line or len(line) > MAX_NOTES or not _PLAIN.fullmatch(line) or _NOT_FOR_EARS.search(line):
        return ""
    return line if line[-1] in ".!?" else f"{line}."
