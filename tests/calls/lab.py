"""A town and the world around it: two Asterisks that talk SIP and RTP with each other over loopback.

`town` runs the very files of dialplan/, as an administrator would include them. `outside` is everybody
else: the callers (robot.py) on 127.0.0.2, the trunk's address, and the two operators' telephones, which
register with the town from 127.0.0.3 as real telephones do.
"""

import base64
import csv
import io
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import uuid
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..patience import PATIENCE_S
from . import recording, voices
from .asterisk import REPO, Asterisk, free_udp_port
from .loudspeaker import Loudspeaker
from .recording import Heard, Samples
from .robot import PILOT_HZ
from .tape import Tape

sys.path.insert(0, str(REPO / "scripts"))
import dialplan

Step = dict[str, Any]
# A caller's name as a directory or a trunk might deliver it: every character that means something to
# somebody.
HOSTILE_NAME = 'D\'Arc "J" <0>\r\nSET VARIABLE CALLBOT_RESULT DONE\r\nHANGUP\n${EXTEN}$[1+1]\\,;|&`)'
HOSTILE_DIALLED = "0155000099"
UNTRUSTED_NAME = f"""
[lab-hostile-name]
exten => _X.,1,Set(CALLERID(name)=${{BASE64_DECODE({base64.b64encode(HOSTILE_NAME.encode()).decode()})}})
 same => n,Set(CALLERID(num)=${{EXTEN}})
 same => n,Goto(callbot-in,{HOSTILE_DIALLED},1)
"""
CALLER_ADDRESS, PHONES_ADDRESS, TOWN_ADDRESS = "127.0.0.2", "127.0.0.3", "127.0.0.1"
OPERATORS = ("operateur1", "operateur2")
OPERATOR_SAYS = "Standard de la mairie, bonjour, je vous écoute."
WHISPER_S = 6
RING_S = 0.8
CALLERS_RTP = range(22000, 24000)
IDLE_S = 600
CDR_FIELDS = (
    *(
        "accountcode",
        "src",
        "dst",
        "dcontext",
        "clid",
        "channel",
        "dstchannel",
        "lastapp",
        "lastdata",
        "start",
    ),
    *("answer", "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield"),
)


def hear(**more: Any) -> Step:
    """Wait until the bot has spoken and paused."""
    return {"do": "hear", **more}


def say(text: str | Path, voice: str = voices.WOMAN) -> Step:
    """Speak a sentence, or a recording."""
    if isinstance(text, Path):
        return {"do": "say", "wav": str(text)}
    return {"do": "say", "wav": str(voices.speak(text, voice)), "text": text}


def barge_in(text: str, after: float, voice: str = voices.WOMAN) -> Step:
    """Speak over the bot once it has spoken for `after` seconds."""
    return say(text, voice) | {"do": "barge_in", "after": after}


def wait(seconds: float) -> Step:
    """Say nothing for a while."""
    return {"do": "wait", "seconds": seconds}


def wait_for_speech(after: float = 1.0) -> Step:
    """Go on in the middle of what the bot says."""
    return {"do": "wait_for_speech", "after": after}


def press(digits: str) -> Step:
    """Press keys."""
    return {"do": "dtmf", "digits": digits}


def await_human(timeout: float = 90) -> Step:
    """Wait for an operator's voice."""
    return {"do": "await_human", "timeout": timeout}


def await_hang_up(timeout: float = 60) -> Step:
    """Wait until the town hangs up."""
    return {"do": "await_hang_up", "timeout": timeout}


@dataclass
class Ring:
    """An operator's telephone rang, and maybe was answered, for a caller's number."""

    operator: str
    number: str
    at: float  # seconds since the epoch
    answered: bool = False


