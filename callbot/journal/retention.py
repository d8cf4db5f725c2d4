"""What is deleted when its time is over, kind by kind; the purge writes down what it did, in counts only."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    CursorResult,
    Delete,
    Select,
    Update,
    and_,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from callbot.errors import JournalError
from callbot.journal import quoted
from callbot.journal.database import Database
from callbot.journal.figures import Figures
from callbot.journal.models import (
    Audit,
    Call,
    DeliveryRow,
    LogIn,
    Proposal,
    Purge,
    RawTurn,
    Request,
    Review,
    Sample,
    Transfer,
    Turn,
    Unanswered,
)
from callbot.journal.transfers import NUMBER_KEPT
from callbot.settings import Settings

log = logging.getLogger(__name__)

SAID_BACK_KEPT = timedelta(minutes=20)
"""The sound of a sentence that says back a caller's words is played within the turn."""
HANDED_ON = ("done", "handed_over")
OVER = ("sent", "failed")

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Limits:
    """Days after which each kind is deleted."""

    recording_days: int = 30
    message_days: int = 30
    raw_days: int = 7
    transcript_days: int = 365
    request_days: int = 365
    audit_days: int = 365

    @staticmethod
    def of(settings: Settings) -> Limits:
        """Those of the settings."""
        return Limits(
            settings.recording_days,
            settings.message_days,
            settings.raw_days,
            settings.transcript_days,
            settings.request_days,
            settings.audit_days,
        )


@dataclass(frozen=True, slots=True)
class Folders:
    """Where files with personal data lie."""

    recordings: Path
    """Sound of calls."""
    messages: Path
    """Sound of messages."""
    said_back: Path
    """Sound of the bot's sentences that say back a caller's words."""
    spool: Path
    """Calls that wait for the database."""

    @staticmethod
    def of(settings: Settings) -> Folders:
        """Those of the settings."""
        said_back = settings.prompts_dir / "personal"
        return Folders(settings.recordings_of_calls_dir, settings.messages_dir, said_back, settings.spool_dir)


def purge(
    database: Database, limits: Limits, folders: Folders, moment: datetime, *, dry_run: bool = False
) -> Counts:
    """Delete what is older than its limit; returns how many of each kind, those that there were only.

    Args:
        moment: now, UTC without zone.
        dry_run: only count.

    Raises:
        JournalError: the database is away, or a file can't be deleted; what can be purged is.
    """
    counts: Counts = {}
    error: JournalError | None = None
    for kind, paths in _old_files(limits, folders, moment).items():
        try:
            counts[kind] = delete_files(paths, dry_run=dry_run)
        except JournalError as failure:
            error = failure

    if not dry_run:
        Figures(database, clock=lambda: moment).roll_up()  # what will be gone has been counted

    def work(session: Session) -> None:
        counts.update(_rows(session, limits, moment))
        if dry_run:
            raise _DryRunError
        session.add(Purge(at=moment, deleted={kind: number for kind, number in counts.items() if number}))

    with contextlib.suppress(_DryRunError):
        database.write_now(work)
    found = {kind: number for kind, number in counts.items() if number}
    if not dry_run:
        database.scrub()
        told = ", ".join(f"{number} {kind}" for kind, number in found.items())
        log.info("purged: %s", told or "nothing was too old")
    if error is not None:
        raise error
    return found


def anonymise(session: Session, calls: Select[tuple[int]]) -> int:
    """Take out of calls what is personal; outcomes, intents and durations stay. Returns how many calls."""
    turns = select(Turn.id).where(Turn.call_id.in_(calls))
    reviewed = select(Review.turn_id)
    _count(session, delete(RawTurn).where(RawTurn.turn_id.in_(turns)))
    _count(session, delete(Unanswered).where(Unanswered.turn_id.in_(turns)))
    _count(session, delete(Sample).where(Sample.turn_id.in_(turns), Sample.turn_id.not_in(reviewed)))
    _count(session, delete(Proposal).where(Proposal.turn_id.in_(turns), Proposal.state != "learnt"))
    _count(session, update(Proposal).where(Proposal.turn_id.in_(turns)).values(turn_id=None))
    _count(session, update(Turn).where(Turn.call_id.in_(calls)).values(utterance="", nbest=[], prompt=""))
    gone = {"linkedid": "", "phone": None, "note": ""}
    _count(session, update(Transfer).where(Transfer.call_id.in_(calls)).values(**gone))
    nobody = {
        "linkedid": "",
        "called": "",
        "caller_hash": "",
        "caller_last2": "",
        "recording": "",
        "once": None,
    }
    return _count(session, update(Call).where(Call.id.in_(calls)).values(**nobody))


