"""Every kind of personal data goes when its time is over, and not before; the clock is shifted."""

import logging
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import DeclarativeBase, Session

from callbot.errors import JournalError
from callbot.journal.board import Board
from callbot.journal.database import now
from callbot.journal.figures import Figures
from callbot.journal.local_days import day_of
from callbot.journal.models import (
    Account,
    Audit,
    Call,
    DayFigures,
    DeliveryRow,
    LogIn,
    Proposal,
    Purge,
    RawTurn,
    Request,
    Review,
    Sample,
    Training,
    Transfer,
    Turn,
)
from callbot.journal.outbox import Outbox
from callbot.journal.requests import Requests
from callbot.journal.retention import Counts, Folders, Limits, purge
from callbot.journal.store import Journal
from callbot.quality.periods import total
from callbot.settings import Settings
from callbot.types import CallInfo, Draft, FiledRequest, Hypothesis, IntentScore, Outcome, TurnRecord

SAID = "je m'appelle jean dupont il y a un trou devant la poste"
LIMITS = Limits(
    recording_days=20, message_days=10, raw_days=5, transcript_days=100, request_days=200, audit_days=300
)


@dataclass
class House:
    """A journal with one call in it, its files, and what a purge leaves of them after so many days."""

    journal: Journal
    folders: Folders
    began: datetime

    def purge_after(self, days: float, limits: Limits = LIMITS, *, dry_run: bool = False) -> Counts:
        return purge(
            self.journal.database, limits, self.folders, self.began + timedelta(days=days), dry_run=dry_run
        )

    def count(self, table: type[DeclarativeBase]) -> int:
        counted = select(func.count()).select_from(table)
        return self.journal.database.read(lambda session: session.scalar(counted) or 0)

    def only(self, table: type[Any]) -> Any:
        return self.journal.database.read(lambda session: session.scalars(select(table)).one())

    @property
    def files(self) -> set[str]:
        return {path.name for folder in self._all for path in folder.iterdir()}

    @property
    def _all(self) -> tuple[Path, ...]:
        return self.folders.recordings, self.folders.messages, self.folders.said_back


