"""What the server does, in figures for Prometheus. No figure says anything of a caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.process_collector import ProcessCollector

from callbot.types import Outcome, TurnRecord

CONTENT_TYPE = CONTENT_TYPE_LATEST
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)


@dataclass(frozen=True, slots=True)
class Health:
    """How the server is, at this moment."""

    calls: int
    """In progress."""
    rasa: bool
    draining: bool
    """It was told to stop and takes no new calls."""
    spool: int
    """Calls that wait for the journal."""
    outbox: Mapping[str, int] | None = field(default=None)
    """Deliveries by state; None: the journal can't be read."""

    @property
    def ready(self) -> bool:
        """Would a new call be answered as it should? (A journal that is away keeps nobody waiting.)"""
        return self.rasa and not self.draining


class Metrics:
    """The figures of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        about = Gauge("callbot_info", "The version, as a label", ["version"], registry=self._registry)
        about.labels(metadata.version("callbot")).set(1)
        self._in_progress = self._gauge("calls_in_progress", "Calls in progress")
        self._calls = self._counter("calls", "Calls that the bot's part has ended in", "result", "reason")
        self._turns = self._counter("turns", "Turns, by what was done and heard", "move", "heard")
        self._barge_ins = self._counter("barge_ins", "Turns in which the caller spoke over the bot")
        self._stages = Histogram(
            "callbot_stage_seconds",
            "Time a caller waits: endpoint (silence until the end is declared), decode, nlu, voice; "
            "think: nlu, decision and voice; answer: all, from the last word to the command that plays",
            ["stage"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._lag = self._gauge("decode_lag_seconds", "Wait of a piece of work for the loop and for a thread")
        self._rasa = self._gauge("rasa_up", "1: Rasa answers")
        self._draining = self._gauge("draining", "1: told to stop, no new calls")
        self._spool = self._gauge("journal_spool_calls", "Calls that wait for the journal")
        self._journal = self._gauge("journal_up", "1: the journal can be read")
        self._outbox = Gauge(
            "callbot_outbox_deliveries", "What is to leave the house", ["state"], registry=self._registry
        )

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"callbot_{name}", text, registry=self._registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"callbot_{name}", text, labels, registry=self._registry)

    def ended(self, outcome: Outcome) -> None:
        """The bot's part of a call has ended."""
        self._calls.labels(outcome.result, outcome.reason).inc()

    def turn(self, turn: TurnRecord) -> None:
        """A turn was held."""
        self._turns.labels(turn.move.partition(":")[0], turn.heard).inc()
        if turn.barge_in:
            self._barge_ins.inc()
        stages = {
            "endpoint": turn.endpoint_ms,
            "decode": turn.decode_ms,
            "nlu": turn.nlu_ms,
            "voice": turn.voice_ms,
            "think": turn.think_ms,
        }
        if turn.heard == "speech" and None not in (turn.endpoint_ms, turn.decode_ms, turn.think_ms):
            stages["answer"] = sum(stages[part] or 0.0 for part in ("endpoint", "decode", "think"))
        for stage, spent_ms in stages.items():
            if spent_ms is not None:
                self._stages.labels(stage).observe(spent_ms / 1000)

    def lag(self, seconds: float) -> None:
        """Work has waited so long for the event loop and a thread that recognises."""
        self._lag.set(seconds)

    def text(self, health: Health) -> bytes:
        """All figures, as Prometheus reads them."""
        self._in_progress.set(health.calls)
        self._rasa.set(health.rasa)
        self._draining.set(health.draining)
        self._spool.set(health.spool)
        self._journal.set(health.outbox is not None)
        for state in ("queued", "sending", "failed"):
            self._outbox.labels(state).set((health.outbox or {}).get(state, 0))
        return generate_latest(self._registry)
