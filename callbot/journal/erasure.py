"""Everything kept of one caller, by their number: handed out to them, or erased without a trace."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import phonenumbers
from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from callbot.errors import JournalError
from callbot.journal import quoted, spool
from callbot.journal.database import Database, now
from callbot.journal.figures import Figures
from callbot.journal.handout import handed_out
from callbot.journal.models import (
    Call,
    DeliveryRow,
    Proposal,
    Purge,
    RawTurn,
    Request,
    Transfer,
    Turn,
)
from callbot.journal.privacy import pseudonym
from callbot.journal.retention import Counts, Folders, anonymise, delete_files

LEAST_DIGITS = 3
"""A telephone inside the house has as few."""
_A_NUMBER = re.compile(r"\+?\d(?:[ \u00a0().\-/]{0,3}\d){5,14}")


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased, and what is left to do elsewhere."""

    counts: Counts
    learnt: tuple[tuple[str, str], ...]
    """Sentences (intent, text) learnt from this caller: they stand in the files of what was learnt, too."""
    sentences: tuple[str, ...]
    """What they alone said, as it is learnt: examples of a service's answer may be among these."""
    elsewhere: tuple[tuple[str, str, str], ...]
    """Requests that the town's own systems or mailboxes have got: number, channel, number there."""
    scrubbed: bool = True
    """False: somebody used the database meanwhile, and its log may still hold what was deleted."""


class Caller:
    """One caller, as the journal knows them.

    Args:
        number: in any writing: 06 12 34 56 78, +33 6..., 0033 6...
        key: turns numbers into pseudonyms.

    Raises:
        ValueError: no telephone number.
    """

    def __init__(self, number: str, key: bytes, database: Database, folders: Folders) -> None:
        self._key = key
        self._hashes = {pseudonym(writing, key)[0] for writing in writings(number)}
        self._database = database
        self._folders = folders

    def export(self) -> tuple[dict[str, Any], list[Path]] | None:
        """Everything kept, as JSON with French keys, and its sounds; None when nothing is.

        Raises:
            JournalError: the database is away.
        """
        waiting = spool.export(self._folders.spool, self._hashes)
        found = self._database.read(self._export)
        if not waiting:
            return found
        exported, sounds = found or ({}, [])
        return {**exported, "appels_en_attente": waiting}, sounds

    def erase(self, moment: datetime | None = None) -> Erased | None:
        """Erase everything kept; None when nothing is. Anonymous rows stay, for the figures.

        Raises:
            JournalError: the database is away, or a file can't be deleted.
        """
        waiting = spool.erase(self._folders.spool, self._hashes)
        at = moment or now()
        if self._database.read(lambda session: bool(self._found(session))):
            Figures(self._database, clock=lambda: at).roll_up()  # a message that goes has been counted

        def work(session: Session) -> tuple[Erased, list[Path]] | None:
            found = self._found(session)
            return self._erase(session, found, at, waiting) if found or waiting else None

        done = self._database.write_now(work)
        if done is None:
            return None
        erased, files = done
        # What the bot said back to anybody in the last minutes: nothing tells whose it is.
        files += self._folders.said_back.glob("*.wav")
        delete_files(files)
        try:
            return replace(erased, scrubbed=self._database.scrub(rewrite=True))
        except JournalError:  # somebody writes for long: the rows are gone all the same
            return replace(erased, scrubbed=False)

    def _found(self, session: Session) -> _Found:
        calls = set(session.scalars(select(Call.id).where(Call.caller_hash.in_(self._hashes))))
        requests = {
            row.id: row
            for row in session.scalars(select(Request))
            if row.call_id in calls or self._is_theirs([row.phone or "", *row.slots.values()])
        }
        deliveries = [
            row
            for row in session.scalars(select(DeliveryRow))
            if row.request_id in requests
            or row.receiver in self._hashes
            or self._is_theirs(row.content.values())
        ]
        transfers = [
            row
            for row in session.scalars(select(Transfer))
            if row.call_id in calls or self._is_theirs([row.phone or "", row.note])
        ]
        return _Found(calls, requests, deliveries, transfers)

    def _is_theirs(self, texts: Iterable[object]) -> bool:
        """Is one of these their number, or does it hold it?"""
        found = (writings(number) for text in texts for number in _numbers(str(text)))
        return any(pseudonym(one, self._key)[0] in self._hashes for some in found for one in some)

    def _erase(
        self, session: Session, found: _Found, moment: datetime, waiting: int
    ) -> tuple[Erased, list[Path]]:
        calls = select(Call.id).where(Call.id.in_(found.calls))
        turns = list(session.scalars(select(Turn).where(Turn.call_id.in_(found.calls))))
        ids = [turn.id for turn in turns]
        alone = quoted.taught(session, turns)
        nobodys = and_(Proposal.turn_id.is_(None), Proposal.text.in_(alone))
        proposals = session.scalars(select(Proposal).where(or_(Proposal.turn_id.in_(ids), nobodys))).all()
        learnt = [row for row in proposals if row.state == "learnt"]
        elsewhere = tuple(
            (request.reference, row.channel, row.remote)
            for row in found.deliveries
            if row.state in ("sent", "sending") and (request := found.requests.get(row.request_id or 0))
        )
        sounds = [self._folders.messages / row.recording for row in found.requests.values() if row.recording]
        recordings = session.scalars(
            select(Call.recording).where(Call.id.in_(found.calls), Call.recording != "")
        )
        sounds += [self._folders.recordings / name for name in recordings]
        erased = Erased(
            {**found.counts, "turns": len(turns), "sounds": len(sounds), "spool": waiting},
            tuple((row.intent, row.text) for row in learnt),
            tuple(sorted(alone)),
            elsewhere,
        )
        quoted.erase(session, ids, quoted.said(turns) | alone | {row.text for row in proposals})
        for row in proposals:
            session.delete(row)
        others = {row.call_id for row in found.requests.values()} | {row.call_id for row in found.transfers}
        dictated = select(Turn.id).where(Turn.call_id.in_(others - found.calls))
        session.execute(delete(RawTurn).where(RawTurn.turn_id.in_(dictated)))
        for gone in (*found.deliveries, *found.requests.values()):
            session.delete(gone)
        for transfer in found.transfers:
            transfer.phone, transfer.note = None, ""
        session.flush()
        anonymise(session, calls)
        told = {kind: number for kind, number in erased.counts.items() if number}
        session.add(Purge(at=moment, deleted={"erasures": 1, **told}))
        return erased, sounds

    def _export(self, session: Session) -> tuple[dict[str, Any], list[Path]] | None:
        found = self._found(session)
        if not found:
            return None
        calls = list(session.scalars(select(Call).where(Call.id.in_(found.calls)).order_by(Call.id)))
        sounds = [self._folders.recordings / call.recording for call in calls if call.recording]
        sounds += [self._folders.messages / row.recording for row in found.requests.values() if row.recording]
        exported = handed_out(session, calls, found.requests.values(), found.deliveries, found.transfers)
        return exported, [path for path in sounds if path.is_file()]


