"""Every figure in one table: what it is called, what it means, how it is reckoned and written. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from callbot.journal.tally import Tally
from callbot.quality.statistics import Share

Unit = Literal["count", "percent", "seconds", "ms"]
THIN = "\N{NARROW NO-BREAK SPACE}"
NO_REVIEW = "pas encore de revue"


@dataclass(frozen=True, slots=True)
class Value:
    """A figure of some calls."""

    number: float | None
    """Shares from 0 to 1, durations in ms; None: there is nothing to reckon it from."""
    of: int = 0
    """From how many it is reckoned."""
    low: float | None = None
    high: float | None = None
    """95 % confidence interval, of a sample's share."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: what it is called and what it means, in French, and how it is reckoned."""

    id: str
    label: str
    definition: str
    unit: Unit
    value: Callable[[Tally], Value]
    group: str
    """Under which heading it is shown."""


def _count(key: str) -> Callable[[Tally], Value]:
    return lambda tally: Value(tally[key])


def _share(part: str, whole: Callable[[Tally], int]) -> Callable[[Tally], Value]:
    def value(tally: Tally) -> Value:
        of = whole(tally)
        return Value(tally[part] / of if of else None, of)

    return value


def _mean(name: str) -> Callable[[Tally], Value]:
    return lambda tally: Value(tally.mean(name), tally.times(name))


def _quantile(name: str, share: float) -> Callable[[Tally], Value]:
    return lambda tally: Value(tally.quantile(name, share), tally.times(name))


def over(tally: Tally) -> int:
    """Calls of which one knows what became of them."""
    return tally["calls"] - tally["ongoing"] - tally["unknown"]


def _over_transfers(tally: Tally) -> int:
    return tally["transfers"] - tally["transfers_unknown"]


def _understanding(tally: Tally) -> Value:
    right = Share(tally["right"], tally["reviewed"])
    return Value(right.value, right.of, right.low, right.high) if right.of else Value(None)


