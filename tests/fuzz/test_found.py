"""What fuzzing has found: every input that once broke something, and what becomes of it (docs/fuzz.md)."""

import asyncio
import io
import json
import logging
import tarfile
import time
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import pytest
import soundfile

from callbot import backup
from callbot.agi.protocol import parse_reply
from callbot.backup import BackupError
from callbot.errors import (
    DeliveryError,
    EvaluationError,
    LiveError,
    SettingsError,
    TownError,
    UnderstandingError,
)
from callbot.journal.masking import mask
from callbot.journal.requests import Requests
from callbot.journal.store import Journal
from callbot.quality import learned, scenarios
from callbot.rehearsal import load_pcm
from callbot.settings import load
from callbot.switchboard.queues import Queues
from callbot.switchboard.transfers import meaning
from callbot.town import feeds, feeds_gbfs, open311
from callbot.town.yaml_files import read_yaml
from callbot.types import CallInfo, Outcome
from callbot.understanding.rasa import RasaClient
from callbot.understanding.values import after_consent
from tests.fuzz.targets import tar_of

from ..patience import PATIENCE_S

LONG = "9" * 5000
"""More digits than Python makes a number of (sys.set_int_max_str_digits)."""
DEEP = "[" * 100_000


def test_a_number_without_end_in_an_agi_reply() -> None:
    """The task that reads replies died of it, and the call fell silent."""
    for line in (f"200 result={LONG}", f"200 result=0 endpos={LONG}"):
        reply = parse_reply(line)
        assert reply is not None and (reply.digit, reply.endpos) == ("", None)


def test_a_number_without_end_from_the_manager_interface() -> None:
    known = Queues()
    known.event({"Event": "AgentConnect", "Queue": "q", "HoldTime": LONG}, 1.0)
    assert list(known["q"].holds) == [0]
    change = meaning({"Event": "AgentComplete", "Linkedid": "1", "TalkTime": LONG})
    assert change is not None and (change.state, change.talk_s) == ("ended", None)


def test_a_number_without_end_is_masked() -> None:
    """The journal lost such a turn."""
    assert mask(f"voilà {LONG[:5000]}") == "voilà [numéro]"
    assert mask("en 1984 ou 2024") == "en 1984 ou 2024"


async def test_a_reference_that_no_column_holds_is_none_of_ours(tmp_path: Path) -> None:
    """SQLite's driver raised OverflowError, and the caller who dictated it lost the bot."""
    journal = Journal(f"sqlite:///{tmp_path / 'j'}", b"k" * 32)
    for reference in ("9" * 30, LONG, "٣٣٣", ""):
        assert await Requests(journal.database).find("rivemont", reference) is None
    journal.close()


def test_a_thousand_times_yes_takes_no_time() -> None:
    """Every yes was looked for in all that followed, again and again: seconds for one message."""
    began = time.process_time()
    assert after_consent("oui " * 250) == ""
    assert after_consent("oui " * 240 + "la médiathèque") == "la médiathèque"
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "text",
    [
        "!!int ''",
        "!!float ''",
        "!!timestamp foo",
        "!!bool foo",
        "!!timestamp 2024-13-45",
        DEEP[:1100],
        "&a [*a]",
    ],
)
def test_yaml_that_pyyaml_stumbles_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / learned.LEARNT_NLU
    path.write_text(text)
    with pytest.raises(TownError, match=path.name):
        read_yaml(path)
    if not text.startswith("&"):
        with pytest.raises(learned.LearnedError):
            learned.read(tmp_path)


