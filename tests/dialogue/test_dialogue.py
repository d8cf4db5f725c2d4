"""The conversation by keyboard: what the words themselves add to a ranking. Rasa is stood in for."""

from datetime import datetime
from itertools import pairwise

import pytest

from callbot.dialogue import wording
from callbot.dialogue.dialogue import Dialogue
from callbot.dialogue.moves import OfferMessage, Register, TransferReason, describe
from callbot.dialogue.state import Caller, Thresholds
from callbot.errors import UnderstandingError
from callbot.rehearsal import TrialDesk, type_in
from callbot.town.answers import Answers
from callbot.types import IntentScore
from callbot.understanding.understanding import Understanding

UNDERSTOOD = {
    "acte celui de mon mariage": ("etat_civil_acte_mariage_copie", 0.9),
    "brocante": ("evenements_brocante_exposer", 0.95),
    "passeport": ("identite_rdv_prendre", 0.95),
    "carte": ("identite_cni_pieces", 0.95),
    "crèche": ("creche_suivi_dossier", 0.95),
    "banc": ("voirie_mobilier_urbain_casse", 0.95),
    "tag": ("proprete_tag_graffiti", 0.95),
    "médiathèque": ("mediatheque_horaires", 0.95),
    "vélos": ("mobilite_velos_disponibles", 0.95),
    "doucement": ("conversation_plus_lentement", 0.9),
    "répétez": ("conversation_repeter", 0.9),
    "un acte": ("etat_civil_acte_naissance_copie", 0.2),
    "joindre": ("accueil_joindre_service", 0.7),
    "oui": ("conversation_oui", 0.95),
    "non": ("conversation_non", 0.95),
}


async def parse(text: str) -> tuple[IntentScore, ...]:
    """Stands for Rasa: the first words found decide."""
    for words, (intent, confidence) in UNDERSTOOD.items():
        if words in text:
            rest = (1 - confidence) / 2
            return (
                IntentScore(intent, confidence),
                IntentScore("x", 1.2 * rest),
                IntentScore("hors_sujet", 0.8 * rest),
            )
    return (IntentScore("hors_sujet", 0.9),)


def office_hours() -> datetime:
    return datetime(2026, 11, 24, 15)


@pytest.fixture
def desk() -> TrialDesk:
    return TrialDesk()


@pytest.fixture
def dialogue(answers: Answers, desk: TrialDesk) -> Dialogue:
    return Dialogue(
        Understanding(parse),
        answers,
        Thresholds(0.6, 0.3, 0.5),
        desk,
        office_hours,
    )


async def said(dialogue: Dialogue, *typed: str) -> list[str]:
    await dialogue.begin()
    return [describe((await type_in(dialogue, words)).turn) for words in typed]


async def test_a_request_is_taken_said_back_and_kept(dialogue: Dialogue, desk: TrialDesk) -> None:
    assert await said(dialogue, "le banc est cassé", "douze rue de la fontaine", "oui") == [
        "askslot:voirie_mobilier_urbain_casse:address",
        "confirmrequest:voirie_mobilier_urbain_casse",
        "register:voirie_mobilier_urbain_casse",
    ]
    known, complete = desk.kept["voirie_mobilier_urbain_casse"]
    assert dict(known) == {"number": "12", "street": "rue de la Fontaine"}
    assert complete


async def test_what_is_said_back_is_what_was_said_in_the_towns_own_spelling(dialogue: Dialogue) -> None:
    await dialogue.begin()
    reply = await type_in(dialogue, "le banc est cassé au douze rue de la fontaine")
    assert "12 rue de la Fontaine" in reply.text
    assert [sentence.personal for sentence in reply.sentences] == [True]
    reply = await type_in(dialogue, "oui")
    assert "un, zéro, zéro, zéro" in reply.text  # the request's number, digit by digit
    again = await type_in(dialogue, "répétez")
    assert again.text == reply.text


