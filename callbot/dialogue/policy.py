"""What to say next: a pure function of the state, what was heard, and what the town knows. No I/O.

A wrong answer costs more than a question, a question more than an answer: answer when sure, ask for a yes
or no when fairly sure, offer a choice when torn between two, ask to rephrase once, then pass to a human.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from callbot.dialogue import forms
from callbot.dialogue.forms import FREE_TEXT, Form
from callbot.dialogue.moves import (
    FRONT_DESK,
    Answer,
    Ask,
    AskReason,
    Choose,
    Confirm,
    ConfirmRequest,
    Emergency,
    Goodbye,
    Greet,
    Register,
    Repeat,
    SpeakLanguage,
    Transfer,
    Turn,
    Wait,
)
from callbot.town.answers import Intent
from callbot.types import IntentScore

OUT_OF_SCOPE = "hors_sujet"
MAX_REPAIRS = 1
"""Times we ask to rephrase before a human takes over."""
MAX_SILENCES = 1
"""Silences we answer with a re-prompt before a human takes over."""

YES, NO, HUMAN = "conversation_oui", "conversation_non", "conversation_humain"
EMERGENCY = "urgence_vitale"
LANGUAGE, MY_DATA = "conversation_langue_etrangere", "conversation_donnees_personnelles"
TRANSFER_SURE = 0.85
"""Probability from which a caller is passed to a service's people: a mistake there is mended by them."""
VIOLENCE = "ccas_violences"
BY_NAME = ("accueil_joindre_service", "accueil_joindre_agent_nomme")
DEAF = "conversation_malentendant"
AT_ONCE = frozenset({HUMAN, EMERGENCY})
"""Never confirmed: asking again would be a wall, or would cost time nobody has."""
ENDS = frozenset({"conversation_au_revoir", "conversation_remercier"})
CANCEL = "conversation_annuler"
ANYWHERE = frozenset(
    {
        *("conversation_repeter", "conversation_plus_lentement", "conversation_parler_plus_fort"),
        *("conversation_attendre", "conversation_insatisfait", "conversation_insulte", "conversation_aide"),
        *("conversation_es_tu_un_robot", CANCEL, *ENDS, *AT_ONCE),
    }
)
"""Obeyed in the middle of a request too."""
HUMAN_KEY, REPEAT_KEY, PREVIOUS_KEY = "0", "9", "*"
CONTROL_SURE = 0.5
"""Probability from which a matter of the conversation itself is obeyed: a mistake there costs a word."""
HINTED = 0.1
"""Probability from which an intent that the words themselves name is believed."""
ALARMING = 0.03
"""The same for danger: an alarm too many costs less than one too few."""
GRAVE = 0.4
"""Probability from which somebody who may be beaten at home is passed on without a question."""
GRUMBLING = 0.3
"""The same for dissatisfaction beside a « non »."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities from which the bot acts."""

    answer: float
    """Probability of the likeliest intent from which it is acted on at once."""
    confirm: float
    """Probability of the likeliest intent from which it is confirmed."""
    choose: float
    """Probability of the two likeliest together from which they are offered as a choice."""


@dataclass(frozen=True, slots=True)
class State:
    """What the bot remembers of the call."""

    pending: str = ""
    """The intent we asked a yes or no for."""
    choice: tuple[str, ...] = ()
    """The two intents we offered."""
    form: Form | None = None
    """The request being taken."""
    offered_more: bool = False
    """We asked whether there is another question."""
    topic: str = ""
    """The intent served last: what a follow-up is about."""
    refused: tuple[str, ...] = ()
    """Intents the caller has said no to."""
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What was said of a request before its need was confirmed."""
    repairs: int = 0
    silences: int = 0
    complaints: int = 0
    """Insults and dissatisfactions met with a sentence."""
    vague: bool = False
    """The words before were too few to understand: what the next ones mean is confirmed."""
    foreign: bool = False
    """The caller asked for another language."""
    leaving: str = ""
    """The service the call is being handed to."""
    anonymous: bool = False
    """The caller withholds their number: a request must ask for one."""

    @property
    def unclear(self) -> bool:
        """We asked for more words: the next ones add to those before."""
        return self.repairs > 0


@dataclass(frozen=True, slots=True)
class Silence:
    """The caller said nothing."""


@dataclass(frozen=True, slots=True)
class Key:
    """The caller pressed a key."""

    key: str


@dataclass(frozen=True, slots=True)
class Understood:
    """The caller spoke."""

    ranking: tuple[IntentScore, ...]
    """Calibrated probabilities, likeliest first; empty when no word was recognised."""
    picked: int | None = None
    """1 or 2 when the words pick the first or the second of two: « le premier »."""
    consent: Literal["yes", "no", ""] = ""
    """The words begin with a yes or a no."""
    rest: tuple[IntentScore, ...] = ()
    """What follows that yes or no, ranked alone; empty when little does."""
    second: tuple[IntentScore, ...] = ()
    """A second need of the same sentence, ranked alone."""
    joined: tuple[IntentScore, ...] = ()
    """The words together with those before, ranked; empty when they stand for themselves."""
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Addresses, days and numbers among the words."""
    text: str = ""


