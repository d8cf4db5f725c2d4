#!/usr/bin/env python3
"""The caller: an EAGI script run by the *outside* Asterisk for each call it places. Standard library only.

    EAGI(robot.py,FOLDER)

FOLDER/scenario.json holds a list of steps; what happens is written to FOLDER/events.jsonl, a line an event
with `t` in seconds since the call was answered. It knows nothing of callbot: it only hears (descriptor 3:
signed 16-bit little-endian mono, 8000 Hz), speaks, presses keys and hangs up.

Steps (all times in seconds, of the robot's own clock: while the machine stands still, so does the clock):
    {"do": "hear", "timeout": 60, "pause": 1.2}     wait until the other side has spoken and paused
    {"do": "say", "wav": PATH}                      speak a recording
    {"do": "barge_in", "wav": PATH, "after": 1.0}   let the other side speak for `after`, then speak over it
    {"do": "wait", "seconds": 3}
    {"do": "wait_for_speech", "after": 1.0}         return in the middle of what the other side says
    {"do": "dtmf", "digits": "0"}
    {"do": "await_human", "timeout": 90}            wait for the pilot tone an operator's telephone plays
    {"do": "await_hang_up", "timeout": 60}          wait until the other side hangs up
    {"do": "hang_up"}
"""

import array
import json
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

AUDIO_FD = 3
RATE = 8000
FRAME = 160  # samples, 20 ms
LOUD = 250.0  # root mean square of a frame that counts as sound; the line itself is digitally silent
PILOT_HZ = 1800  # what operators' telephones play; a whole number of periods a frame
PILOT_FRAMES = 8
ONSET_FRAMES = 4
QUIET_S = 0.15
PUMP_S = 0.02
LONGEST_PUMP_S = 0.25  # who takes longer was kept from it; more than that does not count
STARVED_S = 6.0  # a pause without a frame of silence
# A real telephone sends sound without a break. So does this one: it plays this file when it is silent.
IDLE = "idle"


class HungUp(Exception):
    """The other side has ended the call."""


class TimedOut(Exception):
    """A step waited in vain."""