async def test_two_needs_in_one_sentence(dialogue: Dialogue) -> None:
    assert await said(
        dialogue, "je voudrais la date de la brocante et puis signaler que le banc est cassé"
    ) == ["answer:evenements_brocante_exposer+askslot:voirie_mobilier_urbain_casse:address"]


async def test_a_question_after_a_yes(dialogue: Dialogue) -> None:
    moves = await said(
        dialogue, "un tag devant l'école du centre", "oui et au fait la médiathèque elle ferme à quelle heure"
    )
    assert moves[-1] == "register:proprete_tag_graffiti+answer:mediatheque_horaires"


async def test_a_follow_up_leans_on_the_topic(dialogue: Dialogue) -> None:
    moves = await said(dialogue, "il reste des vélos à la gare", "et à la station du lycée")
    assert moves == ["answer:mobilite_velos_disponibles"] * 2


async def test_words_add_up_when_the_first_were_vague(dialogue: Dialogue) -> None:
    moves = await said(dialogue, "il me faudrait un acte", "celui de mon mariage")
    assert moves == ["ask:unclear", "confirm:etat_civil_acte_mariage_copie"]


async def test_a_service_named_is_reached(dialogue: Dialogue) -> None:
    assert await said(dialogue, "je veux joindre l'urbanisme") == ["transfer:urbanisme:service"]


async def test_slower_says_so_and_the_last_words_again(dialogue: Dialogue) -> None:
    await dialogue.begin()
    before = await type_in(dialogue, "la médiathèque est ouverte quand")
    slower = await type_in(dialogue, "doucement")
    assert slower.text.endswith(before.text) and "lentement" in slower.text


async def test_an_emergency_is_told_twice(answers: Answers, desk: TrialDesk) -> None:
    async def alarmed(text: str) -> tuple[IntentScore, ...]:
        return (IntentScore("conversation_attendre", 0.6), IntentScore("urgence_vitale", 0.3))

    dialogue = Dialogue(Understanding(alarmed), answers, Thresholds(0.6, 0.3, 0.5), desk, office_hours)
    await dialogue.begin()
    reply = await type_in(dialogue, "attendez mon père ne répond plus")
    assert describe(reply.turn) == "emergency"
    assert reply.text.count("le dix-huit") == 2
    assert reply.text.endswith("quelqu'un de la mairie ?")


@pytest.mark.parametrize(
    ("so_far", "pause"),
    [
        ("je voudrais", "long"),
        ("c'est pour euh", "long"),
        ("la médiathèque est ouverte quand", "short"),
        ("la médiathèque", "usual"),
        ("répétez", "short"),
        ("j'habite au dix-sept", "usual"),
        ("quelque chose d'autre encore", "usual"),
    ],
)
async def test_how_long_a_pause_ends_an_utterance(dialogue: Dialogue, so_far: str, pause: str) -> None:
    await dialogue.begin()
    assert await dialogue.foresee(so_far) == pause


async def test_a_number_being_dictated_is_waited_for(dialogue: Dialogue) -> None:
    await said(dialogue, "le banc est cassé rue de la fontaine")  # asks for the number
    assert await dialogue.foresee("je crois que c'est") == "long"
    assert await dialogue.foresee("au douze") == "usual"


async def test_what_was_foreseen_is_not_asked_again(answers: Answers, desk: TrialDesk) -> None:
    asked = []

    async def counted(text: str) -> tuple[IntentScore, ...]:
        asked.append(text)
        return await parse(text)

    dialogue = Dialogue(Understanding(counted), answers, Thresholds(0.6, 0.3, 0.5), desk, office_hours)
    await dialogue.begin()
    assert not dialogue.knows("la médiathèque est ouverte quand")
    await dialogue.foresee("la médiathèque est ouverte quand")
    assert dialogue.knows("la médiathèque est ouverte quand")
    await type_in(dialogue, "la médiathèque est ouverte quand")
    assert asked == ["la médiathèque est ouverte quand"]


