"""The journal's words as people read them, in French."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from callbot.journal.board import Card, Member, Queue, Task
from callbot.journal.local_days import PARIS
from callbot.town.answers import Answers
from callbot.town.requests import written_date
from callbot.types import CALL_BACK, DEFAULT_QUEUE

SURE, PROBABLE = 0.85, 0.5
"""From here on an intent is said to be sure, or probable."""

REASONS = {
    "asked": "demande à parler à quelqu'un",
    "not_understood": "non compris deux fois",
    "no_input": "n'a rien dit",
    "service": "à traiter par le service",
    "too_long": "conversation trop longue",
    "language": "parle une autre langue",
    "dissatisfied": "pas satisfait de la réponse",
    "nobody": "personne n'avait répondu",
    "fault": "panne du robot",
    "crowded": "trop d'appels pour le robot",
}
STATES = {
    "announced": "va arriver",
    "waiting": "attend",
    "ringing": "sonne",
    "answered": "en ligne",
    "ended": "terminé",
    "abandoned": "a raccroché avant la réponse",
    "unanswered": "personne n'a répondu",
}
MEMBERS = {
    "free": "libre",
    "busy": "en ligne",
    "ringing": "sonne",
    "paused": "en pause",
    "away": "absent",
}
VERDICTS = {"right": "Bonne intention", "wrong": "Mauvaise", "off_topic": "Hors sujet"}
LANGUAGES = {
    "en": "anglais",
    "de": "allemand",
    "es": "espagnol",
    "pt": "portugais",
    "ar": "arabe",
    "it": "italien",
}
SLOTS = {
    "address": "adresse",
    "date": "date",
    "phone": "téléphone",
    "reference": "référence",
    "name": "nom",
    "name_dates": "nom et dates",
    "details": "précisions",
    "service": "service",
    "station": "station",
    "street": "rue",
}
ROLES = {"operator": "standard", "quality": "qualité", "admin": "administration"}
ACTIONS = {
    "log_in": "s'est connecté",
    "log_in_refused": "connexion refusée",
    "log_in_oidc": "s'est connecté par le fournisseur d'identité",
    "log_in_oidc_refused": "connexion par le fournisseur d'identité : aucun compte de ce nom",
    "confirm": "a confirmé son mot de passe",
    "confirm_refused": "mot de passe non confirmé",
    "log_out": "s'est déconnecté",
    "account_added": "a créé le compte",
    "account_disabled": "a fermé le compte",
    "password_changed": "a changé le mot de passe",
    "judged_right": "a noté « bonne intention » : transfert",
    "judged_wrong": "a noté « mauvaise intention » : transfert",
    "judged_off_topic": "a noté « hors sujet » : transfert",
    "judged_nothing": "a retiré son avis : transfert",
    "noted": "a écrit une note : transfert",
    "called_back": "a rappelé : transfert",
    "number_shown": "a vu le numéro : transfert",
    "not_called_back": "n'a pas rappelé : transfert",
    "task_done": "a rappelé : demande",
    "task_reopened": "a remis à faire : demande",
    "message_played": "a écouté le message",
    "figures_exported": "a exporté les statistiques",
    "review_right": "a confirmé l'intention : phrase",
    "review_corrected": "a corrigé l'intention : phrase",
    "review_undone": "a retiré son avis : phrase",
    "review_group": "a revu d'un coup les phrases identiques : phrase",
    "review_group_undone": "a retiré ses avis sur les phrases identiques : phrase",
    "recording_played": "a écouté l'appel",
    "question_assigned": "a confié la question",
    "question_answered": "a écrit la réponse à la question",
    "question_published": "a publié la réponse à la question",
    "question_closed": "a classé sans suite la question",
    "question_reopened": "a rouvert la question",
    "question_renamed": "a renommé la question",
    "question_merged": "a réuni des questions",
    "question_made": "a fait une question d'une phrase",
    "caller_told": "a rappelé un appelant : question",
    "caller_not_told": "a remis un appelant à rappeler : question",
    "caller_texted": "a prévenu un appelant par SMS : question",
    "proposed": "a proposé une phrase à apprendre",
    "proposal_undone": "a retiré une phrase à apprendre",
    "intent_removed": "a retiré une nouvelle intention",
    "training_asked": "a lancé l'entraînement",
    "training_cancelled": "a annulé l'entraînement",
    "training_passed": "entraînement accepté",
    "training_refused": "entraînement refusé",
    "training_failed": "entraînement échoué",
    "deployed": "a mis en service le modèle",
    "rolled_back": "est revenu au modèle",
    "paused": "s'est mis en pause",
    "resumed": "a repris",
}


PLACES = {"recording": "/revue/appels/", "training": "/apprentissage/entrainements/"} | dict.fromkeys(
    ("question", "caller"), "/questions/"
)
"""Where to see what an action was about, by the action's first word."""
_BEFORE = re.compile(r" (?=[:;?!»%](?![\w:;?!»%]))")
_ARTICLE = re.compile(r"^(le service ||le |la |les |l['’])?(de la |de l['’]|des |du |de )?(?=.)")


