"""The desk behind the voice: requests kept and handed over, messages, texts, live sources."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from pydantic import ValidationError

from callbot.dialogue.desk import TextResult
from callbot.errors import DeliveryError, SettingsError
from callbot.journal.call import CallJournal
from callbot.journal.outbox import Outbox
from callbot.journal.requests import Requests
from callbot.journal.store import Journal
from callbot.settings import Settings
from callbot.town import requests, sms
from callbot.town.answers import Answers
from callbot.town.communes import Communes
from callbot.town.delivery import Courier, Sender
from callbot.town.live import LiveSources
from callbot.town.mail import MailSender, SmtpConfig
from callbot.town.open311 import Open311Sender, RequestStatus
from callbot.types import CallInfo, Channel, Draft, FiledRequest, Known, Queueing


class Office:
    """What the desks of one commune share.

    Args:
        key: the commune's.
        clock: the town's local time.

    Raises:
        TownError: a secret that the town file names can't be read.
        SettingsError: its mail needs a server, and the settings name none.
    """

    def __init__(
        self,
        key: str,
        answers: Answers,
        live: LiveSources,
        journal: Journal,
        outbox: Outbox,
        smtp: SmtpConfig | None,
        clock: Callable[[], datetime],
    ) -> None:
        town = answers.town
        self.key = key
        self.answers = answers
        self.live = live
        self.requests = Requests(journal.database)
        self.outbox = outbox
        self.clock = clock
        self.open311 = Open311Sender(town.hand_over.open311) if town.hand_over.open311 else None
        self._ways = requests.Ways(town.name, town.hand_over.open311, town.hand_over.mail)
        self.senders: dict[tuple[str, Channel], Sender] = {}
        if self.open311 is not None:
            self.senders[key, "open311"] = self.open311
        if town.hand_over.mail is not None:
            if smtp is None:
                raise SettingsError(f"{town.name} hands requests over by mail: set smtp_host and smtp_sender")
            self.senders[key, "mail"] = MailSender(smtp, town.hand_over.mail, town.tz)
        if town.sms is not None and town.sms.provider == "http":
            self.senders[key, "sms"] = sms.HttpSmsSender(town.sms)
        if town.sms is not None and town.sms.provider == "smpp":
            self.senders[key, "sms"] = sms.SmppSmsSender(town.sms)

    def hand_over(self, filed: FiledRequest) -> Sequence[Draft]:
        """What a complete request sends out of the house."""
        return requests.drafts(filed, self.name_of(filed.intent), self._ways)

    def name_of(self, intent: str) -> str:
        """How callers hear an intent called; « un message » for one without a name."""
        known = self.answers.catalog.get(intent)
        return known.name if known is not None and known.name else "un message"

    async def close(self) -> None:
        """Close the connections."""
        await self.live.close()
        for sender in self.senders.values():
            if isinstance(sender, Open311Sender | sms.HttpSmsSender):
                await sender.close()


class Offices:
    """The offices of every commune, and the courier who carries what leaves them.

    Raises:
        CallbotError: see Office.
    """

    def __init__(
        self,
        settings: Settings,
        communes: Communes,
        journal: Journal,
        key: bytes,
    ) -> None:
        outbox = Outbox(journal.database, key)
        smtp = _smtp(settings)
        self._offices = {
            key: Office(key, communes[key], communes.live(key), journal, outbox, smtp, communes.clock(key))
            for key in communes
        }
        senders = {way: sender for office in self for way, sender in office.senders.items()}
        self.courier = Courier(outbox, senders)

    def __getitem__(self, commune: str) -> Office:
        return self._offices[commune]

    def __iter__(self) -> Iterator[Office]:
        return iter(self._offices.values())

    async def close(self) -> None:
        """Close the connections."""
        for office in self:
            await office.close()


class TownDesk:
    """The desk of one call.

    Args:
        courier: is woken when something is put into the outbox.
        waits: what a caller would find in a queue; None: nobody knows.
    """

    def __init__(
        self,
        office: Office,
        journal: CallJournal,
        caller: CallInfo,
        courier: Courier,
        waits: Callable[[str], Queueing | None] = lambda _: None,
    ) -> None:
        self._office = office
        self._journal = journal
        self._caller = caller
        self._courier = courier
        self._waits = waits

    async def file(self, intent: str, known: Known, complete: bool) -> str:
        """Keep a request; returns its number once it is safe."""
        service = self._service(intent)
        return await self._keep(FiledRequest("", intent, service, known, "", _NEVER, complete=complete))

    async def leave_message(self, intent: str, service: str, words: str, recording: str) -> str:
        """Keep a message for the people of a service; returns its number."""
        known = (("details", words),) if words else ()
        message = FiledRequest("", intent, service, known, "", _NEVER, "message", recording=recording)
        return await self._keep(message)

    async def status(self, reference: str) -> str:
        """What has become of a request, as a sentence."""
        office = self._office
        filed = await office.requests.find(office.key, reference)
        if filed is None or filed.kind == "message":
            return requests.say_not_found(reference)
        service = office.answers.town.service(filed.service).name
        told = await self._told_by_the_town(filed)
        return requests.say_status(
            filed,
            office.name_of(filed.intent),
            service,
            office.clock().date(),
            told,
            office.answers.town.tz,
        )

    async def text(self, intent: str, number: str) -> TextResult:
        """Send an answer in writing, to this number or, when it is empty, to the one that calls."""
        office, to = self._office, number or self._caller.number
        known, config = office.answers.catalog.get(intent), office.answers.town.sms
        assert known is not None and config is not None  # else it was not offered
        if refusal := sms.may_send(to, config):
            return refusal
        draft = Draft(
            "sms",
            secrets.token_hex(12),
            {"to": sms.e164(to), "text": office.answers.sms(known, office.clock())},
        )
        put = await office.outbox.put_text(
            office.key, draft, to, lambda his, all: sms.within_limits(his, all, config)
        )
        self._courier.wake()
        return "sent" if put else "too_many"

    async def live(self, intent: str, about: str) -> tuple[str, bool]:
        """What a live source says, and is that all?"""
        said = await self._office.live.answer(intent, about, self._office.clock())
        return (said.text, not said.is_out) if said else ("", False)

    def waits(self, service: str) -> Queueing | None:
        """What a caller would find in the queue of a service; None: nobody knows."""
        queue = self._office.answers.town.service(service).queue
        return self._waits(queue)

    def names(self, intent: str) -> tuple[str, ...]:
        """The names that the detail of a live answer may have."""
        return self._office.live.names(intent)

    async def _keep(self, filed: FiledRequest) -> str:
        kept = await self._journal.request(filed)
        self._courier.wake()
        return kept.reference

    async def _told_by_the_town(self, filed: FiledRequest) -> RequestStatus | None:
        if self._office.open311 is None or not filed.remote or filed.state != "handed_over":
            return None
        try:
            return await self._office.open311.status(filed.remote)
        except DeliveryError:
            return None

    def _service(self, intent: str) -> str:
        known = self._office.answers.catalog.get(intent)
        return known.service if known is not None else ""


def _smtp(settings: Settings) -> SmtpConfig | None:
    if settings.smtp_host is None:
        return None
    try:
        return SmtpConfig(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=settings.smtp_security,
            user=settings.smtp_user,
            password=settings.smtp_password,
            sender=settings.smtp_sender or "",
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"smtp_{first['loc'][0] if first['loc'] else 'user'}: {first['msg']}") from error


_NEVER = datetime.min
"""The date of what is not kept yet: the journal gives it."""


def takes_texts(number: str, answers: Answers) -> bool:
    """Would an SMS to the number that calls arrive?"""
    config = answers.town.sms
    return config is not None and sms.may_send(number, config) is None
