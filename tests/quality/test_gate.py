"""The gate's verdict, as a table."""

import pytest

from callbot.quality.gate import FIXED, REVIEWED, Outcome, Question, Rules, Verdict, verdict

A, B, HELP = "a", "b", "urgence_vitale"
RIGHT, ASKS, WRONG = Outcome(A, False), Outcome(B, False), Outcome(B, True)
FIRST = Question(FIXED, "un", A)


def compare(before: str, after: str, rules: Rules, kind: str = FIXED, taught: bool = False) -> Verdict:
    """`r` understood, `?` not but asked, `!` answered wrongly; a letter a sentence."""
    outcomes = {"r": RIGHT, "?": ASKS, "!": WRONG}
    questions = [Question(kind, f"phrase {at}", A, taught) for at in range(len(before))]
    return verdict(questions, [outcomes[x] for x in before], [outcomes[x] for x in after], rules)


@pytest.mark.parametrize("kind", [FIXED, REVIEWED])
@pytest.mark.parametrize(
    ("before", "after", "rules", "passed", "regressions"),
    [
        ("rrrr", "rrrr", Rules(), True, 0),
        ("rr?!", "rrrr", Rules(), True, 0),
        ("rrrr", "rrr?", Rules(), False, 1),
        ("rrrr", "rrr?", Rules(accuracy_drop=0.25), True, 1),
        ("rrrr", "rrr!", Rules(accuracy_drop=0.25), False, 1),
        ("rrrr", "rrr!", Rules(accuracy_drop=0.25, wrong_rise=0.25), True, 1),
        ("r?", "?r", Rules(), True, 1),
        ("r!", "!r", Rules(), True, 1),
        ("?", "!", Rules(), False, 1),
        ("!", "?", Rules(), True, 0),
        ("r" * 400, "r" * 398 + "??", Rules(), True, 2),
        ("r" * 400, "r" * 397 + "???", Rules(), False, 3),
        ("", "", Rules(), True, 0),
    ],
)
def test_a_model_that_got_worse_is_refused(
    kind: str, before: str, after: str, rules: Rules, passed: bool, regressions: int
) -> None:
    found = compare(before, after, rules, kind)
    assert (found.passed, len(found.regressions)) == (passed, regressions)
    assert bool(found.reasons) is not passed


def test_one_sets_gain_does_not_pay_for_the_others_loss() -> None:
    questions = [FIRST, Question(REVIEWED, "deux", A)]
    assert not verdict(questions, [ASKS, RIGHT], [RIGHT, ASKS]).passed
    assert not verdict(questions, [RIGHT, ASKS], [ASKS, RIGHT]).passed


def test_what_was_just_taught_proves_nothing() -> None:
    found = compare("?", "r", Rules(), REVIEWED, taught=True)
    assert found.figures == {} and len(found.improvements) == 1


def test_a_call_for_help_is_never_lost() -> None:
    questions = [Question(FIXED, "il ne respire plus", HELP), *[Question(FIXED, "x", A)] * 999]
    help, lost = Outcome(HELP, False), Outcome(A, False)
    assert verdict(questions, [help] + [RIGHT] * 999, [help] + [RIGHT] * 999).passed
    found = verdict(questions, [help] + [RIGHT] * 999, [lost] + [RIGHT] * 999)
    assert not found.passed and "il ne respire plus" in found.reasons[0]


def test_regressions_are_named_with_what_they_were_and_are() -> None:
    [change] = compare("r", "!", Rules()).regressions
    assert (change.text, change.intent, change.before, change.after, change.wrong) == (
        "phrase 0",
        A,
        A,
        B,
        True,
    )


def test_figures_have_their_intervals() -> None:
    found = compare("rrr?", "rr?!", Rules()).figures[FIXED]
    before, after = found.right
    assert (before.count, after.count, before.of) == (3, 2, 4)
    assert before.low < 3 / 4 < before.high < 1
    assert [rate.count for rate in found.wrong] == [0, 1]
    assert compare("r", "r", Rules()).as_json()["figures"][FIXED]["right"][0]["count"] == 1
