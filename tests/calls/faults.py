"""What breaks around a town while it is called: each fault holds for some seconds and is then lifted."""

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .asterisk import as_root
from .bot import Bot, BotError
from .lab import CALLER_ADDRESS, TOWN_ADDRESS, Lab

RESTART_S = 1.0
"""systemd's RestartSec: so long after its end the server is started again."""
JUMP_S = 7200
LOSS_PERCENT = 30
DISK = "48m"
BEGUN_S = 300.0
# The table goes with the process that made it: no loss outlives a test that is killed.
LOSS = """
add table ip {table} {{ flags owner ; }}
add chain ip {table} loss {{ type filter hook input priority 0 ; }}
add rule ip {table} loss ip saddr {{ {ends} }} ip daddr {{ {ends} }} meta l4proto udp \
numgen random mod 100 < {percent} counter drop
"""


@dataclass(frozen=True)
class Scene:
    """Everything that may break.

    Args:
        rasa: whose Rasa it is.
        disk: small, with the journal and the spool on it.
        clock: the server's file of libfaketime.
        hold_s: how long a fault holds.
    """

    lab: Lab
    bot: Bot
    rasa: Bot
    disk: Path
    clock: Path
    hold_s: float

    @property
    def journal(self) -> Path:
        """SQLite's file."""
        return self.disk / "journal.sqlite"

    def restart(self) -> None:
        """Start the server again as systemd does, as often as it takes."""
        deadline = time.monotonic() + BEGUN_S
        while True:
            time.sleep(RESTART_S)
            try:
                return self.bot.start()
            except BotError:
                if time.monotonic() > deadline:
                    raise

    def whole(self) -> bool:
        """Is everything there again?"""
        return self.bot.ready()


@contextlib.contextmanager
def scene(lab: Lab, hold_s: float, rasa: Bot | None = None) -> Iterator[Scene]:
    """A server that can be broken, with its own Rasa or another's; calls go to it meanwhile."""
    state = Path(tempfile.mkdtemp(prefix="chaos.", dir=lab.home))
    disk, clock = state / "disk", state / "clock"
    disk.mkdir()
    clock.write_text("+0\n")
    with small_disk(disk):
        (disk / "spool").mkdir(mode=0o700)
        (state / "spool").symlink_to(disk / "spool")
        (state / "journal.sqlite").symlink_to(disk / "journal.sqlite")
        bot = Bot(
            state,
            nlu_url=rasa.nlu_url if rasa else None,
            prompts_from=rasa.state if rasa else None,
            CALLBOT_JOURNAL_URL=f"sqlite:///{disk / 'journal.sqlite'}",
            CALLBOT_AMI_HOST="127.0.0.1",
            CALLBOT_AMI_PORT=str(lab.town.manager_port),
            CALLBOT_AMI_SECRET=lab.secrets["SECRET_MANAGER"],
            **fake_clock(clock),
        )
        with bot, called(lab, bot):
            yield Scene(lab, bot, rasa or bot, disk, clock, hold_s)


