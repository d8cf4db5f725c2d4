"""The policy as a table: every move, from every state that leads to it."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from callbot.dialogue.forms import Form
from callbot.dialogue.moves import (
    Answer,
    Ask,
    AskSlot,
    Choose,
    Confirm,
    ConfirmRequest,
    Emergency,
    Goodbye,
    Greet,
    MessageTaken,
    Move,
    OfferCallBack,
    OfferMessage,
    Register,
    Repeat,
    SendText,
    SpeakLanguage,
    StopRecording,
    TakeMessage,
    TellStatus,
    Transfer,
    Turn,
    Wait,
    describe,
)
from callbot.dialogue.policy import begin, decide
from callbot.dialogue.state import (
    FOLLOW_UP,
    MESSAGE,
    Caller,
    Input,
    Key,
    MessageLeft,
    Silence,
    State,
    Thresholds,
    Understood,
)
from callbot.town.answers import Intent
from callbot.types import CALL_BACK, IntentScore, Queueing

HOLE_INTENT = "voirie_nid_de_poule"
LANGUAGE = "conversation_langue_etrangere"
INTENTS = {
    intent.id: intent
    for intent in (
        Intent(id="piscine_tarif", service="sports", kind="info", name="le tarif", answer="Trois euros."),
        Intent(
            id="piscine_horaires", service="sports", kind="live", name="les horaires", answer="Huit heures."
        ),
        Intent(id="voirie_nid_de_poule", service="voirie", kind="case", name="un trou", slots=("address",)),
        Intent(id="ccas_violences", service="ccas_social", kind="transfer", name="des violences"),
        Intent(id="conversation_es_tu_un_robot", service="conversation", kind="control", answer="Oui."),
        Intent(id="sans_reponse", service="accueil", kind="info", name="quelque chose"),
        Intent(id="sans_nom", service="accueil", kind="info", answer="Voilà."),
        Intent(id="conversation_oui", service="conversation", kind="control"),
        Intent(
            id="cantine_annuler_repas",
            service="education",
            kind="case",
            name="un repas",
            slots=("name_dates",),
        ),
        Intent(
            id="identite_rdv",
            service="identite",
            kind="case",
            name="un rendez-vous",
            slots=("date",),
            staffed=True,
        ),
        Intent(id="salle", service="associations", kind="case", name="une salle", slots=("date",)),
        Intent(
            id="accueil_joindre_agent_nomme", service="accueil", kind="transfer", name="x", slots=("service",)
        ),
        Intent(id="conversation_malentendant", service="conversation", kind="control", answer="Écrivez."),
        Intent(id="conversation_langue_etrangere", service="conversation", kind="control", answer="Hello."),
        Intent(
            id="conversation_donnees_personnelles", service="conversation", kind="control", answer="Le texte."
        ),
        Intent(id="velos", service="mobilite", kind="live", name="des vélos", slots=("station",), answer="?"),
        Intent(id="pieces", service="identite", kind="info", name="x", answer="Une photo.", sms="Une photo"),
        Intent(
            id="conversation_etre_rappele",
            service="conversation",
            kind="control",
            slots=("phone",),
            staffed=True,
        ),
        Intent(id=FOLLOW_UP, service="accueil", kind="case", name="un courrier", slots=("name",)),
    )
}
LIMITS = Thresholds(answer=0.6, confirm=0.3, choose=0.4)
START = State()
ANSWERED = State(offered_more=True)
REPAIRED = State(repairs=1)
PENDING = State(pending="piscine_tarif")


def said(intent: str, confidence: float = 0.9, **more: Any) -> Understood:
    return Understood((IntentScore(intent, confidence), IntentScore("piscine_horaires", 0.01)), **more)


def alone(intent: str, confidence: float = 0.9) -> tuple[IntentScore, ...]:
    return (IntentScore(intent, confidence),)


def yes_and(
    intent: str, confidence: float = 0.9, whole: float | None = None, text: str = "oui et"
) -> Understood:
    """« oui et la piscine »; `whole`: how sure all the words together are."""
    rest = alone(intent, confidence)
    return Understood(alone(intent, whole or confidence), consent="yes", rest=rest, text=text)


MUMBLE = Understood(())
NEXT = IntentScore("piscine_horaires", 0.2)
TORN = Understood((IntentScore("piscine_tarif", 0.25), IntentScore("piscine_horaires", 0.2)))
OFFERED = State(choice=("piscine_tarif", "piscine_horaires"))
HOLE = Form(HOLE_INTENT, ("address",))
PLACE = {"number": "17", "street": "rue pasteur"}
KNOWN = tuple(PLACE.items())
ASKED_WHERE = State(form=replace(HOLE, asked="address"), topic=HOLE.intent)
WHOLE = State(form=replace(HOLE, known=KNOWN), topic=HOLE.intent)
ASKED_DAY = State(form=Form("identite_rdv", ("date",), asked="date"), topic="identite_rdv")
ASKED_WHO = State(form=Form("cantine_annuler_repas", ("name_dates",), asked="name_dates"))
GRUMBLES = alone("conversation_insatisfait", 0.4)
WRITING = State(pending="conversation_humain")
LEAVING = State(leaving="voirie")
ASKED_STATION = State(form=Form("velos", ("station",), asked="station", purpose="inform"), topic="velos")
ASKED_REFERENCE = State(form=Form(FOLLOW_UP, ("reference",), asked="reference", purpose="follow"))
OFFERED_TEXT = State(offered_more=True, topic="pieces", texts="pieces")
MOBILE_TEXT = replace(OFFERED_TEXT, caller=Caller(mobile=True))
ASKED_PHONE = State(form=Form("pieces", ("phone",), asked="phone", purpose="text"))
PHONE = (("phone", "06 12 34 56 78"),)
SAID_PHONE = State(form=Form("pieces", ("phone",), known=PHONE, purpose="text"))
OFFER = OfferMessage("voirie", "asked", "")
OFFERED_MESSAGE = State(pending=MESSAGE, unreached=OFFER)

TABLE: list[tuple[str, State, Input, Move | Turn]] = [
    ("sure: answer", START, said("piscine_tarif"), Answer("piscine_tarif")),
    ("sure of a live fact: answer", START, said("piscine_horaires"), Answer("piscine_horaires")),
    ("at the very threshold: answer", START, said("piscine_tarif", 0.6), Answer("piscine_tarif")),
    ("fairly sure: confirm", START, said("piscine_tarif", 0.59), Confirm("piscine_tarif")),
    ("hardly sure: rephrase", START, said("piscine_tarif", 0.29), Ask("unclear")),
    ("hardly sure again: human", REPAIRED, said("piscine_tarif", 0.2), Transfer("accueil", "not_understood")),
    ("a mumble: nearer the telephone", START, MUMBLE, Ask("noise")),
    ("a mumble again: human", REPAIRED, MUMBLE, Transfer("accueil", "not_understood")),
    ("out of scope: rephrase", START, said("hors_sujet"), Ask("unclear")),
    ("out of scope again: human", REPAIRED, said("hors_sujet"), Transfer("accueil", "not_understood")),
    ("a request: what it lacks", START, said(HOLE_INTENT), AskSlot(HOLE_INTENT, "address")),
    ("a request that is whole: said back", START, said(HOLE_INTENT, values=PLACE),
     ConfirmRequest(HOLE_INTENT, KNOWN)),
    ("a request, fairly sure and whole: said back", START, said(HOLE_INTENT, 0.5, values=PLACE),
     ConfirmRequest(HOLE_INTENT, KNOWN)),
    ("a request, fairly sure: confirm", START, said(HOLE_INTENT, 0.5), Confirm(HOLE_INTENT)),
    ("yes to it: stored at once, then asked on", State(pending=HOLE_INTENT), said("conversation_oui"),
     (Register(HOLE_INTENT, (), complete=False), AskSlot(HOLE_INTENT, "address"))),
    ("a request of a caller without a number: that too", State(caller=Caller(anonymous=True), form=None),
     said(HOLE_INTENT, values=PLACE), AskSlot(HOLE_INTENT, "phone", KNOWN)),
    ("a street without a number: which", ASKED_WHERE, said("hors_sujet", values={"street": "rue pasteur"}),
     AskSlot(HOLE_INTENT, "number", (("street", "rue pasteur"),))),
    ("the address", ASKED_WHERE, said("hors_sujet", values=PLACE), ConfirmRequest(HOLE_INTENT, KNOWN)),
    ("a landmark will do", ASKED_WHERE, said("hors_sujet", values={"landmark": "devant l'école"}),
     ConfirmRequest(HOLE_INTENT, (("landmark", "devant l'école"),))),
    ("no address in it: asked again", ASKED_WHERE, said("hors_sujet"),
     AskSlot(HOLE_INTENT, "address", again=True)),
    ("nor then: its service", replace(ASKED_WHERE, form=replace(HOLE, asked="address", insisted=True)),
     said("hors_sujet"), Transfer("voirie", "not_understood")),
    ("no number known: taken as it is", State(form=replace(HOLE, known=KNOWN[1:], asked="number")),
     said("conversation_non"), ConfirmRequest(HOLE_INTENT, KNOWN[1:])),
    ("right: stored", WHOLE, said("conversation_oui"), Register(HOLE_INTENT, KNOWN)),
    ("right, the number said again: stored", WHOLE, said("conversation_oui", values={"number": "17"}),
     Register(HOLE_INTENT, KNOWN)),
    ("wrong number: corrected", WHOLE, said("conversation_non", values={"number": "33"}),
     ConfirmRequest(HOLE_INTENT, (("number", "33"), *KNOWN[1:]))),
    ("wrong: what to change", WHOLE, said("conversation_non"), Ask("what_to_change")),
    ("right, and another question: both", WHOLE,
     said("piscine_horaires", consent="yes", rest=alone("piscine_horaires")),
     (Register(HOLE_INTENT, KNOWN), Answer("piscine_horaires"))),
    ("another question instead: answered", ASKED_WHERE, said("piscine_tarif"), Answer("piscine_tarif")),
    ("a moment, in a request", ASKED_WHERE, said("conversation_attendre"), Wait()),
    ("somebody, in a request", ASKED_WHERE, said("conversation_humain"), Transfer("accueil", "asked")),
    ("never mind, in a request", ASKED_WHERE, said("conversation_annuler"), Goodbye()),
    ("a day", ASKED_DAY, said("hors_sujet", values={"date": "2026-11-24"}),
     ConfirmRequest("identite_rdv", (("date", "2026-11-24"),))),
    ("another day instead", State(form=Form("identite_rdv", ("date",), (("date", "2026-11-24"),))),
     said("conversation_non", values={"date": "2026-11-25"}),
     ConfirmRequest("identite_rdv", (("date", "2026-11-25"),))),
    ("who and when, in own words", ASKED_WHO, said("hors_sujet", text="c'est pour adam benali demain"),
     ConfirmRequest("cantine_annuler_repas", (("name_dates", "adam benali demain"),))),
    ("a person: in which service", START, said("accueil_joindre_agent_nomme"),
     AskSlot("accueil_joindre_agent_nomme", "service")),
    ("a person, and the service with it", START,
     said("accueil_joindre_agent_nomme", values={"service": "logement"}),
     Transfer("logement", "service", "accueil_joindre_agent_nomme")),
    ("the service", State(form=Form("accueil_joindre_agent_nomme", ("service",), asked="service")),
     said("accueil_joindre_agent_nomme", values={"service": "logement"}),
     Transfer("logement", "service", "accueil_joindre_agent_nomme")),
    ("two needs: both answered", START, said("piscine_tarif", second=alone("piscine_horaires")),
     (Answer("piscine_tarif"), Answer("piscine_horaires"))),
    ("two needs: the request last", START, said(HOLE_INTENT, second=alone("piscine_horaires")),
     (Answer("piscine_horaires"), AskSlot(HOLE_INTENT, "address"))),
    ("two needs, the first confirmed: both answered", State(pending="piscine_tarif", then="piscine_horaires"),
     said("conversation_oui"), (Answer("piscine_tarif"), Answer("piscine_horaires"))),
    ("two needs, the request confirmed: it comes last", State(pending=HOLE_INTENT, then="piscine_horaires"),
     said("conversation_oui"),
     (Answer("piscine_horaires"), Register(HOLE_INTENT, (), complete=False),
      AskSlot(HOLE_INTENT, "address"))),
    ("two needs, the first refused: asked again", State(pending="piscine_tarif", then="piscine_horaires"),
     said("conversation_non"), Ask("denied")),
    ("a second need likely: asked about", START, said("piscine_tarif", second=alone("piscine_horaires", 0.5)),
     (Answer("piscine_tarif"), Confirm("piscine_horaires"))),
    ("a second need hardly heard", START, said("piscine_tarif", second=alone("piscine_horaires", 0.2)),
     Answer("piscine_tarif")),
    ("a follow-up: the topic", State(topic="piscine_horaires"),
     said("hors_sujet", joined=alone("piscine_horaires", 0.5)), Answer("piscine_horaires")),
    ("what it is about, after vague words: with these it says more", State(vague=True),
     said("cantine_tarif", 0.22, joined=(IntentScore("piscine_tarif", 0.28), NEXT)),
     Choose("piscine_tarif", "piscine_horaires")),
    ("together they say less", State(vague=True),
     said("piscine_horaires", 0.32, joined=(IntentScore("piscine_tarif", 0.28), NEXT)),
     Confirm("piscine_horaires")),
    ("nothing was asked: the words stand for themselves", START,
     said("cantine_tarif", 0.22, joined=(IntentScore("piscine_tarif", 0.28), NEXT)), Ask("unclear")),
    ("danger, hardly sure: an alarm too many", State(topic="piscine_horaires"), said("urgence_vitale", 0.5),
     Emergency()),
    ("oui, merci, au revoir, instead of one of two", OFFERED,
     Understood(alone("conversation_au_revoir"), consent="yes", text="oui merci au revoir"), Goodbye()),
    ("goodbye, after much that led nowhere", State(stalled=9), said("conversation_au_revoir"), Goodbye()),
    ("what it costs, after the hours: not the hours again", State(topic="piscine_horaires"),
     said("hors_sujet", values={"follows": "yes", "price": "yes"},
          joined=(IntentScore("piscine_horaires", 0.7), IntentScore("piscine_tarif", 0.2))),
     Confirm("piscine_tarif")),
    ("what it costs, and nothing else it could be: the answer may tell", State(topic="piscine_horaires"),
     said("hors_sujet", values={"follows": "yes", "price": "yes"}, joined=alone("piscine_horaires", 0.7)),
     Answer("piscine_horaires")),
    ("another need, half heard, after an answer: not that answer again", State(topic="piscine_horaires"),
     said(HOLE_INTENT, 0.5, joined=alone("piscine_horaires", 0.9)), Confirm(HOLE_INTENT)),
    ("where it is, after an answer: the answer for there", State(topic="piscine_horaires"),
     said(HOLE_INTENT, 0.2, joined=alone("piscine_horaires", 0.9), values={"street": "rue des Érables"}),
     Answer("piscine_horaires")),
    ("together they mean a third thing", State(topic="piscine_horaires"),
     said("cantine_annuler_repas", 0.5, joined=alone(HOLE_INTENT, 0.9)), AskSlot(HOLE_INTENT, "address")),
    ("more words after vague ones", State(vague=True), said("piscine_tarif"), Confirm("piscine_tarif")),
    ("refused already: the next best", State(refused=("piscine_tarif",)),
     Understood((IntentScore("piscine_tarif", 0.5), IntentScore("piscine_horaires", 0.4))),
     Confirm("piscine_horaires")),
    ("no, then the same in other words", PENDING,
     said("conversation_non", consent="no", rest=alone("piscine_tarif")), Confirm("piscine_tarif")),
    ("what a request needs is a yes to it", State(pending=HOLE_INTENT),
     said("hors_sujet", 0.5, values=PLACE), ConfirmRequest(HOLE_INTENT, KNOWN)),
    ("violence at home, hardly said: passed on", START, said("ccas_violences", 0.4),
     Transfer("ccas_social", "service", "ccas_violences")),
    ("a no that grumbles", START, Understood((IntentScore("conversation_non", 0.4), *GRUMBLES)),
     Ask("sorry")),
    ("no, then the need", PENDING, said("conversation_non", consent="no", rest=alone("piscine_horaires")),
     Confirm("piscine_horaires")),
    ("danger", START, said("urgence_vitale", 0.4), Emergency()),
    ("danger in a request", ASKED_WHERE, said("urgence_vitale"), Emergency()),
    ("danger in the words, hinted at by the ranking", START,
     Understood((IntentScore("conversation_attendre", 0.6), IntentScore("urgence_vitale", 0.2)),
                values={"danger": "yes"}), Emergency()),
    ("a dangerous word alone is none", START, said("piscine_tarif", values={"danger": "yes"}),
     Answer("piscine_tarif")),
    ("yes to a human after danger", State(pending="conversation_humain"), said("conversation_oui"),
     Transfer("accueil", "asked")),
    ("slower", ANSWERED, said("conversation_plus_lentement", 0.55), Repeat("slower")),
    ("louder", ANSWERED, said("conversation_parler_plus_fort"), Repeat("louder")),
    ("a moment", START, said("conversation_attendre"), Wait()),
    ("an insult: calm, once", START, said("conversation_insulte"), Ask("insulted")),
    ("another insult: human", State(complaints=1), said("conversation_insulte"),
     Transfer("accueil", "dissatisfied")),
    ("hard of hearing, « d'accord, et la piscine ? »", WRITING,
     yes_and("piscine_horaires", 0.9, text="d'accord et"), Answer("piscine_horaires")),
    ("hard of hearing, « d'accord » and words half heard", WRITING,
     yes_and("piscine_horaires", 0.4, text="d'accord et"), Transfer("accueil", "asked")),
    ("« je me suis trompé de numéro »", START, said("hors_sujet", values={"wrong_number": "yes"}),
     Goodbye()),
    ("asked in vain, and something else: confirmed",
     replace(ASKED_WHERE, form=replace(HOLE, asked="address", insisted=True)),
     said("piscine_tarif", 0.5), Confirm("piscine_tarif")),
    ("hard of hearing", START, said("conversation_malentendant"), Answer("conversation_malentendant")),
    ("another language", START, said(LANGUAGE), SpeakLanguage()),
    ("another language by its words", START, said("hors_sujet", values={"foreign": "es"}),
     SpeakLanguage("es")),
    ("and then: its service", State(foreign=True), said("ccas_violences"),
     Transfer("ccas_social", "service", "ccas_violences")),
    ("and nothing understood: human", State(foreign=True), MUMBLE, Transfer("accueil", "language")),
    ("erase my data: stored", START,
     said("conversation_donnees_personnelles", 0.5, values={"erase": "yes"}),
     Register("conversation_donnees_personnelles", ())),
    ("no recording, please", State(caller=Caller(recorded=True)),
     said("hors_sujet", values={"unrecorded": "yes"}), (StopRecording(), Ask("go_on"))),
    ("a sales pitch twice: a polite end", REPAIRED, said("hors_sujet", values={"sales": "yes"}),
     Goodbye(off_topic=True)),
    ("still speaking meanwhile", LEAVING, said("conversation_remercier"), Transfer("voirie", "asked")),
    ("key star: back", State(form=HOLE), Key("*"), Ask("go_on")),
    ("a matter for humans: its service", START, said("ccas_violences"),
     Transfer("ccas_social", "service", "ccas_violences")),
    ("yes to a confirmation: answer", PENDING, said("conversation_oui"), Answer("piscine_tarif")),
    ("a hardly sure yes is a yes enough", PENDING, said("conversation_oui", 0.4), Answer("piscine_tarif")),
    ("no to a confirmation: rephrase", PENDING, said("conversation_non"), Ask("denied")),
    ("no again: human", replace(PENDING, repairs=1), said("conversation_non"),
     Transfer("accueil", "not_understood")),
    ("something else at a confirmation", PENDING, said("piscine_horaires"), Answer("piscine_horaires")),
    ("torn between two: a choice", START, TORN, Choose("piscine_tarif", "piscine_horaires")),
    ("torn with a third that has no name: rephrase", START,
     Understood((IntentScore("piscine_tarif", 0.25), IntentScore("sans_nom", 0.2))), Ask("unclear")),
    ("torn between a matter and none: rephrase", START,
     Understood((IntentScore("piscine_tarif", 0.25), IntentScore("hors_sujet", 0.2))), Ask("unclear")),
    ("key 2 at a choice", OFFERED, Key("2"), Answer("piscine_horaires")),
    ("key 3 at a choice", OFFERED, Key("3"), Ask("wrong_key")),
    ("the first, please", OFFERED, Understood((), picked=1), Answer("piscine_tarif")),
    ("the first of nothing", START, Understood((), picked=1), Ask("noise")),
    ("yes to a choice: rephrase", OFFERED, said("conversation_oui"), Ask("unclear")),
    ("neither: rephrase", OFFERED, said("conversation_non"), Ask("denied")),
    ("one of the two in words", OFFERED, said("piscine_horaires"), Answer("piscine_horaires")),
    ("no name to confirm with: rephrase", START, said("sans_nom", 0.5), Ask("unclear")),
    ("an intent nobody knows: rephrase", START, said("inconnu"), Ask("unclear")),
    ("an intent without an answer: rephrase", START, said("sans_reponse"), Ask("unclear")),
    ("somebody, please", START, said("conversation_humain"), Transfer("accueil", "asked")),
    ("dissatisfied: sorry, once", ANSWERED, said("conversation_insatisfait"), Ask("sorry")),
    ("dissatisfied again: a human", State(complaints=1), said("conversation_insatisfait"),
     Transfer("accueil", "dissatisfied")),
    ("repeat", ANSWERED, said("conversation_repeter"), Repeat()),
    ("a control answered with a sentence", START, said("conversation_es_tu_un_robot"),
     Answer("conversation_es_tu_un_robot")),
    ("hello: go on", START, said("conversation_saluer"), Ask("go_on")),
    ("another question?: yes", ANSWERED, said("conversation_oui"), Ask("go_on")),
    ("another question?: no", ANSWERED, said("conversation_non"), Goodbye()),
    ("another question?: no, hardly sure", ANSWERED, said("conversation_non", 0.55), Goodbye()),
    ("another question?: yes, hardly sure", ANSWERED, said("conversation_oui", 0.55), Ask("go_on")),
    ("another question?: a no that names one", ANSWERED,
     Understood((IntentScore("conversation_non", 0.55), IntentScore("piscine_tarif", 0.4)), consent="no"),
     Ask("unclear")),
    ("another question?: a no, then one", ANSWERED,
     said("conversation_non", 0.55, consent="no", rest=alone("piscine_tarif")), Ask("unclear")),
    ("another question?: thank you", ANSWERED, said("conversation_remercier"), Goodbye()),
    ("thank you is an end", START, said("conversation_remercier"), Goodbye()),
    ("a human, fairly sure: no confirmation", START, said("conversation_humain", 0.4),
     Transfer("accueil", "asked")),
    ("a live answer that hangs on a station: which", START, said("velos"), AskSlot("velos", "station")),
    ("its station named: answer", START, said("velos", values={"station": "Gare"}), Answer("velos", "Gare")),
    ("then named: answer", ASKED_STATION, said("hors_sujet", values={"station": "Gare"}),
     Answer("velos", "Gare")),
    ("no station we know: asked again", ASKED_STATION, said("hors_sujet"),
     AskSlot("velos", "station", again=True)),
    ("nor then: what can be said without", replace(ASKED_STATION, form=replace(
        ASKED_STATION.form, insisted=True)), said("hors_sujet"), Answer("velos")),
    ("no station wanted: the same", ASKED_STATION, said("conversation_non"), Answer("velos")),
    ("worth having in writing: offered", START, said("pieces"), Answer("pieces", offers_text=True)),
    ("yes, from a mobile: sent", replace(OFFERED_TEXT, caller=Caller(mobile=True)), said("conversation_oui"),
     SendText("pieces")),
    ("yes thank you, from a mobile: sent all the same", replace(OFFERED_TEXT, caller=Caller(mobile=True)),
     said("conversation_remercier", consent="yes", text="oui merci"), SendText("pieces")),
    ("yes, hardly sure: sent", replace(OFFERED_TEXT, caller=Caller(mobile=True)),
     said("conversation_oui", 0.55, consent="yes"), SendText("pieces")),
    ("yes to another question, not to a text", OFFERED_TEXT,
     Understood((IntentScore("conversation_oui", 0.5), IntentScore("piscine_tarif", 0.4)), consent="yes"),
     Ask("unclear")),
    ("yes, from a landline: to which number", OFFERED_TEXT, said("conversation_oui"),
     AskSlot("pieces", "mobile")),
    ("yes, and another need, from a mobile: sent, then served", MOBILE_TEXT,
     yes_and("piscine_tarif"), (SendText("pieces"), Answer("piscine_tarif"))),
    ("yes, and another need, fairly sure: sent, then confirmed", MOBILE_TEXT,
     yes_and("piscine_tarif", 0.4), (SendText("pieces"), Confirm("piscine_tarif"))),
    ("yes, and one of two needs: sent, then which", MOBILE_TEXT, Understood(alone("piscine_tarif", 0.5),
     consent="yes", rest=TORN.ranking, text="oui et"),
     (SendText("pieces"), Choose("piscine_tarif", "piscine_horaires"))),
    ("yes, and a request: sent, then taken", MOBILE_TEXT, yes_and(HOLE_INTENT),
     (SendText("pieces"), AskSlot(HOLE_INTENT, "address"))),
    ("yes, and a matter for people: sent, then handed over", MOBILE_TEXT, yes_and("ccas_violences", 0.9, 0.1),
     (SendText("pieces"), Transfer("ccas_social", "service", "ccas_violences"))),
    ("yes, and what was answered: sent", MOBILE_TEXT, yes_and("pieces"), SendText("pieces")),
    ("yes, and a word or two: sent, and what else", replace(MOBILE_TEXT, repairs=1),
     yes_and("piscine_tarif", 0.2), SendText("pieces")),
    ("yes, and another need, from a landline: served, and to which number", OFFERED_TEXT,
     yes_and("piscine_tarif"), (Answer("piscine_tarif"), AskSlot("pieces", "mobile"))),
    ("yes, and a request, from a landline: taken", OFFERED_TEXT, yes_and(HOLE_INTENT),
     AskSlot(HOLE_INTENT, "address")),
    ("yes, on my mobile: sent", MOBILE_TEXT, Understood(alone("conversation_oui", 0.4), consent="yes",
     rest=alone("hors_sujet", 0.7), text="oui là-dessus"), SendText("pieces")),
    ("yes, send me the list: sent", MOBILE_TEXT, yes_and("piscine_tarif", 0.5,
     text="oui envoyez-moi la liste"), SendText("pieces")),
    ("« si » is no yes to an SMS", MOBILE_TEXT, yes_and("piscine_tarif", text="si je veux me baigner"),
     Answer("piscine_tarif")),
    ("nor is a wish", MOBILE_TEXT, yes_and("piscine_tarif", text="bon alors je veux bien me baigner"),
     Answer("piscine_tarif")),
    ("yes to another question, no SMS offered: answered", ANSWERED, yes_and("piscine_tarif"),
     Answer("piscine_tarif")),
    ("a number: said back", ASKED_PHONE, said("hors_sujet", values=dict(PHONE)),
     ConfirmRequest("pieces", PHONE)),
    ("right: sent there", SAID_PHONE, said("conversation_oui"), SendText("pieces", "06 12 34 56 78")),
    ("wrong: asked again", SAID_PHONE, said("conversation_non"), AskSlot("pieces", "mobile")),
    ("no number after all: what else", ASKED_PHONE, said("conversation_non"), Ask("anything_else")),
    ("no text wanted, nothing else: goodbye", OFFERED_TEXT, said("conversation_non"), Goodbye()),
    ("another question instead of a yes: answered", OFFERED_TEXT, said("piscine_tarif"),
     Answer("piscine_tarif")),
    ("to be called back, and when", START,
     said(CALL_BACK, values={"date": "2026-11-24 après dix-huit heures", "phone": "06 12 34 56 78"}),
     ConfirmRequest(CALL_BACK, (*PHONE, ("date", "2026-11-24 après dix-huit heures")))),
    ("where is my request: its number", START, said(FOLLOW_UP, values={"status": "yes"}),
     AskSlot(FOLLOW_UP, "reference")),
    ("whatever else it may be", START, Understood((IntentScore("x", 0.5), IntentScore("y", 0.2)),
     values={"status": "yes"}), AskSlot(FOLLOW_UP, "reference")),
    ("with its number: told", START, said(FOLLOW_UP, values={"reference": "1042"}), TellStatus("1042")),
    ("then its number: told", ASKED_REFERENCE, said("hors_sujet", values={"reference": "1042"}),
     TellStatus("1042")),
    ("no number at hand: noted for people", ASKED_REFERENCE, said("conversation_non"),
     AskSlot(FOLLOW_UP, "name")),
    ("a letter without an answer: noted", START, said(FOLLOW_UP), AskSlot(FOLLOW_UP, "name")),
    ("a message is left: thanks", State(unreached=OFFER), MessageLeft(True), MessageTaken()),
    ("nothing said after the tone: again", State(unreached=OFFER), MessageLeft(False),
     (Ask("unheard_message"), TakeMessage("voirie"))),
    ("nor then: goodbye", State(unreached=OFFER, silences=1), MessageLeft(False), Goodbye()),
    ("a message offered, yes: recorded", OFFERED_MESSAGE, said("conversation_oui"), TakeMessage("voirie")),
    ("a message offered, no: what else", OFFERED_MESSAGE, said("conversation_non"), Ask("anything_else")),
    ("a message offered, silence", OFFERED_MESSAGE, Silence(), Ask("silence_yes_no")),
    ("a message offered, gone quiet", replace(OFFERED_MESSAGE, silences=1), Silence(), Goodbye()),
    ("goodbye", START, said("conversation_au_revoir"), Goodbye()),
    ("thanks and goodbye, instead of a yes", PENDING,
     Understood((IntentScore("conversation_au_revoir", 0.5), IntentScore("conversation_remercier", 0.4))),
     Goodbye()),
    ("hardly a goodbye, instead of a yes: rephrase", PENDING, said("conversation_au_revoir", 0.5),
     Ask("unclear")),
    ("said again instead of a yes: meant", PENDING, said("piscine_tarif", 0.4), Answer("piscine_tarif")),
    ("denied, though it begins with no « non »: asked again", PENDING,
     said("piscine_tarif", 0.4, text="c'est pas le tarif"), Confirm("piscine_tarif")),
    ("said again with a no: not meant", PENDING,
     said("piscine_tarif", 0.4, consent="no", rest=alone("piscine_tarif", 0.4)), Confirm("piscine_tarif")),
    ("with the words before only: not said again", PENDING,
     said("x", 0.2, joined=alone("piscine_tarif", 0.5)), Confirm("piscine_tarif")),
    ("neither of the two, but another: confirmed", replace(OFFERED, vague=True), yes_and(HOLE_INTENT),
     Confirm(HOLE_INTENT)),
    ("a yes to a choice: which", OFFERED, said("conversation_oui"), Ask("unclear")),
    ("the number of the request once more", State(offered_more=True, topic=HOLE_INTENT),
     said("conversation_aide", 0.4, values={"its_number": "yes"}), Repeat()),
    ("a number, after an answer: what is meant by it", State(offered_more=True, topic="piscine_tarif"),
     said("piscine_horaires", 0.4, values={"its_number": "yes"}), Confirm("piscine_horaires")),
    ("never mind", START, said("conversation_annuler"), Goodbye()),
    ("a no to nothing: what then", START, said("conversation_non"), Ask("denied")),
    ("another question, hardly sure", START, said("conversation_autre_question", 0.55), Ask("go_on")),
    ("the bot itself is asked about, likely", START, said("conversation_es_tu_un_robot", 0.4),
     Answer("conversation_es_tu_un_robot")),
    ("never mind, only likely: the call goes on", START, said("conversation_annuler", 0.4), Ask("unclear")),
    ("key 0: human", START, Key("0"), Transfer("accueil", "asked")),
    ("key 9: repeat", PENDING, Key("9"), Repeat()),
    ("another key", START, Key("5"), Ask("wrong_key")),
    ("another key again: human", REPAIRED, Key("5"), Transfer("accueil", "not_understood")),
    ("silence: again", START, Silence(), Ask("silence")),
    ("silence again: help", State(silences=1), Silence(), Ask("silence")),
    ("a third silence: human", State(silences=2), Silence(), Transfer("accueil", "no_input")),
    ("silence in danger", State(pending="conversation_humain", topic="urgence_vitale", silences=1),
     Silence(), Transfer("accueil", "no_input")),
    ("silence after an answer: still there", ANSWERED, Silence(), Ask("still_there")),
    ("silence after a yes-no question", State(pending="piscine_tarif"), Silence(), Ask("silence_yes_no")),
    ("silence after a choice", State(choice=("a", "b")), Silence(), Ask("silence_choice")),
    ("silence in a request", State(form=Form("a", ("name",), asked="name")), Silence(), Ask("silence_slot")),
    ("silence as it is said back", State(form=Form("a", ("name",))), Silence(), Ask("silence_yes_no")),
    ("gone after an answer: goodbye", replace(ANSWERED, silences=1), Silence(), Goodbye()),
]  # fmt: skip


SHORT, CROWD = Queueing(2, 180), Queueing(6, 480)
CROWDED = OfferCallBack(Transfer("accueil", "asked"), CROWD)
OFFERED_CALL_BACK = State(pending=CALL_BACK, crowded=CROWDED)
QUEUES: list[tuple[str, State, Input, Queueing | None, Move | Turn]] = [
    ("nobody knows: the queue is tried", START, Key("0"), None, Transfer("accueil", "asked")),
    ("a short wait is told", START, Key("0"), SHORT, Transfer("accueil", "asked", "", SHORT)),
    ("a long one: called back instead?", START, Key("0"), CROWD, CROWDED),
    ("no, thanks: into the queue", OFFERED_CALL_BACK, said("conversation_non"), CROWD,
     Transfer("accueil", "asked", "", CROWD)),
    ("yes: noted, and to which number", OFFERED_CALL_BACK, said("conversation_oui"), CROWD,
     (Register(CALL_BACK, (), complete=False), AskSlot(CALL_BACK, "phone"))),
    ("key 0 again: into the queue", OFFERED_CALL_BACK, Key("0"), CROWD,
     Transfer("accueil", "asked", "", CROWD)),
    ("whoever may be beaten at home does not wait for a call", START, said("ccas_violences"), CROWD,
     Transfer("ccas_social", "service", "ccas_violences", CROWD)),
]  # fmt: skip


AWAY: list[tuple[str, State, Input, Move | Turn]] = [
    ("a human asked for: a message", START, said("conversation_humain"), OfferMessage("accueil", "asked")),
    ("key 0: a message", START, Key("0"), OfferMessage("accueil", "asked")),
    ("a matter for people: a message to them", START, said("ccas_violences"),
     OfferMessage("ccas_social", "service", "ccas_violences")),
    ("not understood twice: a message", REPAIRED, MUMBLE, OfferMessage("accueil", "not_understood")),
    ("offered already, key 0: recorded", OFFERED_MESSAGE, Key("0"), TakeMessage("accueil")),
    ("refused, then asked for: recorded", State(unreached=OFFER), said("conversation_humain"),
     TakeMessage("accueil")),
    ("refused, and not understood: goodbye", State(unreached=OFFER, repairs=1), MUMBLE, Goodbye()),
    ("what the bot knows is answered all the same", START, said("piscine_tarif"), Answer("piscine_tarif")),
]  # fmt: skip


def turn(expected: Move | Turn) -> Turn:
    return expected if isinstance(expected, tuple) else (expected,)


@pytest.mark.parametrize(
    ("state", "heard", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_next_move(state: State, heard: Input, expected: Move | Turn) -> None:
    assert decide(state, heard, INTENTS.get, LIMITS)[1] == turn(expected)


@pytest.mark.parametrize(
    ("state", "heard", "expected"), [row[1:] for row in AWAY], ids=[row[0] for row in AWAY]
)
def test_when_nobody_is_there(state: State, heard: Input, expected: Move | Turn) -> None:
    assert decide(state, heard, INTENTS.get, LIMITS, lambda _: False)[1] == turn(expected)


@pytest.mark.parametrize(
    ("state", "heard", "wait", "expected"), [row[1:] for row in QUEUES], ids=[row[0] for row in QUEUES]
)
def test_how_long_the_queue_is(
    state: State, heard: Input, wait: Queueing | None, expected: Move | Turn
) -> None:
    done = decide(state, heard, INTENTS.get, LIMITS, waits=lambda _: wait)[1]
    assert done == turn(expected)


def test_a_closed_service_is_reached_by_the_front_desk() -> None:
    state, done = decide(START, said("ccas_violences"), INTENTS.get, LIMITS, lambda name: name == "accueil")
    assert done == (Transfer("accueil", "service", "ccas_violences"),)
    assert state.leaving == "accueil"


def test_a_call_that_no_operator_answered_begins_with_the_offer_of_a_message() -> None:
    state, done = begin(unanswered=True)
    assert done == (OfferMessage("accueil", "nobody"),)
    assert decide(state, said("conversation_oui"), INTENTS.get, LIMITS)[1] == (TakeMessage("accueil"),)


def test_the_table_covers_every_move() -> None:
    done = {type(move) for row in (*TABLE, *AWAY, *QUEUES) for move in turn(row[-1])} | {type(begin()[1][0])}
    assert done == set(get_args(Move))


def test_an_answer_clears_what_went_wrong_before() -> None:
    state, _ = decide(REPAIRED, said("piscine_tarif"), INTENTS.get, LIMITS)
    assert state == State(offered_more=True, topic="piscine_tarif")


def test_a_matter_of_the_conversation_itself_is_not_an_answered_question() -> None:
    state, _ = decide(START, said("conversation_es_tu_un_robot"), INTENTS.get, LIMITS)
    assert not state.offered_more


def test_speech_after_silence_starts_the_count_again() -> None:
    state, _ = decide(State(silences=1), said("piscine_tarif", 0.4), INTENTS.get, LIMITS)
    assert state.silences == 0


@pytest.mark.parametrize(
    ("done", "text"),
    [
        ((Greet(),), "greet"),
        ((Answer("piscine_tarif"),), "answer:piscine_tarif"),
        ((Transfer("voirie", "service", "x"),), "transfer:voirie:service"),
        ((Ask("silence"),), "ask:silence"),
        ((Register("x", ()), AskSlot("x", "date")), "register:x+askslot:x:date"),
        ((Repeat("slower"),), "repeat:slower"),
    ],
)
def test_turns_are_described_in_a_word(done: Turn, text: str) -> None:
    assert describe(done) == text
