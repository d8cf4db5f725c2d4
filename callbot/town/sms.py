"""Short messages: to whom one may be sent, what fits into one, and the gateways that send it.

GSM 03.38 (3GPP TS 23.038) gives a character 7 bits: 160 to a message, 153 to each part of a longer one.
Its 128 letters hold é è à ù, but neither ê nor œ: one of these would more than double the price.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib
import json
import logging
import re
import unicodedata
from typing import Any, Literal

import httpx
import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType
from pydantic import BaseModel, ConfigDict, Field, model_validator

from callbot.errors import DeliveryError, TownError
from callbot.town.delivery import SecretFile, exchange, read_secret
from callbot.types import Delivery

Refusal = Literal["invalid", "landline", "abroad", "premium"]
"""Why a number gets no message."""

MAX_PARTS = 3
_SINGLE, _PART = 160, 153
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = {
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
_CODES = {char: bytes([code]) for code, char in enumerate(_BASIC) if char != "\x1b"} | {
    char: bytes([0x1B, code]) for char, code in _EXTENDED.items()
}
_FOLDED = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "«": '"', "»": '"', "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."}
    | {"œ": "oe", "Œ": "OE", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "°": "o", "\r": None}
)
_GUILLEMETS = re.compile(r"(?<=«)[ \u00a0\u202f]+|[ \u00a0\u202f]+(?=»)")

_FRENCH_CODES = (33, 590, 594, 596, 262, 508)
"""France and its overseas departments, whose numbers are dialled 0X XX XX XX XX from everywhere in France."""
_FRENCH_REGIONS = frozenset({"FR", "GP", "BL", "MF", "GF", "MQ", "RE", "YT", "PM"})
_NO_COUNTRY = "001"
"""Satellites and the like, which cost what they like."""
_DEAR = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.UAN,
    }
)
_LANDLINE = frozenset({PhoneNumberType.FIXED_LINE, PhoneNumberType.VOIP})
_MOBILE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})

_HOLE = re.compile(r"\{(\w+)\}")
_HOLES = frozenset({"to", "text", "key", "sender", "secret"})
_CONVERSATION = 4
"""A whole SMPP session may take so many times the patience with one answer."""
# SMPP 3.4, 5.1.3: what is wrong with this very message; anything else may pass.
_SMPP_FINAL = frozenset({0x01, 0x0A, 0x0B, 0x48, 0x49, 0x50, 0x51, 0x65})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpGateway(_Strict):
    """A provider's HTTP API, whichever it is."""

    url: str = Field(pattern=r"^https?://[^\s{}]+$")
    method: Literal["POST", "PUT"] = Field("POST", description="No GET: numbers would stand in logs.")
    format: Literal["json", "form"] = "json"
    body: dict[str, Any] = Field(
        description="What is sent; {to} (+33612345678), {text}, {key}, {sender} and {secret} are filled in."
    )
    headers: dict[str, str] = Field(
        default_factory=dict, description="As Authorization: Bearer {secret}; {key} too."
    )
    secret_file: SecretFile | None = Field(None, description="File that holds {secret}, on one line.")
    timeout_ms: int = Field(8000, ge=500, le=30000, description="Patience with the answer.")

    @model_validator(mode="after")
    def _holes(self) -> HttpGateway:
        body, headers = (set(_HOLE.findall(json.dumps(part))) for part in (self.body, self.headers))
        if unknown := (body | headers) - _HOLES:
            raise ValueError(f"unknown holes: {', '.join(sorted(unknown))}")
        if missing := {"to", "text"} - body:
            raise ValueError(f"body lacks {{{'} and {'.join(sorted(missing))}}}")
        if leaking := headers & {"to", "text"}:
            raise ValueError(f"no {{{'}, {'.join(sorted(leaking))}}} in headers")
        if ("secret" in body | headers) != (self.secret_file is not None):
            raise ValueError("{secret} and secret_file go together")
        if self.format == "form" and not all(isinstance(value, str) for value in self.body.values()):
            raise ValueError("a form holds texts only")
        return self


class SmppGateway(_Strict):
    """A provider's SMPP 3.4 server."""

    host: str = Field(min_length=1)
    port: int = Field(2775, ge=1, le=65535)
    system_id: str = Field(pattern=r"^[!-~]{1,15}$")
    password_file: SecretFile = Field(description="At most 8 characters, by SMPP.")
    timeout_ms: int = Field(10000, ge=500, le=30000, description="Patience with one answer.")


class SmsConfig(_Strict):
    """How a town sends messages to its callers, and how many."""

    provider: Literal["outbox", "http", "smpp"] = Field(
        "outbox", description="outbox: they stay there, for a program of the town's to collect."
    )
    http: HttpGateway | None = None
    smpp: SmppGateway | None = None
    sender: str = Field(
        "",
        pattern=r"^([A-Za-z0-9 ]{1,11}|\+?[0-9]{3,15})?$",
        description="Who it comes from: up to 11 letters and digits, or a number.",
    )
    abroad: bool = Field(False, description="Foreign numbers too.")
    landlines: bool = Field(False, description="Landlines too: some operators read them out.")
    per_number_a_day: int = Field(3, ge=1, description="To one number.")
    per_day: int = Field(500, ge=1, description="In all: what a day may cost.")

    @model_validator(mode="after")
    def _has_its_gateway(self) -> SmsConfig:
        for name, gateway in (("http", self.http), ("smpp", self.smpp)):
            if (self.provider == name) != (gateway is not None):
                raise ValueError(f"provider {name} and the part {name} go together")
        if self.smpp and not self.sender:
            raise ValueError("smpp needs a sender")
        return self


