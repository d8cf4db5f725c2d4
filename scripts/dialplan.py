#!/usr/bin/env python3
"""Writes the dialplan's files into a folder, the examples filled in with addresses and fresh secrets.

    scripts/dialplan.py FOLDER [--bind 127.0.0.1:5060] [--trunk 192.0.2.10]

Secrets are made anew each time and stand only in the files written (readable by their owner alone).
"""

import argparse
import os
import re
import secrets
import sys
from pathlib import Path

DIALPLAN = Path(__file__).resolve().parent.parent / "dialplan"
PLACEHOLDER = re.compile(r"@([A-Z0-9_]+)@")


def render(folder: Path, bind: str, trunk: str) -> dict[str, str]:
    """Write every configuration file into `folder`; the values filled in, by placeholder name."""
    values = {"BIND": bind, "TRUNK": trunk}

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("SECRET_"):
            return values.setdefault(name, secrets.token_hex(16))
        return values[name]

    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(DIALPLAN.glob("*.conf*")):
        text = source.read_text(encoding="utf-8")
        target = folder / source.name
        if source.suffix == ".example":
            target = folder / source.stem
            text = PLACEHOLDER.sub(value, text)
        write_privately(target, text)
    return values


def write_privately(path: Path, text: str) -> None:
    """Write a file nobody else can read, not even for the moment before a chmod."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bind", default="127.0.0.1:5060", help="address and port Asterisk listens on")
    parser.add_argument("--trunk", default="127.0.0.2", help="address calls from outside come from")
    arguments = parser.parse_args()
    render(arguments.folder, arguments.bind, arguments.trunk)
    print(f"written to {arguments.folder}; see dialplan/README.md for where each file goes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
