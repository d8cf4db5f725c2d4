"""The `callbot` command. Thin: every command calls the rooms that do the work."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from callbot import logs
from callbot.commands import account, figures, journal, privacy, understanding
from callbot.commands.shared import console, load_settings
from callbot.errors import CallbotError, SpeechModelError

app = typer.Typer(
    name="callbot",
    help="The voice callbot of a town hall's switchboard.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
models_app = typer.Typer(help="Speech models.", no_args_is_help=True)
town_app = typer.Typer(help="Town files.", no_args_is_help=True)
app.add_typer(account.app, name="account")
app.add_typer(understanding.evaluate_app, name="evaluate")
app.add_typer(understanding.nlu_app, name="nlu")
app.add_typer(models_app, name="models")
app.add_typer(town_app, name="town")
app.add_typer(privacy.app, name="privacy")


@app.command()
def serve() -> None:
    """Run the server: loads the models, supervises Rasa, answers calls until stopped."""
    from callbot.server import Server

    settings = load_settings()
    logs.configure(settings)
    asyncio.run(Server(settings).run())


@app.command()
def status() -> None:
    """Ask the running server how it is; exit code 0 when it is ready for calls."""
    from callbot.doorway import status as ask

    answer = ask(load_settings().socket_path)
    up = "stopping" if answer.get("stopping") else "up"
    console.print(f"server {up}, {answer['calls']} calls, Rasa {'ready' if answer['rasa'] else 'not ready'}")
    raise typer.Exit(0 if answer["rasa"] else 1)


@app.command()
def call(
    wavs: Annotated[list[Path], typer.Argument(help="What the caller says, a WAV a turn.", exists=True)],
) -> None:
    """Speak WAVs through the whole chain on a simulated line: recognition, Rasa, dialogue, voice."""
    from callbot.rehearsal import rehearse_call

    asyncio.run(rehearse_call(load_settings(), wavs, console.print))


@app.command()
def chat() -> None:
    """Talk to the bot by keyboard: the same understanding and dialogue, without sound."""
    from callbot.rehearsal import rehearse_chat

    asyncio.run(rehearse_chat(load_settings(), ask, console.print))


@app.command()
def say(
    text: str,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the WAV.")] = Path("say.wav"),
) -> None:
    """Speak a sentence into a WAV, as a caller would hear it."""
    from callbot.rehearsal import say_to

    text = text.encode(errors="replace").decode()  # a shell may pass bytes that are no UTF-8
    asyncio.run(say_to(load_settings(), text, out))
    console.print(str(out))


@app.command()
def doctor(
    bench: Annotated[bool, typer.Option(help="Also measure how many callers this machine carries.")] = False,
) -> None:
    """Check every part and say the remedy for what is wrong; exit code 1 when something is."""
    from callbot.doctor import examine

    findings = asyncio.run(examine(load_settings()))
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[red]KO[/]"
        console.print(f"{mark}  {finding.part}: ", end="")
        console.print(finding.detail, markup=False, highlight=False)
        if finding.remedy:
            console.print(f"      remedy: {finding.remedy}", markup=False, highlight=False)
    if bench:
        from callbot.sizing import measure

        size = asyncio.run(measure(load_settings()))
        console.print(
            f"speech is recognised in {size.decode_factor:.2f} of real time: about {size.calls} calls at "
            f"once, enough for {size.daily} calls a day (docs/benchmarks.md tells how this is reckoned)",
            highlight=False,
        )
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@models_app.command("install")
def models_install(
    source: Annotated[str, typer.Argument(help="A model's folder, zip, URL, or official name.")],
    name: Annotated[str | None, typer.Option(help="Folder name; taken from the source if unset.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Expected SHA-256 of the zip.")] = None,
) -> None:
    """Install a Vosk speech model under state_dir/models, with progress, resume and checksum."""
    from callbot.speech.install import install

    settings = load_settings()
    folder = install(source, settings.state_dir / "models", settings.sample_rate_hz, name, sha256)
    console.print(f"installed: {folder}\nto use it: CALLBOT_MODEL_DIR={folder}", highlight=False)


@models_app.command("check")
def models_check() -> None:
    """Load the configured speech model and say what it is."""
    from callbot.speech.recognizer import SpeechModel

    settings = load_settings()
    SpeechModel(settings.model_dir, settings.sample_rate_hz)
    console.print(f"{settings.model_dir}: loads, {settings.sample_rate_hz} Hz", highlight=False)


@models_app.command("learn")
def models_learn() -> None:
    """Have the speech model learn the words of the Rasa model in force; trainings do it by themselves.

    For what was deployed before an update of the speech model, or before the tools were there. The server
    takes it when it starts.
    """
    from callbot.models_in_force import files_in_force
    from callbot.quality import hearing
    from callbot.quality.learned import read

    settings = load_settings()
    lessons = read(files_in_force(settings).answers.parent)
    taught = asyncio.run(hearing.teach(settings, lessons, settings.learned_path / "training.log"))
    if taught.problem:
        raise SpeechModelError(f"{', '.join(taught.unknown)}: {taught.problem}")
    if taught.model:
        console.print(f"{taught.model} knows: {', '.join(taught.learnt)}", highlight=False)
    else:
        console.print("there is no word to learn")


@town_app.command("check")
def town_check(
    town: Annotated[str | None, typer.Argument(help="A town file or bundled name, or several.")] = None,
) -> None:
    """Check town files and every answer they fill."""
    from callbot.town.communes import Communes

    communes = Communes(town or load_settings().town)
    for key in communes:
        answers = communes[key]
        console.print(
            f"{answers.town.name}: {len(answers.town.services)} services, {len(answers.catalog)} intents"
        )
        if answers.unanswered:
            console.print(f"  left to people, for want of facts: {', '.join(answers.unanswered)}")
        place = answers.town.tz or "the machine's time zone"
        console.print(f"  {communes.clock(key)():%H:%M} there now ({place})")
        known = {"accueil", *(intent.service for intent in answers.catalog)}
        if strange := [key for key in answers.town.services if key not in known]:
            console.print(f"  services that no answer belongs to (misspelt?): {', '.join(strange)}")
    console.print("all well")


@app.command("console")
def web() -> None:
    """Run the web console of the switchboard until stopped."""
    from callbot.console.serving import run

    settings = load_settings()
    logs.configure(settings)
    asyncio.run(run(settings))


for command in (
    *(understanding.calibrate, understanding.scenarios),
    *(journal.requests, journal.outbox, journal.backup, journal.restore),
    *(figures.report, figures.simulate),
):
    app.command()(command)


def ask() -> str | None:
    """A line typed by the person, None at the end."""
    try:
        return input("vous> ")
    except EOFError:
        return None


def main(run: Callable[[], object] = app) -> None:
    """Entry point: errors in one line, exit code 1; 130 on Ctrl-C."""
    try:
        run()
    except CallbotError as error:
        print(f"callbot: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
