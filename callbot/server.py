"""The long-running process: loads the models once, accepts calls from bridges."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from callbot.agi import line as agi_line
from callbot.agi.line import PhoneLine
from callbot.desk import Office, Offices, TownDesk, takes_texts
from callbot.dialogue import wording
from callbot.dialogue.conversation import Conversation, Tempo
from callbot.dialogue.desk import Desk
from callbot.dialogue.dialogue import Dialogue
from callbot.dialogue.state import Caller, Thresholds
from callbot.errors import CallbotError, CallerHungUp, JournalError, LineError, SettingsError, VoiceError
from callbot.journal.call import CallJournal
from callbot.journal.events import Events
from callbot.journal.privacy import load_key
from callbot.journal.store import Journal
from callbot.journal.transfers import Transfers
from callbot.operators import operators_of
from callbot.settings import Settings
from callbot.speech import message
from callbot.speech.ear import Ear
from callbot.speech.endpoint import Endpointer
from callbot.speech.prompts import Prompts
from callbot.speech.recognizer import SpeechModel
from callbot.speech.voices import PiperVoice, Pyttsx3Voice, Voice
from callbot.switchboard.transfers import whisper
from callbot.text_channel.app import build_app
from callbot.text_channel.serving import serve
from callbot.town.answers import Answers
from callbot.town.communes import Communes
from callbot.types import CallInfo, Outcome, Queueing, Sentence
from callbot.understanding.calibration import Calibration
from callbot.understanding.rasa import RasaClient, RasaProcess, calibration_path, newest_model
from callbot.understanding.understanding import Understanding

log = logging.getLogger(__name__)

SOCKET_MODE = 0o660
ACCEPT_PAUSE_S = 0.2
FORGET_EVERY_S = 3600.0
MAX_SOCKET_PATH = 107
"""sun_path holds 108 bytes."""
STATUS = b"status\n"
"""What `callbot status` says instead of a bridge's hello."""


class Parts:
    """What every call shares: models, voice, town, journal."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._began = datetime.now()
        self.communes = Communes(settings.town, self.clock)
        self.speech_model = SpeechModel(settings.model_dir, settings.sample_rate_hz, settings.nbest)
        self.voice = make_voice(settings)
        self._prompts = {commune: self._new_prompts(commune) for commune in self.communes}
        self.threads = ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="vosk")
        self.rasa = RasaClient(
            settings.nlu_url or f"http://127.0.0.1:{settings.nlu_port}", settings.nlu_timeout_ms / 1000
        )
        self.understanding = Understanding(self.rasa.parse, load_calibration(settings))

    def clock(self) -> datetime:
        """The town's local time, or the one it shall be."""
        pretended = self.settings.pretend_now
        return datetime.now() if pretended is None else pretended + (datetime.now() - self._began)

    @property
    def answers(self) -> Answers:
        """The first commune's answers."""
        return self.communes[self.communes.first]

    @property
    def prompts(self) -> Prompts:
        """The first commune's sentences; the fixed ones are its."""
        return self.prompts_of(self.communes.first)

    def prompts_of(self, commune: str) -> Prompts:
        """A commune's sentences."""
        return self._prompts[commune]

    def _new_prompts(self, commune: str) -> Prompts:
        """A commune's own recordings lie in a folder of its name; the first one's may lie beside it."""
        recordings = self.settings.recordings_dir
        if recordings is not None and (recordings / commune).is_dir():
            recordings = recordings / commune
        elif commune != self.communes.first:
            recordings = None
        return Prompts(self.settings.prompts_dir, self.voice, recordings)

    def ear(self) -> Ear:
        """An ear for a new call."""
        return Ear(
            self.speech_model.recognizer(),
            self.threads,
            Endpointer(self.settings.end_silence_ms, self.settings.max_utterance_ms),
            self.settings.sample_rate_hz,
            self.speech_model.recognizer if self.speech_model.knows_grammars else None,
        )

    def thresholds(self) -> Thresholds:
        """When to act, and when to ask."""
        asked = self.settings
        fitted = self.understanding.calibration.thresholds
        return Thresholds(
            asked.answer_threshold if asked.answer_threshold is not None else fitted["answer"],
            asked.confirm_threshold if asked.confirm_threshold is not None else fitted["confirm"],
            asked.choose_threshold if asked.choose_threshold is not None else fitted["choose"],
        )

    def dialogue(
        self,
        desk: Desk,
        caller: Caller = Caller(),  # noqa: B008 (frozen)
        commune: str = "",
        *,
        clock: Callable[[], datetime] | None = None,
        unanswered: bool = False,
    ) -> Dialogue:
        """The conversation of a new call; of the first commune, unless another is named."""
        understanding = Understanding(self.rasa.parse, self.understanding.calibration)
        answers = self.communes[commune or self.communes.first]
        return Dialogue(
            understanding, answers, self.thresholds(), desk, clock or self.clock, caller, unanswered
        )

    def tempo(self) -> Tempo:
        """Patience with a caller."""
        asked = self.settings
        return Tempo(
            no_input_ms=asked.no_input_ms,
            wait_ms=asked.wait_ms,
            barge_in_ms=asked.barge_in_ms,
            end_silence_ms=asked.end_silence_ms,
            quick_silence_ms=min(asked.quick_silence_ms, asked.end_silence_ms),
            slow_silence_ms=max(asked.slow_silence_ms, asked.end_silence_ms),
            max_call_s=asked.max_call_s,
        )

    async def close(self) -> None:
        """Release voice, connections and threads."""
        await self.voice.close()
        await self.rasa.close()
        self.threads.shutdown(wait=False, cancel_futures=True)


