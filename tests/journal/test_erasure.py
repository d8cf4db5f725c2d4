"""After an erasure nothing is left of a caller: not in the tables, not in files, not in logs."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from callbot.journal.call import CallJournal
from callbot.journal.database import now
from callbot.journal.erasure import Caller, writings
from callbot.journal.figures import Figures
from callbot.journal.local_days import day_of
from callbot.journal.models import (
    Base,
    Call,
    DeliveryRow,
    Proposal,
    Question,
    RawTurn,
    Request,
    Review,
    Sample,
    Training,
    Transfer,
    Turn,
    Unanswered,
)
from callbot.journal.outbox import Outbox
from callbot.journal.proposals import learnable
from callbot.journal.retention import Folders
from callbot.journal.store import Journal
from callbot.quality.periods import total
from callbot.speech.message import Recorder
from callbot.speech.recording import CallRecorder
from callbot.types import (
    CallInfo,
    Context,
    Draft,
    FiledRequest,
    Hypothesis,
    IntentScore,
    Outcome,
    TurnRecord,
)

KEY = b"k" * 32
NUMBER, OTHER = "0612345678", "0698765432"
SAID = "bonjour léontine kerguélen j'ai crevé sur le nid de poule devant la boulangerie"
SOUND = bytes(range(1, 251)) * 64
SECRETS = (
    *("léontine", "kerguélen", "nid de poule devant", "la boulangerie", "j'ai crevé", "41 impasse lé"),
    *(NUMBER, "06 12 34 56 78", "612345678", "612 34 56 78"),
)


@dataclass
class House:
    """A state folder with two callers in it."""

    state: Path
    journal: Journal

    @property
    def folders(self) -> Folders:
        names = ("recordings", "messages", "prompts/personal", "spool")
        return Folders(*(self.state / name for name in names))

    def caller(self, number: str) -> Caller:
        return Caller(number, KEY, self.journal.database, self.folders)

    async def call(self, number: str, said: str, sound: bytes, who: str = "léontine kerguélen") -> None:
        """A request taken down, a message, a text, a hand-over, a recording."""
        info = CallInfo(f"{number}.1", f"PJSIP/{number}", number, who, "0130000000")

        def hand_over(kept: FiledRequest) -> list[Draft]:
            return [
                Draft("mail", f"mail-{kept.reference}", {"reference": kept.reference, **dict(kept.known)})
            ]

        call = CallJournal(self.journal, info, "Rivemont", "rivemont", hand_over)
        recorder = CallRecorder(self.folders.recordings, 8000)
        recorder.add(sound)
        await call.recording(recorder.name)
        said_back = f"D'accord, c'est pour {said}, 41 impasse {who}."
        turn = TurnRecord(
            1, "ask", said_back, "speech", said, (Hypothesis(said, 0.9), Hypothesis(said[8:], 0.1))
        )
        await call.record(
            replace(turn, ranking=(IntentScore("voirie_nid_de_poule", 0.8),), masked_prompt="D'accord.")
        )
        await call.record(TurnRecord(2, "ask", said_back, "speech", who, gave="name"))
        known = (("street", f"impasse {who}"), ("number", "41"), ("name", who))
        await call.request(FiledRequest("", "voirie_nid_de_poule", "voirie", known, "", datetime.min))
        message = Recorder(8000)
        message.add(sound)
        name = message.save(self.folders.messages)
        left = FiledRequest("", "message", "accueil", (("details", said),), "", datetime.min, "message")
        await call.request(replace(left, recording=name))
        text = Draft("sms", f"sms-{number}-{len(said)}", {"to": f"+33{number[1:]}", "text": "Bonjour."})
        await Outbox(self.journal.database, KEY).put_text("rivemont", text, number, lambda *_: True)
        await call.hand_over(Context("accueil"), "standard", "asked")
        await recorder.close()
        await call.end(Outcome("TRANSFER", "standard", "asked"))
        self.folders.said_back.mkdir(parents=True, exist_ok=True)
        (self.folders.said_back / "said.wav").write_bytes(sound)

    def every_byte(self) -> bytes:
        """Of all files, and of every column of a database elsewhere."""
        found = [path.name.encode() + path.read_bytes() for path in self.state.rglob("*") if path.is_file()]

        def rows(session: Session) -> list[bytes]:
            return [
                json.dumps([str(value) for value in row], ensure_ascii=False).encode()
                for table in Base.metadata.sorted_tables
                for row in session.execute(select(table))
            ]

        return b"\n".join([*found, *self.journal.database.read(rows)])

    def traces(self, *more: bytes) -> list[bytes]:
        """The secrets that are found, in any encoding."""
        everything = self.every_byte().lower()
        wanted = [
            secret.encode(encoding)
            for secret in SECRETS
            for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be")
        ] + [json.dumps(secret)[1:-1].lower().encode() for secret in SECRETS]
        return [one for one in (*wanted, *more) if one in everything]


@pytest.fixture
async def house(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr("callbot.journal.database.BUSY_S", 1)
    state = tmp_path
    journal = Journal(url, KEY, state / "spool", raw=True)
    yield House(state, journal)
    journal.close()


async def test_nothing_is_left_of_a_caller(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "callbot")
    await house.call(NUMBER, SAID, SOUND)
    await house.call(OTHER, "je voudrais des sacs jaunes pour dix personnes", bytes(16000), "paul martin")
    assert NUMBER.encode() in house.traces() and "kerguélen".encode() in house.traces()
    assert house.traces(SOUND[:64].lower())[-1] == SOUND[:64].lower()
    erased = house.caller("+33 6 12 34 56 78").erase()
    assert erased is not None and erased.scrubbed
    assert erased.counts == {
        **{"calls": 1, "requests": 2, "deliveries": 3, "transfers": 1},
        **{"turns": 2, "sounds": 2, "spool": 0},
    }
    assert house.traces(SOUND[:64].lower()) == []
    assert all(secret not in caplog.text.lower() for secret in SECRETS)
    assert house.caller(NUMBER).erase() is None


async def test_who_reads_meanwhile_is_no_hindrance_and_told(house: House) -> None:
    await house.call(NUMBER, SAID, SOUND)
    engine = create_engine(house.journal.database.url)
    with engine.connect() as reader:
        if house.journal.database.dialect == "sqlite":  # whose driver begins only what writes
            reader.exec_driver_sql("BEGIN")
        reader.execute(select(Turn.id)).fetchone()
        erased = house.caller(NUMBER).erase()
        assert erased is not None and not erased.scrubbed
    engine.dispose()
    assert house.journal.database.scrub(rewrite=True) and house.traces() == []


async def test_the_other_caller_and_the_figures_stay(house: House) -> None:
    await house.call(NUMBER, SAID, SOUND)
    await house.call(OTHER, "je voudrais des sacs jaunes pour dix personnes", bytes(16000), "paul martin")
    house.caller(NUMBER).erase()

    def read(session: Session) -> None:
        nobodys, kept = session.scalars(select(Call).order_by(Call.id))
        assert (nobodys.caller_hash, nobodys.linkedid, nobodys.result) == ("", "", "TRANSFER")
        intents = select(Turn.intent).where(Turn.call_id == nobodys.id).order_by(Turn.number)
        assert session.scalars(intents).first() == "voirie_nid_de_poule"
        assert kept.caller_last2 == "32" and (house.folders.recordings / kept.recording).is_file()
        turns = session.scalars(select(Turn).where(Turn.call_id == kept.id).order_by(Turn.number)).all()
        assert turns[0].utterance == "je voudrais des sacs jaunes pour dix personnes"
        assert {row.phone for row in session.scalars(select(Request))} == {OTHER}
        assert len(session.scalars(select(DeliveryRow)).all()) == 3
        assert len(session.scalars(select(RawTurn)).all()) == 2

    house.journal.database.read(read)


async def test_figures_of_days_gone_by_still_hold_what_was_erased(house: House) -> None:
    await house.call(NUMBER, SAID, SOUND)
    later = now() + timedelta(days=3)
    day = day_of(now())

    def told() -> tuple[int, int, int]:
        found = Figures(house.journal.database, clock=lambda: later).cells(day, day)
        return total(found)["calls"], total(found)["messages"], total(found)["requests"]

    before = told()
    assert house.caller(NUMBER).erase(later) is not None
    assert told() == before == (1, 1, 1)


async def test_what_quality_made_of_their_words_goes_too(house: House) -> None:
    await house.call(NUMBER, SAID, SOUND)
    masked = house.journal.turns(1)[0].utterance

    def learn(session: Session) -> None:
        turn, moment = house.journal.turns(1)[0].id, datetime(2026, 11, 24)
        question = Question(at=moment, label=masked)
        session.add(question)
        session.flush()
        trained = {"regressions": [{"text": masked, "was": "right"}], "accuracy": 0.9}
        session.add_all(
            [
                Sample(turn_id=turn, at=moment, kind="random"),
                Review(turn_id=turn, at=moment, account="zoé", intent="voirie_nid_de_poule"),
                Unanswered(turn_id=turn, question_id=question.id),
                Proposal(at=moment, account="zoé", intent="a", text=masked, turn_id=turn, state="proposed"),
                Proposal(at=moment, account="zoé", intent="b", text=masked, turn_id=turn, state="learnt"),
                Training(at=moment, account="zoé", state="passed", report=trained),
            ]
        )

    house.journal.database.write_now(learn)
    erased = house.caller(NUMBER).erase()
    assert erased is not None and erased.learnt == (("b", masked),)
    assert masked.encode() not in house.every_byte() and house.traces() == []

    def read(session: Session) -> None:
        assert session.scalars(select(Training)).one().report["accuracy"] == 0.9
        assert session.scalars(select(Question)).one().label == "[effacé]"
        assert not session.scalars(select(Proposal)).all() and not session.scalars(select(Unanswered)).all()
        assert session.scalars(select(Review)).one().intent == "voirie_nid_de_poule"

    house.journal.database.read(read)


async def test_words_that_went_out_to_a_service_or_were_taught_with_its_answer_go_too(house: House) -> None:
    """An example of a service's answer hangs on no turn; what another caller said too stays."""
    shared = "je voudrais des sacs jaunes pour dix personnes"
    await house.call(NUMBER, SAID, SOUND)
    await house.call(NUMBER, shared, SOUND)
    await house.call(OTHER, shared, bytes(16000), "paul martin")
    masked = house.journal.turns(1)[0].utterance
    taught = learnable(masked)
    quoted = {"description": f"Des appelants demandent :\n  - {masked}\n  - {shared}\n"}
    diff = f"+      - {taught}\n+      - {shared}"

    def learn(session: Session) -> None:
        moment = datetime(2026, 11, 24)
        row = DeliveryRow(at=moment, town="rivemont", channel="mail", key="question-1", content=quoted)
        row.next_at = moment
        session.add_all(
            [
                row,
                Proposal(at=moment, account="zoé", intent="a", text=taught, state="refused"),
                Proposal(at=moment, account="zoé", intent="a", text=shared, state="learnt"),
                Training(at=moment, account="zoé", state="refused", report={"diff": diff}),
            ]
        )

    house.journal.database.write_now(learn)
    erased = house.caller(NUMBER).erase()
    assert erased is not None and erased.learnt == () and taught in erased.sentences
    assert shared not in erased.sentences
    assert house.traces(taught.encode()) == []

    def read(session: Session) -> None:
        (mail,) = session.scalars(select(DeliveryRow).where(DeliveryRow.key == "question-1"))
        assert mail.content["description"].startswith("Des appelants demandent :\n  - [effacé]\n")
        assert [row.text for row in session.scalars(select(Proposal))] == [shared]
        report = session.scalars(select(Training)).one().report
        assert report["diff"].startswith("+      - [effacé]\n")

    house.journal.database.read(read)


