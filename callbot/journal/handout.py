"""What is kept of one caller, as they get it: JSON with French names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from callbot.journal.models import Call, DeliveryRow, Proposal, RawTurn, Request, Review, Transfer, Turn


def handed_out(
    session: Session,
    calls: Iterable[Call],
    requests: Iterable[Request],
    deliveries: Iterable[DeliveryRow],
    transfers: Iterable[Transfer],
) -> dict[str, Any]:
    """These rows, with the real words while they are kept."""
    return {
        "appels": [_call(session, call) for call in calls],
        "demandes": [_request(row) for row in requests],
        "envois": [_columns(row, "at", "channel", "content", "state", "remote") for row in deliveries],
        "transferts": [
            _columns(row, "at", "service", "reason", "state", "answered_at", "ended_at", "note", "phone")
            for row in transfers
        ],
    }


def _call(session: Session, call: Call) -> dict[str, Any]:
    turns = select(Turn).where(Turn.call_id == call.id).order_by(Turn.number)
    told = _columns(call, "started_at", "ended_at", "called", "town", "result", "destination", "recording")
    return {**told, "tours": [_turn(session, turn) for turn in session.scalars(turns)]}


def _turn(session: Session, turn: Turn) -> dict[str, Any]:
    """With the real words while they are kept."""
    real = session.get(RawTurn, turn.id) or turn
    reviews = session.scalars(select(Review.intent).where(Review.turn_id == turn.id)).all()
    taught = session.scalars(select(Proposal.text).where(Proposal.turn_id == turn.id)).all()
    return {
        **_columns(turn, "at", "heard", "intent", "confidence", "move"),
        "entendu": real.utterance,
        "lectures": real.nbest,
        "réponse": real.prompt,
        "relectures": list(reviews),
        "phrases_proposées": list(taught),
    }


def _request(row: Request) -> dict[str, Any]:
    names = ("at", "kind", "intent", "service", "slots", "phone", "complete", "state", "remote", "recording")
    return {"numéro": row.reference, **_columns(row, *names)}


_FRENCH = {
    "at": "date",
    "started_at": "début",
    "ended_at": "fin",
    "answered_at": "décroché",
    "called": "numéro_appelé",
    "town": "commune",
    "result": "issue",
    "destination": "destination",
    "recording": "enregistrement",
    "heard": "entrée",
    "intent": "intention",
    "confidence": "confiance",
    "move": "action",
    "kind": "genre",
    "service": "service",
    "slots": "précisions",
    "phone": "téléphone",
    "complete": "complète",
    "state": "état",
    "remote": "numéro_externe",
    "channel": "voie",
    "content": "contenu",
    "reason": "motif",
    "note": "note",
}


def _columns(row: Any, *names: str) -> dict[str, Any]:
    values = {_FRENCH[name]: getattr(row, name) for name in names}
    return {
        name: value.isoformat(sep=" ", timespec="seconds") + " UTC" if isinstance(value, datetime) else value
        for name, value in values.items()
    }
