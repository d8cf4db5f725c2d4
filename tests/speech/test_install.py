"""Installing speech models from folders, zips and a real local HTTP server."""

import hashlib
import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from callbot.errors import ModelInstallError, SpeechModelError
from callbot.speech.install import install
from tests.conftest import MODEL


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip as the official ones are: one folder inside."""
    folder = tmp_path_factory.mktemp("zip")
    shutil.copytree(MODEL, folder / "in" / "vosk-model-test")
    return Path(shutil.make_archive(str(folder / "vosk-model-test"), "zip", folder / "in"))


class Site(http.server.BaseHTTPRequestHandler):
    """Serves one file, by ranges; may break off after some bytes."""

    data: ClassVar[bytes] = b""
    break_after: ClassVar[int] = 0
    ranges: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        if not self.path.endswith(".zip"):
            self.send_error(404)
            return
        wanted = self.headers.get("Range", "")
        self.ranges.append(wanted)
        begin = int(match[1]) if (match := re.fullmatch(r"bytes=(\d+)-", wanted)) else 0
        if begin >= len(self.data):
            self.send_error(416)
            return
        body = self.data[begin:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if Site.break_after:
            body, Site.break_after = body[: Site.break_after], 0
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(archive: Path) -> Iterator[str]:
    Site.data, Site.break_after, Site.ranges = archive.read_bytes(), 0, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/vosk-model-test.zip"
    server.shutdown()
    server.server_close()


def test_a_folder_is_installed(tmp_path: Path) -> None:
    assert install(str(MODEL), tmp_path, 8000, name="mine") == tmp_path / "mine"
    assert (tmp_path / "mine" / "am" / "final.mdl").is_file()


def test_a_zip_is_installed_under_its_name(tmp_path: Path, archive: Path) -> None:
    assert install(str(archive), tmp_path, 8000) == tmp_path / "vosk-model-test"


def test_a_url_is_fetched_and_checked(tmp_path: Path, archive: Path, site: str) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    folder = install(site, tmp_path, 8000, sha256=digest)
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name]  # no leftovers


def test_a_download_that_breaks_off_goes_on_where_it_stopped(tmp_path: Path, site: str) -> None:
    Site.break_after = 100_000
    install(site, tmp_path, 8000)
    assert Site.ranges == ["", "bytes=100000-"]


def test_an_earlier_attempt_is_resumed(tmp_path: Path, site: str) -> None:
    (tmp_path / ".vosk-model-test.zip.part").write_bytes(Site.data[:5000])
    install(site, tmp_path, 8000)
    assert Site.ranges == ["bytes=5000-"]


def test_a_wrong_checksum_installs_nothing(tmp_path: Path, site: str) -> None:
    with pytest.raises(ModelInstallError, match="sha256 is"):
        install(site, tmp_path, 8000, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "said"),
    [("/dev/null/nowhere/at.zip", "not found"), ("no-such-name", "not found"), ("/tmp/..", "not a name")],
)
def test_a_wrong_source_is_one_clear_line(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(ModelInstallError, match=said):
        install(source, tmp_path / "models", 8000)


def test_a_missing_page_is_said(tmp_path: Path, site: str) -> None:
    with pytest.raises(ModelInstallError, match="HTTP 404"):
        install(site.replace(".zip", ".tar"), tmp_path, 8000, name="x")


def test_a_zip_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "m.zip").write_text("hello")
    with pytest.raises(ModelInstallError, match="not a zip"):
        install(str(tmp_path / "m.zip"), tmp_path / "models", 8000)


def test_a_zip_that_climbs_out_is_refused(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "m.zip", "w") as evil:
        evil.writestr("../evil.txt", "x")
    with pytest.raises(ModelInstallError, match="outside"):
        install(str(tmp_path / "m.zip"), tmp_path / "models", 8000)
    assert not (tmp_path / "evil.txt").exists()


def test_a_model_of_another_rate_is_not_installed(tmp_path: Path, archive: Path) -> None:
    with pytest.raises(SpeechModelError, match="16000"):
        install(str(archive), tmp_path, 16000)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path, archive: Path) -> None:
    install(str(archive), tmp_path, 8000)
    with pytest.raises(ModelInstallError, match="exists already"):
        install(str(archive), tmp_path, 8000)
