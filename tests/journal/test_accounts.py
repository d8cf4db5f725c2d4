"""Accounts, sessions and the trail."""

import threading
from datetime import timedelta
from statistics import median
from time import process_time

import pytest
from argon2 import PasswordHasher

from callbot.journal.accounts import (
    IDLE,
    LONGEST_LOCK,
    TRIES,
    AccountError,
    Accounts,
    weakness,
)
from callbot.journal.database import Database
from callbot.journal.models import Account, LogIn
from tests.clock import Clock

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
GOOD, BAD = "trois petits chats", "pas le bon du tout"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(database: Database, clock: Clock) -> Accounts:
    accounts = Accounts(database, 10, clock, CHEAP)
    accounts.add("Anne", GOOD, "operator", "PJSIP/operateur1")
    return accounts


def row(database: Database) -> Account:
    return database.read(lambda session: session.query(Account).filter_by(name="Anne").one())


def test_passwords_are_kept_as_argon2id(accounts: Accounts, database: Database) -> None:
    assert row(database).password.startswith("$argon2id$") and GOOD not in row(database).password


def test_a_session_from_log_in_to_log_out(accounts: Accounts) -> None:
    token = accounts.log_in("Anne", GOOD)
    assert token is not None and len(token) >= 43
    visitor = accounts.visitor(token)
    assert visitor is not None
    assert (visitor.name, visitor.role, visitor.operator) == ("Anne", "operator", "PJSIP/operateur1")
    assert accounts.visitor(token + "x") is None and accounts.visitor("") is None
    accounts.log_out(token)
    assert accounts.visitor(token) is None


def test_every_session_has_its_own_token(accounts: Accounts) -> None:
    first, second = accounts.log_in("Anne", GOOD), accounts.log_in("Anne", GOOD)
    assert first and second and first != second
    one, other = accounts.visitor(first), accounts.visitor(second)
    assert one and other and one.csrf != other.csrf


@pytest.mark.parametrize(
    "name, password", [("Anne", BAD), ("Bob", GOOD), ("anne", GOOD), ("", ""), ("Anne", "")]
)
def test_what_does_not_log_in(accounts: Accounts, name: str, password: str) -> None:
    assert accounts.log_in(name, password) is None


def test_letters_typed_another_way_are_the_same(accounts: Accounts) -> None:
    accounts.add("Zoé", "cœur d'été, éléphant", "operator")
    assert accounts.log_in("Zoe\u0301", "cœur d'e\u0301te\u0301, e\u0301le\u0301phant")


def test_five_wrong_passwords_lock_for_longer_and_longer(
    accounts: Accounts, clock: Clock, database: Database
) -> None:
    for _ in range(TRIES):
        assert accounts.log_in("Anne", BAD) is None
    assert accounts.log_in("Anne", GOOD) is None and accounts.all()[0].locked_until is not None
    clock.now += timedelta(minutes=15, seconds=1)
    assert accounts.all()[0].locked_until is None
    waits = []
    for _ in range(6):
        assert accounts.log_in("Anne", BAD) is None
        until = row(database).locked_until
        assert until is not None
        waits.append(until - clock.now)
        assert accounts.log_in("Anne", GOOD) is None, "once more wrong locks again"
        clock.now = until
    assert waits == [timedelta(minutes=minutes) for minutes in (30, 60, 120, 240, 240, 240)]
    assert max(waits) == LONGEST_LOCK
    assert accounts.log_in("Anne", GOOD) and row(database).failures == 0


def test_four_wrong_ones_are_forgiven(accounts: Accounts) -> None:
    for _ in range(3):
        for _ in range(TRIES - 1):
            assert accounts.log_in("Anne", BAD) is None
        assert accounts.log_in("Anne", GOOD)


