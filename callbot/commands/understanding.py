"""`callbot nlu`, `calibrate`, `evaluate` and `scenarios`: the model is made, and how well it understands."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from callbot.commands.shared import console, load_settings
from callbot.errors import EvaluationError

SIDE_BY_SIDE_GB = 4.0
"""Training and calibrating at once take 2.5; callers' Rasa may be running beside them."""

nlu_app = typer.Typer(help="The Rasa model.", no_args_is_help=True)
evaluate_app = typer.Typer(help="How well the bot understands.", no_args_is_help=True)


@nlu_app.command("train")
def nlu_train() -> None:
    """Train and calibrate the Rasa model, unless the one for this very data and configuration exists."""
    from callbot import memory
    from callbot.understanding import rasa

    settings = load_settings()

    async def run() -> Path:
        python, project = settings.nlu_python, settings.nlu_project
        target = rasa.model_path(project, settings.nlu_models_dir)
        work = [partial(rasa.train, python, project, target)]
        if not rasa.calibration_path(target).is_file():
            work.append(partial(rasa.calibrate, python, project, target, settings.costs))
        # Side by side where there is room: the calibration learns from a part of the sentences, not from
        # the model, and each leaves one of two cores idle half of the time.
        if memory.available_gb() >= SIDE_BY_SIDE_GB:
            await asyncio.gather(*(step() for step in work))
        else:
            for step in work:
                await step()
        return target

    console.print(f"model: {asyncio.run(run())}", highlight=False)


def calibrate(
    png: Annotated[Path, typer.Option(help="Where to draw the risk-coverage curve.")] = Path(
        "risk_coverage.png"
    ),
) -> None:
    """Fit the model's probabilities and thresholds to the costs again; draw the risk-coverage curve."""
    from callbot.understanding import rasa

    settings = load_settings()
    model = rasa.newest_model(settings.nlu_project, settings.nlu_models_dir)
    fitting = rasa.calibrate(settings.nlu_python, settings.nlu_project, model, settings.costs, png.absolute())
    console.print(f"calibration: {asyncio.run(fitting)}\ncurve: {png}", highlight=False)


JsonOut = Annotated[Path | None, typer.Option("--json", help="Write the figures here.")]


@evaluate_app.command("text")
def evaluate_text(
    file: Annotated[Path, typer.Argument(help="CSV with the header id,utterance.")], out: JsonOut = None
) -> None:
    """Typed utterances through understanding, calibration and the first move."""
    _evaluate(file, out, spoken=False)


@evaluate_app.command("audio")
def evaluate_audio(
    file: Annotated[Path, typer.Argument(help="CSV with the header id,path and optionally text.")],
    out: JsonOut = None,
) -> None:
    """WAVs through recognition, understanding, calibration and the first move."""
    _evaluate(file, out, spoken=True)


def _evaluate(file: Path, out: Path | None, *, spoken: bool) -> None:
    """Evaluate a file with a progress bar; print the figures, write them as JSON."""
    from callbot.quality.evaluate import evaluate, read_rows
    from callbot.rehearsal import open_parts

    async def run() -> None:
        async with open_parts(load_settings()) as parts:
            rows = read_rows(file, {intent.id for intent in parts.answers.catalog}, spoken)
            with Progress(console=Console(stderr=True)) as progress:
                bar = progress.add_task(file.name, total=len(rows))
                report = await evaluate(parts, rows, lambda done: progress.advance(bar, done))
        figures = report.as_json()
        if out is not None:
            try:
                out.write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            except OSError as error:
                raise EvaluationError(f"can't write {out}: {error.strerror}") from error
        for line in report.lines():
            console.print(line, highlight=False, markup=False)
        wer = "" if figures["wer"] is None else f", word error rate {figures['wer']:.1%}"
        console.print(
            f"{figures['n']} rows, ECE {figures['ece']:.3f}{wer}, moves {figures['moves']}", highlight=False
        )

    asyncio.run(run())


def scenarios(
    file: Annotated[Path, typer.Argument(help="CSV with the header scenario,turn,utterance,expected.")],
    audio: Annotated[bool, typer.Option(help="Speak them with held-out voices on a simulated line.")] = False,
    noise: Annotated[
        float,
        typer.Option(min=0, max=60, help="Decibels from the voice down to the line's noise: 20 in a street."),
    ] = 35,
) -> None:
    """Play whole calls and print what differs from what was expected; exit code 1 if anything does."""
    from callbot.quality import callers
    from callbot.quality import scenarios as calls
    from callbot.rehearsal import open_parts

    async def run() -> tuple[int, int]:
        found = calls.read(file)
        voices = cycle(callers.voices() if audio else [""])
        failed = 0
        async with open_parts(load_settings()) as parts:
            for steps in found.values():
                wrong = [turn for turn in await calls.play(parts, steps, next(voices), noise) if turn.missed]
                failed += bool(wrong)
                for turn in wrong:
                    console.print(calls.difference(turn), highlight=False, markup=False)
        return len(found) - failed, len(found)

    passed, total = asyncio.run(run())
    console.print(f"{passed} of {total} scenarios pass", highlight=False)
    raise typer.Exit(0 if passed == total else 1)
