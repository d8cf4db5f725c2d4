#!/usr/bin/env python3
"""The EAGI script Asterisk runs, one short-lived process a call. Standard library only.

    EAGI(/path/bridge.py,/path/callbot.sock)

It connects to the server's Unix socket and passes its descriptor 3 (the caller's audio) with SCM_RIGHTS.
From then on it relays AGI lines between Asterisk (descriptors 0 and 1) and that socket. Lines of the server
that begin with `!` are for the bridge itself:

    !alive   said every second by a healthy server
    !done    the server has finished with the call and has set CALLBOT_RESULT

When the server is absent, closes the socket without `!done`, or stays silent for SILENCE_S, the bridge sets
CALLBOT_RESULT=FAILED itself, and leaves a note in missed/ beside the socket, so that the journal knows of the
call. It always exits 0: the dialplan goes on and hands the caller to a human.
Why AGI lines are relayed rather than descriptors 0 and 1 passed: docs/decisions/0002-bridge-relays-agi.md.
"""

import array
import contextlib
import os
import select
import signal
import socket
import sys
import time

AUDIO_FD = 3
CONNECT_S = 2.0
SILENCE_S = 4.0
REPLY_S = 2.0
MAX_LINE = 65536
HELLO = b"callbot/1\n"


def main() -> int:
    """Run the bridge for one call; always 0."""
    # Asterisk sends SIGHUP when the caller hangs up; the server learns it from the line HANGUP.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        done = relay(sys.argv[1])
    except (OSError, IndexError) as error:
        # Asterisk shows a script's stderr on its console; stdout belongs to the protocol.
        print(f"callbot bridge: {error}", file=sys.stderr)
        done = False
    if not done:
        heard = b""
        with contextlib.suppress(OSError):
            heard = report_failure()
        with contextlib.suppress(OSError, IndexError):
            leave_note(f"{sys.argv[1].rpartition('/')[0]}/missed", sys.argv[2], heard)
    return 0


def relay(path: str) -> bool:
    """Hand the call to the server behind `path`; True when the server ended it properly."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.settimeout(CONNECT_S)
        server.connect(path)
        server.sendmsg(
            [HELLO], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [AUDIO_FD]).tobytes())]
        )
        # Only the server reads the audio now.
        os.close(AUDIO_FD)
        return pump(server)


def pump(server: socket.socket) -> bool:
    """Copy lines both ways until the server is done, gone or silent."""
    asterisk_open = True
    pending = b""
    last_word = time.monotonic()
    while True:
        watched = [server.fileno(), 0] if asterisk_open else [server.fileno()]
        patience = last_word + SILENCE_S - time.monotonic()
        if patience <= 0:
            return False
        ready, _, _ = select.select(watched, [], [], patience)
        if 0 in ready:
            data = os.read(0, 65536)
            if data:
                server.sendall(data)
            else:
                # The caller has gone; let the server finish its records.
                asterisk_open = False
                server.shutdown(socket.SHUT_WR)
        if server.fileno() in ready:
            data = server.recv(65536)
            if not data:
                return False
            *lines, pending = (pending + data).split(b"\n")
            if len(pending) > MAX_LINE:
                raise OSError("the server sends no lines")
            for line in lines:
                last_word = time.monotonic()
                if line == b"!done":
                    return True
                if not line.startswith(b"!") and asterisk_open:
                    write_all(line + b"\n")


def report_failure() -> bytes:
    """Tell the dialplan, and wait for Asterisk's word so that the variable is set before we exit.

    Returns what Asterisk said: its header too, when no server was there to read it.

    The new command stops a prompt that is playing; the stopped command has no reply of its own.
    """
    write_all(b"SET VARIABLE CALLBOT_RESULT FAILED\n")
    deadline = time.monotonic() + REPLY_S
    heard = b""
    while time.monotonic() < deadline:
        ready, _, _ = select.select([0], [], [], max(0.0, deadline - time.monotonic()))
        data = os.read(0, 65536) if ready else b""
        if not data:
            return heard
        heard += data
        # `200 result=1` answers SET VARIABLE; a prompt that ended just before says `endpos=`.
        if any(line.startswith(b"200 result=1") and b"endpos" not in line for line in heard.splitlines()):
            return heard
    return heard


def leave_note(folder: str, linkedid: str, heard: bytes) -> None:
    """Tell a server to come that this call reached none; the folder may be missing, or not ours to write."""
    if "/" in linkedid or linkedid.startswith("."):
        return
    prefix = b"agi_extension: "
    dialled = [line[len(prefix) :] for line in heard.splitlines() if line.startswith(prefix)]
    note = os.open(f"{folder}/{linkedid}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o660)
    with os.fdopen(note, "wb") as file:
        file.write(b"".join(dialled[:1]))


def write_all(data: bytes) -> None:
    """Write everything to Asterisk."""
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    sys.exit(main())
