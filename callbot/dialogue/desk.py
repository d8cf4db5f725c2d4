"""What the bot can do for a caller beside talking; the server does it in earnest, a rehearsal forgets it."""

from __future__ import annotations

from typing import Literal, Protocol

from callbot.types import Known, Queueing

TextResult = Literal["sent", "invalid", "landline", "abroad", "premium", "too_many"]
"""What became of an SMS: in the outbox, or why it is not."""


class Desk(Protocol):
    """The clerk behind the voice. All methods raise JournalError when nothing can be kept or read."""

    async def file(self, intent: str, known: Known, complete: bool) -> str:
        """Keep a request; returns its number once it is safe."""

    async def status(self, reference: str) -> str:
        """What has become of a request, as a sentence."""

    async def text(self, intent: str, number: str) -> TextResult:
        """Send an answer in writing, to this number or, when it is empty, to the one that calls."""

    async def leave_message(self, intent: str, service: str, words: str, recording: str) -> str:
        """Keep a message for the people of a service; returns its number.

        Args:
            words: what the recogniser made of it.
            recording: file name of its sound.
        """

    async def live(self, intent: str, about: str) -> tuple[str, bool]:
        """What a live source says, and is that all? When it is not, the fixed answer follows.

        Args:
            about: the station or street asked about.
        """

    def waits(self, service: str) -> Queueing | None:
        """What a caller would find in the queue of a service; None: nobody knows."""

    def names(self, intent: str) -> tuple[str, ...]:
        """The names that the detail of a live answer may have."""
