"""Statistics: the pages, their charts, the CSV file, the weekly report."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Response
from starlette.concurrency import run_in_threadpool

from callbot.console.access import need
from callbot.console.house import House, TheHouse
from callbot.console.report import Summary, document, pdf, summarise, weekly
from callbot.errors import ReportError
from callbot.journal.accounts import Visitor
from callbot.quality.charts import CHARTS, Chart, Theme, svg
from callbot.quality.figures import ABOUT_TIMES, FIGURES, Figure, Unit
from callbot.quality.periods import LONGEST_DAYS, Period, Slice, Step, week_of

router = APIRouter()

Officer = Annotated[Visitor, Depends(need("quality", page=True))]
STEPS: dict[str, tuple[Step, str]] = {
    "jour": ("day", "par jour"),
    "demi-heure": ("half-hour", "par demi-heure"),
    "semaine": ("week", "par semaine"),
}
UNITS: dict[Unit, str] = {"count": "", "percent": " (%)", "seconds": " (s)", "ms": " (ms)"}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet."""
BYTE_ORDER_MARK = "\ufeff"
"""By which Excel knows UTF-8."""


class Asked:
    """What a reader wants to see: `du` and `au`, two days; `pas`; `commune`. What makes no sense is told."""

    def __init__(
        self, house: TheHouse, du: str = "", au: str = "", pas: str = "jour", commune: str = ""
    ) -> None:
        today = house.figures.today()
        first, last = today - timedelta(days=6), today
        self.error = ""
        try:
            if du or au:
                last = date.fromisoformat(au) if au else today
                first = date.fromisoformat(du) if du else last
                if first > last:
                    first, last = last, first
                if (last - first).days >= LONGEST_DAYS:
                    raise ValueError
                last - timedelta(days=2 * LONGEST_DAYS), last + timedelta(days=2)
        except (ValueError, OverflowError):
            first, last = today - timedelta(days=6), today
            self.error = f"Choisissez deux dates qui existent, distantes de {LONGEST_DAYS} jours au plus."
        self.step = pas if pas in STEPS else "jour"
        self.period = Period(first, last, STEPS[self.step][0])
        self.town = commune

    def query(self, **other: str) -> str:
        """The same for a link."""
        own = {
            "du": f"{self.period.first}",
            "au": f"{self.period.last}",
            "pas": self.step,
            "commune": self.town,
        }
        return urlencode({name: value for name, value in (own | other).items() if value})


ThePeriod = Annotated[Asked, Depends(Asked)]


@router.get("/statistiques")
def page(house: TheHouse, visitor: Officer, asked: ThePeriod) -> Response:
    """All the figures of a period."""
    return house.pages.page(
        "figures.html",
        visitor,
        summary=_summary(house, asked),
        asked=asked,
        towns=house.figures.towns(),
        usual=_usual(house.figures.today()),
        steps=STEPS,
        about_times=ABOUT_TIMES,
        week=week_of(house.figures.today() - timedelta(days=7)),
    )


@router.get("/statistiques/graphique/{name}.svg", responses={200: {"content": {"image/svg+xml": {}}}})
def chart(
    house: TheHouse, visitor: Officer, asked: ThePeriod, name: str, theme: Literal["light", "dark"] = "light"
) -> Response:
    """One chart, an image of its own."""
    return _drawn(name, _summary(house, asked), theme)


@router.get("/statistiques.csv", responses={200: {"content": {"text/csv": {}}}})
def table(house: TheHouse, visitor: Officer, asked: ThePeriod) -> Response:
    """The figures by step, for a spreadsheet."""
    house.accounts.note(visitor.name, "figures_exported", f"{asked.period.first}/{asked.period.last}")
    text = written(_summary(house, asked).slices)
    name = f"statistiques-{asked.period.first}-{asked.period.last}.csv"
    return Response(text.encode(), media_type="text/csv; charset=utf-8", headers=_as_file(name))


