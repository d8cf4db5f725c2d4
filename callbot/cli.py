"""The `callbot` command. Thin: every command calls the rooms that do the work."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from callbot import settings as settings_module
from callbot.errors import CallbotError, EvaluationError
from callbot.settings import Settings

if TYPE_CHECKING:
    from callbot.journal.accounts import Accounts

app = typer.Typer(
    name="callbot",
    help="The voice callbot of a town hall's switchboard.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
nlu_app = typer.Typer(help="The Rasa model.", no_args_is_help=True)
models_app = typer.Typer(help="Speech models.", no_args_is_help=True)
town_app = typer.Typer(help="Town files.", no_args_is_help=True)
account_app = typer.Typer(help="Accounts of the console.", no_args_is_help=True)
evaluate_app = typer.Typer(help="How well the bot understands.", no_args_is_help=True)
app.add_typer(account_app, name="account")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(nlu_app, name="nlu")
app.add_typer(models_app, name="models")
app.add_typer(town_app, name="town")

console = Console()
STATES = {"received": "", "handed_over": "transmise", "done": "traitée"}
LogFormat = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@app.command()
def serve() -> None:
    """Run the server: loads the models, supervises Rasa, answers calls until stopped."""
    from callbot.server import Server

    settings = load_settings()
    logging.basicConfig(level=settings.log_level, format=LogFormat, stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(Server(settings).run())


@app.command()
def status() -> None:
    """Ask the running server how it is; exit code 0 when it is ready for calls."""
    from callbot.server import status as ask

    answer = ask(load_settings().socket_path)
    console.print(f"server up, {answer['calls']} calls, Rasa {'ready' if answer['rasa'] else 'not ready'}")
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
def doctor() -> None:
    """Check every part and say the remedy for what is wrong; exit code 1 when something is."""
    from callbot.doctor import examine

    findings = asyncio.run(examine(load_settings()))
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[red]KO[/]"
        console.print(f"{mark}  {finding.part}: ", end="")
        console.print(finding.detail, markup=False, highlight=False)
        if finding.remedy:
            console.print(f"      remedy: {finding.remedy}", markup=False, highlight=False)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@nlu_app.command("train")
def nlu_train() -> None:
    """Train and calibrate the Rasa model, unless the one for this very data and configuration exists."""
    from callbot.understanding import rasa

    settings = load_settings()

    async def run() -> Path:
        python, project = settings.nlu_python, settings.nlu_project
        model = await rasa.train(python, project, settings.nlu_models_dir)
        if not rasa.calibration_path(model).is_file():
            await rasa.calibrate(python, project, model, settings.costs)
        return model

    console.print(f"model: {asyncio.run(run())}", highlight=False)


@app.command()
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
    run_evaluation(file, out, spoken=False)


@evaluate_app.command("audio")
def evaluate_audio(
    file: Annotated[Path, typer.Argument(help="CSV with the header id,path and optionally text.")],
    out: JsonOut = None,
) -> None:
    """WAVs through recognition, understanding, calibration and the first move."""
    run_evaluation(file, out, spoken=True)


def run_evaluation(file: Path, out: Path | None, *, spoken: bool) -> None:
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


@app.command()
def requests() -> None:
    """List what callers asked the town to do, newest last; it holds personal data."""
    from callbot.journal.privacy import load_key
    from callbot.journal.requests import Requests
    from callbot.journal.store import Journal
    from callbot.town.answers import Catalog

    settings, catalog = load_settings(), Catalog()
    journal = Journal(settings.journal_dsn, load_key(settings.state_dir / "journal.key"))
    table = Table("numéro", "reçue le (UTC)", "demande", "précisions", "téléphone", "", "son")
    for request in Requests(journal.database).all():
        said = escape(", ".join(value for _, value in request.known))
        state = STATES[request.state] if request.complete else "incomplète"
        at = f"{request.at:%d/%m/%Y %H:%M}"
        known = catalog.get(request.intent)
        what = known.name if known is not None and known.name else request.intent
        if request.kind == "message":
            what = f"message : {what}" if what else "message"
        table.add_row(request.reference, at, what, said, request.phone, state, request.recording)
    journal.close()
    console.print(table)


@app.command()
def outbox() -> None:
    """List what is to leave the house, or has: requests, mails, SMS; it holds no personal data."""
    from callbot.journal.outbox import Outbox
    from callbot.journal.privacy import load_key
    from callbot.journal.store import Journal

    settings = load_settings()
    key = load_key(settings.state_dir / "journal.key")
    journal = Journal(settings.journal_dsn, key)
    table = Table("n°", "commune", "voie", "demande", "état", "essais", "dernière erreur")
    for delivery, state, error in Outbox(journal.database, key).all():
        about = delivery.draft.content.get("reference", "")
        tries = str(delivery.attempts)
        table.add_row(
            str(delivery.id), delivery.town, delivery.draft.channel, about, state, tries, escape(error)
        )
    journal.close()
    console.print(table)


@app.command()
def scenarios(
    file: Annotated[Path, typer.Argument(help="CSV with the header scenario,turn,utterance,expected.")],
    audio: Annotated[bool, typer.Option(help="Speak them with held-out voices on a noisy line.")] = False,
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
                wrong = [turn for turn in await calls.play(parts, steps, next(voices)) if turn.missed]
                failed += bool(wrong)
                for turn in wrong:
                    console.print(calls.difference(turn), highlight=False, markup=False)
        return len(found) - failed, len(found)

    passed, total = asyncio.run(run())
    console.print(f"{passed} of {total} scenarios pass", highlight=False)
    raise typer.Exit(0 if passed == total else 1)


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
    console.print("all well")


@app.command("console")
def web() -> None:
    """Run the web console of the switchboard until stopped."""
    from callbot.console.serving import run

    settings = load_settings()
    logging.basicConfig(level=settings.log_level, format=LogFormat, stream=sys.stderr)
    asyncio.run(run(settings))


@account_app.command("add")
def account_add(
    name: str,
    role: Annotated[str, typer.Option(help="operator, quality or admin.")] = "operator",
    phone: Annotated[str, typer.Option(help="Telephone, as the queues know it: PJSIP/operateur1.")] = "",
) -> None:
    """Make an account; the password is asked twice, or read from standard input."""
    with accounts() as book:
        book.add(name, ask_password(), role, phone)


@account_app.command("password")
def account_password(name: str) -> None:
    """Give an account a new password; it is unlocked and its sessions end."""
    with accounts() as book:
        book.change_password(name, ask_password())


@account_app.command("disable")
def account_disable(name: str) -> None:
    """Let an account in no more; its sessions end."""
    with accounts() as book:
        book.disable(name)


@account_app.command("list")
def account_list() -> None:
    """List the accounts."""
    table = Table("nom", "rôle", "poste", "état")
    with accounts() as book:
        for one in book.all():
            locked = f"bloqué jusqu'à {one.locked_until:%H:%M} UTC" if one.locked_until else "ouvert"
            table.add_row(escape(one.name), one.role, escape(one.operator), locked if one.active else "fermé")
    console.print(table)


@contextmanager
def accounts() -> Iterator[Accounts]:
    """The journal's accounts."""
    from callbot.journal.accounts import Accounts
    from callbot.journal.database import Database

    settings = load_settings()
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.journal_dsn)
    try:
        yield Accounts(database, settings.session_hours)
    finally:
        database.close()


def ask_password() -> str:
    """Typed twice at a terminal, else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = typer.prompt("mot de passe", hide_input=True, confirmation_prompt=True, err=True)
    return answer


def load_settings() -> Settings:
    """The settings in force."""
    return settings_module.load()


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