Input = Silence | Key | Understood
Lookup = Callable[[str], Intent | None]
NOBODY_KNOWS = IntentScore(OUT_OF_SCOPE, 0.0)


def begin(anonymous: bool = False) -> tuple[State, Turn]:
    """The first turn of a call."""
    return State(anonymous=anonymous), (Greet(),)


def decide(state: State, heard: Input, lookup: Lookup, thresholds: Thresholds) -> tuple[State, Turn]:
    """The next turn.

    Args:
        lookup: what is known of an intent; None for one without an answer.
    """
    after, turn = _decide(state, heard, lookup, thresholds)
    return replace(after, anonymous=state.anonymous), turn


def _decide(state: State, heard: Input, lookup: Lookup, thresholds: Thresholds) -> tuple[State, Turn]:
    match heard:
        case Key(key):
            return _key(state, key, lookup)
        case Silence():
            return _silence(state)
        case Understood():
            if heard.picked and state.choice:
                return _act(state, state.choice[heard.picked - 1], lookup, state.values)
            return _Speech(replace(state, silences=0), heard, lookup, thresholds).turn()


def _key(state: State, key: str, lookup: Lookup) -> tuple[State, Turn]:
    if key == HUMAN_KEY:
        return _hand_over(state, FRONT_DESK, "asked")
    if key == REPEAT_KEY:
        return state, (Repeat(),)
    if key == PREVIOUS_KEY:
        return State(topic=state.topic), (Ask("go_on"),)
    if state.choice and key in ("1", "2"):
        return _act(state, state.choice[int(key) - 1], lookup, state.values)
    return _repair(state, "wrong_key")


def _silence(state: State) -> tuple[State, Turn]:
    if state.silences < MAX_SILENCES:
        reason: AskReason = "anything_else" if state.offered_more else "silence"
        return replace(state, silences=state.silences + 1), (Ask(reason),)
    if state.offered_more:
        return state, (Goodbye(),)  # answered, and gone quiet: nobody needs a human for that
    return _hand_over(state, FRONT_DESK, "no_input")