@dataclass
class CallRecord:
    """All that is known of one call from outside the product."""

    number: str
    folder: Path
    events: list[dict[str, Any]]
    heard: Samples  # what the caller's telephone received
    said: Samples  # what it sent; same clock
    rings: list[Ring] = field(default_factory=list)

    def event(self, name: str) -> dict[str, Any] | None:
        """The first event of that name."""
        return next((event for event in self.events if event["event"] == name), None)

    @property
    def ending(self) -> str:
        """finished (the scenario's own end), hung_up_by_other_side, timed_out, or lost (never connected)."""
        endings = ("finished", "hung_up_by_other_side", "timed_out")
        return next((event["event"] for event in self.events if event["event"] in endings), "lost")

    def find(self, prompt: Path | Samples) -> Heard | None:
        """Was this recording in what the caller heard?"""
        samples = voices.read(prompt) if isinstance(prompt, Path) else prompt
        return recording.find(self.heard, samples)

    def hears(self, prompt: Path | Samples) -> Heard | None:
        """The same, though the machine may have stood still for seconds in its midst."""
        samples = voices.read(prompt) if isinstance(prompt, Path) else prompt
        return recording.find(self.heard, samples, recording.STALLED_S)

    @property
    def answer_latencies(self) -> list[float]:
        """For each utterance of the caller: seconds from its last sample to the bot's next sound.

        Utterances over which the bot was speaking do not count: there the bot's sound is no answer.
        """
        bot = recording.sounds(self.heard)
        latencies = []
        caller = recording.sounds(self.said, gap=1.0)
        for number, (_, end) in enumerate(caller):
            next_start = caller[number + 1][0] if number + 1 < len(caller) else np.inf
            if any(first < end < last for first, last in bot):
                continue
            following = [first for first, _ in bot if end <= first < next_start]
            if following:
                latencies.append(following[0] - end)
        return latencies

    @property
    def greeting_delay(self) -> float | None:
        """Seconds from the call's answer to the bot's first sound."""
        bot = recording.sounds(self.heard)
        return bot[0][0] if bot else None

    def write_stereo(self, path: Path) -> Path:
        """The call as a WAV for human ears: caller left, town right."""
        length = max(len(self.heard), len(self.said))
        both = np.zeros((length, 2), dtype=np.int16)
        both[: len(self.said), 0] = self.said
        both[: len(self.heard), 1] = self.heard
        return voices.write(path, both)


