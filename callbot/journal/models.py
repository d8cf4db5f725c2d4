"""The journal's tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

FIRST_REFERENCE = 1000


class Base(DeclarativeBase):
    """Base of all tables. Times are UTC, without zone."""


class Call(Base):
    """One call. Who called is kept as a keyed hash and two digits only."""

    __tablename__ = "calls"
    __table_args__ = (Index("calls_once", "once", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    linkedid: Mapped[str] = mapped_column(String(150), index=True)
    started_at: Mapped[datetime] = mapped_column(DateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(DateTime)
    called: Mapped[str] = mapped_column(String(80), default="")
    town: Mapped[str] = mapped_column(String(120), default="")
    caller_hash: Mapped[str] = mapped_column(String(64), default="", index=True)
    caller_last2: Mapped[str] = mapped_column(String(2), default="")
    result: Mapped[str | None] = mapped_column(String(10))
    """DONE, TRANSFER, MESSAGE or FAILED; empty while the call goes on, or when the server died in it."""
    destination: Mapped[str] = mapped_column(String(80), default="")
    reason: Mapped[str] = mapped_column(String(40), default="")
    versions: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    """callbot, speech (model of the ear), town: what the call was held with."""
    recording: Mapped[str] = mapped_column(String(80), default="")
    """File name of the call's sound, when it was recorded."""
    once: Mapped[str | None] = mapped_column(String(32))
    """Random: by it a second try to write the call down is told from a second call."""


class Turn(Base):
    """One turn: what was heard, what was understood, what the bot then did and said."""

    __tablename__ = "turns"
    __table_args__ = (UniqueConstraint("call_id", "number"), Index("turns_intent", "intent"))

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    number: Mapped[int]
    at: Mapped[datetime] = mapped_column(DateTime)
    heard: Mapped[str] = mapped_column(String(10), default="")
    """speech, key, silence; empty for the greeting."""
    utterance: Mapped[str] = mapped_column(Text, default="")
    nbest: Mapped[list[Any]] = mapped_column(JSON, default=list)
    """[[text, confidence], ...]"""
    ranking: Mapped[list[Any]] = mapped_column(JSON, default=list)
    """[[intent, probability], ...]"""
    intent: Mapped[str] = mapped_column(String(80), default="")
    confidence: Mapped[float | None]
    move: Mapped[str] = mapped_column(String(160), default="")
    prompt: Mapped[str] = mapped_column(Text, default="")
    barge_in: Mapped[bool] = mapped_column(default=False)
    resumed: Mapped[int] = mapped_column(default=0)
    """How often the prompt before was stopped by a noise, then went on: false barge-ins."""
    endpoint_ms: Mapped[float | None]
    """Silence after the caller's last word, until it was taken for the end; the stages after it follow."""
    decode_ms: Mapped[float | None]
    nlu_ms: Mapped[float | None]
    foreseen: Mapped[bool] = mapped_column(default=False)
    """The words were understood before the end of speech was declared."""
    voice_ms: Mapped[float | None]
    """Until the sound of the answer was there."""
    think_ms: Mapped[float | None]
    """From the words to the command that plays the answer: understanding, decision, voice."""
    model: Mapped[str] = mapped_column(String(80), default="")
    """Name of the Rasa model that understood it: it may change while the call goes on."""
    begins_ms: Mapped[int | None]
    """Where the caller's words begin in the call's recording."""
    ends_ms: Mapped[int | None]


class RawTurn(Base):
    """What was really said in a turn, before masking; kept for a few days only."""

    __tablename__ = "raw_turns"

    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    utterance: Mapped[str] = mapped_column(Text, default="")
    nbest: Mapped[list[Any]] = mapped_column(JSON, default=list)
    prompt: Mapped[str] = mapped_column(Text, default="")


class Request(Base):
    """What a caller asks the town to do, or a message they leave."""

    __tablename__ = "requests"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(DateTime)
    town: Mapped[str] = mapped_column(String(120), default="")
    """The commune's key."""
    kind: Mapped[str] = mapped_column(String(10), default="request")
    """request or message"""
    intent: Mapped[str] = mapped_column(String(80))
    service: Mapped[str] = mapped_column(String(80), default="")
    slots: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    phone: Mapped[str | None] = mapped_column(String(40), default="")
    """The number that called: without it nobody could answer the caller. Empty when withheld."""
    complete: Mapped[bool] = mapped_column(default=False)
    """Nothing is left to ask; false when the caller hung up in the middle of it."""
    state: Mapped[str] = mapped_column(String(12), default="received")
    """received, handed_over or done"""
    remote: Mapped[str] = mapped_column(String(120), default="")
    """Its number in the town's own system."""
    recording: Mapped[str] = mapped_column(String(80), default="")
    """File name of a message's sound."""
    token: Mapped[str] = mapped_column(String(32), default="")
    """Random: with the number, the key by which a second hand-over is told from a second request."""

    @property
    def reference(self) -> str:
        """Its number, as the caller is told: four digits or more."""
        return str(FIRST_REFERENCE + self.id)


