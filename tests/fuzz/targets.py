"""What the world can send, one function a kind: bytes in, no exception but those that are documented.

Run with few examples by test_targets.py, and for minutes, guided by coverage, by scripts/fuzz.py.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import soundfile

from callbot import backup
from callbot.agi import protocol
from callbot.errors import CallbotError, LiveError, ProtocolError
from callbot.journal.masking import KINDS, mask
from callbot.journal.spool import Spool
from callbot.quality import evaluate, learned, scenarios
from callbot.rehearsal import load_pcm
from callbot.settings import load
from callbot.switchboard import ami, queues, transfers
from callbot.town import feeds, feeds_gbfs, live_words, open311
from callbot.town.answers import Catalog
from callbot.town.profile import COMMUNES, load_town
from callbot.understanding import addresses, needs, sounds, values
from callbot.understanding.dates import find_days

TODAY = date(2026, 11, 23)
PARIS = ZoneInfo("Europe/Paris")
LONGEST_TEXT = 1000
"""Characters of what is typed or said, as the text channel lets in."""
STREETS = ("rue Pasteur", "place de la Mairie", "avenue du Général-Leclerc", "rue du 8 Mai 1945")


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of input."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    """Good ones, from which odd ones are made."""


def _file(name: str, data: bytes) -> Path:
    """A file in a folder that goes with this process."""
    path = Path(_FOLDER.name) / f"{os.getpid()}-{threading.get_ident()}-{name}"
    path.write_bytes(data)
    return path


_FOLDER = tempfile.TemporaryDirectory(prefix="callbot-fuzz-")


def _text(data: bytes) -> str:
    return data.decode(errors="replace")[:LONGEST_TEXT]


def agi(data: bytes) -> None:
    """AGI replies, and the header before them."""
    lines = data.decode(errors="replace").split("\n")
    for line in lines:
        with contextlib.suppress(ProtocolError):
            reply = protocol.parse_reply(line)
            assert reply is None or reply.digit in (*"0123456789*#ABCD", "")
    header = protocol.parse_environment(lines)
    for value in header.values():
        with contextlib.suppress(ProtocolError):
            assert protocol.command("SET VARIABLE", "X", value).count(b"\n") == 1


class _Wire:
    """A manager interface that says this and goes."""

    def __init__(self, data: bytes) -> None:
        self._stream = io.BytesIO(data)

    def recv(self, size: int) -> bytes:
        return self._stream.read(min(size, 97))

    def close(self) -> None:
        """Nothing is open."""


def manager(data: bytes) -> None:
    """AMI: bytes of the connection -> messages -> what they mean for queues and transfers."""
    heard: list[dict[str, str]] = []

    def tell(message: object) -> None:
        if isinstance(message, ami.Event):
            kept = {key: value for key, value in message.keys.items() if isinstance(value, str)}
            heard.append({"Event": message.name, **kept})

    client = ami._Client("fuzz", 0, tell)
    client._socket = _Wire(b"Asterisk Call Manager/11.0.0\r\n" + data)
    client.finished = threading.Event()
    client.listen()
    known = queues.Queues()
    for at, event in enumerate(heard):
        known.event(event, float(at))
        transfers.meaning(event)
    known.refresh(heard, 9.0, [(event, 8.0) for event in heard])
    for name in known.names():
        queues.estimate(known[name])
        known[name].longest_wait(9.0)
    for event in heard:
        transfers.found(event.get("Linkedid", ""), heard)


def sound(data: bytes) -> None:
    """Sound files."""
    with contextlib.suppress(CallbotError):
        assert len(load_pcm(_file("sound.wav", data), 8000)) % 2 == 0


def rows(data: bytes) -> None:
    """The CSV files of `evaluate` and `scenarios`."""
    path = _file("rows.csv", data)
    readers: tuple[Callable[[Path], object], ...] = (
        lambda path: evaluate.read_rows(path, {"a", ""}, False),
        lambda path: evaluate.read_rows(path, {"a", ""}, True),
        scenarios.read,
    )
    for read in readers:
        with contextlib.suppress(CallbotError):
            read(path)


def town(data: bytes) -> None:
    """A commune's YAML file."""
    with contextlib.suppress(CallbotError):
        known = load_town(str(_file("town.yml", data)))
        known.calendar("accueil").say_now(datetime(2026, 11, 23, 11))


