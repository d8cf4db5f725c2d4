"""Charts of the figures, drawn by matplotlib, which is loaded when the first one is drawn."""

from __future__ import annotations

import html
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from callbot.journal.tally import Tally
from callbot.quality.figures import BY_ID, NO_REVIEW, STAGES, explained, number, written
from callbot.quality.periods import Slice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

Theme = Literal["light", "dark"]
_COLOURS: dict[Theme, dict[str, Any]] = {
    "light": {
        "ink": "#1d2321",
        "grid": "#d5dad6",
        "paper": "#ffffff",
        "series": ("#0d5c63", "#7aa6d8", "#e0a52e", "#a9b5b0", "#b6402f", "#5b4a8a"),
    },
    "dark": {
        "ink": "#e8edea",
        "grid": "#36403d",
        "paper": "#1d2423",
        "series": ("#7fd0d3", "#4d7fb8", "#d9a441", "#6d7a75", "#ff9a8d", "#b9a5e8"),
    },
}
HATCHES = ("", "///", "\\\\\\", "xx", "||", "++")
_MARKERS = ("o", "s", "^", "D")
_DASHES = ("-", "--", ":", "-.")
_LOCK = threading.Lock()
"""matplotlib's styles belong to the whole process."""
MOST_LABELS = 16
FONT = "font-family: system-ui, 'DejaVu Sans', sans-serif"
"""A reader's machine need not have the font that the drawing was measured with."""
OUTCOMES = (
    ("contained", "résolus par le robot"),
    ("human", "répondus par une personne"),
    ("message", "message ou rappel"),
    ("served_lost", "servis, puis partis de la file"),
    ("lost", "sans réponse"),
    ("unknown", "issue inconnue"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """What a chart shows, in numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and its table."""

    id: str
    title: str
    shows: str
    """What is to be seen in it, for who can't see it."""
    table: Callable[[Sequence[Slice], Tally], Table]
    draw: Callable[[Axes, Sequence[Slice], Tally, Sequence[str]], None]


def svg(chart: Chart, slices: Sequence[Slice], whole: Tally, theme: Theme = "light") -> bytes:
    """The chart as an SVG of its own, with title and description."""
    with style(theme) as colours:
        drawing, axes = _blank()
        chart.draw(axes, slices, whole, colours["series"])
        out = io.BytesIO()
        drawing.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue().decode().replace("font-family: 'DejaVu Sans'", FONT)
    begin = text.index("<svg")
    named = (
        f'<svg role="img" aria-labelledby="t d"><title id="t">{html.escape(chart.title)}</title>'
        f'<desc id="d">{html.escape(chart.shows)}</desc>'
    )
    head, rest = text[begin:].split(">", 1)
    return (named.split(">", 1)[0] + head.removeprefix("<svg") + ">" + named.split(">", 1)[1] + rest).encode()


@contextmanager
def style(theme: Theme) -> Iterator[dict[str, Any]]:
    """Draw inside: one drawing at a time, in these colours."""
    from matplotlib import rc_context

    colours = _COLOURS[theme]
    ink, grid = colours["ink"], colours["grid"]
    look: Any = {
        **{"svg.fonttype": "none", "svg.hashsalt": "callbot", "font.size": 10, "hatch.linewidth": 0.6},
        **{"font.family": "DejaVu Sans", "text.color": ink, "axes.labelcolor": ink, "axes.edgecolor": grid},
        **{"xtick.color": ink, "ytick.color": ink, "axes.spines.top": False, "axes.spines.right": False},
        **{"axes.grid": True, "axes.grid.axis": "y", "grid.color": grid, "axes.axisbelow": True},
        **{"figure.facecolor": colours["paper"], "axes.facecolor": colours["paper"]},
        **{"savefig.facecolor": colours["paper"], "legend.frameon": False, "hatch.color": colours["paper"]},
    }
    with _LOCK, rc_context(look):
        yield colours


def _blank(width: float = 8, height: float = 3.6) -> tuple[Drawing, Axes]:
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(width, height), layout="constrained")
    return drawing, drawing.add_subplot()


def _label(axes: Axes, slices: Sequence[Slice]) -> None:
    """As many labels as there is room for."""
    every = max(1, -(-len(slices) // MOST_LABELS))
    places = range(0, len(slices), every)
    labels = [slices[place].short for place in places]
    if len(slices) > 8:
        axes.set_xticks(list(places), labels, rotation=45, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticks(list(places), labels)
    axes.tick_params(axis="x", length=0)


def _legend(axes: Axes, columns: int = 3) -> None:
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns)


def _percent(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.set_ylim(0, 1.04)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 100:.0f} %"))


def _whole(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_ylim(bottom=0)


def _nothing(axes: Axes, words: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes, fontsize=12)


def _draw_outcomes(axes: Axes, slices: Sequence[Slice], whole: Tally, colours: Sequence[str]) -> None:
    floor = [0] * len(slices)
    for (key, label), colour, hatch in zip(OUTCOMES, colours, HATCHES, strict=True):
        if not whole[key]:
            continue
        heights = [one.tally[key] for one in slices]
        axes.bar(range(len(slices)), heights, bottom=floor, label=label, color=colour, hatch=hatch, width=0.8)
        floor = [low + high for low, high in zip(floor, heights, strict=True)]
    if not any(floor):
        return _nothing(axes, "Aucun appel terminé")
    _label(axes, slices)
    _whole(axes)
    axes.set_ylabel("appels")
    _legend(axes)


def _draw_lines(ids: Sequence[str]) -> Callable[[Axes, Sequence[Slice], Tally, Sequence[str]], None]:
    def draw(axes: Axes, slices: Sequence[Slice], whole: Tally, colours: Sequence[str]) -> None:
        seconds = BY_ID[ids[0]].unit == "seconds"
        for place, id in enumerate(ids):
            figure = BY_ID[id]
            values = [figure.value(one.tally).number for one in slices]
            if not any(value is not None for value in values):
                continue
            heights = [
                float("nan") if value is None else value / (1000 if seconds else 1) for value in values
            ]
            colour = colours[(0, 4, 2, 1)[place]]
            style: dict[str, Any] = {"marker": _MARKERS[place], "linestyle": _DASHES[place], "color": colour}
            axes.plot(range(len(slices)), heights, label=figure.label.lower(), **style)
        if not axes.lines:
            return _nothing(axes, "Rien à montrer pour cette période")
        _label(axes, slices)
        if seconds:
            _whole(axes)
            axes.set_ylabel("secondes")
        else:
            _percent(axes)
        _legend(axes, 2)

    return draw


def _draw_understanding(axes: Axes, slices: Sequence[Slice], whole: Tally, colours: Sequence[str]) -> None:
    understanding = BY_ID["understanding"]
    for place, one in enumerate(slices):
        value = understanding.value(one.tally)
        if value.number is None or value.low is None or value.high is None:
            continue
        reach = [[max(0.0, value.number - value.low)], [max(0.0, value.high - value.number)]]
        axes.errorbar(
            [place], [value.number], yerr=reach, fmt="o", color=colours[0], capsize=4, linewidth=1.5
        )
    if not whole["reviewed"]:
        return _nothing(axes, NO_REVIEW[:1].upper() + NO_REVIEW[1:])
    _label(axes, slices)
    axes.set_xlim(-0.6, len(slices) - 0.4)
    _percent(axes)
    axes.set_ylabel("phrases comprises juste")


def _draw_latencies(axes: Axes, __: Sequence[Slice], whole: Tally, colours: Sequence[str]) -> None:
    found = [(name, label) for name, label, _ in STAGES if whole.times(name)]
    if not found:
        return _nothing(axes, "Aucune phrase mesurée")
    styles = zip(("p50", "p95"), ("médiane", "19 fois sur 20"), (0, 2), (colours[0], colours[2]), strict=True)
    for shift, (part, label, hatch, colour) in zip((0.2, -0.2), styles, strict=True):
        widths = [BY_ID[f"{name}_{part}"].value(whole).number or 0 for name, _ in found]
        places = [len(found) - place + shift for place in range(len(found))]
        bars = axes.barh(places, widths, height=0.36, label=label, color=colour, hatch=HATCHES[hatch])
        axes.bar_label(bars, [f"{number(width)} ms" for width in widths], padding=4)
    axes.set_yticks([len(found) - place for place in range(len(found))], [label for _, label in found])
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.margins(x=0.12)
    axes.set_xlabel("millisecondes")
    _legend(axes, 2)


def _table_of_outcomes(slices: Sequence[Slice], whole: Tally) -> Table:
    shown = [(key, label) for key, label in OUTCOMES if key != "unknown" or whole[key]]
    rows = [
        (one.label, number(one.tally["calls"]), *(number(one.tally[key]) for key, _ in shown))
        for one in slices
    ]
    return Table(("", "appels", *(label for _, label in shown)), tuple(rows))


def _table_of(*ids: str) -> Callable[[Sequence[Slice], Tally], Table]:
    def table(slices: Sequence[Slice], whole: Tally) -> Table:
        figures = [BY_ID[id] for id in ids]
        rows = [
            (one.label, *(written(figure.value(one.tally), figure.unit) for figure in figures))
            for one in slices
        ]
        return Table(("", *(figure.label.lower() for figure in figures)), tuple(rows))

    return table


def _table_of_understanding(slices: Sequence[Slice], whole: Tally) -> Table:
    figure = BY_ID["understanding"]
    values = [(one.label, figure.value(one.tally)) for one in slices]
    rows = [(label, written(value, figure.unit), explained(figure, value)) for label, value in values]
    return Table(("", "comprises juste", "intervalle de Wilson à 95 %"), tuple(rows))


def _table_of_latencies(slices: Sequence[Slice], whole: Tally) -> Table:
    rows = [
        (
            label,
            *(written(BY_ID[f"{name}_{part}"].value(whole), "ms") for part in ("p50", "p95")),
            number(whole.times(name)),
        )
        for name, label, _ in STAGES
    ]
    return Table(("étape", "médiane", "19 fois sur 20", "phrases"), tuple(rows))


CHARTS = {
    chart.id: chart
    for chart in (
        Chart(
            "devenir",
            "Devenir des appels",
            "Barres empilées : pour chaque période, le nombre d'appels par issue.",
            _table_of_outcomes,
            _draw_outcomes,
        ),
        Chart(
            "taux",
            "Non-réponse et résolution par le robot",
            "Deux courbes : la part d'appels sans réponse, et la part résolue par le robot seul.",
            _table_of("containment", "non_response", "human", "bot_lost"),
            _draw_lines(("containment", "non_response")),
        ),
        Chart(
            "attente",
            "Attente d'une personne après transfert",
            "Deux courbes : l'attente moyenne, et celle que neuf appels sur dix n'ont pas dépassée.",
            _table_of("wait", "wait_p90", "transfers", "transfers_answered", "transfers_abandoned"),
            _draw_lines(("wait", "wait_p90")),
        ),
        Chart(
            "comprehension",
            "Compréhension",
            "Points avec leur intervalle : la part des phrases tirées au hasard que le robot a comprises.",
            _table_of_understanding,
            _draw_understanding,
        ),
        Chart(
            "rapidite",
            "Rapidité, par étape",
            "Barres : par étape d'une réponse, la médiane et la durée dépassée une fois sur vingt.",
            _table_of_latencies,
            _draw_latencies,
        ),
    )
}
