"""Requests by mail, against a real SMTP server (aiosmtpd)."""

import email.policy
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from pydantic import ValidationError

from callbot.errors import DeliveryError
from callbot.town.mail import MailConfig, MailSender, SmtpConfig, compose, written_phone
from callbot.types import Delivery, Draft

BOX = "voirie@rivemont.example"
CONTENT = {
    "intent": "voirie_nid_de_poule",
    "service": "voirie",
    "reference": "1042",
    "name": "signaler un nid-de-poule",
    "description": "Signaler un nid-de-poule\nAdresse : 17 rue de l’Œuvre\nRepère : devant l'école",
    "address": "17 rue de l’Œuvre, Rivemont",
    "phone": "+33612345678",
    "requested_at": "2026-11-23T11:05:00+00:00",
}


def delivery(key: str = "1042-3f9c0a", **changes: str) -> Delivery:
    return Delivery(1, "rivemont", Draft("mail", key, CONTENT | changes))


@pytest.fixture(autouse=True)
def in_france(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Days and hours told are those of the server's time zone."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Paris")
        time.tzset()
        yield
    time.tzset()


class Mailbox:
    """Keeps what it is given; `replies` are what it says, in turn, when it is told to refuse."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refuse_rcpt = ""
        self.refuse_data: list[str] = []

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if self.refuse_rcpt:
            return self.refuse_rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        parser = BytesParser(policy=email.policy.SMTP)
        message = parser.parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        reply = self.refuse_data.pop(0) if self.refuse_data else "250 OK"
        if reply.startswith("250"):
            self.messages.append(message)
        if reply == "250 then hangs up":
            server.transport.abort()
        return reply


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def server(mailbox: Mailbox) -> Iterator[Controller]:
    with_server = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    with_server.start()
    yield with_server
    with_server.stop()


def free_port() -> int:
    """aiosmtpd wants to know its port beforehand."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def sender(port: int, mail: MailConfig | None = None, **more: Any) -> MailSender:
    given = {"host": "127.0.0.1", "security": "none", "sender": "robot@rivemont.example", "timeout_ms": 2000}
    return MailSender(
        SmtpConfig.model_validate({**given, "port": port, **more}), mail or MailConfig(to={"voirie": BOX})
    )


async def test_a_request_is_a_readable_message(server: Controller, mailbox: Mailbox) -> None:
    remote = await sender(server.port).send(delivery())
    (message,) = mailbox.messages
    assert message["Subject"] == "Demande 1042 : signaler un nid-de-poule"
    assert message["To"] == BOX
    assert message["From"] == "robot@rivemont.example"
    assert message["Message-ID"] == remote
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    lines = message.get_content().splitlines()
    assert lines[0] == "Demande 1042 : signaler un nid-de-poule"
    assert lines[1] == "Reçue par téléphone le lundi 23 novembre 2026 à 12:05"
    assert lines[2] == "Téléphone : 06 12 34 56 78"
    assert lines[4:7] == CONTENT["description"].splitlines()


def test_the_hour_is_the_towns() -> None:
    message = compose(delivery(), "robot@x", BOX, ZoneInfo("Indian/Reunion"))
    assert "le lundi 23 novembre 2026 à 15:05" in message.get_content()


async def test_a_second_try_has_the_same_identity_another_request_another(
    server: Controller, mailbox: Mailbox
) -> None:
    mailer = sender(server.port)
    first, again = await mailer.send(delivery()), await mailer.send(delivery())
    other = await mailer.send(delivery("1043-3f9c0a"))
    assert first == again != other
    assert re.fullmatch(r"<[0-9a-f]{32}@rivemont\.example>", first)
    assert await mailer.find(delivery()) is None


async def test_nothing_a_caller_says_becomes_a_header(server: Controller, mailbox: Mailbox) -> None:
    nasty = "x\r\nBcc: tous@rivemont.example\r\n\r\nAchetez\u2028Cc: y@z\x0bTo: a@b\x85X: y"
    changes = dict.fromkeys(("reference", "name", "description", "phone"), nasty)
    await sender(server.port).send(delivery(nasty, **changes))
    (message,) = mailbox.messages
    assert set(message.keys()) <= {
        *("Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "X-Peer", "X-MailFrom"),
        *("X-RcptTo", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    }
    assert message["To"] == BOX
    assert not message.defects


async def test_each_service_has_its_mailbox(server: Controller, mailbox: Mailbox) -> None:
    mail = MailConfig(to={"voirie": BOX}, other="accueil@rivemont.example")
    await sender(server.port, mail).send(delivery(service="sport"))
    assert mailbox.messages[0]["To"] == "accueil@rivemont.example"
    with pytest.raises(DeliveryError, match="no mailbox for sport") as caught:
        await sender(server.port).send(delivery(service="sport"))
    assert caught.value.final


@pytest.mark.parametrize(
    ("reply", "final"), [("550 inconnu 06 12", True), ("450 plus tard", False), ("452 plein", False)]
)
async def test_the_servers_word_is_final_or_not(
    server: Controller, mailbox: Mailbox, reply: str, final: bool
) -> None:
    mailbox.refuse_rcpt = reply
    with pytest.raises(DeliveryError, match=reply[:3]) as caught:
        await sender(server.port).send(delivery())
    assert (caught.value.final, caught.value.unsure) == (final, False)
    assert "06 12" not in str(caught.value)
    mailbox.refuse_rcpt, mailbox.refuse_data = "", [reply]
    with pytest.raises(DeliveryError, match=reply[:3]) as caught:
        await sender(server.port).send(delivery())
    assert (caught.value.final, caught.value.unsure) == (final, False)
    assert mailbox.messages == []


async def test_cut_off_before_the_receipt_it_may_have_arrived(server: Controller, mailbox: Mailbox) -> None:
    mailbox.refuse_data = ["250 then hangs up"]
    mailer = sender(server.port)
    with pytest.raises(DeliveryError, match="broke off") as caught:
        await mailer.send(delivery())
    assert caught.value.unsure
    assert not caught.value.final
    await mailer.send(delivery())
    assert len({message["Message-ID"] for message in mailbox.messages}) == 1


async def test_nobody_there(mailbox: Mailbox) -> None:
    with pytest.raises(DeliveryError, match="can't be used: ConnectionRefusedError") as caught:
        await sender(free_port()).send(delivery())
    assert (caught.value.final, caught.value.unsure) == (False, False)


async def test_a_server_that_says_nothing() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as dumb,
        pytest.raises(DeliveryError, match="can't be used") as caught,
    ):
        await sender(dumb.getsockname()[1], timeout_ms=500).send(delivery())
    assert not caught.value.final


async def test_a_receipt_counts_though_the_goodbye_fails() -> None:
    """A server of a few lines: it takes the message and hangs up before QUIT is answered."""
    got: list[bytes] = []

    def serve() -> None:
        line, _ = listener.accept()
        with line, line.makefile("rb") as reader:
            line.sendall(b"220 x\r\n")
            for command in iter(reader.readline, b""):
                if command.upper().startswith(b"DATA"):
                    line.sendall(b"354 go\r\n")
                    while (text := reader.readline()) != b".\r\n":
                        got.append(text)
                    line.sendall(b"250 taken\r\n")
                    return
                line.sendall(b"250 x\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        assert await sender(listener.getsockname()[1]).send(delivery())
        thread.join()
    assert got


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    crt, key = tmp_path / "crt.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-keyout", str(key), "-out", str(crt), "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return crt, key


@pytest.fixture
def secured(mailbox: Mailbox, certificate: tuple[Path, Path]) -> Iterator[Controller]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"robot", b"s3cret"), handled=False)

    with_server = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=authenticate,
        auth_required=True,
    )
    with_server.start()
    yield with_server
    with_server.stop()


