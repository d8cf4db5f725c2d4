"""What to say next to an utterance: rules, from danger down to what is merely wanted. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from callbot.dialogue import forms
from callbot.dialogue.acts import (
    MAX_REPAIRS,
    act,
    answer,
    ask_on,
    hand_over,
    is_nameable,
    repair,
    send_text,
    take,
)
from callbot.dialogue.forms import ADDRESS_PARTS, FREE_TEXT, REACHED_AT, WELCOME, Form
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
    Register,
    Repeat,
    SendText,
    SpeakLanguage,
    Turn,
    Wait,
)
from callbot.dialogue.reading import Reading
from callbot.dialogue.state import (
    BY_NAME,
    CANCEL,
    DEAF,
    EMERGENCY,
    ENDS,
    FOLLOW_UP,
    HUMAN,
    MESSAGE,
    MY_DATA,
    NO,
    NOBODY_KNOWS,
    VIOLENCE,
    YES,
    State,
)
from callbot.types import CALL_BACK, OUT_OF_SCOPE, IntentScore

MAX_REFUSALS = 2
"""Guesses a caller refuses before a human takes over."""
TRANSFER_SURE = 0.85
"""Probability from which a caller is passed to a service's people: a mistake there is mended by them."""
AT_ONCE = frozenset({HUMAN, EMERGENCY})
"""Never confirmed: asking again would be a wall, or would cost time nobody has."""
ANYWHERE = frozenset(
    {
        *("conversation_repeter", "conversation_plus_lentement", "conversation_parler_plus_fort"),
        *("conversation_attendre", "conversation_insatisfait", "conversation_insulte", "conversation_aide"),
        *("conversation_es_tu_un_robot", CANCEL, *ENDS, *AT_ONCE),
    }
)
"""Obeyed in the middle of a request too."""
ABOUT_US = frozenset({HUMAN, "conversation_es_tu_un_robot", "conversation_insatisfait", NO})
"""What « pas une machine » is said with when it means the bot; « la machine à laver » is another matter."""
END_SURE = 0.8
"""Probability from which the call ends, though nothing was answered yet."""
WORTH_ASKING = 0.45
"""Probability from which a need is named rather than asked for again. The costs of callbot_nlu.calibrate
would allow 0.4; at that, more callers off topic were asked about a need than others were understood."""
CONTROL_SURE = WORTH_ASKING
"""The same for obeying a matter of the conversation itself: a mistake there costs a word, as a rule; where a
human or another language was wanted, a needless transfer."""
HINTED = 0.1
"""Probability from which an intent that the words themselves name is believed."""
ALARMING = 0.03
"""The same for danger: an alarm too many costs less than one too few."""
GRAVE = 0.4
"""Probability from which somebody who may be beaten at home is passed on without a question."""
GRUMBLING = 0.15
"""Probability from which dissatisfaction beside a « non » is heard."""
_DENYING = re.compile(r"\b(?:non|pas|plutôt|au lieu)\b")
"""« pas de naissance, de mariage »: what is named is not what is wanted."""
SAID_BACK = frozenset({*ADDRESS_PARTS, "date", "phone", "reference"})
"""Pieces by which a request that was said back is confirmed."""
_SENDING = re.compile(r"\b(?:envoy(?:ez|er)|sms|textos?|portable)\b")
"""In a yes to an SMS, words about the SMS itself."""


