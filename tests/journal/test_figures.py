"""Figures from calls, kept when the calls are gone: a tiny journal, every figure reckoned by hand."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import delete, func, select, update

from callbot.journal.counting import OUTCOMES
from callbot.journal.database import Database
from callbot.journal.figures import Figures
from callbot.journal.models import Call, DayFigures
from callbot.journal.tally import Cell, Tally, bucket, limits
from callbot.quality.periods import total
from tests.journal.ledger import Ledger

BIRTH, POOL, BACK = "etat_civil_acte_naissance_copie", "piscine_horaires", "conversation_etre_rappele"
MONDAY = date(2026, 11, 16)
NINE = datetime(2026, 11, 16, 8, 0)
"""Nine o'clock in Paris, as the journal tells it."""
LATER = datetime(2026, 11, 20, 12, 0)


def fill(database: Database) -> dict[str, int]:
    """One call of each fate, from nine o'clock on, one every two minutes but the last."""
    ledger, at = Ledger(database), iter(NINE + timedelta(minutes=2) * number for number in range(20))
    ids: dict[str, int] = {}
    ids["contained"] = ledger.call(
        next(at), ("speech", f"answer:{POOL}", POOL), ("speech", "goodbye"), lasts_s=30
    )
    ids["registered"] = ledger.call(next(at), ("speech", "askslot:x:address", "x"), ("speech", "register:x"))
    ledger.request(ids["registered"], NINE, "request", "x", texts=1)
    ids["human"] = ledger.call(
        next(at),
        ("speech", "transfer:etat_civil:service", BIRTH),
        result="TRANSFER",
        reason="service",
        lasts_s=20,
    )
    ledger.transfer(ids["human"], NINE, "ended", wait_s=40, talk_s=120, intent=BIRTH)
    ids["message"] = moment = ledger.call(
        next(at), ("silence", "transfer:accueil:no_input"), result="TRANSFER"
    )
    ledger.transfer(moment, NINE, "unanswered", wait_s=180)
    begun = NINE + timedelta(minutes=10)
    back = ledger.call(begun, ("speech", "messagetaken"), linkedid=_linkedid(database, moment))
    ledger.request(back, begun, "message", "")
    ids["call_back"] = ledger.call(next(at), ("speech", f"register:{BACK}", BACK))
    ledger.request(ids["call_back"], NINE, "request", BACK)
    ids["served_lost"] = ledger.call(
        next(at),
        ("speech", f"answer:{POOL}+sendtext:{POOL}", POOL),
        ("key", "transfer:accueil:asked"),
        result="TRANSFER",
    )
    ledger.transfer(ids["served_lost"], NINE, "abandoned", wait_s=60)
    ids["lost_in_queue"] = ledger.call(next(at), ("speech", "transfer:accueil:asked"), result="TRANSFER")
    ledger.transfer(ids["lost_in_queue"], NINE, "abandoned", wait_s=20)
    ids["lost_with_bot"] = ledger.call(next(at), ("silence", "ask:silence"), reason="hung_up", lasts_s=10)
    ids["grumbled"] = ledger.call(
        next(at), ("speech", f"answer:{POOL}", POOL), ("speech", "ask:sorry"), reason="hung_up"
    )
    ids["off_topic"] = ledger.call(next(at), ("speech", "goodbye", "hors_sujet"))
    ids["unknown"] = ledger.call(next(at), ("speech", "transfer:accueil:asked"), result="TRANSFER")
    ledger.transfer(ids["unknown"], NINE, "announced")
    ids["failed"] = ledger.call(next(at), result=None, lasts_s=None)
    ledger.call(next(at), ("speech", f"answer:{POOL}", POOL), linkedid="text-0123")
    ids["ongoing"] = ledger.call(LATER - timedelta(minutes=5), lasts_s=None, result=None)
    return ids


def _linkedid(database: Database, id: int) -> str:
    return str(database.read(lambda session: session.scalar(select(Call.linkedid).where(Call.id == id))))


def figures(database: Database, clock: datetime = LATER) -> Figures:
    return Figures(database, clock=lambda: clock)


def as_told(cells: list[Cell]) -> list[tuple[str, datetime, dict[str, object]]]:
    return [(cell.town, cell.starts_at, cell.tally.as_json()) for cell in cells]


