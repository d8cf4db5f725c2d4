"""What the board reads and writes in the journal."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from callbot.journal.board import LONGEST_NOTE, Board
from callbot.journal.database import Database
from callbot.journal.events import Events
from callbot.journal.models import Audit, Call, QueueState, Request, Transfer, Turn
from callbot.types import CALL_BACK
from tests.journal.made import add

NOW = datetime(2026, 11, 23, 10, 0)
BIRTH, MARRIAGE, HUMAN = (
    "etat_civil_acte_naissance_copie",
    "etat_civil_acte_mariage_copie",
    "conversation_humain",
)


@pytest.fixture
def board(database: Database) -> Board:
    return Board(database, lambda: NOW)


def transfer(database: Database, age: float = 1, **values: Any) -> int:
    at = NOW - timedelta(minutes=age)
    call_id = add(database, Call(linkedid="1.0", started_at=at, caller_last2="78"))
    row = {
        "call_id": call_id,
        "linkedid": "1.0",
        "at": at,
        "town": "rivemont",
        "service": "etat_civil",
        "queue": "standard",
        "reason": "asked",
        "intent": BIRTH,
        "state": "waiting",
    }
    return add(database, Transfer(**row | values))


def turn(database: Database, call_id: int, number: int, heard: str, words: str, ranking: list[Any]) -> None:
    add(
        database,
        Turn(
            call_id=call_id,
            number=number,
            at=NOW,
            heard=heard,
            utterance=words,
            ranking=ranking,
            prompt="Oui ?",
        ),
    )


def request(database: Database, **values: Any) -> int:
    call_id = add(database, Call(linkedid="1.0", started_at=NOW))
    row = {"call_id": call_id, "at": NOW, "town": "rivemont", "kind": "message", "intent": "", "slots": {}}
    return add(database, Request(**row | values))


def ids(board: Board) -> list[int]:
    return [card.id for card in board.view().cards]


def test_an_empty_journal_has_an_empty_board(board: Board) -> None:
    view = board.view()
    assert (view.cards, view.tasks, view.queues) == ((), (), ())


def test_the_most_urgent_first_and_the_longest_wait_foremost(board: Board, database: Database) -> None:
    over = transfer(database, 20, state="ended", ended_at=NOW - timedelta(minutes=10))
    just_over = transfer(database, 60, state="abandoned", ended_at=NOW - timedelta(minutes=2))
    answered = transfer(database, 9, state="answered")
    short, long = transfer(database, 1), transfer(database, 3)
    announced = transfer(database, 5, state="announced")
    ringing = transfer(database, 0.5, state="ringing")
    assert ids(board) == [ringing, long, short, announced, answered, just_over, over]


@pytest.mark.parametrize(
    "state, age, ended, shown",
    [
        ("ended", 100, 29, True),
        ("ended", 100, 31, False),
        ("unanswered", 100, 5, True),
        ("unanswered", 5, None, True),
        ("waiting", 359, None, True),
        ("waiting", 361, None, False),
    ],
)
def test_what_is_shown(
    board: Board, database: Database, state: str, age: float, ended: float | None, shown: bool
) -> None:
    at = NOW - timedelta(minutes=ended) if ended is not None else None
    transfer(database, age, state=state, ended_at=at)
    assert bool(ids(board)) is shown


def test_a_card_has_the_words_and_the_ranking_of_the_last_ones(board: Board, database: Database) -> None:
    transfer(database, language="en")
    turn(database, 1, 0, "", "", [])
    turn(database, 1, 1, "speech", "un acte de naissance", [[BIRTH, 0.7], [MARRIAGE, 0.2]])
    turn(database, 1, 2, "speech", "quelqu'un", [[HUMAN, 0.9], [BIRTH, 0.05], [MARRIAGE, 0.03], ["x", 0.01]])
    turn(database, 1, 3, "silence", "", [])
    (card,) = board.view().cards
    assert [(said.heard, said.words, said.answer) for said in card.turns] == [
        ("", "", "Oui ?"),
        ("speech", "un acte de naissance", "Oui ?"),
        ("speech", "quelqu'un", "Oui ?"),
        ("silence", "", "Oui ?"),
    ]
    assert card.ranking == ((HUMAN, 0.9), (BIRTH, 0.05), (MARRIAGE, 0.03))
    assert card.confidence == 0.7, "as it was when the caller said it"
    assert (card.last2, card.language, card.over) == ("78", "en", False)


def test_an_intent_that_was_never_ranked_has_no_confidence(board: Board, database: Database) -> None:
    transfer(database, intent="")
    turn(database, 1, 1, "speech", "euh", [[BIRTH, 0.1]])
    (card,) = board.view().cards
    assert card.confidence is None and card.intent == ""


def test_messages_and_call_backs_are_to_do(board: Board, database: Database) -> None:
    message = request(database, recording="message-1.wav", phone=None)
    back = request(database, kind="request", intent=CALL_BACK, slots={"name": "Martin"}, complete=True)
    request(database, kind="request", intent="voirie_nid_de_poule")
    done = request(database, state="done")
    assert [task.id for task in board.view().tasks] == [message, back]
    first, second = board.tasks()
    assert (first.recording, first.phone, first.reference) == ("message-1.wav", "", "1001")
    assert second.known == (("name", "Martin"),) and second.complete
    assert [task.id for task in board.tasks(done=True)] == [done]
    found = board.recorded("message-1.wav")
    assert found is not None and found.id == message and board.recorded("message-2.wav") is None


def test_queues(board: Board, database: Database) -> None:
    members = [{"interface": "PJSIP/a", "name": "Anne", "state": "free"}, {"interface": "PJSIP/b"}]
    database.write_now(
        lambda session: session.add(
            QueueState(name="standard", at=NOW, waiting=2, longest_wait_s=30, members=members)
        )
    )
    (queue,) = board.view().queues
    assert (queue.name, queue.waiting, queue.longest_wait_s) == ("standard", 2, 30)
    assert [(one.interface, one.name, one.state) for one in queue.members] == [
        ("PJSIP/a", "Anne", "free"),
        ("PJSIP/b", "", ""),
    ]


def test_marks_tell_followers_and_the_trail(board: Board, database: Database) -> None:
    id = transfer(database)
    events = Events(database)
    before = events.newest()
    assert board.judge(id, "wrong", "anne") and board.set_note(id, " à rappeler ", "anne")
    assert board.set_called_back(id, True, "marc")
    (card,) = board.view().cards
    assert (card.judged, card.judged_by, card.note, card.called_back) == ("wrong", "anne", "à rappeler", True)
    assert [(kind, ref) for _, kind, ref in events.since(before)] == [("transfer", str(id))] * 3
    assert board.judge(id, "", "marc") and board.set_called_back(id, False, "marc")
    (card,) = board.view().cards
    assert (card.judged, card.judged_by, card.called_back) == ("", "", False)
    trail = database.read(lambda session: [(a.account, a.action, a.about) for a in session.query(Audit)])
    assert trail == [
        ("anne", "judged_wrong", str(id)),
        ("anne", "noted", str(id)),
        ("marc", "called_back", str(id)),
        ("marc", "judged_nothing", str(id)),
        ("marc", "not_called_back", str(id)),
    ]


def test_a_task_is_done_and_reopened(board: Board, database: Database) -> None:
    own, remote = request(database), request(database, remote="R-7", state="handed_over")
    other = request(database, kind="request", intent="voirie_nid_de_poule")
    for id in (own, remote):
        assert board.set_done(id, True, "anne")
    assert board.tasks() == ()
    for id in (own, remote):
        assert board.set_done(id, False, "anne")
    states = database.read(lambda session: [row.state for row in session.query(Request).order_by(Request.id)])
    assert states == ["received", "handed_over", "received"]
    assert not board.set_done(other, True, "anne"), (
        "the town's own requests are not the switchboard's to close"
    )


def test_what_is_not_there_is_not_marked(board: Board, database: Database) -> None:
    assert not board.judge(9, "right", "anne") and not board.set_note(9, "x", "anne")
    assert not board.set_called_back(9, True, "anne") and not board.set_done(9, True, "anne")
    assert Events(database).newest() == 0
    assert database.read(lambda session: session.query(Audit).count()) == 0


def test_a_note_has_an_end(board: Board, database: Database) -> None:
    board.set_note(transfer(database), "x" * 9999, "anne")
    assert len(board.view().cards[0].note) == LONGEST_NOTE


def test_a_number_is_shown_on_demand_and_audited(database: Database, board: Board) -> None:
    id = transfer(database, phone="0612345678")
    old = transfer(database, age=7 * 24 * 60 + 1, phone="0612345678")
    done = transfer(database, phone="0612345678", called_back=True)
    withheld = transfer(database)
    assert {card.id: card.has_number for card in board.view().cards} == {
        id: True,
        done: False,
        withheld: False,
    }
    assert "0612345678" not in repr(board.view())
    assert [board.show_number(one, "anne") for one in (id, old, done, withheld, 999)] == [
        "0612345678", None, None, None, None,
    ]  # fmt: skip
    trail = database.read(lambda session: [(row.action, row.about) for row in session.query(Audit)])
    assert trail == [("number_shown", str(id))]


def test_past_calls_are_the_newest_first_and_a_week_old_at_most(database: Database, board: Board) -> None:
    ended = {"state": "ended", "answered_at": NOW, "ended_at": NOW}
    old, talked = transfer(database, age=8 * 24 * 60, **ended), transfer(database, age=300, **ended)
    gone, back = (transfer(database, state="abandoned", called_back=done) for done in (False, True))
    assert [card.id for card in board.past()] == [back, gone, talked] and old
    assert [card.id for card in board.past(missed=True)] == [gone]


def test_a_queue_without_news_is_stale_then_forgotten(database: Database, board: Board) -> None:
    for name, age_s in (("now", 60), ("late", 91), ("yesterday", 86_401)):
        add_queue = QueueState(name=name, at=NOW - timedelta(seconds=age_s))
        database.write_now(lambda session, row=add_queue: session.add(row))
    assert [(queue.name, queue.stale) for queue in board.view().queues] == [("late", True), ("now", False)]


def test_calls_with_the_bot_are_counted(database: Database, board: Board) -> None:
    for linkedid, age_min, ended in (
        ("1.0", 1, None),
        ("2.0", 61, None),
        ("3.0", 5, NOW),
        ("text-x", 1, None),
    ):
        call = Call(linkedid=linkedid, started_at=NOW - timedelta(minutes=age_min), ended_at=ended)
        add(database, call)
    transfer(database)
    assert board.view().with_bot == 1