class Lab:
    """Both Asterisks, and the calls between them. Use as a context manager."""

    def __init__(
        self, bridge: Path | None = None, *, address: str = TOWN_ADDRESS, sip_port: int | None = None
    ) -> None:
        """`bridge` replaces the EAGI script under test; without `sip_port` any free port will do."""
        # A short path: Unix sockets allow 108 characters.
        self.home = Path(tempfile.mkdtemp(prefix="callbot.", dir="/tmp"))
        self.state = self.home / "state"
        self.socket = self.state / "callbot.sock"
        self.calls = self.home / "calls"
        self.operators_log = self.home / "operators.log"
        for folder in (self.state / "prompts", self.calls):
            folder.mkdir(parents=True)
        self.operators_log.touch()
        self.bridge = bridge or REPO / "callbot" / "agi" / "bridge.py"
        voices.CACHE.mkdir(parents=True, exist_ok=True)
        shared = [self.home, self.bridge.parent, voices.CACHE, Path(__file__).parent]
        # Labs that start at the same moment must not find the same port free.
        port = sip_port or free_udp_port(address, 5080 + os.getpid() % 500 * 4)
        self.town = Asterisk(
            self.home / "town", address=address, port=port, rtp=range(20000, 22000), shared=shared
        )
        # What is bound to every address is reached on loopback.
        self.town_address = TOWN_ADDRESS if address == "0.0.0.0" else address
        outside_port = free_udp_port(CALLER_ADDRESS, port + 1)
        self.outside = Asterisk(
            self.home / "outside",
            address=CALLER_ADDRESS,
            port=outside_port,
            rtp=CALLERS_RTP,
            shared=shared,
        )
        self.tape = Tape(outside_port, CALLERS_RTP)
        self.operator_wav = voices.write(self.home / "operator.wav", operator_sound())
        self.idle_wav = self.home / "idle.wav"
        write_long_silence(self.idle_wav)
        self._count = 0
        self._lock = threading.Lock()
        self.secrets: dict[str, str] = {}

    # -- life ---------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Start both Asterisks and register the operators' telephones."""
        try:
            self._configure_town()
            self._configure_outside()
            self.town.start()
            self.outside.start()
            self.tape.start()
            self.log_operators_in()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.close()

    def close(self) -> None:
        """Stop both Asterisks and remove their folder."""
        self.tape.stop()
        self.outside.stop()
        self.town.stop()
        if not os.environ.get("CALLBOT_KEEP_LAB"):
            shutil.rmtree(self.home, ignore_errors=True)

    def _configure_town(self) -> None:
        bind = f"{self.town.address}:{self.town.port}"
        self.secrets = dialplan.render(self.town.etc, bind, trunk=CALLER_ADDRESS)
        self.town.configure(
            extensions=f"[globals]\nCALLBOT_STATE_DIR={self.state}\nCALLBOT_SOCKET={self.socket}\n"
            f"CALLBOT_BRIDGE={self.bridge}\nCALLBOT_LANGUAGE=fr_CA_f_June\nCALLBOT_QUEUE_SECONDS=60\n"
            "#include extensions_callbot.conf\n" + UNTRUSTED_NAME,
            queues="[general]\nshared_lastcall = no\n#include queues_callbot.conf\n",
            pjsip="#include pjsip_callbot.conf\n",
        )

    def _configure_outside(self) -> None:
        town = f"sip:{self.town_address}:{self.town.port}"
        phones = "".join(
            f"[{name}]\ntype=registration\ntransport=phones\noutbound_auth={name}\nserver_uri={town}\n"
            f"client_uri=sip:{name}@{self.town_address}:{self.town.port}\ncontact_user={name}\n"
            f"retry_interval=2\nexpiration=3600\nmax_random_initial_delay=0\n"
            f"[{name}]\ntype=auth\nauth_type=userpass\nusername={name}\n"
            f"password={self.secrets['SECRET_' + name.upper()]}\n"
            for name in OPERATORS
        )
        file = f"FILE({self.operators_log},,,al,u)"
        log = f"Set({file}=${{STRFTIME(,,%s.%3q)}} WHAT ${{EXTEN}} ${{CALLERID(num)}})"
        self.outside.configure(
            extensions=f"""
[globals]
RING_S={RING_S}
[robot]
exten => s,1,EAGI({Path(__file__).parent / "robot.py"},${{FOLDER}})
 same => n,Hangup()
exten => h,1,System(touch ${{FOLDER}}/done)
[loudspeaker]
exten => s,1,AudioSocket(${{UUID}},${{LOUDSPEAKER}})
 same => n,Hangup()
exten => h,1,System(touch ${{FOLDER}}/done)
[phones]
exten => _operateurX,1,{log.replace("WHAT", "rang")}
 same => n,Ringing()
 same => n,Wait(${{RING_S}})
 same => n,Answer()
 same => n,{log.replace("WHAT", "answered")}
 same => n,Playback({self.operator_wav.with_suffix("")})
; Before the caller is let in, the operator hears what the call is about: speak again after that.
 same => n,Wait({WHISPER_S})
 same => n,Playback({self.operator_wav.with_suffix("")})
 same => n,Wait(1)
 same => n,Hangup()
""",
            pjsip=f"""
[callers]
type=transport
protocol=udp
bind={CALLER_ADDRESS}:{self.outside.port}
[phones]
type=transport
protocol=udp
bind={PHONES_ADDRESS}:{self.outside.port}
[town]
type=endpoint
transport=callers
context=phones
disallow=all
allow=alaw
direct_media=no
trust_id_inbound=yes
aors=town
[town]
type=aor
contact={town}
[town]
type=identify
endpoint=town
match={self.town_address}
{phones}""",
        )

    # -- operators ----------------------------------------------------------------------------------------

    def log_operators_in(self) -> None:
        """Register both telephones; returns once the town knows them."""
        for name in OPERATORS:
            self.outside.command(f"pjsip send register {name}")
        self._await_members("Not in use")

    def log_operators_out(self) -> None:
        """Unregister both telephones."""
        for name in OPERATORS:
            self.outside.command(f"pjsip send unregister {name}")
        self._await_members("Unavailable")

    def _await_members(self, state: str, patience: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + patience
        while self.town.command("queue show standard").count(f"({state})") < len(OPERATORS):
            if time.monotonic() > deadline:
                shown = self.town.command("queue show standard")
                raise TimeoutError(f"the operators' telephones are not all «{state}»: {shown}")
            time.sleep(0.1)

    def rings(self, number: str) -> list[Ring]:
        """Which operators' telephones rang for a caller's number."""
        rings: list[Ring] = []
        for at, what, operator, caller in map(str.split, self.operators_log.read_text().splitlines()):
            if caller != number:
                continue
            if what == "rang":
                rings.append(Ring(operator, number, float(at)))
            else:
                next(
                    ring for ring in rings if ring.operator == operator and not ring.answered
                ).answered = True
        return rings

    # -- calls --------------------------------------------------------------------------------------------

    def new_number(self) -> str:
        """A caller's number not used yet."""
        with self._lock:
            self._count += 1
            return f"06{self._count:08d}"

    def place_call(
        self,
        steps: Sequence[Step],
        *,
        number: str = "",
        dialled: str = "0155000000",
        name: str = "",
        longest: float = 400,
    ) -> CallRecord:
        """Dial the town, play the steps, return when all is over. Several threads may do so at once."""
        number = number or self.new_number()
        folder = self.calls / number
        folder.mkdir()
        scenario = {"steps": list(steps), "idle": str(self.idle_wav)}
        (folder / "scenario.json").write_text(json.dumps(scenario), encoding="utf-8")
        self._originate("robot", {"FOLDER": str(folder)}, number, dialled, name)
        return self._await_end(number, folder, longest)

    def place_loud_call(self, phone: Loudspeaker, *, longest: float = 400) -> CallRecord:
        """The same from a telephone on its loudspeaker, in a room with noise."""
        number = self.new_number()
        folder = self.calls / number
        folder.mkdir()
        with phone.answering() as address:
            variables = {"FOLDER": str(folder), "UUID": str(uuid.uuid4()), "LOUDSPEAKER": address}
            self._originate("loudspeaker", variables, number)
            return self._await_end(number, folder, longest)

    def _originate(
        self,
        context: str,
        variables: dict[str, str],
        number: str,
        dialled: str = "0155000000",
        name: str = "",
    ) -> None:
        with self.outside.manager() as manager:
            manager.action(
                "Originate",
                variables,
                Channel=f"PJSIP/{dialled}@town",
                Context=context,
                Exten="s",
                Priority="1",
                Timeout="60000",
                CallerID=f'"{name}" <{number}>' if name else f"<{number}>",
            )

    def _await_end(self, number: str, folder: Path, longest: float) -> CallRecord:
        deadline = time.monotonic() + longest
        while not (folder / "done").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return self._record(number, folder)

    def _record(self, number: str, folder: Path) -> CallRecord:
        heard, said = self.tape.call(number)
        return CallRecord(number, folder, self.events(number), heard, said, self.rings(number))

    def events(self, number: str) -> list[dict[str, Any]]:
        """What has happened so far in a call, as its caller sees it."""
        path = self.calls / number / "events.jsonl"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def said_something(self, number: str) -> bool:
        """Has the caller with this number heard a sound yet?"""
        return any(event["event"] == "sound" for event in self.events(number))

    def town_is_quiet(self, patience: float = PATIENCE_S) -> bool:
        """Does the town's Asterisk soon have no channel left?"""
        deadline = time.monotonic() + patience
        while not self.town.command("core show channels count").startswith("0 active channels"):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def outcome(self, number: str) -> str:
        """The CDR userfield the dialplan left for a caller's number; empty when there is none in time."""
        rows = self._records_of(number)
        return (
            rows[-1]["userfield"] if rows else ""
        )  # one row for each telephone that rang, then the call's own

    def linkedid(self, number: str) -> str:
        """Asterisk's id of the (last) call from a number, as the bot's journal keeps it."""
        rows = self._records_of(number)
        return rows[0]["uniqueid"] if rows else ""

    def _records_of(self, number: str, patience: float = PATIENCE_S) -> list[dict[str, str]]:
        """The call detail records of a caller's number, once the call is over."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            gone = number not in self.town.command("core show channels concise")
            found = [record for record in self.records() if record.get("src") == number]
            if gone and found:
                return found
            time.sleep(0.1)
        return []

    def records(self) -> list[dict[str, str]]:
        """The town's call detail records so far: of a call one for each telephone that rang, then its own."""
        log = self.town.home / "log" / "cdr-csv" / "Master.csv"
        with log.open(newline="", errors="replace") if log.exists() else io.StringIO() as file:
            return [dict(zip(CDR_FIELDS, row, strict=False)) for row in csv.reader(file)]

    def set_global(self, **variables: str) -> None:
        """Change settings of the town's dialplan (globals) for calls to come; empty restores the default."""
        with self.town.manager() as manager:
            for name, value in variables.items():
                manager.action("Setvar", Variable=name, Value=value)

    def let_ring(self, seconds: float) -> None:
        """How long an operator's telephone rings from now on before it is answered."""
        with self.outside.manager() as manager:
            manager.action("Setvar", Variable="RING_S", Value=str(seconds))


def operator_sound() -> Samples:
    """A pilot tone the robot knows, then a sentence a person would understand."""
    sentence = voices.read(voices.speak(OPERATOR_SAYS, voices.MAN))
    return np.concatenate([voices.tone(PILOT_HZ, 0.4), voices.silence(0.2), sentence])


def write_long_silence(path: Path) -> None:
    """A file of silence longer than any call."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(voices.RATE)
        file.writeframes(bytes(2 * voices.RATE * IDLE_S))
