"""A throw-away Asterisk: configuration in a temporary folder, ports of its own, nothing left behind.

Where the distribution carries an Asterisk, that one runs. Otherwise the one scripts/setup.sh unpacked runs
in its folder (chroot), in a mount namespace of its own: /proc, /dev and the folders it must share with us
are mounted there under their own absolute paths, and vanish with the process.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from ..patience import PATIENCE_S
from .ami import Manager, ManagerError

REPO = Path(__file__).resolve().parents[2]
UNPACKED = REPO / ".runtime" / "asterisk"
START_S = PATIENCE_S
NICENESS = -10
"""Asterisk keeps the clock of every call; a real one runs before all else too (`asterisk -p`)."""
STOP_S = 8.0

# Only what calls, queues and recordings need: quicker than loading everything, and quiet.
MODULES = """
    app_audiosocket app_dial app_echo app_exec app_mixmonitor app_playback app_playtones app_queue
    app_senddtmf app_stack app_system app_verbose app_voicemail app_userevent bridge_builtin_features
    bridge_builtin_interval_features bridge_holding bridge_simple bridge_softmix cdr_csv chan_pjsip
    codec_alaw codec_ulaw codec_resample format_pcm format_sln format_wav func_base64 func_callerid
    func_cdr func_channel func_config func_db func_devstate func_dialplan func_env func_global
    func_hangupcause func_logic func_math func_strings func_timeout func_uri pbx_config res_agi
    res_audiosocket res_convert res_crypto res_musiconhold res_pjproject res_pjsip res_pjsip_acl
    res_pjsip_authenticator_digest res_pjsip_caller_id res_pjsip_dtmf_info
    res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user res_pjsip_header_funcs
    res_pjsip_logger res_pjsip_nat res_pjsip_outbound_authenticator_digest
    res_pjsip_outbound_registration res_pjsip_pubsub res_pjsip_registrar res_pjsip_rfc3326
    res_pjsip_sdp_rtp res_pjsip_session res_rtp_asterisk res_sorcery_astdb res_sorcery_config
    res_sorcery_memory res_speech res_timing_timerfd res_timing_pthread
"""

# $1 root, $2 user:group, then the folders to share, then "--" and the command.
ENTER = """
set -e
root=$1 user=$2; shift 2
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
while [ "$1" != -- ]; do
  mkdir -p "$root$1"
  mount --bind "$1" "$root$1"
  shift