@dataclass(frozen=True, slots=True)
class _Found:
    """The rows that are about a caller."""

    calls: set[int]
    requests: Mapping[int, Request]
    deliveries: list[DeliveryRow]
    transfers: list[Transfer]

    def __bool__(self) -> bool:
        return bool(self.calls or self.requests or self.deliveries or self.transfers)

    @property
    def counts(self) -> Counts:
        return {
            "calls": len(self.calls),
            "requests": len(self.requests),
            "deliveries": len(self.deliveries),
            "transfers": len(self.transfers),
        }


def writings(number: str) -> set[str]:
    """Every way in which a line may have told this number, digits only.

    Raises:
        ValueError: no telephone number.
    """
    text = re.sub(r"\(0\)", "", number.strip())
    digits = re.sub(r"\D", "", text)
    if len(digits) < LEAST_DIGITS or re.search(r"[^\d\s+().\-/]", text):
        raise ValueError(number)
    found = {digits}
    try:
        parsed = phonenumbers.parse(f"+{digits[2:]}" if digits.startswith("00") else text, "FR")
    except phonenumbers.NumberParseException:
        return found
    national, country = phonenumbers.national_significant_number(parsed), str(parsed.country_code)
    found |= {f"{country}{national}", f"00{country}{national}"}
    if country == "33" or country in _OVERSEAS:
        found.add(f"0{national}")
    return found


_OVERSEAS = frozenset({"262", "590", "594", "596"})
"""Country codes of the parts of France whose numbers are dialled like those of the mainland."""


def _numbers(text: str) -> Iterator[str]:
    """What may be a telephone number in a text."""
    yield from _A_NUMBER.findall(text)
    yield from (found.raw_string for found in phonenumbers.PhoneNumberMatcher(text, "FR"))
