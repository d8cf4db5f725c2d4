"""The conversation itself, without sound: what was said in, what the bot does and says out.

The telephone (conversation.py), the keyboard and the scenarios share it, so that what is tested by typing is
what callers get.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from callbot.dialogue import moves, policy, state, wording
from callbot.dialogue.expected import expected
from callbot.dialogue.moves import Register, Repeat, Turn
from callbot.speech.closed import Grammar
from callbot.town.answers import Answers
from callbot.types import Hypothesis, IntentScore, Known, Sentence
from callbot.understanding import needs
from callbot.understanding.understanding import Understanding
from callbot.understanding.values import (
    after_consent,
    consent,
    picked,
    plain,
    values,
    without_days,
)

Store = Callable[[str, Known, bool], Awaitable[str]]
"""Keeps a request (intent, what is known, complete?) and returns its number."""
HINTS: Mapping[str, Callable[[str], bool]] = {
    "danger": needs.sounds_dangerous,
    "erase": needs.wants_erasure,
    "again": needs.asks_again,
    "follows": needs.is_follow_up,
    "aside": needs.is_aside,
    "sales": needs.is_sales_pitch,
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

    @property
    def text(self) -> str:
        """All its words."""
        return " ".join(sentence.text for sentence in self.sentences)


class Dialogue:
    """One call's conversation.

    Args:
        understanding: what the readings of an utterance mean.
        answers: the town's answers.
        store: keeps a request before its number is told.
        clock: the town's local time.
        anonymous: the caller withholds their number.
    """

    def __init__(
        self,
        understanding: Understanding,
        answers: Answers,
        thresholds: state.Thresholds,
        store: Store,
        clock: Callable[[], datetime] = datetime.now,
        anonymous: bool = False,
    ) -> None:
        self._understanding = understanding
        self._answers = answers
        self._thresholds = thresholds
        self._store = store
        self._clock = clock
        self._state, self._opening = policy.begin(anonymous)
        self._context = ""
        """The words the next ones may lean on."""
        self._said: tuple[Sentence, ...] = ()
        """The last thing said, for who wants it repeated."""
        self._told: Counter[str] = Counter()
        """How often each sentence was said."""

    async def begin(self) -> Reply:
        """The greeting."""
        return await self._reply(self._opening)

    async def silence(self) -> Reply:
        """The caller says nothing."""
        return await self._decide(state.Silence())

    async def key(self, key: str) -> Reply:
        """The caller presses a key."""
        return await self._decide(state.Key(key))

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
        whole = len(text.split()) >= MIN_WHOLE or (bool(ranking) and ranking[0].intent in policy.ANYWHERE)
        return "short" if whole and form is None and self._sure(ranking) else "usual"

    @property
    def awaits_answer(self) -> bool:
        """Was something asked that a mere « oui » answers?"""
        before = self._state
        return bool(before.pending or before.choice or before.form or before.offered_more)

    @property
    def expects(self) -> Grammar | None:
        """The answers to what was asked last; None after an open question."""
        return expected(self._state)

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
        halves = None if yes_or_no else needs.split(text)
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
            joined = await self._rank(f"{self._context} {need}")
        keeps = leans or before.unclear or before.vague
        self._context = " ".join(f"{self._context} {text}".split()[-MAX_CONTEXT:]) if keeps else text
        return state.Understood(
            ranking,
            picked(text),
            yes_or_no,
            await self._rank(rest) if len(rest.split()) >= MIN_REST else (),
            second,
            joined,
            found,
            text,
        )

    async def _rank(self, text: str) -> tuple[IntentScore, ...]:
        return await self._understanding.rank([Hypothesis(text, 1.0)])

    def _sure(self, ranking: tuple[IntentScore, ...]) -> bool:
        return bool(ranking) and (
            ranking[0].confidence >= self._thresholds.answer and ranking[0].intent != state.OUT_OF_SCOPE
        )

    def _likely(self, ranking: tuple[IntentScore, ...]) -> bool:
        return bool(ranking) and ranking[0].confidence >= self._thresholds.confirm

    def _values(self, text: str) -> Mapping[str, str]:
        form = self._state.form
        asks_number = form is not None and form.asked in ("address", "number", "street", "", "correction")
        found = dict(values(text, self._clock().date(), lone_number=asks_number))
        found["text"] = text
        found |= {name: "yes" for name, told in HINTS.items() if told(text)}
        if language := needs.other_language(text):
            found["foreign"] = language
        if service := self._service_named(text):
            found["service"] = service
        return MappingProxyType(found)

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
        self._state, turn = policy.decide(self._state, heard, self._answers.catalog.get, self._thresholds)
        ranking = heard.ranking if isinstance(heard, state.Understood) else ()
        return await self._reply(turn, ranking)

    async def _reply(self, turn: Turn, ranking: tuple[IntentScore, ...] = ()) -> Reply:
        sentences: list[Sentence] = []
        for place, move in enumerate(turn):
            number = (
                await self._store(move.intent, move.known, move.complete)
                if isinstance(move, Register)
                else ""
            )
            last = place == len(turn) - 1
            for sentence in wording.words(move, self._answers, self._clock(), number, last):
                sentences.append(wording.varied(sentence, self._told[sentence.id]))
                self._told[sentence.id] += 1
        if not isinstance(turn[-1], Repeat | moves.Wait):
            self._said = tuple(sentences)
        said = (*sentences, *self._said) if isinstance(turn[-1], Repeat) else tuple(sentences)
        return Reply(turn, said, ranking)
