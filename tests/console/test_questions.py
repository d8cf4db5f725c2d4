"""The pages about unanswered questions, over real HTTP on the loopback."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from callbot.console.questions import assign
from callbot.console.questions_desk import desk_of
from callbot.journal.accounts import Visitor
from callbot.journal.database import now
from callbot.journal.models import Call, DeliveryRow, Proposal, Question, Request, Turn, Unanswered
from callbot.quality.learned import Learned
from callbot.text_channel.door import Rates
from callbot.town.communes import Communes
from callbot.town.profile import COMMUNES
from tests.console.site import Site, csrf_of

BEES = [
    "je voudrais mettre des ruches chez moi",
    "une ruche en ville c'est permis",
    "est-ce que j'ai le droit d'installer une ruche dans mon jardin",
]
COMPOST = ["comment on fait pour avoir un composteur", "vous distribuez des composteurs gratuits"]
LONELY = "un sanglier est entré dans ma cave"
ANSWER = "Oui, à dix mètres de la rue. Déclarez votre ruche avant le 31 décembre."
POOL = "piscine_horaires"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, rates=Rates(address=1000, total=1000))
    with site.running():
        yield site


@pytest.fixture
def http(site: Site) -> Iterator[httpx.Client]:
    with site.client("quentin") as client:
        yield client


def ask(site: Site, *texts: str, phone: str = "", at: datetime | None = None) -> int:
    """A call for each sentence, in which it led nowhere; returns the last call."""
    call_id = 0
    for text in texts:
        at = at or now() - timedelta(hours=1)
        call_id = site.add(Call(linkedid="1.0", started_at=at, town="Rivemont"))
        site.add(Turn(call_id=call_id, number=0, at=at, move="greet"))
        ranking = [[POOL, 0.3], ["environnement_nid_frelons", 0.2]]
        values: dict[str, Any] = {"call_id": call_id, "at": at, "ranking": ranking, "intent": POOL}
        site.add(Turn(**values, number=1, heard="speech", utterance=text, move="ask:unclear"))
        if phone:
            left = {"kind": "message", "intent": "", "town": "rivemont", "service": "accueil", "phone": phone}
            site.add(Request(call_id=call_id, at=at, **left))
    return call_id


def page(http: httpx.Client, path: str = "/questions", status: int = 200) -> str:
    answer = http.get(path)
    assert answer.status_code == status, path
    return unescape(answer.text)


def post(http: httpx.Client, path: str, **values: str) -> httpx.Response:
    return http.post(path, data={"csrf": csrf_of(http.get("/questions").text), **values})


def bees(site: Site, http: httpx.Client, phone: str = "") -> int:
    """Its number, when the page has put it together."""
    ask(site, *BEES, phone=phone)
    page(http)
    (id,) = site.database.read(lambda session: list(session.query(Question.id)))
    return int(id[0])


def row(site: Site, kind: Any, id: int) -> Any:
    return site.database.read(lambda session: session.get(kind, id))


def test_officers_only(site: Site, http: httpx.Client) -> None:
    id = bees(site, http)
    with site.client("anne") as operator:
        assert operator.get("/questions").status_code == 403
        assert operator.get(f"/questions/{id}").status_code == 403
        token = csrf_of(operator.get("/").text)
        refused = operator.post(f"/questions/{id}/etat", data={"csrf": token, "state": "close"})
        assert refused.status_code == 403
    with site.client() as nobody:
        assert nobody.get("/questions").headers["location"] == "/connexion"
    assert http.post(f"/questions/{id}/etat", data={"state": "close"}).status_code == 403, "no token"
    assert row(site, Question, id).state == "open"


def test_the_page_puts_together_what_was_asked(site: Site, http: httpx.Client) -> None:
    assert "Aucune question à confier." in page(http)
    ask(site, *BEES, *COMPOST, LONELY, "allô oui")
    text = page(http)
    assert "À confier (2)" in text and "3 appels" in text and "2 appels" in text
    assert "Entendues une seule fois (1)" in text and LONELY in text and "allô oui" not in text
    ask(site, "mon voisin a des abeilles il a le droit d'avoir des ruches")
    assert "4 appels" in page(http)
    assert "À confier (2)" in page(http), "a look changes nothing"


def test_it_is_given_to_a_service_until_a_day(site: Site, http: httpx.Client) -> None:
    id = bees(site, http)
    assert post(http, f"/questions/{id}/confier", service="nulle_part").status_code == 422
    done = post(http, f"/questions/{id}/confier", service="voirie")
    assert done.headers["location"] == f"/questions/{id}?fait=confiee"
    due = row(site, Question, id).due_at
    assert timedelta(days=4) < due - now() < timedelta(days=20), "five working days: fewer days from a Sunday"
    assert "La question est confiée au service." in page(http, f"/questions/{id}?fait=confiee")
    post(http, f"/questions/{id}/confier", service="voirie", day="2020-03-02")
    text = page(http)
    assert (
        "en retard" in text and "avant la fin du 02/03/2020" in text and "Confiées à un service (1)" in text
    )
    assert post(http, f"/questions/{id}/confier", service="voirie", day="demain").status_code == 422


def test_a_service_with_a_mailbox_gets_it_by_mail(site: Site, http: httpx.Client, tmp_path: Path) -> None:
    id = bees(site, http)
    town = (COMMUNES / "rivemont.yml").read_text(encoding="utf-8")
    mailboxes = "\nhand_over:\n  mail: {to: {voirie: voirie@rivemont.example}}\n"
    (tmp_path / "rivemont.yml").write_text(town + mailboxes, encoding="utf-8")
    desk = desk_of(site.settings, site.database, Communes(str(tmp_path / "rivemont.yml")), now)
    quentin = Visitor(1, "quentin", "quality", "", "")
    assign(desk, quentin, id, "accueil", mailed="1")  # the front desk has none
    assert site.database.read(lambda session: session.query(DeliveryRow).count()) == 0
    done = assign(desk, quentin, id, "voirie", mailed="1")
    assert done.headers["location"].endswith("fait=confiee-courriel")
    (sent,) = site.database.read(lambda session: session.query(DeliveryRow).all())
    assert (sent.channel, sent.town, sent.content["service"]) == ("mail", "rivemont", "voirie")
    assert all(text in sent.content["description"] for text in BEES)


def test_an_answer_must_be_speakable_and_is_shown_as_it_will_be_heard(site: Site, http: httpx.Client) -> None:
    id = bees(site, http)
    refused = post(http, f"/questions/{id}/reponse", answer="Voyez www.rivemont.fr <b>vite</b>")
    assert refused.status_code == 422
    text = unescape(refused.text)
    assert "Pas d'adresse de site" in text and "Voyez www.rivemont.fr <b>vite</b>" in text, (
        "what was typed stays"
    )
    assert "<b>" not in refused.text
    assert row(site, Question, id).answer == ""
    assert post(http, f"/questions/{id}/reponse", answer=ANSWER).status_code == 303
    assert "avant le trente et un décembre" in page(http, f"/questions/{id}")
    assert "Réponses à publier (1)" in page(http)


def test_it_becomes_a_new_intent(site: Site, http: httpx.Client) -> None:
    id = bees(site, http)
    examples = "\r\n".join([*BEES, "  des abeilles   au fond du jardin ", ""])
    form = {"how": "new", "name": "installer une ruche.", "service": "environnement", "examples": examples}
    assert post(http, f"/questions/{id}/publier", **form).status_code == 409, "no answer yet"
    post(http, f"/questions/{id}/reponse", answer=ANSWER)
    services = page(http, f"/questions/{id}")
    form["service"] = service = "voirie" if 'value="environnement"' not in services else "environnement"
    assert post(http, f"/questions/{id}/publier", **form).status_code == 303
    intents = Learned(site.settings.learned_path).intents()
    assert list(intents) == [f"{service}_installer_ruche"]
    known = intents[f"{service}_installer_ruche"]
    assert known.name == "installer une ruche" and "trente et un décembre" in known.answer
    learnt = Learned(site.settings.learned_path).examples()[f"{service}_installer_ruche"]
    assert set(learnt) == {*BEES, "des abeilles au fond du jardin"}
    assert (row(site, Question, id).state, row(site, Question, id).intent) == ("published", *intents)
    assert page(http).count("Installer une ruche") == 1 and "Installer une ruche (" in page(
        http, f"/questions/{id}"
    )
    # Published again, it stays the same intent.
    post(http, f"/questions/{id}/reponse", answer="Non.")
    post(http, f"/questions/{id}/publier", **form)
    (again,) = Learned(site.settings.learned_path).intents().values()
    assert again.answer == "Non."


def test_it_joins_an_intent_that_there_is(site: Site, http: httpx.Client) -> None:
    id = bees(site, http)
    post(http, f"/questions/{id}/reponse", answer=ANSWER)
    form = {"how": "join", "intent": POOL, "examples": "\n".join([*BEES, "des abeilles"])}
    assert post(http, f"/questions/{id}/publier", **form).status_code == 303
    proposals = site.database.read(lambda session: session.query(Proposal).order_by(Proposal.id).all())
    assert [one.text for one in proposals] == [*BEES, "des abeilles"]
    assert {one.intent for one in proposals} == {POOL} and {one.account for one in proposals} == {"quentin"}
    assert all(one.turn_id for one in proposals[:3]) and proposals[3].turn_id is None
    assert row(site, Question, id).intent == POOL
    assert "Publiées (1)" in page(http)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"examples": "une ruche\ndes abeilles"}, "au moins 3 phrases"),
        ({"examples": "une ruche\ndes abeilles\n[nom]"}, "« [nom] »"),
        ({"name": " . "}, "Donnez un nom"),
        ({"service": "nulle_part"}, "Choisissez le service"),
        ({"how": "join", "intent": ""}, "Choisissez l'intention"),
        ({"how": "join", "intent": "conversation_oui"}, "Choisissez l'intention"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_taught(
    site: Site, http: httpx.Client, change: dict[str, str], said: str
) -> None:
    id = bees(site, http)
    post(http, f"/questions/{id}/reponse", answer=ANSWER)
    form = {"how": "new", "name": "installer une ruche", "service": "voirie", "examples": "\n".join(BEES)}
    refused = post(http, f"/questions/{id}/publier", **form | change)
    assert refused.status_code == 422 and said in unescape(refused.text)
    assert not Learned(site.settings.learned_path).lessons()
    assert row(site, Question, id).state == "answered"


def test_questions_are_tidied(site: Site, http: httpx.Client) -> None:
    ask(site, *BEES, *COMPOST, LONELY)
    page(http)
    first, second = (id for (id,) in site.database.read(lambda session: list(session.query(Question.id))))
    alone = site.database.read(lambda session: session.query(Unanswered).filter_by(question_id=None).one())
    assert post(http, f"/questions/{first}/nom", label="Installer une ruche").status_code == 303
    assert "Installer une ruche" in page(http)
    made = post(http, f"/questions/tours/{alone.turn_id}/sortir").headers["location"]
    assert LONELY in page(http, made)
    merged = post(http, f"/questions/{second}/reunir", into=str(first))
    assert merged.headers["location"] == f"/questions/{first}?fait=reunie"
    page(http, f"/questions/{second}", 404)
    turn = site.database.read(lambda session: session.query(Turn).filter_by(utterance=COMPOST[0]).one()).id
    post(http, f"/questions/tours/{turn}/sortir", back=str(first))
    assert "Réunir" in page(http, f"/questions/{first}")
    post(http, f"/questions/{first}/etat", state="close")
    assert "Classées sans suite (1)" in page(http)
    post(http, f"/questions/{first}/etat", state="reopen")
    assert row(site, Question, first).state == "open"


def test_what_is_not_there_is_said(site: Site, http: httpx.Client) -> None:
    page(http, "/questions/99", 404)
    for path in ("99/etat", "99/nom", "99/reunir", "99/reponse", "tours/99/sortir", "99/appelants/1/prevenu"):
        form = {"state": "close", "into": "1", "answer": "Oui."}
        assert post(http, f"/questions/{path}", **form).status_code == 404, path
    assert post(http, "/questions/99/appelants/1/sms").status_code == 404


def test_callers_with_a_number_are_texted_or_called_back(site: Site, http: httpx.Client) -> None:
    id = bees(site, http)
    mobile = ask(site, "une ruche c'est permis en ville", phone="0612345678")
    landline = ask(site, "une ruche en ville", phone="0261911200")
    assert "2 à rappeler" in page(http)
    assert "Prévenir par SMS" not in page(http, f"/questions/{id}"), "there is nothing to tell yet"
    assert post(http, f"/questions/{id}/appelants/{mobile}/sms").status_code == 409
    post(http, f"/questions/{id}/reponse", answer=ANSWER)
    assert page(http, f"/questions/{id}").count("Prévenir par SMS") == 1, "mobiles only"
    assert post(http, f"/questions/{id}/appelants/{landline}/sms").status_code == 409
    done = post(http, f"/questions/{id}/appelants/{mobile}/sms")
    assert done.headers["location"] == f"/questions/{id}?fait=sms#appelants"
    (sent,) = site.database.read(lambda session: session.query(DeliveryRow).all())
    assert (sent.channel, sent.town, sent.state) == ("sms", "rivemont", "queued")
    assert sent.content["to"] == "+33612345678" and sent.content["text"].endswith("avant le 31 décembre.")
    assert post(http, f"/questions/{id}/appelants/{mobile}/sms").status_code == 409, "once"
    assert "1 à rappeler" in page(http)
    post(http, f"/questions/{id}/appelants/{landline}/prevenu", done="1")
    assert "à rappeler</span>" not in page(http)
    post(http, f"/questions/{id}/appelants/{landline}/prevenu", done="0")
    assert "1 à rappeler" in page(http)
    trail = " ".join(one.action + one.about for one in site.accounts.actions())
    assert "caller_texted" in trail and "06" not in trail
    with site.client("claire") as admin:
        said = page(admin, "/actions")
        assert "a prévenu un appelant par SMS" in said and f'href="/questions/{id}"' in said
