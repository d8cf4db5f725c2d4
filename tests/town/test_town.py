"""Town files and answers: the bundled ones are in order, wrong ones are told by line and key."""

import re
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from callbot.errors import TownError
from callbot.settings import ROOT
from callbot.town.answers import Answers, Catalog
from callbot.town.profile import load_town
from tests.conftest import MONDAY_NOON

SMALL = """\
name: Petiville
services:
  accueil:
    name: l'accueil
    hours:
      lundi: 8:30-12:00
"""
SUMMER = "{first: 2027-07-05, last: 2027-08-28, hours: {lundi: 9:00-12:00}}"


def town_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "town.yml"
    path.write_text(text)
    return str(path)


def test_the_bundled_town_loads() -> None:
    town = load_town("rivemont")
    assert town.name == "Rivemont"
    assert town.calendar("etat_civil").at(MONDAY_NOON).is_open


def test_an_unknown_service_is_the_front_desks(tmp_path: Path) -> None:
    town = load_town(town_file(tmp_path, SMALL))
    assert town.service("voirie").name == "l'accueil"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("8:30-12:00", "huit heures"),
            r"town\.yml:6: services\.accueil\.hours\.lundi: .*hours must read like",
        ),
        (("8:30-12:00", "12:00-8:30"), r"town\.yml:6: .*out of order"),
        (("8:30-12:00", "25:00-26:00"), r"town\.yml:6: "),
        (("name: Petiville", 'name: Petiville\nholidays: "99"'), r"town\.yml:2: holidays"),
        (("name: Petiville", "name: Petiville\nname: Grandville"), r"town\.yml:2: name: stands twice"),
        (
            ("services:", "closures: [{first: 2026-11-31, last: 2026-12-01, reason: x}]\nservices:"),
            r"town\.yml:2: closures\.0\.first: no such day: 2026-11-31",
        ),
        (
            ("services:", "closures: [{first: 2026-12-02, last: 2026-12-01, reason: x}]\nservices:"),
            r"town\.yml:2: closures\.0: .*before it begins",
        ),
        (
            ("    name: l'accueil", "    name: l'accueil\n    phone: +33 2 61"),
            r"town\.yml:5: services\.accueil\.phone",
        ),
        (("8:30-12:00", ""), r"town\.yml:6: services\.accueil\.hours\.lundi: .*not nothing"),
        (("lundi", "lunedi"), r"town\.yml:6: services\.accueil\.hours\.lunedi: no weekday: lunedi"),
        (
            ("services:", "closures: [{first: 24/12/2026, last: 2026-12-24, reason: x}]\nservices:"),
            r"town\.yml:2: closures\.0\.first: days must read like 2026-12-24",
        ),
        (
            ("services:", "closures: [{first: 2026-12-24, last: 2026-12-24, reason: ' '}]\nservices:"),
            r"town\.yml:2: closures\.0\.reason: must not be empty",
        ),
        (
            ("    hours:", f"    special: [{SUMMER}, {SUMMER}]\n    hours:"),
            r"town\.yml:5: services\.accueil\.special: two for 2027-07-05",
        ),
        (("name: l'accueil", "nom: l'accueil"), r"town\.yml:3: services\.accueil\.name: is missing"),
        (
            ("services:", "zone: Indian/La_Reunion\nservices:"),
            r"town\.yml:2: zone: no time zone: Indian/La_Reunion",
        ),
        (("services:", "live:\n  zone: Paris\nservices:"), r"town\.yml:3: live\.zone: no time zone: Paris"),
        (
            ("services:", "zone: Indian/Reunion\nlive: {zone: Europe/Paris}\nservices:"),
            r"town\.yml:3: live: its zone Europe/Paris is not the town's, Indian/Reunion",
        ),
        (("services:", "nom: x\nservices:"), r"town\.yml:2: nom: no such key"),
        (("services:", "numbers: 0261911300\nservices:"), r"town\.yml:2: numbers: must be a list"),
        (("accueil:", "voirie:"), r"needs the service accueil"),
        (("name: Petiville", "name: [a"), r"town\.yml"),
        (("name: Petiville\n", ""), r"town\.yml:1: name: is missing"),
    ],
)
def test_a_wrong_file_names_line_and_key(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(TownError) as caught:
        load_town(town_file(tmp_path, SMALL.replace(*change)))
    assert re.search(said, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "zone"),
    [
        ("", None),
        ("zone: Indian/Reunion\n", ZoneInfo("Indian/Reunion")),
        ("live: {zone: Indian/Reunion}\n", ZoneInfo("Indian/Reunion")),
        ("zone: Indian/Reunion\nlive: {zone: Indian/Reunion}\n", ZoneInfo("Indian/Reunion")),
    ],
)
def test_a_zone_is_the_towns_wherever_the_file_has_it(
    tmp_path: Path, more: str, zone: ZoneInfo | None
) -> None:
    assert load_town(town_file(tmp_path, SMALL + more)).tz == zone


