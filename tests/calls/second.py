"""A second server beside the session's, with settings of its own, or to be broken."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .bot import Bot
from .lab import Lab


@contextmanager
def own_bot(lab: Lab, bot: Bot, state: Path | None = None, **settings: str) -> Iterator[Bot]:
    """Calls go to it meanwhile; it shares the first one's Rasa and prompts.

    Args:
        state: of one that ran before; None: a new one.
        settings: environment variables.
    """
    reused = bot.state if state is None else None
    state = state or Path(tempfile.mkdtemp(prefix="second.", dir=lab.home))
    with Bot(state, nlu_url=bot.nlu_url, prompts_from=reused, **settings) as second:
        lab.set_global(CALLBOT_SOCKET=str(second.socket))
        try:
            yield second
        finally:
            lab.set_global(CALLBOT_SOCKET=str(bot.socket))
