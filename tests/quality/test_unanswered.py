"""Due dates, what an answer may hold, and what leaves the house about a question."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from callbot.journal.local_days import PARIS
from callbot.journal.questions import Asked
from callbot.quality.unanswered import due, end_of, faults, intent_id, mail, text_message
from callbot.town.calendar import Calendar
from callbot.town.mail import compose
from callbot.town.spoken import say_all
from callbot.types import Delivery

NOON = datetime(2026, 11, 20, 12)
ASKED = Asked(
    id=12,
    at=NOON,
    label="une ruche en ville c'est permis",
    name="",
    service="",
    due_at=None,
    state="open",
    answer="",
    answered_by="",
    answered_at=None,
    intent="",
    published_at=None,
    calls=4,
    sayings=5,
    last_at=NOON,
    again=0,
    waiting=1,
)


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 11, 16), date(2026, 11, 23)),  # Monday to Monday
        (date(2026, 11, 21), date(2026, 11, 27)),  # given on a Saturday
        (date(2026, 12, 21), date(2026, 12, 30)),  # Christmas, and a closure on its eve
        (date(2026, 4, 30), date(2026, 5, 11)),  # 1 and 8 May
    ],
)
def test_five_working_days_skip_weekends_holidays_and_closures(today: date, expected: date) -> None:
    calendar = Calendar({0: ()}, [(date(2026, 12, 24), date(2026, 12, 24), "c'est la veille de Noël")])
    assert due(calendar, today) == expected


def test_a_day_ends_at_midnight_here() -> None:
    here = end_of(date(2026, 11, 23)).replace(tzinfo=UTC).astimezone(PARIS)
    assert (here.date(), here.hour, here.minute) == (date(2026, 11, 23), 23, 59)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("de 8h30 à 12 h", "de huit heures trente à midi"),
        ("à 14:05, puis à 21h", "à quatorze heures cinq, puis à vingt et une heures"),
        ("5 € ou 12,50 €", "cinq euros ou douze euros cinquante"),
        ("au 02 61 91 12 00.", "au zéro deux, soixante et un, quatre-vingt-onze, douze, zéro zéro."),
        ("le 1er mars, 1 500 places, 20 %", "le premier mars, mille cinq cents places, vingt pour cent"),
        (
            "1 500 000 abeilles, 2,5 kg & 3 pots",
            "un million cinq cent mille abeilles, deux virgule cinq kg et trois pots",
        ),
        ("le 0 800 123 456", "le zéro, huit, zéro, zéro, un, deux, trois, quatre, cinq, six"),
        ("Une ruche est permise\nà dix mètres.", "Une ruche est permise à dix mètres."),
    ],
)
def test_numbers_are_said_in_words(written: str, said: str) -> None:
    assert say_all(written) == said and faults(written) == ()


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("", "vide"),
        ("mot " * 36, "36 mots"),
        ("Voyez www.rivemont.fr", "adresse de site"),
        ("Tout est sur rivemont.fr", "adresse de site"),
        ("Écrivez à ruches@rivemont.example", "adresse de site"),
        ("Voir le règlement (article deux)", "« ( »"),
        ("cf. le règlement", "« cf. »"),
        ("Appelez le {accueil.phone}", "« { »"),
        ("Avant le 12/03", "« / »"),
    ],
)
def test_what_cannot_be_heard_is_refused(written: str, fault: str) -> None:
    assert any(fault in one for one in faults(written))


def test_an_intents_id_comes_from_its_name_and_is_its_own() -> None:
    id = intent_id("environnement", "installer une ruche, l'été, au cœur du jardin", ())
    assert id == "environnement_installer_ruche_coeur_jardin"
    assert intent_id("environnement", "installer une ruche", {"environnement_installer_ruche"}).endswith("_2")
    assert len(intent_id("x", "mot " * 60, ())) <= 62


def test_the_mail_to_a_service_is_one_that_our_sender_can_send(tmp_path: Path) -> None:
    draft = mail(ASKED, "environnement", date(2026, 11, 27), ["une ruche", "des abeilles"], "question-12-ab")
    message = compose(Delivery(1, "rivemont", draft), "standard@rivemont.example", "vert@rivemont.example")
    assert "Q12" in message["Subject"] and "vendredi 27 novembre" in message["Subject"]
    text = message.get_content()
    assert "« une ruche en ville c'est permis »" in text and "- des abeilles" in text
    assert "Nombre d'appels : 4" in text


def test_a_caller_is_told_who_writes_and_why() -> None:
    said = text_message("Rivemont", datetime(2026, 11, 20, 9), "Oui, à dix mètres de la rue.")
    assert said.startswith(
        "Rivemont : voici la réponse à la question que vous avez posée au standard le 20/11."
    )
    assert said.endswith("Oui, à dix mètres de la rue.")
