"""Streaming recognition with Vosk: one model for the process, one recogniser for who speaks.

Every method here blocks while Kaldi computes (and releases the GIL): call them from a worker thread.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import vosk

from callbot.errors import SpeechModelError
from callbot.speech.closed import UNKNOWN, Grammar, Reading
from callbot.types import Hypothesis

SCORE_SCALE = 0.35
"""Vosk's alternatives carry unnormalised log scores; a softmax with this factor makes shares of them."""

# A model holds its decoding graph whole (HCLG) or in two parts that allow run-time grammars (HCLr and Gr).
_GRAPHS = (("graph/HCLG.fst",), ("graph/HCLr.fst", "graph/Gr.fst"))
_FILES = ("am/final.mdl", "conf/mfcc.conf", "conf/model.conf", "graph/words.txt")
TRIAL_S = 0.5
IDLE = 4
"""Recognisers kept for the next callers to speak."""
LIVES = 3
"""Utterances a recogniser is used for. Kaldi composes the decoding graph as it goes and each recogniser keeps
what it has composed: the second utterance costs a fifth less, but memory grows by some 8 MB each time."""


def check_model(folder: Path, rate_hz: int) -> None:
    """Say in one line what is wrong with a model folder.

    Raises:
        SpeechModelError: missing folder or files, empty files, or a model of another sample rate.
    """
    try:
        if not folder.is_dir():
            raise SpeechModelError(f"speech model not found: {folder} (callbot models install NAME)")
        _check_files(folder)
        model_hz, may_upsample = _sampling(folder / "conf" / "mfcc.conf")
    except OSError as error:
        raise SpeechModelError(f"speech model {error.filename or folder}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SpeechModelError(f"speech model {folder}: conf/mfcc.conf is no text") from error
    if model_hz != rate_hz and not (may_upsample and rate_hz < model_hz):
        raise SpeechModelError(
            f"speech model {folder} wants {model_hz} Hz but the line gives {rate_hz} Hz "
            f"(set sample_rate_hz, or take a telephone model)"
        )


def _check_files(folder: Path) -> None:
    missing = [name for name in _FILES if not (folder / name).is_file()]
    graph = next((files for files in _GRAPHS if all((folder / name).is_file() for name in files)), None)
    if graph is None:
        missing.append("graph/HCLr.fst and graph/Gr.fst, or graph/HCLG.fst")
    if missing:
        raise SpeechModelError(f"speech model {folder} lacks {', '.join(missing)}")
    for name in (*_FILES, *(graph or ())):
        with (folder / name).open("rb") as file:
            if not file.read(1):
                raise SpeechModelError(f"speech model {folder}: {name} is empty")


def _sampling(mfcc: Path) -> tuple[int, bool]:
    """Sample rate in hertz (Kaldi's default 16000) and whether lower rates are accepted."""
    rate, may_upsample = 16000, False
    for line in mfcc.read_text(encoding="utf-8").splitlines():
        key, _, value = line.strip().partition("=")
        if key == "--sample-frequency":
            try:
                rate = int(float(value))
            except ValueError:
                raise SpeechModelError(f"{mfcc}: sample-frequency is no number: {value}") from None
        elif key == "--allow-upsample":
            may_upsample = value.strip() == "true"
    return rate, may_upsample


class SpeechModel:
    """The Vosk model of the process; recognisers share it.

    Raises:
        SpeechModelError: see `check_model`, or Vosk refuses the files.
    """

    def __init__(self, folder: Path, rate_hz: int, nbest: int = 3) -> None:
        check_model(folder, rate_hz)
        vosk.SetLogLevel(-1)
        try:
            self._model = vosk.Model(str(folder))
            self.rate_hz = rate_hz
            self.knows_grammars = (folder / "graph" / "HCLr.fst").is_file()
            """Whether the model's graph can be narrowed to a grammar."""
            self._nbest = nbest
            self.pool = RecognizerPool(self.recognizer)
            """What calls borrow from."""
            # A damaged graph is only noticed when it is used: better now than by a caller.
            trial = self.recognizer()
            trial.feed(
                np.random.default_rng(0).normal(0, 1000, int(rate_hz * TRIAL_S)).astype("<i2").tobytes()
            )
            trial.finish()
        except Exception as error:  # Vosk raises plain Exception
            raise SpeechModelError(f"Vosk can't load the speech model {folder}: {error}") from error

    def recognizer(self, grammar: Grammar | None = None) -> Recognizer:
        """A new recogniser.

        Args:
            grammar: the only answers to expect; None: the whole language model.
        """
        words = []
        if grammar is not None:
            known = [phrase for phrase in grammar.phrases if all(map(self._knows, phrase.split()))]
            words = [json.dumps([*known, UNKNOWN], ensure_ascii=False)]
        kaldi = vosk.KaldiRecognizer(self._model, self.rate_hz, *words)
        kaldi.SetMaxAlternatives(self._nbest)
        return Recognizer(kaldi, self._nbest)

    def _knows(self, word: str) -> bool:
        return bool(self._model.vosk_model_find_word(word) >= 0)


class RecognizerPool:
    """Recognisers of the whole model: who is silent, which most callers are, holds none.

    Args:
        make: makes one.
    """

    def __init__(self, make: Callable[[], Recognizer]) -> None:
        self._make = make
        self._idle: deque[Recognizer] = deque(maxlen=IDLE)

    def borrow(self) -> Recognizer:
        """One for an utterance."""
        try:
            return self._idle.pop()  # the one used last is the warmest
        except IndexError:
            return self._make()

    def give_back(self, recognizer: Recognizer) -> None:
        """Once the utterance has been finished or reset."""
        if recognizer.utterances < LIVES:
            self._idle.append(recognizer)


class Recognizer:
    """Utterances one after the other. Not thread-safe: one call at a time."""

    def __init__(self, kaldi: vosk.KaldiRecognizer, nbest: int) -> None:
        self._kaldi = kaldi
        self._nbest = nbest
        self._segments: list[list[tuple[str, float]]] = []
        self._raw: list[Reading] = []
        self.reading = Reading("", 0.0)
        """Best reading of the last utterance finished."""
        self.utterances = 0
        """Finished or reset so far."""

    def feed(self, pcm: bytes) -> str:
        """Take more speech (16-bit mono); returns what is understood so far."""
        if self._kaldi.AcceptWaveform(pcm):
            self._keep(self._kaldi.Result())
        partial = clean(str(json.loads(self._kaldi.PartialResult()).get("partial", "")))
        return " ".join(filter(None, [*(segment[0][0] for segment in self._segments), partial]))

    def finish(self) -> tuple[Hypothesis, ...]:
        """End the utterance: its readings, best first; empty when no word was recognised."""
        self._keep(self._kaldi.FinalResult())
        self.utterances += 1
        text = " ".join(filter(None, (part.text for part in self._raw)))
        self.reading = Reading(text, sum(part.score for part in self._raw))
        self._raw = []
        segments, self._segments = self._segments, []
        return combine(segments, self._nbest)

    def reset(self) -> None:
        """Forget the utterance in progress.

        Not by Vosk's Reset: sound that it was given and has not decoded yet would begin the next utterance.
        """
        self._kaldi.FinalResult()
        self.utterances += 1
        self._segments, self._raw = [], []

    def _keep(self, result: str) -> None:
        alternatives = json.loads(result).get("alternatives", [])
        if alternatives:
            self._raw.append(Reading(alternatives[0]["text"].strip(), float(alternatives[0]["confidence"])))
        readings = [(clean(item["text"]), float(item["confidence"])) for item in alternatives]
        if any(text for text, _ in readings):
            self._segments.append(readings)


def clean(text: str) -> str:
    """A reading without the mark of unknown words."""
    return " ".join(word for word in text.split() if word != UNKNOWN)


def combine(segments: Sequence[Sequence[tuple[str, float]]], nbest: int) -> tuple[Hypothesis, ...]:
    """Join the readings (text, log score) of an utterance's segments into its n-best.

    Vosk may close a segment at a pause that our endpointing hears out. Empty when no word is likeliest.
    """
    joined = {"": 1.0}
    for segment in segments:
        longer: dict[str, float] = {}
        for text, share in joined.items():
            for more, its_share in _shares(segment):
                reading = f"{text} {more}".strip()
                longer[reading] = longer.get(reading, 0.0) + share * its_share
        joined = dict(sorted(longer.items(), key=lambda item: -item[1])[:nbest])
    if next(iter(joined)) == "":
        return ()  # most likely no word at all: the lesser readings are the noise's
    joined.pop("", None)
    total = sum(joined.values())
    return tuple(Hypothesis(text, share / total) for text, share in joined.items())


def _shares(readings: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    top = max(score for _, score in readings)
    weights = [math.exp(SCORE_SCALE * (score - top)) for _, score in readings]
    return [(text, weight / sum(weights)) for (text, _), weight in zip(readings, weights, strict=True)]
