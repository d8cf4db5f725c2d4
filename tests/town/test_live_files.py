"""Live answers from files: collections, menu, agenda; what a town file may ask for, and what the ear gets."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from callbot.town.live import LiveSources
from callbot.town.live_config import LiveConfig
from callbot.town.live_words import OUT, for_ear, station_name
from tests.town.live_site import AGENDA, BIKES, MENU, NOW, ORDURES, TRI, VERTS, ask, sources

SECTORS = {
    "nord": ("Rue Pasteur", "Rue Longue"),
    "nord-est": ("Allée des Tilleuls",),
    "sud": ("Rue du Port", "Rue Longue"),
    "sud est": ("Rue Basse",),
}


# Collections


def ics(path: Path, *events: str) -> Path:
    parts = [f"BEGIN:VEVENT\nUID:{at}\n{event}\nEND:VEVENT\n" for at, event in enumerate(events)]
    path.write_text(f"BEGIN:VCALENDAR\nVERSION:2.0\n{''.join(parts)}END:VCALENDAR\n", encoding="utf-8")
    return path


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    return ics(
        tmp_path / "collecte.ics",
        "DTSTART;VALUE=DATE:20261124\nRRULE:FREQ=DAILY;INTERVAL=15\nSUMMARY:Bac jaune\nLOCATION:Secteur Nord",
        "DTSTART;VALUE=DATE:20261126\nSUMMARY:Emballages\nLOCATION:Secteur Nord-Est",
        "DTSTART;VALUE=DATE:20261127\nSUMMARY:Tri\nLOCATION:Secteur Sud",
        "DTSTART;VALUE=DATE:20261128\nSUMMARY:Tri\nLOCATION:Secteur Ouest",
        "DTSTART;VALUE=DATE:20261125\nSUMMARY:Tri\nLOCATION:Secteur Sud Est",
        "DTSTART;VALUE=DATE:20261202\nCATEGORIES:Tri\nLOCATION:Secteur Sud",
        "DTSTART:20261123T060000\nDTEND:20261123T090000\nRRULE:FREQ=WEEKLY;COUNT=2\nSUMMARY:Tournée\n"
        "CATEGORIES:Ordures ménagères",
        "DTSTART;VALUE=DATE:20261123\nSUMMARY:Ordures (secteur sud)",
        "DTSTART;VALUE=DATE:20261220\nSUMMARY:Ordures\nLOCATION:Toute la ville",
    )


@pytest.mark.parametrize(
    ("intent", "street", "said"),
    [
        (
            TRI,
            "rue pasteur",
            "Rue Pasteur, secteur nord, le bac jaune est ramassé demain, puis mercredi neuf décembre. "
            "Sortez-le la veille au soir.",
        ),
        (
            TRI,
            "Allée des Tilleuls",
            "Allée des Tilleuls, secteur nord-est, le bac jaune est ramassé jeudi. "
            "Sortez-le la veille au soir.",
        ),
        (
            TRI,
            "Rue du Port",
            "Rue du Port, secteur sud, le bac jaune est ramassé vendredi, puis mercredi deux décembre. "
            "Sortez-le la veille au soir.",
        ),
        (
            ORDURES,
            "Rue du Port",
            "Rue du Port, secteur sud, les ordures ménagères sont ramassées aujourd'hui, "
            "puis lundi trente novembre. Sortez le bac la veille au soir.",
        ),
        (
            ORDURES,
            "Rue Pasteur",
            "Rue Pasteur, secteur nord, les ordures ménagères sont ramassées lundi trente novembre, "
            "puis dimanche vingt décembre. Sortez le bac la veille au soir.",
        ),
        (VERTS, "Rue Pasteur", None),  # nothing ahead: the catalogue knows the season
        (TRI, "Rue Longue", None),  # in two sectors: no guess
        (TRI, "Rue Inconnue", None),
        (TRI, "", None),
    ],
)
async def test_the_next_collection_in_a_street(
    collections: Path, intent: str, street: str, said: str | None
) -> None:
    live = sources("collecte", SECTORS, path=str(collections))
    assert live.about(intent) == "street"
    assert live.names(intent) == (
        "Rue Pasteur",
        "Rue Longue",
        "Allée des Tilleuls",
        "Rue du Port",
        "Rue Basse",
    )
    assert await ask(live, intent, street, NOW) == said
    await live.close()


async def test_a_town_without_sectors_asks_for_no_street(tmp_path: Path) -> None:
    path = ics(
        tmp_path / "c.ics",
        "DTSTART;VALUE=DATE:20261125\nSUMMARY:Déchets verts\nLOCATION:Rivemont",
        "DTSTART;VALUE=DATE:20261125\nSUMMARY:Tri\nLOCATION:Nord",
        "DTSTART;VALUE=DATE:20261126\nSUMMARY:Tri\nLOCATION:Sud",
    )
    live = sources("collecte", path=str(path))
    assert (live.about(VERTS), live.names(VERTS)) == ("", ())
    assert await ask(live, VERTS, "", NOW) == (
        "Les déchets verts sont ramassés mercredi. Sortez-les la veille au soir."
    )
    assert await ask(live, TRI, "", NOW) is None  # which of the two can't be known
    await live.close()


async def test_a_file_that_changes_is_read_again_and_a_lost_one_told(collections: Path) -> None:
    live = sources("collecte", SECTORS, path=str(collections))
    await live.refresh()
    ics(collections, "DTSTART;VALUE=DATE:20261125\nSUMMARY:Tri")
    await live.refresh()
    assert "ramassé mercredi." in (await ask(live, TRI, "Rue Pasteur", NOW) or "")
    collections.unlink()
    assert "can't read" in (await live.refresh())["collecte"]
    assert await ask(live, TRI, "Rue Pasteur", NOW + timedelta(days=1, seconds=1)) == OUT["collecte"]
    await live.close()


# Menu and agenda

MEALS = [
    {"date": "2026-11-23", "items": ["carottes râpées", "poisson pané", "riz"]},
    {"date": "2026-11-24", "items": ["soupe"]},
    {"date": "2026-11-27", "text": "Menu du 27 : 2 crêpes"},
]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2026-11-23T13:59", "Aujourd'hui à la cantine : carottes râpées, poisson pané et riz."),
        ("2026-11-23T14:00", "Demain à la cantine : soupe."),
        ("2026-11-25T09:00", "Vendredi à la cantine : Menu du vingt-sept : deux crêpes."),
        ("2026-11-27T15:00", None),
    ],
)
async def test_the_menu_of_the_day_or_of_the_next(tmp_path: Path, now: str, said: str | None) -> None:
    path = tmp_path / "menus.json"
    path.write_text(json.dumps(MEALS))
    live = sources("menu", path=str(path), stale_s=30 * 86400)
    await live.refresh()
    assert await ask(live, MENU, "", datetime.fromisoformat(now)) == said
    await live.close()


async def test_what_is_on_in_town(tmp_path: Path) -> None:
    path = ics(
        tmp_path / "agenda.ics",
        "DTSTART:20261123T080000Z\nDTEND:20261123T083000Z\nSUMMARY:Déjà fini",
        "DTSTART;VALUE=DATE:20261120\nDTEND;VALUE=DATE:20261206\nSUMMARY:Exposition Monet\nLOCATION:Musée",
        "DTSTART:20261128T190000Z\nSUMMARY:Concert\nLOCATION:Salle des fêtes\\, 12 rue Pasteur\\, Rivemont",
        "DTSTART;VALUE=DATE:20261204\nDTEND;VALUE=DATE:20261207\nSUMMARY:Marché de Noël",
        "DTSTART;VALUE=DATE:20261124\nSUMMARY:https://x.fr",
        "DTSTART;VALUE=DATE:20261205\nSUMMARY:Quatrième",
        "DTSTART;VALUE=DATE:20270120\nSUMMARY:Trop loin",
    )
    live = sources("agenda", path=str(path))
    assert await ask(live, AGENDA, "", NOW) == (
        "Les prochains rendez-vous : Exposition Monet, jusqu'au samedi cinq décembre, Musée ; "
        "Concert, samedi à vingt heures, Salle des fêtes ; "
        "Marché de Noël, du vendredi quatre décembre au dimanche six décembre."
    )
    ics(path, "DTSTART;VALUE=DATE:20261124\nSUMMARY:Bal")
    await live.refresh()
    assert await ask(live, AGENDA, "", NOW) == "Prochain rendez-vous : Bal, demain."
    ics(path)
    await live.refresh()
    assert await ask(live, AGENDA, "", NOW) is None
    await live.close()


# Configuration and words


async def test_a_town_without_sources_has_nothing_live() -> None:
    live = LiveSources(LiveConfig())
    for intent in (BIKES, MENU, AGENDA, TRI, "piscine_horaires"):
        assert (live.about(intent), live.names(intent)) == ("", ())
        assert await ask(live, intent, "x", NOW) is None
    assert await live.refresh() == {}
    await live.keep_fresh()
    await live.close()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"velos": {}}, "either url or path"),
        ({"velos": {"path": "bikes.json"}}, "needs a url"),
        ({"menu": {"url": "http://x.fr/a", "path": "a.ics"}}, "either url or path"),
        ({"menu": {"path": "menu.pdf"}}, ".ics or .json"),
        ({"menu": {"url": "ftp://x.fr/a"}}, "must begin with http"),
        ({"menu": {"url": "http://x.fr:port/a"}}, "no address"),
        ({"menu": {"url": "http://x.fr/a", "refresh_s": "60"}}, "integer"),
        ({"menu": {"url": "http://x.fr/a", "refresh_s": 60, "stale_s": 30}}, "below refresh_s"),
        ({"menus": {}}, "Extra inputs"),
        ({"zone": "Europe/Rivemont"}, "no time zone"),
    ],
    ids=str,
)
def test_wrong_sources_are_told(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        LiveConfig.model_validate(wrong)
    assert said in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Concert à 20h30 & bal", "Concert à vingt heures trente et bal"),
        ("Entrée 5€ <b>https://x.fr/a</b>", "Entrée cinq euros b"),
        ("Le 1er mai, à 10:00", "Le premier mai, à dix heures"),
        (
            "🎄 Noël – entrée 12,50 €, tél. 02 61 91 12 00",
            "Noël, entrée douze euros cinquante, tél. zéro deux, "
            "soixante et un, quatre-vingt-onze, douze, zéro zéro",
        ),
        ("Salle n°4", "Salle numéro quatre"),
        ("Salle 00412", "Salle zéro, zéro, quatre, un, deux"),
        ("mot " * 200, ("mot " * 40).strip()),
    ],
)
def test_what_people_write_is_made_fit_for_the_ear(written: str, said: str) -> None:
    assert for_ear(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [("012 - PLACE DU 8 MAI", "Place du huit mai"), ("Gare", "Gare"), ("8 Mai 1945", "huit Mai mille")],
)
def test_names_of_stations(written: str, said: str) -> None:
    assert station_name(written).startswith(said)
