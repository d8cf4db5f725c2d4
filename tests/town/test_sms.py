"""Short messages: who gets one, what fits, and gateways that answer well and badly.

The HTTP gateway is a real HTTP server. The SMSC is a fake: it speaks as much SMPP 3.4 as is needed to take
messages, and refuses or falls silent when told to; no operator's server was ever asked.
"""

import json
import logging
import struct
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callbot.errors import DeliveryError, TownError
from callbot.town import sms
from callbot.town.sms import HttpSmsSender, SmppSmsSender, SmsConfig, e164, fit, gsm, may_send, within_limits
from callbot.types import Delivery, Draft

TO, TEXT, KEY = "+33612345678", "L’état civil est ouvert jusqu’à 17 h 30, place de l’Œuvre.", "sms-7f3a"
DELIVERY = Delivery(1, "rivemont", Draft("sms", KEY, {"to": TO, "text": TEXT}))
PLAIN = "L'état civil est ouvert jusqu'à 17 h 30, place de l'OEuvre."
HTTP = {"url": "https://sms.example/v1", "body": {"to": "{to}", "text": "{text}"}}


# ---- To whom


@pytest.mark.parametrize(
    ("number", "written", "refusal"),
    [
        ("06 12 34 56 78", "+33612345678", None),
        ("0033 6 12 34 56 78", "+33612345678", None),
        ("0690 12 34 56", "+590690123456", None),
        ("0694123456", "+594694123456", None),
        ("0696123456", "+596696123456", None),
        ("+262692123456", "+262692123456", None),
        ("02 61 91 12 00", "+33261911200", "landline"),
        ("0590 20 12 34", "+590590201234", "landline"),
        ("09 70 12 34 56", "+33970123456", "landline"),
        ("08 99 12 34 56", "+33899123456", "premium"),
        ("0800 12 34 56", "+33800123456", "premium"),
        ("+881612345678", "+881612345678", "premium"),
        ("+447400123456", "+447400123456", "abroad"),
        ("+34911234567", "+34911234567", "abroad"),
        ("3939", "", "invalid"),
        ("06 12 34", "", "invalid"),
        ("anonymous", "", "invalid"),
        ("", "", "invalid"),
    ],
)
def test_who_gets_a_message(number: str, written: str, refusal: str | None) -> None:
    assert e164(number) == written
    assert may_send(number, SmsConfig()) == refusal


def test_the_town_may_allow_more_but_never_dear_numbers() -> None:
    wide = SmsConfig(abroad=True, landlines=True)
    numbers = ("+447400123456", "+34911234567", "0261911200", "0899123456", "+881612345678", "+447012345678")
    assert [may_send(number, wide) for number in numbers] == [
        *(None, None, None, "premium", "premium"),
        "invalid",  # British « personal » numbers cost what their owner likes
    ]


def test_limits() -> None:
    config = SmsConfig(per_number_a_day=2, per_day=10)
    assert within_limits(0, 0, config)
    assert within_limits(1, 9, config)
    assert not within_limits(2, 5, config)
    assert not within_limits(0, 10, config)


# ---- What


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        (TEXT, PLAIN),
        ("déjà où è ù É à", "déjà où è ù É à"),
        ("« ça » : forêt, Noël, ÀÊÎ", '"ca" : foret, Noel, AEI'),
        ("n° 12 — 5 €… [x]", "no 12 - 5 €... [x]"),
        ("e\u0301te\u0301 1\u202f000", "été 1 000"),
        ("bravo 😀 ok\x07", "bravo ? ok"),
    ],
)
def test_letters_of_gsm(text: str, folded: str) -> None:
    assert gsm(text) == folded


@given(st.text(max_size=700))
def test_any_text_fits(text: str) -> None:
    cut = fit(text)
    assert gsm(cut) == cut
    assert len(sms.parts(cut)) <= sms.MAX_PARTS


