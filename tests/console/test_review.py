"""The review's pages over real HTTP on the loopback."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from callbot.console.words import local
from callbot.journal.models import Audit, Proposal, Review, Sample
from tests.console.site import Site, csrf_of, record
from tests.journal.made import BIRTH, BULKY, POOL, Made, turn

NOW = datetime(2026, 11, 25, 10)
PAGES = ["/revue", "/revue/groupes", "/revue/echantillon", "/revue/appels/1"]
BIRTH_NAME = "Une copie d'acte de naissance"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, clock=lambda: NOW)
    site.accounts.add("quitterie", "trois petits chats", "quality")
    with site.running():
        yield site


@pytest.fixture
def made(site: Site) -> Made:
    return Made(site.database, NOW - timedelta(days=2))


@pytest.fixture
def http(site: Site) -> Iterator[httpx.Client]:
    with session(site) as http:
        yield http


def session(site: Site, name: str = "quentin") -> Any:
    # The session's own clock is the site's.
    return site.client(name)


def post(http: httpx.Client, path: str, **fields: str) -> httpx.Response:
    csrf = csrf_of(http.get("/revue/echantillon").text)
    return http.post(path, data={"csrf": csrf, **fields})


def rows(site: Site, kind: type[Any]) -> list[Any]:
    return site.database.read(lambda session: list(session.query(kind)))


def shown(http: httpx.Client, **query: str) -> list[int]:
    """Calls in the list, in their order."""
    page = http.get(f"/revue?{urlencode(query)}").text
    return [int(id) for id in re.findall(r'<h3><a href="/revue/appels/(\d+)', page)]


def test_it_is_for_quality_officers(site: Site, made: Made) -> None:
    made.misunderstood()
    forms = ["/revue/tours/1", "/revue/tours/1/annuler", "/revue/groupes/1", "/revue/groupes/1/annuler"]
    with site.client() as nobody, site.client("anne") as anne, site.client("claire") as claire:
        for path in PAGES:
            assert nobody.get(path).headers["location"] == "/connexion"
            assert anne.get(path).status_code == 403
            assert claire.get(path).status_code == 200
        assert nobody.get("/revue/appels/1/son").status_code == 401
        assert anne.get("/revue/appels/1/son").status_code == 403
        csrf = csrf_of(anne.get("/compte").text)
        for path in forms:
            assert nobody.post(path, data={"csrf": "x"}).status_code == 401
            assert anne.post(path, data={"csrf": csrf, "intent": BIRTH}).status_code == 403
            assert claire.post(path, data={"csrf": "x", "intent": BIRTH}).status_code == 403, (
                "no token of ours"
            )
    assert rows(site, Review) == []


def test_the_list_begins_with_the_worst_of_the_week(site: Site, made: Made, http: httpx.Client) -> None:
    good = made.answered()
    bad = made.misunderstood(judged="wrong")
    old = made.call([turn("la piscine", POOL)], at=NOW - timedelta(days=30))
    assert shown(http) == [bad, good]
    page = unescape(http.get("/revue").text)
    assert "jugé mauvais par le standard" in page and "je voudrais un acte de naissance" in page
    assert 'name="du" type="date" value="2026-11-19"' in page
    assert shown(http, du="", ordre="recents") == [bad, good, old]
    assert shown(http, du="2026-10-01", au="2026-11-01") == [old]
    assert shown(http, au="2026-10-01", du="2026-11-01") == [old], (
        "the wrong way round is meant the right way"
    )


@pytest.mark.parametrize(
    "query",
    [
        {"du": "hier"},
        {"du": "0001-01-01"},
        {"au": "9999-12-31"},
        {"issue": "x", "motif": "x", "confiance": "x", "ordre": "x"},
        {"page": "-1"},
        {"page": "9" * 30},
        {"page": "²"},
        {"mots": "\0"},
        {"mots": "%_*[]'\""},
        {"intention": "<b>rien</b>"},
        {"autre": "chose"},
    ],
    ids=str,
)
def test_nonsense_in_the_address_is_no_fault(made: Made, http: httpx.Client, query: dict[str, str]) -> None:
    made.misunderstood()
    for path in PAGES:
        answer = http.get(f"{path}?{urlencode(query)}")
        assert answer.status_code == 200 and "<b>rien" not in answer.text


def test_filters_and_words_find_a_call(made: Made, http: httpx.Client) -> None:
    for _ in range(3):
        made.answered()
    bad = made.misunderstood()
    week = {"du": "2026-11-01"}
    assert shown(http, **week, mots="ACTE Naissance") == [bad]
    assert shown(http, **week, mots="acte piscine") == []
    assert shown(http, **week, issue="transferred") == [bad]
    assert shown(http, **week, motif="not_understood", confiance="low", reste="1") == [bad]
    assert shown(http, **week, intention="prendre rendez-vous pour des encombrants") in ([bad], [])
    assert shown(http, **week, intention=BULKY) == [bad]
    assert len(shown(http, **week, intention="horaires piscine")) == 3, "any words of the name"
    assert "Aucune intention ne porte ce nom" in http.get("/revue?intention=zzz").text
    assert "Aucun appel" in http.get("/revue?mots=zzz").text


def test_pages_keep_the_filters(site: Site, made: Made, http: httpx.Client) -> None:
    made.at = NOW - timedelta(days=6)
    made.days(90)
    page = unescape(http.get("/revue?mots=piscine&du=2026-11-01&ordre=recents").text)
    following = re.search(r'href="(/revue\?[^"]*page=2)"', page)
    assert following and "mots=piscine" in following[1]
    second = http.get(following[1]).text
    assert "Page 2 sur" in second and "Page précédente" in second


def test_a_call_is_shown_whole(site: Site, made: Made, http: httpx.Client) -> None:
    id = made.misunderstood(judged="wrong", judged_by="anne", note="Acte <i>urgent</i>", operator="PJSIP/1")
    page = unescape(http.get(f"/revue/appels/{id}").text)
    assert "Acte <i>urgent</i>" in page and "Acte <i>urgent</i>" not in http.get(f"/revue/appels/{id}").text
    for said in (
        "je voudrais un acte de naissance",
        "mauvaise (anne)",
        "•• •• •• •• 78",
        "Ce que le robot a cru entendre",
        "je voudrais un acte de naissance hein",
        "incertain",
        "31 %",
        "380 ms",
        "nlu-1.tar.gz",
        "fait répéter",
        "pas enregistré",
    ):
        assert said.replace(" %", "\N{NO-BREAK SPACE}%") in page, said
    assert http.get("/revue/appels/999").status_code == 404


def test_a_correction_goes_on_to_the_next_turn(site: Site, made: Made, http: httpx.Client) -> None:
    first, second = made.turns(made.misunderstood())
    answer = post(http, f"/revue/tours/{first}", intent=BIRTH_NAME, list="issue=transferred")
    assert answer.status_code == 303
    where = answer.headers["location"]
    assert where == f"/revue/appels/1?issue=transferred&vu={first}#tour-{second}"
    (review,) = rows(site, Review)
    assert (review.turn_id, review.account, review.intent, review.was) == (first, "quentin", BIRTH, BULKY)
    (proposal,) = rows(site, Proposal)
    assert (proposal.text, proposal.intent) == ("je voudrais un acte de naissance", BIRTH)
    page = unescape(http.get(where).text)
    assert f"Corrigé\xa0: {BIRTH_NAME}" in page and f'data-focus="tour-{second}"' in page
    answer = post(http, f"/revue/tours/{second}", intent=BULKY)
    assert answer.headers["location"].endswith("#suite"), "nothing is left in this call"
    assert len(rows(site, Proposal)) == 1, "a right intent teaches nothing"
    actions = [(one.account, one.action, one.about) for one in rows(site, Audit)]
    assert ("quentin", "review_corrected", str(first)) in actions
    assert ("quentin", "review_right", str(second)) in actions
    with site.client("claire") as claire:
        said = unescape(claire.get("/actions").text)
        assert "a corrigé l'intention\xa0: phrase" in said and "naissance" not in said

    undone = post(http, f"/revue/tours/{first}/annuler", list="")
    assert undone.headers["location"].endswith(f"#tour-{first}")
    assert [row.turn_id for row in rows(site, Review)] == [second]
    assert rows(site, Proposal)[0].state == "undone"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acte naissance", "contien"),
        ("zzz", "Les voici toutes"),
        ("", "Quelle intention"),
        ("<b>zzz", "Les voici toutes"),
    ],
)
def test_words_that_name_no_intent_are_asked_about(
    site: Site, made: Made, http: httpx.Client, text: str, said: str
) -> None:
    """Without a script: a plain list to choose from, never a guess."""
    first, second = made.turns(made.misunderstood())
    answer = post(http, f"/revue/tours/{first}", intent=text, list="mots=acte")
    page = unescape(answer.text)
    assert answer.status_code == 422 and said in page and "<b>" not in answer.text
    offered = re.findall(r'<option value="(\w+)">', page)
    assert BIRTH in offered and ("hors_sujet" in offered) == ("Les voici toutes" in page or not text)
    assert rows(site, Review) == []
    assert re.findall(r'name="list" value="([^"]*)"', page)[0] == "mots=acte"
    answer = post(http, f"/revue/tours/{first}", intent=offered[0], list="mots=acte")
    assert answer.headers["location"].endswith(f"mots=acte&vu={first}#tour-{second}")


def test_what_is_not_there_is_not_marked(site: Site, http: httpx.Client) -> None:
    for path in ("tours/77", "tours/77/annuler", "groupes/77", "groupes/77/annuler"):
        assert post(http, f"/revue/{path}", intent=BIRTH).status_code == 404
    assert post(http, "/revue/tours/0", intent=BIRTH).status_code == 422
    assert post(http, "/revue/tours/1", intent=BIRTH, back="ailleurs").status_code == 422


def test_the_list_is_no_way_to_another_site(made: Made, http: httpx.Client) -> None:
    first, _ = made.turns(made.misunderstood())
    answer = post(http, f"/revue/tours/{first}", intent=BIRTH, list="//evil.example?x=1#y\r\nSet-Cookie: a=b")
    assert answer.headers["location"].startswith("/revue/appels/1?")
    assert "set-cookie" not in answer.headers and "evil" not in answer.headers["location"]


def test_out_of_scope_is_a_choice(site: Site, made: Made, http: httpx.Client) -> None:
    first, _ = made.turns(made.misunderstood())
    assert post(http, f"/revue/tours/{first}", intent="Hors sujet (aucune intention ne convient)").is_redirect
    assert rows(site, Review)[0].intent == "hors_sujet"


def test_sound_is_served_in_parts_and_audited_once(site: Site, made: Made, http: httpx.Client) -> None:
    name = record(site)
    id = made.call([turn("la piscine", POOL, begins_ms=500, ends_ms=1500)], recording=name)
    page = http.get(f"/revue/appels/{id}").text
    assert f'src="/revue/appels/{id}/son"' in page and 'data-begins="0.5" data-ends="1.5"' in page
    whole = http.get(f"/revue/appels/{id}/son")
    assert whole.status_code == 200 and whole.headers["content-type"] == "audio/wav"
    part = http.get(f"/revue/appels/{id}/son", headers={"Range": "bytes=1000-1999"})
    assert part.status_code == 206 and part.content == whole.content[1000:2000]
    played = [(one.account, one.about) for one in rows(site, Audit) if one.action == "recording_played"]
    assert played == [("quentin", str(id))]
    with site.client("claire") as claire:
        for _ in range(2):  # who skips the beginning has listened all the same
            claire.get(f"/revue/appels/{id}/son", headers={"Range": "bytes=1-"})
        played = [one.account for one in rows(site, Audit) if one.action == "recording_played"]
        assert played == ["quentin", "claire"]
        assert f'<a href="/revue/appels/{id}">{id}</a>' in claire.get("/actions").text


@pytest.mark.parametrize("name", ["", "gone.wav", "../j.sqlite", "/etc/passwd", "..", "sub/call.wav"])
def test_no_sound_but_a_recording(site: Site, made: Made, http: httpx.Client, name: str) -> None:
    record(site)
    id = made.call([turn("la piscine", POOL)], recording=name)
    assert http.get(f"/revue/appels/{id}/son").status_code == 404
    page = unescape(http.get(f"/revue/appels/{id}").text)
    assert "<audio" not in page and ("n'est plus gardé" in page or "pas enregistré" in page)
    assert http.get("/revue/appels/999/son").status_code == 404


def test_a_group_is_corrected_at_once_and_taken_back(site: Site, made: Made, http: httpx.Client) -> None:
    for _ in range(4):
        made.call([turn("mon acte", BULKY, 0.4)])
    made.at = NOW - timedelta(days=40)
    made.call([turn("mon acte", BULKY, 0.4)])
    period = {"du": "2026-11-19"}
    page = unescape(http.get(f"/revue/groupes?{urlencode(period)}").text)
    (id,) = re.findall(r'id="groupe-(\d+)"', page)
    assert "4 fois" in page and "Corriger les 4 fois" in page
    answer = post(http, f"/revue/groupes/{id}", intent=BIRTH_NAME, list=urlencode(period))
    assert answer.headers["location"] == f"/revue/groupes?du=2026-11-19&fait={id}#groupe-{id}"
    assert [row.intent for row in rows(site, Review)] == [BIRTH] * 4, "the old one is outside the period"
    assert len(rows(site, Proposal)) == 1
    page = unescape(http.get(answer.headers["location"]).text)
    assert "votre avis 4 fois" in page and "Corriger les" not in page
    assert "Aucune phrase" in http.get("/revue/groupes?du=2026-11-19&reste=1").text
    post(http, f"/revue/groupes/{id}/annuler", list=urlencode(period))
    assert rows(site, Review) == [] and rows(site, Proposal)[0].state == "undone"
    assert post(http, f"/revue/groupes/{id}", intent="acte", list=urlencode(period)).status_code == 422


def test_the_weeks_sample_by_two_readers(site: Site, made: Made, http: httpx.Client) -> None:
    made.at = NOW - timedelta(days=7)
    for one in range(6):
        made.call([turn(f"mon acte {one}", BIRTH if one else BULKY, 0.9)])
    assert rows(site, Sample) == []
    page = unescape(http.get("/revue/echantillon").text)
    assert len(rows(site, Sample)) == 6 and "0 revue sur 6" in page and "lue par deux" in page
    turns = []
    for _ in range(6):
        page = http.get("/revue/echantillon").text
        (id,) = re.findall(r'<li class="turn panel" id="tour-(\d+)"', page)
        turns.append(int(id))
        answer = post(http, f"/revue/tours/{id}", intent=BIRTH, back="echantillon")
        assert answer.headers["location"] == f"/revue/echantillon?fait={id}&apres={id}&lecture=#suite"
    page = unescape(http.get(answer.headers["location"]).text).replace("\N{NO-BREAK SPACE}", " ")
    assert "Tout l'échantillon de cette semaine est revu" in page and "6 revues sur 6" in page
    assert "83 %" in page and "(entre 44 % et 97 %)" in page, "Wilson's interval of 5 in 6"
    assert "17 %" in page, "one was answered wrongly"
    assert "Rien n'attend une deuxième lecture" in http.get("/revue/echantillon?lecture=2").text

    with site.client("quitterie") as other:
        page = unescape(other.get("/revue/echantillon?lecture=2").text)
        assert "6 à faire" in page
        assert "quentin a donné son avis. Il est caché jusqu'au vôtre" in page
        assert "corrigé en" not in page and "bonne intention</p>" not in page
        for id in turns[:3]:
            chosen = POOL if id == turns[0] else BIRTH
            post(other, f"/revue/tours/{id}", intent=chosen, back="echantillon", lecture="2")
        page = unescape(other.get("/revue/echantillon?lecture=2").text).replace("\N{NO-BREAK SPACE}", " ")
        assert "67 %" in page and "(3 phrases" in page and "Kappa" in page and "Désaccords (1)" in page
        page = unescape(other.get(f"/revue/appels/{_call_of(site, turns[4])}").text)
        assert "Il est caché jusqu'au vôtre" in page, "on the call's page too"


def _call_of(site: Site, turn_id: int) -> int:
    from callbot.journal.models import Turn

    row = site.database.read(lambda session: session.get(Turn, turn_id))
    assert row is not None
    return row.call_id


def test_skipping_goes_round(site: Site, made: Made, http: httpx.Client) -> None:
    made.at = NOW - timedelta(days=7)
    made.answered("un"), made.answered("deux")
    seen = []
    path = "/revue/echantillon"
    for _ in range(3):
        page = unescape(http.get(path).text)
        seen.append(re.findall(r'id="tour-(\d+)"', page)[0])
        path = re.findall(r'href="(/revue/echantillon\?apres=[^"]*)"', page)[0]
    assert seen[0] == seen[2] != seen[1]


def test_nothing_to_review_says_so(http: httpx.Client) -> None:
    assert "Aucun appel" in http.get("/revue").text
    assert "Aucune phrase dite plusieurs fois" in http.get("/revue/groupes").text
    assert "Le prochain tirage est lundi" in http.get("/revue/echantillon").text


def test_local_days_are_whole(made: Made, http: httpx.Client) -> None:
    id = made.call([turn("la piscine", POOL)], at=NOW - timedelta(days=3))
    day = f"{local(NOW - timedelta(days=3)):%Y-%m-%d}"
    assert shown(http, du=day, au=day) == [id]
