"""The server as its administrator runs it: stopped with calls in progress, watched, its journal away."""

import asyncio
import json
import logging
import os
import socket
from pathlib import Path

import httpx
import pytest

from callbot import logs
from callbot.doorway import status
from callbot.journal.privacy import load_key
from callbot.journal.store import Journal
from callbot.metrics import Health, Metrics
from callbot.settings import Settings
from callbot.types import Outcome, TurnRecord
from callbot.versions import versions

from .patience import PATIENCE_S, until
from .test_server import FakeAsterisk, start

AWAY = "http://127.0.0.1:9"
FAILED = 'SET VARIABLE "CALLBOT_RESULT" "FAILED"'


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Call:
    """A call that goes on until it is hung up."""

    def __init__(self, settings: Settings, linkedid: str = "1.1") -> None:
        self.asterisk = FakeAsterisk(settings)
        self.asterisk.say(f"agi_channel: x\nagi_uniqueid: {linkedid}\n\n")
        self.answering = asyncio.create_task(asyncio.to_thread(self.asterisk.answer_until_done))

    async def end(self) -> list[str]:
        """Until the dialplan has it back; returns all commands."""
        await asyncio.wait_for(self.answering, PATIENCE_S)
        self.asterisk.close()
        return self.asterisk.commands


async def in_progress(settings: Settings, calls: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await asyncio.to_thread(status, settings.socket_path))["calls"] != calls:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_server_told_to_stop_lets_calls_end_and_takes_no_more(short_tmp: Path) -> None:
    settings = Settings(state_dir=short_tmp, nlu_url=AWAY, max_lag_ms=5000, drain_s=600)
    server = await start(settings)
    call = Call(settings)
    await in_progress(settings, 1)
    os.kill(os.getpid(), 15)
    async with asyncio.timeout(PATIENCE_S):
        while not (await asyncio.to_thread(status, settings.socket_path))["stopping"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    late = Call(settings, "2.2")
    assert (await late.end())[-1] == "SET VARIABLE CALLBOT_RESULT FAILED", "the bridge itself, at once"
    assert not server.done() and not call.answering.done()
    call.asterisk.say("HANGUP\n")
    commands = await call.end()
    await asyncio.wait_for(server, PATIENCE_S)
    assert FAILED not in commands
    journal = Journal(settings.journal_dsn, load_key(short_tmp / "journal.key"))
    (row,) = journal.calls()
    journal.close()
    assert (row.linkedid, row.result, row.reason) == ("1.1", "DONE", "hung_up")
    assert set(row.versions) == {"callbot", "speech", "town"}


async def test_a_second_signal_ends_the_wait(short_tmp: Path) -> None:
    settings = Settings(state_dir=short_tmp, nlu_url=AWAY, max_lag_ms=5000, drain_s=600)
    server = await start(settings)
    call = Call(settings)
    await in_progress(settings, 1)
    for _ in range(2):
        os.kill(os.getpid(), 15)
        await asyncio.sleep(0.2)
    await asyncio.wait_for(server, PATIENCE_S)
    assert (await call.end())[-1] == FAILED


async def test_figures_and_health_are_told_on_a_port(short_tmp: Path) -> None:
    settings = Settings(
        state_dir=short_tmp, nlu_url=AWAY, max_lag_ms=5000, metrics_port=free_port(), drain_s=600
    )
    server = await start(settings)
    call = Call(settings)
    await in_progress(settings, 1)
    url = f"http://127.0.0.1:{settings.metrics_port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        assert (await http.get("/live")).status_code == 200
        ready = await http.get("/ready")
        assert ready.status_code == 503 and ready.json()["rasa"] is False and ready.json()["journal"] is True
        await until(lambda: call.asterisk.commands)
        figures = (await http.get("/metrics")).text
        assert "callbot_calls_in_progress 1.0" in figures and "callbot_rasa_up 0.0" in figures
        assert 'callbot_turns_total{heard="",move="greet"} 1.0' in figures
        assert "callbot_decode_lag_seconds" in figures and "process_resident_memory_bytes" in figures
        (short_tmp / "journal.sqlite").rename(short_tmp / "aside")
        call.asterisk.say("HANGUP\n")
        await call.end()
        async with asyncio.timeout(PATIENCE_S):  # the end of a call waits 3 s for the journal
            while "callbot_journal_spool_calls 1.0" not in figures:
                await asyncio.sleep(0.3)
                figures = (await http.get("/metrics")).text
        assert "callbot_journal_up 0.0" in figures
        assert 'callbot_calls_total{reason="hung_up",result="DONE"} 1.0' in figures
        (short_tmp / "aside").rename(short_tmp / "journal.sqlite")
        async with asyncio.timeout(PATIENCE_S):
            while "callbot_journal_spool_calls 0.0" not in figures:
                await asyncio.sleep(0.3)
                figures = (await http.get("/metrics")).text
    os.kill(os.getpid(), 15)
    await asyncio.wait_for(server, PATIENCE_S)
    journal = Journal(settings.journal_dsn, load_key(short_tmp / "journal.key"))
    assert [row.result for row in journal.calls()] == ["DONE"]
    journal.close()


def test_the_whole_wait_is_the_sum_of_its_parts() -> None:
    metrics = Metrics()
    turn = TurnRecord(
        1, "answer:piscine", "", "speech", endpoint_ms=300, decode_ms=10, nlu_ms=20, voice_ms=5, think_ms=40
    )
    metrics.turn(turn)
    metrics.turn(TurnRecord(2, "ask:silence", "", "silence", think_ms=40))
    metrics.ended(Outcome("TRANSFER", "standard", "asked"))
    text = metrics.text(Health(0, True, False, 0, {"queued": 2})).decode()
    assert 'callbot_stage_seconds_sum{stage="answer"} 0.35' in text
    assert 'callbot_stage_seconds_count{stage="answer"} 1.0' in text
    assert 'callbot_turns_total{heard="speech",move="answer"} 1.0' in text
    assert 'callbot_calls_total{reason="asked",result="TRANSFER"} 1.0' in text
    assert 'callbot_outbox_deliveries{state="queued"} 2.0' in text and "callbot_rasa_up 1.0" in text


def test_versions_change_with_what_they_name(tmp_path: Path) -> None:
    town, model = tmp_path / "ville.yml", tmp_path / "model"
    town.write_text("a: 1\n")
    (model / "graph").mkdir(parents=True)
    (model / "graph" / "words.txt").write_text("un 1\n")
    settings = Settings(town=str(town), model_dir=model)
    before = versions(settings, model)["ville"]
    town.write_text("a: 2\n")
    changed = versions(settings, model)["ville"]
    assert changed["town"] != before["town"] and changed["speech"] == before["speech"]
    (model / "graph" / "words.txt").write_text("un 2\n")
    again = versions(settings, model)["ville"]
    assert again["speech"] != before["speech"] and again["speech"].startswith("model-")


def test_messages_may_be_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    logs.configure(Settings(log_format="json"))
    try:
        raise OSError("no « such » file")
    except OSError:
        logging.getLogger("callbot.server").exception("call %s fails", "17.0")
    told = json.loads(capsys.readouterr().err)
    assert (told["level"], told["logger"], told["message"]) == ("ERROR", "callbot.server", "call 17.0 fails")
    assert "OSError" in told["exc_info"] and told["at"]


async def test_a_server_starts_and_answers_without_its_journal(short_tmp: Path) -> None:
    away = "postgresql://callbot@127.0.0.1:9/callbot"
    settings = Settings(state_dir=short_tmp, nlu_url=AWAY, max_lag_ms=5000, drain_s=0, journal_url=away)
    server = await start(settings)
    call = Call(settings)
    await in_progress(settings, 1)
    await until(lambda: any("STREAM FILE" in command for command in call.asterisk.commands))
    call.asterisk.say("HANGUP\n")
    await call.end()
    os.kill(os.getpid(), 15)
    await asyncio.wait_for(server, PATIENCE_S)
    (waiting,) = (short_tmp / "spool").iterdir()
    kinds = [json.loads(line)["kind"] for line in waiting.read_text().splitlines()]
    assert kinds == ["begin", "turn", "end"]
