"""Many callers at once: SIPp speaks from recordings, by the clock; it hears nothing, so it costs little."""

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from . import voices
from .asterisk import free_udp_port
from .lab import CALLER_ADDRESS, Lab
from .recording import Samples

PORTS_A_PROCESS = 500
FIRST_RTP_PORT = 26000
SIPP_BAD_CALLS = 1
"""SIPp's exit code when some call did not go as the scenario says."""
SCENARIO = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="a caller">
  <send retrans="500"><![CDATA[
INVITE sip:{dialled}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:{prefix}[call_number]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:{dialled}@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:{prefix}@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=caller 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
a=ptime:20
]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" timeout="20000"/>
  <send><![CDATA[
ACK sip:{dialled}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:{prefix}[call_number]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
  <nop><action><exec rtp_stream="{sound},1,8,PCMA/8000"/></action></nop>
  <recv request="BYE" timeout="{length_ms}" ontimeout="1"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
  <nop next="2"><action><log message="ended by the town: {prefix}[call_number]"/></action></nop>
  <label id="1"/>
  <send retrans="500"><![CDATA[
BYE sip:{dialled}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:{prefix}[call_number]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
  <recv response="200" timeout="10000"/>
  <label id="2"/>
  <nop/>
</scenario>
"""


@dataclass(frozen=True)
class Script:
    """What a caller says, by the clock: `(seconds from the answer, what)`; `length_s`: when they hang up."""

    says: Sequence[tuple[float, Path]]
    length_s: float

    def samples(self) -> Samples:
        """The whole of it, 8000 Hz."""
        whole = np.zeros(int(self.length_s * voices.RATE), dtype=np.int16)
        for at_s, wav in self.says:
            speech = voices.read(wav)
            begin = int(at_s * voices.RATE)
            whole[begin : begin + len(speech)] = speech[: max(0, len(whole) - begin)]
        return whole


class Crowd:
    """Callers from the trunk's address. Use as a context manager: who still speaks is cut off at its end."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._folder = Path(tempfile.mkdtemp(prefix="crowd.", dir=lab.home))
        self._running: list[subprocess.Popen[bytes]] = []
        self._count = 0

    def call(
        self, script: Script, calls: int, *, at_once: int, a_second: float, dialled: str = "0155000000"
    ) -> "subprocess.Popen[bytes]":
        """Have `calls` placed, `at_once` at most; returns SIPp's process (exit code 0: all went well)."""
        self._count += 1
        sound = self._folder / f"{self._count}.al"
        wav = voices.write(sound.with_suffix(".wav"), script.samples())
        subprocess.run(["sox", "-q", str(wav), "-t", "al", str(sound)], check=True)
        prefix = f"07{self._count:02d}"
        scenario = self._folder / f"{self._count}.xml"
        text = SCENARIO.format(
            dialled=dialled, prefix=prefix, sound=sound, length_ms=int(script.length_s * 1000)
        )
        scenario.write_text(text, encoding="utf-8")
        process = subprocess.Popen(
            [
                *("sipp", f"{self._lab.town_address}:{self._lab.town.port}"),
                *("-sf", str(scenario), "-i", CALLER_ADDRESS, "-mi", CALLER_ADDRESS),
                *("-p", str(free_udp_port(CALLER_ADDRESS, 7000 + self._count))),
                *("-mp", str(FIRST_RTP_PORT + self._count % 60 * PORTS_A_PROCESS)),
                *("-m", str(calls), "-l", str(at_once), "-r", str(max(1, round(a_second * 10)))),
                *("-rp", "10000", "-nostdin", "-trace_err", "-error_file", str(sound.with_suffix(".err"))),
                *("-trace_logs", "-log_file", str(sound.with_suffix(".log"))),
                # Twice what it should take: calls that faults make longer keep no others from being placed.
                *("-timeout", f"{int(2 * script.length_s * (calls / at_once + 1) + 60)}"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
        )
        self._running.append(process)
        return process

    def over(self) -> bool:
        """Have all hung up?"""
        return all(process.poll() is not None for process in self._running)

    def forget(self) -> None:
        """Those who have called so far count no more."""
        self._running = [process for process in self._running if process.poll() is None]

    def wait(self) -> list[int]:
        """Until all have hung up; their exit codes."""
        return [process.wait() for process in self._running]

    def ended_by_the_town(self) -> set[str]:
        """Numbers of the callers who did not hang up themselves."""
        text = "".join(path.read_text(errors="replace") for path in self._folder.glob("*.log"))
        return set(re.findall(r"ended by the town: (\d+)", text))

    def errors(self) -> str:
        """What SIPp complained of."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.err")))

    def __enter__(self) -> Self:
        """Nobody calls yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Cut off who still speaks."""
        for process in self._running:
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()