def test_many_tries_at_once_are_no_way_round_the_lock(database: Database, clock: Clock) -> None:
    tried = 0

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            nonlocal tried
            tried += hash == kept
            return super().verify(hash, password)

    accounts = Accounts(database, 10, clock, Counting(time_cost=1, memory_cost=8, parallelism=1))
    accounts.add("Anne", GOOD, "operator")
    kept = row(database).password
    threads = [threading.Thread(target=accounts.log_in, args=("Anne", f"{BAD} {turn}")) for turn in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tried == TRIES and row(database).failures == TRIES


def test_an_unknown_name_takes_as_long_as_a_known_one(database: Database, clock: Clock) -> None:
    accounts = Accounts(database, 10, clock, PasswordHasher(time_cost=2, memory_cost=32768))
    for turn in range(8):
        accounts.add(f"compte{turn}", GOOD, "operator")

    def took(name: str) -> float:
        began = process_time()  # of ours alone, whatever else the machine does
        assert accounts.log_in(name, BAD) is None
        return process_time() - began

    known, unknown = zip(*((took(f"compte{turn}"), took(f"nul{turn}")) for turn in range(8)), strict=True)
    assert 0.5 < median(unknown) / median(known) < 2


def test_a_session_ends_after_its_hours_and_when_idle(accounts: Accounts, clock: Clock) -> None:
    token = accounts.log_in("Anne", GOOD)
    assert token
    clock.now += IDLE - timedelta(seconds=1)
    assert accounts.visitor(token, seen=False)
    clock.now += timedelta(seconds=2)
    assert accounts.visitor(token) is None, "a look that is no activity does not prolong it"
    token = accounts.log_in("Anne", GOOD)
    assert token
    for _ in range(11):
        assert accounts.visitor(token)
        clock.now += timedelta(minutes=54)
    clock.now += timedelta(minutes=6)
    assert accounts.visitor(token) is None


def test_ended_sessions_are_deleted(accounts: Accounts, clock: Clock, database: Database) -> None:
    accounts.log_in("Anne", GOOD)
    clock.now += timedelta(hours=11)
    accounts.log_in("Anne", GOOD)
    assert database.read(lambda session: session.query(LogIn).count()) == 1


def test_a_new_password_ends_every_session_and_unlocks(accounts: Accounts) -> None:
    token = accounts.log_in("Anne", GOOD)
    for _ in range(TRIES):
        accounts.log_in("Anne", BAD)
    accounts.change_password("Anne", "quatre grands chiens")
    assert token and accounts.visitor(token) is None
    assert accounts.log_in("Anne", GOOD) is None and accounts.log_in("Anne", "quatre grands chiens")


def test_a_disabled_account_is_out_at_once(accounts: Accounts) -> None:
    token = accounts.log_in("Anne", GOOD)
    accounts.disable("Anne")
    assert token and accounts.visitor(token) is None and accounts.log_in("Anne", GOOD) is None
    assert not accounts.all()[0].active


def test_a_password_is_hashed_anew_when_the_parameters_change(
    accounts: Accounts, database: Database, clock: Clock
) -> None:
    stronger = Accounts(database, 10, clock, PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert stronger.log_in("Anne", BAD) is None and "t=1" in row(database).password
    assert stronger.log_in("Anne", GOOD) and "t=2" in row(database).password
    assert stronger.log_in("Anne", GOOD)


@pytest.mark.parametrize(
    "password, name, wrong",
    [
        ("onze lettre", "Anne", "short"),
        ("douze lettre", "Anne", ""),
        ("x" * 257, "Anne", "long"),
        ("marie-jeanne", "Marie-Jeanne", "name"),
        ("Marie-Jeanne2026", "marie-jeanne", "name"),
        ("anneanneanneanne", "Anne", "name"),
        ("anne aime les chats", "Anne", ""),
    ],
)
def test_weak_passwords(password: str, name: str, wrong: str) -> None:
    assert weakness(password, name) == wrong


@pytest.mark.parametrize(
    "name, password, role, phone",
    [
        ("Anne", GOOD, "operator", ""),
        ("x", GOOD, "operator", ""),
        ("Bob\r\nAction: Command", GOOD, "operator", ""),
        ("Bob", GOOD, "chief", ""),
        ("Bob", GOOD, "operator", "PJSIP/x\r\nAction: Command"),
        ("Bob", GOOD, "operator", "operateur1"),
        ("Bob", "court", "operator", ""),
        ("Bob", "bobbobbobbob", "operator", ""),
    ],
)
def test_accounts_that_cannot_be(accounts: Accounts, name: str, password: str, role: str, phone: str) -> None:
    with pytest.raises(AccountError) as refused:
        accounts.add(name, password, role, phone)
    assert password not in str(refused.value) and len(accounts.all()) == 1


def test_nobody_unknown_is_changed(accounts: Accounts) -> None:
    with pytest.raises(AccountError):
        accounts.change_password("Bob", GOOD)
    with pytest.raises(AccountError):
        accounts.disable("Bob")


def test_the_trail_tells_who_did_what(accounts: Accounts) -> None:
    accounts.log_in("Anne", BAD)
    accounts.log_in(GOOD, "Anne")  # the password where the name belongs
    accounts.log_in("Anne", GOOD)
    accounts.disable("Anne", by="claire")
    told = [(one.account, one.action, one.about) for one in reversed(accounts.actions())]
    assert told == [
        ("cli", "account_added", "Anne"),
        ("Anne", "log_in_refused", ""),
        ("", "log_in_refused", ""),
        ("Anne", "log_in", ""),
        ("claire", "account_disabled", "Anne"),
    ]


def test_who_is_vouched_for_enters_under_the_first_name_that_has_an_account(
    accounts: Accounts, database: Database
) -> None:
    accounts.add("zoé@ville.example", "quatre grands chiens", "operator")
    assert accounts.enter(["zoe", "", "zoe\u0301@ville.example"]) is not None
    token = accounts.enter(["zoé@ville.example"])
    visitor = accounts.visitor(token or "")
    assert visitor is not None and (visitor.name, visitor.role) == ("zoé@ville.example", "operator")
    assert accounts.enter([]) is None and accounts.enter(["Zoé@ville.example"]) is None
    accounts.disable("zoé@ville.example")
    assert accounts.enter(["zoé@ville.example"]) is None
    actions = [(one.account, one.action) for one in accounts.actions()]
    assert actions[0] == ("", "log_in_oidc_refused")
    assert ("zoé@ville.example", "log_in_oidc") in actions
