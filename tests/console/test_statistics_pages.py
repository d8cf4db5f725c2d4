"""The statistics over HTTP and in a real Chromium: pages, charts, CSV, weekly report."""

import csv
import io
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from callbot.commands.figures import report
from callbot.console.figures import BYTE_ORDER_MARK, FORMULA, safe
from callbot.errors import ReportError
from callbot.quality.charts import CHARTS
from callbot.quality.figures import FIGURES
from tests.console.browser import NEEDS_CHROMIUM, every_look, examine, log_in
from tests.console.site import Site
from tests.journal.ledger import Ledger

from ..patience import PATIENCE_S

POOL, BIRTH = "piscine_horaires", "etat_civil_acte_naissance_copie"
NOW = datetime(2026, 11, 20, 12, 0)
WEEK = "du=2026-11-16&au=2026-11-20"


def fill(site: Site) -> None:
    """A week of calls: each day one served by the bot, one by a person, one by nobody."""
    ledger = Ledger(site.database)
    for day in range(5):
        at = datetime(2026, 11, 16 + day, 8, 5)
        served = ledger.call(at, ("speech", f"answer:{POOL}", POOL))
        handed = ledger.call(at + timedelta(minutes=40), ("speech", "transfer:x", BIRTH), result="TRANSFER")
        ledger.transfer(handed, at, "ended", wait_s=30, talk_s=90, intent=BIRTH)
        ledger.call(at + timedelta(minutes=45), ("silence", "ask:silence"), reason="hung_up")
        ledger.review(served, POOL, POOL if day else BIRTH)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"), clock=lambda: NOW)
    fill(site)
    with site.running():
        yield site


@pytest.fixture
def client(site: Site) -> Iterator[Any]:
    with site.client("quentin") as client:
        yield client


def shown(page: str, id: str) -> str:
    """What a figure's card says."""
    found = re.search(rf'id="chiffre-{id}">.*?class="value">(.*?)</dd>', page, re.S)
    assert found, id
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def test_figures_are_shown_with_their_definitions(client: Any) -> None:
    page = client.get(f"/statistiques?{WEEK}").text
    assert shown(page, "calls") == "15" and shown(page, "containment").startswith("33,3 %")
    assert shown(page, "non_response").startswith("33,3 %") and shown(page, "wait") == "30 s sur 5"
    assert shown(page, "understanding").startswith("80,0 % entre 37,6 et 96,4 %")
    text = page.replace("&#39;", "'").replace("\xa0", " ")
    assert all(figure.definition in text for figure in FIGURES)
    assert "Une copie d'acte de naissance" in text
    assert "pas encore de revue" in client.get("/statistiques?du=2026-11-02&au=2026-11-03").text


def test_only_those_who_may_see_them(site: Site) -> None:
    paths = [
        "/statistiques",
        "/statistiques.csv",
        "/statistiques/graphique/devenir.svg",
        "/statistiques/rapport",
    ]
    with site.client("anne") as client:
        assert {client.get(path).status_code for path in paths} == {403}
    with site.client() as client:
        assert {client.get(path).headers.get("Location") for path in paths} == {"/connexion"}


@pytest.mark.parametrize(
    "wrong",
    [
        "du=hier",
        "du=2026-02-30&au=2026-03-01",
        "du=2000-01-01&au=2026-01-01",
        "du=0001-01-01",
        "au=9999-12-31",
    ],
)
def test_dates_that_make_no_sense_are_told(client: Any, wrong: str) -> None:
    answer = client.get(f"/statistiques?{wrong}")
    assert answer.status_code == 200 and "Choisissez deux dates" in answer.text
    assert shown(answer.text, "calls") == "15", "the last seven days are shown"


def test_periods_and_steps(client: Any) -> None:
    rows = {
        "jour": ["lundi 16/11/2026", "mardi 17/11/2026"],
        "demi-heure": ["09 h 00", "09 h 30"],
        "semaine": ["semaine 47 de 2026"],
        "siecle": ["lundi 16/11/2026"],
    }
    for step, labels in rows.items():
        page = client.get(f"/statistiques?{WEEK}&pas={step}").text
        assert all(f'<th scope="row">{label}</th>' in page for label in labels), step
    assert shown(client.get("/statistiques?du=2026-11-20&au=2026-11-16").text, "calls") == "15"
    assert shown(client.get(f"/statistiques?{WEEK}&commune=Ailleurs").text, "calls") == "0"


def test_each_chart_is_an_image_of_its_own(client: Any) -> None:
    page = client.get(f"/statistiques?{WEEK}").text
    for name in CHARTS:
        assert f"/statistiques/graphique/{name}.svg?" in page
        for theme in ("light", "dark"):
            answer = client.get(f"/statistiques/graphique/{name}.svg?{WEEK}&theme={theme}")
            assert answer.headers["Content-Type"] == "image/svg+xml" and answer.content.startswith(b"<svg")
    assert client.get(f"/statistiques/graphique/autre.svg?{WEEK}").status_code == 404


