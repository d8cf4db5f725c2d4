"""Work beside the calls that outlives its own mistakes: a folder that can't be read drops no caller."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable

from callbot.errors import SettingsError

log = logging.getLogger(__name__)

PAUSE_S = 2.0
"""Before a part that broke begins again."""


async def kept_going(name: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do work that never ends, from the beginning again whenever it breaks.

    The log tells what broke and where, not the error's words: they may hold what a caller said.

    Raises:
        SettingsError: what breaks will break again until the administrator mends it.
    """
    while True:
        try:
            await work()
            return
        except SettingsError:
            raise
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            log.error(
                "%s broke, begins again: %s in %s:%s", name, type(error).__name__, where.name, where.lineno
            )
        await asyncio.sleep(PAUSE_S)
