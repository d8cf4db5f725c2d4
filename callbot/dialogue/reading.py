"""What an utterance means together with what was said before it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from callbot.dialogue.forms import ADDRESS_PARTS
from callbot.dialogue.moves import FRONT_DESK
from callbot.dialogue.state import NOBODY_KNOWS, Lookup, State, Thresholds, Understood
from callbot.types import OUT_OF_SCOPE, IntentScore

FOLLOWING = 0.25
"""Probability from which a follow-up is about another matter of the same service; it is then confirmed."""
PRICED = 0.1
"""Probability from which another matter than the topic may be what a price is asked of."""
FAINT = 0.003
"""Probability of an intent that a ranking leaves out."""


@dataclass(frozen=True)
class Reading:
    """One utterance in one state."""

    state: State
    heard: Understood
    lookup: Lookup
    thresholds: Thresholds

    def _leaning(self) -> tuple[IntentScore, ...]:
        """What the words mean together with those before; empty when they stand for themselves."""
        top, joined = self._top, self.heard.joined
        for_another = "for_whom" in self.heard.values
        clear = self._sure(top) and top.intent != OUT_OF_SCOPE and not for_another
        if not joined or (clear and self._is_control(top.intent)):
            return ()
        state, follows = self.state, "follows" in self.heard.values
        # Together with a question that was just answered, anything sounds like that question.
        where = not self._likely(top) and not self.heard.values.keys().isdisjoint(ADDRESS_PARTS)
        where = where or "only_where" in self.heard.values
        books = "appointment" in self.heard.values and "service" not in self.heard.values
        apart = not (follows or where or books or top.intent == OUT_OF_SCOPE or self._within_the_topic(top))
        if state.topic and not apart and (follows or not clear):
            about = self._about_the_topic(joined)
            # Words that are clear alone must be so together too, and mean something else.
            if about and (not clear or (about[0].intent == joined[0].intent and self._likely(joined[0]))):
                return about
        if clear or joined[0].intent == OUT_OF_SCOPE or (apart and self._within_the_topic(joined[0])):
            return ()
        # An answer to our question, what it is about: with the words before, unless these say less together.
        adds = (state.unclear or state.vague) and joined[0].confidence > top.confidence
        adds = adds and joined[0].intent != state.pending  # guessed from those words, and not agreed to
        adds = adds or for_another
        return joined if adds or self._likely(joined[0]) else ()

    def _within_the_topic(self, score: IntentScore) -> bool:
        topic = self.state.topic
        return bool(topic) and self._service(score.intent) == self._service(topic)

    def _about_the_topic(self, joined: tuple[IntentScore, ...]) -> tuple[IntentScore, ...]:
        """« et ça coûte combien »: of what the topic's service deals with, what both readings allow."""
        service = self._service(self.state.topic)
        alone = {score.intent: score.confidence for score in self.heard.ranking}
        together = {score.intent: score.confidence for score in joined}
        same = [intent for intent in {**alone, **together} if self._service(intent) == service]
        enough = FOLLOWING
        if "price" in self.heard.values and "tarif" not in self.state.topic:
            # What something costs is no opening hour; but a copy's answer may well say that it is free.
            others = [one for one in same if one != self.state.topic and together.get(one, 0.0) >= PRICED]
            own = [one for one in same if one.startswith(f"{self.state.topic.split('_')[0]}_tarif")]
            same, enough = (own, 0.0) if own else (others, PRICED) if others else (same, enough)
        if "appointment" in self.heard.values and "service" not in self.heard.values:
            named = [one for one in same if "_rdv_" in one]
            same, enough = (named, 0.0) if named else (same, enough)
        if not same:
            return ()
        best = max(
            same, key=lambda intent: (alone.get(intent, 0) + FAINT) * (together.get(intent, 0) + FAINT)
        )
        confidence = max(alone.get(best, 0.0), together.get(best, 0.0))
        if confidence < enough:
            return ()
        return (IntentScore(best, max(confidence, self.thresholds.confirm)),)

    @property
    def _top(self) -> IntentScore:
        return self.heard.ranking[0] if self.heard.ranking else NOBODY_KNOWS

    def _sure(self, score: IntentScore) -> bool:
        return score.confidence >= self.thresholds.answer

    def _likely(self, score: IntentScore) -> bool:
        return score.confidence >= self.thresholds.confirm

    def _service(self, intent: str) -> str:
        known = self.lookup(intent)
        return known.service if known is not None else FRONT_DESK

    def _is_control(self, intent: str) -> bool:
        known = self.lookup(intent)
        return known is not None and known.kind == "control"
