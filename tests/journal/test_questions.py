"""Which turns led nowhere, and what becomes of the questions they ask."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from callbot.dialogue import moves
from callbot.dialogue.moves import Ask, Choose, Confirm, ConfirmRequest, Goodbye, OfferMessage, Turn
from callbot.journal import models
from callbot.journal.database import Database
from callbot.journal.models import Audit, Call, DeliveryRow, Question, Request, Review, Transfer, Unanswered
from callbot.journal.questions import Questions
from callbot.journal.unanswered import LOOK_BACK, Gathering
from callbot.types import Draft
from tests.journal.made import add

NOW = datetime(2026, 11, 23, 10, 0)
GREETED: Turn = (moves.Greet(),)
UNCLEAR: Turn = (Ask("unclear"),)
AWAY: Turn = (moves.Transfer("accueil", "not_understood"),)
POOL = "piscine_horaires"


@pytest.fixture
def gathering(database: Database) -> Gathering:
    return Gathering(database, lambda: NOW)


@pytest.fixture
def questions(database: Database) -> Questions:
    return Questions(database, lambda: NOW)


def call(database: Database, *turns: tuple[str, Turn], intent: str = "", at: datetime = NOW) -> int:
    """A call: after the greeting, what was said and the moves that followed; returns its id."""
    call_id = add(database, Call(linkedid="1.0", started_at=at, town="Rivemont"))
    add(database, models.Turn(call_id=call_id, number=0, at=at, move=moves.describe(GREETED)))
    for number, (words, turn) in enumerate(turns, 1):
        ranking = [[intent, 0.4], ["voirie_nid_de_poule", 0.2]] if intent else []
        add(
            database,
            models.Turn(
                call_id=call_id,
                number=number,
                at=at,
                heard="speech",
                utterance=words,
                move=moves.describe(turn),
                intent=intent,
                ranking=ranking,
            ),
        )
    return call_id


def turn_of(database: Database, words: str) -> int:
    def read(session: Any) -> int:
        return int(
            session.query(models.Turn.id).filter_by(utterance=words).order_by(models.Turn.id).first()[0]
        )

    return database.read(read)


def found(gathering: Gathering) -> list[str]:
    return [one.text for one in gathering.found()]


def asked(database: Database, gathering: Gathering, *texts: str, at: datetime = NOW) -> int:
    """One question of these sentences, each of a call of its own; returns its number."""
    turns = []
    for text in texts:
        call(database, (text, UNCLEAR), at=at)
        turns.append(turn_of(database, text))
    return gathering.place(turns, {}, [turns])[0]


def row(database: Database, kind: Any, id: int) -> Any:
    return database.read(lambda session: session.get(kind, id))


@pytest.mark.parametrize(
    "turns",
    [
        [("une ruche", UNCLEAR)],
        [("une ruche", AWAY)],
        [("une ruche", (OfferMessage("accueil", "not_understood"),))],
        [("une ruche", (Confirm(POOL),)), ("non", (Ask("denied"),))],
        [("une ruche", (Choose(POOL, "piscine_tarif"),)), ("non", AWAY)],
    ],
    ids=["unclear", "handed over", "message offered", "guess refused", "choice refused"],
)
def test_a_need_that_nobody_understood_is_found(
    database: Database, gathering: Gathering, turns: list[tuple[str, Turn]]
) -> None:
    call(database, *turns)
    assert "une ruche" in found(gathering)


@pytest.mark.parametrize(
    "turns",
    [
        [("la piscine", (moves.Answer(POOL),))],
        [("la piscine", (Confirm(POOL),)), ("oui", (moves.Answer(POOL),))],
        [("un humain", (moves.Transfer("accueil", "asked"),))],
        [("", UNCLEAR)],
        [("un trou", (moves.AskSlot("voirie", "address"),)), ("au bout", AWAY)],
        [("un trou", (ConfirmRequest("voirie", ()),)), ("euh", UNCLEAR)],
    ],
    ids=["answered", "confirmed", "asked", "no words", "piece of a request", "request said back"],
)
def test_what_was_understood_or_is_no_need_is_not(
    database: Database, gathering: Gathering, turns: list[tuple[str, Turn]]
) -> None:
    call(database, *turns)
    assert found(gathering) == []


def test_a_polite_end_is_in_vain_only_when_no_goodbye_was_said(
    database: Database, gathering: Gathering
) -> None:
    call(database, ("des panneaux solaires", (Goodbye(off_topic=True),)), intent="hors_sujet")
    call(database, ("au revoir", (Goodbye(),)), intent="conversation_au_revoir")
    assert found(gathering) == ["des panneaux solaires"]


@pytest.mark.parametrize(
    ("verdict", "counts"), [("wrong", True), ("off_topic", True), ("right", False), ("", False)]
)
def test_an_answer_that_an_operator_judges(
    database: Database, gathering: Gathering, verdict: str, counts: bool
) -> None:
    served = (moves.Transfer("piscine", "service"),)
    id = call(database, ("bonjour", UNCLEAR), ("mon abonnement", served), intent=POOL)
    handed = Transfer(call_id=id, linkedid="1", at=NOW, town="rivemont", service="sports", queue="standard")
    handed.reason, handed.intent, handed.judged = "service", POOL, verdict
    add(database, handed)
    assert ("mon abonnement" in found(gathering)) is counts


def test_a_review_has_the_last_word(database: Database, gathering: Gathering) -> None:
    call(database, ("la météo", (moves.Answer(POOL),)))
    call(database, ("le bassin", UNCLEAR))
    for words, intent in (("la météo", "hors_sujet"), ("le bassin", POOL)):
        add(database, Review(turn_id=turn_of(database, words), at=NOW, account="quentin", intent=intent))
    assert found(gathering) == ["la météo"]


def test_an_intent_found_later_takes_the_turn_out(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    id = asked(database, gathering, "le bassin", "la baignade")
    other = asked(database, gathering, "l'aquagym")
    for words in ("le bassin", "l'aquagym"):
        turn = turn_of(database, words)
        add(database, Review(turn_id=turn, at=NOW, account="quentin", intent="hors_sujet"))
        add(database, Review(turn_id=turn, at=NOW, account="claire", intent=POOL))
    gathering.forget_understood()
    assert [one.text for one in questions.sayings(id)] == ["la baignade"]
    assert questions.get(other) is None, "nothing is left of it"
    assert found(gathering) == []


def test_old_calls_and_those_gathered_are_found_no_more(database: Database, gathering: Gathering) -> None:
    call(database, ("jadis", UNCLEAR), at=NOW - LOOK_BACK - timedelta(days=1))
    call(database, ("naguère", UNCLEAR), at=NOW - timedelta(days=80))
    assert found(gathering) == ["naguère"]
    gathering.place([turn_of(database, "naguère")], {}, [])
    assert found(gathering) == [] and [one.text for one in gathering.alone()] == ["naguère"]
    gathering.place([turn_of(database, "naguère")], {}, [])  # twice is once


def test_sentences_join_and_form_questions(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    id = asked(database, gathering, "une ruche", "des abeilles")
    call(database, ("un essaim", UNCLEAR))
    turn = turn_of(database, "un essaim")
    assert gathering.place([turn], {turn: id}, []) == []
    assert set(gathering.known()[id]) == {"une ruche", "des abeilles", "un essaim"}
    one = questions.get(id)
    assert one is not None
    assert (one.label, one.name, one.state, one.calls, one.sayings) == ("une ruche", "", "open", 3, 3)


def test_two_sentences_of_one_call_are_one_caller(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    call(database, ("une ruche", UNCLEAR), ("des abeilles", AWAY))
    turns = [turn_of(database, words) for words in ("une ruche", "des abeilles")]
    one = questions.get(gathering.place(turns, {}, [turns])[0])
    assert one is not None and (one.calls, one.sayings) == (1, 2)


def test_the_label_is_a_name_or_a_sentence_that_is_still_there(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    id = asked(database, gathering, "une ruche", "des abeilles")

    def label() -> str:
        one = questions.get(id)
        assert one is not None
        return one.label

    def erase(words: str) -> None:
        turn = turn_of(database, words)
        database.write_now(lambda session: session.delete(session.get(models.Turn, turn)))

    erase("une ruche")
    assert label() == "des abeilles", "the words go when the turn goes"
    questions.rename(id, "  Installer   une ruche ", "quentin")
    erase("des abeilles")
    assert label() == "Installer une ruche"
    questions.rename(id, "", "quentin")
    assert label() == ""


def test_a_question_is_assigned_answered_published_and_asked_again(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    id = asked(database, gathering, "une ruche", at=NOW - timedelta(days=2))
    assert not questions.publish(id, POOL, "quentin"), "there is no answer"
    draft = Draft("mail", "question-1", {"service": "environnement"})
    assert questions.assign(id, "environnement", NOW - timedelta(hours=1), "quentin", ("rivemont", draft))
    mails = database.read(lambda session: session.query(DeliveryRow).all())
    assert [(one.town, one.channel, one.state) for one in mails] == [("rivemont", "mail", "queued")]
    one = questions.get(id)
    assert one is not None and one.overdue(NOW) and not one.overdue(NOW - timedelta(hours=2))
    assert questions.answer(id, "Oui, à dix mètres.", "quentin")
    one = questions.get(id)
    assert one is not None and not one.overdue(NOW) and one.answered_by == "quentin"
    assert not questions.assign(id, "voirie", NOW, "quentin"), "it has its answer"
    assert questions.publish(id, "environnement_ruche", "quentin")
    one = questions.get(id)
    assert one is not None and (one.state, one.intent, one.again) == ("published", "environnement_ruche", 0)
    call(database, ("un essaim", UNCLEAR), at=NOW + timedelta(hours=1))
    turn = turn_of(database, "un essaim")
    gathering.place([turn], {turn: id}, [])
    one = questions.get(id)
    assert one is not None and one.again == 1
    trail = database.read(lambda session: [row.action for row in session.query(Audit).order_by(Audit.id)])
    assert trail == ["question_assigned", "question_answered", "question_published"]


def test_late_ones_come_first_then_by_due_date_then_by_callers(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    rare, often, soon, late = (
        asked(database, gathering, *texts)
        for texts in (["une ruche"], ["un drone", "mon drone"], ["le wifi"], ["un composteur"])
    )
    questions.assign(soon, "accueil", NOW + timedelta(days=2), "quentin")
    questions.assign(late, "accueil", NOW - timedelta(days=2), "quentin")
    assert [one.id for one in questions.all()] == [late, soon, often, rare]


def test_closed_questions_take_in_what_is_like_them_and_open_again(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    id = asked(database, gathering, "la météo")
    questions.assign(id, "accueil", NOW, "quentin")
    assert questions.close(id, "quentin") and id in gathering.known()
    assert not questions.answer(id, "Il fera beau.", "quentin")
    assert questions.reopen(id, "quentin") and not questions.reopen(id, "quentin")
    one = questions.get(id)
    assert one is not None and one.state == "assigned"


def test_two_are_made_one_and_an_answer_is_never_lost(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    first, second = asked(database, gathering, "une ruche"), asked(database, gathering, "des abeilles")
    questions.answer(first, "Oui.", "quentin")
    assert questions.merge(first, second, "quentin") == first
    assert questions.get(second) is None
    assert {one.text for one in questions.sayings(first)} == {"une ruche", "des abeilles"}
    assert questions.merge(first, first, "quentin") is None
    assert questions.merge(first, second, "quentin") is None


def test_a_sentence_moves_out_and_stays_out(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    id = asked(database, gathering, "une ruche", "un drone")
    made = questions.move_out(turn_of(database, "une ruche"), "quentin")
    assert made is not None and made != id
    one, other = questions.get(id), questions.get(made)
    assert one is not None and other is not None
    assert (one.label, other.label) == ("un drone", "une ruche")
    gathering.forget_understood()
    assert found(gathering) == [] and questions.get(made) is not None
    lonely = call(database, ("allô la lune", UNCLEAR))
    assert lonely and questions.move_out(turn_of(database, "allô la lune"), "quentin") is None, "not gathered"
    gathering.place([turn_of(database, "allô la lune")], {}, [])
    closed = questions.move_out(turn_of(database, "allô la lune"), "quentin", close=True)
    assert closed is not None and row(database, Question, closed).state == "closed"


def test_callers_who_left_a_number_are_told_once(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    id = asked(database, gathering, "une ruche", "des abeilles", "un essaim", "un rucher")
    turns = {words: turn_of(database, words) for words in ("une ruche", "des abeilles", "un essaim")}
    calls = {words: row(database, models.Turn, turn).call_id for words, turn in turns.items()}

    def left(words: str, **values: Any) -> None:
        base = {"kind": "message", "intent": "", "town": "rivemont", "phone": "0612345678", "at": NOW}
        add(database, Request(call_id=calls[words], **base | values))

    left("une ruche")
    left("des abeilles", kind="request", slots={"phone": "0261911200"}, intent="conversation_etre_rappele")
    left("un essaim", phone="")
    callers = questions.callers(id)
    assert [(one.phone, one.told_at) for one in callers] == [("0612345678", None), ("0261911200", None)]
    one = questions.get(id)
    assert one is not None and one.waiting == 2
    assert questions.tell(id, [calls["une ruche"]], True, "quentin")
    assert not questions.tell(id, [999], True, "quentin")
    one = questions.get(id)
    assert one is not None and one.waiting == 1
    assert [(one.phone, one.told_at) for one in questions.callers(id)] == [
        ("0261911200", None),
        ("0612345678", NOW),
    ]
    assert questions.tell(id, [calls["une ruche"]], False, "quentin")
    assert row(database, Unanswered, turns["une ruche"]).told_at is None


def test_what_the_bot_took_them_for_is_summed(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    call(database, ("le bassin", UNCLEAR), intent=POOL)
    call(database, ("la baignade", UNCLEAR), intent=POOL)
    turns = [turn_of(database, words) for words in ("le bassin", "la baignade")]
    (id,) = gathering.place(turns, {}, [turns])
    assert questions.taken_for(id) == (POOL, "voirie_nid_de_poule")


def test_one_person_who_calls_twice_is_told_once(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    id = asked(database, gathering, "une ruche", "des abeilles")
    calls = [
        row(database, models.Turn, turn_of(database, text)).call_id for text in ("une ruche", "des abeilles")
    ]
    for call_id in calls:
        left = Request(
            call_id=call_id, kind="message", intent="", phone="0612345678", at=NOW, town="rivemont"
        )
        add(database, left)
    (caller,) = questions.callers(id)
    assert caller.calls == (calls[1], calls[0]) and caller.told_at is None
    one = questions.get(id)
    assert one is not None and one.waiting == 1
    assert questions.tell(id, caller.calls, True, "quentin")
    assert questions.callers(id)[0].told_at == NOW
    one = questions.get(id)
    assert one is not None and one.waiting == 0


def test_who_the_switchboard_called_back_waits_no_more(
    database: Database, gathering: Gathering, questions: Questions
) -> None:
    id = asked(database, gathering, "une ruche")
    call_id = row(database, models.Turn, turn_of(database, "une ruche")).call_id
    left = Request(call_id=call_id, kind="message", intent="", phone="0612345678", at=NOW, town="rivemont")
    left.state = "done"
    add(database, left)
    (caller,) = questions.callers(id)
    one = questions.get(id)
    assert caller.told and caller.told_at is None and one is not None and one.waiting == 0