@pytest.mark.parametrize(
    ("text", "count"),
    [("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2), ("", 1)],
)
def test_how_many_it_takes(text: str, count: int) -> None:
    assert len(sms.parts(text)) == count


def test_parts_lose_nothing_and_split_no_letter() -> None:
    text = ("a" * 152 + "€" + "b" * 200)[:400]
    cut = sms.parts(text)
    assert [len(part) for part in cut] == [152, 153, 49]
    assert b"".join(cut) == b"a" * 152 + b"\x1b\x65" + b"b" * 200
    assert cut[1].startswith(b"\x1b\x65")


def test_what_is_too_long_is_cut_after_a_word() -> None:
    words = " ".join(["mairie"] * 100)
    cut = fit(words)
    assert cut.endswith("mairie...")
    assert 440 <= len(cut) <= 459
    assert fit("x" * 1000).endswith("x...")


def test_a_town_file_is_told_beforehand() -> None:
    sms.check("a" * 459, "sms de voirie")
    with pytest.raises(TownError, match=r"sms de voirie: needs 4 SMS, 3 at most.*this one has 460"):
        sms.check("a" * 460, "sms de voirie")


# ---- What a town file may say


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"provider": "http"}, "go together"),
        ({"http": HTTP}, "go together"),
        ({"sender": "Mairie de Rivemont"}, "pattern"),
        ({"per_day": 0}, "greater than"),
        ({"provider": "http", "http": {**HTTP, "method": "GET"}}, "POST"),
        ({"provider": "http", "http": {**HTTP, "body": {"to": "{to}"}}}, "lacks {text}"),
        ({"provider": "http", "http": {**HTTP, "body": {**HTTP["body"], "a": ["{x}"]}}}, "unknown holes: x"),
        ({"provider": "http", "http": {**HTTP, "headers": {"A": "{secret}"}}}, "go together"),
        ({"provider": "http", "http": {**HTTP, "headers": {"A": "{to}"}}}, "in headers"),
        ({"provider": "http", "http": {**HTTP, "url": "https://x/?to={to}"}}, "pattern"),
        (
            {"provider": "http", "http": {**HTTP, "format": "form", "body": {"to": ["{to}", "{text}"]}}},
            "form",
        ),
        ({"provider": "smpp", "smpp": {"host": "h", "system_id": "x", "password_file": "/p"}}, "sender"),
        ({"secret": "s3cret"}, "Extra"),
    ],
)
def test_a_wrong_town_file_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SmsConfig.model_validate(wrong)
    assert said in str(caught.value)


# ---- A gateway over HTTP


class Gateway(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), GatewayHandler)
        self.status = 202
        self.hangs = False
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.closing = threading.Event()


class GatewayHandler(BaseHTTPRequestHandler):
    server: Gateway

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.command, {name.lower(): v for name, v in self.headers.items()}, raw))
        if self.server.hangs:
            self.server.closing.wait(5)
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PUT = do_POST


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
async def by_json(gateway: Gateway, tmp_path: Path) -> AsyncIterator[HttpSmsSender]:
    (tmp_path / "secret").write_text("s3cret\n")
    config = SmsConfig.model_validate(
        {
            "provider": "http",
            "sender": "Rivemont",
            "http": {
                "url": f"http://127.0.0.1:{gateway.server_port}/messages",
                "body": {
                    "receivers": [{"number": "{to}"}],
                    "message": "{text}",
                    "sender": "{sender}",
                    "tag": "callbot {key}",
                    "noStop": True,
                    "validity": 2880,
                    "options": "{}",
                },
                "headers": {"Authorization": "Bearer {secret}"},
                "secret_file": str(tmp_path / "secret"),
                "timeout_ms": 500,
            },
        }
    )
    made = HttpSmsSender(config)
    yield made
    await made.close()


async def test_a_message_by_json(gateway: Gateway, by_json: HttpSmsSender) -> None:
    assert await by_json.send(DELIVERY) == ""
    ((method, headers, raw),) = gateway.got
    assert (method, headers["authorization"], headers["idempotency-key"]) == ("POST", "Bearer s3cret", KEY)
    assert json.loads(raw) == {
        "receivers": [{"number": TO}],
        "message": PLAIN,
        "sender": "Rivemont",
        "tag": f"callbot {KEY}",
        "noStop": True,
        "validity": 2880,
        "options": "{}",
    }
    assert await by_json.find(DELIVERY) is None


async def test_what_a_text_says_is_no_hole(gateway: Gateway, by_json: HttpSmsSender) -> None:
    nasty = '{secret} {key}", "to": "+33699999999'
    await by_json.send(Delivery(1, "rivemont", Draft("sms", KEY, {"to": TO, "text": nasty})))
    sent = json.loads(gateway.got[0][2])
    assert sent["message"] == nasty
    assert sent["receivers"] == [{"number": TO}]


