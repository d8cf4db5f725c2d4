"""A journal that an older release left, with calls in it: every one of its rows outlives the update."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Boolean, DateTime, Integer, MetaData, Table, create_engine, inspect, make_url

from callbot.journal.database import MIGRATIONS, outdated
from callbot.journal.privacy import load_key
from callbot.journal.requests import Requests
from callbot.journal.store import Journal

from ..patience import PATIENCE_S
from .conftest import Postgres

CALLS = 50
CONFIG = Config()
CONFIG.set_main_option("script_location", str(MIGRATIONS))
NEWEST, *OLDER = (script.revision for script in ScriptDirectory.from_config(CONFIG).walk_revisions())


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'j.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database("template0")


def row(table: Table, **given: Any) -> dict[str, Any]:
    """A row with these values, and something of its kind wherever one is demanded."""
    filled: dict[str, Any] = {}
    for column in table.columns:
        if column.nullable or column.autoincrement is True:
            continue
        kinds: list[tuple[type, Any]] = [
            (Boolean, True),
            (Integer, 1),
            (JSON, {}),
            (DateTime, datetime(2026, 5, 4)),
        ]
        filled[column.name] = next((value for kind, value in kinds if isinstance(column.type, kind)), "01")
    return filled | {name: value for name, value in given.items() if name in table.columns}


def leave(url: str, revision: str) -> None:
    """A journal as the release with that revision made and filled it."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg") if "postgresql" in url else url)
    with engine.begin() as connection:
        CONFIG.attributes["connection"] = connection
        command.upgrade(CONFIG, revision)
        tables = MetaData()
        tables.reflect(connection)
        for number in range(1, CALLS + 1):
            call = {"id": number, "linkedid": f"{number}.0", "once": f"once-{number}", "result": "DONE"}
            connection.execute(tables.tables["calls"].insert(), row(tables.tables["calls"], **call))
            turn = {"id": number, "call_id": number, "number": 0, "utterance": f"la piscine {number}"}
            connection.execute(tables.tables["turns"].insert(), row(tables.tables["turns"], **turn))
            asked = {"id": number, "call_id": number, "intent": "voirie_nid_de_poule", "state": "received"}
            asked |= {"reference": f"1{number:03}", "slots": {"number": str(number)}}
            connection.execute(tables.tables["requests"].insert(), row(tables.tables["requests"], **asked))
        assert "alembic_version" in inspect(connection).get_table_names()
    engine.dispose()


@pytest.mark.parametrize("revision", OLDER)
def test_every_row_outlives_the_update(empty: str, revision: str) -> None:
    leave(empty, revision)
    assert outdated(empty) and outdated(empty), "to look changes nothing"
    journal = Journal(empty, b"k" * 32)
    assert not outdated(empty)
    calls = journal.calls()
    assert [call.linkedid for call in calls] == [f"{number}.0" for number in range(1, CALLS + 1)]
    said = {turn.utterance for call in calls for turn in journal.turns(call.id)}
    assert said == {f"la piscine {number}" for number in range(1, CALLS + 1)}
    kept = {(one.reference, one.known) for one in Requests(journal.database).all()}
    assert kept == {(f"1{number:03}", (("number", str(number)),)) for number in range(1, CALLS + 1)}
    journal.close()
    again = Journal(empty, b"k" * 32)
    assert again.count() == CALLS
    again.close()


def test_an_empty_database_is_not_an_older_one(empty: str) -> None:
    assert not outdated(empty)


def test_doctor_leaves_an_older_journal_to_the_server(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.sqlite'}"
    leave(url, OLDER[0])
    load_key(tmp_path / "journal.key")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOT_")}
    environment |= {"CALLBOT_STATE_DIR": str(tmp_path), "CALLBOT_MODEL_DIR": "/nowhere", "COLUMNS": "200"}
    doctor = [sys.executable, "-m", "callbot", "doctor"]
    done = subprocess.run(doctor, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert "ok  journal: made by an older version" in done.stdout
    assert outdated(url)
