"""Time that passes when a test says so."""

from datetime import datetime

from callbot.journal.database import now


class Clock:
    """The moment, UTC without zone; `now` is set by hand."""

    def __init__(self) -> None:
        self.now = now()

    def __call__(self) -> datetime:
        return self.now
