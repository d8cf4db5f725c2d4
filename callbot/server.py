"""The long-running process: accepts calls from bridges, and does everything else beside them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import socket
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from callbot import watchdog
from callbot.admission import Admission
from callbot.agi import line as agi_line
from callbot.agi.line import Audio, PhoneLine
from callbot.desk import Office, Offices, TownDesk, takes_texts
from callbot.dialogue import wording
from callbot.dialogue.conversation import Conversation, Record
from callbot.dialogue.dialogue import Dialogue
from callbot.dialogue.moves import FRONT_DESK
from callbot.dialogue.state import Caller
from callbot.dialogue.writing import for_reading
from callbot.doorway import STATUS, listen
from callbot.ears import next_hearing
from callbot.errors import CallbotError, CallerHungUp, JournalError, LineError, SettingsError, VoiceError
from callbot.health import build_app as build_health
from callbot.housekeeping import jobs_of, keep_house
from callbot.journal import missed
from callbot.journal.call import CallJournal
from callbot.journal.outbox import Outbox
from callbot.journal.privacy import load_key
from callbot.journal.store import Journal
from callbot.journal.transfers import Transfers
from callbot.kept_going import kept_going
from callbot.memory import few_arenas
from callbot.metrics import Health, Metrics
from callbot.models_in_force import Exchange, Model
from callbot.operators import operators_of
from callbot.parts import Parts
from callbot.settings import Settings
from callbot.speech.recording import CallRecorder
from callbot.switchboard.transfers import whisper
from callbot.text_channel.app import build_app
from callbot.text_channel.conversations import Seats
from callbot.text_channel.serving import serve
from callbot.town.answers import Answers
from callbot.types import CallInfo, Outcome, Queueing, Sentence, TurnRecord

log = logging.getLogger(__name__)

ACCEPT_PAUSE_S = 0.2
DRAIN_LOOK_S = 0.1
LOOK_S = 2.0
"""Patience with the parts that are asked how they are."""


class Server:
    """Accepts calls on a Unix socket until told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._calls: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._at_once = asyncio.Event()
        self._in_progress = 0
        self._metrics = Metrics()
        self._chats: Seats | None = None

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        New calls then go to humans at once; those in progress may end, for `drain_s` at most or until a
        second signal, which hands them to humans too.

        Raises:
            CallbotError: something is missing; says what in one line.
        """
        loop = asyncio.get_running_loop()
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_, self._told_to_stop)
        few_arenas()
        os.umask(0o022)  # Asterisk, another user, reads the prompts; keys have modes of their own
        try:
            self._settings.state_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"state_dir {self._settings.state_dir}: {error.strerror}") from error
        missed.prepare(self._settings.missed_dir)
        self._parts = Parts(self._settings)
        self._admission = Admission(
            self._parts.threads,
            self._settings.max_lag_ms / 1000,
            self._settings.max_calls,
            self._metrics.lag,
            lambda: self._in_progress,
        )
        try:
            journal_key = load_key(self._settings.state_dir / "journal.key")
            self._journal = Journal(
                self._settings.journal_dsn,
                journal_key,
                self._settings.spool_dir,
                patient=True,
                raw=self._settings.raw_days > 0,
            )
            self._outbox = Outbox(self._journal.database, journal_key)
            self._offices = Offices(self._settings, self._parts.communes, self._journal, journal_key)
            self._operators = operators_of(self._settings, Transfers(self._journal.database))
            await self._parts.prompts.prepare(wording.fixed())
            with listen(self._settings.socket_path) as listener:
                await self._work(listener)
            await self._offices.close()
            self._journal.close()
        finally:
            await self._parts.close()

    async def _work(self, listener: socket.socket) -> None:
        """Everything at once until told to stop, or until a part of it ends, which it never should."""
        works: list[Coroutine[Any, Any, object]] = [
            self._accept(listener),
            self._drained(),
            kept_going("rendering prompts", self._render),
            kept_going("delivery", self._offices.courier.run),
            kept_going("fetching live sources", self._keep_fresh),
            keep_house(jobs_of(self._settings, self._journal.database)),
            kept_going("the journal", partial(self._journal.spool.run, self._journal.put)),
            kept_going("missed calls", missed.Notes(self._settings.missed_dir, self._journal).run),
            kept_going("admission", self._admission.watch),
            kept_going("the watchdog", watchdog.keep_telling),
            Exchange(self._settings, self._parts.model, self._journal.database, self._adopt).run(),
        ]
        if self._operators is not None:
            works.append(self._operators.run())
        if self._settings.text_port is not None:
            works.append(self._serve_text(self._settings.text_port))
        if self._settings.metrics_port is not None:
            works.append(self._serve_metrics(self._settings.metrics_port))
        tasks = [asyncio.create_task(work) for work in works]
        log.info("listening on %s", self._settings.socket_path)
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, *self._calls):
            task.cancel()
        await asyncio.gather(*tasks, *self._calls, return_exceptions=True)
        for task in done:
            task.result()  # an error that ended one of them is told

    def _told_to_stop(self) -> None:
        if self._stopping.is_set():
            self._at_once.set()
        self._stopping.set()
        watchdog.tell(watchdog.STOPPING)

    async def _drained(self) -> None:
        """Return when the server was told to stop and its calls have ended, or may wait no longer."""
        await self._stopping.wait()
        patience = self._settings.drain_s
        log.info("told to stop: %d calls in progress, %d s for them", self._in_progress, patience)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._in_progress and not self._at_once.is_set():  # noqa: ASYNC110 (two matters)
                    await asyncio.sleep(DRAIN_LOOK_S)

    async def _serve_metrics(self, port: int) -> None:
        host = self._settings.metrics_host
        try:
            await serve(build_health(self._metrics, self._look), host, port)
        except SettingsError as error:
            raise SettingsError(f"metrics_host {host}, metrics_port {port}: {error.__cause__}") from error

    async def _look(self) -> Health:
        """How the server is now; a part that does not answer in time counts as away."""

        async def outbox() -> dict[str, int] | None:
            try:
                return await asyncio.wait_for(self._outbox.counts(), LOOK_S)
            except (JournalError, TimeoutError):
                return None

        rasa, deliveries = await asyncio.gather(self._parts.rasa.ready(), outbox())
        waiting = self._journal.spool.depth
        return Health(self._in_progress, rasa, self._stopping.is_set(), waiting, deliveries)

    async def _adopt(self, model: Model) -> None:
        """Have every conversation that begins from now on heard, understood and answered as it learnt."""
        answers = await asyncio.to_thread(self._parts.communes.learnt, model.files.answers)
        hearing = await asyncio.to_thread(next_hearing, self._settings, model.files, self._parts.hearing)
        self._parts.hearing = hearing
        self._parts.model = model
        self._parts.communes.adopt(answers)
        for office in self._offices:
            office.answers = answers[office.key]
        if self._chats is not None:
            self._chats.answers = for_reading(answers[self._parts.communes.first])

    async def _serve_text(self, port: int) -> None:
        """The text channel; it speaks for the first commune."""
        parts, settings = self._parts, self._settings
        office = self._offices[parts.communes.first]

        def open_dialogue(info: CallInfo, answers: Answers) -> tuple[Dialogue, CallJournal]:
            journal = self._new_journal(info, office)
            desk = TownDesk(office, journal, info, self._offices.courier)
            caller = Caller(anonymous=True)
            understanding = parts.model.understanding()
            return Dialogue(understanding, answers, parts.thresholds(), desk, office.clock, caller), journal

        app = build_app(
            open_dialogue,
            office.answers,
            origins=settings.text_origins,
            trusted_proxies=settings.text_trusted_proxies,
        )
        self._chats = app.state.seats
        await serve(app, settings.text_host, port)

    async def _render(self) -> None:
        """Render ahead what can be said, so that no caller waits for synthesis; never ends."""
        try:
            await self._parts.prompts.tone()
        except VoiceError as error:  # a full disk: made when it is needed, then
            log.error("tone: %s", error)
        for commune in self._parts.communes:
            prompts, now = self._parts.prompts_of(commune), self._parts.communes.clock(commune)()
            for sentence in wording.every_sentence(self._parts.communes[commune], now):
                try:
                    await prompts.wav(sentence)
                except VoiceError as error:
                    log.error("prompt %s: %s", sentence.id, error)
        await asyncio.Event().wait()

    async def _keep_fresh(self) -> None:
        """Fetch live sources ahead; never ends, though there may be none."""
        await asyncio.gather(*(office.live.keep_fresh() for office in self._offices))
        await asyncio.Event().wait()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:  # too many open files, say: later calls must still get in
                log.error("a connection could not be accepted: %s", error)
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            task = asyncio.create_task(self._serve(connection))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

    async def _serve(self, connection: socket.socket) -> None:
        """One connection: a bridge with a call, or a question about the server's health."""
        connection.setblocking(False)
        with connection:
            try:
                hello, descriptors = await agi_line.receive_hello(connection)
            except (LineError, OSError) as error:
                log.warning("connection dropped: %s", error)
                return
            if hello == agi_line.HELLO and len(descriptors) == 1 and not self._stopping.is_set():
                await self._serve_bridge(connection, descriptors[0])
                return
            for descriptor in descriptors:
                os.close(descriptor)
            if hello == STATUS:
                await self._tell_status(connection)
            elif hello == agi_line.HELLO and self._stopping.is_set():
                log.info("a call goes to the operators: the server is stopping")
            else:
                log.warning("not a bridge: %r with %d descriptors", hello, len(descriptors))

    async def _serve_bridge(self, connection: socket.socket, audio_fd: int) -> None:
        try:
            silence = await self._parts.prompts.silence()
            reader, writer = await asyncio.open_connection(sock=connection)
        except (VoiceError, OSError) as error:
            os.close(audio_fd)
            log.error("a call goes to the operators: %s", error)
            return
        line = PhoneLine(reader, writer, audio_fd, silence, self._settings.sample_rate_hz)
        self._in_progress += 1
        try:
            await self._call(line)
        finally:
            self._in_progress -= 1
            await line.close()

    async def _call(self, line: PhoneLine) -> None:
        outcome, journal, recorder = Outcome("FAILED", reason="fault"), None, None
        try:
            await line.open()
            log.info("call %s begins", line.info.linkedid)
            office = self._offices[self._parts.communes.called(line.info.called)]
            journal = self._new_journal(line.info, office)
            if not self._admission.admits(self._in_progress - 1):
                outcome = await self._turned_away(line, office)
                return
            recorder = self._new_recorder(line.info)
            if recorder is not None:
                await journal.recording(recorder.name)
            outcome = await Conversation(
                line,
                self._parts.ear(),
                self._parts.prompts_of(office.key),
                self._new_dialogue(office, journal, line.info, recorded=recorder is not None),
                office.answers,
                self._recording(journal),
                self._settings.messages_dir,
                self._parts.tempo(),
                recorder,
            ).run()
            outcome = await self._informed(outcome, office, journal)
        except asyncio.CancelledError:
            outcome = Outcome("FAILED", reason="server_stopped")
            raise
        except CallerHungUp:
            outcome = Outcome("DONE", reason="hung_up")
        except CallbotError as error:
            log.error("call %s fails: %s", line.info.linkedid, error)
        except Exception:
            log.exception("call %s fails", line.info.linkedid)
        finally:
            await line.leave(outcome)
            self._metrics.ended(outcome)
            if journal is not None:
                if recorder is not None:
                    await journal.recording(await recorder.close())
                await journal.end(outcome)
            log.info("call %s ends: %s %s", line.info.linkedid, outcome.result, outcome.reason)

    async def _turned_away(self, line: PhoneLine, office: Office) -> Outcome:
        """One caller too many: told so, then queued; those who talk already are not slowed down."""
        town = office.answers.town
        most, late_s = self._admission.most, self._admission.lag_s
        log.warning(
            "call %s goes to the operators: %d calls at most, work %.1f s late",
            line.info.linkedid,
            most,
            late_s,
        )
        sentence = wording.sentence("crowded", town=town.name)
        await line.play([await self._parts.prompts_of(office.key).wav(sentence)])
        while isinstance(await line.next_event(), Audio):
            pass
        return Outcome("TRANSFER", town.service(FRONT_DESK).queue, "crowded")

    def _new_journal(self, info: CallInfo, office: Office) -> CallJournal:
        town, held_with = office.answers.town.name, self._parts.hearing.versions[office.key]
        return CallJournal(self._journal, info, town, office.key, office.hand_over, held_with)

    def _new_recorder(self, info: CallInfo) -> CallRecorder | None:
        """Some calls are recorded; never one that comes back, in which nothing would tell so."""
        if info.unanswered or random.random() >= self._settings.recording_share:
            return None
        return CallRecorder(self._settings.recordings_of_calls_dir, self._settings.sample_rate_hz)

    def _recording(self, journal: CallJournal) -> Record:
        async def record(turn: TurnRecord) -> None:
            self._metrics.turn(turn)
            await journal.record(turn)

        return record

    async def _informed(self, outcome: Outcome, office: Office, journal: CallJournal) -> Outcome:
        """Let the people a call goes to know why it comes, before it moves."""
        context = outcome.context
        if context is None:
            return outcome
        service = office.answers.town.service(context.service)
        await journal.hand_over(context, outcome.destination or service.queue, outcome.reason)
        known = office.answers.catalog.get(context.intent)
        text = whisper(known.name if known else "", service.name, outcome.reason, context.language)
        try:
            wav = await self._parts.prompts_of(office.key).wav(Sentence("whisper", text))
        except VoiceError as error:
            log.error("whisper: %s", error)
            return outcome
        return replace(outcome, whisper=str(wav.with_suffix("")))

    def _waits(self, queue: str) -> Queueing | None:
        found = self._operators.estimate(queue) if self._operators is not None else None
        if found is None:
            return None
        return Queueing(found.before, found.wait_s, found.staffed)

    def _new_dialogue(
        self, office: Office, journal: CallJournal, info: CallInfo, *, recorded: bool
    ) -> Dialogue:
        desk = TownDesk(office, journal, info, self._offices.courier, self._waits)
        caller = Caller(not info.number, takes_texts(info.number, office.answers), recorded)
        return self._parts.dialogue(desk, caller, office.key, unanswered=info.unanswered)

    async def _tell_status(self, connection: socket.socket) -> None:
        answer = {"rasa": await self._parts.rasa.ready(), "calls": self._in_progress}
        if self._stopping.is_set():
            answer["stopping"] = True
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(connection, json.dumps(answer).encode() + b"\n")
