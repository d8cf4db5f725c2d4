"""Calls as they were on the wire: SIP and RTP packets of a capture, who spoke when."""

import contextlib
import os
import re
import select
import struct
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import dpkt
import numpy as np
from numpy.typing import NDArray

from .asterisk import AsteriskError, as_root
from .recording import LOUD

PCMA = 8
RTP_HEADER = 12
KEPT = 2000
"""Bytes kept of a packet: more than any of ours has."""
LISTENING_S = 10.0
QUIET_S = 0.3
"""Shorter pauses belong to a stretch of sound."""
BETWEEN_CALLS_S = 3.0
"""A port that was silent for so long belongs to another call now."""

INVITE = re.compile(rb"INVITE .*?^From:[^\r]*?sip:([^@<> ]+)@.*?^m=audio (\d+) ", re.DOTALL | re.MULTILINE)
"""A caller's number, and where they want to hear (RFC 4566)."""

Stretches = list[tuple[float, float]]


def _a_law() -> NDArray[np.float32]:
    """Linear value of each A-law byte (ITU-T G.711)."""
    codes = np.arange(256) ^ 0x55
    exponent, mantissa = (codes >> 4) & 7, codes & 15
    steep = ((mantissa << 4) + 264) << np.maximum(exponent - 1, 0)
    linear = np.where(exponent == 0, (mantissa << 4) + 8, steep)
    return np.where(codes & 0x80, linear, -linear).astype(np.float32)


A_LAW = _a_law()


@dataclass(frozen=True)
class WireCall:
    """Who spoke when in one call, in seconds since the capture's first packet."""

    number: str
    """Whose it is; empty if the capture holds no SIP."""
    began: float
    caller: Stretches
    town: Stretches

    @property
    def greeting_s(self) -> float | None:
        """From the caller's first packet (they send once the call is answered) to the town's first sound."""
        return self.town[0][0] - self.began if self.town else None

    def answers(self) -> Iterator[tuple[float, float | None]]:
        """Each utterance's end, if the town did not speak over it, and when the town spoke next."""
        for number, (_, end) in enumerate(self.caller):
            if any(first < end < last for first, last in self.town):
                continue
            until = self.caller[number + 1][0] if number + 1 < len(self.caller) else np.inf
            yield end, next((first for first, _ in self.town if end <= first < until), None)


def read(file: Path, town_ports: range) -> list[WireCall]:
    """The calls of a capture; a call is what passes between two ports without a long break."""
    times: dict[tuple[int, int, bool], list[float]] = defaultdict(list)
    loudness: dict[tuple[int, int, bool], list[float]] = defaultdict(list)
    invited: dict[int, list[tuple[float, str]]] = defaultdict(list)
    with file.open("rb") as stream:
        reader = dpkt.pcap.UniversalReader(stream)
        for at, frame in reader:
            packet = udp(frame, reader.datalink())
            if packet is None:
                continue
            source, target, payload = packet
            if invite := INVITE.match(payload):
                invited[int(invite[2])].append((at, invite[1].decode()))
            if len(payload) <= RTP_HEADER or payload[1] & 0x7F != PCMA:
                continue
            from_town = source in town_ports
            call = (source, target, True) if from_town else (target, source, False)
            times[call].append(at)
            linear = A_LAW[np.frombuffer(payload, dtype=np.uint8, offset=RTP_HEADER)]
            loudness[call].append(float(np.sqrt(np.mean(linear * linear))))
    if not times:
        return []
    first = min(found[0] for found in times.values())
    calls = []
    for town, peer in sorted({(town, peer) for town, peer, _ in times}):
        spoken, answered = (town, peer, False), (town, peer, True)
        for begin, end in _calls(times[spoken]):
            sides = [
                _stretches([at - first for at in times[key]], loudness[key], begin - first, end - first)
                for key in (spoken, answered)
            ]
            number = next((who for at, who in reversed(invited[peer]) if at <= begin), "")
            calls.append(WireCall(number, begin - first, *sides))
    return calls


@contextlib.contextmanager
def capture(*ports: range, file: Path | None = None) -> Iterator[IO[bytes]]:
    """Every UDP packet of loopback from or to these ports, by tcpdump: in a file, or in the pipe yielded.

    Raises:
        AsteriskError: it may not listen here.
    """
    wanted = " or ".join(f"portrange {some.start}-{some.stop - 1}" for some in ports)
    # The kernel keeps 16 MB for it: more than passes while a busy machine keeps it waiting.
    options = ["-i", "lo", "-n", "-s", str(KEPT), "-B", "16384", "-U", "-Z", "root", "-w", str(file or "-")]
    guarded = [*as_root(), "setpriv", "--pdeathsig", "KILL", "--", "tcpdump"]
    command, pipe = [*guarded, *options, f"udp and ({wanted})"], subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            said = b""
            while b"listening on" not in said:
                ready, _, _ = select.select([process.stderr], [], [], LISTENING_S)
                more = os.read(process.stderr.fileno(), 4096) if ready else b""
                if not more:
                    reason = said.decode(errors="replace").strip()
                    raise AsteriskError(f"tcpdump does not listen (it needs root or sudo): {reason}")
                said += more
            yield process.stdout
        finally:
            process.terminate()


def udp(frame: bytes, link: int) -> tuple[int, int, bytes] | None:
    """Source port, target port, payload of a captured packet."""
    at = {dpkt.pcap.DLT_EN10MB: 14, dpkt.pcap.DLT_LINUX_SLL: 16}.get(link, 14)
    header = at + (frame[at] & 15) * 4
    if len(frame) < header + 8 or frame[at + 9] != 17:
        return None
    source, target = struct.unpack_from("!HH", frame, header)
    return source, target, frame[header + 8 :]


def _calls(times: list[float]) -> list[tuple[float, float]]:
    """First and last packet of each call on one pair of ports."""
    if not times:
        return []
    array = np.asarray(times)
    breaks = np.flatnonzero(np.diff(array) > BETWEEN_CALLS_S)
    begins, ends = [0, *(breaks + 1)], [*breaks, len(array) - 1]
    return [(float(array[begin]), float(array[end])) for begin, end in zip(begins, ends, strict=True)]


def _stretches(times: list[float], loudness: list[float], begin: float, end: float) -> Stretches:
    found: Stretches = []
    for at, power in zip(times, loudness, strict=True):
        if power <= LOUD or not begin <= at <= end:
            continue
        if found and at - found[-1][1] < QUIET_S:
            found[-1] = (found[-1][0], at + 0.02)
        else:
            found.append((at, at + 0.02))
    return found
