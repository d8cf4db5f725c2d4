"""Settings: file, environment, and errors an administrator can act on."""

from pathlib import Path

import pytest

from callbot import settings
from callbot.errors import SettingsError
from callbot.settings import ROOT, Settings


def test_defaults_need_nothing() -> None:
    assert settings.load().town == "rivemont"


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "callbot.toml"
    file.write_text('town = "from_file"\nnlu_port = 5056\n')
    monkeypatch.setenv("CALLBOT_CONFIG", str(file))
    monkeypatch.setenv("CALLBOT_TOWN", "from_environment")
    loaded = settings.load()
    assert (loaded.town, loaded.nlu_port) == ("from_environment", 5056)


def test_numbers_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBOT_SAMPLE_RATE_HZ", "16000")
    assert settings.load().sample_rate_hz == 16000
    monkeypatch.setenv("CALLBOT_SAMPLE_RATE_HZ", "11025")
    with pytest.raises(SettingsError, match="sample_rate_hz"):
        settings.load()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("twon = 'x'", "twon"),
        ("nlu_port = 99999", "nlu_port"),
        ("nlu_port = ", "callbot.toml"),
        ("answer_threshold = 0.2\nconfirm_threshold = 0.3", "must not exceed"),
        ("voice_engine = 'piper'", "needs piper_model"),
    ],
)
def test_a_wrong_file_is_one_clear_line(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "callbot.toml"
    file.write_text(text)
    monkeypatch.setenv("CALLBOT_CONFIG", str(file))
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBOT_CONFIG", "/dev/null/nowhere/callbot.toml")
    with pytest.raises(SettingsError, match="not found"):
        settings.load()


def test_every_setting_is_described_and_documented() -> None:
    guide = (ROOT / "docs" / "administrateur.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert f"`{name}`" in guide, f"{name} is missing from docs/administrateur.md"