async def test_a_message_by_form(gateway: Gateway) -> None:
    url = f"http://127.0.0.1:{gateway.server_port}/send"
    http = {"url": url, "method": "PUT", "format": "form", "body": {"dest": "{to}", "msg": "{text}&x=1"}}
    made = HttpSmsSender(SmsConfig.model_validate({"provider": "http", "http": http}))
    await made.send(DELIVERY)
    await made.close()
    ((method, headers, raw),) = gateway.got
    assert method == "PUT"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(raw.decode()) == {"dest": [TO], "msg": [f"{PLAIN}&x=1"]}


@pytest.mark.parametrize(
    ("status", "final", "unsure"),
    [(400, True, False), (402, False, False), (429, False, False), (500, False, True), (301, False, False)],
)
async def test_refusals(
    gateway: Gateway,
    by_json: HttpSmsSender,
    status: int,
    final: bool,
    unsure: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway.status = status
    with caplog.at_level(logging.DEBUG), pytest.raises(DeliveryError, match=str(status)) as caught:
        await by_json.send(DELIVERY)
    assert (caught.value.final, caught.value.unsure) == (final, unsure)
    for private in ("s3cret", "612345678", "civil"):
        assert private not in str(caught.value)
        assert private not in caplog.text


async def test_a_gateway_that_hangs_is_unsure_and_gets_the_same_key_again(
    gateway: Gateway, by_json: HttpSmsSender
) -> None:
    gateway.hangs = True
    with pytest.raises(DeliveryError) as caught:
        await by_json.send(DELIVERY)
    assert caught.value.unsure
    gateway.hangs = False
    await by_json.send(DELIVERY)
    assert [headers["idempotency-key"] for _, headers, _ in gateway.got] == [KEY, KEY]


# ---- A gateway over SMPP: a fake


class FakeSmsc(ThreadingTCPServer):
    """`statuses` answer the submits in turn, 0 when there is none left; None: it hangs up, -1: it is mute."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FakeSmscHandler)
        self.bind_status = 0
        self.statuses: list[int | None] = []
        self.submits: list[dict[str, Any]] = []
        self.unbound = 0
        self.mute = False
        self.closing = threading.Event()


class FakeSmscHandler(StreamRequestHandler):
    server: FakeSmsc

    def reply(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        self.wfile.write(struct.pack(">4I", 16 + len(body), command, status, sequence) + body)

    def handle(self) -> None:
        while len(head := self.rfile.read(16)) == 16:
            length, command, _, sequence = struct.unpack(">4I", head)
            body = self.rfile.read(length - 16)
            if self.server.mute:
                self.server.closing.wait(5)
                return
            match command:
                case 0x00000002:  # bind_transmitter
                    system_id, password, *_ = body.split(b"\0")
                    good = (system_id, password) == (b"rivemont", b"s3cret")
                    self.reply(0x80000002, self.server.bind_status if good else 0x0E, sequence, b"fake\0")
                case 0x00000004:  # submit_sm
                    self.server.submits.append(submit_sm(body))
                    status = self.server.statuses.pop(0) if self.server.statuses else 0
                    if status is None:
                        return
                    if status < 0:
                        continue
                    self.reply(0x00000015, 0, 7)  # enquire_link: servers do ask in between
                    number = f"id-{len(self.server.submits)}\0".encode()
                    self.reply(0x80000004, status, sequence, b"" if status else number)
                case 0x00000006:  # unbind
                    self.server.unbound += 1
                    self.reply(0x80000006, 0, sequence)


def submit_sm(body: bytes) -> dict[str, Any]:
    """The fields of a submit_sm, SMPP 3.4, 4.4.1."""
    _service, rest = body.split(b"\0", 1)
    source, rest2 = rest[2:].split(b"\0", 1)
    target, rest3 = rest2[2:].split(b"\0", 1)
    esm_class = rest3[0]
    _schedule, _validity, rest4 = rest3[3:].split(b"\0", 2)
    _delivery, _replace, coding, _default, length = rest4[:5]
    return {
        "source": (rest[0], source),
        "target": (rest2[0], target),
        "esm_class": esm_class,
        "coding": coding,
        "text": rest4[5 : 5 + length],
    }


@pytest.fixture
def smsc() -> Iterator[FakeSmsc]:
    with FakeSmsc() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


def by_smpp(
    smsc: FakeSmsc, tmp_path: Path, password: str = "s3cret", sender: str = "Rivemont"
) -> SmppSmsSender:
    (tmp_path / "password").write_text(password)
    gateway = {
        "host": "127.0.0.1",
        "port": smsc.server_address[1],
        "system_id": "rivemont",
        "password_file": str(tmp_path / "password"),
        "timeout_ms": 500,
    }
    return SmppSmsSender(SmsConfig.model_validate({"provider": "smpp", "sender": sender, "smpp": gateway}))


async def test_a_message_by_smpp(smsc: FakeSmsc, tmp_path: Path) -> None:
    assert await by_smpp(smsc, tmp_path).send(DELIVERY) == "id-1"
    assert smsc.submits == [
        {
            "source": (5, b"Rivemont"),
            "target": (1, b"33612345678"),
            "esm_class": 0,
            "coding": 0,
            "text": b"".join(sms.parts(PLAIN)),
        }
    ]
    assert smsc.unbound == 1


async def test_a_long_message_in_parts_that_belong_together(smsc: FakeSmsc, tmp_path: Path) -> None:
    text = " ".join(f"mot{number}" for number in range(60))
    long = Delivery(1, "rivemont", Draft("sms", KEY, {"to": TO, "text": text}))
    smpp = by_smpp(smsc, tmp_path, sender="+33261911200")
    assert await smpp.send(long) == "id-1"
    await smpp.send(long)
    heads = [submit["text"][:6] for submit in smsc.submits]
    number = heads[0][3]
    assert heads == [bytes([5, 0, 3, number, 3, at]) for at in (1, 2, 3)] * 2  # the same when sent again
    assert b"".join(submit["text"][6:] for submit in smsc.submits[:3]).decode() == text
    assert {submit["esm_class"] for submit in smsc.submits} == {0x40}
    assert smsc.submits[0]["source"] == (1, b"33261911200")


@pytest.mark.parametrize(("status", "final"), [(0x0B, True), (0x58, False), (0x14, False), (0x08, False)])
async def test_the_fake_smsc_refuses(smsc: FakeSmsc, tmp_path: Path, status: int, final: bool) -> None:
    smsc.statuses = [status]
    with pytest.raises(DeliveryError, match=f"SMPP status {status}$") as caught:
        await by_smpp(smsc, tmp_path).send(DELIVERY)
    assert (caught.value.final, caught.value.unsure) == (final, False)


@pytest.mark.parametrize("silence", [None, -1])
async def test_the_fake_smsc_takes_a_message_and_says_no_more(
    smsc: FakeSmsc, tmp_path: Path, silence: int | None
) -> None:
    smsc.statuses = [silence]
    with pytest.raises(DeliveryError, match="broke off") as caught:
        await by_smpp(smsc, tmp_path).send(DELIVERY)
    assert caught.value.unsure


async def test_the_fake_smsc_says_nothing_or_wants_another_password(
    smsc: FakeSmsc, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(DeliveryError, match="can't be used: 14") as caught:
        await by_smpp(smsc, tmp_path, "wr0ng").send(DELIVERY)
    assert (caught.value.final, caught.value.unsure) == (False, False)
    assert b"wr0ng".hex() not in caplog.text
    smsc.mute = True
    with pytest.raises(DeliveryError, match="can't be used"):
        await by_smpp(smsc, tmp_path).send(DELIVERY)
    assert smsc.submits == []


async def test_nobody_there(smsc: FakeSmsc, tmp_path: Path) -> None:
    made = by_smpp(smsc, tmp_path)
    smsc.shutdown()
    smsc.server_close()
    with pytest.raises(DeliveryError, match="can't be used") as caught:
        await made.send(DELIVERY)
    assert (caught.value.final, caught.value.unsure) == (False, False)


def test_a_password_too_long_for_smpp_is_told(smsc: FakeSmsc, tmp_path: Path) -> None:
    with pytest.raises(TownError, match="8 characters"):
        by_smpp(smsc, tmp_path, "unmotdepasse")


def test_without_smpplib_the_town_is_told_what_to_install(smsc: FakeSmsc, tmp_path: Path) -> None:
    """In a process of its own, where smpplib can't be imported; the module itself needs none."""
    program = (
        "import sys; sys.modules['smpplib'] = None\n"
        "from callbot.town.sms import SmppSmsSender, SmsConfig\n"
        "part = {'host': 'h', 'system_id': 'x', 'password_file': '/p'}\n"
        "SmppSmsSender(SmsConfig.model_validate({'provider': 'smpp', 'sender': 'X', 'smpp': part}))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "TownError: sms: provider smpp needs smpplib: pip install 'callbot[smpp]'" in ran.stderr
