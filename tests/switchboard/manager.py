"""A TCP server that speaks as Asterisk's manager does, or misbehaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from . import recorded

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
USER, SECRET = "callbot", "s3cr3t-of-the-town"
Script = Callable[["Session"], Awaitable[None]]


class Session:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.actions: list[dict[str, str]] = []
        self.recording = "status_waiting"
        """Its answer to QueueStatus."""

    async def say(self, text: str | bytes) -> None:
        """Send; a text's lines end in CR LF on the wire."""
        self.writer.write(text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode())
        await self.writer.drain()

    async def action(self) -> dict[str, str]:
        """The next action."""
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        self.actions.append(dict(line.split(": ", 1) for line in text.strip().split("\r\n")))
        return self.actions[-1]

    async def answer(self, action: dict[str, str]) -> None:
        """As Asterisk does."""
        number = action["ActionID"]
        match action["Action"]:
            case "Login" if action["Secret"] != SECRET:
                await self.say(f"Response: Error\nActionID: {number}\nMessage: Authentication failed\n\n")
            case "QueueStatus":
                await self.say(recorded.answer(self.recording, "1", number))
            case "Nonsense":
                await self.say(f"Response: Error\nActionID: {number}\nMessage: Invalid/unknown command\n\n")
            case _:
                await self.say(f"Response: Success\nActionID: {number}\nMessage: well\n\n")

    async def log_in(self) -> None:
        """Greet, and let somebody in."""
        await self.say(GREETING)
        await self.answer(await self.action())

    async def serve(self) -> None:
        """Answer for ever."""
        while True:
            await self.answer(await self.action())


class Manager:
    """The server; it does the first script with the first connection, and the last with all the rest."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = scripts
        self.sessions: list[Session] = []
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(reader, writer)
        script = self.scripts[min(len(self.sessions), len(self.scripts) - 1)]
        self.sessions.append(session)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await script(session)
        with contextlib.suppress(OSError):
            writer.close()


@asynccontextmanager
async def serving(*scripts: Script) -> AsyncIterator[Manager]:
    """A manager on a free port of loopback."""
    manager = Manager(*scripts)
    server = await asyncio.start_server(manager._serve, "127.0.0.1", 0)
    manager.port = server.sockets[0].getsockname()[1]
    try:
        yield manager
    finally:
        server.close()
        for session in manager.sessions:
            session.writer.transport.abort()


async def good(session: Session) -> None:
    """A manager as it should be."""
    await session.log_in()
    await session.serve()