@pytest.fixture
async def house(url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A caller who says who they are, leaves a message, gets a text and is handed over."""
    journal = Journal(url, b"k" * 32, raw=True)
    folders = Folders(*(tmp_path / name for name in ("recordings", "messages", "personal", "spool")))
    info = CallInfo("17.0", "c", "0612345678", "", "0130000000")
    call = await journal.begin(info, "Rivemont")
    said = TurnRecord(1, "transfer", "Je note : Jean Dupont.", "speech", SAID, (Hypothesis(SAID, 1.0),))
    said = replace(said, ranking=(IntentScore("voirie_nid_de_poule", 0.7),), masked_prompt="Je note : [nom].")
    await journal.turn(call, said)
    await journal.put(call, journal.recording_entry("call-1.wav"))
    await journal.end(call, Outcome("TRANSFER", "standard", "asked"))
    message = FiledRequest(
        "",
        "message",
        "accueil",
        (("details", SAID),),
        "0612345678",
        now(),
        "message",
        recording="message-1.wav",
    )
    kept = await Requests(journal.database).keep(
        call, "rivemont", message, lambda kept: [Draft("mail", f"m{kept.reference}", {"text": SAID})]
    )
    outbox = Outbox(journal.database, b"k" * 32)
    text = Draft("sms", "t1", {"to": "+33612345678", "text": "Bonjour."})
    await outbox.put_text("rivemont", text, "0612345678", lambda *_: True)
    began = now()
    for delivery, _, _ in outbox.all():
        await outbox.sent(delivery.id, f"remote-{kept.reference}" if delivery.draft.channel == "mail" else "")

    def rest(session: Session) -> None:
        turn = session.scalars(select(Turn.id)).one()
        moved = {"queue": "standard", "reason": "asked", "service": "accueil", "town": "rivemont"}
        session.add(
            Transfer(call_id=call, linkedid="17.0", at=began, phone="0612345678", note="M. Dupont", **moved)
        )
        session.add_all(
            [
                Audit(at=began, account="zoé", action="number_shown", about="1"),
                LogIn(token_hash="h", account_id=1, csrf="c", created_at=began, seen_at=began,
                      expires_at=began + timedelta(hours=10)),
                Sample(turn_id=turn, at=began, kind="random"),
                Review(turn_id=turn, at=began, account="zoé", intent="voirie_nid_de_poule"),
                Proposal(at=began, account="zoé", intent="a", text="un trou", turn_id=turn, state="proposed"),
                Proposal(at=began, account="zoé", intent="b", text="une bosse", turn_id=turn, state="learnt"),
            ]
        )  # fmt: skip

    journal.database.write_now(
        lambda session: session.add(Account(id=1, name="zoé", role="quality", password="", created_at=began))
    )
    journal.database.write_now(rest)
    for folder, name in zip(folders_of(folders), ("call-1.wav", "message-1.wav", "said.wav"), strict=True):
        folder.mkdir()
        (folder / name).write_bytes(b"RIFF")
        at = began.replace(tzinfo=UTC).timestamp()
        os.utime(folder / name, (at, at))
    yield House(journal, folders, began)
    journal.close()


def folders_of(folders: Folders) -> tuple[Path, ...]:
    return folders.recordings, folders.messages, folders.said_back


async def test_nothing_goes_before_its_time(house: House) -> None:
    assert house.purge_after(0.001) == {}
    assert house.purge_after(4.9) == {"said_back": 1, "logins": 1}
    turn, raw, call = house.only(Turn), house.only(RawTurn), house.only(Call)
    assert turn.utterance == "je m'appelle [nom] il y a un trou devant la poste"
    assert turn.prompt == "Je note : [nom]." and turn.nbest == [[turn.utterance, 1.0]]
    assert (raw.utterance, raw.prompt, raw.nbest) == (SAID, "Je note : Jean Dupont.", [[SAID, 1.0]])
    assert call.caller_hash and call.caller_last2 == "78"


@pytest.mark.parametrize(
    ("day", "gone"),
    [
        (5.1, {"raw_words"}),
        (7.1, {"deliveries", "numbers"}),
        (10.1, {"messages"}),
        (20.1, {"recordings"}),
        (100.1, {"transcripts"}),
        (200.1, {"requests", "deliveries"}),
        (300.1, {"audit"}),
    ],
)
async def test_each_kind_goes_on_its_day(house: House, day: float, gone: set[str]) -> None:
    house.purge_after(day - 0.2)
    assert set(house.purge_after(day)) == gone
    assert house.purge_after(day + 0.05) == {}


async def test_operators_read_the_real_words_while_they_are_kept(house: House) -> None:
    board = Board(house.journal.database, lambda: house.began)

    def words() -> tuple[str, str]:
        (card,) = board.past()
        return card.turns[0].words, card.turns[0].answer

    assert words() == (SAID, "Je note : Jean Dupont.")
    house.purge_after(5.1)
    assert words() == ("je m'appelle [nom] il y a un trou devant la poste", "Je note : [nom].")


async def test_a_call_of_last_year_is_nobodys_and_still_counts(house: House) -> None:
    house.purge_after(100.1)
    call, turn, transfer = house.only(Call), house.only(Turn), house.only(Transfer)
    assert (call.caller_hash, call.caller_last2, call.called, call.linkedid, call.once) == ("",) * 4 + (None,)
    assert (turn.utterance, turn.nbest, turn.prompt, transfer.note, transfer.phone) == ("", [], "", "", None)
    assert (call.result, call.destination, turn.intent, turn.confidence) == (
        "TRANSFER", "standard", "voirie_nid_de_poule", 0.7,
    )  # fmt: skip
    assert house.only(Review).intent == "voirie_nid_de_poule" and house.count(Sample) == 1
    assert (house.only(Proposal).text, house.only(Proposal).turn_id) == ("une bosse", None)


async def test_words_said_after_an_erasure_go_in_their_time(house: House) -> None:
    """The call went on: it is nobody's, but what was said then is kept no longer than any."""

    def erased(session: Session) -> None:
        session.scalars(select(Call)).one().linkedid = ""

    house.journal.database.write_now(erased)
    assert "transcripts" not in house.purge_after(99) and house.only(Turn).utterance
    assert house.purge_after(100.1)["transcripts"] == 1 and not house.only(Turn).utterance
    assert "transcripts" not in house.purge_after(100.2)


async def test_reports_of_trainings_quote_no_call_longer_than_it_is_kept(house: House) -> None:
    said = house.only(Turn).utterance
    lost = {"set": "reviewed", "text": said, "intent": "a", "before": "a", "after": "b", "wrong": True}
    own = {**lost, "set": "fixed", "text": "un appel au secours"}
    report = {"regressions": [lost, own], "reasons": [f"plus compris : « {said} »"], "seconds": {}}
    trained = Training(at=house.began, account="zoé", state="refused", report=report)
    house.journal.database.write_now(lambda session: session.add(trained))
    house.purge_after(99)
    assert house.only(Training).report == report
    house.purge_after(100.1)
    told = house.only(Training).report
    assert [one["text"] for one in told["regressions"]] == ["[effacé]", "un appel au secours"]
    assert told["reasons"] == ["plus compris : « [effacé] »"]


async def test_a_request_nobody_has_done_is_kept_twice_as_long(house: House) -> None:
    def undo(session: Session) -> None:
        session.scalars(select(Request)).one().state = "received"

    house.journal.database.write_now(undo)
    house.purge_after(399)
    assert house.count(Request) == 1
    assert set(house.purge_after(400.1)) == {"requests", "deliveries"}
    assert house.count(Request) == house.count(DeliveryRow) == 0


async def test_files_go_with_what_names_them(house: House) -> None:
    assert house.files == {"call-1.wav", "message-1.wav", "said.wav"}
    house.purge_after(1)
    assert house.files == {"call-1.wav", "message-1.wav"}
    house.purge_after(10.1)
    assert house.files == {"call-1.wav"} and house.only(Request).recording == ""
    house.purge_after(20.1)
    assert house.files == set() and house.only(Call).recording == ""


async def test_a_purge_tells_counts_and_nothing_else(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    counts = house.purge_after(10.1)
    assert house.only(Purge).deleted == counts and counts["raw_words"] == counts["messages"] == 1
    told = [record.getMessage() for record in caplog.records if record.name == "callbot.journal.retention"]
    assert told == ["purged: " + ", ".join(f"{number} {kind}" for kind, number in counts.items())]
    for secret in ("dupont", "0612345678", "612345678", "trou"):
        assert secret not in caplog.text.lower()


async def test_reports_of_purges_go_too(house: House) -> None:
    house.purge_after(1)
    assert house.purge_after(301.1)["purges"] == 1


async def test_a_dry_run_deletes_nothing(house: House) -> None:
    counts = house.purge_after(1000, dry_run=True)
    assert {"raw_words", "requests", "recordings", "transcripts"} <= set(counts)
    assert house.count(RawTurn) == house.count(Request) == 1 and house.count(Purge) == 0
    assert house.files == {"call-1.wav", "message-1.wav", "said.wav"}
    assert house.purge_after(1000) == counts


async def test_figures_are_rolled_up_before_their_calls_go(house: House) -> None:
    begin, end = (day_of(house.began + timedelta(days=days)) for days in (-1, 1))

    def told() -> tuple[int, int, int]:
        tally = total(Figures(house.journal.database).cells(begin, end))
        return tally["calls"], tally["transfers"], tally["messages"]

    before = told()
    house.purge_after(1000, dry_run=True)
    assert house.count(DayFigures) == 0
    house.purge_after(1000)
    house.journal.database.write_now(_without_calls)
    assert told() == before == (1, 1, 1)


def _without_calls(session: Session) -> None:
    """As an older copy of the journal, or a hand, may leave it: figures alone."""
    for table in (Review, Sample, RawTurn, Proposal, Turn, Transfer, Call):
        session.execute(delete(table))


async def test_files_go_though_the_database_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise JournalError("the database is away")

    monkeypatch.setattr(house.journal.database, "read", away)
    monkeypatch.setattr(house.journal.database, "write_now", away)
    with pytest.raises(JournalError, match="away"):
        house.purge_after(1000)
    assert house.files == set()


async def test_a_file_that_resists_keeps_the_rest_from_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name.startswith("message"):
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(JournalError, match="Permission denied"):
        house.purge_after(1000)
    assert house.files == {"message-1.wav"} and house.count(RawTurn) == house.count(Request) == 0


async def test_no_raw_words_are_kept_when_none_may_be(url: str) -> None:
    journal = Journal(url, b"k" * 32, raw=False)
    call = await journal.begin(CallInfo("1", "c"), "Rivemont")
    await journal.turn(call, TurnRecord(1, "m", "Bonjour.", "speech", SAID, (Hypothesis(SAID, 1.0),)))
    assert journal.database.read(lambda session: session.scalars(select(RawTurn)).all()) == []
    assert "dupont" not in str(journal.turns(call)[0].nbest) + journal.turns(call)[0].utterance
    journal.close()


def test_the_limits_and_places_are_the_settings(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, raw_days=0, audit_days=40)
    assert Limits.of(settings) == replace(Limits(), raw_days=0, audit_days=40)
    assert Folders.of(settings).said_back == tmp_path / "prompts" / "personal"