class Words:
    """Labels of these communes.

    Args:
        towns: each commune's key and answers.
        learnt: the name of an intent that the catalogue lacks; empty when nobody knows it.
    """

    def __init__(self, towns: dict[str, Answers], learnt: Callable[[str], str] = lambda _: "") -> None:
        self._towns = towns
        self._learnt = learnt
        self.towns = " · ".join(answers.town.name for answers in towns.values())

    def town(self, key: str) -> str:
        """A commune's name when there are several, else nothing."""
        if len(self._towns) < 2:
            return ""
        return self._towns[key].town.name if key in self._towns else key

    def intent(self, id: str, town: str = "") -> str:
        """What an intent is called: « Une copie d'acte de naissance »."""
        known = self._answers(town).catalog.get(id)
        name = known.name if known is not None else self._learnt(id)
        return _sentence(name or id.replace("_", " "))

    def wish(self, card: Card) -> str:
        """What the caller wants, in one line."""
        if card.intent:
            return self.intent(card.intent, card.town)
        return "Souhaite parler à quelqu'un" if card.reason == "asked" else "Demande non comprise"

    def confidence(self, probability: float | None) -> str:
        """How sure the bot is, in a word."""
        if probability is None:
            return "incertain"
        return "sûr" if probability >= SURE else "probable" if probability >= PROBABLE else "incertain"

    def service(self, key: str, town: str = "") -> str:
        """A service's name, without the article it is said with."""
        services = self._answers(town).town.services
        name = services[key].name if key in services else key.replace("_", " ")
        return _sentence(_ARTICLE.sub("", name))

    def queue(self, name: str) -> str:
        """A queue is called after the service whose it is."""
        for answers in self._towns.values():
            for key, service in answers.town.services.items():
                if service.queue == name and name != DEFAULT_QUEUE:
                    return self.service(key)
        return _sentence(name.replace("_", " ").replace("-", " "))

    def queues(self, names: Iterable[str]) -> str:
        """Several of them."""
        return ", ".join(map(self.queue, names))

    def reason(self, reason: str) -> str:
        """Why a call was handed over."""
        return REASONS.get(reason, "raison inconnue")

    def state(self, card: Card, queues: Iterable[Queue]) -> str:
        """What a call is doing, and with whom."""
        said = STATES.get(card.state, card.state)
        who = operator(card.operator, queues) if card.operator else ""
        if who and card.state == "ringing":
            return f"{said} chez {who}"
        if who and card.state in ("answered", "ended"):
            return f"{said} avec {who}" if card.state == "answered" else f"{said}, répondu par {who}"
        return said

    def member(self, member: Member) -> str:
        """What an operator is doing."""
        return MEMBERS.get(member.state, "état inconnu")

    def language(self, code: str) -> str:
        """The caller's language."""
        return LANGUAGES.get(code, code)

    def task(self, task: Task) -> str:
        """What a message or a call-back is about."""
        if task.kind == "message":
            about = self.intent(task.intent, task.town) if task.intent and task.intent != CALL_BACK else ""
            return f"Message : {about[:1].lower()}{about[1:]}" if about else "Message"
        return "À rappeler"

    def slot(self, slot: str) -> str:
        """What a piece of a request is."""
        return SLOTS.get(slot, slot)

    def action(self, action: str) -> str:
        """What somebody did."""
        return spaced(ACTIONS.get(action, action))

    def place(self, action: str, about: str) -> str:
        """The page of what an action was about; empty when there is none."""
        page = PLACES.get(action.partition("_")[0], "")
        return f"{page}{about}" if page and about.isdecimal() else ""

    def _answers(self, town: str) -> Answers:
        return self._towns.get(town) or next(iter(self._towns.values()))