def delete_files(paths: Iterable[Path], *, dry_run: bool = False) -> int:
    """Delete files; returns how many there were.

    Raises:
        JournalError: one can't be deleted; the others are.
    """
    gone, error = 0, ""
    for path in paths:
        try:
            if not dry_run:
                path.unlink()
            gone += 1
        except FileNotFoundError:
            pass  # somebody was quicker
        except OSError as failure:
            error = f"{path}: {failure.strerror}"
    if error:
        raise JournalError(f"can't be deleted: {error}")
    return gone


class _DryRunError(Exception):
    """Takes a transaction back."""


def _old_files(limits: Limits, folders: Folders, moment: datetime) -> dict[str, list[Path]]:
    kinds = {
        "recordings": (folders.recordings, timedelta(days=limits.recording_days)),
        "messages": (folders.messages, timedelta(days=limits.message_days)),
        "said_back": (folders.said_back, SAID_BACK_KEPT),
        "spool": (folders.spool, timedelta(days=limits.transcript_days)),
    }
    return {kind: _older(folder, moment - age) for kind, (folder, age) in kinds.items()}


def _older(folder: Path, than: datetime) -> list[Path]:
    """Files last written before this moment."""
    oldest = than.replace(tzinfo=UTC).timestamp()
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            if path.is_file() and path.stat().st_mtime < oldest:
                found.append(path)
        except OSError:
            continue
    return found


def _rows(session: Session, limits: Limits, moment: datetime) -> Counts:
    """Delete what is too old in the tables."""

    def before(days: int) -> datetime:
        return moment - timedelta(days=days)

    old = Call.started_at < before(limits.transcript_days)
    # One that was erased while it went on has no name, but words again.
    words = select(Turn.id).where(Turn.call_id == Call.id, or_(Turn.utterance != "", Turn.prompt != ""))
    nameless = list(session.scalars(select(Call.id).where(old, Call.linkedid == "", words.exists())))
    old_requests = select(Request.id).where(
        or_(
            and_(Request.state.in_(HANDED_ON), Request.at < before(limits.request_days)),
            Request.at < before(2 * limits.request_days),
        )
    )
    counts = {
        "raw_words": _count(session, delete(RawTurn).where(RawTurn.at < before(limits.raw_days))),
        "transcripts": anonymise(session, select(Call.id).where(old, Call.linkedid != ""))
        + anonymise(session, select(Call.id).where(Call.id.in_(nameless))),
    }
    if counts["transcripts"]:
        quoted.forget_gone(session)
    gone = [
        ("proposals", delete(Proposal).where(_given_up(before(limits.transcript_days)))),
        ("deliveries", delete(DeliveryRow).where(_delivered(old_requests, limits, moment))),
        ("requests", delete(Request).where(Request.id.in_(old_requests))),
        ("logins", delete(LogIn).where(LogIn.expires_at < moment)),
        ("audit", delete(Audit).where(Audit.at < before(limits.audit_days))),
        ("purges", delete(Purge).where(Purge.at < before(limits.audit_days))),
    ]
    counts |= {kind: _count(session, statement) for kind, statement in gone}
    numbers = update(Transfer).where(Transfer.at < moment - NUMBER_KEPT)
    handled = or_(func.coalesce(Transfer.phone, "") != "", Transfer.note != "")
    counts["numbers"] = _count(session, numbers.where(handled).values(phone=None, note=""))
    # Their files went by their own age.
    silent = update(Request).where(Request.at < before(limits.message_days), Request.recording != "")
    _count(session, silent.values(recording=""))
    unheard = update(Call).where(Call.started_at < before(limits.recording_days), Call.recording != "")
    _count(session, unheard.values(recording=""))
    return counts


def _given_up(before: datetime) -> Any:
    return and_(Proposal.at < before, Proposal.state != "learnt")


def _delivered(requests: Select[tuple[int]], limits: Limits, moment: datetime) -> Any:
    """Those of requests that go, and SMS: what was sent says nothing any more but a number."""
    texts = and_(DeliveryRow.request_id.is_(None), DeliveryRow.state.in_(OVER))
    too_old = DeliveryRow.at < moment - timedelta(days=2 * limits.request_days)
    return or_(
        DeliveryRow.request_id.in_(requests), and_(texts, DeliveryRow.at < moment - NUMBER_KEPT), too_old
    )


def _count(session: Session, statement: Delete | Update) -> int:
    """Do it; returns how many rows."""
    changed = statement.execution_options(synchronize_session=False)
    return cast(CursorResult[Any], session.execute(changed)).rowcount
