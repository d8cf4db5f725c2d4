"""What leaves the house: an outbox that survives everything, and the courier who empties it.

Something is written to the outbox in the same transaction as what it is about, so nothing is lost. Before a
thing whose last try was interrupted, or ended nobody knows how, is sent again, its receiver is asked whether
it has it, so nothing is sent twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Protocol

import httpx
from pydantic import AfterValidator

from callbot.errors import DeliveryError, JournalError, TownError
from callbot.types import Channel, Delivery

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 3600.0
GIVE_UP_AFTER = 100
"""Tries, about four days with the pauses above; then people see it among the failed."""
LOOK_EVERY_S = 5.0
"""How often the outbox is looked at when nobody wakes the courier: another process may have filled it."""
SENDING_AT_ONCE = 8
TRY_S = 45.0
"""A try takes no longer: the outbox takes a longer one for a dead process's, and hands it out again."""
TEMPORARY = frozenset({408, 425, 429})
"""HTTP refusals that say « later », RFC 9110, 8470 and 6585."""
OURS = frozenset({401, 402, 403, 404, 407})
"""Those about our key, our credit or the address: people will mend it. The others below 500 say « never »."""
MAX_ANSWER = 4_000_000
"""Bytes; a list of a hundred requests has some hundred thousand."""


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"must be an absolute path, not {path}")
    return path


SecretFile = Annotated[Path, AfterValidator(_absolute)]
"""A file that holds one secret on one line: town files are shown to people, secrets are not."""


class Sender(Protocol):
    """One way out, to one receiver."""

    async def send(self, delivery: Delivery) -> str:
        """Hand it over; returns the receiver's own number for it, empty when it gives none.

        Raises:
            DeliveryError: it was not taken, `final` when another try is useless; or nobody knows (`unsure`).
        """

    async def find(self, delivery: Delivery) -> str | None:
        """Has the receiver got it from a try of unknown ending? Its number for it, None when it has not.

        Raises:
            DeliveryError: the receiver can't be asked now.
        """


class Outbox(Protocol):
    """Where deliveries wait. All methods raise JournalError when the storage fails."""

    async def claim(self, ways: set[tuple[str, Channel]], now: datetime, limit: int) -> list[Delivery]:
        """Take those of these ways (town, channel) that are due, oldest first; they count as being sent.

        One that was taken, but never reported back by a process that died, is due again, as `interrupted`;
        so is one whose last try failed `unsure`.
        """

    async def sent(self, id: int, remote: str) -> None:
        """It has arrived."""

    async def failed(self, id: int, error: str, again_at: datetime | None, unsure: bool) -> None:
        """It has not, or nobody knows: `unsure`.

        Args:
            again_at: UTC without zone; None: never to be tried again.
            unsure: the next try comes as `interrupted`; False forgets that one before it was.
        """


class Courier:
    """Empties the outbox, one try at a time for each thing.

    Args:
        senders: by town and channel; what has none stays in the outbox for somebody else to collect.
    """

    def __init__(self, outbox: Outbox, senders: Mapping[tuple[str, Channel], Sender]) -> None:
        self._outbox = outbox
        self._senders = senders
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was put into the outbox."""
        self._woken.set()

    async def run(self) -> None:
        """Work forever; a failing outbox or receiver never ends it."""
        while True:
            self._woken.clear()
            try:
                busy = await self.work()
            except JournalError as error:
                log.error("outbox: %s", error)
                busy = False
            if not busy:
                await self._rest()

    async def work(self) -> bool:
        """Try everything that is due; was there anything?

        Raises:
            JournalError: the outbox can't be read or written.
        """
        due = await self._outbox.claim(set(self._senders), _now(), SENDING_AT_ONCE)
        ends = await asyncio.gather(*map(self._deliver, due), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end
        return bool(due)

    async def _deliver(self, delivery: Delivery) -> None:
        sender = self._senders[delivery.town, delivery.draft.channel]
        doubt = delivery.interrupted
        try:
            async with asyncio.timeout(TRY_S):
                remote = await sender.find(delivery) if doubt else None
                doubt = False
                if remote is None:
                    remote = await sender.send(delivery)
        except DeliveryError as error:
            failure = error
        except TimeoutError:
            failure = DeliveryError("no end in sight", unsure=True)
        except Exception as error:  # one sender's own mistake must not stop the others
            failure = DeliveryError(f"{type(error).__name__} in callbot", unsure=True)
        else:
            await self._outbox.sent(delivery.id, remote)
            return
        tries = delivery.attempts + 1
        again_at = None if failure.final or tries >= GIVE_UP_AFTER else _now() + pause(tries)
        log.warning("delivery %d (%s) fails: %s", delivery.id, delivery.draft.channel, failure)
        # Who could not be asked leaves the doubt as it was.
        await self._outbox.failed(delivery.id, str(failure), again_at, doubt or failure.unsure)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._woken.wait()
        except TimeoutError:
            pass


def pause(tries: int) -> timedelta:
    """How long to wait after so many tries: doubling, an hour at most."""
    return timedelta(seconds=min(FIRST_PAUSE_S * 2 ** min(tries - 1, 20), LONGEST_PAUSE_S))


async def exchange(http: httpx.AsyncClient, request: httpx.Request, who: str, limit_s: float) -> bytes:
    """The body of a receiver's favourable answer to an HTTP request.

    Args:
        who: how the receiver is called in errors.

    Raises:
        DeliveryError: it was not reached, or refuses; unsure when the request may have been acted upon.
    """
    try:
        async with asyncio.timeout(limit_s):  # httpx's own is for each read
            response = await http.send(request, stream=True)
            try:
                body = await _read(response, who)
            finally:
                await response.aclose()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise DeliveryError(f"{who} can't be reached: {type(error).__name__}") from error
    except (httpx.HTTPError, TimeoutError) as error:
        raise DeliveryError(f"{who} did not answer: {type(error).__name__}", unsure=True) from error
    status = response.status_code
    if response.is_redirect:
        raise DeliveryError(f"{who} is elsewhere (HTTP {status}): check its url")
    if not response.is_success:
        final = 400 <= status < 500 and status not in TEMPORARY | OURS
        raise DeliveryError(f"{who} refuses: HTTP {status}", final, unsure=status >= 500, status=status)
    return body


async def _read(response: httpx.Response, who: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise DeliveryError(f"{who} answers more than {MAX_ANSWER} bytes", unsure=True)
    return bytes(body)


def read_secret(path: Path) -> str:
    """The secret in a file, without the line's end.

    Raises:
        TownError: unreadable, empty, or more than one line of plain ASCII.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise TownError(f"can't read the secret {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TownError(f"{path}: a secret is one line of ASCII") from error
    if not (secret and secret.isascii() and secret.isprintable()):
        raise TownError(f"{path}: a secret is one line of ASCII")
    return secret


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
