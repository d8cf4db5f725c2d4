"""A call's sound on disk: right at any moment, nobody else's to read, and never in the call's way."""

import asyncio
import stat
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callbot.speech.recording import CallRecorder

SECOND = (np.sin(np.arange(8000) / 5) * 8000).astype("<i2").tobytes()


async def written(recorder: CallRecorder) -> None:
    """Wait until what was added is on disk."""
    await asyncio.get_running_loop().run_in_executor(recorder._thread, lambda: None)


async def test_the_file_holds_what_was_heard(tmp_path: Path) -> None:
    recorder = CallRecorder(tmp_path / "recordings", 8000)
    for at in range(0, len(SECOND), 320):
        recorder.add(SECOND[at : at + 320])
    recorder.add(SECOND[:320])
    name = await recorder.close()
    path = tmp_path / "recordings" / name
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == 8000 and samples.tobytes() == SECOND + SECOND[:320]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_it_can_be_played_while_the_call_goes_on(tmp_path: Path) -> None:
    """And after the server died in it."""
    recorder = CallRecorder(tmp_path, 8000)
    for seconds in (1, 2, 3):
        recorder.add(SECOND)
        await written(recorder)
        assert soundfile.info(tmp_path / recorder.name).duration == seconds
    await recorder.close()


async def test_a_refusal_leaves_nothing(tmp_path: Path) -> None:
    recorder = CallRecorder(tmp_path, 8000)
    recorder.add(SECOND * 2)
    await written(recorder)
    assert len(list(tmp_path.iterdir())) == 1
    await recorder.discard()
    assert list(tmp_path.iterdir()) == []
    recorder.add(SECOND * 2)
    assert await recorder.close() == "" and list(tmp_path.iterdir()) == []


async def test_a_call_without_sound_leaves_no_file(tmp_path: Path) -> None:
    recorder = CallRecorder(tmp_path, 8000)
    assert await recorder.close() == "" and list(tmp_path.iterdir()) == []


async def test_a_full_disk_ends_the_recording_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = CallRecorder(Path("/dev/full"), 8000)
    for _ in range(5):
        recorder.add(SECOND)
    assert await recorder.close() == ""
    assert caplog.text.count("a call is not recorded") == 1


async def test_a_disk_that_fills_up_leaves_no_half_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = CallRecorder(tmp_path, 8000)
    recorder.add(SECOND)
    await written(recorder)
    monkeypatch.setattr("callbot.speech.recording.os.pwrite", lambda file, data, at: 0)
    recorder.add(SECOND)
    assert await recorder.close() == "" and list(tmp_path.iterdir()) == []


async def test_a_slow_disk_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbot.speech.recording.os.pwrite", lambda *_: time.sleep(0.5) or 0)
    recorder = CallRecorder(tmp_path, 8000)
    began = time.perf_counter()
    for _ in range(20):
        recorder.add(SECOND)
    assert time.perf_counter() - began < 5, "twenty writes were waited for"
    await recorder.close()
