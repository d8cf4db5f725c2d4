"""The state of the queues, on recorded sessions; the wait that is foreseen."""

import pytest

from callbot.switchboard.queues import Estimate, Member, Queue, Queues, Waiting, estimate

from . import recorded

ONE, TWO = "PJSIP/operateur1", "PJSIP/operateur2"


def started(name: str) -> Queues:
    """The queues at the beginning of a recording."""
    queues = Queues()
    queues.refresh(recorded.status(name), 1000.0)
    return queues


def picture(queue: Queue) -> str:
    """« ringing free, 1 waits »"""
    states = " ".join(queue.members[one].state for one in (ONE, TWO))
    return f"{states}, {len(queue.waiting)} waits"


def film(name: str) -> list[str]:
    """The queue `standard` after each event of a recording that changed it."""
    queues = started(name)
    seen = [picture(queues["standard"])]
    for at, event in enumerate(recorded.events(name), 1001):
        assert queues.event(event, float(at)) in ("", "standard")
        if picture(queues["standard"]) != seen[-1]:
            seen.append(picture(queues["standard"]))
    assert queues.names() == ("standard",)
    return seen


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "answered",
            ["free free, 0 waits", "free free, 1 waits", "ringing free, 1 waits", "busy free, 1 waits",
             "busy free, 0 waits", "free free, 0 waits"],
        ),
        (
            "abandoned",
            ["free free, 0 waits", "free free, 1 waits", "free ringing, 1 waits", "free ringing, 0 waits",
             "free free, 0 waits"],
        ),
        (
            "paused",
            ["free free, 0 waits", "paused free, 0 waits", "paused free, 1 waits", "paused ringing, 1 waits",
             "paused ringing, 0 waits", "paused busy, 0 waits", "paused free, 0 waits", "free free, 0 waits"],
        ),
        (
            "unanswered",
            ["free free, 0 waits", "free free, 1 waits", "ringing free, 1 waits", "free free, 1 waits",
             "free ringing, 1 waits", "free ringing, 0 waits", "free free, 0 waits"],
        ),
        (
            "operator_hangs_up_in_whisper",
            ["free free, 0 waits", "free free, 1 waits", "busy free, 1 waits", "free free, 1 waits",
             "free busy, 1 waits", "free free, 1 waits", "ringing free, 1 waits", "busy free, 1 waits",
             "busy free, 0 waits", "free free, 0 waits"],
        ),
    ],
)  # fmt: skip
def test_a_recorded_session(name: str, expected: list[str]) -> None:
    assert film(name) == expected


def test_waits_and_conversations_are_remembered() -> None:
    queues = started("answered")
    for event in recorded.events("answered"):
        queues.event(event, 1001.0)
    assert (list(queues["standard"].holds), list(queues["standard"].talks)) == ([4], [1])
    queues.refresh(recorded.status("answered"), 1060.0)
    assert (list(queues["standard"].holds), list(queues["standard"].talks)) == ([4], [1])


def test_a_waiting_caller_is_in_the_answer_too() -> None:
    queue = started("status_waiting")["standard"]
    (caller,) = queue.waiting.values()
    assert caller.since == 996.0
    assert queue.longest_wait(1010.4) == 14


def test_a_known_linkedid_survives_an_answer_that_does_not_tell_it() -> None:
    queues = Queues()
    queues.event({"Event": "QueueCallerJoin", "Queue": "q", "Uniqueid": "2", "Linkedid": "1"}, 5.0)
    queues.refresh([{"Event": "QueueEntry", "Queue": "q", "Uniqueid": "2", "Wait": "7"}], 20.0)
    assert queues["q"].waiting == {"2": Waiting("1", 13.0)}


def test_what_happens_while_asterisk_answers_is_not_lost() -> None:
    joined = {"Event": "QueueCallerJoin", "Queue": "standard", "Uniqueid": "9", "Linkedid": "9"}
    paused = {
        "Event": "QueueMemberPause",
        "Queue": "standard",
        "Interface": ONE,
        "Status": "1",
        "Paused": "1",
    }
    left = {"Event": "QueueCallerLeave", "Queue": "standard", "Uniqueid": "8"}
    queues = Queues()
    for event in (joined, paused):
        queues.event(event, 999.0)
    queues.refresh(recorded.status("answered"), 1000.0, [(joined, 999.0), (paused, 999.0), (left, 999.5)])
    assert picture(queues["standard"]) == "paused free, 1 waits"


def test_a_queue_and_a_member_that_are_gone_are_forgotten() -> None:
    queues = started("answered")
    queues.event({"Event": "QueueMemberRemoved", "Queue": "standard", "Interface": ONE}, 1.0)
    assert list(queues["standard"].members) == [TWO]
    queues.event(
        {
            "Event": "QueueMemberAdded",
            "Queue": "standard",
            "Interface": ONE,
            "MemberName": "Anne",
            "Status": "5",
        },
        1.0,
    )
    assert queues["standard"].members[ONE] == Member(ONE, "Anne", "5")
    queues.refresh([], 2.0)
    assert queues.names() == () and queues.get("standard") is None


@pytest.mark.parametrize(
    ("device", "paused", "state"),
    [
        ("1", False, "free"), ("2", False, "busy"), ("3", False, "busy"), ("8", False, "busy"),
        ("6", False, "ringing"), ("7", False, "ringing"), ("0", False, "away"), ("4", False, "away"),
        ("5", False, "away"), ("?", False, "away"), ("2", True, "paused"), ("5", True, "paused"),
    ],
)  # fmt: skip
def test_a_members_state(device: str, paused: bool, state: str) -> None:
    assert Member(ONE, "", device, paused).state == state


def queue(devices: str, waiting: int, talks: list[int] = [], holds: list[int] = [], **usual: int) -> Queue:  # noqa: B006
    """A queue whose members' telephones are in these states; « p » is somebody in a pause."""
    made = Queue("q", **usual)
    for number, device in enumerate(devices):
        made.members[str(number)] = Member(str(number), "", device.replace("p", "1"), device == "p")
    for number in range(waiting):
        made.waiting[str(number)] = Waiting(str(number), 0.0)
    made.talks.extend(talks)
    made.holds.extend(holds)
    return made


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (queue("11", 0), Estimate(0, 0)),
        (queue("12", 0, [60]), Estimate(0, 0)),
        (queue("11", 1, [60]), Estimate(1, 0)),
        (queue("22", 0, [60]), Estimate(0, 30)),
        (queue("22", 2, [60, 120]), Estimate(2, 135)),
        (queue("2p5", 2, [60]), Estimate(2, 180)),
        (queue("66", 2, usual_talk=40), Estimate(2, 20)),
        (queue("66", 1, usual_talk=40), Estimate(1, 20)),
        (queue("61", 1), Estimate(1, 0)),
        (queue("11", 2, [60]), Estimate(2, 30)),
        (queue("22", 1, holds=[20, 30]), Estimate(1, 25)),
        (queue("22", 1, usual_hold=50), Estimate(1, 50)),
        (queue("22", 1), Estimate(1, None)),
        (queue("p5", 1, [60]), Estimate(1, None, staffed=False)),
        (queue("", 0), Estimate(0, None, staffed=False)),
    ],
)
def test_what_a_new_caller_would_find(found: Queue, expected: Estimate) -> None:
    assert estimate(found) == expected
