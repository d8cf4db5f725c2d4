"""Writes calls into a journal as they would have been held."""

from datetime import datetime, timedelta
from typing import Any

from callbot.journal.database import Database
from callbot.journal.models import Call, DeliveryRow, Request, Review, Sample, Transfer, Turn

SECOND = timedelta(seconds=1)


class Ledger:
    """Calls of one journal, each written by one line of a test."""

    def __init__(self, database: Database, town: str = "Rivemont") -> None:
        self.database = database
        self._town = town
        self._made = 0

    def call(
        self,
        at: datetime,
        *turns: tuple[str, str] | tuple[str, str, str],
        lasts_s: float | None = 60,
        result: str | None = "DONE",
        reason: str = "goodbye",
        town: str = "",
        linkedid: str = "",
        think_ms: float = 300,
    ) -> int:
        """A call and its turns, told as (heard, move) or (heard, move, intent); returns its id."""
        self._made += 1
        call = Call(
            linkedid=linkedid or f"{at:%s}.{self._made}",
            started_at=at,
            ended_at=None if lasts_s is None else at + lasts_s * SECOND,
            town=town or self._town,
            result=result,
            reason=reason,
        )

        def write(session: Any) -> int:
            session.add(call)
            session.flush()
            greeted = at + 0.2 * SECOND
            session.add(Turn(call_id=call.id, number=0, at=greeted, move="greet", prompt="Bonjour."))
            for number, (heard, move, *intent) in enumerate(turns, 1):
                spoken = heard == "speech"
                session.add(
                    Turn(
                        call_id=call.id,
                        number=number,
                        at=at + 5 * number * SECOND,
                        heard=heard,
                        move=move,
                        intent=intent[0] if intent else "",
                        endpoint_ms=500 if spoken else None,
                        decode_ms=40 if spoken else None,
                        nlu_ms=20 if spoken else None,
                        voice_ms=2 if spoken else None,
                        think_ms=think_ms if spoken else None,
                    )
                )
            return int(call.id)

        return self.database.write_now(write)

    def transfer(
        self,
        call_id: int,
        at: datetime,
        state: str,
        wait_s: float | None = None,
        talk_s: float | None = None,
        intent: str = "",
    ) -> None:
        """What became of a call that was handed over; the wait ends by an answer if somebody talked."""
        gone = at + wait_s * SECOND if wait_s is not None else None
        answered = gone if talk_s is not None or state == "answered" else None
        ended = (
            gone if answered is None else answered + (talk_s or 0) * SECOND if talk_s is not None else None
        )
        self._add(
            Transfer(
                call_id=call_id,
                linkedid="",
                at=at,
                town="rivemont",
                service="accueil",
                queue="standard",
                reason="service",
                intent=intent,
                state=state,
                answered_at=answered,
                ended_at=ended,
            )
        )

    def request(
        self, call_id: int, at: datetime, kind: str, intent: str, texts: int = 0, complete: bool = True
    ) -> None:
        """A request or a message, and the SMS that confirm it."""
        row = Request(call_id=call_id, at=at, town="rivemont", kind=kind, intent=intent, complete=complete)
        self._add(row)
        for number in range(texts):
            key = f"{row.id}-{number}"
            sms = DeliveryRow(
                at=at, town="rivemont", channel="sms", key=key, content={}, request_id=row.id, next_at=at
            )
            self._add(sms)

    def review(
        self, call_id: int, was: str, intent: str, account: str = "quentin", kind: str = "random"
    ) -> None:
        """Somebody reviewed the call's first spoken turn."""

        def write(session: Any) -> None:
            turn = session.query(Turn).filter_by(call_id=call_id, number=1).one()
            session.merge(Sample(turn_id=turn.id, at=turn.at, kind=kind))
            session.add(Review(turn_id=turn.id, at=turn.at, account=account, was=was, intent=intent))

        self.database.write_now(write)

    def _add(self, row: Any) -> None:
        self.database.write_now(lambda session: session.add(row))
