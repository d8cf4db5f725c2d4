"""What was on the line of each call: both sides' sound, out of the packets that passed over loopback.

A recorder inside Asterisk (MixMonitor) throws sound away whenever the machine keeps it waiting: of a prompt
during which Asterisk stood still for 0.3 s every 1.8 s, a sixth was found again. The kernel's own copy of the
packets lost nothing.
"""

import re
import socket
import struct
import threading
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

import numpy as np

from ..patience import PATIENCE_S
from .asterisk import AsteriskError
from .recording import Samples
from .voices import RATE
from .wire import A_LAW, INVITE, PCMA, RTP_HEADER, capture, udp

FILE_HEADER, PACKET_HEADER = 24, 16  # https://www.tcpdump.org/manpages/pcap-savefile.5.html
ETHERNET = 1  # how tcpdump frames what passes over loopback
MARK_S = PATIENCE_S  # how long what has passed may take to reach us
ANSWER = re.compile(
    rb"SIP/2\.0 200 .*?^From:[^\r]*?sip:([^@<> ]+)@.*?^CSeq: \d+ INVITE", re.DOTALL | re.MULTILINE
)
WITHIN_A_CALL = re.compile(rb"^To:[^\r]*;tag=", re.MULTILINE)
JITTER_S = 0.04  # a smaller gap between packets is no pause


@dataclass(frozen=True)
class Packet:
    """One packet of speech: when it passed (seconds since the epoch) and its A-law bytes."""

    at: float
    speech: bytes


class Tape:
    """A capture of one lab's telephones."""

    def __init__(self, sip_port: int, rtp: range) -> None:
        """`sip_port` and `rtp`: those of the callers' side."""
        self._sip_port = sip_port
        self._rtp = rtp
        self._listening = ExitStack()
        self._lock = threading.Lock()  # calls end at the same time, and others go on
        self._invited: dict[str, int] = {}  # callers' ports by their numbers
        self._answered: dict[str, tuple[float, int]] = {}  # and since when
        self._to: dict[int, list[Packet]] = {}  # by the caller's port
        self._from: dict[int, list[Packet]] = {}
        self._marks: dict[bytes, threading.Event] = {}
        self._marker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._marker.bind(("127.0.0.1", 0))
        self._listening.enter_context(self._marker)

    def start(self) -> None:
        """Listen from now on.

        Raises:
            AsteriskError: tcpdump may not listen here.
        """
        marker = self._marker.getsockname()[1]
        ports = (self._rtp, *(range(port, port + 1) for port in (self._sip_port, marker)))
        passing = self._listening.enter_context(capture(*ports))
        threading.Thread(target=self._listen, args=(passing,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self._listening.close()

    def call(self, number: str) -> tuple[Samples, Samples]:
        """What the caller with this number heard, and what they said; both begin when the town answered.

        To be asked for once, when the call is over: nothing of it is kept.

        Raises:
            AsteriskError: tcpdump has stopped.
        """
        self._catch_up()
        with self._lock:
            if number not in self._answered:
                return np.zeros(0, dtype=np.int16), np.zeros(0, dtype=np.int16)
            since, port = self._answered.pop(number)
            heard, said = self._to.pop(port, []), self._from.pop(port, [])
        return sound(heard, since), sound(said, since)

    def _catch_up(self) -> None:
        """Wait until all that has passed is taken in: a packet of ours, sent now, comes last."""
        mark = uuid.uuid4().bytes
        passed = self._marks[mark] = threading.Event()
        self._marker.sendto(mark, self._marker.getsockname())
        if not passed.wait(MARK_S):
            raise AsteriskError("tcpdump no longer tells what passes")

    def _listen(self, passing: IO[bytes]) -> None:
        """Take in packets as they pass, until tcpdump ends."""
        passing.read(FILE_HEADER)
        while len(header := passing.read(PACKET_HEADER)) == PACKET_HEADER:
            seconds, micros, kept, _ = struct.unpack("=IIII", header)
            frame = passing.read(kept)
            with self._lock:
                self._sort(seconds + micros / 1e6, frame)

    def _sort(self, at: float, frame: bytes) -> None:
        packet = udp(frame, ETHERNET)
        if packet is None:
            return
        source, target, payload = packet
        if target == self._marker.getsockname()[1]:
            if mark := self._marks.pop(payload, None):
                mark.set()
        elif source == self._sip_port:
            if (invite := INVITE.match(payload)) and not WITHIN_A_CALL.search(payload):
                port = self._invited[invite[1].decode()] = int(invite[2])
                self._to[port], self._from[port] = [], []
        elif target == self._sip_port:
            if answer := ANSWER.match(payload):
                number = answer[1].decode()
                if port := self._invited.pop(number, 0):  # a later answer is to a change within the call
                    self._answered[number] = (at, port)
        elif len(payload) > RTP_HEADER and payload[1] & 0x7F == PCMA:
            for port, side in ((target, self._to), (source, self._from)):
                if port in side:  # not another lab's
                    side[port].append(Packet(at, payload[RTP_HEADER:]))


def sound(packets: Sequence[Packet], began: float) -> Samples:
    """One side's sound since `began` (seconds since the epoch), as a patient telephone plays it.

    Packets that come in a burst were kept waiting on the way: each stands where it was due.
    """
    due = [packet.at for packet in packets]
    for later in range(len(packets) - 1, 0, -1):
        due[later - 1] = min(due[later - 1], due[later] - len(packets[later - 1].speech) / RATE)
    places: list[int] = []
    end = 0
    for packet, at in zip(packets, due, strict=True):
        place = max(round((at - began) * RATE), end)
        places.append(place if not places or place - end > JITTER_S * RATE else end)
        end = places[-1] + len(packet.speech)
    whole = np.zeros(end, dtype=np.int16)
    for place, packet in zip(places, packets, strict=True):
        whole[place : place + len(packet.speech)] = A_LAW[np.frombuffer(packet.speech, dtype=np.uint8)]
    return whole