@pytest.mark.parametrize("told", ["appelez le 06 12 34 56 78 svp", "au 12, ou au 06.12.34.56.78\n75000"])
async def test_a_number_inside_the_words_of_a_request_is_found(house: House, told: str) -> None:
    call = CallJournal(house.journal, CallInfo("9.1", "c", OTHER), "Rivemont", "rivemont")
    filed = FiledRequest("", "voirie_nid_de_poule", "voirie", (("details", told),), "", datetime.min)
    await call.request(filed)
    await call.end(Outcome("DONE", reason="goodbye"))
    erased = house.caller(NUMBER).erase()
    assert erased is not None and erased.counts["requests"] == 1 and house.traces() == []


async def test_a_number_left_in_somebody_elses_call_goes_with_what_it_is_about(house: House) -> None:
    """« Rappelez ma mère au 06 12... »: the request goes, the other's call stays."""
    call = CallJournal(house.journal, CallInfo("9.1", "c", OTHER), "Rivemont", "rivemont")
    said = "rappelez ma mère au zéro six douze trente-quatre cinquante-six soixante-dix-huit"
    await call.record(TurnRecord(1, "m", "D'accord.", "speech", said))
    wanted = FiledRequest(
        "", "conversation_etre_rappele", "accueil", (("phone", "06 12 34 56 78"),), "", datetime.min
    )
    await call.request(wanted)
    await call.end(Outcome("DONE", reason="goodbye"))
    erased = house.caller(NUMBER).erase()
    assert erased is not None and (erased.counts["calls"], erased.counts["requests"]) == (0, 1)
    assert house.traces(b"soixante-dix-huit") == []
    (turn,) = house.journal.turns(1)
    assert turn.utterance == "rappelez ma mère au [téléphone]" and house.journal.calls()[0].caller_hash