ACTIVITY, ANSWERS, PEOPLE, TIMES, HEARING, SPEED, DOING = (
    *("Activité", "Devenir des appels", "Transferts", "Attente et durées", "Compréhension"),
    *("Rapidité du robot", "Suites données"),
)
_KNOWN = "appels terminés dont l'issue est connue"
STAGES = (
    (
        "felt",
        "Temps de réponse",
        "Silence que l'appelant entend : de son dernier mot au début de la réponse. C'est la somme de la fin "
        "de phrase, de la reconnaissance et de la réflexion.",
    ),
    ("endpoint", "Fin de phrase", "Du dernier mot au moment où le robot juge la phrase finie."),
    ("decode", "Reconnaissance", "De la fin de phrase au texte reconnu."),
    (
        "think",
        "Réflexion",
        "Du texte reconnu à l'ordre de jouer la réponse : compréhension, décision et voix.",
    ),
    ("nlu", "dont compréhension", "Du texte reconnu à l'intention."),
    ("voice", "dont voix", "De la décision au son de la réponse, prêt à être joué."),
)
"""Of a turn: (id, label, definition)."""
FIGURES = (
    Figure(
        "calls",
        "Appels",
        "Appels téléphoniques arrivés au robot. Un appel qui revient au robot parce que personne n'a répondu "
        "au standard reste le même appel. Il compte dans la demi-heure où il a commencé.",
        "count",
        _count("calls"),
        ACTIVITY,
    ),
    Figure(
        "chats",
        "Conversations écrites",
        "Conversations du canal texte (site de la mairie). Elles n'entrent dans aucun autre chiffre.",
        "count",
        _count("chats"),
        ACTIVITY,
    ),
    Figure(
        "unknown",
        "Issue inconnue",
        "Appels transférés dont personne n'a pu dire la suite, parce que l'interface de gestion d'Asterisk "
        "(AMI) n'était pas branchée. Ils sont écartés de tous les taux.",
        "count",
        _count("unknown"),
        ACTIVITY,
    ),
    Figure(
        "non_response",
        "Taux de non-réponse",
        "Part des appelants qui n'ont obtenu ni réponse du robot, ni personne, ni prise de message ou de "
        f"rappel : ils ont raccroché avant, ou une panne les a perdus. Sur les {_KNOWN}.",
        "percent",
        _share("lost", over),
        ANSWERS,
    ),
    Figure(
        "containment",
        "Résolus par le robot seul",
        "Part des appels terminés sans transfert où le robot a servi au moins une demande : réponse donnée, "
        "demande enregistrée, suivi de dossier, numéro d'urgence. Une réponse dont l'appelant se plaint "
        f"aussitôt ne compte pas. Sur les {_KNOWN}.",
        "percent",
        _share("contained", over),
        ANSWERS,
    ),
    Figure(
        "human",
        "Répondus par une personne",
        f"Part des appels auxquels une personne a répondu après un transfert. Sur les {_KNOWN}.",
        "percent",
        _share("human", over),
        ANSWERS,
    ),
    Figure(
        "message",
        "Message ou rappel demandé",
        "Part des appels sans réponse d'une personne où l'appelant a laissé un message ou demandé à être "
        f"rappelé. Sur les {_KNOWN}.",
        "percent",
        _share("message", over),
        ANSWERS,
    ),
    Figure(
        "served_lost",
        "Servis, puis partis de la file",
        "Part des appels où le robot a servi une demande, puis l'appelant a attendu une personne sans "
        f"l'obtenir. Ni résolus, ni sans réponse. Sur les {_KNOWN}.",
        "percent",
        _share("served_lost", over),
        ANSWERS,
    ),
    Figure(
        "bot_lost",
        "Abandon chez le robot",
        "Part des appels où l'appelant a raccroché pendant qu'il parlait au robot, avant toute réponse et "
        f"tout transfert. Compris dans la non-réponse. Sur les {_KNOWN}.",
        "percent",
        _share("bot_lost", over),
        ANSWERS,
    ),
    Figure(
        "failed",
        "Appels touchés par une panne",
        "Appels que le robot n'a pas pu mener à leur fin (panne, arrêt du serveur). Le plan d'appel les "
        "passe au standard.",
        "count",
        _count("failed"),
        ANSWERS,
    ),
    Figure(
        "transfers",
        "Appels transférés",
        "Appels passés à la file d'un service. Un appel transféré deux fois compte une fois.",
        "count",
        _count("transfers"),
        PEOPLE,
    ),
    Figure(
        "transfers_answered",
        "Transferts répondus",
        "Part des appels transférés auxquels une personne a répondu, sur les transferts dont la suite est "
        "connue.",
        "percent",
        _share("transfers_answered", _over_transfers),
        PEOPLE,
    ),
    Figure(
        "transfers_abandoned",
        "Abandon dans la file",
        "Part des appels transférés où l'appelant a raccroché avant qu'une personne réponde, sur les "
        "transferts dont la suite est connue.",
        "percent",
        _share("transfers_abandoned", _over_transfers),
        PEOPLE,
    ),
    Figure(
        "transfers_unanswered",
        "File sans réponse",
        "Part des appels transférés où personne n'a répondu dans le délai de la file (l'appelant revient "
        "alors au robot), sur les transferts dont la suite est connue.",
        "percent",
        _share("transfers_unanswered", _over_transfers),
        PEOPLE,
    ),
    Figure(
        "greet",
        "Décroché du robot (médiane)",
        "Temps entre l'arrivée de l'appel au robot et le début de son message d'accueil. Un appel sur deux "
        "attend moins.",
        "ms",
        _quantile("greet", 0.5),
        TIMES,
    ),
    Figure(
        "wait",
        "Attente d'une personne (moyenne)",
        "Temps moyen entre le transfert et la réponse d'une personne, des appels qu'une personne a pris.",
        "seconds",
        _mean("wait"),
        TIMES,
    ),
    Figure(
        "wait_p90",
        "Attente d'une personne (9 fois sur 10)",
        "Neuf appels répondus sur dix ont attendu moins entre le transfert et la réponse.",
        "seconds",
        _quantile("wait", 0.9),
        TIMES,
    ),
    Figure(
        "bot",
        "Durée avec le robot (moyenne)",
        "Temps moyen passé avec le robot par appel, du décroché au transfert ou au raccroché.",
        "seconds",
        _mean("bot"),
        TIMES,
    ),
    Figure(
        "talk",
        "Conversation avec une personne (moyenne)",
        "Temps moyen entre la réponse d'une personne et la fin de l'appel.",
        "seconds",
        _mean("talk"),
        TIMES,
    ),
    Figure(
        "understanding",
        "Compréhension",
        "Part des phrases comprises juste, parmi celles tirées au hasard et revues par une personne : "
        "l'intention trouvée par le robot est celle qu'a notée la personne (son dernier avis). "
        "L'intervalle de Wilson dit entre quelles bornes se trouve la vraie part, 95 fois sur 100. Les "
        "phrases choisies parce qu'elles étaient douteuses n'entrent pas dans ce chiffre.",
        "percent",
        _understanding,
        HEARING,
    ),
    Figure(
        "off_topic",
        "Hors sujet",
        "Part des phrases comprises par le robot comme étrangères à la mairie, sur les phrases auxquelles il "
        "a donné un sens.",
        "percent",
        _share("off_topic", lambda tally: tally["understood"]),
        HEARING,
    ),
    Figure(
        "silent",
        "Silences",
        "Part des fois où c'était à l'appelant de parler et où il n'a rien dit ni rien tapé.",
        "percent",
        _share("silent", lambda tally: tally["turns"]),
        HEARING,
    ),
    *(
        Figure(
            f"{name}_{part}",
            f"{label} ({said})",
            f"{definition} {explained}",
            "ms",
            _quantile(name, share),
            SPEED,
        )
        for name, label, definition in STAGES
        for part, said, share, explained in (
            ("p50", "médiane", 0.5, "Une fois sur deux, c'est plus court."),
            ("p95", "19 fois sur 20", 0.95, "Dix-neuf fois sur vingt, c'est plus court."),
        )
    ),
    Figure(
        "requests",
        "Demandes enregistrées",
        "Demandes complètes que le robot a prises (hors rappels).",
        "count",
        _count("requests"),
        DOING,
    ),
    Figure(
        "messages",
        "Messages laissés",
        "Messages vocaux que des appelants ont laissés.",
        "count",
        _count("messages"),
        DOING,
    ),
    Figure(
        "call_backs",
        "Rappels demandés",
        "Demandes complètes d'être rappelé.",
        "count",
        _count("call_backs"),
        DOING,
    ),
    Figure(
        "sms",
        "SMS",
        "SMS confiés à l'envoi : réponses par écrit et confirmations de demandes.",
        "count",
        _count("sms"),
        DOING,
    ),
)  # fmt: skip
BY_ID = {figure.id: figure for figure in FIGURES}
ABOUT_TIMES = (
    "Les durées avec le robot et avec une personne sont comptées à la seconde. Médianes et rangs sont lus "
    "dans des classes, à 9 % près : ils restent les mêmes quand les appels ont été effacés."
)


def written(value: Value, unit: Unit) -> str:
    """A figure as one reads it: « 12,3 % », « 1 204 », « 2 min 05 s »; a dash when there is none."""
    if value.number is None:
        return "—"
    if unit == "percent":
        return f"{value.number * 100:.1f}{THIN}%".replace(".", ",")
    if unit == "seconds":
        seconds = round(value.number / 1000)
        if seconds < 60:
            return f"{seconds}{THIN}s"
        return f"{seconds // 60}{THIN}min {seconds % 60:02}{THIN}s".replace(" ", "\N{NO-BREAK SPACE}")
    if unit == "ms":
        return f"{number(value.number)}{THIN}ms"
    return number(value.number)


def number(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{round(value):,}".replace(",", THIN)


def explained(figure: Figure, value: Value) -> str:
    """What goes with a figure: its interval, or from how many it is reckoned."""
    if figure.id == "understanding":
        if value.number is None or value.low is None or value.high is None:
            return NO_REVIEW
        low, high = value.low * 100, value.high * 100
        return f"entre {low:.1f} et {high:.1f}{THIN}% (n = {value.of})".replace(".", ",")
    if figure.unit == "count" or not value.of:
        return ""
    return f"sur {number(value.of)}"