@dataclass(frozen=True, slots=True)
class _Speech:
    """One utterance in one state; the methods are tried in the order of `turn`."""

    state: State
    heard: Understood
    lookup: Lookup
    thresholds: Thresholds

    def turn(self) -> tuple[State, Turn]:
        for rule in (self._urgent, self._leaving, self._answered, self._in_form, self._in_other_words):
            if (decided := rule()) is not None:
                return decided
        return self._need(self._ranking())

    def _share(self, intent: str) -> float:
        return sum(score.confidence for score in self.heard.ranking if score.intent == intent)

    def _obeys(self, score: IntentScore) -> bool:
        """Is this matter of the conversation itself, or of life and death, sure enough?"""
        return score.confidence >= min(CONTROL_SURE, self.thresholds.answer)

    @property
    def _top(self) -> IntentScore:
        return self.heard.ranking[0] if self.heard.ranking else NOBODY_KNOWS

    def _sure(self, score: IntentScore) -> bool:
        return score.confidence >= self.thresholds.answer

    def _likely(self, score: IntentScore) -> bool:
        return score.confidence >= self.thresholds.confirm

    def _urgent(self) -> tuple[State, Turn] | None:
        """Danger and the wish for a human come before everything."""
        state, top, said = self.state, self._top, self.heard.values
        alarmed = "danger" in said and self._share(EMERGENCY) >= ALARMING
        if alarmed or (top.intent == EMERGENCY and self._likely(top)):
            return State(pending=HUMAN, topic=EMERGENCY), (Emergency(),)
        if self._share(VIOLENCE) >= GRAVE:
            return _hand_over(state, self._service(VIOLENCE), "service", VIOLENCE)
        if top.intent == HUMAN and self._likely(top):
            return _hand_over(state, state.leaving or FRONT_DESK, "asked")
        if "service" in said and (top.intent in BY_NAME or self._share(BY_NAME[0]) >= HINTED):
            return _hand_over(state, said["service"], "service", top.intent)
        if "foreign" in said and not state.foreign:
            return State(foreign=True), (SpeakLanguage(said["foreign"]),)
        if self._share(MY_DATA) >= HINTED and "erase" in said:
            return State(offered_more=True, topic=MY_DATA), (Register(MY_DATA, ()),)
        return None

    def _leaving(self) -> tuple[State, Turn] | None:
        if self.state.leaving:
            return _hand_over(self.state, self.state.leaving, "asked")
        if not self.state.foreign:
            return None
        known = self.lookup(self._top.intent)
        understood = known is not None and known.kind != "control" and self._likely(self._top)
        service = known.service if known is not None and understood else FRONT_DESK
        return _hand_over(self.state, service, "language")

    def _answered(self) -> tuple[State, Turn] | None:
        """A yes or a no to what was asked."""
        state, consent = self.state, self._consent()
        if not (state.pending or state.choice):
            return None
        if not consent:
            return self._answered_by_values()
        if consent == "yes" and state.pending:
            done, turn = _act(state, state.pending, self.lookup, {**state.values, **self.heard.values})
            return self._and_then(done, turn)
        if consent == "no":
            refused = replace(state, refused=(*state.refused, *filter(None, (state.pending, *state.choice))))
            rest = self.heard.rest[0] if self.heard.rest else NOBODY_KNOWS
            if rest.intent == state.pending and self._likely(rest):
                return self._confirm(
                    state, rest.intent
                )  # « non, un bac plus grand » : the same, in other words
            if self.heard.rest:
                return _Speech(
                    replace(refused, pending="", choice=()),
                    replace(self.heard, consent="", ranking=self.heard.rest, rest=()),
                    self.lookup,
                    self.thresholds,
                ).turn()
            return _repair(refused, "denied")
        return _repair(state, "unclear")

    def _answered_by_values(self) -> tuple[State, Turn] | None:
        """« trente rue de la gare »: whoever gives what a request needs wants the request."""
        known = self.lookup(self.state.pending)
        if known is None or not known.is_request or self._sure(self._top):
            return None
        filled = forms.begin(known, self.heard.values).known
        return (
            _act(self.state, known.id, self.lookup, {**self.state.values, **self.heard.values})
            if filled
            else None
        )

    def _consent(self) -> str:
        if self._likely(self._top) and self._top.intent in (YES, NO):
            return "yes" if self._top.intent == YES else "no"
        return self.heard.consent

    def _and_then(self, state: State, turn: Turn) -> tuple[State, Turn]:
        """Serve what was said after the yes, when it is a need of its own."""
        after = self.heard.rest[0] if self.heard.rest else NOBODY_KNOWS
        known = self.lookup(after.intent)
        if known is None or known.kind == "control" or not self._sure(after) or after.intent == state.topic:
            return state, turn
        if any(isinstance(move, Register) for move in turn):
            then, more = _act(state, after.intent, self.lookup, self.heard.values)
            return then, (*turn, *more)
        return state, turn

    def _in_form(self) -> tuple[State, Turn] | None:
        form = self.state.form
        if form is None:
            return None
        top = self._top
        if top.intent in ANYWHERE and self._obeys(top) and not self._fills(form):
            return None  # obeyed below
        known = self.lookup(top.intent)
        if self._consent() == "yes" and not form.asked:
            corrected = {
                name: self.heard.values[name] for name in ("date", "street") if name in self.heard.values
            }
            changed = form.fill(corrected)
            return self._done(form) if changed.known == form.known else self._ask_on(changed)
        changed = form.fill(self.heard.values)
        if changed.known != form.known:
            return self._ask_on(changed)
        if form.asked in FREE_TEXT and self._consent() != "no":
            words = forms.in_own_words(self.heard.text)
            if words:
                return self._ask_on(form.fill({form.asked: words}))
        if self._consent() == "no":
            if form.asked in ("number", "street"):  # « non je ne sais pas » : taken as it is
                return self._ask_on(replace(form, insisted=True))
            return replace(self.state, form=replace(form, asked="correction")), (Ask("what_to_change"),)
        if known is not None and known.kind != "control" and top.intent != form.intent and self._sure(top):
            return None  # another question: it is answered, the request is let go
        if form.insisted:
            return _hand_over(self.state, self._service(form.intent), "not_understood")
        return self._ask_on(form)

    def _fills(self, form: Form) -> bool:
        return form.fill(self.heard.values).known != form.known

    def _ask_on(self, form: Form) -> tuple[State, Turn]:
        if form.slots == ("service",) and form.value("service"):
            return _hand_over(self.state, form.value("service"), "service", form.intent)
        asking, move = form.next_move()
        return replace(self.state, form=asking, pending="", choice=(), offered_more=False), (move,)

    def _done(self, form: Form) -> tuple[State, Turn]:
        done = State(offered_more=True, topic=form.intent, refused=self.state.refused)
        return self._and_then(done, (Register(form.intent, form.known),))

    def _service(self, intent: str) -> str:
        known = self.lookup(intent)
        return known.service if known is not None else FRONT_DESK

    def _in_other_words(self) -> tuple[State, Turn] | None:
        """The matters of the conversation itself that need the state."""
        top, state = self._top, self.state
        grumbles = top.intent == NO and self._share("conversation_insatisfait") >= GRUMBLING
        if not self._obeys(top) and not grumbles:
            return None
        match "conversation_insatisfait" if grumbles else top.intent:
            case "conversation_saluer" if not state.form:
                return replace(state, pending="", choice=()), (Ask("go_on"),)
            case "conversation_repeter":
                return replace(state, repairs=0), (Repeat(),)
            case "conversation_plus_lentement":
                return state, (Repeat("slower"),)
            case "conversation_parler_plus_fort":
                return state, (Repeat("louder"),)
            case "conversation_attendre":
                return state, (Wait(),)
            case "conversation_insatisfait" | "conversation_insulte":
                if state.complaints:
                    return _hand_over(state, FRONT_DESK, "dissatisfied")
                reason: AskReason = "insulted" if top.intent == "conversation_insulte" else "sorry"
                return State(complaints=1, topic=state.topic), (Ask(reason),)
            case "conversation_langue_etrangere":
                return State(foreign=True), (SpeakLanguage(),)
            case "conversation_malentendant":
                return State(pending=HUMAN), (Answer(DEAF),)
        if top.intent in ENDS and (state.offered_more or state.form or self._sure(top)):
            return State(), (Goodbye(),)
        return None

    def _ranking(self) -> tuple[IntentScore, ...]:
        """The words alone, or with those before when they say more together; nothing that was refused."""
        ranking, joined = self.heard.ranking, self.heard.joined
        vague = not self._sure(self._top) or self._top.intent == OUT_OF_SCOPE
        if joined and vague and joined[0].intent != OUT_OF_SCOPE and self._likely(joined[0]):
            ranking = joined
        if not self.state.refused:
            return ranking
        left = sum(score.confidence for score in ranking if score.intent in self.state.refused)
        return tuple(
            IntentScore(score.intent, min(1.0, score.confidence / max(1 - left, 0.2)))
            for score in ranking
            if score.intent not in self.state.refused
        )

    def _need(self, ranking: tuple[IntentScore, ...]) -> tuple[State, Turn]:
        """What is wanted: served, confirmed, offered as a choice, or asked again."""
        state, lookup, values = self.state, self.lookup, self.heard.values
        top, second, *_ = (*ranking, NOBODY_KNOWS, NOBODY_KNOWS)
        if state.repairs and "sales" in values and (top.intent == OUT_OF_SCOPE or not self._sure(top)):
            return state, (Goodbye(off_topic=True),)
        if top.intent == OUT_OF_SCOPE:
            return _repair(state, "unclear")
        follows = top.intent == state.topic and self._likely(top)
        doubtful = (state.refused or state.vague) and not self._is_control(top.intent)
        known = lookup(top.intent)
        for_humans = known is not None and known.kind == "transfer" and not known.is_request
        sure = self._sure(top) or (for_humans and top.confidence >= TRANSFER_SURE)
        if (sure or follows) and not doubtful:
            return self._with_second(top, *_act(state, top.intent, lookup, values))
        nameable = [_is_nameable(score.intent, lookup) for score in (top, second)]
        asking = replace(state, pending="", choice=(), form=None, values=values, offered_more=False)
        if self._likely(top) and nameable[0]:
            return self._confirm(asking, top.intent)
        if top.confidence + second.confidence >= self.thresholds.choose and all(nameable):
            choice = (top.intent, second.intent)
            return replace(asking, choice=choice, vague=True), (Choose(*choice),)
        return _repair(replace(state, vague=True), "unclear")

    def _is_control(self, intent: str) -> bool:
        known = self.lookup(intent)
        return known is not None and known.kind == "control"

    def _confirm(self, state: State, intent: str) -> tuple[State, Turn]:
        """A request that is whole is said back whole, another need by its name."""
        known = self.lookup(intent)
        if known is not None and known.is_request:
            form = forms.begin(known, state.values, state.anonymous)
            if form.known and not form.missing:
                return replace(state, form=form), (ConfirmRequest(intent, form.known),)
        return replace(state, pending=intent), (Confirm(intent),)

    def _with_second(self, top: IntentScore, state: State, turn: Turn) -> tuple[State, Turn]:
        """Two needs in one sentence: the one that is answered comes first, the request last."""
        second = self.heard.second[0] if self.heard.second else NOBODY_KNOWS
        first_known, known = self.lookup(top.intent), self.lookup(second.intent)
        if known is None or first_known is None or second.intent == top.intent or not self._sure(second):
            return state, turn
        if "control" in (known.kind, first_known.kind) or "transfer" in (known.kind, first_known.kind):
            return state, turn
        if first_known.is_request:
            if known.is_request:
                return state, turn
            then, more = _act(self.state, second.intent, self.lookup, self.heard.values)
            return replace(state, topic=state.topic), (*more, *turn)
        then, more = _act(self.state, second.intent, self.lookup, self.heard.values)
        return then, (*turn, *more)


