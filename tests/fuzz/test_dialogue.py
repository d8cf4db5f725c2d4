"""Any sequence of anything a caller may do. Rasa isn't needed: any ranking of any intents stands for it."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from callbot.dialogue.dialogue import Dialogue, Reply
from callbot.dialogue.moves import Goodbye, TakeMessage, Transfer, describe
from callbot.dialogue.state import Caller, Thresholds
from callbot.rehearsal import TrialDesk, type_in
from callbot.town.answers import Answers, Catalog
from callbot.town.profile import load_town
from callbot.types import Hypothesis, IntentScore
from callbot.understanding.understanding import Understanding

NOON = datetime(2026, 11, 23, 11, 0)
ANSWERS = Answers(load_town("rivemont"), Catalog(), NOON)
INTENTS = ("hors_sujet", "an_intent_nobody_knows", *(intent.id for intent in ANSWERS.catalog))
PIECES = (
    *("oui", "non", "euh", "et puis", "d'accord", "quelqu'un", "le premier", "pardon", "plutôt", "au feu"),
    *("douze rue de la fontaine", "devant l'école", "mardi douze mai", "quatorze heures trente", "demain"),
    *("zéro six douze trente-quatre cinquante-six soixante-dix-huit", "d u p o n t", "numéro mille deux"),
    *(
        "mille milliards",
        "9" * 30,
        "²",
        "İ",
        "où en est ma demande",
        "effacez ce que j'ai dit",
        "hello please",
    ),
    *("vélos à la gare", "ne m'enregistrez pas", "je refuse", "\0", "\u2028", "{facts}", "[nom]", "/start"),
)
WORDS = st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=8).map(" ".join)
RANKING = st.lists(
    st.builds(IntentScore, st.sampled_from(INTENTS), st.floats(0, 1)),
    max_size=3,
    unique_by=lambda one: one.intent,
)
MOST_SENTENCES = 12
"""Of one turn; a longer one would be a loop."""
STEP_S = 5.0
"""CPU seconds."""


class Call(RuleBasedStateMachine):
    """One call, from greeting to an end, and on: callers speak while they are handed over."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.ranking: tuple[IntentScore, ...] = ()
        self.last: Reply | None = None
        self.silent = 0

    async def parse(self, text: str) -> tuple[IntentScore, ...]:
        """Stands for Rasa."""
        return tuple(sorted(self.ranking, key=lambda one: -one.confidence))

    @initialize(
        anonymous=st.booleans(), texts=st.booleans(), unanswered=st.booleans(), hour=st.integers(0, 23)
    )
    def begins(self, anonymous: bool, texts: bool, unanswered: bool, hour: int) -> None:
        self.dialogue = Dialogue(
            Understanding(self.parse),
            ANSWERS,
            Thresholds(0.6, 0.3, 0.5),
            TrialDesk(),
            lambda: NOON.replace(hour=hour),
            Caller(anonymous, texts),
            unanswered,
        )
        self.take(self.dialogue.begin())

    def teardown(self) -> None:
        self.loop.close()

    def take(self, step: Coroutine[Any, Any, Reply]) -> None:
        """One step: it returns soon, with something to do and, mostly, something to say."""
        began = time.process_time()
        self.last = self.loop.run(step)
        assert time.process_time() - began < STEP_S
        assert self.last.turn and describe(self.last.turn)
        assert len(self.last.sentences) <= MOST_SENTENCES, self.last.text
        for sentence in self.last.sentences:
            assert sentence.text.strip() and "{" not in sentence.text.replace("{facts}", "")

    @rule(words=WORDS, ranking=RANKING)
    def speaks(self, words: str, ranking: list[IntentScore]) -> None:
        self.ranking, self.silent = tuple(ranking), 0
        self.take(type_in(self.dialogue, words))

    @rule(readings=st.lists(WORDS, max_size=3), ranking=RANKING)
    def is_misheard(self, readings: list[str], ranking: list[IntentScore]) -> None:
        self.ranking, self.silent = tuple(ranking), 0
        self.take(self.dialogue.speech([Hypothesis(text, 1 / len(readings)) for text in readings]))

    @rule(words=WORDS, ranking=RANKING)
    def begins_to_speak(self, words: str, ranking: list[IntentScore]) -> None:
        self.ranking = tuple(ranking)
        assert self.loop.run(self.dialogue.foresee(words)) in ("short", "usual", "long")
        assert self.dialogue.expects is None or self.dialogue.expects.phrases

    @rule(key=st.sampled_from("0123456789*#ABCD"))
    def presses(self, key: str) -> None:
        self.silent = 0
        self.take(self.dialogue.key(key))

    @rule(times=st.integers(1, 6))
    def says_nothing(self, times: int) -> None:
        """The bot does not talk to nobody for ever."""
        for _ in range(times):
            assert self.last is not None
            self.silent = 0 if isinstance(self.last.turn[-1], Transfer | Goodbye) else self.silent + 1
            self.take(self.dialogue.silence())
            assert self.silent <= 5, describe(self.last.turn)

    @precondition(lambda self: self.last is not None and isinstance(self.last.turn[-1], TakeMessage))
    @rule(words=WORDS, recording=st.sampled_from(["", "message-1.wav"]))
    def leaves_a_message(self, words: str, recording: str) -> None:
        assert self.last is not None
        move = self.last.turn[-1]
        assert isinstance(move, TakeMessage)
        self.silent = 0
        self.take(self.dialogue.message(move, words, recording))


Call.TestCase.settings = settings(
    deadline=None,
    max_examples=max(settings.default.max_examples // 4, 15),
    stateful_step_count=25,
)
TestAnyCall = Call.TestCase
