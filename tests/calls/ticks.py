"""A process of its own that ticks, and tells when the machine was kept from it: a line for each such span.

Two signs: a tick comes late, which our own tests may bring about too; the kernel counts processor time that
others took (`steal` of proc(5)), which they can't.
"""

import time
from pathlib import Path

TICK_S = 0.02
LATE_S = 0.05
"""Speech comes in packets of 0.02 s. Our own processes keep each other for less, somebody else's for more."""
LOOK_EVERY_S = 1.0
STOLEN = 0.2
"""Share of the processor time wanted by anybody here that others took."""
LEAST_STOLEN = 10
"""Clock ticks (0.01 s) below which a share says nothing."""


def is_stolen(before: list[int], after: list[int]) -> bool:
    """Did others take much of the time between these two lines of /proc/stat?

    Args:
        before: clock ticks since the machine started: user, nice, system, idle, iowait, irq, softirq, steal.
    """
    user, nice, system, _, _, irq, softirq, steal = (
        then - now for now, then in zip(before, after, strict=True)
    )
    return steal >= max(LEAST_STOLEN, STOLEN * (user + nice + system + irq + softirq + steal))


def processors() -> list[int]:
    """The clock ticks of all processors together."""
    first, *_ = Path("/proc/stat").read_text().splitlines()
    return [int(ticks) for ticks in first.split()[1:9]]


def main() -> None:
    """Tick for ever."""
    last = looked = time.monotonic()
    counted = processors()
    while True:
        time.sleep(TICK_S)
        now = time.monotonic()
        if now - last > LATE_S:
            print(last, now, "late", flush=True)
        last = now
        if now - looked < LOOK_EVERY_S:
            continue
        was, counted = counted, processors()
        if is_stolen(was, counted):
            print(looked, now, "stolen", flush=True)
        looked = now


if __name__ == "__main__":
    main()