def learnt(data: bytes) -> None:
    """What was learnt: nlu.yml and intents.yml."""
    folder = Path(_FOLDER.name) / f"learnt-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    for name in (learned.LEARNT_NLU, learned.INTENTS):
        (folder / name).write_bytes(data)
        with contextlib.suppress(CallbotError):
            learned.read(folder).files()
        (folder / name).unlink()
    with contextlib.suppress(CallbotError):
        _EMPTY.with_learned(_file("intents.yml", data))


_EMPTY = Catalog(Path("/nonexistent"))


def settings(data: bytes) -> None:
    """The settings file."""
    os.environ["CALLBOT_CONFIG"] = str(_file("callbot.toml", data))
    try:
        with contextlib.suppress(CallbotError):
            load()
    finally:
        del os.environ["CALLBOT_CONFIG"]


def calendars(data: bytes) -> None:
    """iCalendar and JSON feeds, and how they are said."""
    try:
        events = feeds.dated(data, TODAY, date(2027, 1, 24), PARIS)
    except LiveError as error:
        assert str(error).isprintable()
        return
    if events:
        live_words.say_menu(events[:3], TODAY)
        live_words.say_agenda(events[:3], datetime(2026, 11, 23, 11))


def bikes(data: bytes) -> None:
    """GBFS documents, and how they are said."""
    for parse in (feeds_gbfs.discovery, feeds_gbfs.information, feeds_gbfs.vehicle_types):
        with contextlib.suppress(LiveError):
            parse(data)
    with contextlib.suppress(LiveError):
        for name in feeds_gbfs.information(data).names.values():
            live_words.station_name(name)
    with contextlib.suppress(LiveError):
        known = feeds_gbfs.status(data)
        known.updated.astimezone(PARIS)
        for station in known.stations.values():
            for zone in (PARIS, ZoneInfo("America/Guadeloupe"), ZoneInfo("Pacific/Noumea")):
                station.reported.astimezone(zone)
            live_words.say_station(
                "Gare", station, station.electric(feeds_gbfs.VehicleTypes(frozenset("e"), 0))
            )


def town_system(data: bytes) -> None:
    """What an Open311 server answers."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return
    with contextlib.suppress(CallbotError):
        item = open311._first(body)
        open311._number_or_token(item)
        open311._time_or_none(open311._text(item, "updated_datetime"))


def words(data: bytes) -> None:
    """What callers say or type: dates, numbers, addresses, names, needs."""
    text = _text(data)
    for asked in (False, True):
        found = values.values(text, TODAY, lone_number=asked, lone_day=asked)
        assert all(isinstance(value, str) and value for value in found.values())
        find_days(text, date(2024, 2, 29), asked)
    assert values.consent(text) in ("yes", "no", "")
    values.after_consent(text)
    values.find_spelled(text)
    values.without_days(text, TODAY)
    values.picked(text)
    for tell in _TELLS:
        tell(text)
    needs.split(text)
    for match in sounds.candidates(text[:300], STREETS, inside=True):
        assert match.name in STREETS


_TELLS: tuple[Callable[[str], object], ...] = (
    *(needs.is_unfinished, needs.ends_on_a_number, needs.asks_again, needs.is_follow_up, needs.is_aside),
    *(needs.begins_with_again, needs.lets_go, needs.is_beside_the_point, addresses.is_address),
    *(needs.wants_no_machine, needs.is_for_another, needs.is_beside, needs.asks_a_moment),
    needs.wants_appointment,
    *(needs.is_backchannel, needs.is_sales_pitch, needs.asks_status, needs.refuses_recording),
    *(needs.refuses, needs.wants_erasure, needs.sounds_dangerous, needs.other_language),
)


def masked(data: bytes) -> None:
    """What is kept of their words."""
    text = _text(data)
    mask(text)
    for slot in KINDS:
        mask(text[:50], slot)


def spool(data: bytes) -> None:
    """A sheet of a call that a dying server left."""
    sheet = Spool().sheet()
    sheet._path = _file("sheet.jsonl", data)
    with contextlib.suppress(ValueError):
        sheet.load()
        assert all(isinstance(entry, dict) for entry in sheet.entries)


def archive(data: bytes) -> None:
    """A backup; nothing of it may leave the folder it is unpacked into."""
    with tempfile.TemporaryDirectory(dir=_FOLDER.name) as folder:
        inside = Path(folder) / "in"
        inside.mkdir()
        with contextlib.suppress(CallbotError, OSError):
            backup._unpack(_file("backup.tar.gz", data), inside)
        assert os.listdir(folder) == ["in"]  # noqa: PTH208
        assert all(path.is_dir() or not path.is_symlink() for path in inside.rglob("*"))


def tar(data: bytes) -> None:
    """The same where the compression is right, so that what is in it is reached."""
    packed = io.BytesIO()
    with contextlib.closing(_gzip(packed)) as stream:
        stream.write(data)
    archive(packed.getvalue())


def _gzip(target: io.BytesIO) -> io.BufferedIOBase:
    import gzip

    return gzip.GzipFile(fileobj=target, mode="wb", compresslevel=1)


def tar_of(*members: tuple[str, bytes]) -> bytes:
    """An archive of these files, not compressed."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as made:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return target.getvalue()