@dataclass(frozen=True)
class UtteranceRules(Reading):
    """What is done about it; the methods are tried in the order of `turn`."""

    def turn(self) -> tuple[State, Turn]:
        rules = (self._urgent, self._leaving, self._answered, self._offered, self._in_form)
        for rule in (*rules, self._in_other_words):
            if (decided := rule()) is not None:
                return decided
        return self._need(self._ranking())

    def _share(self, intent: str) -> float:
        return sum(score.confidence for score in self.heard.ranking if score.intent == intent)

    @property
    def _grumbles(self) -> bool:
        return "complains" in self.heard.values or self._share("conversation_insatisfait") >= GRUMBLING

    def _obeys(self, score: IntentScore) -> bool:
        """Is this matter of the conversation itself, or of life and death, sure enough?"""
        return score.confidence >= min(CONTROL_SURE, self.thresholds.answer)

    def _urgent(self) -> tuple[State, Turn] | None:
        """Danger and the wish for a human come before everything."""
        state, top, said = self.state, self._top, self.heard.values
        alarmed = "danger" in said and self._share(EMERGENCY) >= ALARMING
        if alarmed or (top.intent == EMERGENCY and (self._likely(top) or self._obeys(top))):
            return State(pending=HUMAN, topic=EMERGENCY), (Emergency(),)
        if self._share(VIOLENCE) >= GRAVE:
            return hand_over(state, self._service(VIOLENCE), "service", VIOLENCE)
        if top.intent == HUMAN and (self._likely(top) or self._obeys(top)):
            return hand_over(state, state.leaving or FRONT_DESK, "asked")
        if "no_machine" in said and top.intent in ABOUT_US:
            return hand_over(state, FRONT_DESK, "asked")
        if "service" in said and (top.intent in BY_NAME or self._share(BY_NAME[0]) >= HINTED):
            return hand_over(state, said["service"], "service", top.intent)
        filed = state.offered_more and (known := self.lookup(state.topic)) is not None and known.is_request
        unsure = not self._sure(top)
        if "again" in said or (unsure and ("again_first" in said or ("its_number" in said and filed))):
            return replace(state, repairs=0), (Repeat(),)
        if "moment" in said and unsure:
            return state, (Wait(),)
        asked = state.form or state.pending or state.choice
        if "lets_go" in said and unsure and (asked or top.intent in ENDS):
            return State(), (Goodbye(),)
        if "wrong_number" in said and (unsure or top.intent == OUT_OF_SCOPE):
            return State(), (Goodbye(),)
        if "foreign" in said and not state.foreign:
            return State(foreign=True), (SpeakLanguage(said["foreign"]),)
        if "status" in said and not state.form and unsure:
            return act(state, FOLLOW_UP, self.lookup, said)
        if self._share(MY_DATA) >= HINTED and "erase" in said:
            return State(offered_more=True, topic=MY_DATA), (Register(MY_DATA, ()),)
        return None

    def _leaving(self) -> tuple[State, Turn] | None:
        if self.state.leaving:
            return hand_over(self.state, self.state.leaving, "asked")
        if not self.state.foreign:
            return None
        known = self.lookup(self._top.intent)
        understood = known is not None and known.kind != "control" and self._likely(self._top)
        service = known.service if known is not None and understood else FRONT_DESK
        return hand_over(self.state, service, "language")

    def _answered(self) -> tuple[State, Turn] | None:
        """A yes or a no to what was asked."""
        state, consent = self.state, self._consent()
        if not (state.pending or state.choice):
            return None
        if not consent or (consent == "yes" and state.choice):  # « voilà, c'est le zéro six… »
            decided = self._answered_by_values() or self._told_where()
            if decided or not consent:
                return decided
        if consent == "yes" and state.pending == HUMAN and self._asks_more():
            return None  # « d'accord, et pour renouveler ma carte ? »
        if consent == "yes" and state.pending:
            said = {**state.values, **self.heard.values}
            done, turn = act(state, state.pending, self.lookup, said)
            if state.then:
                both = replace(self.heard, second=(IntentScore(state.then, 1.0),), values=said)
                rules = replace(self, heard=both)
                return rules._with_second(IntentScore(state.pending, 1.0), done, turn)
            return self._and_then(done, turn)
        if consent == "no" and state.crowded is not None and state.pending == CALL_BACK:
            wanted = state.crowded.instead_of
            return hand_over(state, wanted.service, wanted.reason, wanted.intent)
        if consent == "no" and state.pending == MESSAGE and not self.heard.rest:
            return State(offered_more=True, topic=state.topic), (Ask("anything_else"),)
        if consent == "no":
            refused = replace(state, refused=(*state.refused, *filter(None, (state.pending, *state.choice))))
            if len(refused.refused) > MAX_REFUSALS:
                return hand_over(state, FRONT_DESK, "not_understood")
            rest = self.heard.rest[0] if self.heard.rest else NOBODY_KNOWS
            if rest.intent in (state.pending, *state.choice) and self._likely(rest):
                # « non, un bac plus grand » : the same, or one of the two, in other words
                again = replace(refused, choice=(), refused=(*refused.refused, ""))
                return self._confirm(again, rest.intent)
            if self.heard.rest:
                return UtteranceRules(
                    replace(refused, pending="", choice=()),
                    replace(self.heard, consent="", ranking=self.heard.rest, rest=()),
                    self.lookup,
                    self.thresholds,
                ).turn()
            return repair(refused, "denied")
        if self._is_matter(self._top) and self._likely(self._top):
            return None  # « oui, la médiathèque » : one of the two by its name, or neither
        return repair(state, "unclear")

    def _offered(self) -> tuple[State, Turn] | None:
        """A yes or a no to « voulez-vous un SMS, ou autre chose ? », hardly sure as it may be."""
        state, top, consent = self.state, self._top, self._consent()
        if state.texts and consent == "yes" and self.heard.rest and (decided := self._text_and_more()):
            return decided
        if not state.offered_more or not self._obeys(top) or self._wants_something:
            return None
        if consent == "no" and top.intent == NO and not self._grumbles:
            return act(state, NO, self.lookup, {})
        if consent == "yes" and (top.intent == YES or (state.texts and top.intent in ENDS)):
            return act(state, YES, self.lookup, {})  # « oui merci » wants the SMS
        return None

    def _text_and_more(self) -> tuple[State, Turn] | None:
        """« oui et la piscine ? » wants the SMS, and another answer."""
        after, about_it = self.heard.rest[0], bool(_SENDING.search(self.heard.text))
        if not {"oui", "ouais"} & {*self.heard.text.split()[:3]}:  # « d'accord, et la piscine ? »
            return None
        sent, sending = send_text(self.state)
        nothing = after.intent == OUT_OF_SCOPE and self._top.intent in (YES, OUT_OF_SCOPE)
        if nothing or after.intent == self.state.topic or (about_it and not self._sure(after)):
            return sent, sending
        if not self._is_matter(after):
            return None
        rest = replace(self.heard, consent="", ranking=self.heard.rest, rest=(), joined=())
        afresh = replace(self.state, texts="", repairs=0)
        then, more = UtteranceRules(afresh, rest, self.lookup, self.thresholds)._need(rest.ranking)
        if isinstance(more[-1], Ask):
            return sent, sending  # which ends in « avez-vous une autre question ? »
        if isinstance(sending[-1], SendText):
            return then, (*sending, *more)
        if isinstance(more[-1], Answer):  # the number that the SMS goes to is asked for last
            return sent, (*more[:-1], replace(more[-1], offers_text=False), *sending)
        return then, more

    @property
    def _wants_something(self) -> bool:
        """« oui la piscine »: is there a matter in the words, beside those of the conversation itself?"""
        matters = (score for score in self.heard.ranking if self._is_matter(score))
        rest = self.heard.rest[0] if self.heard.rest else NOBODY_KNOWS
        asked = self._is_matter(rest) and self._likely(rest)
        return asked or sum(score.confidence for score in matters) >= HINTED

    def _is_matter(self, score: IntentScore) -> bool:
        known = self.lookup(score.intent)
        return known is not None and known.kind != "control"

    def _answered_by_values(self) -> tuple[State, Turn] | None:
        """« trente rue de la gare »: whoever gives what a request needs wants the request."""
        asked = [self.lookup(intent) for intent in (self.state.pending, *self.state.choice)]
        given = [one for one in asked if one and one.is_request and forms.begin(one, self.heard.values).known]
        if len(given) != 1 or self._sure(self._top):
            return None
        return act(self.state, given[0].id, self.lookup, {**self.state.values, **self.heard.values})

    def _told_where(self) -> tuple[State, Turn] | None:
        """An address and nothing else, when it was asked which of two: which is asked once more."""
        state = self.state
        if "only_where" not in self.heard.values or not state.choice or state.repairs:
            return None
        known = {**state.values, **self.heard.values}
        return replace(state, values=known, repairs=1), (Choose(*state.choice[:2]),)

    def _consent(self) -> str:
        """A yes or a no; « parfait, merci, au revoir » is neither, « oui merci » is a yes."""
        top = self._top
        if top.intent == NO and not self.heard.consent and self._grumbles:
            return ""
        if self._likely(top) and top.intent in (YES, NO):
            return "yes" if top.intent == YES else "no"
        agrees = "oui" in self.heard.text.split()[:2] and not self.state.choice
        if top.intent in (*ENDS, CANCEL) and self._obeys(top) and not agrees:
            return ""
        return self.heard.consent

    def _asks_more(self) -> bool:
        """Is what follows the « d'accord » a need of its own, clear enough to be served?"""
        rest = self.heard.rest[0] if self.heard.rest else NOBODY_KNOWS
        return self.state.topic != EMERGENCY and self._is_matter(rest) and self._sure(rest)

    def _and_then(self, state: State, turn: Turn) -> tuple[State, Turn]:
        """Serve what was said after the yes, when it is a need of its own."""
        after = self.heard.rest[0] if self.heard.rest else NOBODY_KNOWS
        known = self.lookup(after.intent)
        registered = any(isinstance(move, Register) and move.complete for move in turn)
        if known is None or known.kind == "control" or after.intent == state.topic or not registered:
            return state, turn
        if self._sure(after):
            then, more = act(state, after.intent, self.lookup, self.heard.values)
            return then, (*turn, *more)
        if self._likely(after) and known.name:
            return replace(state, pending=after.intent, offered_more=False), (*turn, Confirm(after.intent))
        return state, turn

    def _in_form(self) -> tuple[State, Turn] | None:
        form = self.state.form
        if form is None:
            return None
        top, consent = self._top, self._consent()
        known = self.lookup(top.intent)
        if consent == "yes" and not form.asked:
            more = ("date", "street", REACHED_AT)  # « oui, mais rappelez-moi au… »
            corrected = {name: value for name, value in self.heard.values.items() if name in more}
            changed = form.fill(corrected)
            return self._done(form) if changed.known == form.known else self._ask_on(changed)
        if another_is_asked := self._beside(form):
            return another_is_asked
        changed = form.fill(self.heard.values)
        if changed.known != form.known:
            return self._ask_on(self._with_words(changed))
        if not form.asked and consent != "no" and self._says_back(form):
            return self._done(form)
        if form.purpose == "text" and consent == "no" and not form.asked:
            return self._ask_on(replace(form, known=()))  # « non, ce n'est pas ce numéro »
        if top.intent in ANYWHERE and self._obeys(top):
            return None  # obeyed below
        another = known is not None and known.kind != "control" and top.intent != form.intent
        words = forms.in_own_words(self.heard.text)
        if form.asked in FREE_TEXT and consent != "no" and words and not (another and self._begins_anew()):
            return self._ask_on(form.fill({form.asked: words}))
        if consent == "no" and another and self._likely(top):
            return None  # « non, dites-moi plutôt… »
        if consent == "no" and another and self._names_instead(top.intent):
            refused = (*self.state.refused, form.intent)
            return self._confirm(State(refused=refused, values=self.heard.values), top.intent)
        if consent == "no" and not form.asked and self.heard.rest and (free := form.free_text):
            return self._ask_on(form.fill({free: words}))
        if form.purpose != "file" and (consent == "no" or form.insisted) and not another:
            return self._without_it(form)
        if consent == "no":
            if form.asked in (
                "number",
                "street",
                *WELCOME.get(form.intent, ()),
            ):  # « non je ne sais pas » : taken as it is
                return self._ask_on(replace(form, insisted=True))
            if self.state.repairs >= MAX_REPAIRS:
                return hand_over(self.state, self._service(form.intent), "not_understood")
            mending = replace(
                self.state, form=replace(form, asked="correction"), repairs=self.state.repairs + 1
            )
            return mending, (Ask("what_to_change"),)
        if another and self._sure(top):
            return None  # another question: it is answered, the request is let go
        if form.insisted:
            if another and self._likely(top):
                return None  # asked in vain twice, and something else is wanted: that is confirmed
            return hand_over(self.state, self._service(form.intent), "not_understood")
        return self._ask_on(form)

    def _beside(self, form: Form) -> tuple[State, Turn] | None:
        """« au fait, la déchèterie ouvre le lundi ? »: it is answered, and what was begun goes on."""
        top, known = self._top, self.lookup(self._top.intent)
        if "beside" not in self.heard.values or not self._sure(top) or known is None:
            return None
        if top.intent == form.intent or known.kind not in ("info", "live") or known.slots:
            return None
        _, told = answer(known)
        going_on, turn = ask_on(self.state, replace(form, asked=""))
        return going_on, (
            *(replace(one, offers_text=False) for one in told if isinstance(one, Answer)),
            *turn,
        )

    def _names_instead(self, intent: str) -> bool:
        """« non, pas la cantine, le centre de loisirs »: meant with the « non » and without it?"""
        rest = self.heard.rest[0] if self.heard.rest else NOBODY_KNOWS
        agreed = rest.intent == intent and min(rest.confidence, self._top.confidence) >= WORTH_ASKING
        return agreed and is_nameable(intent, self.lookup)

    def _says_back(self, form: Form) -> bool:
        """« le dix-sept », when « c'est au dix-sept, c'est bien ça ? » was asked, is a yes."""
        said = {name: value for name, value in self.heard.values.items() if name in SAID_BACK}
        same = said.items() & dict(form.known).items()
        return bool(same) and not _DENYING.search(self.heard.text) and not self._sure(self._top)

    def _with_words(self, form: Form) -> Form:
        """« zoé carpentier, mon numéro c'est le… » : who was asked for, and a number nobody asked for."""
        if REACHED_AT not in self.heard.values or REACHED_AT in form.slots:
            return form
        words = forms.in_own_words(self.heard.text)
        if words and form.asked in FREE_TEXT and not form.value(form.asked):
            return form.fill({form.asked: words})
        return replace(form, asked="")  # what was asked for is asked for once more, not again

    def _without_it(self, form: Form) -> tuple[State, Turn]:
        """The one piece that a live answer, a status or an SMS hangs on can't be told."""
        known = self.lookup(form.intent)
        if known is None or form.purpose == "text":
            return State(offered_more=True, topic=form.intent), (Ask("anything_else"),)
        if form.purpose == "follow":
            return take(self.state, known, {})
        return answer(known)

    def _begins_anew(self) -> bool:
        """« et tant que j'y suis, il me reste combien de jours » is no answer to what was asked."""
        return self._sure(self._top) and "aside" in self.heard.values

    def _ask_on(self, form: Form) -> tuple[State, Turn]:
        if form.slots == ("service",) and form.value("service"):
            return hand_over(self.state, form.value("service"), "service", form.intent)
        return ask_on(self.state, form)

    def _done(self, form: Form) -> tuple[State, Turn]:
        done = State(offered_more=True, topic=form.intent, refused=self.state.refused)
        if form.purpose == "text":
            return done, (SendText(form.intent, form.value("phone")),)
        turn = (Register(form.intent, form.known),)
        if self.state.then and is_nameable(self.state.then, self.lookup):  # at the same place, as a rule
            place = {name: value for name, value in form.known if name in ADDRESS_PARTS}
            asking = replace(done, pending=self.state.then, offered_more=False, values=place)
            return asking, (*turn, Confirm(self.state.then))
        return self._and_then(done, turn)

    def _in_other_words(self) -> tuple[State, Turn] | None:
        """The matters of the conversation itself that need the state."""
        top, state = self._top, self.state
        complains = "complains" in self.heard.values and not self._sure(top)
        grumbles = complains or (top.intent == NO and self._grumbles)
        parting = sum(map(self._share, (*ENDS, CANCEL)))  # « laissez tomber, merci, au revoir » is all
        leaves = top.intent in ENDS and parting >= END_SURE
        if not (self._obeys(top) or grumbles or leaves):
            return None
        match "conversation_insatisfait" if grumbles else top.intent:
            case "conversation_saluer" | "conversation_autre_question" if not state.form:
                return replace(state, pending="", choice=()), (Ask("go_on"),)
            case "conversation_non" if not (state.form or state.offered_more):  # « vous avez mal compris »
                return repair(state, "denied")
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
                    return hand_over(state, FRONT_DESK, "dissatisfied")
                reason: AskReason = "insulted" if top.intent == "conversation_insulte" else "sorry"
                return State(complaints=1, topic=state.topic), (Ask(reason),)
            case "conversation_langue_etrangere":
                return State(foreign=True), (SpeakLanguage(),)
            case "conversation_malentendant":
                return State(pending=HUMAN), (Answer(DEAF),)
        ends = top.intent in ENDS
        lets_go = top.intent == CANCEL and state.form  # else « annuler » may be a need half heard
        if (ends and (state.offered_more or state.form)) or ((ends or lets_go) and parting >= END_SURE):
            return State(), (Goodbye(),)
        if top.intent == CANCEL and not (state.form or self._sure(top)):  # too little to end a call on
            return repair(state, "go_on")
        return None

    def _ranking(self) -> tuple[IntentScore, ...]:
        """The words alone, or with those before when they say more together; nothing that was refused."""
        ranking = self._leaning() or self.heard.ranking
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
        if not self.heard.ranking:
            return repair(state, "noise")
        if top.intent == OUT_OF_SCOPE:
            return repair(state, "unclear")
        follows = top.intent == state.topic and self._likely(top)
        again = self._top.intent == state.pending and self._likely(self._top)  # instead of a yes
        if again and not _DENYING.search(self.heard.text):
            return act(state, state.pending, lookup, {**state.values, **values})
        known = lookup(top.intent)
        for_humans = known is not None and known.kind == "transfer" and not known.is_request
        doubtful = (state.refused or state.vague) and not (for_humans or self._is_control(top.intent))
        sure = self._sure(top) or (for_humans and top.confidence >= TRANSFER_SURE)
        # Can't be confirmed by its name, and costs a word; never so the end of a call.
        unnamed = self._is_control(top.intent) and top.intent not in (YES, NO, CANCEL, *ENDS)
        sure = sure or (unnamed and self._likely(top))
        if (sure or follows) and not doubtful:
            return self._with_second(top, *act(state, top.intent, lookup, values))
        nameable = [is_nameable(score.intent, lookup) for score in (top, second)]
        asking = replace(state, pending="", choice=(), form=None, values=values, offered_more=False)
        if self._likely(top) and nameable[0]:
            other = self.heard.second[0] if self.heard.second else NOBODY_KNOWS
            then = other.intent if self._sure(other) and other.intent != top.intent else ""
            return self._confirm(replace(asking, then=then), top.intent)
        if top.confidence + second.confidence >= self.thresholds.choose and all(nameable):
            choice = (top.intent, second.intent)
            return replace(asking, choice=choice, vague=True), (Choose(*choice),)
        if nameable[0] and top.confidence >= WORTH_ASKING:  # with nothing to choose it against
            return self._confirm(replace(asking, vague=True), top.intent)
        return repair(replace(state, vague=True), "unclear")

    def _confirm(self, state: State, intent: str) -> tuple[State, Turn]:
        """A request that is whole is said back whole, another need by its name."""
        known = self.lookup(intent)
        if known is not None and known.is_request:
            form = forms.begin(known, state.values, state.caller.anonymous)
            if form.known and not form.missing:
                return replace(state, form=form), (ConfirmRequest(intent, form.known),)
        return replace(state, pending=intent), (Confirm(intent),)

    def _with_second(self, top: IntentScore, state: State, turn: Turn) -> tuple[State, Turn]:
        """Two needs in one sentence: the one that is answered comes first, the request last."""
        second = self.heard.second[0] if self.heard.second else NOBODY_KNOWS
        first_known, known = self.lookup(top.intent), self.lookup(second.intent)
        if known is None or first_known is None or second.intent == top.intent:
            return state, turn
        if "control" in (known.kind, first_known.kind) or "transfer" in (known.kind, first_known.kind):
            return state, turn
        if not self._sure(second):
            if not self._likely(second) or first_known.is_request or not known.name:
                return state, turn
            asking = replace(state, pending=second.intent, offered_more=False, values=self.heard.values)
            return asking, (*turn, Confirm(second.intent))
        if first_known.is_request:
            if known.is_request:
                return replace(state, then=second.intent), turn
            then, more = act(self.state, second.intent, self.lookup, self.heard.values)
            return replace(state, topic=state.topic), (*more, *turn)
        then, more = act(self.state, second.intent, self.lookup, self.heard.values)
        return then, (*turn, *more)
