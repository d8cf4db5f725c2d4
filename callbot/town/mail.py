"""Requests handed to the services' mailboxes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import smtplib
import ssl
from datetime import UTC, datetime, tzinfo
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Annotated, Literal

import phonenumbers
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from callbot.errors import DeliveryError
from callbot.town.spoken import MONTHS, WEEKDAYS
from callbot.types import Delivery

Address = Annotated[str, Field(pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$")]
"""An e-mail address (RFC 5322, dot-atom): nothing in it can end a header or begin another."""
MAX_SUBJECT = 150
LIMITS = 4
"""A whole conversation may take so many times the patience with one reply."""


class MailConfig(BaseModel):
    """Whose mailbox takes a town's requests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: dict[str, Address] = Field(default_factory=dict, description="Mailbox by service.")
    other: Address | Literal[""] = Field("", description="Mailbox of all other services; empty: none.")

    def mailbox(self, service: str) -> str:
        """Where a service's requests go, empty when they don't go by mail."""
        return self.to.get(service, self.other)


class SmtpConfig(BaseModel):
    """The server that takes our mail."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)  # it holds a password

    host: str = Field(min_length=1)
    port: int = Field(587, ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "starttls"
    user: str = Field("", description="Empty: the server knows us by our address.")
    password: SecretStr = SecretStr("")
    sender: Address = Field(description="Stands in From.")
    timeout_ms: int = Field(10000, ge=500, le=30000, description="Patience with one reply.")

    @model_validator(mode="after")
    def _no_password_in_clear(self) -> SmtpConfig:
        if self.user and self.security == "none":
            raise ValueError("a user and password need security starttls or tls")
        return self


class MailSender:
    """Hands drafts to the mailbox of their service.

    A draft's content: service (its key), reference, name, description, phone, requested_at (ISO 8601, UTC).

    An SMTP server can't be asked whether it has a message: one whose try ended nobody knows how is sent
    again, under the same Message-ID, by which mailboxes tell the second copy.

    Args:
        zone: in which it tells the hour; None: the machine's.
    """

    def __init__(self, smtp: SmtpConfig, mail: MailConfig, zone: tzinfo | None = None) -> None:
        self._smtp = smtp
        self._mail = mail
        self._zone = zone

    async def send(self, delivery: Delivery) -> str:
        """Give it to the server; its number is the Message-ID.

        Raises:
            DeliveryError: see Sender.send.
        """
        service = delivery.draft.content["service"]
        if not (to := self._mail.mailbox(service)):
            raise DeliveryError(f"mail of the town file has no mailbox for {service}", final=True)
        message = compose(delivery, self._smtp.sender, to, self._zone)
        try:
            async with asyncio.timeout(self._smtp.timeout_ms / 1000 * LIMITS):
                await asyncio.to_thread(self._give, message)
        except TimeoutError as error:
            raise DeliveryError("the mail server did not answer in time", unsure=True) from error
        return str(message["Message-ID"])

    async def find(self, delivery: Delivery) -> str | None:
        """Nobody can be asked."""
        return None

    def _give(self, message: EmailMessage) -> None:
        try:
            server = self._connect()
        except (smtplib.SMTPException, OSError) as error:
            # Even a 5xx here is about us (password, address), not about this request: people will mend it.
            raise DeliveryError(f"the mail server can't be used: {_brief(error)}") from error
        try:
            server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, _text),) = error.recipients.values()
            raise DeliveryError(f"the mail server refuses the mailbox: {code}", final=code >= 500) from error
        except smtplib.SMTPResponseException as error:
            final = error.smtp_code >= 500
            raise DeliveryError(f"the mail server refuses: {error.smtp_code}", final) from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(f"the mail server broke off: {_brief(error)}", unsure=True) from error
        else:
            with contextlib.suppress(smtplib.SMTPException, OSError):  # it has the message
                server.quit()
        finally:
            server.close()

    def _connect(self) -> smtplib.SMTP:
        config, limit_s = self._smtp, self._smtp.timeout_ms / 1000
        if config.security == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                config.host, config.port, timeout=limit_s, context=context
            )
        else:
            server = smtplib.SMTP(config.host, config.port, timeout=limit_s)
        try:
            if config.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if config.user:
                server.login(config.user, config.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server


def compose(delivery: Delivery, sender: str, to: str, zone: tzinfo | None = None) -> EmailMessage:
    """The message: whoever sends it, and however often, it is the same but for its Date."""
    content, key = delivery.draft.content, delivery.draft.key
    title = _line(f"Demande {content['reference']} : {content['name']}")
    received = datetime.fromisoformat(content["requested_at"])
    received = (received if received.tzinfo else received.replace(tzinfo=UTC)).astimezone(zone)
    message = EmailMessage()
    message["Subject"] = title[:MAX_SUBJECT]
    message["From"] = sender
    message["To"] = to
    message["Date"] = format_datetime(datetime.now(UTC))
    identity = hashlib.sha256(key.encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{identity}@{sender.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answering machine answers
    message.set_content(
        "\n".join(
            (
                title,
                f"Reçue par téléphone le {_written(received)}",
                f"Téléphone : {written_phone(content.get('phone', '')) or 'non communiqué'}",
                "",
                content["description"],
                "",
                "-- ",
                "Message envoyé par le standard automatique de la mairie.",
                f"Si vous le recevez deux fois, il s'agit de la même demande ({_line(key)}).",
                "",
            )
        )
    )
    return message


def written_phone(number: str) -> str:
    """`+33612345678` -> 06 12 34 56 78; what is no number stays as it is."""
    try:
        parsed = phonenumbers.parse(number, "FR")
    except phonenumbers.NumberParseException:
        return _line(number)
    if not phonenumbers.is_possible_number(parsed):
        return _line(number)
    french = parsed.country_code == 33
    kind = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(parsed, kind.NATIONAL if french else kind.INTERNATIONAL)


def _written(moment: datetime) -> str:
    day = f"{WEEKDAYS[moment.weekday()]} {moment.day} {MONTHS[moment.month - 1]} {moment.year}"
    return f"{day} à {moment:%H:%M}"


def _line(text: str) -> str:
    """One line without control characters, whatever came in."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text).split())


def _brief(error: Exception) -> str:
    """An error without what a server said: it may cite the message."""
    code = getattr(error, "smtp_code", "")
    return f"{type(error).__name__} {code}".strip()