async def test_a_call_that_waits_for_the_database_is_erased_where_it_waits(house: House) -> None:
    begin = house.journal.begin_entry(CallInfo("1.1", "c", NUMBER), "Rivemont")
    turn = house.journal.turn_entry(TurnRecord(1, "m", "", "speech", SAID))
    house.folders.spool.mkdir()
    waiting = house.folders.spool / "00000000000000000001-aaaaaaaa.jsonl"
    waiting.write_text("".join(json.dumps(entry) + "\n" for entry in (begin, turn)), encoding="utf-8")
    waiting.chmod(0o600)
    found = house.caller(NUMBER).export()
    assert found is not None and SAID[8:16] in json.dumps(found[0]["appels_en_attente"], ensure_ascii=False)
    assert house.caller(OTHER).export() is None
    erased = house.caller(NUMBER).erase()
    assert erased is not None and erased.counts["spool"] == 1
    assert not waiting.exists() and house.traces() == []


async def test_what_left_the_house_is_told(house: House) -> None:
    await house.call(NUMBER, SAID, SOUND)
    outbox = Outbox(house.journal.database, KEY)
    first = next(delivery for delivery, _, _ in outbox.all() if delivery.draft.channel == "mail")
    await outbox.sent(first.id, "<42@mairie>")
    erased = house.caller(NUMBER).erase()
    assert erased is not None and erased.elsewhere == (("1001", "mail", "<42@mairie>"),)