# ---- To whom


def may_send(number: str, config: SmsConfig) -> Refusal | None:
    """Why this number gets no message; None: it may get one. Limits apart: see `within_limits`."""
    parsed = _parse(number)
    if parsed is None:
        return "invalid"
    kind, region = phonenumbers.number_type(parsed), phonenumbers.region_code_for_number(parsed)
    if kind in _DEAR or region == _NO_COUNTRY:
        return "premium"
    if region not in _FRENCH_REGIONS and not config.abroad:
        return "abroad"
    if kind in _LANDLINE:
        return None if config.landlines else "landline"
    return None if kind in _MOBILE else "invalid"


def e164(number: str) -> str:
    """`06 12 34 56 78` -> +33612345678, `0692 12 34 56` -> +262692123456; empty when it is no number."""
    parsed = _parse(number)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if parsed else ""


def within_limits(sent_to_number_today: int, sent_today: int, config: SmsConfig) -> bool:
    """May one more be sent, after so many?"""
    return sent_to_number_today < config.per_number_a_day and sent_today < config.per_day


def _parse(number: str) -> PhoneNumber | None:
    """A number that can exist, None for others."""
    try:
        parsed = phonenumbers.parse(number, "FR")
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_valid_number(parsed):
        return parsed
    if parsed.country_code != _FRENCH_CODES[0]:
        return None
    overseas = (
        PhoneNumber(country_code=code, national_number=parsed.national_number) for code in _FRENCH_CODES[1:]
    )
    return next(filter(phonenumbers.is_valid_number, overseas), None)


# ---- What


def gsm(text: str) -> str:
    """The text in letters of GSM 03.38: typographic signs made plain, accents it lacks dropped."""
    plain = _GUILLEMETS.sub("", text).translate(_FOLDED)
    folded = []
    for char in unicodedata.normalize("NFC", plain):
        base = char if char in _CODES else unicodedata.normalize("NFKD", char)
        kept = "".join(part for part in base if part in _CODES)
        folded.append(kept or ("" if unicodedata.category(char)[0] in "MC" else "?"))
    return "".join(folded)


def parts(text: str) -> list[bytes]:
    """A text of GSM letters as the parts it is sent in, a byte a letter, two for those of the extension."""
    codes = [_CODES[char] for char in text]
    if sum(map(len, codes)) <= _SINGLE:
        return [b"".join(codes)]
    cut = [b""]
    for code in codes:
        if len(cut[-1]) + len(code) > _PART:  # the two bytes of one letter stay together
            cut.append(b"")
        cut[-1] += code
    return cut


def fit(text: str) -> str:
    """The text in GSM letters, cut after a word where it needs more than three parts."""
    folded = gsm(text).strip()
    if len(parts(folded)) <= MAX_PARTS:
        return folded
    words = re.split(r"(?<=\S)(?=\s)", folded)
    while words and len(parts("".join(words) + "...")) > MAX_PARTS:
        words.pop()
    cut = "".join(words) or folded[: MAX_PARTS * _PART // 2 - 3]  # one endless word
    return cut + "..."


def check(text: str, what: str) -> None:
    """Refuse a text of a town file, its holes filled with the longest values, before anybody waits for it.

    Raises:
        TownError: it needs more than three parts; says how much is too much.
    """
    needed = len(parts(gsm(text).strip()))
    if needed > MAX_PARTS:
        raise TownError(
            f"{what}: needs {needed} SMS, {MAX_PARTS} at most: some {MAX_PARTS * _PART} letters, "
            f"this one has {len(gsm(text))}"
        )


# ---- By whom


class HttpSmsSender:
    """Hands messages to a provider's HTTP API. A draft's content: to, text.

    Such an API can't be asked for what it has: a try of unknown ending is made again with the same
    Idempotency-Key; at worst somebody reads a message twice.

    Raises:
        TownError: the secret can't be read.
    """

    def __init__(self, config: SmsConfig) -> None:
        if config.http is None:
            raise TownError("sms: provider http needs its part http")
        self._gateway = config.http
        self._always = {
            "sender": config.sender,
            "secret": read_secret(config.http.secret_file) if config.http.secret_file else "",
        }
        self._limit_s = config.http.timeout_ms / 1000
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(self._limit_s), trust_env=False)

    async def send(self, delivery: Delivery) -> str:
        """Hand it over; the number it may give is not read.

        Raises:
            DeliveryError: see Sender.send.
        """
        draft = delivery.draft
        values = {
            **self._always,
            "to": draft.content["to"],
            "text": fit(draft.content["text"]),
            "key": draft.key,
        }
        body = _filled(self._gateway.body, values)
        request = self._http.build_request(
            self._gateway.method,
            self._gateway.url,
            headers={"Idempotency-Key": draft.key, **_filled(self._gateway.headers, values)},
            **({"json": body} if self._gateway.format == "json" else {"data": body}),
        )
        await exchange(self._http, request, "the SMS gateway", self._limit_s)
        return ""

    async def find(self, delivery: Delivery) -> str | None:
        """Nobody can be asked."""
        return None

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