def test_yaml_whose_aliases_stand_for_millions(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{at}: &a{at} [{','.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 9)]
    (tmp_path / "t.yml").write_text("\n".join(lines))
    with pytest.raises(TownError, match="aliases"):
        read_yaml(tmp_path / "t.yml")


def test_a_turn_that_is_no_decimal_number(tmp_path: Path) -> None:
    for turn in ("²", LONG):
        (tmp_path / "s.csv").write_text(f"scenario,turn,utterance,expected\na,{turn},x,greet\n")
        with pytest.raises(EvaluationError, match="turn must be a number"):
            scenarios.read(tmp_path / "s.csv")


@pytest.mark.parametrize(
    "text", [f"a = {DEEP}", "state_dir = '~nobody-of-that-name/x'", 'state_dir = "\\u0000"']
)
def test_settings_that_can_not_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    monkeypatch.setenv("CALLBOT_CONFIG", str(tmp_path / "c.toml"))
    with pytest.raises(SettingsError):
        load()


def test_a_variable_nested_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBOT_TEXT_ORIGINS", DEEP)
    with pytest.raises(SettingsError):
        load()


def _write(path: Path, samples: np.ndarray, rate_hz: int, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


@pytest.mark.parametrize("rate_hz", [1, 100, 2_000_000_000])
def test_a_sound_file_of_a_rate_that_none_has(tmp_path: Path, rate_hz: int) -> None:
    """At 1 Hz some minutes of a normal file become 2.4 thousand million samples: the process crashed."""
    with pytest.raises(SettingsError, match="samples at"):
        load_pcm(_write(tmp_path / "x.wav", np.zeros(300_000, "int16"), rate_hz), 8000)


@pytest.mark.filterwarnings("error")
def test_a_sound_file_of_no_numbers(tmp_path: Path) -> None:
    for value in (np.nan, np.inf, -np.inf, 3e38):
        samples = np.full((800, 2), value, "float32")
        pcm = load_pcm(_write(tmp_path / "x.wav", samples, 16000, "FLOAT"), 8000)
        assert len(pcm) == 800
    with pytest.raises(SettingsError):
        load_pcm(Path("\ud800.wav"), 8000)


def test_an_event_that_ends_a_thousand_years_before_it_begins() -> None:
    """Recurrences were sought over its whole length."""
    began = time.process_time()
    for end in ("DTEND:10221224T120000", "DTEND:29991224T120000", "DURATION:P900000D"):
        document = (
            "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:1\nDTSTART:20261124T100000\n"
            f"{end}\nRRULE:FREQ=WEEKLY\nEND:VEVENT\nEND:VCALENDAR\n"
        )
        with pytest.raises(LiveError, match="longer than a year"):
            feeds.dated(document.encode(), date(2026, 11, 23), date(2027, 1, 24), ZoneInfo("Europe/Paris"))
    assert time.process_time() - began < 1


@pytest.mark.parametrize("never", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"])
def test_a_station_that_reports_at_the_end_of_time(never: str) -> None:
    """Some operators mean « never » by it; the answer to the caller raised OverflowError."""
    station = {
        **{"station_id": "1", "num_bikes_available": 1, "is_installed": True, "is_renting": True},
        **{"is_returning": True, "last_reported": never},
    }
    document = {"last_updated": 1795000000, "data": {"stations": [station]}}
    reported = feeds_gbfs.status(json.dumps(document).encode()).stations["1"].reported
    assert reported == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "answer",
    [
        '{"intent_ranking": [{"name": "a", "confidence": 1' + "0" * 400 + "}]}",
        '{"intent_ranking": ' + DEEP,
        "null",
        '{"intent_ranking": [null]}',
    ],
)
async def test_an_answer_that_is_not_rasas(answer: str) -> None:
    client = RasaClient("http://rasa")
    client._http = httpx.AsyncClient(
        base_url="http://rasa", transport=httpx.MockTransport(lambda _: httpx.Response(200, text=answer))
    )
    with pytest.raises(UnderstandingError):
        await client.parse("bonjour")
    assert not await client.ready()
    await client.close()


async def test_a_town_system_that_answers_without_end() -> None:
    sender = open311.Open311Sender(open311.Open311Config(url="http://town"))
    for answer in (DEEP, '[{"status": "open", "updated_datetime": "0001-01-01T00:00:00+14:00"}]'):
        said = httpx.Response(200, text=answer)
        sender._http = httpx.AsyncClient(
            base_url="http://town", transport=httpx.MockTransport(lambda _, said=said: said)
        )
        if answer is DEEP:
            with pytest.raises(DeliveryError, match="no JSON"):
                await sender.status("7")
        else:
            assert (await sender.status("7")).updated is None
        await sender.close()


async def test_a_spoilt_sheet_keeps_no_other_call_from_the_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A column that is none ended the task that catches up, and so the server; a list in one blocked it."""
    caplog.set_level(logging.ERROR)
    folder = tmp_path / "spool"
    folder.mkdir()
    at = "2026-11-23T10:00:00"
    spoilt = (
        json.dumps({"kind": "begin", "at": at, "no_column": 1}),
        json.dumps({"at": at}),
        '{"kind": "begin", "at": "' + at + '", "linkedid": ' + DEEP,
        json.dumps({"kind": "begin", "at": at, "linkedid": ["x"], "once": {"y": 1}}),
        json.dumps({"kind": "begin", "at": at, "once": "z"}) + "\n" + json.dumps({"kind": "turn", "at": at}),
        json.dumps({"kind": "begin", "at": at, "once": "u"})
        + "\n"
        + json.dumps({"kind": "turn", "at": at, "number": 10**30, "heard": "", "move": "x"}),
    )
    for number, text in enumerate(spoilt):
        (folder / f"{number}.jsonl").write_text(text)
    journal = Journal(f"sqlite:///{tmp_path / 'j'}", b"k" * 32, folder)
    whole = (journal.begin_entry(CallInfo("17.0", "c"), "R"), journal.end_entry(Outcome("DONE")))
    (folder / "9.jsonl").write_text("\n".join(map(json.dumps, whole)))
    await journal.spool.find()
    async with asyncio.timeout(PATIENCE_S):
        for _ in spoilt:
            await journal.spool.catch_up(journal.put)
    assert ("17.0", "DONE") in [(call.linkedid, call.result) for call in journal.calls()]
    assert not (folder / "9.jsonl").exists() and (folder / "0.jsonl").exists()
    journal.close()


def _gz(raw: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(raw) + packer.flush()


def _archive(manifest: object, *members: tuple[str, bytes]) -> bytes:
    return _gz(tar_of((backup.KEY, b"k"), *members, (backup.MANIFEST, json.dumps(manifest).encode())))


def _manifest(**files: object) -> dict[str, object]:
    key = "8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a"  # SHA-256 of « k »
    return {"kind": backup.KIND, "made_at": "2026-11-23", "files": {backup.KEY: key, **files}}


BAD_ARCHIVES: dict[str, Callable[[], bytes]] = {
    "spoilt compression": lambda: (
        _gz(tar_of(("spool/1", bytes(range(256)) * 99)))[:-300] + b"\0" * 292 + b"1" * 8
    ),
    "a list of files": lambda: _archive({"kind": backup.KIND, "made_at": "", "files": [backup.KEY]}),
    "no date": lambda: _archive({"kind": backup.KIND, "files": _manifest()["files"]}),
    "a manifest without end": lambda: _gz(tar_of((backup.MANIFEST, DEEP.encode()))),
    "a file elsewhere": lambda: _archive(_manifest(**{"/dev/zero": "0"})),
    "a file above": lambda: _archive(_manifest(**{"../../../etc/passwd": "0"})),
    "a file more than it says": lambda: _archive(_manifest(), ("spool/x.jsonl", b"x")),
    "path above": lambda: _archive(_manifest(), ("spool/../../x", b"x")),
    "path from the root": lambda: _archive(_manifest(), ("/tmp/callbot-fuzz-escape", b"x")),
}


@pytest.mark.parametrize("kind", BAD_ARCHIVES)
def test_an_archive_that_is_not_what_it_should_be(tmp_path: Path, kind: str) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    (tmp_path / "x.tar.gz").write_bytes(BAD_ARCHIVES[kind]())
    with pytest.raises(BackupError):
        backup._unpack(tmp_path / "x.tar.gz", inside)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "x.tar.gz"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_links_and_devices_never_leave_an_archive(tmp_path: Path) -> None:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as archive:
            info = tarfile.TarInfo("spool/x")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        (tmp_path / "x.tar.gz").write_bytes(_gz(made.getvalue()))
        with pytest.raises(BackupError, match="does not belong there"):
            backup._unpack(tmp_path / "x.tar.gz", tmp_path)