@router.get("/statistiques/rapport")
def report(house: TheHouse, visitor: Officer, semaine: str = "", commune: str = "") -> Response:
    """The weekly report."""
    summary = _report(house, semaine, commune)
    name = week_of(summary.period.first)

    def source(chart: Chart) -> str:
        about = urlencode({"du": summary.period.first, "au": summary.period.last, "commune": commune})
        return f"/statistiques/graphique/{chart.id}.svg?{about}"

    return house.pages.page(
        "weekly.html", visitor, summary=summary, source=source, week=name, newest=house.figures.today()
    )


@router.get("/statistiques/rapport.pdf", responses={200: {"content": {"application/pdf": {}}}})
async def report_pdf(house: TheHouse, visitor: Officer, semaine: str = "", commune: str = "") -> Response:
    """The same as PDF."""

    def make() -> tuple[Summary, bytes]:
        summary = _report(house, semaine, commune)
        return summary, pdf(document(house.pages, summary))

    try:
        summary, made = await run_in_threadpool(make)
    except ReportError as error:
        raise HTTPException(503) from error
    name = f"rapport-{week_of(summary.period.first)}.pdf"
    return Response(made, media_type="application/pdf", headers=_as_file(name))


def written(slices: Sequence[Slice]) -> str:
    """The figures as CSV as a French spreadsheet reads it: semicolons, decimal commas, no formulas."""
    out = io.StringIO()
    out.write(BYTE_ORDER_MARK)
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    interval = ("borne basse (%)", "borne haute (%)", "phrases revues")
    heads = [f"{figure.label}{UNITS[figure.unit]}" for figure in FIGURES]
    writer.writerow(
        [safe(head) for head in ("période", *heads, *(f"Compréhension, {it}" for it in interval))]
    )
    for one in slices:
        row = [_plain(figure, one) for figure in FIGURES]
        value = next(figure for figure in FIGURES if figure.id == "understanding").value(one.tally)
        bounds = ["" if bound is None else _decimal(bound * 100) for bound in (value.low, value.high)]
        writer.writerow([safe(one.label), *row, *bounds, value.of])
    return out.getvalue()


def safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _plain(figure: Figure, one: Slice) -> str:
    number = figure.value(one.tally).number
    if number is None:
        return ""
    if figure.unit == "count":
        return str(round(number))
    return _decimal({"percent": number * 100, "seconds": number / 1000, "ms": number}[figure.unit])


def _decimal(number: float) -> str:
    return f"{number:.1f}".replace(".", ",")


def _summary(house: House, asked: Asked) -> Summary:
    return summarise(house.figures, house.words, asked.period, asked.town)


def _report(house: House, semaine: str, commune: str) -> Summary:
    try:
        return weekly(house.figures, house.words, semaine, commune)
    except ReportError as error:
        raise HTTPException(404) from error


def _drawn(name: str, summary: Summary, theme: Theme) -> Response:
    if name not in CHARTS:
        raise HTTPException(404)
    drawn = svg(CHARTS[name], summary.slices, summary.whole, theme)
    return Response(drawn, media_type="image/svg+xml")


def _usual(today: date) -> list[tuple[str, dict[str, str]]]:
    """Periods one looks at often."""
    monday = today - timedelta(days=today.weekday())
    spans = (
        ("Aujourd'hui", today, today, "demi-heure"),
        ("Hier", today - timedelta(days=1), today - timedelta(days=1), "demi-heure"),
        ("7 derniers jours", today - timedelta(days=6), today, "jour"),
        ("Semaine dernière", monday - timedelta(days=7), monday - timedelta(days=1), "jour"),
        ("30 derniers jours", today - timedelta(days=29), today, "jour"),
        ("12 dernières semaines", monday - timedelta(days=77), today, "semaine"),
    )
    return [(label, {"du": f"{first}", "au": f"{last}", "pas": step}) for label, first, last, step in spans]


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
