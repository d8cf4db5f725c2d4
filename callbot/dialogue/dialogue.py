"""The conversation itself, without sound: what was said in, what the bot does and says out.

The telephone (conversation.py), the keyboard and the scenarios share it, so that what is tested by typing is
what callers get.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Literal

from callbot.dialogue import forms, moves, policy, state, wording
from callbot.dialogue.desk import Desk
from callbot.dialogue.expected import expected
from callbot.dialogue.moves import Repeat, Turn
from callbot.dialogue.utterance_rules import ANYWHERE
from callbot.speech.closed import Grammar
from callbot.town.answers import Answers
from callbot.types import OUT_OF_SCOPE, Context, Hypothesis, IntentScore, Sentence
from callbot.understanding import addresses, needs, sounds
from callbot.understanding.understanding import Understanding
from callbot.understanding.values import (
    after_consent,
    consent,
    find_spelled,
    picked,
    plain,
    values,
    without_days,
)

HINTS: Mapping[str, Callable[[str], bool]] = {
    "danger": needs.sounds_dangerous,
    "erase": needs.wants_erasure,
    "again": needs.asks_again,
    "again_first": needs.begins_with_again,
    "lets_go": needs.lets_go,
    "wrong_number": needs.dialled_wrong,
    "follows": needs.is_follow_up,
    "for_whom": needs.is_for_another,
    "only_where": addresses.is_address,
    "complains": needs.is_beside_the_point,
    "no_machine": needs.wants_no_machine,
    "price": needs.asks_price,
    "aside": needs.is_aside,
    "beside": needs.is_beside,
    "moment": needs.asks_a_moment,
    "appointment": needs.wants_appointment,
    "sales": needs.is_sales_pitch,
    "status": needs.asks_status,
    "its_number": needs.asks_reference,
    "unrecorded": needs.refuses_recording,
    "refuses": needs.refuses,
}
Pause = Literal["short", "usual", "long"]
"""Silence that ends an utterance: a whole and understood one ends sooner, an unfinished one later."""
MIN_WHOLE = 3
"""Words of an utterance that may be whole; fewer are a beginning, unless the bot's own matters are meant."""
MIN_REST = 3
"""Words after a yes or no that may be a need of their own."""
MAX_CONTEXT = 25
"""Words before that the next ones may lean on."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the bot does next."""

    turn: Turn
    sentences: tuple[Sentence, ...]
    ranking: tuple[IntentScore, ...] = ()
    """What the utterance before was taken for."""
    gave: str = ""
    """The slot of a request that it was the answer to."""

    @property
    def text(self) -> str:
        """All its words."""
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def masked(self) -> Reply:
        """The same without what it says back."""
        return replace(
            self, sentences=tuple(replace(one, text=one.masked or one.text) for one in self.sentences)
        )


