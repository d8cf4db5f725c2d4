"""AGI: commands and replies, parsed and escaped. Pure functions, no I/O.

Source: Asterisk's res/res_agi.c (18 to 22).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from callbot.errors import ProtocolError

MAX_COMMAND = 2000
"""Longest command sent, bytes. Asterisk's AGI_BUF_LEN is 2048 before version 22."""

_REPLY = re.compile(r"^(?P<code>\d{3})(?P<more>-)?\s*(?:result=(?P<result>-?[^\s(]*))?(?P<rest>.*)$")
_ENDPOS = re.compile(r"\bendpos=([0-9]{1,18})\b")
_KEY = re.compile(r"[0-9]{1,3}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply line: `200 result=49 endpos=1600`, `510 Invalid or unknown command`, `511 ...`."""

    code: int
    result: str = ""
    endpos: int | None = None
    """Samples played, for the commands that play."""
    text: str = ""

    @property
    def digit(self) -> str:
        """The key pressed, empty when none. `result` holds its ASCII code."""
        if not _KEY.fullmatch(self.result):
            return ""
        code = int(self.result)
        key = chr(code) if code < 128 else ""
        return key if key and key in "0123456789*#ABCD" else ""


def quote(value: str) -> str:
    """Quote one argument.

    Raises:
        ProtocolError: the value holds a control character; CR or LF would start another command.
    """
    if _CONTROL.search(value):
        raise ProtocolError("control character in an AGI argument")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def command(verb: str, *arguments: str) -> bytes:
    """One command line, its arguments quoted.

    Raises:
        ProtocolError: a control character, or a line longer than MAX_COMMAND.
    """
    line = " ".join([verb, *map(quote, arguments)]).encode() + b"\n"
    if len(line) > MAX_COMMAND:
        raise ProtocolError(f"AGI command of {len(line)} bytes: at most {MAX_COMMAND}")
    return line


def parse_reply(line: str) -> Reply | None:
    """Parse a reply line; None for the middle of a multi-line one (`520-Invalid command syntax...`).

    Raises:
        ProtocolError: not a reply at all.
    """
    match = _REPLY.match(line)
    if not match:
        raise ProtocolError(f"not an AGI reply: {line[:80]!r}")
    if match["more"]:
        return None
    endpos = _ENDPOS.search(match["rest"])
    return Reply(
        code=int(match["code"]),
        result=match["result"] or "",
        endpos=int(endpos[1]) if endpos else None,
        text=match["rest"].strip(),
    )


def parse_environment(lines: list[str]) -> dict[str, str]:
    """The `agi_name: value` header lines as a dictionary, without the prefix `agi_`.

    Lines of another form are left out: a caller's name may hold anything.
    """
    environment: dict[str, str] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and key.startswith("agi_"):
            environment.setdefault(key.removeprefix("agi_"), value.strip())
    return environment
