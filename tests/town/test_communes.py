"""Several communes on one server."""

import time as clock
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from callbot.dialogue import wording
from callbot.dialogue.moves import Answer, Greet
from callbot.errors import TownError
from callbot.town.communes import Communes

SATURDAY = datetime(2026, 11, 21, 10)


@pytest.fixture
def in_france(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine stands in Paris."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Paris")
        clock.tzset()
        yield
    clock.tzset()


@pytest.fixture(scope="module")
def both() -> Communes:
    return Communes("rivemont, petit-rivemont", lambda: SATURDAY)


@pytest.mark.parametrize(
    ("number", "commune"),
    [
        ("0261911300", "petit-rivemont"),
        ("+33261911300", "petit-rivemont"),
        ("0033 2 61 91 13 00", "petit-rivemont"),
        ("0261911200", "rivemont"),
        ("600", "rivemont"),
        ("", "rivemont"),
        ("s", "rivemont"),
    ],
)
def test_the_number_dialled_chooses_the_commune(both: Communes, number: str, commune: str) -> None:
    assert both.called(number) == commune


def test_each_commune_has_its_own_words_and_hours(both: Communes) -> None:
    small = both["petit-rivemont"]
    assert "Petit-Rivemont" in wording.words(Greet(), small, SATURDAY)[0].text
    assert "pas de piscine" in wording.words(Answer("piscine_horaires"), small, SATURDAY)[0].text
    texts = [wording.words(Answer("accueil_horaires_mairie"), both[key], SATURDAY)[0].text for key in both]
    assert "le mardi et le jeudi" in texts[1] and texts[0] != texts[1]


def test_what_a_small_town_does_not_know_is_left_to_its_people(both: Communes) -> None:
    small = both["petit-rivemont"]
    known = small.catalog.get("piscine_tarif")
    assert known is not None and (known.kind, known.answer) == ("transfer", "")
    assert small.town.service(known.service).queue == "petit_rivemont"
    assert both["rivemont"].unanswered == ()
    kept = both["rivemont"].catalog.get("piscine_tarif")
    assert kept is not None and kept.kind == "info"


def test_a_live_source_answers_where_the_fixed_words_lack_a_fact(tmp_path: Path) -> None:
    live = "live: {menu: {path: menu.json}, velos: {url: http://x/gbfs.json}}"
    (tmp_path / "x.yml").write_text(f"{SMALL}{live}\n")
    small = Communes(str(tmp_path / "x.yml"), lambda: SATURDAY)["x"]
    menu, bikes = map(small.catalog.get, ("cantine_menu", "mobilite_velos_disponibles"))
    assert menu is not None and bikes is not None
    assert (menu.kind, bikes.kind, bikes.slots) == ("live", "live", ("station",))
    assert "peut vous renseigner" in small.text(menu, SATURDAY)
    assert not {menu.id, bikes.id} & set(small.unanswered)


@pytest.mark.parametrize(
    ("zone", "now", "said"),
    [
        ("", "Sat 08:00", "Il est huit heures, fermé en ce moment, et rouvre lundi"),
        ("Europe/Paris", "Sat 08:00", "Il est huit heures, fermé"),
        ("Indian/Reunion", "Sat 11:00", "Il est onze heures, fermé en ce moment, et rouvre lundi"),
        ("America/Martinique", "Sat 03:00", "Il est trois heures, fermé"),
        ("Pacific/Noumea", "Sat 18:00", "Il est dix-huit heures, fermé"),
        ("Pacific/Tahiti", "Fri 21:00", "Il est vingt et une heures, fermé en ce moment, et rouvre lundi"),
    ],
)
@pytest.mark.usefixtures("in_france")
def test_each_commune_has_its_own_time(tmp_path: Path, zone: str, now: str, said: str) -> None:
    told = "answers: {accueil_horaires_mairie: 'Il est {now.time}, {accueil.now}.'}\n"
    zoned = f"zone: {zone}\n" if zone else ""
    (tmp_path / "x.yml").write_text(f"{SMALL}{told}{zoned}")
    communes = Communes(str(tmp_path / "x.yml"), lambda: datetime(2026, 11, 21, 8))
    there = communes.clock("x")()
    assert (f"{there:%a %H:%M}", there.tzinfo) == (now, None)
    (sentence, *_) = wording.words(Answer("accueil_horaires_mairie"), communes["x"], there)
    assert sentence.text.startswith(said)


@pytest.mark.usefixtures("in_france")
def test_time_passes_over_the_change_of_clocks_which_the_island_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_text(f"{SMALL}zone: Indian/Reunion\n")
    for day, ahead in ((date(2026, 10, 24), 2), (date(2026, 10, 26), 3)):
        here = datetime.combine(day, time(12))
        communes = Communes(str(tmp_path / "x.yml"), lambda at=here: at)
        assert communes.clock("x")() == here + timedelta(hours=ahead)


SMALL = "name: X\nincomplete: true\nservices: {accueil: {name: x, hours: {lundi: 9:00-12:00}}}\n"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("numbers: [02 61 91 13 00]", "both claim the number"),
        ("numbers: [zéro]", "no telephone number"),
        ("answers: {piscine_tariff: Rien.}", r"x\.yml:4: X words an intent that is none: piscine_tariff"),
    ],
)
def test_wrong_communes_are_told(tmp_path: Path, more: str, said: str) -> None:
    path = tmp_path / "x.yml"
    path.write_text(SMALL + more)
    with pytest.raises(TownError, match=said):
        Communes(f"petit-rivemont,{path}", lambda: SATURDAY)


@pytest.mark.parametrize(("names", "said"), [(" , ", "no commune"), ("rivemont,rivemont", "two communes")])
def test_wrong_lists_are_told(names: str, said: str) -> None:
    with pytest.raises(TownError, match=said):
        Communes(names, lambda: SATURDAY)
