"""`callbot console`: the pages on their port, until stopped."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from callbot.console.app import build_app
from callbot.console.house import Pause
from callbot.errors import SettingsError
from callbot.journal.database import Database
from callbot.operators import operators_of
from callbot.settings import Settings
from callbot.text_channel.serving import serve
from callbot.town.communes import Communes


async def run(settings: Settings) -> None:
    """Serve the console until SIGINT or SIGTERM.

    Raises:
        SettingsError: the address can't be listened on.
        JournalError: the journal can't be opened.
        TownError: a town file is wrong.
    """
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.journal_dsn)
    operators = operators_of(settings)
    pause: Pause | None = operators.pause if operators is not None else None
    app = build_app(settings, database, Communes(settings.town), pause=pause)
    listening = asyncio.create_task(operators.run()) if operators is not None else None
    host, port = settings.console_host, settings.console_port
    serving = asyncio.create_task(serve(app, host, port))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        app.state.house.pulse.stop()  # a stream without end would hold up the others
        serving.cancel()

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    except SettingsError as error:
        raise SettingsError(f"console_host {host}, console_port {port}: {error.__cause__}") from error
    finally:
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        database.close()
