#!/usr/bin/env python3
"""Stands in for callbot's bridge to test the dialplan alone: the number dialled says how it misbehaves."""

import os
import select
import signal
import sys
import time

BEHAVIOURS = {
    "100": ["wait", "SET VARIABLE CALLBOT_RESULT DONE"],
    "101": ["SET VARIABLE CALLBOT_RESULT TRANSFER", "SET VARIABLE CALLBOT_DESTINATION standard"],
    "102": ["SET VARIABLE CALLBOT_RESULT TRANSFER", "SET VARIABLE CALLBOT_DESTINATION inconnue"],
    "103": [
        "SET VARIABLE CALLBOT_RESULT TRANSFER",
        'SET VARIABLE CALLBOT_DESTINATION "standard\\" & ${EXTEN}) ? x:y,System(reboot)"',
    ],
    "104": ["SET VARIABLE CALLBOT_RESULT FAILED"],
    "105": ['SET VARIABLE CALLBOT_RESULT "DONE\\" | \\"1\\" = \\"1"'],
    "106": [],
    "107": ["exit 1"],
    "108": ["kill"],
    "109": ["this is no AGI command", "\x00\x01\x02", "exit 3"],
    "110": ["sleep"],
    "111": ["SET VARIABLE CALLBOT_RESULT MESSAGE"],
    "112": ["STREAM FILE demo-congrats 0", "SET VARIABLE CALLBOT_RESULT TRANSFER"],
}


def main() -> None:
    """Read Asterisk's header, then misbehave."""
    extension = ""
    while line := sys.stdin.readline().strip():
        if line.startswith("agi_extension: "):
            extension = line.removeprefix("agi_extension: ")
    for command in BEHAVIOURS[extension]:
        if command == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif command == "wait":
            time.sleep(2)  # the caller is on the line by then, however busy the machine
        elif command == "sleep":
            select.select([0], [], [], 60)  # until Asterisk closes its end
        elif command.startswith("exit"):
            sys.exit(int(command.split()[1]))
        else:
            os.write(1, command.encode() + b"\n")
            if "\x00" not in command:  # to Asterisk an empty line, which it does not answer
                sys.stdin.readline()


if __name__ == "__main__":
    main()
