"""One day of a town's switchboard, simulated many times: who is served, by whom, and after what wait.

Calls come at random at the day's own pace. Without the bot they queue for the operators; with it, some are
served at once, the others go to a service or to the operators, are offered to be called back when the wait is
long, and a message when nobody answers. Operators also serve people at the counter, who come first.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist, fmean, stdev
from typing import TYPE_CHECKING, Any

from callbot.dialogue.reach import LONG_WAIT_S
from callbot.errors import ReportError

if TYPE_CHECKING:
    from simpy import Environment
    from simpy.resources.resource import PriorityRequest, PriorityResource

HALF_HOUR_S = 1800
CLOSED, COUNTER, CALLER, CALL_BACK = range(4)
"""Whom an operator serves first."""
FATES = ("contained", "human", "message", "lost")
MORNING = {510: 24, 540: 40, 570: 44, 600: 44, 630: 40, 660: 34, 690: 24}
AFTERNOON = {810: 18, 840: 26, 870: 26, 900: 24, 930: 22, 960: 18, 990: 16}
PROFILE: dict[int, float] = {**MORNING, **AFTERNOON}
"""Weights of half-hours (by the minute of the day they begin at): a town hall's, busiest before noon."""
STAFFED = ((510, 720), (810, 1020))
"""Minutes of the day between which operators are there: 8:30 to 12:00, 13:30 to 17:00."""
MOST_CALLS, MOST_OPERATORS, MOST_DAYS = 20_000, 200, 1_000


@dataclass(frozen=True, slots=True)
class Bot:
    """What the bot makes of calls: shares of all, unless said otherwise."""

    contained: float = 0.50
    hung_up: float = 0.05
    """Gone while they talk to the bot, unserved."""
    message: float = 0.0
    """Messages and call-backs taken without a transfer."""
    seconds: float = 60
    """With the bot, on average."""
    to_services: float = 0.70
    """Of the calls handed over: to a service's own telephones, not to the operators."""
    services_answer: float = 0.75
    """Of those."""
    leaves_message: float = 0.60
    """Of those whom nobody answers, and who are still there."""
    takes_call_back: float = 0.50
    """Of those who are told of a long wait."""
    longest_wait_s: float = 180
    """In the queue; then a message is offered. As the dialplan has it."""
    talk_factor: float = 1.5
    """What is left to operators takes longer."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day's calls and the people who answer."""

    calls: float = 400
    """First calls a day, on average."""
    operators: int = 2
    talk_s: float = 240
    after_s: float = 60
    """Notes after a call."""
    patience_s: float = 120
    """Mean of what callers bear to wait (exponential)."""
    counter_share: float = 0.57
    """Of the operators' time: people at the counter, mail..."""
    visit_s: float = 300
    retries: float = 0.0
    """Of callers who got nobody: those who call again."""
    retry_after_s: float = 600
    profile: tuple[tuple[int, float], ...] = tuple(PROFILE.items())
    staffed: tuple[tuple[int, int], ...] = STAFFED

    def __post_init__(self) -> None:
        shares = (self.counter_share, self.retries)
        if not (0 < self.calls <= MOST_CALLS and 0 < self.operators <= MOST_OPERATORS):
            raise ReportError(f"1 to {MOST_CALLS} calls a day and 1 to {MOST_OPERATORS} operators")
        lasting = 0 < self.talk_s < math.inf and self.patience_s >= 0  # nan is neither
        if not (lasting and all(0 <= share < 1 for share in shares)):
            raise ReportError("shares lie between 0 and 1, durations are positive")
        paces = [weight for _, weight in self.profile]
        if not all(0 <= weight < math.inf for weight in paces) or not 0 < sum(paces) < math.inf:
            raise ReportError("the day profile holds no call")

    @property
    def _weight(self) -> float:
        return sum(weight for _, weight in self.profile)

    def expected(self) -> list[tuple[int, float]]:
        """Calls of each half-hour, on average: (minute it begins at, calls)."""
        return [(minute, self.calls * weight / self._weight) for minute, weight in self.profile]


@dataclass(slots=True)
class Lived:
    """What happened in one simulated day."""

    calls: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    by_half_hour: Counter[tuple[int, str]] = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)
    """In the operators' queue, of those they answered."""
    queued: int = 0
    waited_s: float = 0.0
    """In that queue, of everybody."""
    delayed: int = 0
    """Who did not get an operator at once."""
    answered: int = 0
    """By operators."""
    talked_s: float = 0.0
    staffed_s: float = 0.0
    """Operators' time in all."""
    undone: int = 0
    """Call-backs and messages left for the next day."""


