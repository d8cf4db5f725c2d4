"""Who may enter the console: accounts, sessions and the trail of what was done.

Passwords are kept as argon2id, session cookies as their SHA-256: who reads the database can't log in with it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import CursorResult, delete, or_, select, update
from sqlalchemy.orm import Session

from callbot.errors import CallbotError
from callbot.journal.database import Database, now
from callbot.journal.models import Account, Audit, LogIn

Role = Literal["operator", "quality", "admin"]
ROLES: tuple[Role, ...] = ("operator", "quality", "admin")
"""Each may do what those before may."""
Weakness = Literal["", "short", "long", "name"]

TRIES = 5
"""Wrong passwords in a row before an account is locked."""
LOCK = timedelta(minutes=15)
LONGEST_LOCK = timedelta(hours=4)
"""No more: whoever knows a name could keep its owner out."""
IDLE = timedelta(minutes=60)
SEEN_EVERY = timedelta(minutes=1)
"""Not every request is worth a write."""
SHORTEST, LONGEST = 12, 256
BESIDE_NAME = 8
"""Characters of a password that are not its owner's name."""
AT_ONCE = 2
"""Passwords hashed at once: each takes 64 MiB."""

_NAME = re.compile(r"[\w][\w .'@-]{1,79}")
_TELEPHONE = re.compile(r"([A-Za-z0-9]+/[\w.@-]{1,70})?", re.ASCII)


class AccountError(CallbotError):
    """An account can't be made or changed so."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who has logged in."""

    account_id: int
    name: str
    role: Role
    operator: str
    """Their telephone; empty when they have none."""
    csrf: str


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """An account as an administrator sees it."""

    name: str
    role: str
    operator: str
    active: bool
    locked_until: datetime | None
    """None when it is not locked now."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that was done."""

    at: datetime
    account: str
    action: str
    about: str


def trail(session: Session, at: datetime, account: str, action: str, about: object = "") -> None:
    """Add to the audit trail, in the transaction of what is done; `about` holds no personal data."""
    session.add(Audit(at=at, account=account, action=action, about=str(about)))


def weakness(password: str, name: str) -> Weakness:
    """What is wrong with a new password; empty when nothing is."""
    password = _normal(password)
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    own = password.casefold().replace(_normal(name).strip().casefold(), "")
    return "name" if len(own) < BESIDE_NAME else ""