def test_what_became_of_each_call(database: Database) -> None:
    fill(database)
    counted = total(figures(database).cells(MONDAY, LATER.date()))
    assert {name: counted[name] for name in OUTCOMES} == {
        **{"contained": 2, "human": 1, "message": 2, "served_lost": 1, "lost": 5, "unknown": 1, "ongoing": 1}
    }
    assert counted["calls"] == sum(counted[name] for name in OUTCOMES) == 13 and counted["chats"] == 1
    assert (counted["bot_lost"], counted["failed"]) == (2, 1), "the one in silence and the one not pleased"
    assert counted["transfers"] == 5 and counted["transfers_answered"] == 1
    assert (counted["transfers_abandoned"], counted["transfers_unanswered"]) == (2, 1)
    assert (counted["requests"], counted["messages"], counted["call_backs"], counted["sms"]) == (1, 1, 1, 2)
    assert counted.intents == {POOL: 3, "x": 1, BIRTH: 1}


def test_turns_and_durations(database: Database) -> None:
    fill(database)
    counted = total(figures(database).cells(MONDAY, MONDAY))
    assert (counted["turns"], counted["silent"]) == (16, 2)
    assert (counted["understood"], counted["off_topic"]) == (7, 1)
    assert counted.mean("wait") == 40_000 and counted.mean("talk") == 120_000
    assert counted.mean("gone") == 40_000 and counted.mean("in_vain") == 180_000
    assert counted.mean("felt") == 840, "500 + 40 + 300"
    assert counted.mean("greet") == 200 and counted.times("greet") == 12
    # 30, 60, 20, 60 and 60 again of the one that came back, 60, 60, 60, 10, 60, 60, 60
    assert counted.sums["bot"] == 600_000 and counted.times("bot") == 11


def test_half_hours_and_towns(database: Database) -> None:
    ledger = Ledger(database)
    ledger.call(NINE + timedelta(minutes=29, seconds=59), ("speech", f"answer:{POOL}"))
    ledger.call(NINE + timedelta(minutes=30), ("speech", f"answer:{POOL}"))
    ledger.call(NINE, ("speech", f"answer:{POOL}"), town="Petit-Rivemont")
    asked = figures(database)
    cells = asked.cells(MONDAY, MONDAY, "Rivemont")
    assert [(cell.starts_at, cell.tally["calls"]) for cell in cells] == [
        (NINE, 1),
        (NINE + timedelta(minutes=30), 1),
    ]
    assert asked.towns() == ["Petit-Rivemont", "Rivemont"]
    assert total(asked.cells(MONDAY, MONDAY))["calls"] == 3
    assert asked.cells(MONDAY + timedelta(days=1), MONDAY + timedelta(days=9)) == []


def test_a_day_ends_at_midnight_in_paris(database: Database) -> None:
    """In summer two hours, in winter one hour before midnight UTC; the day clocks go back has 25 hours."""
    ledger = Ledger(database)
    for moment in (
        datetime(2026, 10, 24, 21, 59),  # Saturday, 23:59
        datetime(2026, 10, 24, 22, 0),  # Sunday begins
        datetime(2026, 10, 25, 22, 59),  # Sunday, 23:59, 25 hours later
        datetime(2026, 10, 25, 23, 0),  # Monday
    ):
        ledger.call(moment, ("speech", f"answer:{POOL}"))
    sunday = date(2026, 10, 25)
    assert total(figures(database).cells(sunday, sunday))["calls"] == 2
    figures(database).roll_up()
    assert total(figures(database).cells(sunday, sunday))["calls"] == 2


def test_rolled_up_figures_are_the_same_before_and_after_the_purge(database: Database) -> None:
    ids = fill(database)
    Ledger(database).review(ids["contained"], POOL, POOL)
    asked = figures(database)
    before = total(asked.cells(MONDAY, LATER.date()))
    assert asked.roll_up() == 1, "the day of the calls; today is not over"
    assert total(asked.cells(MONDAY, LATER.date())).as_json() == before.as_json()
    assert asked.roll_up() == 0, "nothing is new"
    database.write_now(
        lambda session: session.execute(delete(Call).where(Call.started_at < LATER - timedelta(hours=9)))
    )
    assert asked.roll_up() == 0
    assert total(asked.cells(MONDAY, LATER.date())).as_json() == before.as_json()


def test_calls_made_anonymous_are_not_counted_anew(database: Database) -> None:
    """Without its linkedid a call that came back looks like two, and a written conversation like a call."""
    fill(database)
    asked = figures(database)
    asked.roll_up()
    before = total(asked.cells(MONDAY, MONDAY)).as_json()
    nameless = update(Call).where(Call.started_at < LATER - timedelta(days=1)).values(linkedid="", once=None)
    database.write_now(lambda session: session.execute(nameless))
    assert asked.roll_up() == 0 and total(asked.cells(MONDAY, MONDAY)).as_json() == before