def test_the_csv_opens_in_a_french_spreadsheet(site: Site, client: Any) -> None:
    answer = client.get(f"/statistiques.csv?{WEEK}")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "statistiques-2026-11-16-2026-11-20.csv" in answer.headers["Content-Disposition"]
    assert answer.content.startswith(BYTE_ORDER_MARK.encode())
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";")
    assert len(rows) == 5 and all(len(row) == len(head) for row in rows)
    monday = dict(zip(head, rows[0], strict=True))
    assert monday["période"] == "lundi 16/11/2026" and monday["Appels"] == "3"
    assert monday["Taux de non-réponse (%)"] == "33,3" and monday["Compréhension (%)"] == "0,0"
    assert (
        monday["Attente d'une personne (moyenne) (s)"] == "30,0"
        and monday["Compréhension, phrases revues"] == "1"
    )
    assert "figures_exported" in {one.action for one in site.accounts.actions()}


def test_no_cell_is_a_formula(client: Any) -> None:
    for text in ("=1+1", "+33", "-2", "@SUM(A1)", "\tx", "\rx"):
        assert safe(text) == f"'{text}"
    assert safe("Appels") == "Appels"
    cells = csv.reader(
        io.StringIO(client.get(f"/statistiques.csv?{WEEK}").content.decode("utf-8-sig")), delimiter=";"
    )
    assert not any(cell.startswith(FORMULA) for row in cells for cell in row)


def test_the_weekly_report_as_a_page_and_as_pdf(client: Any) -> None:
    page = client.get("/statistiques/rapport?semaine=2026-W47").text
    assert "Du lundi 16/11/2026 au dimanche 22/11/2026" in page and "Semaine d'avant" in page
    made = client.get("/statistiques/rapport.pdf?semaine=2026-W47")
    assert made.headers["Content-Type"] == "application/pdf" and made.content.startswith(b"%PDF-1.7")
    streams = re.findall(rb"stream\n(.*?)\nendstream", made.content, re.S)
    assert any(b"pdfuaid" in _inflated(one) for one in streams), "it says that it is accessible"
    assert b"rapport-2026-W47.pdf" in made.headers["Content-Disposition"].encode()
    last = client.get("/statistiques/rapport").text
    assert "Rapport de la semaine 2026-W46" in last, "the last whole week"
    assert client.get("/statistiques/rapport?semaine=2026-W60").status_code == 404
    assert client.get("/statistiques/rapport.pdf?semaine=%3Cscript%3E").status_code == 404


def test_the_report_by_command(site: Site, tmp_path: Path) -> None:
    environment = {"CALLBOT_STATE_DIR": str(tmp_path), "CALLBOT_JOURNAL_URL": site.settings.journal_dsn}
    run = partial(subprocess.run, env=environment, capture_output=True, text=True, timeout=600)
    command = [sys.executable, "-m", "callbot", "report", "--out", str(tmp_path / "r.html")]
    assert run([*command, "--week", "2026-W47"]).returncode == 0
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert text.count("data:image/svg+xml;base64,") == len(CHARTS) and "<script" not in text
    refused = run([*command, "--week", "2026-W60"])
    assert refused.returncode == 1 and "no week: 2026-W60" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    refused = run([*command, "--town", "Nulle-Part"])
    assert refused.returncode == 1 and "no commune of this name: Nulle-Part" in refused.stderr
    with pytest.raises(ReportError, match=r"\.pdf"):
        report(out=tmp_path / "r.docx")


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return stream


def test_the_console_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys, callbot.console.app, callbot.cli, callbot.quality.simulate\n"
        "print([one for one in ('matplotlib', 'simpy', 'weasyprint') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout.strip() == "[]", done.stderr


@NEEDS_CHROMIUM
@every_look
def test_pages_are_accessible_and_fit(
    site: Site, chromium: Any, size: tuple[int, int], scheme: str, tmp_path: Path
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    context = chromium.new_context(viewport=viewport, color_scheme=scheme, locale="fr-FR")
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if "Content Security" in said.text else None)
    log_in(page, site, "quentin")
    wrong = {}
    for name, path in (
        ("figures", f"/statistiques?{WEEK}"),
        ("report", "/statistiques/rapport?semaine=2026-W47"),
    ):
        page.goto(site.url + path)
        page.wait_for_load_state("networkidle")
        broken = page.eval_on_selector_all("main img", "all => all.filter(one => !one.naturalWidth).length")
        assert page.locator("main img").count() == len(CHARTS) and broken == 0
        wrong[name] = examine(page, tmp_path / f"{name}-{size[0]}-{scheme}.png")
    drawn = page.evaluate("document.querySelector('main img').currentSrc")
    context.close()
    assert wrong == {"figures": [], "report": []} and problems == [] and ".svg" in drawn


@NEEDS_CHROMIUM
def test_a_period_is_chosen_by_keyboard(site: Site, chromium: Any) -> None:
    with chromium.new_context(locale="fr-FR", java_script_enabled=True) as context:
        page = context.new_page()
        log_in(page, site, "quentin")
        page.goto(f"{site.url}/statistiques")
        page.get_by_label("Du", exact=True).fill("2026-11-16")
        page.get_by_label("Au", exact=True).fill("2026-11-16")
        page.get_by_label("Découpage").select_option("demi-heure")
        page.get_by_role("button", name="Afficher").press("Enter")
        page.get_by_role("rowheader", name="09 h 30").first.wait_for()
        assert page.locator("#chiffre-calls .value").inner_text() == "3"
        page.locator("#chiffre-calls summary").press("Enter")
        assert page.get_by_text("Appels téléphoniques arrivés au robot").is_visible()