class Dialogue:
    """One call's conversation.

    Args:
        understanding: what the readings of an utterance mean.
        answers: the town's answers.
        desk: keeps requests and messages, sends texts, asks live sources.
        clock: the town's local time.
        caller: what is known of them before they speak.
        unanswered: the call comes back from the operators, none of whom answered.
    """

    def __init__(
        self,
        understanding: Understanding,
        answers: Answers,
        thresholds: state.Thresholds,
        desk: Desk,
        clock: Callable[[], datetime] = datetime.now,
        caller: state.Caller = state.Caller(),  # noqa: B008 (frozen)
        unanswered: bool = False,
    ) -> None:
        self._understanding = understanding
        self._answers = answers
        self._thresholds = thresholds
        self._desk = desk
        self._clock = clock
        self._unanswered = unanswered
        self._state, self._opening = policy.begin(caller, unanswered)
        self._context = ""
        """The words the next ones may lean on."""
        self._said: tuple[Sentence, ...] = ()
        """The last thing said, for who wants it repeated."""
        self._told: Counter[str] = Counter()
        """How often each sentence was said."""
        self._wanted = ""
        """What the caller wants, as far as it is known."""
        self._language = "fr"

    @property
    def model(self) -> str:
        """Name of the model that understands now."""
        return self._understanding.model

    async def begin(self) -> Reply:
        """The greeting."""
        return await self._reply(self._opening)

    async def silence(self) -> Reply:
        """The caller says nothing."""
        return await self._decide(state.Silence())

    async def key(self, key: str) -> Reply:
        """The caller presses a key."""
        return await self._decide(state.Key(key))

    async def message(self, move: moves.TakeMessage, words: str, recording: str) -> Reply:
        """The caller has left a message; without a recording they said nothing.

        Raises:
            JournalError: it could not be kept.
        """
        if recording:
            await self._desk.leave_message(move.intent, move.service, words, recording)
        return await self._decide(state.MessageLeft(bool(recording)))

    async def too_long(self) -> Reply:
        """The call has lasted too long for a robot."""
        return await self._reply((moves.Transfer(moves.FRONT_DESK, "too_long"),))

    async def speech(self, hypotheses: Sequence[Hypothesis]) -> Reply:
        """The caller speaks.

        Raises:
            UnderstandingError: Rasa does not answer.
            JournalError: a request could not be stored.
        """
        heard = await self.understand(hypotheses)
        return await self._decide(heard)

    async def foresee(self, text: str) -> Pause:
        """How long a pause ends what is being said, by its words so far; Rasa gets to know them already.

        Raises:
            UnderstandingError: Rasa does not answer.
        """
        form = self._state.form
        dictated = form is not None and form.asked in ("phone", "reference", "number")
        if needs.is_unfinished(text) or (dictated and not self._is_dictated(text)):
            return "long"
        if dictated or needs.ends_on_a_number(text):
            return "usual"
        ranking = await self._rank(text)
        asked = bool(self._state.pending or self._state.choice or form)
        if asked and (consent(text) or picked(text)) and len(text.split()) < MIN_REST:
            return "short"
        whole = len(text.split()) >= MIN_WHOLE or (bool(ranking) and ranking[0].intent in ANYWHERE)
        return "short" if whole and form is None and self._sure(ranking) else "usual"

    @property
    def awaits_answer(self) -> bool:
        """Was something asked that a mere « oui » answers?"""
        before = self._state
        return bool(before.pending or before.choice or before.form or before.offered_more)

    @property
    def expects(self) -> Grammar | None:
        """The answers to what was asked last; None after an open question."""
        return expected(self._state, self._answers.town.every_street, self._needs)

    def _needs(self, intent: str) -> tuple[str, ...]:
        """The pieces of a request."""
        known = self._answers.catalog.get(intent)
        return known.slots if known is not None else ()

    def context(self, move: moves.Transfer) -> Context:
        """What people should know of a call that is handed over to them."""
        return Context(move.service, move.intent or self._wanted, self._language)

    def knows(self, text: str) -> bool:
        """Are these words understood already?"""
        return self._understanding.knows(text)

    def _is_dictated(self, text: str) -> bool:
        form = self._state.form
        found = values(text, self._clock().date(), lone_number=True)
        return form is not None and form.asked in found

    async def understand(self, hypotheses: Sequence[Hypothesis]) -> state.Understood:
        """All that the policy wants to know of an utterance."""
        ranking = await self._understanding.rank(hypotheses)
        text = hypotheses[0].text if hypotheses else ""
        before = self._state
        yes_or_no = consent(text)
        rest = after_consent(text) if yes_or_no else ""
        begins = not (before.pending or before.choice or before.form or before.offered_more)
        halves = needs.split(rest if yes_or_no and begins else text) if begins or not yes_or_no else None
        second: tuple[IntentScore, ...] = ()
        if halves is not None:
            first, second = [await self._rank(half) for half in halves]
            ranking = first if self._sure(first) and self._likely(second) else ranking
        found = self._values(text)
        need = text
        if "date" in found and not self._sure(ranking):  # a day is of no help in telling needs apart
            need = without_days(text, self._clock().date())
            undated = await self._rank(need)
            ranking = undated if self._sure(undated) else ranking
        joined: tuple[IntentScore, ...] = ()
        leans = needs.is_follow_up(text) and bool(before.topic)
        open_ended = before.unclear or before.vague or before.topic or before.pending
        adds = bool(open_ended) and not self._sure(ranking)
        if self._context and (leans or adds):
            subject = self._subject(before.pending or before.topic) if leans else ""
            joined = await self._rank(f"{subject or self._context} {need}")
        keeps = leans or before.unclear or before.vague
        self._context = " ".join(f"{self._context} {text}".split()[-MAX_CONTEXT:]) if keeps else text
        return state.Understood(
            ranking,
            picked(text),
            yes_or_no,
            await self._rank(rest) if len(rest.split()) >= (1 if before.texts else MIN_REST) else (),
            second,
            joined,
            found,
            text,
        )

    def _subject(self, topic: str) -> str:
        """What a follow-up leans on, by its name: the words it was asked in would drown those that follow."""
        known = self._answers.catalog.get(topic)
        return known.name if known is not None else ""

    async def _rank(self, text: str) -> tuple[IntentScore, ...]:
        return await self._understanding.rank([Hypothesis(text, 1.0)])

    def _sure(self, ranking: tuple[IntentScore, ...]) -> bool:
        return bool(ranking) and (
            ranking[0].confidence >= self._thresholds.answer and ranking[0].intent != OUT_OF_SCOPE
        )

    def _likely(self, ranking: tuple[IntentScore, ...]) -> bool:
        return bool(ranking) and ranking[0].confidence >= self._thresholds.confirm

    def _values(self, text: str) -> Mapping[str, str]:
        form = self._state.form
        asks_number = form is not None and form.asked in ("address", "number", "street", "", "correction")
        found = dict(values(text, self._clock().date(), lone_number=asks_number))
        found["text"] = text
        if form is not None and "date" in form.slots and "date" not in found:
            found |= self._lone_day(text, form.value("date"))
        if form is not None and form.asked == "name" and (spelled := find_spelled(text)):
            found["name"] = spelled
        found |= self._names_in(text, found)
        found |= {name: "yes" for name, told in HINTS.items() if told(text)}
        if language := needs.other_language(text):
            found["foreign"] = language
        if service := self._service_named(text):
            found["service"] = service
        return MappingProxyType(found)

    def _lone_day(self, text: str, known: str) -> Mapping[str, str]:
        """« non le treize » : of the month that was spoken of, else the next thirteenth."""
        today = self._clock().date()
        spoken_of = date.fromisoformat(known.split()[0]) if known else today
        since = max(today, spoken_of.replace(day=1) - timedelta(days=1))
        found = values(text, since, lone_day=True)
        return {"date": found["date"]} if "date" in found else {}

    def _names_in(self, text: str, found: Mapping[str, str]) -> Mapping[str, str]:
        """The town's own names for the street and the station that were heard, where they sound alike."""
        named: dict[str, str] = {}
        form = self._state.form
        streets = self._answers.town.every_street
        if street := found.get("street"):
            match = sounds.best(street, streets)
            named["street"] = match.name if match else street
        elif (
            form is not None
            and form.asked in ("address", "street")
            and (match := sounds.spoken_in(text, streets))
        ):
            named["street"] = match.name
        for intent in self._answers.by_station:
            # « à la gare » is a station only for who speaks of stations.
            asked = intent in (self._state.topic, self._state.pending)
            if match := sounds.spoken_in(text, self._desk.names(intent), bare=asked):
                named["station"] = match.name
        return named

    def _service_named(self, text: str) -> str:
        """`elle est au logement je crois`: the service whose name shares a word with this."""
        if re.search(r"\b(?:d|)rh\b", text) and "ressources_humaines" in self._answers.town.services:
            return "ressources_humaines"
        words = {word.rstrip("s") for word in plain(text).replace("'", " ").split() if len(word) > 4}
        for key, service in self._answers.town.services.items():
            names = plain(f"{key.replace('_', ' ')} {service.name}").replace("'", " ").split()
            if words & ({name.rstrip("s") for name in names if len(name) > 4} - {"service", "mairie"}):
                return key
        return ""

    async def _decide(self, heard: state.Input) -> Reply:
        before = self._state.form
        self._state, turn = policy.decide(
            self._state,
            heard,
            self._answers.catalog.get,
            self._thresholds,
            self._is_there,
            self._desk.waits,
            self._is_shut,
        )
        ranking = heard.ranking if isinstance(heard, state.Understood) else ()
        reply = await self._reply(turn, ranking)
        return replace(reply, gave=forms.filled(before, self._state.form))

    async def _reply(self, turn: Turn, ranking: tuple[IntentScore, ...] = ()) -> Reply:
        self._note(ranking)
        sentences: list[Sentence] = []
        for place, move in enumerate(turn):
            told = await self._do(move)
            last = place == len(turn) - 1
            for sentence in wording.words(move, self._answers, self._clock(), told, last):
                sentences.append(wording.varied(sentence, self._told[sentence.id]))
                self._told[sentence.id] += 1
        if not isinstance(turn[-1], Repeat | moves.Wait):
            self._said = tuple(sentences)
        said = (*sentences, *self._said) if isinstance(turn[-1], Repeat) else tuple(sentences)
        return Reply(turn, said, ranking)

    def _note(self, ranking: tuple[IntentScore, ...]) -> None:
        """Keep what was wanted last; « oui » and « quelqu'un » are no matter of their own."""
        known = self._answers.catalog.get(ranking[0].intent) if ranking else None
        likely = bool(ranking) and ranking[0].confidence >= self._thresholds.confirm
        if known is not None and known.kind != "control" and likely:
            self._wanted = known.id
        elif self._state.topic:
            self._wanted = self._state.topic

    async def _do(self, move: moves.Move) -> str:
        """What a move does beside being said; returns what there is to tell of it."""
        match move:
            case moves.Register(intent, known, complete):
                return await self._desk.file(intent, known, complete)
            case moves.SpeakLanguage(language) if language != "fr":
                self._language = language
            case moves.TellStatus(reference):
                return await self._desk.status(reference)
            case moves.SendText(intent, number):
                return await self._desk.text(intent, number)
            case moves.Answer(intent, about):
                known_intent = self._answers.catalog.get(intent)
                if known_intent is None or known_intent.kind != "live":
                    return ""
                told, whole = await self._desk.live(intent, about)
                fixed = self._answers.text(known_intent, self._clock())
                return told if whole or not told else f"{told} {fixed}"
        return ""

    def _is_shut(self, service: str, day: str) -> bool:
        iso, _, part = day.partition(" ")
        return self._answers.town.calendar(service).is_shut(date.fromisoformat(iso), part, self._clock())

    def _is_there(self, service: str) -> bool:
        if self._unanswered:
            return False
        wait = self._desk.waits(service)
        open_now = self._answers.town.calendar(service).at(self._clock()).is_open
        return open_now and (wait is None or wait.staffed)