@contextlib.contextmanager
def called(lab: Lab, bot: Bot) -> Iterator[None]:
    """Calls go to this server, after a reload of Asterisk too."""
    file = lab.town.etc / "extensions.conf"
    before = file.read_text(encoding="utf-8")
    (globals_, rest) = before.split("#include", 1)
    file.write_text(f"{globals_.replace(str(lab.state), str(bot.state))}#include{rest}", encoding="utf-8")
    lab.set_global(CALLBOT_SOCKET=str(bot.socket), CALLBOT_STATE_DIR=str(bot.state))
    try:
        yield
    finally:
        file.write_text(before, encoding="utf-8")
        lab.set_global(CALLBOT_SOCKET=str(lab.socket), CALLBOT_STATE_DIR=str(lab.state))


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own in a folder."""
    options = f"size={DISK},mode=0700,uid={os.getuid()},gid={os.getgid()}"
    subprocess.run([*as_root(), "mount", "-t", "tmpfs", "-o", options, "callbot", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run([*as_root(), "umount", "-l", str(folder)], check=True)


def fake_clock(file: Path) -> dict[str, str]:
    """Environment of a server whose clock of the day can be set; its monotonic one goes on as it is.

    Its children have the true one: libfaketime 0.9.10 breaks Python's `time.sleep` where the monotonic clock
    is left alone (EINVAL), and the voice needs that.
    """
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    start = file.parent / "start"
    start.mkdir()
    (start / "sitecustomize.py").write_text("import os\nos.environ.pop('LD_PRELOAD', None)\n")
    never_monotonic = dict.fromkeys(("DONT_FAKE_MONOTONIC", "FAKETIME_DONT_FAKE_MONOTONIC"), "1")
    return never_monotonic | {
        "LD_PRELOAD": str(library),
        "PYTHONPATH": str(start),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
    }


def server_killed(scene: Scene) -> None:
    """SIGKILL; systemd starts it again."""
    scene.bot.send(signal.SIGKILL)
    scene.bot.process.wait()
    scene.restart()


def server_hangs(scene: Scene) -> None:
    """SIGSTOP, then SIGCONT."""
    scene.bot.send(signal.SIGSTOP)
    time.sleep(scene.hold_s)
    scene.bot.send(signal.SIGCONT)


def rasa_killed(scene: Scene) -> None:
    """SIGKILL; the server starts it again."""
    scene.rasa.send_rasa(signal.SIGKILL)
    time.sleep(scene.hold_s)


def rasa_hangs(scene: Scene) -> None:
    """SIGSTOP, then SIGCONT."""
    scene.rasa.send_rasa(signal.SIGSTOP)
    time.sleep(scene.hold_s)
    scene.rasa.send_rasa(signal.SIGCONT)


def journal_locked(scene: Scene) -> None:
    """Another process writes, and goes on doing so."""
    with contextlib.closing(sqlite3.connect(scene.journal, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(scene.hold_s)
        other.execute("ROLLBACK")


def journal_gone(scene: Scene) -> None:
    """The file is moved away, and back."""
    aside = scene.journal.with_suffix(".aside")
    scene.journal.rename(aside)
    time.sleep(scene.hold_s)
    aside.rename(scene.journal)


def disk_full(scene: Scene) -> None:
    """The journal's and the spool's disk has no byte left."""
    ballast = scene.disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    time.sleep(scene.hold_s)
    ballast.unlink()


def nothing_written(scene: Scene) -> None:
    """No file can grow: neither journal, spool, sounds nor log."""
    pid = scene.bot.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    time.sleep(scene.hold_s)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def asterisk_reloaded(scene: Scene) -> None:
    """All of its configuration is read anew."""
    scene.lab.town.command("core reload")
    time.sleep(scene.hold_s / 2)


def manager_cut(scene: Scene) -> None:
    """Asterisk ends the server's session, and reads the manager's configuration anew."""
    for line in scene.lab.town.command("manager show connected").splitlines():
        if line.split()[:1] == ["callbot"]:
            scene.lab.town.command(f"manager kick session {line.split()[4]}")
    scene.lab.town.command("manager reload")
    time.sleep(scene.hold_s / 2)


def clock_jumps(scene: Scene) -> None:
    """The server's clock of the day is two hours ahead, then right again."""
    scene.clock.write_text(f"+{JUMP_S}\n")
    time.sleep(scene.hold_s)
    scene.clock.write_text("+0\n")


def packets_lost(scene: Scene) -> None:
    """Of all packets between callers and town, signalling and sound, both ways."""
    rules = LOSS.format(
        table=f"chaos_{os.getpid()}", ends=f"{CALLER_ADDRESS}, {TOWN_ADDRESS}", percent=LOSS_PERCENT
    )
    nft = subprocess.Popen(
        [*as_root(), "nft", "-i"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert nft.stdin is not None
    try:
        nft.stdin.write(rules)
        nft.stdin.flush()
        time.sleep(scene.hold_s)
    finally:
        nft.stdin.close()  # it ends, and its table with it
        nft.wait(10)


FAULTS: dict[str, Callable[[Scene], None]] = {
    "server killed": server_killed,
    "server hangs": server_hangs,
    "Rasa killed": rasa_killed,
    "Rasa hangs": rasa_hangs,
    "journal locked": journal_locked,
    "journal gone": journal_gone,
    "disk full": disk_full,
    "no file may grow": nothing_written,
    "Asterisk reloaded": asterisk_reloaded,
    "manager interface cut": manager_cut,
    "clock jumps by 2 h": clock_jumps,
    "30 % of packets lost": packets_lost,
}


def missing() -> Sequence[str]:
    """Programs without which some fault can't be made."""
    found = {"faketime": any(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))}
    found |= {name: shutil.which(name) is not None for name in ("sipp", "nft")}
    return [name for name, there in found.items() if not there]