def _wav(subtype: str, rate_hz: int, channels: int = 1) -> bytes:
    made = io.BytesIO()
    samples = np.linspace(-1, 1, 200 * channels, dtype="float32").reshape(-1, channels)
    soundfile.write(made, samples, rate_hz, subtype=subtype, format="WAV")
    return made.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


_MANIFEST = _json({"kind": backup.KIND, "made_at": "2026-11-23", "files": {backup.KEY: "0" * 64}})
_ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;TZID=Europe/Paris:20261124T100000\r\n"
    "DTEND;TZID=Europe/Paris:20261124T120000\r\nRRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=5\r\nEXDATE:20261201T090000Z\r\n"
    "SUMMARY:Marché de Noël\\, 2 €\r\nLOCATION:Salle des fêtes\\, 61000 Rivemont\r\nEND:VEVENT\r\n"
    "BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:20261125\r\nDURATION:P2D\r\nSUMMARY:Bac jaune\r\n"
    "CATEGORIES:tri,nord\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
_STATION = {
    **{"station_id": "1", "num_bikes_available": 3, "num_docks_available": 0, "is_installed": True},
    **{"is_renting": 1, "is_returning": True, "last_reported": "2026-11-23T10:00:00Z"},
    "vehicle_types_available": [{"vehicle_type_id": "e", "count": 2}],
}
_SPOOL = b"\n".join(
    _json(entry)
    for entry in (
        {"kind": "begin", "at": "2026-11-23T10:00:00", "linkedid": "17.0", "once": "a"},
        {"kind": "turn", "at": "2026-11-23T10:00:01", "number": 0, "move": "greet", "nbest": []},
        {"kind": "end", "at": "2026-11-23T10:00:09", "result": "DONE", "destination": "", "reason": ""},
    )
)
_EVENTS = (
    b"Event: QueueCallerJoin\r\nQueue: standard\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\n\r\n"
    b"Event: AgentConnect\r\nQueue: standard\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\nHoldTime: 12\r\n"
    b"Interface: PJSIP/op1\r\n\r\nEvent: AgentComplete\r\nQueue: standard\r\nLinkedid: 1.1\r\n"
    b"TalkTime: 60\r\n\r\n",
    b"Event: QueueParams\r\nQueue: standard\r\nTalkTime: 30\r\nHoldtime: 5\r\n\r\nEvent: QueueMember\r\n"
    b"Queue: standard\r\nLocation: PJSIP/op1\r\nName: op\r\nStatus: 1\r\nPaused: 0\r\n\r\n"
    b"Event: QueueEntry\r\nQueue: standard\r\nUniqueid: 1.1\r\nWait: 9\r\n\r\n",
    b"Response: Success\r\nActionID: 1\r\nEventList: start\r\n\r\nEvent: CoreShowChannel\r\n"
    b"Channel: PJSIP/a-1\r\nLinkedid: 1.1\r\nUniqueid: 1.1\r\nApplication: Queue\r\n"
    b"BridgeId: b\r\nChanVariable: A=b\r\n\r\n",
)