def test_kept_figures_tell_nothing_of_one_call(database: Database) -> None:
    """What calls were about is kept by day; durations in whole seconds; no number, word or id."""
    fill(database)
    figures(database).roll_up()
    rows = database.read(
        lambda session: list(session.scalars(select(DayFigures).order_by(DayFigures.starts_at)))
    )
    midnight = datetime(2026, 11, 15, 23, 0)
    assert [row.starts_at for row in rows] == [midnight, NINE]
    assert rows[0].counts["counts"] == {} and rows[0].counts["intents"] == {POOL: 3, "x": 1, BIRTH: 1}
    assert rows[1].counts["intents"] == {}
    assert set(rows[1].counts) == {"version", "counts", "sums", "histograms", "intents"}
    assert all(rows[1].counts["sums"][name] % 1000 == 0 for name in ("bot", "talk", "wait", "gone"))


def test_what_comes_late_is_counted_what_is_erased_stays_counted(database: Database) -> None:
    ids = fill(database)
    asked = figures(database)
    asked.roll_up()
    # From the spool of a server that was cut off:
    Ledger(database).call(NINE, ("speech", f"answer:{POOL}"), linkedid="late")
    assert asked.roll_up() == 1
    assert total(asked.cells(MONDAY, MONDAY))["calls"] == 13
    database.write_now(lambda session: session.execute(delete(Call).where(Call.id == ids["human"])))
    assert asked.roll_up() == 0
    assert total(asked.cells(MONDAY, MONDAY))["calls"] == 13


def test_reviews_count_whenever_they_are_made(database: Database) -> None:
    ids = fill(database)
    ledger, asked = Ledger(database), figures(database)
    asked.roll_up()
    ledger.review(ids["contained"], POOL, POOL)
    ledger.review(ids["registered"], "x", "y")
    ledger.review(ids["human"], BIRTH, "other", kind="unsure")

    def seen() -> tuple[int, int]:
        counted = total(asked.cells(MONDAY, MONDAY))
        return counted["right"], counted["reviewed"]

    assert seen() == (1, 2), "the doubtful one is no honest sample"
    assert asked.roll_up() == 1
    ledger.review(ids["registered"], "x", "x", account="claire")
    assert seen() == (2, 2), "the newest review of a turn counts, and counts once"
    assert asked.roll_up() == 1 and seen() == (2, 2)
    database.write_now(lambda session: session.execute(delete(Call).where(Call.started_at < LATER)))
    assert seen() == (2, 2)


def test_a_call_across_midnight_is_one_call(database: Database) -> None:
    ledger, at = Ledger(database), datetime(2026, 11, 16, 22, 59)
    first = ledger.call(at, ("silence", "transfer:accueil:no_input"), result="TRANSFER", linkedid="17.1")
    ledger.transfer(first, at, "unanswered", wait_s=180)
    back = ledger.call(at + timedelta(minutes=4), ("speech", "messagetaken"), linkedid="17.1")
    ledger.request(back, at, "message", "")
    asked = figures(database)
    for _ in range(2):
        assert total(asked.cells(MONDAY, MONDAY))["message"] == 1
        assert asked.cells(MONDAY + timedelta(days=1), MONDAY + timedelta(days=1)) == []
        asked.roll_up()


def test_days_since_the_last_roll_up_are_counted_live(database: Database) -> None:
    ledger = Ledger(database)
    for day in range(4):
        ledger.call(NINE + timedelta(days=day), ("speech", f"answer:{POOL}"))
    figures(database, NINE + timedelta(days=2)).roll_up()
    kept = database.read(lambda session: session.scalar(select(func.max(DayFigures.starts_at))))
    assert kept == NINE + timedelta(days=1)
    days = [
        cell.starts_at.date() for cell in figures(database).cells(MONDAY, LATER.date()) if cell.tally["calls"]
    ]
    assert days == [MONDAY + timedelta(days=day) for day in range(4)]


@pytest.mark.parametrize("ms", [0, 0.4, 1, 3, 250, 1000, 61_000, 3_600_000])
def test_a_bucket_holds_its_durations(ms: float) -> None:
    low, high = limits(bucket(ms))
    assert low <= ms < high and (high <= 1 or high / low < 1.0906)


def test_quantiles_are_within_a_bucket() -> None:
    tally = Tally()
    for ms in range(1, 1001):
        tally.measure("x", ms)
    assert tally.quantile("x", 0.5) == pytest.approx(500, rel=0.09)
    assert tally.quantile("x", 0.95) == pytest.approx(950, rel=0.09)
    assert tally.quantile("y", 0.5) is None and tally.mean("y") is None
    twice = Tally()
    twice.add(tally)
    twice.add(Tally.from_json(tally.as_json()))
    assert twice.times("x") == 2000 and twice.quantile("x", 0.5) == tally.quantile("x", 0.5)
