"""One typed settings object, read from a TOML file and the environment.

The environment wins over the file. A key `end_silence_ms` is `CALLBOT_END_SILENCE_MS` in the environment.
The file is the one named by `CALLBOT_CONFIG`, else `/etc/callbot/callbot.toml` when it exists.
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from callbot.errors import SettingsError

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = ROOT / ".runtime"
BUNDLED_MODEL = Path(__file__).parent / "speech" / "models" / "fr-telephone"
DEFAULT_CONFIG = Path("/etc/callbot/callbot.toml")
_SAFE_ISSUER = re.compile(r"(https://[^\s?#]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/[^\s?#]*)?)")
"""What a provider says in clear could be anybody's, unless it never leaves the machine."""


class Settings(BaseSettings):
    """Everything an administrator may change."""

    model_config = SettingsConfigDict(env_prefix="CALLBOT_", extra="forbid", validate_default=True)

    # Places
    state_dir: Path = Field(
        default_factory=lambda: platformdirs.user_state_path("callbot"),
        description="Journal, prompts and keys. Asterisk must read it under the same absolute path.",
    )
    socket: Path | None = Field(
        None, description="Unix socket of the server; state_dir/callbot.sock if unset."
    )
    town: str = Field(
        "rivemont",
        description="A bundled commune's name, or the path of a town file. Several, with commas between, are "
        "told apart by the number dialled; the first takes what is no other's.",
    )

    # Ear
    model_dir: Path = Field(BUNDLED_MODEL, description="Folder of the Vosk model.")
    sample_rate_hz: Literal[8000, 16000] = Field(8000, description="Rate of the audio Asterisk delivers.")
    nbest: int = Field(5, ge=1, le=10, description="Recognition hypotheses passed to understanding.")
    end_silence_ms: int = Field(500, ge=200, le=3000, description="Silence that ends an utterance.")
    quick_silence_ms: int = Field(
        300, ge=200, le=3000, description="The same when it is whole and understood."
    )
    slow_silence_ms: int = Field(1000, ge=200, le=5000, description="The same when it is unfinished.")
    no_input_ms: int = Field(6000, ge=2000, le=60000, description="Silence after which we ask again.")
    wait_ms: int = Field(30000, ge=5000, le=300000, description="The same after « un instant ».")
    max_utterance_ms: int = Field(20000, ge=3000, le=120000, description="Longest utterance heard out.")
    barge_in_ms: int = Field(300, ge=100, le=2000, description="Speech that interrupts the bot.")

    # Voice
    voice_engine: Literal["pyttsx3", "piper"] = Field("pyttsx3", description="Speech synthesis engine.")
    voice: str = Field("auto", description="Voice name; `auto` takes the best French one installed.")
    piper_model: Path | None = Field(None, description="Piper voice (.onnx) when voice_engine is piper.")
    speech_rate_wpm: int = Field(155, ge=80, le=300, description="Speaking rate, words a minute.")
    recordings_dir: Path | None = Field(
        None, description="WAVs by a human, <sentence id>.wav: they win over synthesis."
    )

    # Understanding
    nlu_url: str | None = Field(
        None, description="URL of a running Rasa server; unset: supervise a local one."
    )
    nlu_port: int = Field(5055, ge=1, le=65535, description="Port of the supervised Rasa server (loopback).")
    nlu_python: Path = Field(
        RUNTIME / "nlu-venv" / "bin" / "python", description="Python of the environment that holds Rasa."
    )
    nlu_project: Path = Field(ROOT / "rasa_project", description="The Rasa project.")
    nlu_models_dir: Path = Field(RUNTIME / "nlu-models", description="Trained Rasa models.")
    nlu_timeout_ms: int = Field(1500, ge=100, le=20000, description="Patience with one parse.")

    # Decision: probabilities; unset, those that the model's calibration found from the costs.
    answer_threshold: float | None = Field(None, ge=0, le=1, description="Answer at once from here on.")
    confirm_threshold: float | None = Field(None, ge=0, le=1, description="Ask for a yes or no from here on.")
    choose_threshold: float | None = Field(
        None, ge=0, le=1, description="Offer the two likeliest when both together reach this."
    )

    cost_wrong: float = Field(20, gt=0, description="Cost of a wrong answer, when thresholds are fitted.")
    cost_transfer: float = Field(3, gt=0, description="Cost of a transfer that was not needed.")
    cost_question: float = Field(1, gt=0, description="Cost of a question.")

    # Journal
    journal_url: str | None = Field(None, description="SQLAlchemy URL; state_dir/journal.sqlite if unset.")

    # Privacy: days after which a kind of data is deleted by the daily purge.
    recording_share: float = Field(
        0.0, ge=0, le=1, description="Share of calls whose sound is recorded, after a spoken notice; 0: none."
    )
    recording_days: int = Field(30, ge=1, le=30, description="Recordings of calls.")
    raw_days: int = Field(7, ge=0, le=90, description="Words before masking; 0: only masked ones are kept.")
    transcript_days: int = Field(
        365, ge=1, le=1095, description="Transcripts (masked), callers' pseudonyms; figures stay, anonymous."
    )
    request_days: int = Field(365, ge=1, le=1825, description="Requests and messages, once they are done.")
    audit_days: int = Field(365, ge=30, le=1825, description="Who did what in the console.")

    # Review
    review_random_per_week: int = Field(
        50, ge=0, le=1000, description="Turns drawn at random every week, for honest figures."
    )
    review_unsure_per_week: int = Field(
        50, ge=0, le=1000, description="Turns of low confidence drawn every week, to learn from."
    )

    # Learning
    learned_dir: Path | None = Field(
        None, description="What the bot learnt from corrections; state_dir/learned if unset."
    )

    gate_file: Path = Field(
        ROOT / "tests" / "data" / "nlu_gate.csv",
        description="Sentences nobody trains on (CSV: id,utterance) that every new model is judged by.",
    )
    gate_accuracy_drop: float = Field(
        0.005, ge=0, le=1, description="A new model may understand so much less of them, as a share."
    )
    gate_wrong_rise: float = Field(
        0.0, ge=0, le=1, description="It may answer so many more of them wrongly, as a share."
    )

    # Mail
    smtp_host: str | None = Field(None, description="Mail server, where a town has requests mailed.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["none", "starttls", "tls"] = Field("starttls", description="How it is spoken to.")
    smtp_user: str = Field("", description="Empty: the server knows us by our address.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Better in the environment than in a file.")
    smtp_sender: str | None = Field(None, description="Address that the mail comes from.")

    # Messages
    message_days: int = Field(
        30, ge=1, le=30, description="Days the sound of a message is kept; callers are told thirty at most."
    )

    # Switchboard
    ami_host: str | None = Field(
        None, description="Asterisk's manager interface; unset: transfers try the queue blindly."
    )
    ami_port: int = Field(5038, ge=1, le=65535, description="Its port.")
    ami_user: str = Field("callbot", description="Its account.")
    ami_secret: SecretStr = Field(SecretStr(""), description="Better in the environment than in a file.")

    # Console
    console_host: str = Field("127.0.0.1", description="Address of the console; loopback behind a proxy.")
    console_port: int = Field(8090, ge=1, le=65535, description="Its port.")
    console_https: bool = Field(
        False, description="The console is reached by HTTPS only: cookies are then never sent in clear."
    )
    console_trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="Reverse proxies whose X-Forwarded-For is believed: 127.0.0.1"
    )
    oidc_issuer: str | None = Field(
        None, description="Identity provider by which one may log in (OpenID Connect); unset: passwords only."
    )
    oidc_client_id: str = Field("", description="The console's name at the provider.")
    oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="Its secret there; better in the environment than in a file."
    )
    oidc_label: str = Field("le compte de la mairie", description="Log in « avec … », on the log-in page.")
    session_hours: int = Field(10, ge=1, le=72, description="Hours after which one must log in again.")

    # Text channel
    text_port: int | None = Field(
        None, ge=1, le=65535, description="Port of the text channel (Rasa's REST channel); unset: none."
    )
    text_host: str = Field("127.0.0.1", description="Address it listens on; loopback behind a reverse proxy.")
    text_origins: tuple[str, ...] = Field(
        (), description="Web sites whose pages may call it from a browser: https://www.ma-commune.fr"
    )
    text_trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="Reverse proxies whose X-Forwarded-For is believed: 127.0.0.1"
    )

    # Server
    max_calls: int = Field(
        0, ge=0, le=1000, description="Calls at once; 0: as many as the machine carries, by what calls cost."
    )
    max_lag_ms: int = Field(
        400, ge=50, le=5000, description="When work waits longer, new callers go to the queue."
    )
    max_call_s: int = Field(1800, ge=60, description="A call longer than this goes to a human.")
    drain_s: int = Field(
        120, ge=0, le=3600, description="Patience with calls in progress when the server is told to stop."
    )
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port of /metrics (Prometheus), /live and /ready; unset: none."
    )
    metrics_host: str = Field("127.0.0.1", description="Address it listens on.")
    pretend_now: datetime | None = Field(
        None, description="Local time it shall be when the server starts (rehearsals, tests)."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Log verbosity.")
    log_format: Literal["text", "json"] = Field("text", description="One line, or one JSON object, an event.")

    @field_validator("sample_rate_hz", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        """The environment has strings, which a choice of numbers does not take."""
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @field_validator("*")
    @classmethod
    def _absolute(cls, value: object) -> object:
        """`~/x` and relative paths mean the same in every process, Asterisk's included."""
        if not isinstance(value, Path):
            return value
        if "\0" in str(value):
            raise ValueError("no path: it holds a NUL")
        try:
            return value.expanduser().absolute()
        except RuntimeError as error:  # ~nobody
            raise ValueError(f"no such home: {value}") from error

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if None not in (self.confirm_threshold, self.answer_threshold) and (
            self.confirm_threshold > self.answer_threshold  # type: ignore[operator]
        ):
            raise ValueError("confirm_threshold must not exceed answer_threshold")
        if self.voice_engine == "piper" and self.piper_model is None:
            raise ValueError("voice_engine piper needs piper_model")
        if self.oidc_issuer is not None:
            if not _SAFE_ISSUER.fullmatch(self.oidc_issuer):
                raise ValueError("oidc_issuer must be an https:// address")
            if not self.oidc_client_id:
                raise ValueError("oidc_issuer needs oidc_client_id")
        return self

    @property
    def socket_path(self) -> Path:
        """Where the server listens."""
        return self.socket or self.state_dir / "callbot.sock"

    @property
    def prompts_dir(self) -> Path:
        """Folder of rendered prompts."""
        return self.state_dir / "prompts"

    @property
    def spool_dir(self) -> Path:
        """Folder of the calls that wait for a journal that is away."""
        return self.state_dir / "spool"

    @property
    def missed_dir(self) -> Path:
        """Folder where bridges leave notes of calls that reached no server; they know the socket only."""
        return self.socket_path.parent / "missed"

    @property
    def messages_dir(self) -> Path:
        """Folder of the messages' sound."""
        return self.state_dir / "messages"

    @property
    def recordings_of_calls_dir(self) -> Path:
        """Folder of the calls' sound."""
        return self.state_dir / "recordings"

    @property
    def speech_models_dir(self) -> Path:
        """Folder of the speech models that know the words that were learnt."""
        return self.state_dir / "speech_models"

    @property
    def learned_path(self) -> Path:
        """Folder of what was learnt."""
        return self.learned_dir or self.state_dir / "learned"

    @property
    def costs(self) -> str:
        """The costs as calibration reads them."""
        return f"wrong={self.cost_wrong},transfer={self.cost_transfer},question={self.cost_question}"

    @property
    def journal_dsn(self) -> str:
        """SQLAlchemy URL of the journal."""
        return self.journal_url or f"sqlite:///{self.state_dir / 'journal.sqlite'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then the TOML file."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file()))


def config_file() -> Path | None:
    """The TOML file in force, if any."""
    named = os.environ.get("CALLBOT_CONFIG")
    if named:
        return Path(named)
    return DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None


def load() -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a file that is missing or not TOML, an unknown key, a value out of range.
    """
    path = config_file()
    try:
        if path is not None and not path.is_file():
            raise SettingsError(f"settings file not found: {path}")
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SettingsError(f"{path or 'environment'}: {key}: {first['msg']}") from error
    except OSError as error:
        raise SettingsError(f"settings file {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # TOML syntax, JSON in a variable
        raise SettingsError(f"{path or 'environment'}: {error}") from error
