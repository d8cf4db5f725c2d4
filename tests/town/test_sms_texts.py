"""What is sent by SMS after an answer: two GSM segments at most, and worth sending."""

import re
from pathlib import Path

import pytest

from callbot.errors import TownError
from callbot.town.answers import Answers, Catalog
from callbot.town.profile import load_town
from tests.conftest import MONDAY_NOON

# 3GPP TS 23.038, 6.2.1: the GSM 7-bit default alphabet, without escape, line feed and carriage return.
GSM = frozenset(
    "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
TWO_SEGMENTS = 2 * 153
ADDRESS = re.compile(r"(?:[a-z0-9-]+\.)+(?:fr|org|example)\b(?:/[A-Za-z0-9/]+)?")
OFFICIAL = re.compile(r"(?:[a-z0-9-]+\.)*gouv\.fr(?:/.*)?")
OTHER_PUBLIC_SITES = frozenset(
    (
        "annuairesante.ameli.fr",
        "monenfant.fr",
        "quefairedemesdechets.ademe.fr",
        "www.anil.org",
        "www.caf.fr",
        "www.conciliateurs.fr",
        "www.msa.fr",
        "www.telerecours.fr",
        "www.viatrajectoire.fr",
    )
)
SERVICE_PUBLIC = re.compile(r"www\.service-public\.gouv\.fr(?:/particuliers/vosdroits/F\d{3,5})?")

SMALL = "name: X\nsms: {provider: outbox}\nservices: {accueil: {name: x, hours: {lundi: 9:00-12:00}}}\n"
CATALOG = "a_b: {kind: info, name: x, answer: Bonjour., sms: 'Voir {facts.site_internet}'}\n"


@pytest.fixture(scope="module")
def texts(answers: Answers) -> dict[str, str]:
    filled = {intent.id: answers.sms(intent, MONDAY_NOON) for intent in answers.catalog}
    return {id: text for id, text in filled.items() if text}


def small(tmp_path: Path, town: str = SMALL, catalog: str = CATALOG) -> Answers:
    (tmp_path / "town.yml").write_text(town)
    folder = tmp_path / "catalog"
    folder.mkdir()
    (folder / "x.yml").write_text(catalog)
    return Answers(load_town(str(tmp_path / "town.yml")), Catalog(folder), MONDAY_NOON)


def test_the_alphabet_is_whole() -> None:
    assert len(GSM) == 128 - 3


def test_there_are_enough_of_them(texts: dict[str, str]) -> None:
    assert len(texts) >= 40


def test_every_text_fits_in_two_segments_of_the_gsm_alphabet(texts: dict[str, str]) -> None:
    for id, text in texts.items():
        assert len(text) <= TWO_SEGMENTS, (id, len(text))
        assert not set(text) - GSM, (id, set(text) - GSM)


def test_only_answers_have_a_text(answers: Answers, texts: dict[str, str]) -> None:
    for id in texts:
        intent = answers.catalog.get(id)
        assert intent is not None and intent.kind in ("info", "live"), id
        assert intent.answer, id


def test_every_text_holds_an_address_or_a_list(answers: Answers, texts: dict[str, str]) -> None:
    site = answers.town.facts["site_internet"]
    for id, text in texts.items():
        addresses = [match.group() for match in ADDRESS.finditer(text)]
        for address in addresses:
            known = address == site or address in OTHER_PUBLIC_SITES or OFFICIAL.fullmatch(address)
            assert known, (id, address)
            if "service-public" in address:
                assert SERVICE_PUBLIC.fullmatch(address), (id, address)
        assert addresses or text.count(",") >= 2, id


def test_an_address_that_ends_a_text_has_no_full_stop(texts: dict[str, str]) -> None:
    """Telephones would make it part of the link."""
    for id, text in texts.items():
        assert not re.search(r"(?:\.fr|\.org|\.example|/F\d+)\.$", text), id


def test_a_complete_town_that_lacks_a_fact_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TownError, match=r"sms to a_b cites what X lacks: .*site_internet"):
        small(tmp_path)


def test_an_incomplete_town_that_lacks_a_fact_answers_without_a_text(tmp_path: Path) -> None:
    town = small(tmp_path, SMALL + "incomplete: true\n")
    intent = town.catalog.get("a_b")
    assert intent is not None and town.unanswered == ()
    assert (intent.kind, intent.sms) == ("info", "")
    assert town.text(intent, MONDAY_NOON) == "Bonjour."
    bundled = Catalog(tmp_path / "catalog").get("a_b")
    assert bundled is not None and town.sms(bundled, MONDAY_NOON) == ""


def test_what_is_left_to_people_has_no_text(tmp_path: Path) -> None:
    catalog = "a_b: {kind: info, name: x, answer: 'Au {facts.x}.', sms: Voir service-public.fr}\n"
    town = small(tmp_path, SMALL + "incomplete: true\n", catalog)
    intent = town.catalog.get("a_b")
    assert intent is not None and town.unanswered == ("a_b",)
    assert (intent.kind, intent.sms) == ("transfer", "")


def test_the_towns_own_words_go_without_the_catalogues_text(tmp_path: Path) -> None:
    town = small(
        tmp_path, SMALL + "facts: {site_internet: x.example}\nanswers: {a_b: Nous n'en avons pas.}\n"
    )
    intent = town.catalog.get("a_b")
    assert intent is not None and town.sms(intent, MONDAY_NOON) == ""


def test_a_text_is_filled(tmp_path: Path) -> None:
    town = small(tmp_path, SMALL + "facts: {site_internet: x.example}\n")
    intent = town.catalog.get("a_b")
    assert intent is not None and town.sms(intent, MONDAY_NOON) == "Voir x.example"