class DeliveryRow(Base):
    """Something that leaves the house."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("deliveries_due", "state", "next_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime)
    town: Mapped[str] = mapped_column(String(120))
    channel: Mapped[str] = mapped_column(String(10))
    """open311, mail or sms"""
    key: Mapped[str] = mapped_column(String(80), unique=True)
    content: Mapped[dict[str, str]] = mapped_column(JSON)
    request_id: Mapped[int | None] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"))
    receiver: Mapped[str] = mapped_column(String(64), default="", index=True)
    """Keyed hash of the number an SMS goes to: how many it got today is counted by it."""
    state: Mapped[str] = mapped_column(String(10), default="queued")
    """queued, sending, sent or failed"""
    next_at: Mapped[datetime] = mapped_column(DateTime)
    """Not before then; of one being sent: when its sender counts as dead."""
    attempts: Mapped[int] = mapped_column(default=0)
    unsure: Mapped[bool] = mapped_column(default=False)
    """The try before may have arrived."""
    claim: Mapped[str] = mapped_column(String(32), default="", index=True)
    """Random: who is sending it."""
    remote: Mapped[str] = mapped_column(String(120), default="")
    error: Mapped[str] = mapped_column(Text, default="")


class Transfer(Base):
    """A call handed over to people, and what became of it."""

    __tablename__ = "transfers"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), index=True)
    linkedid: Mapped[str] = mapped_column(String(150), index=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    town: Mapped[str] = mapped_column(String(120))
    """The commune's key."""
    service: Mapped[str] = mapped_column(String(80))
    queue: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(40))
    intent: Mapped[str] = mapped_column(String(80), default="")
    """What the caller wants, as far as the bot knows."""
    language: Mapped[str] = mapped_column(String(8), default="fr")
    state: Mapped[str] = mapped_column(String(12), default="announced")
    """announced, waiting, ringing, answered, ended, abandoned or unanswered"""
    operator: Mapped[str] = mapped_column(String(80), default="")
    """Interface that rings, or answered: PJSIP/operateur1"""
    answered_at: Mapped[datetime | None] = mapped_column(DateTime)
    ended_at: Mapped[datetime | None] = mapped_column(DateTime)
    judged: Mapped[str] = mapped_column(String(12), default="")
    """right, wrong or off_topic: what the operator says of the intent; empty until they do."""
    judged_by: Mapped[str] = mapped_column(String(80), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    called_back: Mapped[bool] = mapped_column(default=False)
    phone: Mapped[str | None] = mapped_column(String(40))
    """The number that called, for a few days: an operator who asks for it sees it, to call back."""


class Account(Base):
    """Somebody who may log in to the console."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    role: Mapped[str] = mapped_column(String(12))
    """operator, quality or admin"""
    password: Mapped[str] = mapped_column(String(200))
    """argon2id, as argon2-cffi writes it."""
    operator: Mapped[str] = mapped_column(String(80), default="")
    """Their telephone: PJSIP/operateur1"""
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(DateTime)
    failures: Mapped[int] = mapped_column(default=0)
    """Wrong passwords in a row."""
    locked_until: Mapped[datetime | None] = mapped_column(DateTime)


class LogIn(Base):
    """A session of the console."""

    __tablename__ = "logins"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the cookie: the database alone opens no session."""
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(DateTime)
    seen_at: Mapped[datetime] = mapped_column(DateTime)
    expires_at: Mapped[datetime] = mapped_column(DateTime)


class Audit(Base):
    """Who did what in the console."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    account: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(40))
    about: Mapped[str] = mapped_column(String(200), default="")


class QueueState(Base):
    """What Asterisk last said of a queue."""

    __tablename__ = "queues"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime)
    waiting: Mapped[int] = mapped_column(default=0)
    longest_wait_s: Mapped[int] = mapped_column(default=0)
    members: Mapped[list[Any]] = mapped_column(JSON, default=list)
    """[{"interface": "PJSIP/operateur1", "name": "...", "state": "free|busy|ringing|paused|away"}, ...]"""


class Event(Base):
    """Something happened: whoever follows the journal live looks for the newest number."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    kind: Mapped[str] = mapped_column(String(20))
    """call, turn, request, transfer or queue"""
    ref: Mapped[str] = mapped_column(String(150), default="")
    """Id of the row, or the queue's name."""


class Sample(Base):
    """A turn that the sampling plan asks somebody to review."""

    __tablename__ = "samples"

    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    kind: Mapped[str] = mapped_column(String(10))
    """random (for honest figures) or unsure (for learning)"""


class Review(Base):
    """What somebody who listened says a turn's intent was. A second one tells whether they agree."""

    __tablename__ = "reviews"
    __table_args__ = (UniqueConstraint("turn_id", "account"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    account: Mapped[str] = mapped_column(String(80))
    intent: Mapped[str] = mapped_column(String(80), index=True)
    """The right one; hors_sujet when none is."""
    was: Mapped[str] = mapped_column(String(80), default="")
    """What the bot had understood."""


class Proposal(Base):
    """A sentence to be learnt as an example of an intent."""

    __tablename__ = "proposals"
    __table_args__ = (UniqueConstraint("text", "intent"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    account: Mapped[str] = mapped_column(String(80))
    intent: Mapped[str] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(String(500))
    """Masked words, as Rasa is to learn them."""
    turn_id: Mapped[int | None] = mapped_column(ForeignKey("turns.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(String(12), default="proposed", index=True)
    """proposed, undone, refused (by the gate), learnt"""
    training_id: Mapped[int | None] = mapped_column(ForeignKey("trainings.id", ondelete="SET NULL"))
    """The last training it took part in."""


class Training(Base):
    """A model trained with proposals, and what the gate found."""

    __tablename__ = "trainings"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    account: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(12), default="queued")
    """queued, training, calibrating, judging, hearing, passed, refused, failed"""
    progress: Mapped[float] = mapped_column(default=0.0)
    """0 to 1, of the whole."""
    model: Mapped[str] = mapped_column(String(80), default="")
    """File name of the model it made."""
    data: Mapped[str] = mapped_column(String(80), default="")
    """Hash of the sentences it learnt."""
    report: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What the gate measured, before and after, with every regression by name."""
    error: Mapped[str] = mapped_column(Text, default="")
    ended_at: Mapped[datetime | None] = mapped_column(DateTime)


class Deployment(Base):
    """The model that the servers shall use from then on; the newest row is the one in force."""

    __tablename__ = "deployments"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    account: Mapped[str] = mapped_column(String(80))
    model: Mapped[str] = mapped_column(String(80))
    """File name in nlu_models_dir."""
    previous: Mapped[str] = mapped_column(String(80), default="")
    action: Mapped[str] = mapped_column(String(10))
    """deploy or roll_back"""
    state: Mapped[str] = mapped_column(String(12), default="asked")
    """asked, starting, live, failed: as the server reports"""
    error: Mapped[str] = mapped_column(Text, default="")


class Question(Base):
    """A need that callers have and the bot knows nothing about, given to a service to answer."""

    __tablename__ = "questions"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    label: Mapped[str] = mapped_column(String(200))
    """What somebody called it; empty: the words of `turn_id` stand for it."""
    turn_id: Mapped[int | None] = mapped_column(ForeignKey("turns.id", ondelete="SET NULL"))
    """The turn that says it best; its words are not copied: they go when it goes."""
    service: Mapped[str] = mapped_column(String(80), default="")
    due_at: Mapped[datetime | None] = mapped_column(DateTime)
    state: Mapped[str] = mapped_column(String(12), default="open")
    """open, assigned, answered, published or closed"""
    answer: Mapped[str] = mapped_column(Text, default="")
    answered_by: Mapped[str] = mapped_column(String(80), default="")
    answered_at: Mapped[datetime | None] = mapped_column(DateTime)
    intent: Mapped[str] = mapped_column(String(80), default="")
    """The intent it became, or joined."""
    published_at: Mapped[datetime | None] = mapped_column(DateTime)


class Unanswered(Base):
    """A turn that nobody understood, and the question it is one of."""

    __tablename__ = "unanswered"

    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True)
    question_id: Mapped[int | None] = mapped_column(
        ForeignKey("questions.id", ondelete="SET NULL"), index=True
    )
    told_at: Mapped[datetime | None] = mapped_column(DateTime)
    """When the caller was called back or texted."""


class Purge(Base):
    """What a purge deleted, by kind."""

    __tablename__ = "purges"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    deleted: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)


class DayFigures(Base):
    """Anonymous figures of a half-hour, kept when its calls are long gone."""

    __tablename__ = "figures"
    __table_args__ = (UniqueConstraint("town", "starts_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    town: Mapped[str] = mapped_column(String(120))
    starts_at: Mapped[datetime] = mapped_column(DateTime, index=True)
    """Beginning of the half-hour, UTC."""
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
