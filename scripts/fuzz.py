"""`make fuzz`: what the world can send, made odd by a coverage-guided fuzzer (atheris), for some minutes.

    scripts/fuzz.py [--seconds 30] [TARGET...]

Each kind of input (tests/fuzz/targets.py) has a process and a corpus of its own in .runtime/fuzz, kept from
run to run. What is found is printed once for each place, with the file that does it; exit code 1 then.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".runtime" / "fuzz"
SLOW_S = 2.0
"""CPU seconds after which an input counts as a hang: the longest texts take milliseconds."""
STUCK_S = 60
"""Wall seconds after which the process is given up."""
LONGEST = 4096
"""Bytes of an input."""
MEMORY_MB = 2048


def main() -> int:
    """Fuzz every target, or those named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("targets", nargs="*", help="of tests/fuzz/targets.py; none: all")
    parser.add_argument("--seconds", type=int, default=30, help="for each (default 30)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        return fuzz(asked.one, asked.seconds)
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("atheris is not installed here (wheels: Linux, x86-64, Python 3.11 to 3.13); without it:")
        print("    pytest tests -k 'fuzz or odd or any' --hypothesis-profile=long")
        return 1
    sys.path.insert(0, str(ROOT))
    from tests.fuzz.targets import TARGETS

    wrong = 0
    print(f"{'input':14}{'executions':>12}{'a second':>10}{'found':>7}", flush=True)
    for name in asked.targets or TARGETS:
        wrong += run(name, asked.seconds)
    return 1 if wrong else 0


def run(name: str, seconds: int) -> int:
    """One target in a process of its own; prints its line; returns how many places it went wrong in."""
    folder = HOME / name
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    (folder / "found.jsonl").unlink(missing_ok=True)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, __file__, "--one", name, "--seconds", str(seconds)],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    told = done.stderr.decode(errors="replace")
    count = re.search(r"number_of_executed_units: (\d+)", told)
    executions = int(count[1]) if count else 0
    found = folder / "found.jsonl"
    places = [json.loads(line) for line in found.read_text().splitlines()] if found.is_file() else []
    if done.returncode:  # it was ended: a hang, memory, a fault in C
        places.append({"what": told.strip()[-600:], "input": f"{folder}/"})
    spent = time.monotonic() - began
    print(f"{name:14}{executions:>12,}{executions / spent:>10,.0f}{len(places):>7}", flush=True)
    for place in places:
        print(f"    {place['what']}\n        {place['input']}", flush=True)
    return len(places)


def fuzz(name: str, seconds: int) -> int:
    """Fuzz one target in this process; libFuzzer ends it."""
    import atheris

    sys.path.insert(0, str(ROOT))
    with atheris.instrument_imports(include=["callbot"]):
        from tests.fuzz.targets import TARGETS
    target, folder, seen = TARGETS[name], HOME / name, set[str]()
    for number, seed in enumerate(target.seeds):
        (folder / "corpus" / f"seed-{number}").write_bytes(seed)

    def note(what: str, data: bytes) -> None:
        if what in seen:
            return
        seen.add(what)
        path = folder / f"found-{len(seen)}"
        path.write_bytes(data)
        with (folder / "found.jsonl").open("a") as file:
            file.write(json.dumps({"what": what, "input": str(path)}) + "\n")

    def once(data: bytes) -> None:
        began = time.process_time()
        try:
            target.run(data)
        except Exception as error:
            ours = [
                frame for frame in traceback.extract_tb(error.__traceback__) if "callbot" in frame.filename
            ]
            last = ours[-1] if ours else traceback.extract_tb(error.__traceback__)[-1]
            note(f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}", data)
        if time.process_time() - began > SLOW_S:
            note("slow", data)

    flags = {
        **{"max_total_time": seconds, "max_len": LONGEST, "timeout": STUCK_S, "rss_limit_mb": MEMORY_MB},
        **{"print_final_stats": 1, "verbosity": 0, "artifact_prefix": f"{folder}/"},
    }
    options = [f"-{name}={value}" for name, value in flags.items()]
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], once)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