class SmppSmsSender:
    """Hands messages to an SMPP server, a session for each. A draft's content: to, text.

    SMPP can ask for a message only by the number the server gave it: a try of unknown ending is made again;
    the parts bear the same number, at worst somebody reads them twice.

    Raises:
        TownError: smpplib is not installed, the password can't be read or is longer than SMPP allows.
    """

    def __init__(self, config: SmsConfig) -> None:
        if config.smpp is None:
            raise TownError("sms: provider smpp needs its part smpp")
        try:
            self._client: Any = importlib.import_module("smpplib.client")
            self._errors: Any = importlib.import_module("smpplib.exceptions")
        except ImportError as error:
            raise TownError("sms: provider smpp needs smpplib: pip install 'callbot[smpp]'") from error
        # smpplib writes whole messages, numbers and the password to its log.
        logging.getLogger("smpplib").setLevel(logging.CRITICAL)
        self._gateway = config.smpp
        self._sender = config.sender
        self._password = read_secret(config.smpp.password_file)
        if len(self._password) > 8:
            raise TownError(f"{config.smpp.password_file}: SMPP allows 8 characters")

    async def send(self, delivery: Delivery) -> str:
        """Hand it over; its number is that of the first part.

        Raises:
            DeliveryError: see Sender.send.
        """
        try:
            async with asyncio.timeout(self._gateway.timeout_ms / 1000 * _CONVERSATION):
                return await asyncio.to_thread(self._give, delivery)
        except TimeoutError as error:
            raise DeliveryError("the SMS gateway did not answer in time", unsure=True) from error

    async def find(self, delivery: Delivery) -> str | None:
        """Nobody can be asked."""
        return None

    def _give(self, delivery: Delivery) -> str:
        client = self._client.Client(
            self._gateway.host,
            self._gateway.port,
            timeout=self._gateway.timeout_ms / 1000,
            logger_name="smpplib",
            allow_unknown_opt_params=True,
        )
        broken = (self._errors.ConnectionError, self._errors.PDUError, OSError)
        try:
            try:
                client.connect()
                client.bind_transmitter(system_id=self._gateway.system_id, password=self._password)
            except broken as error:
                raise DeliveryError(f"the SMS gateway can't be used: {_status(error)}") from error
            try:
                number = self._submit(client, delivery)
            except self._errors.PDUError as error:
                status = _status(error)
                final = status.isdigit() and int(status) in _SMPP_FINAL
                raise DeliveryError(f"the SMS gateway refuses: SMPP status {status}", final) from error
            except broken as error:
                raise DeliveryError(f"the SMS gateway broke off: {_status(error)}", unsure=True) from error
            with contextlib.suppress(*broken):  # it has the message
                client.unbind()
            return number
        finally:
            client.disconnect()

    def _submit(self, client: Any, delivery: Delivery) -> str:
        """Send the parts one after the other, each when the one before was taken."""
        taken: dict[int, str] = {}

        def note(pdu: Any) -> None:
            taken[pdu.sequence] = (pdu.message_id or b"").decode("ascii", "replace")

        client.set_message_sent_handler(note)
        cut = parts(fit(delivery.draft.content["text"]))
        number = hashlib.sha256(delivery.draft.key.encode()).digest()[0]
        numeric = self._sender.lstrip("+").isdigit()
        for at, part in enumerate(cut, start=1):
            # User data header of TS 23.040: concatenated messages, 8-bit number.
            head = bytes([5, 0, 3, number, len(cut), at]) if len(cut) > 1 else b""
            sent = client.send_message(
                source_addr_ton=1 if numeric else 5,  # international, alphanumeric
                source_addr_npi=1 if numeric else 0,
                source_addr=self._sender.lstrip("+"),
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr=delivery.draft.content["to"].lstrip("+"),
                esm_class=0x40 if head else 0,
                data_coding=0,
                short_message=head + part,
            )
            while sent.sequence not in taken:
                client.read_once(auto_send_enquire_link=False)
        return next(iter(taken.values()))


def _filled(template: Any, values: dict[str, str]) -> Any:
    """A template with its holes filled, however deep they stand; what is filled in is not looked at again."""
    match template:
        case str():
            return _HOLE.sub(lambda hole: values[hole[1]], template)
        case dict():
            return {name: _filled(value, values) for name, value in template.items()}
        case list():
            return [_filled(item, values) for item in template]
        case _:
            return template


def _status(error: Exception) -> str:
    """The SMPP status in an error of smpplib, else the error's name."""
    return (
        str(error.args[1]) if len(error.args) > 1 and isinstance(error.args[1], int) else type(error).__name__
    )