def live(day: Day, bot: Bot | None, seed: int, count: tuple[float, float] = (0.0, math.inf)) -> Lived:
    """Simulate one day.

    Args:
        bot: None: calls go straight to the operators.
        count: seconds of the day between which a call must come to be counted (to let the line fill first).
    """
    import simpy

    chance, env, lived = random.Random(seed), simpy.Environment(), Lived()
    desk = simpy.PriorityResource(env, day.operators)
    shift = _Shift(day, bot, seed, chance, env, desk, lived, count)
    for minute, calls in day.expected():
        env.process(shift.arrivals(minute * 60, HALF_HOUR_S, calls, lambda: env.process(shift.call())))
    visits = day.counter_share * day.operators / day.visit_s
    for begin, end in day.staffed:
        lived.staffed_s += (end - begin) * 60 * day.operators
        length = (end - begin) * 60
        env.process(shift.arrivals(begin * 60, length, visits * length, lambda: env.process(shift.visit())))
    for begin, end in _absences(day.staffed):
        for _ in range(day.operators):
            env.process(shift.absence(begin * 60, (end - begin) * 60))
    env.run(until=48 * 3600)
    lived.undone += shift.open_call_backs
    return lived


@dataclass(slots=True)
class _Shift:
    day: Day
    bot: Bot | None
    seed: int
    chance: random.Random
    env: Environment
    desk: PriorityResource
    lived: Lived
    count: tuple[float, float]
    waiting: int = 0
    open_call_backs: int = 0

    def arrivals(
        self, begin_s: float, length_s: float, expected: float, arrive: Callable[[], object]
    ) -> Generator[Any, Any, None]:
        """A Poisson stream: gaps are exponential. The same seed brings the same, whatever becomes of them."""
        chance = random.Random(f"{self.seed} {begin_s} {length_s}")
        yield self.env.timeout(begin_s)
        end_s = begin_s + length_s
        while expected:
            gap = chance.expovariate(expected / length_s)
            if self.env.now + gap >= end_s:
                return
            yield self.env.timeout(gap)
            arrive()

    def absence(self, begin_s: float, length_s: float) -> Generator[Any, Any, None]:
        """An operator leaves when whoever they talk to has done, and comes back in time."""
        yield self.env.timeout(begin_s)
        with self.desk.request(CLOSED) as gone:
            yield gone
            yield self.env.timeout(max(0.0, begin_s + length_s - self.env.now))

    def visit(self) -> Generator[Any, Any, None]:
        """Somebody at the counter."""
        with self.desk.request(COUNTER) as turn:
            yield turn
            if self._staffed():
                yield self.env.timeout(self._lasts(self.day.visit_s))

    def call(self) -> Generator[Any, Any, None]:
        """One caller, from the first ring to their fate."""
        came = self.env.now
        if self.bot is None:
            fate = yield from self._queue(math.inf, 1.0)
        else:
            fate = yield from self._with_bot(self.bot)
        if self.count[0] <= came < self.count[1]:
            self.lived.calls += 1
            self.lived.fates[fate] += 1
            self.lived.by_half_hour[int(came // HALF_HOUR_S) * 30, fate] += 1
        if fate == "lost" and self.chance.random() < self.day.retries:
            yield self.env.timeout(self._lasts(self.day.retry_after_s))
            self.env.process(self.call())

    def _with_bot(self, bot: Bot) -> Generator[Any, Any, str]:
        yield self.env.timeout(self._lasts(bot.seconds))
        drawn = self.chance.random()
        for share, fate in ((bot.contained, "contained"), (bot.hung_up, "lost"), (bot.message, "message")):
            if drawn < share:
                return fate
            drawn -= share
        if self.chance.random() < bot.to_services:
            if self._staffed() and self.chance.random() < bot.services_answer:
                return "human"
            return self._message(bot)
        if not self._staffed():
            return self._message(bot)
        if self._foreseen_s(bot) >= LONG_WAIT_S and self.chance.random() < bot.takes_call_back:
            self._call_back()
            return "message"
        fate = yield from self._queue(bot.longest_wait_s, bot.talk_factor)
        return self._message(bot) if fate == "unanswered" else fate

    def _queue(self, limit_s: float, talk_factor: float) -> Generator[Any, Any, str]:
        if not self._staffed():
            return "lost"
        day, began = self.day, self.env.now
        counted = self.count[0] <= began < self.count[1]
        patience_s = self._lasts(day.patience_s)
        request: PriorityRequest = self.desk.request(CALLER)
        with request as turn:
            self.waiting += 1
            if turn.triggered:
                got = True
            else:
                self.lived.delayed += counted
                yield turn | self.env.timeout(min(patience_s, limit_s, 86_400.0))
                got = turn.triggered
            self.waiting -= 1
            waited_s = self.env.now - began
            self.lived.queued += counted
            self.lived.waited_s += waited_s * counted
            if not got:
                return "unanswered" if limit_s <= patience_s else "lost"
            if counted:
                self.lived.waits_s.append(waited_s)
            self.lived.answered += counted
            yield from self._talk((day.talk_s * talk_factor, day.after_s))
        return "human"

    def _message(self, bot: Bot) -> str:
        if self.chance.random() >= bot.leaves_message:
            return "lost"
        self._call_back()
        return "message"

    def _call_back(self) -> None:
        self.open_call_backs += 1
        self.env.process(self._called_back())

    def _called_back(self) -> Generator[Any, Any, None]:
        """An operator calls back when nobody waits; those the day is too short for are left over."""
        with self.desk.request(CALL_BACK) as turn:
            yield turn
            if not self._staffed():
                return
            self.open_call_backs -= 1
            yield from self._talk((self.day.talk_s, self.day.after_s))

    def _talk(self, means_s: tuple[float, float]) -> Generator[Any, Any, None]:
        length_s = self._lasts(means_s[0]) + (self._lasts(means_s[1]) if means_s[1] else 0.0)
        if self.count[0] <= self.env.now < self.count[1]:
            self.lived.talked_s += length_s
        yield self.env.timeout(length_s)

    def _foreseen_s(self, bot: Bot) -> float:
        """Until an operator would answer, as the switchboard tells, which knows nothing of the counter."""
        if self.desk.count < self.day.operators:
            return 0.0
        one_s = self.day.talk_s * bot.talk_factor
        return (self.waiting + 1) * one_s / self.day.operators

    def _staffed(self) -> bool:
        minute = self.env.now / 60
        return any(begin <= minute < end for begin, end in self.day.staffed)

    def _lasts(self, mean_s: float) -> float:
        return self.chance.expovariate(1 / mean_s) if 0 < mean_s < math.inf else mean_s


def _absences(staffed: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """When no operator is there, in minutes, to the end of the next day."""
    edges = [0, *(edge for span in sorted(staffed) for edge in span), 48 * 60]
    return [(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True) if end > begin]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over the simulated days with its 95 % confidence interval."""

    mean: float
    half: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        """Student's interval of independent values."""
        n = len(values)
        return cls(fmean(values), student(n - 1) * stdev(values) / math.sqrt(n) if n > 1 else math.inf)


def student(freedom: int) -> float:
    """97.5 % quantile of Student's t, from the normal one (Abramowitz & Stegun 26.7.5); exact for 1 and 2."""
    if freedom < 3:
        return {1: 12.7062, 2: 4.3027}.get(freedom, math.inf)
    z = NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + first / freedom + second / freedom**2 + third / freedom**3 + fourth / freedom**4


@dataclass(frozen=True, slots=True)
class Result:
    """Many simulated days together."""

    days: int
    figures: dict[str, Estimate]
    by_half_hour: dict[tuple[int, str], float]
    """Calls a day by (minute the half-hour begins at, fate)."""


def simulate(day: Day, bot: Bot | None, days: int = 100, seed: int = 1) -> Result:
    """Live this many independent days.

    Raises:
        ReportError: less than two days, or too many.
    """
    if not 2 <= days <= MOST_DAYS:
        raise ReportError(f"simulate 2 to {MOST_DAYS} days")
    lived = [live(day, bot, seed * 1_000_003 + number) for number in range(days)]
    by_half_hour: Counter[tuple[int, str]] = Counter()
    for one in lived:
        by_half_hour.update(one.by_half_hour)
    measures: dict[str, Callable[[Lived], float]] = {
        "calls": lambda one: one.calls,
        **{fate: lambda one, fate=fate: one.fates[fate] for fate in FATES},  # type: ignore[misc]
        "answered": lambda one: one.answered,
        "non_response": lambda one: one.fates["lost"] / max(1, one.calls),
        "wait_s": lambda one: fmean(one.waits_s or [0.0]),
        "wait_p90_s": lambda one: _p90(one.waits_s),
        "load": lambda one: one.talked_s / one.staffed_s,
        "undone": lambda one: one.undone,
    }
    figures = {name: Estimate.of([measure(one) for one in lived]) for name, measure in measures.items()}
    return Result(days, figures, {key: times / days for key, times in by_half_hour.items()})


def _p90(waits_s: Sequence[float]) -> float:
    ordered = sorted(waits_s)
    return ordered[math.ceil(0.9 * len(ordered)) - 1] if ordered else 0.0
