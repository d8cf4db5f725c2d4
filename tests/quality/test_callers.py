"""The callers that measure: real voices, a real codec, the noise asked for."""

import numpy as np
import pytest

from callbot.errors import EvaluationError
from callbot.quality import callers


def test_a_caller_speaks_on_a_noisy_line() -> None:
    pcm = callers.call_out("bonjour je voudrais un acte de naissance", "mb-fr4", seed=1)
    samples = np.frombuffer(pcm, "<i2").astype(float)
    assert 2.0 < len(samples) / callers.RATE_HZ < 4.5
    margin = samples[: int(callers.MARGIN_S * callers.RATE_HZ)]
    loud = np.sort(np.abs(samples))[len(samples) // 2 :]
    apart_db = 10 * np.log10(np.mean(loud**2) / np.mean(margin**2))
    assert 17 < apart_db < 26
    assert len(np.unique(samples)) <= 256  # the steps of A-law


def test_a_voice_that_is_not_there_is_told() -> None:
    with pytest.raises(EvaluationError, match="mb-klingon can't say 'bonjour'"):
        callers.call_out("bonjour", "mb-klingon", seed=1)


def test_somebody_can_always_be_called_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(callers.voices()) <= {*callers.MBROLA, callers.PICO}
    monkeypatch.setattr(callers.shutil, "which", lambda name: None)
    with pytest.raises(EvaluationError, match="no caller's voice"):
        callers.voices()
