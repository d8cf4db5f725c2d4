"""The console over real HTTP on the loopback."""

import json
import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from callbot.console import words
from callbot.console.access import CSP
from callbot.errors import CallbotError
from callbot.journal.accounts import TRIES
from callbot.journal.database import now
from callbot.journal.models import Audit, Base, LogIn, Request, Transfer
from callbot.text_channel.door import Rates
from callbot.town.communes import Communes
from tests.clock import Clock
from tests.console.site import BIRTH, PASSWORD, PHONE, SOUND, Site, csrf_of, log_in

from ..patience import eventually

PAGES = ["/", "/appels", "/messages", "/compte", "/accessibilite", "/actions"]


class Switchboard:
    """Stands for the manager interface."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.fails = False

    async def __call__(self, interface: str, paused: bool) -> None:
        if self.fails:
            raise CallbotError("away")
        self.asked.append((interface, paused))


@pytest.fixture
def switchboard() -> Switchboard:
    return Switchboard()


@pytest.fixture
def site(tmp_path: Path, clock: Clock, switchboard: Switchboard) -> Iterator[Site]:
    site = Site(tmp_path, clock=clock, pause=switchboard, rates=Rates(address=1000, total=1000))
    with site.running():
        yield site


def row(site: Site, kind: type[Base], id: Any) -> Any:
    return site.database.read(lambda session: session.get(kind, id))


def trail(site: Site) -> list[tuple[str, str, str]]:
    return [(one.account, one.action, one.about) for one in reversed(site.accounts.actions())]


def test_nothing_is_shown_before_log_in(site: Site) -> None:
    with site.client() as http:
        for path in ("/", "/appels", "/messages", "/compte", "/actions"):
            answer = http.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/connexion")
        for path in ("/direct", f"/messages/son/{SOUND}"):
            assert http.get(path).status_code == 401
        for path in (
            "/appels/1/avis",
            "/appels/1/numero",
            "/appels/1/note",
            "/appels/1/rappele",
            "/demandes/1/traitee",
        ):
            assert http.post(path, data={"csrf": "x"}).status_code == 401
        for path in ("/docs", "/redoc", "/openapi.json", "/nulle-part"):
            assert http.get(path).status_code == 404


def test_log_in_and_out(site: Site) -> None:
    with site.client() as http:
        answer = log_in(http, "anne")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookies = [c for c in answer.headers.get_list("set-cookie") if c.startswith("callbot=")]
        assert "HttpOnly" in cookies[0] and "samesite=strict" in cookies[0].lower()
        assert "Secure" not in cookies[0], "the loopback has no HTTPS"
        page = http.get("/").text
        assert "En direct" in page and "anne" in page
        kept = http.cookies["callbot"]
        assert http.post("/deconnexion", data={"csrf": csrf_of(page)}).status_code == 303
        http.cookies.set("callbot", kept)
        assert http.get("/").status_code == 303, "a kept cookie opens nothing after log-out"
    assert [action for _, action, _ in trail(site)][-2:] == ["log_in", "log_out"]


def test_the_cookie_itself_is_not_in_the_database(site: Site) -> None:
    with site.client("anne") as http:
        token = http.cookies["callbot"]
    (login,) = site.database.read(lambda session: list(session.query(LogIn)))
    assert login.token_hash != token and len(login.token_hash) == 64
    assert len(token) >= 43, "256 bits"


@pytest.mark.parametrize("name", ["anne", "personne", "", "<b>x</b>", "a" * 300])
def test_a_wrong_password_is_told_without_saying_which_names_exist(site: Site, name: str) -> None:
    with site.client() as http:
        answer = log_in(http, name, "pas le bon du tout")
        assert answer.status_code == 401 and "n'ouvrent pas de session" in answer.text
        assert "<b>x" not in answer.text
        assert "callbot=" not in answer.headers.get("set-cookie", "")


def test_brute_force_is_stopped(site: Site, clock: Clock) -> None:
    with site.client() as http:
        for turn in range(TRIES):
            assert log_in(http, "anne", f"mot de passe {turn}").status_code == 401
        assert log_in(http, "anne").status_code == 401, "even the right one"
        clock.now += timedelta(minutes=14)
        assert log_in(http, "anne").status_code == 401
        clock.now += timedelta(minutes=2)
        assert log_in(http, "anne").status_code == 303
    assert ("anne", "log_in_refused", "") in trail(site)


def test_log_ins_are_rationed_whatever_the_name(tmp_path: Path) -> None:
    site = Site(tmp_path, rates=Rates(address=5, total=100))
    with site.running(), site.client() as http:
        codes = [log_in(http, f"nom{turn}", "x").status_code for turn in range(8)]
        assert codes == [401] * 5 + [429] * 3
        answer = log_in(http, "anne")
        assert (
            answer.status_code == 429
            and "Trop d'essais" in unescape(answer.text)
            and answer.headers["retry-after"]
        )


def test_log_ins_are_rationed_by_the_address_that_a_trusted_proxy_tells(tmp_path: Path) -> None:
    def codes(http: httpx.Client, address: str) -> list[int]:
        http.headers["X-Forwarded-For"] = address
        return [log_in(http, f"nom{turn}", "x").status_code for turn in range(4)]

    for trusted, second in (((), [429] * 4), (("127.0.0.0/8",), [401] * 3 + [429])):
        folder = tmp_path / str(len(trusted))
        folder.mkdir()
        site = Site(folder, rates=Rates(address=3, total=100), settings={"console_trusted_proxies": trusted})
        with site.running(), site.client() as http:
            assert codes(http, "192.0.2.1, 198.51.100.1") == [401] * 3 + [429]
            assert codes(http, "192.0.2.1, 198.51.100.2") == second, "the hop that the proxy added counts"


@pytest.mark.parametrize("token", [None, "", "x" * 43])
def test_a_form_without_its_token_is_refused(site: Site, token: str | None) -> None:
    data = {} if token is None else {"csrf": token}
    id = site.call()
    with site.client("anne") as http:
        for path in (
            f"/appels/{id}/avis",
            f"/appels/{id}/note",
            f"/appels/{id}/rappele",
            f"/appels/{id}/numero",
            "/demandes/1/traitee",
            "/moi/pause",
            "/moi/presence",
            "/compte",
            "/deconnexion",
        ):
            answer = http.post(path, data={**data, "verdict": "right", "note": "x", "done": "1"})
            assert answer.status_code == 403 and "Accès refusé" in answer.text, path
    with site.client() as http:
        fields = {**data, "name": "anne", "password": PASSWORD}
        assert http.post("/connexion", data=fields).status_code == 403
    transfer = row(site, Transfer, id)
    assert (transfer.judged, transfer.note, transfer.called_back) == ("", "", False)


def test_another_sites_form_and_anothers_token_are_refused(site: Site) -> None:
    with site.client("anne") as http, site.client("quentin") as other:
        own, foreign = csrf_of(http.get("/").text), csrf_of(other.get("/").text)
        assert own != foreign
        assert http.post("/moi/presence", data={"csrf": foreign}).status_code == 403
        crossing = {"Sec-Fetch-Site": "cross-site"}
        assert http.post("/moi/presence", data={"csrf": own}, headers=crossing).status_code == 403
        assert http.post("/moi/presence", data={"csrf": own}).status_code == 204


def test_roles(site: Site) -> None:
    for name, may in (("anne", False), ("quentin", False), ("claire", True)):
        with site.client(name) as http:
            assert http.get("/").status_code == 200
            answer = http.get("/actions")
            assert answer.status_code == (200 if may else 403)
            assert ("Journal des actions" in answer.text) is may
            assert ('href="/actions"' in http.get("/").text) is may


def test_a_session_ends_by_itself(site: Site, clock: Clock) -> None:
    with site.client("anne") as http:
        clock.now += timedelta(minutes=59)
        assert http.get("/").status_code == 200
        clock.now += timedelta(minutes=59)
        assert http.get("/").status_code == 200, "seen an hour ago, not two"
        clock.now += timedelta(minutes=61)
        assert http.get("/").status_code == 303
    with site.client("anne") as http:
        for _ in range(11):
            token = csrf_of(http.get("/").text)
            clock.now += timedelta(minutes=54)
            assert http.post("/moi/presence", data={"csrf": token}).status_code == 204
        clock.now += timedelta(minutes=10)
        assert http.get("/").status_code == 303, "ten hours are enough, however busy"


def test_headers_on_every_page(site: Site) -> None:
    id = site.call()
    with site.client("claire") as http, site.client() as stranger:
        answers = [http.get(path) for path in PAGES] + [
            http.get("/nulle-part"),
            http.get("/static/console.css"),
            http.get("/appels/x/avis"),
            http.post(f"/appels/{id}/avis", data={"csrf": "x"}),
            http.post("/connexion", data={"name": "x" * 40_000}),
            stranger.get("/connexion"),
            stranger.get("/direct"),
        ]
    for answer in answers:
        assert answer.headers["content-security-policy"] == CSP
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "strict-transport-security" not in answer.headers
        static = answer.url.path.startswith("/static/")
        assert answer.headers["cache-control"] == ("no-cache" if static else "no-store")
        assert "style=" not in answer.text and "<script>" not in answer.text and " onclick" not in answer.text
    assert "default-src 'none'" in CSP and "frame-ancestors 'none'" in CSP and "unsafe" not in CSP


def test_https_only(tmp_path: Path) -> None:
    site = Site(tmp_path, settings={"console_https": True})
    with site.running(), site.client() as http:
        page = http.get("/connexion")
        entry = page.headers["set-cookie"]
        assert entry.startswith("__Host-callbot-entree=") and "Secure" in entry and "Domain" not in entry
        assert page.headers["strict-transport-security"]
        token = csrf_of(page.text)
        answer = http.post(
            "/connexion",
            data={"csrf": token, "name": "anne", "password": PASSWORD},
            headers={"Cookie": f"__Host-callbot-entree={token}"},
        )
        assert answer.status_code == 303
        assert (
            answer.headers["set-cookie"].startswith("__Host-callbot=")
            and "Secure" in answer.headers["set-cookie"]
        )


def test_a_fault_tells_nothing_and_keeps_its_headers(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.add(
        Transfer(
            call_id=site.call(), linkedid="2.0", at=now(), town="rivemont", service="x", queue="x", reason="x"
        )
    )
    with site.client("anne") as http:
        site.database.write_now(
            lambda session: session.connection().exec_driver_sql("UPDATE turns SET ranking = '[\"secret\"]'")
        )
        answer = http.get("/")
        assert answer.status_code == 500 and "Les appels ne sont pas touchés" in answer.text
        assert answer.headers["content-security-policy"] == CSP
        site.database.write_now(lambda session: session.connection().exec_driver_sql("DROP TABLE queues"))
        site.database.write_now(
            lambda session: session.connection().exec_driver_sql("UPDATE turns SET ranking = '[]'")
        )
        assert http.get("/").status_code == 503
    assert "a page fails" in caplog.text and "secret" not in caplog.text


def test_the_board_reads_in_order(site: Site) -> None:
    id = site.call(state="ringing", operator=PHONE)
    site.queue()
    with site.client("anne") as http:
        page = http.get("/").text
    marks = [
        "Une copie d&#39;acte de naissance",
        "probable",
        "sonne sur votre poste",
        "non compris deux fois",
        "•• •• •• •• 78",
        "attend depuis",
        "je voudrais un acte de naissance",
        "Je n&#39;ai pas bien compris",
        "Intentions les plus probables",
        "Bonne intention",
        "Mauvaise",
        "Hors sujet",
        "Enregistrer la note",
        "Rappelé",
    ]
    card = page[page.index(f'<li id="appel-{id}"') :]
    places = [card.index(mark) for mark in marks]
    assert places == sorted(places)
    assert f'<details id="appel-{id}-suite" open>' in page, "without a script too"
    assert "1 appel attend" in page and "Marc" in page and "en pause" in page
    assert "Mauvais" in page and card.count("hors_sujet") == 0


def test_what_a_caller_says_is_only_text(site: Site) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    site.call(evil, note=evil, language=evil[:8])
    site.call_back(evil)
    site.queue(members=[{"interface": "PJSIP/x", "name": evil, "state": "free"}])
    with site.client("anne") as http:
        for path in ("/", "/messages"):
            page = http.get(path).text
            assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page and "<img" not in page
        events = next(stream(http))
        assert "<script>alert" not in "".join(events["changed"].values())


def stream(http: httpx.Client) -> Iterator[dict[str, Any]]:
    """What the board is sent."""
    with http.stream("GET", "/direct") as answer:
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
        kind = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield {"event": kind, **json.loads(line.removeprefix("data: "))}


def test_news_come_by_themselves(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbot.console.live.ANYWAY_S", 3600.0)  # they are told, not looked for
    with site.client("anne") as http:
        news = stream(http)
        assert "files" in next(news)["changed"]
        time.sleep(0.6)
        id = site.call()
        event = next(news)
        assert event["order"][-1] == f"appel-{id}" and set(event["changed"]) == {f"appel-{id}"}
        site.change(id, state="ringing", operator=PHONE)
        event = next(news)
        assert "sonne sur votre poste" in event["changed"][f"appel-{id}"]


def test_the_stream_ends_with_the_session_and_is_no_activity(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callbot.console.live.ANYWAY_S", 0.1)
    with site.client("anne") as http:
        news = stream(http)
        next(news)
        clock.now += timedelta(minutes=61)
        assert next(news)["event"] == "over"


def test_marks_are_written_and_audited(site: Site) -> None:
    id, task = site.call(), site.call_back()
    with site.client("anne") as http:
        token = csrf_of(http.get("/").text)

        def post(path: str, **fields: str) -> httpx.Response:
            return http.post(path, data={"csrf": token, **fields})

        assert post(f"/appels/{id}/avis", verdict="wrong").headers["location"] == f"/#appel-{id}"
        post(f"/appels/{id}/note", note="  Rappeler après 14 h \n")
        post(f"/appels/{id}/rappele", done="1")
        assert post(f"/demandes/{task}/traitee", done="1").status_code == 303
        transfer = row(site, Transfer, id)
        assert (transfer.judged, transfer.judged_by) == ("wrong", "anne")
        assert (transfer.note, transfer.called_back) == ("Rappeler après 14 h", True)
        assert row(site, Request, task).state == "done"
        page = http.get("/").text
        assert 'aria-pressed="true">Mauvaise' in page and "Avis\xa0: mauvaise" in page
        assert f'id="demande-{task}"' not in page and f'id="demande-{task}"' in http.get("/messages").text
        script = {"X-Callbot": "1"}
        undone = {"csrf": token, "verdict": ""}
        assert http.post(f"/appels/{id}/avis", data=undone, headers=script).status_code == 204
        post(f"/demandes/{task}/traitee", done="0", back="messages")
        assert row(site, Transfer, id).judged_by == "" and row(site, Request, task).state == "received"
        for id_ in (0, -1, "x", 2**31, 10**30):
            assert post(f"/appels/{id_}/avis", verdict="right").status_code == 422
        assert post("/appels/999/avis", verdict="right").status_code == 404
        assert post("/demandes/999/traitee").status_code == 404
        assert post(f"/appels/{id}/avis", verdict="parfait").status_code == 422
        assert post(f"/appels/{id}/note", note="x" * 5000).status_code == 422
        assert post(f"/appels/{id}/note", note="x" * 40_000).status_code == 413
    assert [action for _, action, _ in trail(site)][-6:] == [
        *("judged_wrong", "noted", "called_back", "task_done", "judged_nothing", "task_reopened")
    ]
    about = site.database.read(lambda session: [one.about for one in session.query(Audit)])
    assert not any("14 h" in one or "Martin" in one for one in about), "no personal data in the trail"


def test_a_messages_sound_plays_in_parts(site: Site) -> None:
    site.message()
    path = f"/messages/son/{SOUND}"
    size = (site.settings.messages_dir / SOUND).stat().st_size
    with site.client("anne") as http:
        assert f'src="{path}"' in http.get("/").text
        whole = http.get(path)
        assert whole.status_code == 200 and whole.content[:4] == b"RIFF" and len(whole.content) == size
        assert whole.headers["content-type"] == "audio/wav" and whole.headers["cache-control"] == "no-store"
        part = http.get(path, headers={"Range": "bytes=100-199"})
        assert part.status_code == 206 and part.content == whole.content[100:200]
        assert part.headers["content-range"] == f"bytes 100-199/{size}"
        assert http.get(path, headers={"Range": "bytes=999999-"}).status_code == 416
    assert [one for one in trail(site) if one[1] == "message_played"] == [("anne", "message_played", "1001")]


@pytest.mark.parametrize(
    "name",
    [
        *("..%2fjournal.key", "../j.sqlite", "%2e%2e%2fj.sqlite", "....//j.sqlite", "/etc/passwd"),
        *("message-0123456789abcdef01234567.wav%00", "message-ffffffffffffffffffffffff.wav", "secret.wav"),
        "..%5cj.sqlite",
    ],
)
def test_nothing_but_messages_can_be_fetched(site: Site, name: str) -> None:
    site.message()
    (site.settings.messages_dir / "secret.wav").write_bytes(b"RIFF")
    (site.settings.messages_dir / "message-ffffffffffffffffffffffff.wav").write_bytes(b"RIFF of no request")
    with site.client("anne") as http:
        assert http.get(f"/messages/son/{name}").status_code == 404
        assert http.get(f"/static/..%2f{name}").status_code == 404


def test_pause(site: Site, switchboard: Switchboard) -> None:
    site.queue()
    with site.client("anne") as http:
        token = csrf_of(page := http.get("/").text)
        assert "Faire une pause" in page and "Libre" in page
        assert http.post("/moi/pause", data={"csrf": token, "paused": "1"}).status_code == 303
        assert http.post("/moi/pause", data={"csrf": token, "paused": "0"}).status_code == 303
        assert switchboard.asked == [(PHONE, True), (PHONE, False)]
        site.queue(members=[{"interface": PHONE, "name": "Anne", "state": "paused"}])
        assert "Reprendre les appels" in http.get("/").text
        switchboard.fails = True
        answer = http.post("/moi/pause", data={"csrf": token, "paused": "1"}, follow_redirects=True)
        assert "n'a pas pris la pause" in unescape(answer.text)
        script = {"X-Callbot": "1"}
        assert http.post("/moi/pause", data={"csrf": token}, headers=script).status_code == 503
    assert [action for _, action, _ in trail(site)][-2:] == ["paused", "resumed"]
    with site.client("quentin") as http:
        page = http.get("/").text
        assert "Aucun poste" in page
        assert http.post("/moi/pause", data={"csrf": csrf_of(page)}).status_code == 409


def test_without_the_manager_interface_the_button_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.running(), site.client("anne") as http:
        assert "Indisponible\xa0: la console n'est pas reliée" in http.get("/").text


def test_a_password_is_changed(site: Site) -> None:
    with site.client("anne") as http, site.client("anne") as elsewhere:
        token, new = csrf_of(http.get("/compte").text), "quatre grands chiens"

        def change(present: str, new: str, again: str) -> httpx.Response:
            fields = {"csrf": token, "present": present, "new": new, "again": again}
            return http.post("/compte", data=fields)

        for fields, words_ in (
            ((PASSWORD, new, "autre chose que cela"), "sont différents"),
            ((PASSWORD, "court", "court"), "moins de 12"),
            ((PASSWORD, "anne" * 4, "anne" * 4), "ressemble trop"),
            (("pas le bon du tout", new, new), "n'est pas le bon"),
        ):
            answer = change(*fields)
            assert answer.status_code == 422 and words_ in answer.text
        assert change(PASSWORD, new, new).headers["location"] == "/connexion?fait=mot-de-passe"
        assert elsewhere.get("/").status_code == 303, "every session ends"
        assert http.get("/").status_code == 303
        assert log_in(http, "anne").status_code == 401 and log_in(http, "anne", new).status_code == 303


def test_the_board_outlives_a_restart(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.client() as http:
        with site.running():
            log_in(http, "anne")
        with site.running():
            assert http.get("/").status_code == 200, "sessions are in the journal"
            eventually(lambda: http.get("/").status_code == 200)


def test_logs_hold_no_personal_data(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    site.call("mon nom est Dupont")
    site.call_back("Madame Martin")
    with site.client("anne") as http:
        http.get("/")
    with site.client() as http:
        assert log_in(http, "anne", "secret de polichinelle").status_code == 401
    mine = [record.getMessage() for record in caplog.records if record.name.startswith("callbot")]
    assert not [line for line in mine if "Dupont" in line or "Martin" in line or "polichinelle" in line]


def test_words() -> None:
    assert words.phone("+33612345678") == "06 12 34 56 78" and words.phone("3939") == "3939"
    assert words.piece("date", "2026-11-24 après dix-huit heures") == (
        "mardi 24 novembre 2026, après dix-huit heures"
    )
    assert words.piece("phone", "+33612345678") == "06 12 34 56 78" and words.piece("name", "Léa") == "Léa"
    assert words.masked("") == "numéro masqué" and words.masked("78").endswith("78")
    assert [words.seconds(count).replace("\xa0", " ") for count in (5, 125, 3720)] == [
        "5 s",
        "2 min 05 s",
        "1 h 02 min",
    ]
    labels = words.Words({"rivemont": Communes("rivemont")["rivemont"]})
    assert (
        labels.service("etat_civil") == "État civil" and labels.service("accueil") == "Accueil de la mairie"
    )
    assert labels.intent(BIRTH) == "Une copie d'acte de naissance" and labels.intent("x_y") == "X y"
    assert [labels.confidence(p) for p in (0.9, 0.6, 0.1, None)] == [
        "sûr",
        "probable",
        "incertain",
        "incertain",
    ]
    assert set(words.REASONS) >= {"asked", "not_understood", "no_input", "service", "too_long", "nobody"}


def test_a_line_breaks_at_no_punctuation_of_the_page(site: Site) -> None:
    assert words.spaced("« oui » : à 8 h ; 5 % ?").count("\xa0") == 6
    assert words.spaced("a:b 12:30 ::after") == "a:b 12:30 ::after"
    with site.client("anne") as http:
        text = http.get("/accessibilite").text
        assert "Accessibilité\xa0: non conforme" in text and " : " not in text
