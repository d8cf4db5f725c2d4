"""Every figure against values reckoned by hand; periods, weeks and the two nights when clocks change."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callbot.journal.tally import Cell, Tally
from callbot.quality.charts import CHARTS, svg
from callbot.quality.figures import BY_ID, FIGURES, NO_REVIEW, Value, explained, written
from callbot.quality.periods import Period, slices, total, week, week_of

PARIS = ZoneInfo("Europe/Paris")
MONDAY = date(2026, 11, 16)
THIN = "\N{NARROW NO-BREAK SPACE}"


def nine(day: date) -> datetime:
    """Nine o'clock in Paris, as the journal tells it."""
    return datetime(day.year, day.month, day.day, 9, tzinfo=PARIS).astimezone(UTC).replace(tzinfo=None)


def tally(**counts: int) -> Tally:
    made = Tally()
    made.counts.update(counts)
    return made


DAY = tally(
    calls=25,
    ongoing=1,
    unknown=4,
    contained=10,
    human=5,
    message=2,
    served_lost=1,
    lost=2,
    bot_lost=1,
    transfers=12,
    transfers_unknown=4,
    transfers_answered=5,
    transfers_abandoned=2,
    transfers_unanswered=1,
    turns=40,
    silent=4,
    understood=30,
    off_topic=3,
    reviewed=20,
    right=18,
)


def test_each_share_is_of_what_its_definition_says() -> None:
    """20 calls are over and one knows what became of them; 8 of 12 transfers too."""
    shares = {
        **{"non_response": 0.1, "containment": 0.5, "human": 0.25, "message": 0.1, "served_lost": 0.05},
        **{"bot_lost": 0.05, "transfers_answered": 0.625, "transfers_abandoned": 0.25},
        **{"transfers_unanswered": 0.125, "off_topic": 0.1, "silent": 0.1, "understanding": 0.9},
    }
    found = {id: BY_ID[id].value(DAY).number for id in shares}
    assert found == pytest.approx(shares)
    fates = ("non_response", "containment", "human", "message", "served_lost")
    assert sum(found[id] or 0 for id in fates) == pytest.approx(1), "each call has one fate"
    assert {figure.id for figure in FIGURES if figure.unit == "percent"} == set(shares)


def test_understanding_has_its_interval_or_says_that_nobody_reviewed() -> None:
    figure = BY_ID["understanding"]
    value = figure.value(DAY)
    # Wilson by hand for 18 of 20: (0.9 + 0.09604 ± 1.96 sqrt(0.0045 + 0.0024)) / 1.19207
    assert (value.low, value.high) == pytest.approx((0.699, 0.972), abs=1e-3)
    assert explained(figure, value) == f"entre 69,9 et 97,2{THIN}% (n = 20)"
    assert explained(figure, figure.value(Tally())) == NO_REVIEW == "pas encore de revue"


def test_nothing_is_reckoned_from_nothing() -> None:
    for figure in FIGURES:
        said = written(figure.value(Tally()), figure.unit)
        assert said == ("0" if figure.unit == "count" else "—"), figure.id


def test_every_figure_is_defined_in_french() -> None:
    assert len({figure.id for figure in FIGURES}) == len({figure.label for figure in FIGURES}) == len(FIGURES)
    for figure in FIGURES:
        assert figure.definition.endswith(".") and len(figure.definition.split()) >= 4, figure.id


def test_figures_are_written_as_one_reads_them() -> None:
    assert written(Value(0.1234), "percent") == f"12,3{THIN}%"
    assert written(Value(12345), "count") == f"12{THIN}345"
    assert written(Value(59_400), "seconds") == f"59{THIN}s"
    assert written(Value(125_000), "seconds").split() == ["2", "min", "05", "s"]
    assert written(Value(1234.6), "ms") == f"1{THIN}235{THIN}ms"


def test_days_without_a_call_are_there_too() -> None:
    cells = [
        Cell("Rivemont", nine(MONDAY), tally(calls=3)),
        Cell("Rivemont", nine(date(2026, 11, 18)), tally(calls=1)),
    ]
    days = slices(cells, Period(MONDAY, date(2026, 11, 18)), PARIS)
    assert [(one.label, one.tally["calls"]) for one in days] == [
        ("lundi 16/11/2026", 3),
        ("mardi 17/11/2026", 0),
        ("mercredi 18/11/2026", 1),
    ]
    assert total(cells)["calls"] == 4


def test_half_hours_of_all_days_lie_one_upon_another() -> None:
    midnight = datetime(2026, 11, 15, 23)
    cells = [Cell("Rivemont", nine(MONDAY) + timedelta(days=day), tally(calls=1)) for day in range(3)]
    cells.append(Cell("Rivemont", midnight, Tally()))  # where a day's intents are kept
    found = slices(cells, Period(MONDAY, date(2026, 11, 18), "half-hour"), PARIS)
    assert [(one.label, one.tally["calls"]) for one in found] == [("09 h 00", 3)]


def test_weeks_go_by_iso() -> None:
    assert week("2026-W53") == Period(date(2026, 12, 28), date(2027, 1, 3), "day")
    assert week_of(date(2027, 1, 3)) == "2026-W53" and week_of(date(2027, 1, 4)) == "2027-W01"
    for wrong in ("2026-W54", "2025-W53", "0001-W01", "9999-W52", "2026", "W47", ""):
        with pytest.raises(ValueError):
            week(wrong)
    found = slices([], Period(date(2026, 12, 28), date(2027, 1, 5), "week"), PARIS)
    assert [one.label for one in found] == ["semaine 53 de 2026", "semaine 1 de 2027"]


def test_the_nights_when_clocks_change() -> None:
    """On 25 October half past two comes twice, on 29 March never; a day is a day."""
    night = datetime(2026, 10, 25, 0, 30)  # 2:30 in summer, 2:30 in winter an hour later
    cells = [Cell("Rivemont", night + timedelta(hours=hour), tally(calls=1)) for hour in range(2)]
    sunday = date(2026, 10, 25)
    assert [
        (one.label, one.tally["calls"]) for one in slices(cells, Period(sunday, sunday, "half-hour"), PARIS)
    ] == [("02 h 30", 2)]
    spring = datetime(2026, 3, 29, 0, 30)
    cells = [Cell("Rivemont", spring + timedelta(hours=hour), tally(calls=1)) for hour in range(2)]
    labels = [one.label for one in slices(cells, Period(spring.date(), spring.date(), "half-hour"), PARIS)]
    assert labels == ["01 h 30", "03 h 30"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_chart_is_drawn_with_title_description_and_table(theme: str) -> None:
    full = tally(**DAY.counts)
    for name in ("wait", "felt", "endpoint", "decode", "think", "nlu", "voice"):
        full.measure(name, 500)
    for made in (full, Tally()):
        days = slices([Cell("Rivemont", nine(MONDAY), made)], Period(MONDAY, MONDAY), PARIS)
        for chart in CHARTS.values():
            drawn = svg(chart, days, made, theme).decode()  # type: ignore[arg-type]
            assert drawn.startswith('<svg role="img"') and "<title" in drawn and "<desc" in drawn
            assert "<script" not in drawn and "http" not in drawn.split("</metadata>")[1]
            table = chart.table(days, made)
            assert all(len(row) == len(table.head) for row in table.rows) and table.rows


def test_the_guide_has_every_definition() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "qualite.md").read_text(encoding="utf-8")
    assert [one.id for one in FIGURES if f"- *{one.label}* : {one.definition}" not in guide] == []
