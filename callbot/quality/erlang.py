"""Formulas of waiting lines with one queue and n operators: what a simulation is checked against. Pure.

Calls come at random (Poisson), `rate` a unit of time; talking lasts `1 / service` on average (exponential);
who waits has patience for `1 / abandonment` on average (exponential). The load in erlangs is
`rate / service`.

Sources: A. K. Erlang 1917 (B and C); C. Palm 1957 and O. Garnett, A. Mandelbaum, M. Reiman, « Designing a
call center with impatient customers », M&SOM 4(3), 2002 (A).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

NEGLIGIBLE = 1e-14
"""Share of time below which a state of the queue no longer counts."""
HUGE = 1e200
"""Where the states' weights are scaled down, before they overflow."""


@dataclass(frozen=True, slots=True)
class Queueing:
    """A waiting line in the long run; times in the unit of the rates."""

    waits: float
    """Share of callers who do not get an operator at once."""
    abandons: float
    """Share of callers who hang up before they get one."""
    mean_wait: float
    """Of all callers, those who hang up included."""
    busy: float
    """Share of their time that operators talk."""


def erlang_b(load: float, operators: int) -> float:
    """Share of calls lost where nobody can wait.

    Args:
        load: erlangs.

    Raises:
        ValueError: a negative load or number of operators.
    """
    if load < 0 or operators < 0:
        raise ValueError("load and operators can't be negative")
    lost = 1.0
    for n in range(1, operators + 1):  # the recursion never overflows, unlike the sum of powers
        lost = load * lost / (n + load * lost)
    return lost


def erlang_c(rate: float, service: float, operators: int) -> Queueing:
    """Callers of endless patience; the line grows without end when the load reaches the operators.

    Raises:
        ValueError: rates that are not positive, or no operator.
    """
    load = _load(rate, service, operators)
    if load >= operators:
        return Queueing(1.0, 0.0, math.inf, 1.0)
    lost = erlang_b(load, operators)
    waits = lost / (1 - load / operators * (1 - lost))
    return Queueing(waits, 0.0, waits / (operators * service - rate), load / operators)


def erlang_a(rate: float, service: float, abandonment: float, operators: int) -> Queueing:
    """Callers of finite patience: no load is too great, some hang up.

    The line is a birth-and-death chain: k calls in it leave at
    min(k, n) * service + max(0, k - n) * abandonment.

    Raises:
        ValueError: rates that are not positive, or no operator.
    """
    load = _load(rate, service, operators)
    if abandonment <= 0:
        raise ValueError("abandonment must be positive (endless patience: erlang_c)")
    # Relative to the state in which all operators are busy and nobody waits.
    below, busy_below, share = 0.0, 0.0, 1.0
    for k in range(operators, 0, -1):
        share *= k / load
        below, busy_below = below + share, busy_below + share * (k - 1)
    full, waiting, share, k = 1.0, 0.0, 1.0, operators
    while True:
        k += 1
        shrinks = rate / (operators * service + (k - operators) * abandonment)
        share *= shrinks
        full, waiting = full + share, waiting + share * (k - operators)
        if share > HUGE:
            below, busy_below, full = below / HUGE, busy_below / HUGE, full / HUGE
            waiting, share = waiting / HUGE, share / HUGE
        if shrinks < 1 and share * (k - operators) < NEGLIGIBLE * (full + waiting):
            break
    total = below + full
    waiting, talking = waiting / total, (busy_below + operators * full) / total
    return Queueing(full / total, abandonment * waiting / rate, waiting / rate, talking / operators)


def _load(rate: float, service: float, operators: int) -> float:
    if rate <= 0 or service <= 0 or operators < 1:
        raise ValueError("rates must be positive, and there must be an operator")
    return rate / service
