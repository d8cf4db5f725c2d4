"""The throw-away Asterisks themselves: a taken port is said, nothing stays behind however it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..patience import PATIENCE_S
from .asterisk import REPO, AsteriskError
from .lab import TOWN_ADDRESS, Lab

KEEP_A_LAB = """
import signal, time
from tests.calls.lab import Lab
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what a script runs in the background
with Lab() as lab:
    print(lab.home, flush=True)
    time.sleep(60)
"""


def processes_of(home: Path) -> list[int]:
    """Processes whose command line names a folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(home).encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_a_taken_port_is_said_clearly() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((TOWN_ADDRESS, 0))
        port = taken.getsockname()[1]
        lab = Lab(sip_port=port)
        with pytest.raises(AsteriskError, match=rf"cannot listen on 127\.0\.0\.1:{port} .*in use"), lab:
            pass
    assert not lab.home.exists()
    assert not processes_of(lab.home)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_nothing_stays_behind(end: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KEEP_A_LAB], cwd=REPO, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        home = Path(child.stdout.readline().strip())
        assert len(processes_of(home)) >= 2
        os.kill(child.pid, end)
        child.wait(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while processes_of(home) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not processes_of(home)
    assert str(home) not in Path("/proc/mounts").read_text()
    if end == signal.SIGKILL:  # nobody was left to remove it
        subprocess.run(["rm", "-rf", str(home)], check=True)
    assert not home.exists()
