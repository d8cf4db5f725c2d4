"""The house rules of docs/architecture: who may import whom, and which words stay in which room."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "callbot"
GROUND = ("agi", "speech", "understanding", "town", "switchboard", "journal")
FIRST_FLOOR = ("dialogue",)
SHARED = ("settings", "types", "errors")
# A trade's library is imported in its own room only.
TRADES = {
    "vosk": ("speech/recognizer.py",),
    "webrtcvad": ("speech/ear.py",),
    "pyttsx3": ("speech/pyttsx3_worker.py",),
    "piper": ("speech/voices.py",),
    "sqlalchemy": (
        *("journal/database.py", "journal/models.py", "journal/store.py", "journal/requests.py"),
        *("journal/outbox.py", "journal/migrations/versions/0001_first.py"),
        *("journal/migrations/versions/0002_outbox.py", "journal/migrations/versions/0003_switchboard.py"),
        "journal/migrations/versions/0004_quality.py",
        "journal/snapshot.py",
        *("journal/events.py", "journal/transfers.py", "journal/accounts.py", "journal/board.py"),
        *(f"journal/{one}.py" for one in ("proposals", "trainings", "deployments")),
        *("journal/questions.py", "journal/unanswered.py"),
        *("journal/retention.py", "journal/erasure.py", "journal/handout.py", "journal/quoted.py"),
        "journal/figures.py",
        *(f"journal/{one}.py" for one in ("search", "sheets", "review", "verdicts", "samples")),
    ),
    "sklearn": ("quality/clusters.py",),
    "scipy": ("quality/clusters.py",),
    "snowballstemmer": ("quality/clusters.py",),
    "icalendar": ("town/feeds.py",),
    "smtplib": ("town/mail.py",),
    "fastapi": (
        "text_channel/app.py",
        *(f"console/{one}.py" for one in ("review", "review_desk", "sampling")),
        *(f"console/{one}.py" for one in ("app", "access", "board", "house", "messages", "figures")),
        *("console/questions.py", "console/learning.py"),
    ),
    "argon2": ("journal/accounts.py",),
    "jinja2": ("console/house.py",),
    "authlib": ("console/oidc.py",),
    "playwright": (),
    "matplotlib": ("quality/charts.py", "quality/day_chart.py"),
    "weasyprint": ("console/report.py",),
    "simpy": ("quality/simulate.py",),
    "prometheus_client": ("metrics.py",),
    "pythonjsonlogger": ("logs.py",),
    "psycopg": (),
    "uvicorn": ("text_channel/serving.py",),
    "limits": ("text_channel/door.py",),
    "asterisk": ("switchboard/ami.py",),
    "rasa": (),
    "yaml": ("town/yaml_files.py", "quality/learned.py"),
    "holidays": ("town/calendar.py",),
    "num2words": ("town/spoken.py",),
    "stdnum": ("journal/masking_numbers.py",),
}
MAX_LINES = 600

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def imports(module: Path) -> set[str]:
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def rooms(module: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(module) if name.startswith("callbot.")}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_run_one_way_down_the_road(module: Path) -> None:
    room = module.parts[0]
    if room in GROUND:
        allowed = {room, *SHARED}
    elif room in FIRST_FLOOR:
        allowed = {room, *GROUND, *SHARED}
    elif module.stem in SHARED:
        allowed = set(SHARED)
    else:
        return  # the roof may use everything
    assert rooms(module) <= allowed


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_each_trades_words_stay_in_one_room(module: Path) -> None:
    used = {name.split(".")[0] for name in imports(module)}
    for library, places in TRADES.items():
        assert library not in used or str(module) in places, f"{library} belongs in {places}"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_modules_are_small(module: Path) -> None:
    assert len((PACKAGE / module).read_text(encoding="utf-8").splitlines()) <= MAX_LINES
