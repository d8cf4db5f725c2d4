"""A caller's number as a pseudonym.

Telephone numbers are so few that a plain hash is reversed in minutes: the hash is keyed (HMAC-SHA256), and
the key lives in a file of its own, apart from the journal.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from callbot.errors import JournalError

KEY_BYTES = 32


def load_key(path: Path) -> bytes:
    """Read the key, or make one on the first run; only its owner may read it.

    Raises:
        JournalError: unreadable, unwritable, or too short.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = path.read_bytes()
        else:
            key = secrets.token_bytes(KEY_BYTES)
            with os.fdopen(descriptor, "wb") as file:
                file.write(key)
    except OSError as error:
        raise JournalError(f"journal key {path}: {error.strerror}") from error
    if len(key) < KEY_BYTES:
        raise JournalError(f"journal key {path} is too short: {len(key)} bytes")
    return key


def pseudonym(number: str, key: bytes) -> tuple[str, str]:
    """Keyed hash (hex) and last two digits of a number; both empty when it is withheld."""
    digits = re.sub(r"\D", "", number)
    if not digits:
        return "", ""
    # National and international writings of one number are one caller.
    national = re.sub(r"^(00)?33", "0", digits) if len(digits) > 10 else digits
    return hmac.new(key, national.encode(), hashlib.sha256).hexdigest(), national[-2:]
