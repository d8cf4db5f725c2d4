"""Install a Vosk model from a folder, a zip, a URL or an official name; downloads resume."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

import httpx
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from callbot.errors import ModelInstallError
from callbot.speech.recognizer import SpeechModel

OFFICIAL_SITE = "https://alphacephei.com/vosk/models"
OFFICIAL = ("vosk-model-small-fr-0.22", "vosk-model-fr-0.22")
RETRIES = 5
MAX_UNPACKED = 8 << 30
"""Bytes; the largest official model unpacks to less than half of this."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def install(
    source: str, models: Path, rate_hz: int, name: str | None = None, sha256: str | None = None
) -> Path:
    """Install a model under `models`; it is loaded once before it takes its place.

    Args:
        source: a folder, a zip, an http(s) URL of a zip, or a name in OFFICIAL.
        models: folder of installed models.
        rate_hz: the line's sample rate, which the model must accept.
        name: the installed folder's name; by default the source's.
        sha256: expected digest of the zip.

    Raises:
        ModelInstallError: not found, download or checksum failed, not a Vosk model, disk full.
        SpeechModelError: Vosk can't load it, or its sample rate does not fit.
    """
    if sha256 and Path(source).is_dir():
        raise ModelInstallError("--sha256 is for a zip or a URL, not for a folder")
    place, checksum = source, ("sha256", sha256) if sha256 else None
    if source in OFFICIAL:
        place = f"{OFFICIAL_SITE}/{source}.zip"
        checksum = checksum or _official_checksum(source)
    name = name or Path(urlsplit(place).path).name.removesuffix(".zip")
    if not _NAME.fullmatch(name):
        raise ModelInstallError(f"not a name for a model: {name!r} (give one with --name)")
    target = models / name
    if target.exists():
        raise ModelInstallError(f"{target} exists already: remove it first, or choose another --name")
    try:
        models.mkdir(parents=True, exist_ok=True)
        archive = _fetch(place, models / f".{name}.zip.part") if "://" in place else Path(place)
        with tempfile.TemporaryDirectory(dir=models, prefix=".new-") as scratch:
            try:
                folder = _unpack(archive, checksum, Path(scratch))
            except ModelInstallError:
                if "://" in place:  # what was fetched is no good: start afresh next time
                    archive.unlink()
                raise
            SpeechModel(folder, rate_hz)
            folder.replace(target)
        if "://" in place:
            archive.unlink()
    except OSError as error:
        raise ModelInstallError(f"{error.filename or models}: {error.strerror or error}") from error
    return target


def _official_checksum(name: str) -> tuple[str, str]:
    """The MD5 the models' own site publishes in its list."""
    try:
        listing = httpx.get(f"{OFFICIAL_SITE}/model-list.json", timeout=30, follow_redirects=True)
        listing.raise_for_status()
        return "md5", next(str(item["md5"]) for item in listing.json() if item["name"] == name)
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise ModelInstallError(f"can't reach {OFFICIAL_SITE}: {error}") from error
    except StopIteration:
        raise ModelInstallError(f"{OFFICIAL_SITE} does not list {name}") from None


def _fetch(url: str, partial: Path) -> Path:
    """Download to `partial`, going on where an earlier attempt stopped."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns) as progress, httpx.Client(timeout=30, follow_redirects=True) as client:
        bar = progress.add_task(url.rpartition("/")[2], total=None)
        last: Exception | None = None
        for _ in range(RETRIES):
            have = partial.stat().st_size if partial.exists() else 0
            try:
                with client.stream("GET", url, headers={"Range": f"bytes={have}-"} if have else {}) as reply:
                    if reply.status_code == 416:  # nothing is left to fetch
                        return partial
                    reply.raise_for_status()
                    resumed = reply.status_code == 206
                    length = int(reply.headers.get("content-length", 0))
                    progress.update(bar, total=length + have * resumed or None, completed=have * resumed)
                    with partial.open("ab" if resumed else "wb") as file:
                        for chunk in reply.iter_bytes():
                            file.write(chunk)
                            progress.advance(bar, len(chunk))
                return partial
            except httpx.HTTPStatusError as error:
                raise ModelInstallError(f"{url}: HTTP {error.response.status_code}") from error
            except httpx.HTTPError as error:
                last = error
    raise ModelInstallError(f"{url}: {last} (run the command again: it goes on where it stopped)")


def _unpack(source: Path, checksum: tuple[str, str] | None, scratch: Path) -> Path:
    """The model's folder, copied or unzipped under `scratch`."""
    folder = scratch / "model"
    if source.is_dir():
        shutil.copytree(source, folder)
        return folder
    if not source.is_file():
        raise ModelInstallError(f"not found: {source} (a folder, a zip, a URL, or {', '.join(OFFICIAL)})")
    if checksum is not None:
        _verify(source, *checksum)
    try:
        with zipfile.ZipFile(source) as archive:
            if sum(item.file_size for item in archive.infolist()) > MAX_UNPACKED:
                raise ModelInstallError(f"{source}: unpacks to more than {MAX_UNPACKED >> 30} GiB")
            for item in archive.infolist():
                parts = PurePosixPath(item.filename).parts
                if ".." in parts or item.filename.startswith("/"):
                    raise ModelInstallError(f"{source}: refuses a path outside the model: {item.filename}")
            archive.extractall(folder)
    except (zipfile.BadZipFile, RuntimeError) as error:  # RuntimeError: it wants a password
        raise ModelInstallError(f"{source}: not a zip, or broken: {error}") from error
    # Official zips hold one folder.
    if not folder.is_dir():
        raise ModelInstallError(f"{source}: an empty zip")
    inside = [path for path in folder.iterdir() if not path.name.startswith(("__", "."))]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _verify(archive: Path, algorithm: Literal["md5", "sha256"] | str, expected: str) -> None:
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm).hexdigest()
    if digest != expected.lower():
        raise ModelInstallError(f"{archive.name}: {algorithm} is {digest}, expected {expected}")