done
shift
exec chroot --userspec="$user" "$root" "$@"
"""


class AsteriskError(Exception):
    """It could not be started, in one line with the remedy."""


class Asterisk:
    """One instance; use `start` and `stop`, or as a context manager."""

    def __init__(self, home: Path, *, address: str, port: int, rtp: range, shared: Sequence[Path]) -> None:
        """`home` is its own folder; `shared` are others it sees under the same path, such as the bridge's."""
        self.home = home
        self.address = address
        self.port = port
        self.manager_port = free_tcp_port()
        self._rtp = rtp
        self._shared = [home, *shared]
        self._secret = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def etc(self) -> Path:
        """Its configuration folder."""
        return self.home / "etc"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.home / "asterisk.log"

    def configure(self, **files: str) -> None:
        """Write configuration files (`extensions=` is extensions.conf) beside those every instance needs."""
        folders = {
            "astetcdir": self.etc,
            "astmoddir": modules_folder(),
            "astvarlibdir": self.home / "lib",
            "astdbdir": self.home / "lib",
            "astkeydir": self.home / "lib",
            "astdatadir": data_folder(),
            "astagidir": self.home / "lib",
            "astspooldir": self.home / "spool",
            "astrundir": self.home / "run",
            "astlogdir": self.home / "log",
            "astcachedir": self.home / "cache",
        }
        for folder in folders.values():
            if self.home in folder.parents:
                folder.mkdir(parents=True, exist_ok=True)
        (self.home / "log" / "cdr-csv").mkdir(exist_ok=True)
        (self.home / "lib" / "keys").mkdir(exist_ok=True)
        directories = "\n".join(f"{name} => {folder}" for name, folder in folders.items())
        loads = "\n".join(f"load = {module}.so" for module in MODULES.split())
        base = {
            "asterisk": f"[directories]\n{directories}\n[options]\nverbose = 3\nnocolor = yes\n",
            "modules": f"[modules]\nautoload = no\n{loads}\n",
            "logger": "[general]\n[logfiles]\nconsole => notice,warning,error,verbose\n",
            "rtp": f"[general]\nrtpstart = {self._rtp.start}\nrtpend = {self._rtp.stop - 1}\n",
            "cdr": "[general]\nenable = yes\n[csv]\nloguniqueid = yes\nloguserfield = yes\n",
            "manager": "[general]\nenabled = yes\nbindaddr = 127.0.0.1\n"
            f"port = {self.manager_port}\n#tryinclude manager_callbot.conf\n"
            f"[lab]\nsecret = {self._secret}\npermit = 127.0.0.1/255.255.255.255\nread = all\nwrite = all\n",
        }
        for name, text in (base | files).items():
            path = self.etc / f"{name}.conf"
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")

    def start(self) -> None:
        """Start it; returns once it takes calls."""
        check_udp_port_free(self.address, self.port)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        deadline = time.monotonic() + START_S
        while True:
            if self._process.poll() is not None:
                raise AsteriskError(f"Asterisk stopped at once: {self._last_words()}")
            with contextlib.suppress(OSError, ManagerError), self.manager() as manager:
                manager.command("core waitfullybooted")
                transports = manager.command("pjsip show transports")
                break
            if time.monotonic() > deadline:
                self.stop()
                raise AsteriskError(f"Asterisk was not ready after {START_S:.0f} s: {self._last_words()}")
            time.sleep(0.1)
        if f"{self.address}:{self.port}" not in transports:
            self.stop()
            raise AsteriskError(
                f"Asterisk could not listen on {self.address}:{self.port}: {self._last_words()}"
            )

    def stop(self) -> None:
        """Stop it, for certain."""
        if self._process is None:
            return
        for number, patience in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, STOP_S)):
            if self._process.poll() is not None:
                break
            self._send(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        self._process = None

    def manager(self, patience: float = 40.0) -> Manager:
        """A session on its manager interface; the caller closes it."""
        return Manager(self.manager_port, self._secret, patience=patience)

    def command(self, line: str) -> str:
        """Run one console command."""
        with self.manager() as manager:
            return manager.command(line)

    @property
    def pid(self) -> int:
        """Asterisk's own process id (behind sudo, where there is sudo)."""
        return int((self.home / "run" / "asterisk.pid").read_text())

    def __enter__(self) -> "Asterisk":
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _command(self) -> list[str]:
        asterisk = ["asterisk", "-f", "-n", "-C", str(self.etc / "asterisk.conf")]
        # Should we be killed outright, the kernel ends Asterisk as well.
        guarded = ["setpriv", "--pdeathsig", "KILL", "--", *asterisk]
        first = ["nice", "-n", str(NICENESS), "--"]
        if not (UNPACKED / "usr/sbin/asterisk").exists():
            if shutil.which("asterisk") is None:
                raise AsteriskError("there is no Asterisk here: run make setup")
            return [*(first if os.getuid() == 0 else []), *guarded]
        user = f"{os.getuid()}:{os.getgid()}"
        shared = [str(folder) for folder in self._shared]
        inside = ["sh", "-c", ENTER, "enter", str(UNPACKED), user, *shared, "--", *guarded]
        return [*as_root(), *first, "unshare", "--mount", "--propagation", "private", "--", *inside]

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        # Behind sudo our child is sudo; Asterisk itself runs under our own user and can be told directly.
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.pid if as_root() else self._process.pid, number)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        telling = [line for line in lines if "ERROR" in line] or lines
        return f"{telling[-1] if telling else 'it said nothing'} (all of it: {self.log})"


def as_root() -> list[str]:
    """The words before a command that needs root."""
    return [] if os.getuid() == 0 else ["sudo", "-n", "--"]


def modules_folder() -> Path:
    """Where Asterisk's modules lie, as Asterisk sees it."""
    root = UNPACKED if (UNPACKED / "usr/sbin/asterisk").exists() else Path("/")
    found = sorted(root.glob("usr/lib/*/asterisk/modules")) or sorted(root.glob("usr/lib/asterisk/modules"))
    if not found:
        raise AsteriskError("no folder of Asterisk modules found: run make setup")
    return Path("/") / found[0].relative_to(root)


def data_folder() -> Path:
    """Where Asterisk's sounds lie, as Asterisk sees it."""
    root = UNPACKED if (UNPACKED / "usr/sbin/asterisk").exists() else Path("/")
    debian = "usr/share/asterisk"
    return Path("/") / (debian if (root / debian / "sounds").is_dir() else "var/lib/asterisk")


def check_udp_port_free(address: str, port: int) -> None:
    """Say clearly that a port is taken; Asterisk itself would start without it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, port))
        except OSError as error:
            raise AsteriskError(f"cannot listen on {address}:{port} (UDP): {error.strerror}") from error


def free_udp_port(address: str, first: int) -> int:
    """The first free port from `first` on."""
    for port in range(first, first + 200):
        with contextlib.suppress(AsteriskError):
            check_udp_port_free(address, port)
            return port
    raise AsteriskError(f"no free UDP port from {first} on")


def free_tcp_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
