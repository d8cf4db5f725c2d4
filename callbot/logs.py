"""How the programs' own messages are written: a line each, or a JSON object each for a collector of logs.

No message holds a number, a name or what a caller said.
"""

from __future__ import annotations

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

from callbot.settings import Settings

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
JSON = "%(levelname)s %(name)s %(message)s"


def configure(settings: Settings) -> None:
    """Have messages written to standard error as the settings ask."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.log_format == "json":
        handler.setFormatter(
            JsonFormatter(JSON, rename_fields={"levelname": "level", "name": "logger"}, timestamp="at")
        )
    else:
        handler.setFormatter(logging.Formatter(TEXT))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    logging.getLogger("httpx").setLevel(logging.WARNING)
