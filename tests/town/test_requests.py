"""What receivers get of a request, and what its caller is told of it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from callbot.town.mail import MailConfig
from callbot.town.open311 import Open311Config, RequestStatus
from callbot.town.requests import Ways, describe, drafts, say_not_found, say_status
from callbot.types import FiledRequest

NAME, SERVICE = "signaler un nid-de-poule", "le service de la voirie"
MONDAY = datetime(2026, 11, 23, 11, 0)
POTHOLE = FiledRequest(
    reference="1042",
    intent="voirie_nid_de_poule",
    service="voirie",
    known=(("number", "17"), ("street", "rue pasteur"), ("landmark", "devant l'école")),
    phone="0612345678",
    at=MONDAY,
    token="3f9c0a",
)
OPEN311 = Open311Config(url="https://api.rivemont.example/v2", services={"voirie_nid_de_poule": "001"})
MAIL = MailConfig(to={"voirie": "voirie@rivemont.example"})


@pytest.fixture(autouse=True)
def in_france(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Days and hours told are those of the server's time zone."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Paris")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("open311", "mail", "channel"),
    [
        (OPEN311, MAIL, ["open311"]),
        (OPEN311, None, ["open311"]),
        (Open311Config(url="https://x"), MAIL, ["mail"]),
        (Open311Config(url="https://x", other="900"), MAIL, ["open311"]),
        (None, MAIL, ["mail"]),
        (None, MailConfig(to={"sport": "sport@rivemont.example"}), []),
        (None, MailConfig(other="accueil@rivemont.example"), ["mail"]),
        (None, None, []),
    ],
)
def test_a_request_goes_one_way_at_most(
    open311: Open311Config | None, mail: MailConfig | None, channel: list[str]
) -> None:
    assert [draft.channel for draft in drafts(POTHOLE, NAME, Ways("Rivemont", open311, mail))] == channel


def test_a_message_is_nothing_for_open311() -> None:
    message = replace(POTHOLE, kind="message")
    wide = Open311Config(url="https://x", other="900")
    assert [draft.channel for draft in drafts(message, "un message", Ways("Rivemont", wide, MAIL))] == [
        "mail"
    ]
    assert drafts(message, "un message", Ways("Rivemont", wide)) == ()


def test_what_is_handed_over() -> None:
    (draft,) = drafts(POTHOLE, NAME, Ways("Rivemont", OPEN311))
    assert draft.key == "1042-3f9c0a"
    assert draft.content == {
        "intent": "voirie_nid_de_poule",
        "service": "voirie",
        "reference": "1042",
        "name": NAME,
        "description": "Signaler un nid-de-poule\nAdresse : 17 rue pasteur\nRepère : devant l'école",
        "address": "17 rue pasteur, devant l'école, Rivemont",
        "phone": "0612345678",
        "requested_at": "2026-11-23T11:00:00+00:00",
    }


def test_the_number_a_caller_gives_counts_more_than_the_one_that_calls() -> None:
    given = replace(POTHOLE, known=(("phone", "06 98 76 54 32"),))
    (draft,) = drafts(given, NAME, Ways("Rivemont", OPEN311))
    assert draft.content["phone"] == "06 98 76 54 32"
    assert draft.content["address"] == "Rivemont"  # Open311 demands a place


@pytest.mark.parametrize(
    ("known", "lines"),
    [
        ((), []),
        ((("street", "rue pasteur"),), ["Adresse : rue pasteur"]),
        ((("landmark", "au bout du parc"),), ["Repère : au bout du parc"]),
        ((("date", "2026-11-30 matin"),), ["Date : lundi 30 novembre 2026, matin"]),
        ((("date", "2026-11-30"),), ["Date : lundi 30 novembre 2026"]),
        ((("date", "bientôt"),), ["Date : bientôt"]),
        (
            (("name", "durand"), ("details", "un  chat\nnoir"), ("reference", "123456")),
            ["Numéro de dossier : 123456", "Nom : durand", "Précisions : un chat noir"],
        ),
        ((("name_dates", "léa lundi"), ("phone", "06 12 34 56 78")), ["Pour qui et quand : léa lundi"]),
    ],
)
def test_descriptions(known: tuple[tuple[str, str], ...], lines: list[str]) -> None:
    assert describe(known, NAME).split("\n") == ["Signaler un nid-de-poule", *lines]


# ---- « Où en est ma demande ? »

WHAT = "Votre demande mille quarante-deux, pour signaler un nid-de-poule,"


@pytest.mark.parametrize(
    ("today", "since"),
    [
        (date(2026, 11, 22), "aujourd'hui"),  # the other house's clock is ahead
        (date(2026, 11, 23), "aujourd'hui"),
        (date(2026, 11, 24), "hier"),
        (date(2026, 11, 25), "lundi"),
        (date(2026, 11, 29), "lundi"),
        (date(2026, 11, 30), "le lundi vingt-trois novembre"),
    ],
)
def test_since_when(today: date, since: str) -> None:
    assert say_status(POTHOLE, NAME, SERVICE, today) == f"{WHAT} a bien été reçue {since}."


def test_the_day_is_the_towns() -> None:
    """At 22:00 in Paris it is tomorrow in La Réunion."""
    late = replace(POTHOLE, at=datetime(2026, 11, 23, 21, 0))
    zones = (None, ZoneInfo("Europe/Paris"), ZoneInfo("Indian/Reunion"))
    told = [say_status(late, NAME, SERVICE, date(2026, 11, 24), zone=zone).split()[-1] for zone in zones]
    assert told == ["hier.", "hier.", "aujourd'hui."]


@pytest.mark.parametrize(
    ("service", "to"),
    [
        (SERVICE, "au service de la voirie"),
        ("l'accueil de la mairie", "à l'accueil de la mairie"),
        ("les services techniques", "aux services techniques"),
        ("la médiathèque", "à la médiathèque"),
    ],
)
def test_handed_over(service: str, to: str) -> None:
    filed = replace(POTHOLE, state="handed_over")
    said = say_status(filed, NAME, service, date(2026, 11, 26))
    # The day is that of the call: the hand-over may have waited for the town's system.
    assert said == f"{WHAT} a bien été reçue lundi, et transmise {to}."


def closed(notes: str, updated: datetime | None = None) -> RequestStatus:
    return RequestStatus("closed", notes, updated, "638344")


def test_done() -> None:
    filed = replace(POTHOLE, state="handed_over")
    today = date(2026, 11, 26)
    asked = closed("Trou rebouché", datetime(2026, 11, 25, 11, 0, tzinfo=UTC))
    assert (
        say_status(filed, NAME, SERVICE, today, status=asked)
        == f"{WHAT} a été traitée hier. Le service a noté : Trou rebouché."
    )
    assert say_status(replace(filed, state="done"), NAME, SERVICE, today) == f"{WHAT} a été traitée."


def test_what_is_open_there_is_with_the_service_whatever_it_notes() -> None:
    filed = replace(POTHOLE, state="handed_over")
    status = RequestStatus("open", "Vu avec M. Durand", None, "638344")
    said = say_status(filed, NAME, SERVICE, date(2026, 11, 25), status=status)
    assert said == f"{WHAT} a bien été reçue lundi, et transmise au service de la voirie."


@pytest.mark.parametrize(
    "notes",
    [
        "",
        "x" * 121,
        "Voir https://rivemont.example",
        "voir www.rivemont.fr",
        "écrire à a@b.fr",
        "<b>clos</b>",
        "rappelé au 0612345678",
        "code_interne CLO",
        "{'etat': 3}",
    ],
)
def test_notes_that_are_not_for_the_ear_are_left_out(notes: str) -> None:
    said = say_status(POTHOLE, NAME, SERVICE, date(2026, 11, 25), status=closed(notes))
    assert said == f"{WHAT} a été traitée."


@pytest.mark.parametrize(
    ("notes", "said"),
    [("Réparé !", "Réparé !"), ("  déjà\nsignalé : n° 12 ", "déjà signalé : n° 12.")],
)
def test_plain_notes_are_told(notes: str, said: str) -> None:
    told = say_status(POTHOLE, NAME, SERVICE, date(2026, 11, 25), status=closed(notes))
    assert told.endswith(f" Le service a noté : {said}")


def test_what_has_no_name_and_what_is_not_found() -> None:
    assert say_status(POTHOLE, "", SERVICE, date(2026, 11, 23)) == (
        "Votre demande mille quarante-deux a bien été reçue aujourd'hui."
    )
    assert say_not_found("1043") == "Je ne trouve pas la demande mille quarante-trois."
    assert {say_not_found(other) for other in ("", "A12", "1" * 400)} == {"Je ne trouve pas cette demande."}


def test_every_state_is_told_apart() -> None:
    states = ("received", "handed_over", "done")
    said = [say_status(replace(POTHOLE, state=state), NAME, SERVICE, date(2026, 11, 23)) for state in states]
    assert all(one != other for one, other in pairwise(sorted(said)))