def load_calibration(settings: Settings) -> Calibration:
    """The calibration of the model in use; cautious defaults for a remote or uncalibrated one."""
    if settings.nlu_url is None:
        path = calibration_path(newest_model(settings.nlu_project, settings.nlu_models_dir))
        if path.is_file():
            return Calibration.load(path)
        log.warning("the NLU model has no calibration (callbot calibrate)")
    return Calibration()


def make_voice(settings: Settings) -> Voice:
    """The voice the settings ask for.

    Raises:
        VoiceError: it is not installed.
    """
    if settings.voice_engine == "piper":
        assert settings.piper_model is not None  # settings checked it
        return PiperVoice(settings.piper_model)
    return Pyttsx3Voice(settings.voice, settings.speech_rate_wpm)


class Server:
    """Accepts calls on a Unix socket until told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._calls: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._in_progress = 0

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; calls in progress are then handed to humans.

        Raises:
            CallbotError: something is missing; says what in one line.
        """
        loop = asyncio.get_running_loop()
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_, self._stopping.set)
        os.umask(0o022)  # Asterisk, another user, reads the prompts; keys have modes of their own
        try:
            self._settings.state_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"state_dir {self._settings.state_dir}: {error.strerror}") from error
        self._parts = Parts(self._settings)
        try:
            journal_key = load_key(self._settings.state_dir / "journal.key")
            self._journal = Journal(self._settings.journal_dsn, journal_key)
            self._offices = Offices(
                self._settings, self._parts.communes, self._journal, journal_key, self._parts.clock
            )
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
            self._render(),
            self._offices.courier.run(),
            self._keep_fresh(),
            self._forget(),
            self._stopping.wait(),
        ]
        if self._settings.nlu_url is None:
            works.append(self._new_rasa().supervise())
        if self._operators is not None:
            works.append(self._operators.run())
        if self._settings.text_port is not None:
            works.append(self._serve_text(self._settings.text_port))
        tasks = [asyncio.create_task(work) for work in works]
        log.info("listening on %s", self._settings.socket_path)
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, *self._calls):
            task.cancel()
        await asyncio.gather(*tasks, *self._calls, return_exceptions=True)
        for task in done:
            task.result()  # an error that ended one of them is told

    def _new_rasa(self) -> RasaProcess:
        settings = self._settings
        process = RasaProcess(
            settings.nlu_python,
            settings.nlu_project,
            newest_model(settings.nlu_project, settings.nlu_models_dir),
            settings.nlu_port,
            settings.state_dir / "rasa.log",
        )
        process.check()
        return process

    async def _serve_text(self, port: int) -> None:
        """The text channel; it speaks for the first commune."""
        parts, settings = self._parts, self._settings
        office = self._offices[parts.communes.first]

        def open_dialogue(info: CallInfo, answers: Answers) -> tuple[Dialogue, CallJournal]:
            journal = CallJournal(self._journal, info, answers.town.name, office.key, office.hand_over)
            desk = TownDesk(office, journal, info, self._offices.courier)
            understanding = Understanding(parts.rasa.parse, parts.understanding.calibration)
            caller = Caller(anonymous=True)
            return Dialogue(understanding, answers, parts.thresholds(), desk, parts.clock, caller), journal

        app = build_app(
            open_dialogue,
            office.answers,
            origins=settings.text_origins,
            trusted_proxies=settings.text_trusted_proxies,
        )
        await serve(app, settings.text_host, port)

    async def _render(self) -> None:
        """Render ahead what can be said, so that no caller waits for synthesis; never ends."""
        try:
            await self._parts.prompts.tone()
        except VoiceError as error:  # a full disk: made when it is needed, then
            log.error("tone: %s", error)
        for commune in self._parts.communes:
            prompts = self._parts.prompts_of(commune)
            for sentence in wording.every_sentence(self._parts.communes[commune], self._parts.clock()):
                try:
                    await prompts.wav(sentence)
                except VoiceError as error:
                    log.error("prompt %s: %s", sentence.id, error)
        await asyncio.Event().wait()

    async def _keep_fresh(self) -> None:
        """Fetch live sources ahead; never ends, though there may be none."""
        await asyncio.gather(*(office.live.keep_fresh() for office in self._offices))
        await asyncio.Event().wait()

    async def _forget(self) -> None:
        """Delete the sound of old messages, as callers were told, and old events; never ends."""
        folder, days = self._settings.messages_dir, self._settings.message_days
        while True:
            try:
                if gone := await asyncio.to_thread(message.forget, folder, days):
                    log.info("%d messages older than %d days deleted", gone, days)
                await Events(self._journal.database).forget()
            except (OSError, JournalError) as error:
                log.error("what is old could not be deleted, later again: %s", error)
            await asyncio.sleep(FORGET_EVERY_S)

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
            if hello == agi_line.HELLO and len(descriptors) == 1:
                await self._serve_bridge(connection, descriptors[0])
                return
            for descriptor in descriptors:
                os.close(descriptor)
            if hello == STATUS:
                await self._tell_status(connection)
            else:
                log.warning("not a bridge: %r with %d descriptors", hello, len(descriptors))

    async def _serve_bridge(self, connection: socket.socket, audio_fd: int) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        silence = await self._parts.prompts.silence()
        line = PhoneLine(reader, writer, audio_fd, silence, self._settings.sample_rate_hz)
        self._in_progress += 1
        try:
            await self._call(line)
        finally:
            self._in_progress -= 1
            await line.close()

    async def _call(self, line: PhoneLine) -> None:
        outcome, journal = Outcome("FAILED", reason="fault"), None
        try:
            await line.open()
            log.info("call %s begins", line.info.linkedid)
            office = self._offices[self._parts.communes.called(line.info.called)]
            town = office.answers.town.name
            journal = CallJournal(self._journal, line.info, town, office.key, office.hand_over)
            outcome = await Conversation(
                line,
                self._parts.ear(),
                self._parts.prompts_of(office.key),
                self._new_dialogue(office, journal, line.info),
                office.answers,
                journal.record,
                self._settings.messages_dir,
                self._parts.tempo(),
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
            if journal is not None:
                await journal.end(outcome)
            log.info("call %s ends: %s %s", line.info.linkedid, outcome.result, outcome.reason)

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

    def _new_dialogue(self, office: Office, journal: CallJournal, info: CallInfo) -> Dialogue:
        desk = TownDesk(office, journal, info, self._offices.courier, self._waits)
        caller = Caller(not info.number, takes_texts(info.number, office.answers))
        return self._parts.dialogue(desk, caller, office.key, unanswered=info.unanswered)

    async def _tell_status(self, connection: socket.socket) -> None:
        answer = {"rasa": await self._parts.rasa.ready(), "calls": self._in_progress}
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(connection, json.dumps(answer).encode() + b"\n")


@contextlib.contextmanager
def listen(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket; a stale file left by a dead server is replaced.

    Raises:
        SettingsError: the path is too long or can't be written, or another server listens there.
    """
    if len(str(path).encode()) > MAX_SOCKET_PATH:
        raise SettingsError(f"socket path longer than {MAX_SOCKET_PATH} bytes: {path} (set socket)")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener:
        try:
            if path.exists():
                if not path.is_socket():
                    raise SettingsError(f"{path} is in the way and is no socket (set socket)")
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                    if probe.connect_ex(str(path)) == 0:
                        raise SettingsError(f"another callbot server listens on {path}")
                path.unlink()
            listener.bind(str(path))
            path.chmod(SOCKET_MODE)
        except OSError as error:
            raise SettingsError(f"socket {path}: {error.strerror}") from error
        listener.listen(128)
        listener.setblocking(False)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def status(path: Path) -> dict[str, Any]:
    """Ask a running server how it is: `{"rasa": true, "calls": 3}`.

    Raises:
        SettingsError: no server answers at this socket.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            client.connect(str(path))
            client.sendall(STATUS)
            answer: dict[str, Any] = json.loads(client.makefile().readline())
            return answer
    except (OSError, ValueError) as error:
        raise SettingsError(f"no callbot server answers at {path}") from error
