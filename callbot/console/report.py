"""The weekly report: what the figures were, beside those of the week before; as a page, a file or a PDF."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from callbot.console.house import Pages
from callbot.console.words import Words
from callbot.errors import ReportError
from callbot.journal.figures import Figures
from callbot.journal.local_days import PARIS
from callbot.journal.tally import Tally
from callbot.quality.charts import CHARTS, Chart, Table, svg
from callbot.quality.figures import FIGURES, Figure, explained, written
from callbot.quality.periods import Period, Slice, slices, total, week, week_of

MOST_INTENTS = 15


@dataclass(frozen=True, slots=True)
class Line:
    """A figure, written."""

    figure: Figure
    value: str
    detail: str
    """Its interval, or from how many it is reckoned."""
    before: str = ""
    """The same, in the period before."""


@dataclass(frozen=True, slots=True)
class Pictured:
    """A chart with its table."""

    chart: Chart
    table: Table


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a period, ready to be shown."""

    period: Period
    town: str
    """Empty: all."""
    slices: Sequence[Slice]
    whole: Tally
    groups: dict[str, list[Line]]
    pictures: list[Pictured]
    intents: list[tuple[str, int, str]]
    """What calls were about: (name, calls, share of calls)."""


def summarise(
    figures: Figures, words: Words, period: Period, town: str = "", compare: bool = False
) -> Summary:
    """Read and reckon a period.

    Args:
        compare: with as many days before.

    Raises:
        JournalError: the journal can't be read.
    """
    cells = figures.cells(period.first, period.last, town)
    whole, before = total(cells), Tally()
    if compare:
        shift = timedelta(days=period.days)
        before = total(figures.cells(period.first - shift, period.last - shift, town))
    steps = slices(cells, period, PARIS)
    groups: dict[str, list[Line]] = {}
    for figure in FIGURES:
        value = figure.value(whole)
        then = written(figure.value(before), figure.unit) if compare else ""
        line = Line(figure, written(value, figure.unit), explained(figure, value), then)
        groups.setdefault(figure.group, []).append(line)
    calls = whole["calls"] or 1
    intents = [
        (words.intent(id), times, f"{times / calls * 100:.1f} %".replace(".", ","))
        for id, times in sorted(whole.intents.items(), key=lambda one: (-one[1], one[0]))[:MOST_INTENTS]
    ]
    pictures = [Pictured(chart, chart.table(steps, whole)) for chart in CHARTS.values()]
    return Summary(period, town, steps, whole, groups, pictures, intents)


def weekly(figures: Figures, words: Words, name: str = "", town: str = "") -> Summary:
    """The report of a week.

    Args:
        name: « 2026-W47 »; empty: the last whole week.

    Raises:
        ReportError: there is no such week.
        JournalError: the journal can't be read.
    """
    try:
        period = week(name or week_of(figures.today() - timedelta(days=7)))
    except (ValueError, OverflowError) as error:
        raise ReportError(f"no week: {name} (write 2026-W47)") from error
    return summarise(figures, words, period, town, compare=True)


def document(pages: Pages, summary: Summary) -> str:
    """The report as one HTML file that needs no other."""

    def source(chart: Chart) -> str:
        drawn = svg(chart, summary.slices, summary.whole)
        return f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}"

    return pages.fragment("report.html", summary=summary, source=source, week=week_of(summary.period.first))


def pdf(text: str) -> bytes:
    """The same as PDF, tagged for screen readers (PDF/UA-1).

    Raises:
        ReportError: WeasyPrint does not find Pango.
    """
    try:
        from weasyprint import HTML
    except OSError as error:
        raise ReportError("PDF needs Pango: apt install libpango-1.0-0 libpangoft2-1.0-0") from error
    made: bytes = HTML(string=text, url_fetcher=_fetcher()).write_pdf(pdf_variant="pdf/ua-1")
    return made


def _fetcher() -> Callable[..., object]:
    """Nothing is fetched from elsewhere."""
    from weasyprint.urls import URLFetcher

    fetcher: Callable[..., object] = URLFetcher(allowed_protocols=["data"])
    return fetcher
