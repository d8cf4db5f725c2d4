"""Shared fixtures: the bundled speech model, a voice, the sample town. All of them real."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import settings as odd_inputs

from callbot.settings import BUNDLED_MODEL
from callbot.speech.recognizer import SpeechModel
from callbot.town.answers import Answers, Catalog
from callbot.town.profile import load_town

# Examples that take long are no fault: the machine may stand still.
odd_inputs.register_profile("usual", deadline=None)
odd_inputs.load_profile("usual")
# `pytest tests/fuzz --hypothesis-profile=long`: an hour instead of seconds (docs/fuzz.md).
odd_inputs.register_profile("long", max_examples=10_000, deadline=None)

pytest_plugins = ["pytester"]

MODEL = BUNDLED_MODEL
MONDAY_NOON = datetime(2026, 11, 23, 11, 0)


LONG = ("test_apis", "test_board_restarts", "test_learning")
"""Schemathesis, and real calls that take minutes each: `make test-long`."""


CALLS = Path(__file__).parent / "calls"
FIRST = (
    *("test_chaos", "test_nlu_components", "test_cli", "test_calls"),
    *("test_browser", "test_services", "test_messages_and_live_facts"),
)
"""Begun in this order, lest the longest end last; what has no calls beside what bears no call beside it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test` leaves to `make test-long`; deal modules of calls among the others.

    Calls wait, other tests compute: side by side they fill the machine without keeping each other.
    """
    modules: dict[Path, list[pytest.Item]] = {}
    for item in items:
        if item.path.stem in LONG:
            item.add_marker(pytest.mark.long)
        modules.setdefault(item.path, []).append(item)
    first = sorted((path for path in modules if path.stem in FIRST), key=lambda path: FIRST.index(path.stem))
    calls = [path for path in modules if CALLS in path.parents and path not in first]
    others = [path for path in modules if CALLS not in path.parents and path not in first]
    each = -(-len(others) // max(len(calls), 1))
    dealt = [path for at, call in enumerate(calls) for path in (call, *others[at * each : (at + 1) * each])]
    items[:] = [item for path in (*first, *(dealt or others)) for item in modules[path]]


GIVES_WAY = 15
"""Niceness of tests without calls, and of what they start."""
USUAL = os.getpriority(os.PRIO_PROCESS, 0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Calls keep time with the clock, so tests beside them give way; only root may take that back."""
    if os.geteuid() == 0:
        gives_way = CALLS not in item.path.parents
        os.setpriority(os.PRIO_PROCESS, 0, min(USUAL + GIVES_WAY, 19) if gives_way else USUAL)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A developer's own CALLBOT_* variables must not change a test."""
    for name in list(os.environ):
        if name.startswith("CALLBOT_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def speech_model() -> Iterator[SpeechModel]:
    yield SpeechModel(MODEL, 8000)


@pytest.fixture(scope="session")
def answers() -> Answers:
    return Answers(load_town("rivemont"), Catalog(), MONDAY_NOON)


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A folder with a short path: Unix sockets allow 107 bytes."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="cb-", dir="/tmp") as folder:
        yield Path(folder)
