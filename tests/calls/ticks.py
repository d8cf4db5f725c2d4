"""A process of its own that ticks, and tells when the machine was kept from it: a line for each such span.

Three signs, since not every host shows all: a tick comes late; the kernel counts processor time that others
took (`steal` of proc(5)); a little fixed work takes far more processor time than it did at best.
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
SLOWER = 2.5
"""Times the processor time that the work takes at best; a busy neighbour on the same core costs less."""
WORK = range(2_000)


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


def work_s() -> float:
    """Processor time of a little work."""
    began = time.thread_time()
    sum(WORK)
    return time.thread_time() - began


def main() -> None:
    """Tick for ever."""
    last = looked = time.monotonic()
    counted, best, works = processors(), work_s(), list[float]()
    while True:
        time.sleep(TICK_S)
        now = time.monotonic()
        if now - last > LATE_S:
            print(last, now, flush=True)
        last = now
        works.append(work_s())
        if now - looked < LOOK_EVERY_S:
            continue
        best, mean = min(best, *works), sum(works) / len(works)
        was, counted = counted, processors()
        if is_stolen(was, counted) or mean > SLOWER * best:
            print(looked, now, flush=True)
        looked, works = now, []


if __name__ == "__main__":
    main()
