"""What an administrator copies to the machine: systemd's units, rules for logrotate and Prometheus."""

import configparser
import grp
import gzip
import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from callbot.doorway import SOCKET_MODE
from callbot.metrics import Health, Metrics
from callbot.settings import Settings
from callbot.types import Outcome, TurnRecord

from .patience import PATIENCE_S, eventually

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
UNITS = sorted((SCRIPTS / "systemd").glob("*.service"))
INSTALLED = "/opt/callbot/.runtime/venv/bin/callbot"
LOWEST_S = 20
"""What is left of TimeoutStopSec once the calls were given their time: to hang up, write down and close."""


def unit(name: str) -> configparser.ConfigParser:
    """A unit's settings, as written."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SCRIPTS / "systemd" / name, encoding="utf-8")
    return parser


def tool(name: str, package: str) -> str:
    """A program's path; without it, a developer's machine skips and CI says so."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        tell = pytest.fail if "CI" in os.environ else pytest.skip
        tell(f"{name} is not here: apt-get install {package} (make setup does)")
    return str(found)


def test_units_are_what_systemd_understands(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze", "systemd")
    command = tmp_path / "callbot"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    copies = []
    for path in sorted((SCRIPTS / "systemd").iterdir()):
        copy = tmp_path / path.name
        copy.write_text(path.read_text(encoding="utf-8").replace(INSTALLED, str(command)), encoding="utf-8")
        copies.append(copy)
    assert len(copies) == len(UNITS) + 1 >= 4
    done = subprocess.run([analyze, "verify", *copies], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "callbot" in line]
    assert not said and done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units_expose_little(path: Path) -> None:
    analyze = tool("systemd-analyze", "systemd")
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", "--no-pager", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "Overall exposure level" in done.stdout, done.stdout[-300:] + done.stderr


def test_a_stop_leaves_calls_the_time_they_are_promised() -> None:
    service = unit("callbot.service")["Service"]
    assert int(service["TimeoutStopSec"]) >= Settings.model_fields["drain_s"].default + LOWEST_S
    assert service["KillMode"] == "mixed", "Rasa, a child, is needed until the last call has ended"
    assert service["Type"] == "notify" and int(service["WatchdogSec"]) >= 30
    compose = (SCRIPTS / "containers" / "compose.yml").read_text(encoding="utf-8")
    grace = re.search(r"stop_grace_period: (\d+)s", compose)
    assert grace is not None and int(grace[1]) == int(service["TimeoutStopSec"])


def test_asterisk_reaches_the_socket_through_its_group_and_nobody_else_does() -> None:
    service = unit("callbot.service")["Service"]
    assert (service["User"], service["Group"], service["StateDirectoryMode"]) == (
        "callbot",
        "asterisk",
        "2750",
    )
    assert SOCKET_MODE & 0o070 == 0o060 and not SOCKET_MODE & 0o007
    for name in ("callbot.service", "callbot-console.service", "callbot-backup.service"):
        one = unit(name)["Service"]
        assert (one["User"], one["NoNewPrivileges"], one["CapabilityBoundingSet"]) == ("callbot", "true", "")


def test_a_log_goes_on_after_its_rotation(tmp_path: Path) -> None:
    """As Rasa's log is written: by a process of its own that never opens it again.

    What it writes in the very moment of the rotation may be lost, as with every copy that is cut afterwards.
    """
    logrotate = tool("logrotate", "logrotate")
    rule = (SCRIPTS / "logrotate" / "callbot").read_text(encoding="utf-8")
    folder = tmp_path / "state"
    folder.mkdir(mode=0o750)
    log = folder / "rasa.log"
    # Whoever runs this test can't become another user: its own, then.
    rule = rule.replace("/var/lib/callbot/rasa.log", str(log))
    me = f"su {pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name}"
    rule = rule.replace("su callbot asterisk", me)
    configuration, state = tmp_path / "rule", tmp_path / "status"
    configuration.write_text(rule)
    configuration.chmod(0o644)
    with log.open("ab") as output:  # as callbot/understanding/rasa.py opens it
        writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=output, bufsize=0)
    assert writer.stdin is not None
    writer.stdin.write(b"one\ntwo\n")
    eventually(lambda: log.read_bytes().count(b"\n") == 2)
    done = subprocess.run(
        [logrotate, "--force", "--state", state, configuration], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    writer.stdin.write(b"three\nfour\n")
    writer.stdin.close()
    assert writer.wait(PATIENCE_S) == 0
    (rotated,) = folder.glob("rasa.log.1*")
    assert gzip.decompress(rotated.read_bytes()) == b"one\ntwo\n"
    assert log.read_bytes() == b"three\nfour\n"


def test_the_compose_file_is_what_docker_compose_understands() -> None:
    compose = tool("docker-compose", "docker-compose")
    done = subprocess.run(
        [compose, "-p", "callbot", "-f", SCRIPTS / "containers" / "compose.yml", "config"],
        capture_output=True, text=True, check=False, env=os.environ | {"CALLBOT_DB_PASSWORD": "x"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    without = subprocess.run(
        [compose, "-f", SCRIPTS / "containers" / "compose.yml", "config"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert without.returncode != 0 and "CALLBOT_DB_PASSWORD" in without.stderr, (
        "never a database without password"
    )


def test_alerts_speak_of_figures_there_are() -> None:
    (group,) = yaml.safe_load((SCRIPTS / "prometheus" / "callbot.rules.yml").read_text())["groups"]
    rules = {rule["alert"]: rule["expr"] for rule in group["rules"]}
    metrics = Metrics()
    metrics.ended(Outcome("FAILED", reason="fault"))
    metrics.turn(TurnRecord(1, "answer:x", "", "speech", endpoint_ms=1, decode_ms=1, nlu_ms=1, think_ms=1))
    told = metrics.text(Health(0, True, False, 0, {"queued": 0, "failed": 1})).decode()
    for alert, expression in rules.items():
        for name, labels in re.findall(r"(callbot_\w+)(?:\{(.*?)\})?", expression):
            assert re.search(rf"^{name}(\{{.*{re.escape(labels)}.*\}})? ", told, re.M), (alert, name, labels)
    assert len(rules) >= 5
