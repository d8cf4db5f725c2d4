"""Calls made up for tests: written as the journal keeps them, moment by moment."""

import itertools
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from callbot.journal.database import Database
from callbot.journal.models import Base, Call, Request, Transfer, Turn

POOL, BIRTH, BULKY = "piscine_horaires", "etat_civil_acte_naissance_copie", "dechets_encombrants_rdv"
YES, HUMAN, INSULT, OFF = (
    "conversation_oui",
    "conversation_humain",
    "conversation_insulte",
    "hors_sujet",
)
ASKS = "Je n'ai pas bien compris. Pouvez-vous le dire autrement ?"


def turn(
    words: str, intent: str = "", confidence: float | None = 0.9, move: str = "", **values: Any
) -> dict[str, Any]:
    """What was said, what was understood and what the bot did."""
    sure = confidence or 0.0
    ranking = (
        [[intent, sure], [POOL if intent != POOL else BIRTH, round((1 - sure) / 2, 3)]] if intent else []
    )
    usual = {
        "heard": "speech" if words else "silence",
        "utterance": words,
        "nbest": [[words, 0.8], [f"{words} hein", 0.2]] if words else [],
        "ranking": ranking,
        "intent": intent,
        "confidence": confidence if intent else None,
        "move": move or (f"answer:{intent}" if intent else "ask:silence"),
        "prompt": f"Réponse du robot ({move or 'answer'}).",
        "endpoint_ms": 300.0,
        "decode_ms": 20.0,
        "nlu_ms": 10.0,
        "think_ms": 60.0,
        "model": "nlu-1.tar.gz",
    }
    return usual | values


def add(database: Database, *rows: Base) -> int:
    """Write rows; returns the last one's id, 0 when it has none of its own."""

    def write(session: Any) -> int:
        session.add_all(rows)
        session.flush()
        return int(getattr(rows[-1], "id", 0) or 0)

    return database.write_now(write)


class Made:
    """Writes calls into a journal; `at` is when the next one begins, UTC."""

    def __init__(self, database: Database, at: datetime) -> None:
        self.database = database
        self.at = at
        self._numbers = itertools.count(1)
        self._session: Any = None
        """Of many calls at once."""

    def call(
        self,
        turns: Sequence[dict[str, Any]] = (),
        result: str | None = "DONE",
        reason: str = "goodbye",
        transfer: dict[str, Any] | None = None,
        message: bool = False,
        **values: Any,
    ) -> int:
        """One call, a minute after the one before; returns its id."""
        at = values.pop("at", self.at)
        self.at += timedelta(minutes=1)

        def write(session: Any) -> int:
            call = Call(
                linkedid=values.pop("linkedid", f"{at.timestamp():.0f}.{next(self._numbers)}"),
                started_at=at,
                ended_at=at + timedelta(seconds=45),
                town="Rivemont",
                caller_last2="78",
                result=result,
                reason=reason,
                versions={"callbot": "0.1.0"},
            )
            for name, value in values.items():
                setattr(call, name, value)
            session.add(call)
            session.flush()
            greeting: dict[str, Any] = {
                "heard": "",
                "prompt": "Bonjour, que puis-je faire ?",
                "move": "greet",
            }
            rows: list[Base] = [
                Turn(call_id=call.id, number=number, at=at + timedelta(seconds=5 * number), **one)
                for number, one in enumerate([greeting, *turns])
            ]
            if transfer is not None:
                usual = {"service": "accueil", "queue": "standard", "reason": reason, "state": "ended"}
                rows.append(
                    Transfer(
                        call_id=call.id, linkedid=call.linkedid, at=at, town="rivemont", **usual | transfer
                    )
                )
            if message:
                rows.append(Request(call_id=call.id, at=at, kind="message", intent=""))
            session.add_all(rows)
            return int(call.id)

        return write(self._session) if self._session is not None else self.database.write_now(write)

    def answered(self, words: str = "la piscine est ouverte à quelle heure", confidence: float = 0.95) -> int:
        """A call that went well."""
        return self.call([turn(words, POOL, confidence)])

    def misunderstood(self, words: str = "je voudrais un acte de naissance", **transfer: Any) -> int:
        """A call that was passed on because the bot understood nothing, twice."""
        return self.call(
            [
                turn(words, BULKY, 0.31, "ask:unclear", prompt=ASKS),
                turn("un papier pour ma fille", BULKY, 0.28, "transfer:accueil:not_understood"),
            ],
            "TRANSFER",
            "not_understood",
            transfer,
        )

    def turns(self, call_id: int) -> list[int]:
        """Ids of the caller's turns, in order."""

        def read(session: Any) -> list[int]:
            of_call = session.query(Turn).filter(Turn.call_id == call_id, Turn.number > 0)
            return [row.id for row in of_call.order_by(Turn.number)]

        return self.database.read(read)

    def days(self, count: int, seed: int = 1) -> None:
        """So many ordinary calls over six days, some of which go badly, the same for a seed."""
        chance = random.Random(seed)

        def write(session: Any) -> None:
            self._session = session
            try:
                self._days(count, chance)
            finally:
                self._session = None

        self.database.write_now(write)

    def _days(self, count: int, chance: random.Random) -> None:
        begin = self.at
        for _ in range(count):
            self.at = begin + timedelta(minutes=chance.randrange(6 * 24 * 60))
            match chance.randrange(10):
                case 0:
                    self.misunderstood(chance.choice(["mon truc là", "euh bah voilà", "c'est pour la chose"]))
                case 1:
                    self.call([turn("")], "TRANSFER", "no_input", {})
                case 2:
                    words = f"encombrants au {chance.randrange(90)} rue des lilas"
                    self.call([turn(words, BULKY, chance.uniform(0.5, 0.8), "hung_up")], reason="hung_up")
                case _:
                    self.answered(f"horaires piscine {chance.randrange(40)}", chance.uniform(0.6, 1))