async def test_everything_of_a_caller_is_exported(house: House) -> None:
    await house.call(NUMBER, SAID, SOUND)
    await house.call(OTHER, "je voudrais des sacs jaunes pour dix personnes", bytes(16000), "paul martin")
    turn = house.journal.turns(1)[0].id
    taught = Proposal(at=datetime(2026, 11, 24), account="zoé", intent="a", text="un trou", turn_id=turn)
    house.journal.database.write_now(lambda session: session.add(taught))
    found = house.caller("0033612345678").export()
    assert found is not None
    exported, sounds = found
    text = json.dumps(exported, ensure_ascii=False)
    assert SAID in text and "impasse léontine" in text and "+33612345678" in text and NUMBER in text
    assert "sacs jaunes" not in text and OTHER not in text and OTHER[1:] not in text
    (call,) = exported["appels"]
    assert [turn["entendu"] for turn in call["tours"]] == [SAID, "léontine kerguélen"]
    assert {path.parent.name for path in sounds} == {"recordings", "messages"}
    assert [turn["phrases_proposées"] for turn in call["tours"]] == [["un trou"], []]
    assert len(exported["demandes"]) == 2 and len(exported["envois"]) == 3
    assert house.caller("0611111111").export() is None


async def test_a_transfer_keeps_no_number_after_an_erasure(house: House) -> None:
    await house.call(NUMBER, SAID, SOUND)
    house.caller(NUMBER).erase()
    (transfer,) = house.journal.database.read(lambda session: session.scalars(select(Transfer)).all())
    assert (transfer.phone, transfer.note, transfer.linkedid, transfer.service) == (None, "", "", "accueil")


@pytest.mark.parametrize(
    "written",
    [
        "0612345678",
        "06 12 34 56 78",
        "06.12.34.56.78",
        "+33612345678",
        "+33 (0)6 12 34 56 78",
        "0033612345678",
    ],
)
def test_a_number_is_one_however_written(written: str) -> None:
    assert writings(written) >= {"0612345678", "33612345678", "0033612345678"}


def test_numbers_from_elsewhere_and_from_the_house() -> None:
    assert writings("0032 470 12 34 56") == writings("+32 470 12 34 56") | {"0032470123456"}
    assert "0692123456" in writings("+262 692 12 34 56")
    assert "6001" in writings("6001")


@pytest.mark.parametrize("nonsense", ["", "jean", "12", "0612345678; drop table", "anonymous"])
def test_what_is_no_number_is_refused(nonsense: str) -> None:
    with pytest.raises(ValueError):
        writings(nonsense)
