"""Calls found, read, marked and sampled, in a journal of a few hundred made calls on both databases."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from callbot.journal.database import Database
from callbot.journal.models import Audit, Call, Proposal, Review, Sample
from callbot.journal.review import LOST, SLOW_MS, Calls, Filters
from callbot.journal.samples import Samples
from callbot.journal.verdicts import Marked, Span, Verdicts
from callbot.quality.statistics import cohen_kappa, wilson
from tests.journal.made import BIRTH, BULKY, HUMAN, INSULT, OFF, POOL, YES, Made, turn

MONDAY = datetime(2026, 11, 23)
NOW = MONDAY + timedelta(days=2, hours=10)
LAST_WEEK = MONDAY - timedelta(days=7)


def clock() -> datetime:
    return NOW


@pytest.fixture
def made(database: Database) -> Made:
    return Made(database, LAST_WEEK + timedelta(hours=9))


@pytest.fixture
def calls(database: Database) -> Calls:
    return Calls(database, clock)


@pytest.fixture
def verdicts(database: Database) -> Verdicts:
    return Verdicts(database, clock)


def ids(calls: Calls, **filters: Any) -> list[int]:
    return [line.id for line in calls.find(Filters(**filters)).lines]


def rows(database: Database, kind: type[Any]) -> list[Any]:
    return database.read(lambda session: list(session.query(kind).order_by(kind.at)))


# --- The list -----------------------------------------------------------------------------------------------


def test_the_newest_come_first_in_pages(made: Made, calls: Calls) -> None:
    made.days(210)
    first = calls.find(Filters())
    assert (first.total, first.pages, first.page, len(first.lines)) == (210, 6, 1, 40)
    every = [line.id for page in range(1, 7) for line in calls.find(Filters(), page).lines]
    assert len(set(every)) == 210
    moments = [calls.call(id).at for id in every]  # type: ignore[union-attr]
    assert moments == sorted(moments, reverse=True)
    assert calls.find(Filters(), 99).page == 6 and len(calls.find(Filters(), 99).lines) == 10


def test_no_call_is_no_page_but_one(calls: Calls) -> None:
    found = calls.find(Filters(words="rien", order="worst"))
    assert (found.lines, found.total, found.pages, found.page) == ((), 0, 1, 1)
    assert calls.call(1) is None and calls.turn(1) is None


def test_every_call_has_one_outcome(made: Made, calls: Calls) -> None:
    pool = [turn("la piscine", POOL)]
    expected = {
        made.answered(): "answered",
        made.call(pool, reason="hung_up"): "answered",  # heard what they wanted to know
        made.call([turn("oui", YES, move="answer:conversation_aide")], reason="hung_up"): "hung_up",
        made.call([], reason="hung_up"): "hung_up",
        made.misunderstood(): "transferred",
        made.call(pool, result=None, transfer={"state": "waiting"}): "transferred",
        made.call(pool, message=True): "message",
        made.call(pool, reason="hung_up", message=True): "message",
        made.call(pool, "FAILED", "fault"): "failed",
        made.call(pool, result=None, at=NOW - LOST - timedelta(minutes=1)): "failed",
        made.call(pool, result=None, at=NOW - timedelta(minutes=1)): "ongoing",
    }
    assert {line.id: line.outcome for line in calls.find(Filters()).lines} == expected
    for outcome in set(expected.values()):
        assert set(ids(calls, outcome=outcome)) == {id for id, one in expected.items() if one == outcome}


def test_filters_take_what_they_say(made: Made, calls: Calls, verdicts: Verdicts, database: Database) -> None:
    good = made.answered()
    middling = made.answered("les horaires", 0.6)
    bad = made.misunderstood()
    silent = made.call(
        [turn(""), turn("allô", HUMAN, move="transfer:accueil:asked")], "TRANSFER", "asked", {}
    )
    slow = made.call([turn("la piscine", POOL, 0.9, think_ms=SLOW_MS - 319.0)])
    not_slow = made.call([turn("la piscine", POOL, 0.9, think_ms=SLOW_MS - 320.0)])
    everything = {good, middling, bad, silent, slow, not_slow}
    assert set(ids(calls)) == everything
    assert ids(calls, band="low") == [bad]
    assert ids(calls, band="middle") == [middling]
    assert set(ids(calls, band="high")) == {good, silent, slow, not_slow}
    assert ids(calls, silent=True) == [silent]
    assert ids(calls, slow=True) == [slow]
    assert ids(calls, reason="not_understood") == [bad] and ids(calls, reason="asked") == [silent]
    assert ids(calls, intents=(BULKY,)) == [bad] and ids(calls, intents=()) == []
    assert ids(calls, intents=(HUMAN, BULKY)) == [silent, bad]
    first, second = made.turns(bad)
    verdicts.give(first, BIRTH, "quentin")
    assert ids(calls, intents=(BIRTH,)) == [bad], "what somebody says was meant is found too"
    assert set(ids(calls, unreviewed=True)) == everything, "one of its turns is left"
    verdicts.give(second, BIRTH, "claire")
    assert set(ids(calls, unreviewed=True)) == everything - {bad}
    database.write_now(lambda session: session.add(Sample(turn_id=second, at=MONDAY, kind="unsure")))
    assert ids(calls, sampled=True) == [bad]
    begin = calls.call(bad).at  # type: ignore[union-attr]
    assert ids(calls, since=begin, until=begin + timedelta(minutes=1)) == [bad]
    assert bad not in ids(calls, until=begin) and bad not in ids(calls, since=begin + timedelta(seconds=1))
    assert ids(calls, since=begin, words="naissance", outcome="transferred", band="low", order="worst") == [
        bad
    ]


def test_the_worst_come_first_and_say_why(made: Made, calls: Calls) -> None:
    made.days(300)
    wrong = made.misunderstood(judged="wrong", judged_by="anne")
    angry = made.call(
        [
            turn("la piscine", BIRTH, 0.4, "ask:unclear"),
            turn("mais non", "conversation_non", 0.9, "ask:denied"),
            turn("espèce de machine", INSULT, 0.9, "ask:insulted"),
            turn("c'est nul", "conversation_insatisfait", 0.9, "transfer:accueil:dissatisfied"),
        ],
        "TRANSFER",
        "dissatisfied",
        {},
    )
    failed = made.call([turn("la piscine", POOL, 0.3, "failed")], "FAILED", "fault")
    lines = calls.find(Filters(order="worst")).lines
    assert [line.id for line in lines[:3]] == [wrong, angry, failed]
    assert lines[0].signals == ("wrong", "not_understood", "unsure")
    assert lines[1].signals == ("dissatisfied", "insulted", "repairs", "unsure")
    assert lines[2].signals == ("failed", "unsure")
    assert all("not_understood" in line.signals for line in lines[3:30]), "then those passed on in vain"
    assert calls.find(Filters(order="worst"), 8).lines[-1].signals == ()
    assert (lines[1].words, lines[1].intent, lines[1].lowest) == ("la piscine", BIRTH, 0.4)


def test_the_next_call_of_a_list(made: Made, calls: Calls, verdicts: Verdicts) -> None:
    one, two, three = made.answered(), made.misunderstood(), made.answered()
    assert calls.after(Filters(), three) == two and calls.after(Filters(), one) is None
    assert calls.after(Filters(order="worst"), two) == three
    for id in made.turns(three):
        verdicts.give(id, POOL, "quentin")
    left = Filters(unreviewed=True)
    assert calls.after(left, three) == two, "it is in the list no more: the list begins again"


# --- Words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("looked_for", "found"),
    [
        ("ecole", True),
        ("École", True),
        ("ÉCOLES", False),
        ("ecol", True),  # the beginning of a word
        ("cole", False),  # not its middle
        ("coeur", True),
        ("cœur", True),
        ("l'ecole", True),
        ("noel ecole", True),
        ("ecole piscine", False),  # every word
        ("garcon", True),
        ("ou est", True),
        ("14", True),
        *(("%", False), ("_", False), ("*", False), ('"', False), ("' --", False)),  # no words
        ("100%", False),
        ("e_ole", False),
        ("[eé]cole", False),
        ("ecole'; drop table turns", False),
    ],
)
def test_search_folds_accents_and_case(made: Made, calls: Calls, looked_for: str, found: bool) -> None:
    id = made.call([turn("où est l'école du Sacré-Cœur à Noël pour mon garçon de 14 ans", POOL)])
    made.call([turn("")])
    assert (id in ids(calls, words=looked_for)) is found


def test_all_words_are_in_one_utterance_of_a_caller(made: Made, calls: Calls) -> None:
    apart = made.call([turn("une carte", POOL), turn("pour ma fille", POOL, prompt="identité")])
    whole = made.call([turn("une carte d’identité", POOL)])
    assert ids(calls, words="carte identite") == [whole]
    assert ids(calls, words="carte") == [whole, apart]
    assert ids(calls, words="réponse") == [], "what the bot said is not searched"


def test_a_search_of_hundreds_of_calls(made: Made, calls: Calls) -> None:
    made.days(300)
    found = calls.find(Filters(words="lilas RUE"))
    assert 0 < found.total < 300
    assert all("rue des lilas" in line.words for line in found.lines)


# --- One call -----------------------------------------------------------------------------------------------


def test_a_call_is_told_whole(made: Made, calls: Calls, verdicts: Verdicts) -> None:
    id = made.misunderstood(judged="wrong", judged_by="anne", note="Acte pour sa fille", operator="PJSIP/1")
    again = made.call([turn("un message", move="messagetaken")], linkedid="same")
    other = made.call([], linkedid="same")
    sheet = calls.call(id)
    assert sheet is not None and sheet.outcome == "transferred" and sheet.versions == (("callbot", "0.1.0"),)
    (handed,) = sheet.transfers
    assert (handed.judged, handed.judged_by, handed.note) == ("wrong", "anne", "Acte pour sa fille")
    greeting, first, second = sheet.turns
    assert not greeting.reviewable and first.reviewable and second.reviewable
    assert first.nbest[0] == ("je voudrais un acte de naissance", 0.8) and first.ranking[0] == (BULKY, 0.31)
    assert first.asked == "Bonjour, que puis-je faire ?" and second.asked == first.answer
    assert first.waited_ms == 380 and dict(first.stages)["nlu"] == 10
    verdicts.give(first.id, BIRTH, "quentin")
    seen = calls.turn(first.id)
    assert seen is not None and seen.by("quentin") is not None and seen.by("claire") is None
    assert (seen.verdicts[0].intent, seen.verdicts[0].was, seen.verdicts[0].right) == (BIRTH, BULKY, False)
    found = calls.call(again)
    assert found is not None and found.others == (other,)
    anonymous = [calls.call(made.call([], linkedid="")) for _ in range(2)]
    assert all(one is not None and one.others == () for one in anonymous)


def test_answers_to_a_detail_are_no_intent_to_review(made: Made, calls: Calls) -> None:
    id = made.call(
        [
            turn("un nid de poule", "voirie_nid_de_poule", 0.9, "askslot:voirie_nid_de_poule:address"),
            turn("douze rue des lilas", POOL, 0.1, "confirmrequest:voirie_nid_de_poule"),
            turn("oui", YES, 0.9, "register:voirie_nid_de_poule+ask:anything_else"),
            turn("", move="takemessage"),
            turn("rappelez moi demain", move="messagetaken"),
        ]
    )
    sheet = calls.call(id)
    assert sheet is not None
    assert [one.reviewable for one in sheet.turns[1:]] == [True, False, True, False, False]
    assert ids(calls, band="high") == [id], "nor do they count as unsure"


# --- Verdicts -----------------------------------------------------------------------------------------------


def test_a_correction_is_kept_proposed_and_audited(
    made: Made, verdicts: Verdicts, database: Database
) -> None:
    first, second = made.turns(made.misunderstood())
    marked = verdicts.give(first, BIRTH, "quentin")
    assert marked is not None and (marked.corrected, marked.learning) == (True, "proposed")
    (proposal,) = rows(database, Proposal)
    assert (proposal.text, proposal.intent) == ("je voudrais un acte de naissance", BIRTH)
    assert (proposal.turn_id, proposal.account, proposal.state) == (first, "quentin", "proposed")
    right = verdicts.give(second, BULKY, "quentin")
    assert right is not None and (right.corrected, right.learning) == (False, "")
    assert len(rows(database, Proposal)) == 1, "what was understood needs no learning"
    trail = [(one.account, one.action, one.about) for one in rows(database, Audit)]
    assert ("quentin", "review_corrected", str(first)) in trail
    assert ("quentin", "review_right", str(second)) in trail
    assert not any("naissance" in about or BIRTH in about for _, _, about in trail)
    assert verdicts.give(9999, BIRTH, "quentin") is None


def test_a_changed_mind_changes_the_proposal(made: Made, verdicts: Verdicts, database: Database) -> None:
    first, _ = made.turns(made.misunderstood())
    verdicts.give(first, BIRTH, "quentin")
    verdicts.give(first, OFF, "quentin")
    (review,) = rows(database, Review)
    assert (review.intent, review.was) == (OFF, BULKY)
    assert {one.intent: one.state for one in rows(database, Proposal)} == {BIRTH: "undone", OFF: "proposed"}
    verdicts.give(first, BULKY, "quentin")
    assert {one.state for one in rows(database, Proposal)} == {"undone"}, "it was right after all"


def test_the_newest_word_has_the_highest_number(made: Made, verdicts: Verdicts, database: Database) -> None:
    first, _ = made.turns(made.misunderstood())
    verdicts.give(first, BIRTH, "quentin")
    verdicts.give(first, OFF, "claire")
    verdicts.give(first, POOL, "quentin")
    newest = max(rows(database, Review), key=lambda row: row.id)
    assert (newest.account, newest.intent) == ("quentin", POOL)


def test_a_double_click_is_one_verdict(made: Made, verdicts: Verdicts, database: Database) -> None:
    first, _ = made.turns(made.misunderstood())
    for _ in range(20):
        together = Barrier(2)

        def click(intent: str, together: Barrier = together) -> Marked | None:
            together.wait()
            return verdicts.give(first, intent, "anne")

        with ThreadPoolExecutor(2) as threads:
            assert all(threads.map(click, (BIRTH, OFF)))
    assert len(rows(database, Review)) == 1


def test_undo_takes_back_what_one_said(made: Made, verdicts: Verdicts, database: Database) -> None:
    first, _ = made.turns(made.misunderstood())
    other, _ = made.turns(made.misunderstood())
    verdicts.give(first, BIRTH, "quentin")
    verdicts.give(other, BIRTH, "claire")
    assert verdicts.undo(first, "quentin") and not verdicts.undo(first, "quentin")
    assert [row.account for row in rows(database, Review)] == ["claire"]
    (proposal,) = rows(database, Proposal)
    assert proposal.state == "proposed", "somebody else still means it"
    assert verdicts.undo(other, "claire")
    assert rows(database, Proposal)[0].state == "undone" and rows(database, Review) == []
    assert rows(database, Audit)[-2].action == "review_undone"


def test_what_holds_no_words_is_marked_but_not_learnt(
    made: Made, verdicts: Verdicts, database: Database
) -> None:
    (id,) = made.turns(made.call([turn("[téléphone]", BULKY, 0.2)]))
    marked = verdicts.give(id, OFF, "quentin")
    assert marked is not None and marked.learning == "unlearnable"
    assert len(rows(database, Review)) == 1 and rows(database, Proposal) == []


def test_groups_of_the_same_words(made: Made, calls: Calls, verdicts: Verdicts, database: Database) -> None:
    for intent in (POOL, POOL, BULKY):
        made.call([turn("la piscine", intent)])
    made.call([turn(" la piscine ", POOL)])
    made.answered("une seule fois")
    made.misunderstood(), made.misunderstood()
    groups, total = verdicts.groups(Span(), "quentin")
    assert total == 3 and groups[0].words == "la piscine" and groups[0].turns == 4
    assert groups[0].understood == ((POOL, 3), (BULKY, 1)) and groups[0].reviewed == 0

    marked = verdicts.give_all(groups[0].turn_id, POOL, "quentin", Span())
    assert marked is not None and (marked.turns, marked.corrected, marked.learning) == (4, True, "proposed")
    assert sorted(row.was for row in rows(database, Review)) == [BULKY, POOL, POOL, POOL]
    assert [(one.text, one.intent) for one in rows(database, Proposal)] == [("la piscine", POOL)]
    left, total = verdicts.groups(Span(), "quentin", unreviewed=True)
    assert total == 2 and "la piscine" not in [group.words for group in left]
    (again, *_), _ = verdicts.groups(Span(), "quentin")
    assert (again.reviewed, again.mine, again.meant) == (4, 4, ((POOL, 4),))
    assert verdicts.undo_all(again.turn_id, "quentin", Span()) == 4
    assert rows(database, Review) == [] and rows(database, Proposal)[0].state == "undone"
    assert verdicts.give_all(9999, POOL, "quentin", Span()) is None


def test_a_group_leaves_alone_what_was_marked_and_what_is_outside(
    made: Made, verdicts: Verdicts, database: Database
) -> None:
    (early,) = made.turns(made.answered("la piscine"))
    begin = made.at
    (mine,) = made.turns(made.answered("la piscine"))
    (late,) = made.turns(made.answered("la piscine"))
    verdicts.give(mine, OFF, "quentin")
    marked = verdicts.give_all(late, BIRTH, "quentin", Span(since=begin))
    assert marked is not None and marked.turns == 1
    assert {row.turn_id: row.intent for row in rows(database, Review)} == {mine: OFF, late: BIRTH}
    (group,), total = verdicts.groups(Span(since=begin), "claire")
    assert (total, group.turns, group.mine) == (1, 2, 0) and early < group.turn_id
    assert sorted(group.meant) == [(BIRTH, 1), (OFF, 1)]
    database.write_now(lambda session: session.add(Sample(turn_id=mine, at=MONDAY, kind="random")))
    (group,), _ = verdicts.groups(Span(since=begin), "claire")
    assert group.meant == ((BIRTH, 1),), "a second reviewer is not told"


# --- Samples ------------------------------------------------------------------------------------------------


def drawn(database: Database) -> dict[int, str]:
    return {row.turn_id: row.kind for row in rows(database, Sample)}


def test_a_weeks_sample_is_drawn_once_and_the_same_by_anybody(made: Made, database: Database) -> None:
    made.days(250)
    made.at = MONDAY + timedelta(hours=9)
    too_late = made.turns(made.misunderstood())
    samples = Samples(database, 50, 20, clock)
    assert samples.draw() == 70 and samples.draw() == 0
    first = drawn(database)
    assert sorted(first.values()) == ["random"] * 50 + ["unsure"] * 20
    assert not set(too_late) & set(first), "this week's turns are next week's sample"
    assert samples.week == MONDAY.date()
    assert {row.at for row in rows(database, Sample)} == {MONDAY - timedelta(hours=1)}, "midnight in Paris"
    database.write_now(lambda session: session.query(Sample).delete())
    friday = Samples(database, 50, 20, lambda: NOW + timedelta(days=2))
    assert friday.draw() == 70 and drawn(database) == first
    next_week = Samples(database, 50, 20, lambda: NOW + timedelta(days=7))
    assert next_week.draw() == 2 and set(too_late) <= set(drawn(database))


@pytest.mark.parametrize(
    ("monday", "midnight"),
    [
        (datetime(2026, 11, 23), datetime(2026, 11, 22, 23)),
        (datetime(2026, 7, 6), datetime(2026, 7, 5, 22)),
        (datetime(2026, 10, 26), datetime(2026, 10, 25, 23)),  # clocks were put back the day before
    ],
)
def test_weeks_begin_on_mondays_in_paris(
    made: Made, database: Database, monday: datetime, midnight: datetime
) -> None:
    minute = timedelta(minutes=1)
    made.at = midnight - minute
    last = made.turns(made.answered())
    made.at = midnight
    made.answered()
    made.at = midnight - timedelta(days=8)
    made.answered()
    samples = Samples(database, 9, 0, lambda: midnight + minute)
    assert (samples.week, samples.draw(), list(drawn(database))) == (monday.date(), 1, last)
    assert Samples(database, clock=lambda: midnight - minute).week == monday.date() - timedelta(days=7)


def test_the_unsure_ones_are_the_least_sure_each_said_once(
    made: Made, database: Database, verdicts: Verdicts
) -> None:
    for _ in range(5):
        made.call([turn("euh", BULKY, 0.05)])
    sure = made.turns(made.answered())
    unsure = [made.turns(made.answered(f"chose {one}", one / 10))[0] for one in range(1, 6)]
    known = made.turns(made.call([turn("déjà vu", BULKY, 0.01)]))
    verdicts.give(known[0], POOL, "quentin")
    samples = Samples(database, 0, 4, clock)
    samples.draw()
    found = drawn(database)
    assert len(found) == 4 and set(unsure[:3]) <= set(found) and not set(found) & {*sure, *known}


def test_random_means_that_any_turn_may_be_drawn(made: Made, database: Database) -> None:
    """Drawn in thirty weeks, each turn is in about as many samples, whatever its age."""
    for one in range(30):
        made.answered(f"piscine {one}", one / 30)
    often: Counter[int] = Counter()
    for week in range(30):
        begin = LAST_WEEK + timedelta(days=7 * week)
        database.write_now(partial(_move_calls, begin))
        assert Samples(database, 10, 0, partial(begin.__add__, timedelta(days=8))).draw() == 10
        often.update(list(drawn(database)))
        database.write_now(lambda session: session.query(Sample).delete())
    assert len(often) == 30, "none is left out for ever"
    assert max(often.values()) <= 20, "10 expected, with a deviation of 2.6"
    ids = sorted(often)
    assert abs(sum(often[id] for id in ids[:15]) - 150) < 40


def _move_calls(begin: datetime, session: Any) -> None:
    session.query(Call).update({"started_at": begin})


def test_going_through_a_sample(made: Made, database: Database, verdicts: Verdicts) -> None:
    for one in range(3):
        made.answered(f"piscine {one}")
    samples = Samples(database, 3, 0, clock)
    samples.draw()
    first, second, third = sorted(drawn(database))
    assert samples.next("quentin") == first
    assert samples.next("quentin", after=first) == second, "skipped"
    assert samples.next("quentin", after=third) == first, "those skipped come again"
    verdicts.give(first, POOL, "quentin")
    verdicts.give(second, OFF, "claire")
    progress = samples.progress("quentin")
    assert progress.reviewed["random"] == 2 and progress.drawn["random"] == 3 and progress.second == 1
    assert samples.next("quentin") == third
    assert samples.next("quentin", second=True) == second and samples.next("claire", second=True) == first
    verdicts.give(first, POOL, "claire")
    assert samples.next("claire", second=True) is None, "nobody is one's own second reviewer"
    verdicts.give(third, POOL, "quentin")
    assert samples.next("quentin") is None


def test_agreement_and_honest_figures(made: Made, database: Database, verdicts: Verdicts) -> None:
    for one in range(20):
        made.call([turn(f"piscine {one}", POOL, 0.9)])
    samples = Samples(database, 20, 0, clock)
    samples.draw()
    turns = sorted(drawn(database))
    assert samples.honest(MONDAY.date()) == ((), 20) and samples.pairs(MONDAY.date()) == ()
    for number, id in enumerate(turns[:10]):
        verdicts.give(id, POOL if number < 8 else BIRTH, "quentin")
    for number, id in enumerate(turns[:6]):
        verdicts.give(id, POOL if number < 5 else OFF, "claire")
    honest, total = samples.honest(MONDAY.date())
    right = sum(one.was == one.meant for one in honest)
    assert (right, len(honest), total) == (7, 10, 20), "the second reviewer's word counts"
    low, high = wilson(right, len(honest))
    assert low < 0.7 < high
    pairs = samples.pairs(MONDAY.date())
    assert len(pairs) == 6 and sum(one.first == one.second for one in pairs) == 5
    assert [one.turn_id for one in pairs] == turns[5::-1], "the newest first"
    assert samples.honest(MONDAY.date() + timedelta(days=1)) == ((), 0)


@pytest.mark.parametrize(
    ("first", "second", "kappa"),
    [
        # Worked example: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no (observed 0.7, expected 0.5).
        ("y" * 25 + "n" * 25, "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15, 0.4),
        ("ab", "ab", 1.0),
        ("ab", "ba", -1.0),
        ("aabb", "abab", 0.0),
        ("aaaa", "aaaa", None),
        ("", "", None),
    ],
)
def test_kappa(first: str, second: str, kappa: float | None) -> None:
    assert cohen_kappa(first, second) == (None if kappa is None else pytest.approx(kappa))


def test_what_is_erased_is_gone_everywhere(made: Made, database: Database, verdicts: Verdicts) -> None:
    id = made.misunderstood()
    first, _ = made.turns(id)
    Samples(database, 9, 9, clock).draw()
    verdicts.give(first, BIRTH, "quentin")
    database.write_now(lambda session: session.query(Call).delete())
    assert rows(database, Review) == [] and rows(database, Sample) == []
    assert Calls(database, clock).find(Filters(words="naissance")).total == 0
