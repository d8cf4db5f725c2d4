"""A running console on the loopback, and a journal to write calls into as another process would."""

import asyncio
import contextlib
import functools
import math
import re
import socket
import struct
import threading
import time
import wave
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile
from argon2 import PasswordHasher

from callbot.console.app import build_app
from callbot.journal import events
from callbot.journal.accounts import Accounts
from callbot.journal.database import Database, now
from callbot.journal.models import Base, Call, QueueState, Request, Transfer, Turn
from callbot.settings import Settings
from callbot.text_channel.serving import serve
from callbot.town.communes import Communes

from ..patience import PATIENCE_S, eventually

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "trois petits chats"
PHONE = "PJSIP/operateur1"
BIRTH, MARRIAGE = "etat_civil_acte_naissance_copie", "etat_civil_acte_mariage_copie"
SOUND = "message-0123456789abcdef01234567.wav"
PEOPLE = [
    {"interface": PHONE, "name": "Anne", "state": "free"},
    {"interface": "PJSIP/operateur2", "name": "Marc", "state": "paused"},
    {"interface": "PJSIP/operateur3", "name": "Samira", "state": "busy"},
]


@functools.cache
def communes() -> Communes:
    """The sample town, read once."""
    return Communes("rivemont")


class Site:
    """The console of one journal."""

    def __init__(self, folder: Path, **options: Any) -> None:
        settings = {"state_dir": folder, "journal_url": f"sqlite:///{folder / 'j.sqlite'}"}
        self.settings = Settings(**settings | options.pop("settings", {}))
        self.database = Database(self.settings.journal_dsn)
        self._options = options
        self.accounts = Accounts(self.database, hasher=CHEAP)
        for name, role in (("anne", "operator"), ("quentin", "quality"), ("claire", "admin")):
            self.accounts.add(name, PASSWORD, role, PHONE if name == "anne" else "")
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The server in a thread of its own, with connections of its own."""
        loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

        async def main() -> None:
            database = Database(self.settings.journal_dsn)
            hours, clock = self.settings.session_hours, self._options.get("clock", now)
            accounts = Accounts(database, hours, clock, CHEAP)
            app = build_app(self.settings, database, communes(), accounts=accounts, **self._options)
            self.app = app
            task = asyncio.create_task(serve(app, "127.0.0.1", self.port))
            loops.append((asyncio.get_running_loop(), task))
            with contextlib.suppress(asyncio.CancelledError):
                await task
            database.close()

        thread = threading.Thread(target=lambda: asyncio.run(main()))
        thread.start()
        try:
            eventually(lambda: _listens(self.port))
            yield
        finally:
            loop, task = loops[0]
            loop.call_soon_threadsafe(task.cancel)
            thread.join(PATIENCE_S)

    def add(self, *rows: Base) -> int:
        """Write rows and the events that tell of them; returns the last one's id."""

        def write(session: Any) -> int:
            for row in rows:
                session.add(row)
                session.flush()
                if isinstance(row, Transfer):
                    events.note(session, "transfer", row.id)
                if isinstance(row, Request):
                    events.note(session, "request", row.id)
                if isinstance(row, QueueState):
                    events.note(session, "queue", row.name)
            return int(getattr(rows[-1], "id", 0) or 0)

        return self.database.write_now(write)

    def change(self, transfer_id: int, **values: Any) -> None:
        """Something becomes of a transfer."""

        def write(session: Any) -> None:
            row = session.get(Transfer, transfer_id)
            for name, value in values.items():
                setattr(row, name, value)
            events.note(session, "transfer", transfer_id)

        self.database.write_now(write)

    def call(self, words: str = "je voudrais un acte de naissance", **values: Any) -> int:
        """A call that was handed over; returns its transfer's id."""
        at = values.pop("at", now() - timedelta(seconds=75))
        last2 = values.pop("last2", "78")
        call_id = self.add(
            Call(linkedid=f"{time.time_ns()}", started_at=at, town="Rivemont", caller_last2=last2)
        )
        ranking = [[BIRTH, 0.62], [MARRIAGE, 0.21], ["etat_civil_livret_famille", 0.08], ["hors_sujet", 0.02]]
        asks = "Je n'ai pas bien compris. Pouvez-vous le dire autrement ?"
        turns = [
            ("", "", [], "Bonjour, vous êtes bien à la mairie de Rivemont. Que puis-je faire pour vous ?"),
            ("speech", words, ranking, asks),
            ("speech", "un papier pour ma fille", ranking, "Je vous passe le service de l'état civil."),
        ]
        for number, (heard, said, ranked, prompt) in enumerate(turns):
            self.add(
                Turn(
                    call_id=call_id,
                    number=number,
                    at=at,
                    heard=heard,
                    utterance=said,
                    ranking=ranked,
                    prompt=prompt,
                )
            )
        row = {
            "linkedid": "1.0",
            "at": at,
            "town": "rivemont",
            "service": "etat_civil",
            "queue": "standard",
            "reason": "not_understood",
            "intent": BIRTH,
            "state": "waiting",
        }
        return self.add(Transfer(call_id=call_id, **row | values))

    def message(self, name: str = SOUND, at: datetime | None = None) -> int:
        """A message with its sound."""
        self.settings.messages_dir.mkdir(exist_ok=True)
        tone = 0.2 * np.sin(np.arange(8000) * 0.3)
        soundfile.write(self.settings.messages_dir / name, tone, 8000, subtype="PCM_16")
        return self._request("message", "", {}, name, at)

    def call_back(self, name: str = "Madame Martin", at: datetime | None = None) -> int:
        """Somebody who wants to be called back."""
        slots = {"name": name, "phone": "0612345678"}
        return self._request("request", "conversation_etre_rappele", slots, "", at)

    def queue(self, waiting: int = 1, **values: Any) -> None:
        """What Asterisk tells of the front desk's queue."""
        row = QueueState(name="standard", at=now(), waiting=waiting, longest_wait_s=75, members=PEOPLE)
        for name, value in values.items():
            setattr(row, name, value)

        def write(session: Any) -> None:
            session.merge(row)
            events.note(session, "queue", "standard")

        self.database.write_now(write)

    def _request(
        self, kind: str, intent: str, slots: dict[str, str], recording: str, at: datetime | None
    ) -> int:
        at = at or now()
        call_id = self.add(Call(linkedid=f"{time.time_ns()}", started_at=at, town="Rivemont"))
        return self.add(
            Request(
                call_id=call_id,
                at=at,
                town="rivemont",
                kind=kind,
                intent=intent,
                service="accueil",
                slots=slots,
                phone="0612345678",
                complete=True,
                recording=recording,
            )
        )

    @contextlib.contextmanager
    def client(self, name: str = "") -> Iterator[httpx.Client]:
        """A browser of sorts; logged in under this name."""
        with httpx.Client(base_url=self.url, timeout=PATIENCE_S) as client:
            if name:
                assert log_in(client, name).status_code == 303
            yield client


def log_in(client: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
    """Fill the log-in form."""
    token = csrf_of(client.get("/connexion").text)
    return client.post("/connexion", data={"csrf": token, "name": name, "password": password})


def csrf_of(page: str) -> str:
    """The token of a page's forms."""
    found = re.search(r'name="csrf" value="([\w-]+)"', page)
    assert found, page
    return found[1]


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def record(site: Site, name: str = "call-1.wav", seconds: int = 2) -> str:
    """A call's sound: a tone."""
    folder = site.settings.recordings_of_calls_dir
    folder.mkdir(exist_ok=True)
    with wave.open(str(folder / name), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        tone = (int(3000 * math.sin(at * 0.3)) for at in range(8000 * seconds))
        file.writeframes(b"".join(struct.pack("<h", one) for one in tone))
    return name