def operator(interface: str, queues: Iterable[Queue]) -> str:
    """The name of who has this telephone."""
    members = (member for queue in queues for member in queue.members)
    return next((one.name for one in members if one.interface == interface and one.name), interface)


def people(queues: Iterable[Queue]) -> list[tuple[Member, bool, list[str]]]:
    """Every operator once, in the order of their names; is it known what they are doing now; their queues."""
    told = sorted(queues, key=lambda queue: queue.at)  # what was told last counts
    found = {member.interface: (member, not queue.stale) for queue in told for member in queue.members}
    theirs = {who: [one.name for one in told if who in (m.interface for m in one.members)] for who in found}
    every = [(member, known, sorted(theirs[who])) for who, (member, known) in found.items()]
    return sorted(every, key=lambda one: one[0].name or one[0].interface)


def masked(last2: str) -> str:
    """A caller's number of which two digits are known: « •• •• •• •• 78 »."""
    return f"•• •• •• •• {last2}" if last2 else "numéro masqué"


def phone(number: str) -> str:
    """A number as it is written: « 06 12 34 56 78 »."""
    digits = number.replace(" ", "")
    if digits.startswith("+33") and len(digits) == 12:
        digits = f"0{digits[3:]}"
    if len(digits) == 10 and digits.isdecimal():
        return " ".join(digits[at : at + 2] for at in range(0, 10, 2))
    return number


def piece(slot: str, value: str) -> str:
    """A piece of a request: « 06 12 34 56 78 », « mardi 24 novembre 2026, matin »."""
    if slot == "phone":
        return phone(value)
    return written_date(value) if slot == "date" else value


def local(moment: datetime) -> datetime:
    """A moment of the journal as the town's clocks show it, whatever the machine's do."""
    return moment.replace(tzinfo=UTC).astimezone(PARIS)


def iso(moment: datetime) -> str:
    """The same for a page's script."""
    return moment.replace(tzinfo=UTC, microsecond=0).isoformat().replace("+00:00", "Z")


def clock(moment: datetime) -> str:
    """The hour: « 14 h 05 »."""
    return f"{local(moment):%H h %M}"


def day(moment: datetime) -> str:
    """Day and hour: « 21/11/2026 à 14 h 05 »."""
    return f"{local(moment):%d/%m/%Y à %H h %M}"


def date(moment: datetime) -> str:
    """The day alone: « 21/11/2026 »."""
    return f"{local(moment):%d/%m/%Y}"


def before(moment: datetime, seconds: int) -> datetime:
    """So many seconds earlier."""
    return moment - timedelta(seconds=seconds)


def lasted(begin: datetime, end: datetime) -> str:
    """How long: « 2 min 05 s »."""
    return seconds(int((end - begin).total_seconds()))


def seconds(count: int) -> str:
    """How long: « 45 s », « 2 min 05 s », « 1 h 02 min »."""
    count = max(0, count)
    if count < 60:
        said = f"{count} s"
    elif count < 3600:
        said = f"{count // 60} min {count % 60:02} s"
    else:
        said = f"{count // 3600} h {count % 3600 // 60:02} min"
    return said.replace(" ", "\N{NO-BREAK SPACE}")


def spaced(text: str) -> str:
    """The same with the spaces that French typography does not break a line at."""
    return _BEFORE.sub("\N{NO-BREAK SPACE}", text).replace("« ", "«\N{NO-BREAK SPACE}")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