async def test_with_a_password_and_starttls(
    secured: Controller,
    mailbox: Mailbox,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, more = secured.port, {"host": "localhost", "security": "starttls", "user": "robot"}
    with pytest.raises(DeliveryError, match="SSLCertVerificationError"):
        await sender(port, **more, password="s3cret").send(delivery())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    await sender(port, **more, password="s3cret").send(delivery())
    assert len(mailbox.messages) == 1
    with pytest.raises(DeliveryError, match="SMTPAuthenticationError 535") as caught:
        await sender(port, **more, password="wr0ng").send(delivery())
    assert not caught.value.final  # people will mend the password; no request is lost to it
    assert "wr0ng" not in str(caught.value)


async def test_with_tls_from_the_first_byte(
    mailbox: Mailbox, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with_server = Controller(mailbox, hostname="127.0.0.1", port=free_port(), ssl_context=context)
    with_server.start()
    try:
        await sender(with_server.port, host="localhost", security="tls").send(delivery())
    finally:
        with_server.stop()
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"sender": "robot"},
        {"sender": "robot@x.fr\nBcc: y@z.fr"},
        {"user": "robot", "password": "s3cret"},
        {"sender": "a@b.fr, c@d.fr"},
        {"tls": True},
    ],
)
def test_wrong_server_settings_are_refused_and_the_password_is_not_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        sender(25, **wrong)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(
        SmtpConfig.model_validate({"host": "h", "sender": "a@b.fr", "password": "s3cret"})
    )


@pytest.mark.parametrize("box", ["", "voirie", "a@b.fr\r\nX: y", "Voirie <a@b.fr>"])
def test_a_mailbox_is_an_address(box: str) -> None:
    with pytest.raises(ValidationError):
        MailConfig(to={"voirie": box})


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("0612345678", "06 12 34 56 78"),
        ("+33612345678", "06 12 34 56 78"),
        ("+447400123456", "+44 7400 123456"),
        ("poste 12\n", "poste 12"),
        ("", ""),
    ],
)
def test_numbers_are_written_as_people_write_them(number: str, written: str) -> None:
    assert written_phone(number) == written