class Accounts:
    """The accounts of a journal.

    Args:
        hours: after which a session ends, whatever happens.
        clock: the moment, UTC without zone.
        hasher: argon2id; its parameters may change, passwords follow at the next log-in.
    """

    def __init__(
        self,
        database: Database,
        hours: int = 10,
        clock: Callable[[], datetime] = now,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._database = database
        self._life = timedelta(hours=hours)
        self._clock = clock
        self._hasher = hasher or PasswordHasher()
        self._nobodys = self._hasher.hash(secrets.token_hex())
        """Checked for names that don't exist, so that a refusal takes as long as any other."""
        self._hashing = threading.Semaphore(AT_ONCE)

    def add(self, name: str, password: str, role: str, operator: str = "", by: str = "cli") -> None:
        """Make an account.

        Args:
            operator: its telephone, as the queues know it: PJSIP/operateur1.

        Raises:
            AccountError: a name, role, telephone or password that can't be; the name is taken.
        """
        name = _normal(name).strip()
        if not _NAME.fullmatch(name):
            raise AccountError("a name has 2 to 80 letters, digits, spaces, . ' @ - or _")
        if role not in ROLES:
            raise AccountError(f"no such role: {role} (there are {', '.join(ROLES)})")
        if not _TELEPHONE.fullmatch(operator):
            raise AccountError(f"no telephone: {operator!r} (it reads like PJSIP/operateur1)")
        hashed = self._new_password(name, password)

        def write(session: Session) -> None:
            if _find(session, name) is not None:
                raise AccountError(f"{name} exists already")
            row = Account(name=name, role=role, password=hashed, operator=operator, created_at=self._clock())
            session.add(row)
            trail(session, self._clock(), by, "account_added", name)

        self._database.write_now(write)

    def change_password(self, name: str, password: str, by: str = "cli") -> None:
        """Give an account a new password, end all its sessions and unlock it.

        Raises:
            AccountError: no such account, or too weak a password.
        """
        name = _normal(name).strip()
        hashed = self._new_password(name, password)

        def write(session: Session) -> None:
            row = _known(session, name)
            row.password, row.failures, row.locked_until = hashed, 0, None
            session.execute(delete(LogIn).where(LogIn.account_id == row.id))
            trail(session, self._clock(), by, "password_changed", name)

        self._database.write_now(write)

    def disable(self, name: str, by: str = "cli") -> None:
        """Let an account in no more, and end its sessions.

        Raises:
            AccountError: no such account.
        """
        name = _normal(name).strip()

        def write(session: Session) -> None:
            row = _known(session, name)
            row.active = False
            session.execute(delete(LogIn).where(LogIn.account_id == row.id))
            trail(session, self._clock(), by, "account_disabled", name)

        self._database.write_now(write)

    def all(self) -> list[AccountInfo]:
        """Every account, by name."""
        moment = self._clock()

        def read(session: Session) -> list[AccountInfo]:
            rows = session.scalars(select(Account).order_by(Account.name))
            return [
                AccountInfo(row.name, row.role, row.operator, row.active, _later(row.locked_until, moment))
                for row in rows
            ]

        return self._database.read(read)

    def actions(self, most: int = 200) -> list[Action]:
        """What was done last, newest first."""
        newest = select(Audit).order_by(Audit.id.desc()).limit(most)
        return self._database.read(
            lambda session: [
                Action(row.at, row.account, row.action, row.about) for row in session.scalars(newest)
            ]
        )

    def note(self, account: str, action: str, about: object = "", within: timedelta | None = None) -> None:
        """Add to the audit trail something that writes nothing else.

        Args:
            within: once in this time only.
        """

        def write(session: Session) -> None:
            same = (Audit.account == account, Audit.action == action, Audit.about == str(about))
            if within is not None and session.scalar(
                select(Audit.id).where(*same, Audit.at > self._clock() - within).limit(1)
            ):
                return
            trail(session, self._clock(), account, action, about)

        self._database.write_now(write)

    def log_in(self, name: str, password: str) -> str | None:
        """Begin a session; returns its cookie, None when name and password don't open one."""
        account_id = self._admit(name, password, "log_in")
        if account_id is None:
            return None
        return self._database.write_now(lambda session: self._begin_session(session, account_id))

    def enter(self, names: Sequence[str]) -> str | None:
        """Begin a session for somebody whom an identity provider vouches for; returns its cookie.

        A lock holds up who guesses passwords, not them.

        Args:
            names: theirs, as the provider knows them; the first that an active account has is taken.

        Returns:
            None when there is no such account.
        """
        wanted = [_normal(name).strip() for name in names]

        def write(session: Session) -> str | None:
            found = (row for name in wanted if (row := _find(session, name)) is not None and row.active)
            account = next(found, None)
            if account is None:
                trail(session, self._clock(), "", "log_in_oidc_refused")
                return None
            trail(session, self._clock(), account.name, "log_in_oidc")
            return self._begin_session(session, account.id)

        return self._database.write_now(write)

    def confirm(self, name: str, password: str) -> bool:
        """Is this their password? A wrong one counts like one at the door."""
        return self._admit(name, password, "confirm") is not None

    def visitor(self, token: str, seen: bool = True) -> Visitor | None:
        """Whose session this cookie is; None when it has ended.

        Args:
            seen: it counts as activity.
        """
        moment, key = self._clock(), _digest(token)

        def read(session: Session) -> tuple[LogIn, Account] | None:
            both = select(LogIn, Account).join(Account).where(LogIn.token_hash == key, Account.active)
            row = session.execute(both).first()
            return (row[0], row[1]) if row else None

        found = self._database.read(read)
        if found is None:
            return None
        login, account = found
        if moment >= login.expires_at or moment >= login.seen_at + IDLE:
            self.log_out(token)
            return None
        if seen and moment >= login.seen_at + SEEN_EVERY:
            mark = update(LogIn).where(LogIn.token_hash == key).values(seen_at=moment)
            self._database.write_now(lambda session: session.execute(mark))
        return Visitor(account.id, account.name, cast(Role, account.role), account.operator, login.csrf)

    def log_out(self, token: str) -> None:
        """End a session."""
        gone = delete(LogIn).where(LogIn.token_hash == _digest(token))
        self._database.write_now(lambda session: session.execute(gone))

    def _begin_session(self, session: Session, account_id: int) -> str:
        """Returns the cookie."""
        token, moment = secrets.token_urlsafe(32), self._clock()
        session.execute(delete(LogIn).where(LogIn.expires_at <= moment))
        session.add(
            LogIn(
                token_hash=_digest(token),
                account_id=account_id,
                csrf=secrets.token_urlsafe(32),
                created_at=moment,
                seen_at=moment,
                expires_at=moment + self._life,
            )
        )
        return token

    def _admit(self, name: str, password: str, action: str) -> int | None:
        """The account that these open; the try is counted first: many at once get no more than five."""
        name, moment = _normal(name).strip(), self._clock()

        def count(session: Session) -> Account | None:
            unlocked = or_(Account.locked_until.is_(None), Account.locked_until <= moment)
            one_more = update(Account).where(Account.name == name, Account.active, unlocked)
            counted = session.execute(one_more.values(failures=Account.failures + 1))
            row = _find(session, name)
            if row is None or not cast("CursorResult[Any]", counted).rowcount:
                return None
            if row.failures >= TRIES:
                row.locked_until = moment + min(LONGEST_LOCK, LOCK * 2 ** min(row.failures - TRIES, 10))
            return row

        row = self._database.write_now(count)
        right = self._verify(row.password if row is not None else self._nobodys, password)
        good = row if right else None
        renewed = good is not None and self._hasher.check_needs_rehash(good.password)
        hashed = self._hash(password) if renewed else ""

        def conclude(session: Session) -> None:
            if good is None:
                # Not the name as it was typed: people type their password there.
                trail(session, moment, name if _find(session, name) else "", f"{action}_refused")
                return
            change: dict[str, Any] = {"failures": 0, "locked_until": None}
            if hashed:
                change["password"] = hashed
            same = update(Account).where(Account.id == good.id, Account.password == good.password)
            session.execute(same.values(**change))
            trail(session, moment, good.name, action)

        self._database.write_now(conclude)
        return good.id if good is not None else None

    def _new_password(self, name: str, password: str) -> str:
        match weakness(password, name):
            case "short":
                raise AccountError(f"a password has at least {SHORTEST} characters")
            case "long":
                raise AccountError(f"a password has at most {LONGEST} characters")
            case "name":
                raise AccountError("a password is not the account's name")
        return self._hash(password)

    def _hash(self, password: str) -> str:
        with self._hashing:
            return self._hasher.hash(_normal(password))

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            with self._hashing:
                return self._hasher.verify(hashed, _normal(password))
        except (VerificationError, InvalidHashError):
            return False


def _find(session: Session, name: str) -> Account | None:
    return session.scalar(
        select(Account).where(Account.name == name).execution_options(populate_existing=True)
    )


def _known(session: Session, name: str) -> Account:
    row = _find(session, name)
    if row is None:
        raise AccountError(f"no account is called {name}")
    return row


def _later(moment: datetime | None, than: datetime) -> datetime | None:
    return moment if moment is not None and moment > than else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _normal(text: str) -> str:
    """The same letters typed on another keyboard are the same text; PostgreSQL keeps no NUL."""
    return unicodedata.normalize("NFKC", text).replace("\0", "")