def _is_nameable(intent: str, lookup: Lookup) -> bool:
    known = lookup(intent)
    return known is not None and bool(known.name)


def _act(state: State, intent: str, lookup: Lookup, values: Mapping[str, str]) -> tuple[State, Turn]:
    """Do what the caller wants, now that we know it."""
    done = State(offered_more=state.offered_more, topic=state.topic)
    match intent:
        case "conversation_humain":
            return _hand_over(state, FRONT_DESK, "asked")
        case "conversation_insatisfait":
            return _hand_over(state, FRONT_DESK, "dissatisfied")
        case "urgence_vitale":
            return State(pending=HUMAN, topic=intent), (Emergency(),)
        case "conversation_repeter":
            return replace(state, repairs=0), (Repeat(),)
        case "conversation_langue_etrangere":
            return State(foreign=True), (SpeakLanguage(),)
        case "conversation_au_revoir" | "conversation_annuler" | "conversation_remercier":
            return done, (Goodbye(),)
        case "conversation_non" if state.offered_more:
            return done, (Goodbye(),)
        case "conversation_oui" | "conversation_autre_question" | "conversation_saluer":
            return State(topic=state.topic), (Ask("go_on"),)
    known = lookup(intent)
    if known is None:
        return _repair(state, "unclear")
    if known.is_request:
        return _take(state, known, values)
    if known.kind == "transfer":
        return _hand_over(done, known.service, "service", intent)
    if not known.answer:
        return _repair(state, "unclear")
    answered = known.kind != "control"
    return State(offered_more=answered, topic=intent if answered else state.topic), (Answer(intent),)


def _take(state: State, known: Intent, values: Mapping[str, str]) -> tuple[State, Turn]:
    """Begin a request; one confirmed already is stored at once, in case the caller hangs up."""
    form, move = forms.begin(known, values, state.anonymous).next_move()
    taking = State(form=form, topic=known.id)
    if state.pending == known.id and form.asked:
        return taking, (Register(known.id, form.known, complete=False), move)
    return taking, (move,)


def _hand_over(
    state: State,
    service: str,
    reason: Literal["asked", "not_understood", "no_input", "service", "language", "dissatisfied"],
    intent: str = "",
) -> tuple[State, Turn]:
    return replace(state, leaving=service, form=None), (Transfer(service, reason, intent),)


def _repair(state: State, reason: AskReason) -> tuple[State, Turn]:
    if state.repairs >= MAX_REPAIRS:
        return _hand_over(state, FRONT_DESK, "not_understood")
    return replace(state, repairs=state.repairs + 1, pending="", choice=()), (Ask(reason),)
