"""`callbot doctor`: is every part there and well, and if not, what is the remedy?"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from callbot.console.oidc import oidc_of
from callbot.doorway import status
from callbot.ears import ear_of, unknown_words
from callbot.errors import CallbotError, JournalError, SettingsError, UnderstandingError
from callbot.journal.database import outdated
from callbot.journal.outbox import Outbox
from callbot.journal.privacy import load_key
from callbot.journal.store import Journal
from callbot.models_in_force import files_in_force
from callbot.parts import make_voice
from callbot.quality.hearing import obstacle, sayable
from callbot.quality.learned import read
from callbot.settings import Settings
from callbot.speech.prompts import telephone_band
from callbot.speech.recognizer import SpeechModel
from callbot.town.communes import Communes
from callbot.understanding.rasa import RasaClient, model_path

FREE_MB = 500
OLDER = "made by an older version: the server brings it up to date when it starts"
"""The journal, which is not touched here: that server may still be at work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one part."""

    part: str
    ok: bool
    detail: str
    remedy: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Check every part; one that fails does not stop the others."""
    checks: list[tuple[str, Callable[[Settings], Awaitable[str]], str]] = [
        ("state folder", _state, "make the folder, give it to callbot's user, free disk space"),
        ("town", _town, "correct the named line, then: callbot town check"),
        ("speech model", _ear, "callbot models install vosk-model-small-fr-0.22, or set model_dir"),
        ("learnt words", _words, "see learned_dir"),
        ("voice", _voice, "apt-get install espeak-ng (and mbrola mbrola-fr1 for a better voice)"),
        ("journal", _journal, "check journal_url (server, account, database, driver), or the file's rights"),
        ("live sources", _live, "see that the addresses under live: of the town file answer from here"),
        ("outbox", _outbox, "callbot outbox shows each delivery and its last error"),
        ("Rasa environment", _rasa_environment, "make setup, or set nlu_url to a running Rasa server"),
        ("NLU model", _rasa_model, "callbot nlu train"),
        ("Asterisk", _asterisk, "install asterisk (18 to 22) and include the files of dialplan/"),
        ("server", _server, "callbot serve (or: systemctl start callbot)"),
        ("log-in provider", _oidc, "see that oidc_issuer is the provider's exact name and answers from here"),
        ("Rasa server", _rasa, "see rasa.log in the state folder; callbot serve starts it again"),
    ]
    findings = []
    for part, check, remedy in checks:
        try:
            findings.append(Finding(part, True, await check(settings)))
        except (CallbotError, OSError) as error:
            findings.append(Finding(part, False, str(error), remedy))
    return findings


async def _state(settings: Settings) -> str:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    probe = settings.state_dir / ".doctor"
    probe.write_bytes(b"x")
    probe.unlink()
    free_mb = shutil.disk_usage(settings.state_dir).free // 2**20
    if free_mb < FREE_MB:
        raise OSError(f"{settings.state_dir}: only {free_mb} MB free")
    return f"{settings.state_dir} ({free_mb} MB free)"


async def _town(settings: Settings) -> str:
    communes = Communes(settings.town)
    return ", ".join(f"{communes[key].town.name} ({len(communes[key].catalog)} intents)" for key in communes)


async def _ear(settings: Settings) -> str:
    SpeechModel(settings.model_dir, settings.sample_rate_hz)
    return f"{settings.model_dir} at {settings.sample_rate_hz} Hz"


def _older_journal(settings: Settings) -> bool:
    """One that can't be reached is another check's matter."""
    with contextlib.suppress(JournalError):
        return outdated(settings.journal_dsn)
    return False


async def _words(settings: Settings) -> str:
    """Advice only: who never trains does without."""
    without = {
        "model": f"{settings.model_dir.name} can't be taught any; only callbot's own model can",
        "tools": "none can be learnt without apt-get install libfst-tools espeak-ng",
        "script": "none can be learnt without scripts/asr",
    }
    if found := obstacle(settings):
        return without[found]
    if _older_journal(settings):
        return f"the journal tells which; it was {OLDER}"
    try:
        files = files_in_force(settings)
    except UnderstandingError:
        return "none yet"
    ear = ear_of(settings, files)
    if unknown := [word for word in unknown_words(ear, read(files.answers.parent)) if sayable(word)]:
        return f"{len(unknown)} are not known to the ear: callbot models learn, then restart the server"
    return f"heard with {ear.name}" if ear != settings.model_dir else "none that the ear does not know"