TARGETS: dict[str, Target] = {
    "agi": Target(
        agi,
        (
            b"200 result=48 endpos=1600\n200 result=-1 endpos=0\n520-Invalid\nHANGUP",
            b"agi_channel: PJSIP/a-1\nagi_callerid: 0612345678\nagi_arg_2: 17.0\n\n200 result=1 (timeout)",
        ),
    ),
    "manager": Target(manager, _EVENTS),
    "sound": Target(
        sound,
        (_wav("PCM_16", 8000), _wav("FLOAT", 16000, 2), _wav("ALAW", 8000), _wav("IMA_ADPCM", 8000)),
    ),
    "rows": Target(
        rows,
        (
            b"id,utterance,text\na,je voudrais un acte,\n",
            b'id,path\na,"x.wav"\n',
            b"scenario,turn,utterance,expected\ns,1,bonjour,intent:a + greet\ns,2,,wait\n",
        ),
    ),
    "town": Target(
        town,
        (
            b"name: R\nservices:\n  accueil: &a\n    name: l'accueil\n"
            b"    hours: {lundi: '8:30-12:00, 13:30-17:30'}\n"
            b"    closures: [{first: 2026-12-24, last: 2026-12-24, reason: x}]\n  autre: *a\n"
            b"numbers: ['02 61 91 12 00']\nstreets: [rue Pasteur]\nholidays: '57'\n",
            b"name: R\nlive: {zone: Europe/Paris, menu: {path: m.ics, refresh_s: 60}}\n"
            b"services: {accueil: {name: a, hours: {lundi: '8:30-12:00'}}}\n",
        ),
    ),
    "learnt": Target(
        learnt,
        (
            b'version: "3.1"\nnlu:\n  - intent: a_b\n    examples: |\n      - un composteur\n',
            b'a_b:\n  service: dechets\n  kind: info\n  name: "un composteur"\n  answer: "Venez {{ici}}."\n',
        ),
    ),
    "settings": Target(
        settings,
        (
            b"state_dir = '~/x'\ntown = 'rivemont'\nsample_rate_hz = 8000\ntext_origins = ['https://x.fr']\n",
            b"pretend_now = 2026-11-23T10:00:00\nconsole_trusted_proxies = ['127.0.0.1']\n"
            b"recording_share = 0.5\n",
        ),
    ),
    "calendars": Target(
        calendars,
        (
            _ICS.encode(),
            _json([{"date": "2026-11-28", "title": "Marché", "time": "10:00", "place": "place"}]),
            _json([{"date": "2026-11-23", "items": ["riz", "compote à 2,50 € n° 3"]}]),
        ),
    ),
    "bikes": Target(
        bikes,
        tuple(
            _json({"last_updated": 1795000000, "ttl": 60, "version": "2.3", "data": data})
            for data in (
                {"fr": {"feeds": [{"name": "station_status", "url": "https://x.fr/s"}]}},
                {"stations": [{"station_id": "1", "name": [{"text": "012 - GARE", "language": "fr"}]}]},
                {"stations": [_STATION]},
                {"vehicle_types": [{"vehicle_type_id": "e", "propulsion_type": "electric"}]},
            )
        ),
    ),
    "town_system": Target(
        town_system,
        (
            _json([{"service_request_id": 7, "status": "open", "updated_datetime": "2026-11-23T10:00:00Z"}]),
            _json({"service_requests": {"request": {"token": "t", "status_notes": "vu"}}}),
        ),
    ),
    "words": Target(
        words,
        tuple(
            said.encode()
            for said in (
                "oui alors mon numéro c'est le zéro six douze trente-quatre cinquante-six soixante-dix-huit",
                "mardi douze mai à quatorze heures trente plutôt non pardon jeudi en huit fin mars",
                "devant le dix-sept bis rue pasteur en face de l'école et puis je voudrais un acte",
                "d comme denis u deux p tiret o n accent aigu t, ma demande numéro mille deux",
            )
        ),
    ),
    "masked": Target(
        masked,
        tuple(
            said.encode()
            for said in (
                "je m'appelle Jean-Pierre Dupont, 12 rue Pasteur, 06 12 34 56 78, jean.dupont@orange.fr",
                "mon numéro de sécu c'est 1 84 12 76 451 089 46 et l'iban FR76 3000 6000 0112 3456 7890 189",
                "jean point dupont arobase orange point fr madame le goff née le trois mai mille neuf cent",
            )
        ),
    ),
    "spool": Target(spool, (_SPOOL,)),
    "archive": Target(archive, (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",)),
    "tar": Target(
        tar,
        (
            tar_of((backup.KEY, b"k" * 32), ("spool/1.jsonl", _SPOOL), (backup.MANIFEST, _MANIFEST)),
            tar_of(("learned/../../x", b"x"), ("/etc/x", b"x"), (backup.MANIFEST, _MANIFEST)),
        ),
    ),
}
SHIPPED_TOWN = COMMUNES / "rivemont.yml"
