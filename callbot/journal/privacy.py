"""A caller's number as a pseudonym.

Telephone numbers are so few that a plain hash is reversed in minutes: the hash is keyed (HMAC-SHA256), and
the key lives in a file of its own, apart from the journal.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import tempfile
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
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise JournalError(f"journal key {path}: {error.strerror}") from error
    if len(key) < KEY_BYTES:
        raise JournalError(f"journal key {path} is too short: {len(key)} bytes")
    return key


def _make_key(path: Path) -> None:
    """Write a key whole or not at all; when two processes try, the first one's stays."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".journal-key-")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def pseudonym(number: str, key: bytes) -> tuple[str, str]:
    """Keyed hash (hex) and last two digits of a number; both empty when it is withheld."""
    digits = re.sub(r"\D", "", number)
    if not digits:
        return "", ""
    # National and international writings of one number are one caller.
    national = re.sub(r"^(00)?33", "0", digits) if len(digits) > 10 else digits
    return hmac.new(key, national.encode(), hashlib.sha256).hexdigest(), national[-2:]