async def _voice(settings: Settings) -> str:
    voice = make_voice(settings)
    try:
        seconds = len(telephone_band(await voice.speak("Bonjour."))) / 8000
    finally:
        await voice.close()
    return f"{voice.id} says bonjour in {seconds:.1f} s"


async def _journal(settings: Settings) -> str:
    key = settings.state_dir / "journal.key"
    if settings.journal_url is None and not key.exists():
        # made by the server, as its own user: never by whoever runs this command
        return "not there yet: the server makes it when it starts"
    if outdated(settings.journal_dsn):
        return OLDER
    journal = Journal(settings.journal_dsn, b"")
    waiting = len(list(settings.spool_dir.glob("*.jsonl")))
    behind = f", {waiting} calls wait in {settings.spool_dir} or are in progress" if waiting else ""
    try:
        return f"{journal.database.dialect} opens, {journal.count()} calls{behind}"
    finally:
        journal.close()


async def _live(settings: Settings) -> str:
    communes, found = Communes(settings.town), []
    for key in communes:
        live = communes.live(key)
        try:
            found += [(name, problem) for name, problem in (await live.refresh()).items()]
        finally:
            await live.close()
    if wrong := [f"{name}: {problem}" for name, problem in found if problem]:
        raise OSError("; ".join(wrong))
    return ", ".join(name for name, _ in found) or "none configured"


async def _outbox(settings: Settings) -> str:
    key = settings.state_dir / "journal.key"
    if not key.exists():
        return "empty"
    if outdated(settings.journal_dsn):
        return OLDER
    journal = Journal(settings.journal_dsn, load_key(key))
    try:
        states = Counter(state for _, state, _ in Outbox(journal.database, b"").all())
    finally:
        journal.close()
    if states["failed"]:
        raise OSError(f"{states['failed']} deliveries given up, {states['queued']} waiting")
    return f"{states['queued']} waiting, {states['sent']} delivered"


async def _rasa_environment(settings: Settings) -> str:
    if settings.nlu_url is not None:
        return f"not needed: nlu_url is {settings.nlu_url}"
    if not os.access(settings.nlu_python, os.X_OK):
        raise OSError(f"{settings.nlu_python} is not there")
    return str(settings.nlu_python)


async def _rasa_model(settings: Settings) -> str:
    if settings.nlu_url is not None:
        return "the remote server's own"
    if _older_journal(settings):
        return f"the journal tells which; it was {OLDER}"
    deployed = files_in_force(settings)
    if deployed.name.startswith("learnt-"):
        return f"{deployed.name}, deployed from the console"
    model = model_path(settings.nlu_project, settings.nlu_models_dir)
    if not model.is_file():
        raise OSError(f"no model trained for the present sentences and configuration ({model.name})")
    return model.name


async def _asterisk(settings: Settings) -> str:
    found = shutil.which("asterisk") or next(
        (str(path) for path in (Path("/usr/sbin/asterisk"),) if path.exists()), ""
    )
    if not found:
        raise OSError("no asterisk on this machine (it may run on another one or in a container)")
    return found


async def _oidc(settings: Settings) -> str:
    provider = oidc_of(settings)
    return await provider.check() if provider is not None else "passwords only"


async def _server(settings: Settings) -> str:
    return f"{status(settings.socket_path)['calls']} calls in progress"


def _served(settings: Settings) -> bool:
    """Does a running server say that its Rasa is ready?"""
    try:
        return bool(status(settings.socket_path)["rasa"])
    except SettingsError:
        return False


async def _rasa(settings: Settings) -> str:
    url = settings.nlu_url or f"http://127.0.0.1:{settings.nlu_port}"
    client = RasaClient(url)
    try:
        if not await client.ready():
            if settings.nlu_url is None and _served(settings):
                return "the server's own answers, on another port since a model was deployed"
            raise OSError(f"no model is served at {url}")
        ranking = await client.parse("bonjour je voudrais parler à quelqu'un")
    finally:
        await client.close()
    if not ranking:
        raise OSError(f"{url} knows no intent")
    return f"{url} understands {ranking[0].intent} ({ranking[0].confidence:.2f})"