async def test_an_answer_that_failed_is_asked_for_again(answers: Answers, desk: TrialDesk) -> None:
    fails = [True]

    async def failing(text: str) -> tuple[IntentScore, ...]:
        if fails.pop() if fails else False:
            raise UnderstandingError("away")
        return await parse(text)

    understanding = Understanding(failing)
    dialogue = Dialogue(understanding, answers, Thresholds(0.6, 0.3, 0.5), desk, office_hours)
    await dialogue.begin()
    with pytest.raises(UnderstandingError):
        await dialogue.foresee("la médiathèque est ouverte quand")
    reply = await type_in(dialogue, "la médiathèque est ouverte quand")
    assert describe(reply.turn) == "answer:mediatheque_horaires"


async def test_nothing_is_heard_twice_alike(dialogue: Dialogue) -> None:
    await dialogue.begin()
    answers = [(await type_in(dialogue, "la médiathèque")).text for _ in range(4)]
    endings = [answer.rpartition(". ")[2] for answer in answers]
    assert all(one != other for one, other in pairwise(endings))
    first, second = [(await type_in(dialogue, "7")).text for _ in range(2)]
    assert first != second


async def test_what_is_asked_tells_what_is_listened_for(dialogue: Dialogue) -> None:
    await dialogue.begin()
    assert dialogue.expects is None
    await type_in(dialogue, "la médiathèque")
    assert dialogue.expects is not None and dialogue.expects.allows("non merci")


async def test_a_day_does_not_hide_the_need(answers: Answers, desk: TrialDesk) -> None:
    async def parse_strictly(text: str) -> tuple[IntentScore, ...]:
        sure = 0.9 if text == "un rendez-vous pour un passeport" else 0.4
        return (IntentScore("identite_rdv_prendre", sure), IntentScore("hors_sujet", 1 - sure))

    clock = datetime(2026, 11, 21, 10)
    limits = Thresholds(0.6, 0.5, 0.95)
    dialogue = Dialogue(Understanding(parse_strictly), answers, limits, desk, lambda: clock)
    await dialogue.begin()
    reply = await type_in(dialogue, "un rendez-vous pour un passeport mardi prochain")
    assert describe(reply.turn).startswith("confirmrequest:identite_rdv_prendre")


async def test_a_day_is_corrected_by_its_number_alone(dialogue: Dialogue) -> None:
    await dialogue.begin()
    for typed, day in (
        ("un passeport", ""),
        ("le douze mars", "vendredi douze mars"),
        ("non le treize", "samedi treize mars"),
        ("non le huit avril", "jeudi huit avril"),
    ):
        assert day in (await type_in(dialogue, typed)).text


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("le douze mars deux mille vingt-huit", "dimanche douze mars deux mille vingt-huit"),
        ("le treize mars vingt-huit", "lundi treize mars deux mille vingt-huit. C'est bien ça"),
        ("le seize mars vingt-sept", "mardi seize mars. C'est bien ça"),
        ("le douze mars vingt-quatre", "Ce jour est déjà passé. Quel autre jour vous"),
        ("le douze mars deux mille trente", "C'est trop loin. Je note les jours des deux années"),
        ("dimanche", "Le dimanche vingt-neuf novembre, c'est fermé. Quel autre jour vous"),
        ("samedi après-midi", "Le samedi vingt-huit novembre, l'après-midi, c'est fermé. Quel autre"),
        ("le premier janvier", "Le vendredi premier janvier, c'est fermé, c'est un jour férié. Quel"),
        ("le vingt-quatre décembre", "Le jeudi vingt-quatre décembre, c'est fermé, c'est la veille de Noël."),
        ("aujourd'hui", "mardi vingt-quatre novembre. C'est bien ça"),
    ],
)
async def test_the_day_of_an_appointment(dialogue: Dialogue, day: str, says: str) -> None:
    await dialogue.begin()
    await type_in(dialogue, "un passeport")
    assert says in (await type_in(dialogue, day)).text