def test_numbers_are_kept_as_they_were_typed(tmp_path: Path) -> None:
    """YAML 1.1 would take 0261711300 for an octal number, and 12.50 for 12.5."""
    more = "    phone: 0261711300\nholidays: 57\nnumbers: [0261711300]\n"
    more += "facts: {prix: 12.50, ouvert: oui, a: 8:30}\n"
    town = load_town(town_file(tmp_path, SMALL + more))
    assert (town.services["accueil"].phone, town.holidays) == ("0261711300", "57")
    assert town.numbers == ("+33261711300",)
    assert town.facts == {"prix": "12.50", "ouvert": "oui", "a": "8:30"}


def test_summer_hours_of_a_file_are_in_force_in_summer(tmp_path: Path) -> None:
    text = SMALL.replace("    hours:", f"    special: [{SUMMER}]\n    hours:")
    calendar = load_town(town_file(tmp_path, text)).calendar("accueil")
    assert calendar.say_week(date(2027, 7, 12)) == "le lundi, de neuf heures à midi"
    assert calendar.say_week(date(2027, 6, 7)) == "le lundi, de huit heures trente à midi"


def test_a_missing_or_unreadable_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(TownError, match="can't read"):
        load_town("/dev/null/nowhere/town.yml")
    (tmp_path / "town.yml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(TownError, match="not UTF-8"):
        load_town(str(tmp_path / "town.yml"))


def test_the_catalogue_and_the_rasa_domain_hold_the_same_intents() -> None:
    domain = yaml.safe_load((ROOT / "rasa_project" / "domain.yml").read_text(encoding="utf-8"))
    assert sorted(intent.id for intent in Catalog()) == sorted(domain["intents"])


def test_every_answer_is_short_and_spoken(answers: Answers) -> None:
    for intent in answers.catalog:
        text = answers.text(intent, MONDAY_NOON)
        if intent.kind in ("info", "live"):
            assert text, intent.id
        words = re.findall(r"\w[\w'’-]*", text)
        assert len(words) <= 35, (intent.id, len(words))
        assert not re.search(r"cf\.|https?:|www\.|[()\[\]{}*_/]|\d", text), (intent.id, text)
        if intent.kind != "control":
            assert intent.name and intent.name[-1] not in ".!?", intent.id


def test_a_template_that_cites_what_the_town_lacks_is_named(tmp_path: Path) -> None:
    town = load_town(town_file(tmp_path, SMALL))
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (catalog / "x.yml").write_text("a_b:\n  kind: info\n  name: x\n  answer: Au {voirie.phone}.\n")
    with pytest.raises(TownError, match=r"a_b cites what Petiville lacks: .*voirie"):
        Answers(town, Catalog(catalog), MONDAY_NOON)


@pytest.mark.parametrize("evil", ["{town.__class__}", "{facts.x.__init__}", "{0}", "{now.time!r:>{x}}", "{"])
def test_templates_reach_nothing_of_python(tmp_path: Path, evil: str) -> None:
    (tmp_path / "x.yml").write_text(f"a_b:\n  kind: info\n  name: x\n  answer: '{evil}'\n")
    with pytest.raises(TownError):
        Answers(load_town("rivemont"), Catalog(tmp_path), MONDAY_NOON)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a_b:\n  kind: wrong\n", r"x\.yml:2: a_b\.kind"),
        ("a_b:\n  kind: info\n  reply: x\n", r"x\.yml:3: a_b\.reply"),
        ("a_b: {kind: info}\nc_d:\n", r"x\.yml:2: c_d"),
        ("a_b: text\n", r"x\.yml:1: a_b"),
        ("a_b: [1]\n", r"x\.yml:1: a_b"),
        ("- a\n", r"x\.yml: must be a mapping"),
        ("[" * 3000, r"x\.yml"),
    ],
)
def test_a_wrong_catalogue_names_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.yml").write_text(text)
    with pytest.raises(TownError, match=said):
        Catalog(tmp_path)


def test_the_same_intent_twice_is_an_error(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / f"{name}.yml").write_text("a_b: {kind: info}\n")
    with pytest.raises(TownError, match="twice"):
        Catalog(tmp_path)
