"""Every test of the journal runs on SQLite and on PostgreSQL, both real; `url` is an empty database."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from callbot.journal.database import Database

TEMPLATE = "newest"


class Postgres:
    """A PostgreSQL server of this test process's own, on a Unix socket in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
        on_path = shutil.which("pg_ctl")
        if not found and on_path is None:
            pytest.fail("these tests need PostgreSQL: run make setup", pytrace=False)
        self._bin = found[-1].parent if found else Path(str(on_path)).parent
        self._folder = folder
        self._data = folder / "data"
        self._made = 0
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "nobody", "nogroup")
        folder.chmod(0o755)
        options = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c listen_addresses=''"
        self._options = f"{options} -c unix_socket_directories={folder} -c max_connections=50"
        self._run(
            "initdb", "--no-sync", "--auth=trust", "--username=callbot", "--locale=C", "--encoding=UTF8"
        )
        self.start()
        self._sql(f"CREATE DATABASE {TEMPLATE}")
        Database(self.url(TEMPLATE)).close()

    def url(self, name: str, driver: str = "postgresql") -> str:
        """The URL of a database."""
        return f"{driver}://callbot@/{name}?host={self._folder}"

    def database(self, template: str = TEMPLATE) -> str:
        """URL of a new database: with this version's tables, or with none (`template0`)."""
        self._made += 1
        name = f"test_{self._made}"
        self._sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def start(self) -> None:
        """Start it."""
        log = self._folder / "log"
        self._run("pg_ctl", "--wait", "--silent", f"--log={log}", f"--options={self._options}", "start")

    def stop(self) -> None:
        """Stop it at once, as a crash would."""
        self._run("pg_ctl", "--wait", "--silent", "--mode=immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), f"--pgdata={self._data}", *arguments]
        if os.getuid() == 0:
            command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self._folder, timeout=120)
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    def _sql(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server, started when a test first needs it."""
    with tempfile.TemporaryDirectory(prefix="cb-pg-", dir="/tmp") as folder:
        server = Postgres(Path(folder))
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty journal of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'j.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """It, opened."""
    opened = Database(url)
    yield opened
    opened.close()