async def test_another_day_than_a_closed_one(dialogue: Dialogue, desk: TrialDesk) -> None:
    assert await said(dialogue, "un passeport dimanche", "alors lundi matin", "oui") == [
        "askslot:identite_rdv_prendre:date",
        "confirmrequest:identite_rdv_prendre",
        "register:identite_rdv_prendre",
    ]
    assert dict(desk.kept["identite_rdv_prendre"][0]) == {"date": "2026-11-30 matin"}


@pytest.mark.parametrize("more", ["la médiathèque", "et la médiathèque elle ouvre quand"])
async def test_the_sms_and_another_answer(answers: Answers, desk: TrialDesk, more: str) -> None:
    limits, caller = Thresholds(0.6, 0.3, 0.5), Caller(mobile=True)
    dialogue = Dialogue(Understanding(parse), answers, limits, desk, office_hours, caller)
    assert await said(dialogue, "ma carte", f"oui {more}") == [
        "answer:identite_cni_pieces",
        "sendtext:identite_cni_pieces+answer:mediatheque_horaires",
    ]
    assert desk.texts == [("identite_cni_pieces", "")]


async def test_a_street_is_known_by_ear(dialogue: Dialogue) -> None:
    await dialogue.begin()
    await type_in(dialogue, "le banc est cassé")
    assert "12 rue Pasteur" in (await type_in(dialogue, "douze rue pas heure")).text


async def test_a_street_may_be_named_after_a_day(dialogue: Dialogue) -> None:
    await said(dialogue, "le banc est cassé")
    reply = await type_in(dialogue, "douze rue du onze novembre")
    assert "12 rue du Onze-Novembre. C'est" in reply.text


async def test_who_has_told_the_pieces_is_not_told_that_they_will_be_asked_for(answers: Answers) -> None:
    taken = wording.words(Register("dechets_collecte_oubliee", ()), answers, office_hours(), "1042")
    told = " ".join(sentence.text for sentence in taken)
    assert "laissez-le dehors" in told and "vous demandera" not in told


@pytest.mark.parametrize(
    ("hour", "reason", "begins"),
    [
        (15, "asked", "Je suis désolé, personne n'est libre"),
        (15, "nobody", "Je suis désolé, personne n'est libre"),
        (22, "nobody", "Je suis désolé, personne n'est libre"),
        (22, "asked", "L'accueil de la mairie est fermé en ce moment, et rouvre demain"),
    ],
)
def test_a_desk_that_is_open_is_not_said_to_be_so_to_who_is_offered_a_message(
    answers: Answers, hour: int, reason: TransferReason, begins: str
) -> None:
    said = wording.words(OfferMessage("voirie", reason, ""), answers, office_hours().replace(hour=hour))
    assert said[0].text.startswith(begins)
    assert said[-1].text.startswith("Voulez-vous laisser un message")


async def test_a_name_may_be_spelled(dialogue: Dialogue) -> None:
    await dialogue.begin()
    await type_in(dialogue, "mon dossier de crèche")
    assert "Dupont" in (await type_in(dialogue, "d u p o n t")).text


async def test_an_answer_is_sent_to_a_dictated_number(dialogue: Dialogue, desk: TrialDesk) -> None:
    assert await said(dialogue, "ma carte") == ["answer:identite_cni_pieces"]
    asked = await type_in(dialogue, "oui")
    assert asked.text.startswith("À quel numéro de portable dois-je envoyer le SMS ?")
    assert await said(dialogue, "zéro six douze trente-quatre cinquante-six zéro zéro", "oui") == [
        "confirmrequest:identite_cni_pieces",
        "sendtext:identite_cni_pieces",
    ]
    assert desk.texts == [("identite_cni_pieces", "06 12 34 56 00")]