class Robot:
    """One call."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds scenario.json."""
        self.folder = folder
        self.scenario: dict[str, Any] = json.loads((folder / "scenario.json").read_text(encoding="utf-8"))
        self.events = (folder / "events.jsonl").open("w", encoding="utf-8", buffering=1)
        self.began = self.pumped = time.monotonic()
        self.clock = 0.0
        self.typed = b""
        self.replies: list[str] = []
        self.sound = b""
        self.loud_since: float | None = None
        self.loud_last = -math.inf
        self.loud_run = self.quiet_run = 0
        self.pilot_run = 0
        self.audio_open = True

    def run(self) -> None:
        """Play the scenario to its end, whatever that is."""
        self.note("answered")
        try:
            self.read_environment()
            self.idle()
            for step in self.scenario["steps"]:
                getattr(self, "do_" + step["do"])(step)
            self.note("finished")
            self.do_hang_up({})
        except HungUp:
            self.note("hung_up_by_other_side")
        except TimedOut as error:
            self.note("timed_out", step=str(error))
        finally:
            self.note("end")

    def note(self, event: str, **more: object) -> None:
        """Write an event down."""
        record = {"t": round(time.monotonic() - self.began, 3), "event": event, **more}
        self.events.write(json.dumps(record) + "\n")

    # -- steps --------------------------------------------------------------------------------------------

    def do_hear(self, step: dict[str, Any]) -> None:
        pause = step.get("pause", 1.2)
        self.wait_until(lambda: self.loud_since is not None, step.get("timeout", 60), "hear")
        longest = step.get("longest", 90)
        self.wait_until(lambda: self.pauses(pause), longest, "hear: it never stops")
        self.note("heard")
        self.loud_since = None

    def do_wait_for_speech(self, step: dict[str, Any]) -> None:
        self.wait_until(lambda: self.loud_since is not None, step.get("timeout", 60), "wait_for_speech")
        self.do_wait({"seconds": step.get("after", 1.0)})

    def do_say(self, step: dict[str, Any]) -> None:
        self.note("say", wav=step["wav"], text=step.get("text", ""))
        self.command(f'STREAM FILE "{step["wav"].removesuffix(".wav")}" ""', patience=60)
        self.note("said")
        if self.clock - self.loud_last > QUIET_S:
            self.loud_since = None  # what was heard so far was no answer
        self.idle()

    def do_barge_in(self, step: dict[str, Any]) -> None:
        self.do_wait_for_speech(step)
        self.do_say(step)

    def do_wait(self, step: dict[str, Any]) -> None:
        until = self.clock + step["seconds"]
        self.wait_until(lambda: self.clock >= until, step["seconds"] + 5, "wait")

    def do_dtmf(self, step: dict[str, Any]) -> None:
        self.note("dtmf", digits=step["digits"])
        self.loud_since = None
        self.command(f'EXEC SendDTMF "{step["digits"]}"')
        self.idle()

    def do_await_human(self, step: dict[str, Any]) -> None:
        self.wait_until(lambda: self.pilot_run >= PILOT_FRAMES, step.get("timeout", 90), "await_human")
        self.note("human")

    def do_await_hang_up(self, step: dict[str, Any]) -> None:
        self.wait_until(lambda: False, step.get("timeout", 60), "await_hang_up")

    def do_hang_up(self, _: dict[str, Any]) -> None:
        self.note("hang_up")
        self.command("HANGUP")

    # -- the line -----------------------------------------------------------------------------------------

    def idle(self) -> None:
        """Send silence from now on, without waiting for its end."""
        self.write(f'STREAM FILE "{self.scenario[IDLE].removesuffix(".wav")}" ""\n')

    def command(self, line: str, patience: float = 30) -> str:
        """Send a command and wait for its reply; it ends the silence being played, which gets none."""
        self.replies.clear()
        self.write(line + "\n")
        self.wait_until(lambda: bool(self.replies), patience, line)
        return self.replies.pop(0)

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = self.clock + seconds
        while not condition():
            if self.clock > deadline:
                raise TimedOut(what)
            self.pump()

    def pauses(self, seconds: float) -> bool:
        """Is the other side silent for so long, by our clock and by the sound that came?"""
        since = self.clock - self.loud_last
        return since > seconds and (self.quiet_run * FRAME / RATE > seconds or since > STARVED_S)

    def read_environment(self) -> None:
        """Asterisk begins with lines `agi_...: value` and an empty line."""
        deadline = time.monotonic() + 60
        while b"\n\n" not in self.typed:
            if time.monotonic() > deadline:
                raise TimedOut("AGI environment")
            self.typed += os.read(0, 4096)
        self.typed = self.typed.partition(b"\n\n")[2]

    def pump(self) -> None:
        """Take in sound and replies for at most 20 ms."""
        watched = [0, AUDIO_FD] if self.audio_open else [0]
        ready, _, _ = select.select(watched, [], [], PUMP_S)
        now = time.monotonic()
        self.clock += min(now - self.pumped, LONGEST_PUMP_S)
        self.pumped = now
        if AUDIO_FD in ready:
            data = os.read(AUDIO_FD, 65536)
            self.audio_open = bool(data)
            self.sound += data
            while len(self.sound) >= 2 * FRAME:
                self.hear_frame(array.array("h", self.sound[: 2 * FRAME]))
                self.sound = self.sound[2 * FRAME :]
        if 0 in ready:
            data = os.read(0, 4096)
            if not data:
                raise HungUp
            *lines, self.typed = (self.typed + data).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace")
                if text.startswith(("HANGUP", "511", "200 result=-1")):
                    raise HungUp
                self.replies.append(text)

    def hear_frame(self, frame: "array.array[int]") -> None:
        """Judge 20 ms of sound."""
        power = sum(sample * sample for sample in frame) / FRAME
        if power < LOUD * LOUD:
            self.loud_run = self.pilot_run = 0
            self.quiet_run += 1
            return
        self.quiet_run = 0
        self.loud_run += 1
        self.pilot_run = self.pilot_run + 1 if pilot_share(frame, power) > 0.7 else 0
        self.loud_last = self.clock
        if self.loud_run == ONSET_FRAMES and self.loud_since is None:
            self.loud_since = self.clock
            self.note("sound")

    def write(self, text: str) -> None:
        try:
            os.write(1, text.encode())
        except OSError as error:
            raise HungUp from error


def pilot_share(frame: "array.array[int]", power: float) -> float:
    """How much of a frame's power lies at PILOT_HZ (Goertzel's algorithm), 0 to 1."""
    turn = 2 * math.cos(2 * math.pi * PILOT_HZ / RATE)
    before = before2 = 0.0
    for sample in frame:
        before, before2 = sample + turn * before - before2, before
    return 2 * (before * before + before2 * before2 - turn * before * before2) / (power * FRAME * FRAME)


def main() -> NoReturn:
    """Command line: the call's folder."""
    # Asterisk sends SIGHUP at hang-up; we learn it from its lines and still want to write the last event.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    Robot(Path(sys.argv[1])).run()
    sys.exit(0)


if __name__ == "__main__":
    main()
