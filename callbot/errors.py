"""Every error callbot raises on purpose; the message is one line an administrator can act on.

CallbotError
├── SettingsError          a setting is missing or wrong
├── TownError              a town file or an answer is wrong
├── SpeechModelError       the Vosk model is missing, broken or of another sample rate
├── VoiceError             a sentence could not be spoken
├── UnderstandingError     the NLU server did not answer
├── LiveError              a live source does not answer, or not sensibly
├── JournalError           the journal could not be written or read
├── ModelInstallError      a speech model could not be fetched or is not what it should be
├── EvaluationError        an evaluation file can't be used
├── ReportError            a report or a simulation can't be made
├── BackupError            an archive can't be made, or is not what it should be
├── DeliveryError          something could not be handed over
├── AmiError               Asterisk's manager interface is away, or refuses
└── LineError              the telephone line
    ├── CallerHungUp       the caller has gone
    └── ProtocolError      Asterisk or the bridge said something that makes no sense
"""

from __future__ import annotations


class CallbotError(Exception):
    """Base of the errors above."""


class SettingsError(CallbotError):
    """A setting is missing or wrong."""


class TownError(CallbotError):
    """A town file or an answer is wrong.

    Args:
        keys: where in the town file, for whoever knows its lines; empty: the message says it, or nobody can.
    """

    def __init__(self, message: str, keys: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.keys = keys


class SpeechModelError(CallbotError):
    """The Vosk model is missing, broken or of another sample rate."""


class VoiceError(CallbotError):
    """A sentence could not be spoken."""


class UnderstandingError(CallbotError):
    """The NLU server did not answer in time, or not sensibly."""


class LiveError(CallbotError):
    """A live source does not answer, or not sensibly."""


class JournalError(CallbotError):
    """The journal could not be written or read.

    Args:
        message: without anything that callers said.
        final: it is what was to be written that is wrong: another try is useless.
    """

    def __init__(self, message: str, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class ModelInstallError(CallbotError):
    """A speech model could not be fetched or is not what it should be."""


class EvaluationError(CallbotError):
    """An evaluation file can't be used."""


class ReportError(CallbotError):
    """A report or a simulation can't be made."""


class DeliveryError(CallbotError):
    """Something could not be handed over.

    Args:
        message: without secrets and without anything of the request: it is logged and stored.
        final: the receiver refuses it for good: another try is useless.
        unsure: it may have arrived all the same: the receiver must be asked before another try.
        status: the HTTP status that says so; 0: it was none.
    """

    def __init__(self, message: str, final: bool = False, unsure: bool = False, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.final = final
        self.unsure = unsure


class AmiError(CallbotError):
    """Asterisk's manager interface is away, or refuses; never holds the account's secret."""


class LineError(CallbotError):
    """Something is wrong with the telephone line."""


class CallerHungUp(LineError):
    """The caller has gone."""


class ProtocolError(LineError):
    """Asterisk or the bridge said something that makes no sense."""
