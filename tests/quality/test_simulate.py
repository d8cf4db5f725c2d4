"""The day simulator against Erlang's formulas, the published « before », and common sense."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from callbot.errors import ReportError
from callbot.journal.tally import Cell, Tally
from callbot.quality.erlang import Queueing, erlang_a, erlang_b, erlang_c
from callbot.quality.figures import over
from callbot.quality.measured import LEAST_CALLS, measured, read_profile
from callbot.quality.periods import Period
from callbot.quality.simulate import FATES, Bot, Day, Estimate, Lived, live, simulate, student
from tests.quality.test_figures import MONDAY, PARIS, nine

ROUND_THE_CLOCK = Day(
    calls=24 * 60,
    talk_s=150,
    after_s=0,
    counter_share=0,
    profile=tuple((minute, 1.0) for minute in range(0, 24 * 60, 30)),
    staffed=((0, 24 * 60),),
)
"""A call a minute, 2.5 erlangs, all day: after two hours the line has forgotten that it began empty."""
STEADY = (2 * 3600.0, 23 * 3600.0)
DAYS = 12


def steady(day: Day) -> list[Lived]:
    return [live(day, None, seed, STEADY) for seed in range(DAYS)]


def agrees(estimate: Estimate, expected: float) -> bool:
    """In the 99.9 % interval, twice the 95 % one with so few days; the seeds are fixed."""
    return abs(estimate.mean - expected) <= 2 * estimate.half


def check(lived: list[Lived], expected: Queueing, operators: int) -> None:
    waits = Estimate.of([one.delayed / one.queued for one in lived])
    abandons = Estimate.of([1 - one.answered / one.queued for one in lived])
    mean_wait = Estimate.of([one.waited_s / one.queued for one in lived])
    busy = Estimate.of([one.talked_s / (STEADY[1] - STEADY[0]) / operators for one in lived])
    assert agrees(waits, expected.waits), (waits, expected)
    assert agrees(abandons, expected.abandons), (abandons, expected)
    assert agrees(mean_wait, expected.mean_wait), (mean_wait, expected)
    assert agrees(busy, expected.busy), (busy, expected)
    # The intervals are narrow enough for a wrong formula to be told.
    assert mean_wait.half < 0.25 * expected.mean_wait + 0.5 and waits.half < 0.05


@pytest.mark.parametrize("operators", [4, 5])
def test_endless_patience_is_erlang_c(operators: int) -> None:
    lived = steady(replace(ROUND_THE_CLOCK, operators=operators, patience_s=math.inf))
    check(lived, erlang_c(1 / 60, 1 / 150, operators), operators)


@pytest.mark.parametrize(("operators", "patience_s"), [(2, 120), (3, 60), (4, 300)])
def test_finite_patience_is_erlang_a(operators: int, patience_s: float) -> None:
    lived = steady(replace(ROUND_THE_CLOCK, operators=operators, patience_s=patience_s))
    check(lived, erlang_a(1 / 60, 1 / 150, 1 / patience_s, operators), operators)


def test_no_patience_is_erlang_b() -> None:
    lived = steady(replace(ROUND_THE_CLOCK, operators=3, patience_s=0))
    lost = Estimate.of([1 - one.answered / one.queued for one in lived])
    assert agrees(lost, erlang_b(2.5, 3)) and lost.half < 0.02


def test_before_the_bot_it_is_as_published() -> None:
    """Plaisir: some 70 of 400 calls a day were answered."""
    before = simulate(Day(), None).figures
    assert before["calls"].mean == pytest.approx(400, abs=10)
    assert before["human"].mean == pytest.approx(70, abs=3) and before["human"].half < 3
    assert before["contained"].mean == before["message"].mean == 0


def test_with_the_bot_fewer_are_lost() -> None:
    """Published after: half resolved by the bot, 8 to 15 % without an answer."""
    before, after = simulate(Day(), None, days=20), simulate(Day(), Bot(), days=20)
    assert after.figures["calls"].mean == before.figures["calls"].mean, "the same calls come"
    assert after.figures["contained"].mean == pytest.approx(200, abs=12)
    assert 0.08 <= after.figures["non_response"].mean <= 0.17
    assert after.figures["wait_s"].mean < before.figures["wait_s"].mean


def test_every_call_has_one_fate_and_one_half_hour() -> None:
    for bot in (None, Bot()):
        lived = live(Day(), bot, 5)
        assert sum(lived.fates[fate] for fate in FATES) == lived.calls == lived.by_half_hour.total()
        assert {minute for minute, _ in lived.by_half_hour} <= {minute for minute, _ in Day().profile}


def test_one_seed_is_one_day() -> None:
    assert live(Day(), Bot(), 3) == live(Day(), Bot(), 3) != live(Day(), Bot(), 4)


def test_nobody_answers_when_nobody_is_there() -> None:
    noon = Day(profile=((12 * 60, 1.0),))
    assert live(noon, None, 1).fates["lost"] == live(noon, None, 1).calls > 300
    with_bot = live(noon, Bot(), 1)
    assert with_bot.answered == 0 and with_bot.fates["human"] == 0 and with_bot.fates["message"] > 0


def test_who_calls_again_makes_more_calls() -> None:
    once, again = (simulate(Day(retries=share), None, days=5).figures for share in (0.0, 0.5))
    assert again["calls"].mean > 1.3 * once["calls"].mean
    assert again["human"].mean < 1.3 * once["human"].mean, "there are no more operators for it"


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            {"calls": 0},
            {"operators": 0},
            {"calls": 1e9},
            {"counter_share": 1},
            {"profile": ()},
            {"talk_s": 0},
        ),
        *(
            {"talk_s": math.nan},
            {"talk_s": math.inf},
            {"patience_s": math.nan},
            {"profile": ((510, math.nan),)},
        ),
    ],
)
def test_a_senseless_day_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ReportError):
        Day(**wrong)  # type: ignore[arg-type]


def test_days_are_bounded() -> None:
    for days in (1, 100_000):
        with pytest.raises(ReportError):
            simulate(Day(), None, days=days)


def test_students_quantiles() -> None:
    """Published table, 97.5 %."""
    published = {1: 12.706, 2: 4.303, 3: 3.182, 5: 2.571, 10: 2.228, 29: 2.045, 120: 1.980}
    assert {freedom: student(freedom) for freedom in published} == pytest.approx(published, rel=3e-3)


def journal(calls: int) -> list[Cell]:
    """So many calls in one half-hour: 6 in 10 served, 1 gone, 3 handed over, of which 2 answered."""
    part = calls // 10
    tally = Tally()
    tally.counts.update(calls=calls, contained=6 * part, lost=2 * part, human=2 * part)
    tally.counts.update(
        transfers=3 * part, transfers_answered=2 * part, transfers_abandoned=part, desk=3 * part
    )
    for _ in range(2 * part):
        tally.measure("wait", 30_000)
        tally.measure("talk", 100_000)
    for _ in range(part):
        tally.measure("gone", 60_000)
    for _ in range(calls):
        tally.measure("bot", 45_000)
    return [Cell("Rivemont", nine(MONDAY), tally)]


def test_the_journal_replaces_assumptions_when_it_holds_enough() -> None:
    period = Period(MONDAY, MONDAY)
    basis = measured(journal(1000), period, PARIS)
    assert (basis.bot.contained, basis.bot.hung_up, basis.bot.to_services) == pytest.approx((0.6, 0.1, 0))
    assert (basis.bot.seconds, basis.day.talk_s) == (45, 100)
    assert basis.day.patience_s == 120, "(200 * 30 + 100 * 60) seconds of waiting, 100 gave up"
    assert basis.day.profile == ((540, 1000.0),)
    assert basis.origins["contained"] == "1000 appels" and "counter_share" not in basis.origins
    assert basis.day.calls == 400 and "calls" not in basis.origins, "one day is no mean"
    few = measured(journal(LEAST_CALLS - 10), period, PARIS)
    assert (few.day, few.bot, few.origins) == (Day(), Bot(), {})
    assert over(journal(1000)[0].tally) == 1000


def test_a_weekends_few_calls_make_no_mean() -> None:
    days = [
        replace(one, starts_at=nine(MONDAY) + timedelta(days=day))
        for day in range(14)
        for one in journal(100)
    ]
    quiet = [
        replace(cell, tally=journal(10)[0].tally) if index % 7 > 4 else cell
        for index, cell in enumerate(days)
    ]
    basis = measured(quiet, Period(MONDAY, MONDAY + timedelta(days=13)), PARIS)
    assert (basis.day.calls, basis.origins["calls"]) == (100, "10 jours")
    assert basis.day.profile == ((540, 1000.0),)


def test_a_day_profile_is_read(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("\ufeffheure;appels\n8:30;24\n9h;12,5\n")
    assert read_profile(file) == ((510, 24.0), (540, 12.5))
    for wrong in ("8:15;3\n", "8:30\n", "x;y\n", "25:00;3\n"):
        file.write_text(wrong)
        with pytest.raises(ReportError, match="8:30;24"):
            read_profile(file)
    with pytest.raises(ReportError, match="can't read"):
        read_profile(tmp_path / "none.csv")


def test_by_command(tmp_path: Path) -> None:
    """A table, a picture, the figures; what the journal lacks is said to be assumed."""
    out, figures = tmp_path / "day.png", tmp_path / "day.json"
    command = [sys.executable, "-m", "callbot", "simulate", "--days", "3", "--calls", "50", "--out", str(out)]
    environment = {"CALLBOT_STATE_DIR": str(tmp_path / "state"), "PATH": "/usr/bin:/bin", "COLUMNS": "160"}
    run = partial(subprocess.run, env=environment, capture_output=True, text=True, timeout=120)
    done = run([*command, "--json", str(figures)])
    assert done.returncode == 0, done.stderr
    assert "Sans le robot" in done.stdout and "Avec le robot" in done.stdout and "hypothèse" in done.stdout
    assert out.read_bytes().startswith(b"\x89PNG")
    told = json.loads(figures.read_text(encoding="utf-8"))
    assert told["day"]["calls"] == 50 and told["origins"] == {"calls": "donné"}
    non_response = told["results"]["Avec le robot"]["figures"]["non_response"]
    assert non_response["low"] < non_response["mean"] < non_response["high"]
    refused = run([*command, "--operators", "0"])
    assert refused.returncode == 1 and len(refused.stderr.splitlines()) == 1, refused.stderr
