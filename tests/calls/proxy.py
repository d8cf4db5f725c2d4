"""scripts/kamailio/ as an administrator runs it, with addresses of our own; callers that go through it."""

import contextlib
import itertools
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ..patience import PATIENCE_S
from .asterisk import REPO, Asterisk, AsteriskError, free_udp_port

CONFIGURATION = REPO / "scripts" / "kamailio" / "kamailio.cfg"
ADDRESS, CALLER, STRANGER = "127.0.0.1", "127.0.0.2", "127.0.0.4"
SCENARIO = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="a caller behind a proxy">
  <send retrans="500"><![CDATA[
INVITE sip:0155000000@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:0600000000@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:0155000000@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:0600000000@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=caller 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" timeout="15000" rrs="true"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:0600000000@[local_ip]:[local_port]>;tag=[pid]c[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
  <pause milliseconds="HOLD_MS"/>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:0600000000@[local_ip]:[local_port]>;tag=[pid]c[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
  <recv response="200" timeout="5000"/>
</scenario>
"""


class Proxy:
    """A Kamailio before several Asterisks. Use as a context manager."""

    def __init__(self, home: Path, nodes: Sequence[Asterisk], port: int) -> None:
        self._home = home
        self._port = port
        self._control = f"unix:{home}/control"
        home.mkdir()
        self._nodes = home / "dispatcher.list"
        self._nodes.write_text("".join(f"1 {sip(node)}\n" for node in nodes))
        self._callers = home / "address.list"
        self._callers.write_text(f"1 {CALLER} 32 0 callers\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def options(self) -> list[str]:
        """What the configuration is told in place of what an administrator writes into it."""
        values = {
            "LISTEN": f"udp:{ADDRESS}:{self._port}",
            "NODES": f'"{self._nodes}"',
            "CALLERS": f'"{self._callers}"',
            "CONTROL": f'"{self._control}"',
            "PING_S": "1",
        }
        return [word for name, value in values.items() for word in ("-A", f"{name}={value}")]

    def __enter__(self) -> Self:
        """Start it; returns once it answers its control."""
        checked = subprocess.run(
            ["kamailio", "-c", "-f", CONFIGURATION, *self.options],
            capture_output=True,
            text=True,
            check=False,
        )
        if checked.returncode:
            raise AsteriskError(f"kamailio -c: {checked.stderr[-500:]}")
        run = ["kamailio", "-DD", "-E", "-m", "32", "-M", "4", "-w", self._home, "-f", CONFIGURATION]
        with (self._home / "kamailio.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*run, *self.options], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE_S
        while self._kamcmd("core.uptime").returncode:
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.__exit__()
                raise AsteriskError(
                    f"Kamailio is not there: {(self._home / 'kamailio.log').read_text()[-500:]}"
                )
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, for certain."""
        assert self._process is not None
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE_S)
                return

    def _kamcmd(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["kamcmd", "-s", self._control, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)

    def set_state(self, state: str, node: Asterisk) -> None:
        """As an administrator would: `kamcmd dispatcher.set_state`."""
        done = self._kamcmd("dispatcher.set_state", state, "1", sip(node))
        assert done.returncode == 0 and "error" not in done.stdout, done.stdout + done.stderr

    def state(self, node: Asterisk) -> str:
        """Its flags in `kamcmd dispatcher.list`: AP, active and asked; IP, found dead; DX, taken out."""
        shown = self._kamcmd("dispatcher.list").stdout
        found = re.search(rf"URI: {re.escape(sip(node))}\s+FLAGS: (\w+)", shown)
        assert found is not None, shown
        return found[1]

    def await_state(self, state: str, node: Asterisk, patience_s: float = PATIENCE_S) -> None:
        """Until it is seen in that state."""
        deadline = time.monotonic() + patience_s
        while self.state(node) != state:
            assert time.monotonic() < deadline, f"{sip(node)} is {self.state(node)}, not {state}"
            time.sleep(0.1)

    def call(self, calls: int = 1, *, hold_s: float = 0.2, source: str = CALLER, tries: int = 4) -> "Callers":
        """Callers, one after the other, who hang up after `hold_s`; returns while they still speak.

        Args:
            tries: how often what gets no answer is sent again.
        """
        scenario = self._home / f"caller-{hold_s}.xml"
        scenario.write_text(SCENARIO.replace("HOLD_MS", str(int(hold_s * 1000))))
        return Callers(scenario, source, f"{ADDRESS}:{self._port}", calls, tries)


_ports = itertools.count(5800)
"""Where callers look for a free port: two that start at the same moment must not find the same one."""


class Callers:
    """A running SIPp."""

    complaint = ""

    def __init__(self, scenario: Path, source: str, target: str, calls: int, tries: int) -> None:
        port = free_udp_port(source, next(_ports))
        command = ["sipp", target, "-sf", scenario, "-i", source, "-p", str(port), "-m", str(calls)]
        command += ["-l", "1", "-r", "10", "-nostdin", "-timeout", "20s", "-timeout_error"]
        command += ["-max_retrans", str(tries)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def succeed(self) -> bool:
        """Wait for the end: did every call go as it should, to its BYE? `complaint` says what did not."""
        self.complaint = self._process.communicate(timeout=40)[1]
        return self._process.returncode == 0


def sip(node: Asterisk) -> str:
    """A node's address as the proxy knows it."""
    return f"sip:{node.address}:{node.port}"
