"""`callbot report` and `callbot simulate`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from callbot.commands.shared import console, load_settings, open_database
from callbot.errors import ReportError

if TYPE_CHECKING:
    from callbot.quality.measured import Basis
    from callbot.quality.simulate import Result

LOOK_BACK_DAYS = 90
"""How much of the journal the simulation is measured on."""
SHOWN = {
    "calls": ("appels", "{:.0f}", 1.0),
    "contained": ("résolus par le robot", "{:.0f}", 1.0),
    "human": ("répondus par une personne", "{:.0f}", 1.0),
    "message": ("message ou rappel", "{:.0f}", 1.0),
    "lost": ("sans réponse", "{:.0f}", 1.0),
    "non_response": ("taux de non-réponse", "{:.1f} %", 100.0),
    "wait_s": ("attente moyenne au standard, appels répondus", "{:.0f} s", 1.0),
    "wait_p90_s": ("attente au standard, 9 appels répondus sur 10", "{:.0f} s", 1.0),
    "load": ("temps des opérateurs passé au téléphone", "{:.0f} %", 100.0),
    "undone": ("rappels restant à faire le soir", "{:.0f}", 1.0),
}
"""French name, form and factor of each figure."""


def report(
    out: Annotated[Path, typer.Option("--out", "-o", help="FILE.pdf or FILE.html")],
    week: Annotated[str, typer.Option(help="2026-W47; the last whole week if unset.")] = "",
    town: Annotated[str, typer.Option(help="Name of one commune; all if unset.")] = "",
) -> None:
    """Write the weekly report: every figure with its definition, charts with their tables."""
    from callbot.console import report as weekly
    from callbot.console.house import Pages
    from callbot.console.words import Words
    from callbot.journal.figures import Figures
    from callbot.town.communes import Communes

    if out.suffix not in (".pdf", ".html"):
        raise ReportError(f"{out}: write a .pdf or a .html")
    settings = load_settings()
    communes = Communes(settings.town)
    words = Words({key: communes[key] for key in communes})
    with open_database(settings) as database:
        figures = Figures(database)
        known = {*figures.towns(), *(communes[key].town.name for key in communes)}
        if town and town not in known:
            raise ReportError(f"no commune of this name: {town} (there are: {', '.join(sorted(known))})")
        summary = weekly.weekly(figures, words, week, town)
    text = weekly.document(Pages(words), summary)
    _write(out, weekly.pdf(text) if out.suffix == ".pdf" else text.encode())
    console.print(f"{out}: {summary.period.first} to {summary.period.last}", highlight=False)


def simulate(
    calls: Annotated[float | None, typer.Option(help="First calls a day.")] = None,
    operators: Annotated[int, typer.Option(help="People who answer at the front desk.")] = 2,
    bot: Annotated[bool | None, typer.Option(help="With the bot only, or without; both if unset.")] = None,
    measured: Annotated[
        bool, typer.Option("--measured/--defaults", help="Take from the journal what it holds enough of.")
    ] = True,
    day_profile: Annotated[
        Path | None, typer.Option(help="CSV of the day's pace, a line a half-hour: 8:30;24")
    ] = None,
    talk: Annotated[float | None, typer.Option(help="Seconds an operator talks, on average.")] = None,
    patience: Annotated[float | None, typer.Option(help="Seconds a caller bears to wait.")] = None,
    counter: Annotated[float | None, typer.Option(help="Share of operators' time at the counter.")] = None,
    retries: Annotated[float, typer.Option(help="Share of unserved callers who call again.")] = 0.0,
    days: Annotated[int, typer.Option(help="Days simulated for each.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed gives the same days.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", help="Draw the days here (PNG).")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write everything here.")] = None,
) -> None:
    """Simulate a day at the switchboard, without the bot and with it, and tell who is served."""
    from callbot.quality.measured import read_profile
    from callbot.quality.simulate import simulate as run

    basis = _basis(measured)
    given: dict[str, Any] = {
        "calls": calls,
        "talk_s": talk,
        "patience_s": patience,
        "counter_share": counter,
        "profile": read_profile(day_profile) if day_profile is not None else None,
    }
    given = {name: value for name, value in given.items() if value is not None}
    day = replace(basis.day, operators=operators, retries=retries, **given)
    titles = {False: "Sans le robot", True: "Avec le robot"}
    results: dict[str, Result] = {
        title: run(day, basis.bot if with_bot else None, days, seed)
        for with_bot, title in titles.items()
        if bot in (None, with_bot)
    }
    basis = replace(basis, day=day, origins={**basis.origins, **dict.fromkeys(given, "donné")})
    _show(results, basis)
    if json_out is not None:
        text = json.dumps(_as_json(results, basis, seed), ensure_ascii=False, indent=2)
        _write(json_out, f"{text}\n".encode())
    if out is not None:
        from callbot.quality.day_chart import draw

        draw(results, out)
        console.print(f"drawn: {out}", highlight=False)


def _basis(measured: bool) -> Basis:
    from callbot.journal.figures import Figures
    from callbot.journal.local_days import PARIS
    from callbot.quality import measured as measuring
    from callbot.quality.periods import Period
    from callbot.quality.simulate import Bot, Day

    if not measured:
        return measuring.Basis(Day(), Bot(), {})
    with open_database(load_settings()) as database:
        figures = Figures(database)
        last = figures.today() - timedelta(days=1)
        period = Period(last - timedelta(days=LOOK_BACK_DAYS - 1), last)
        return measuring.measured(figures.cells(period.first, period.last), period, PARIS)


def _show(results: Mapping[str, Result], basis: Basis) -> None:
    table = Table("", *results)
    for name, (label, form, factor) in SHOWN.items():
        figures = [result.figures[name] for result in results.values()]
        cells = [f"{form.format(one.mean * factor)} ± {one.half * factor:.1f}" for one in figures]
        table.add_row(label, *(cell.replace(".", ",") for cell in cells))
    console.print(table)
    console.print("± : intervalle de confiance à 95 % sur les journées simulées", highlight=False)
    told = {**asdict(basis.day), **asdict(basis.bot)}
    for name in ("profile", "staffed", "retries", "operators"):
        told.pop(name)
    parameters = Table("paramètre", "valeur", "source")
    for name, value in told.items():
        parameters.add_row(name, f"{value:.3g}", basis.origins.get(name, "hypothèse"))
    console.print(parameters)


def _as_json(results: Mapping[str, Result], basis: Basis, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "day": asdict(basis.day),
        "bot": asdict(basis.bot),
        "origins": dict(basis.origins),
        "results": {
            title: {
                "days": result.days,
                "figures": {
                    name: {"mean": one.mean, "low": one.mean - one.half, "high": one.mean + one.half}
                    for name, one in result.figures.items()
                },
                "by_half_hour": [
                    {"minute": minute, "fate": fate, "calls": calls}
                    for (minute, fate), calls in sorted(result.by_half_hour.items())
                ],
            }
            for title, result in results.items()
        },
    }


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ReportError(f"can't write {path}: {error.strerror}") from error
