"""What Asterisk's events mean for a transfer, on recorded calls; and the whisper."""

import pytest

from callbot.switchboard.transfers import LONGEST_WHISPER, Change, found, meaning, whisper

from . import recorded

ONE, TWO = "PJSIP/operateur1", "PJSIP/operateur2"


def story(name: str) -> list[str]:
    """What a recorded call's transfer becomes, event after event; « ? » marks what may be wrong."""
    changes = [change for event in recorded.events(name) if (change := meaning(event))]
    assert len({change.linkedid for change in changes}) == 1
    return [f"{change.state}{'?' * change.doubtful} {change.operator}".strip() for change in changes]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("answered", f"waiting, ringing {ONE}, unanswered?, answered {ONE}, ended {ONE}, ended"),
        ("abandoned", f"waiting, ringing {TWO}, abandoned, unanswered?, unanswered?, ended"),
        (
            "unanswered",
            f"waiting, ringing {ONE}, waiting, ringing {TWO}, waiting, unanswered?, unanswered?, ended",
        ),
        (
            "operator_hangs_up_in_whisper",
            f"waiting, ringing {ONE}, waiting, ringing {TWO}, waiting, ringing {ONE}, unanswered?, "
            f"answered {ONE}, ended {ONE}, ended",
        ),
        (
            "caller_hangs_up_in_whisper",
            f"waiting, ringing {TWO}, abandoned, unanswered?, unanswered?, ended",
        ),
    ],
)
def test_a_recorded_call(name: str, expected: str) -> None:
    assert story(name) == expected.split(", ")


def test_how_long_they_talked_is_told() -> None:
    (change,) = (
        change for event in recorded.events("answered") if (change := meaning(event)) and change.talk_s
    )
    assert change.talk_s == 1


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Event": "AgentConnect"},
        {"Event": "Hangup", "Uniqueid": "2", "Linkedid": "1"},
        {"Event": "HangupRequest", "Uniqueid": "2", "Linkedid": "1"},
        {"Event": "Newchannel", "Uniqueid": "1", "Linkedid": "1"},
        {"Event": "QueueMemberStatus", "Interface": ONE},
    ],
)
def test_other_events_mean_nothing(event: dict[str, str]) -> None:
    assert meaning(event) is None


def test_a_talk_time_that_is_none_is_left_out() -> None:
    change = meaning({"Event": "AgentComplete", "Linkedid": "1", "Interface": ONE, "TalkTime": "²"})
    assert change == Change("1", "ended", ONE)


def test_what_has_become_of_a_call_while_nobody_listened() -> None:
    waiting, talking = recorded.channels("status_waiting"), recorded.channels("status_talking")
    (caller,) = (one for one in waiting if one["Uniqueid"] == one["Linkedid"])
    linkedid = caller["Linkedid"]
    assert found(linkedid, waiting) == Change(linkedid, "ringing", ONE)
    assert found(linkedid, [caller]) == Change(linkedid, "waiting")
    assert found(linkedid, talking) == Change(linkedid, "ended")
    assert found(talking[0]["Linkedid"], talking) == Change(talking[0]["Linkedid"], "answered", ONE)
    assert found(linkedid, [caller | {"Application": "EAGI", "Context": "callbot-in"}]) is None
    message = [caller | {"Application": "EAGI", "Context": "callbot-message"}]
    assert found(linkedid, message) == Change(linkedid, "unanswered")


@pytest.mark.parametrize(
    ("intent", "service", "reason", "language", "said"),
    [
        (
            "un acte de naissance", "le service de l'état civil", "not_understood", "fr",
            "Appel du robot : état civil, acte de naissance, non compris deux fois.",
        ),
        ("", "l'accueil de la mairie", "asked", "fr",
         "Appel du robot : accueil, demande une personne."),
        ("signaler un nid-de-poule", "le service de la voirie", "service", "fr",
         "Appel du robot : voirie, signaler un nid-de-poule."),
        ("", "l’accueil", "language", "en", "Appel du robot : accueil, parle anglais."),
        ("", "l'accueil", "language", "xx", "Appel du robot : accueil, parle une autre langue."),
        ("", "l'accueil", "asked", "ar", "Appel du robot : accueil, demande une personne, parle arabe."),
        ("", "", "nobody", "fr", "Appel du robot."),
        ("", "la piscine", "service", "de", "Appel du robot : piscine, parle allemand."),
    ],
)  # fmt: skip
def test_the_whisper(intent: str, service: str, reason: str, language: str, said: str) -> None:
    assert whisper(intent, service, reason, language) == said


@pytest.mark.parametrize(
    ("intent", "said"),
    [
        ("une copie d'acte de naissance", "état civil, copie d'acte de naissance"),
        ("un acte d'état civil pas encore reçu", "acte d'état civil pas encore reçu"),
        ("obtenir ou mettre à jour un livret de famille", "obtenir ou mettre à jour"),
    ],
)
def test_a_long_matter_is_told_without_the_service_or_cut_where_it_may_be(intent: str, said: str) -> None:
    whole = whisper(intent, "le service de l'état civil", "not_understood", "fr")
    assert whole == f"Appel du robot : {said}, non compris deux fois."
    assert len(whole.replace(" :", "").split()) <= LONGEST_WHISPER


def test_a_service_of_two_matters() -> None:
    said = whisper("", "le service de la propreté et des déchets", "asked", "fr")
    assert said == "Appel du robot : propreté et déchets, demande une personne."
