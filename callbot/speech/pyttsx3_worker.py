"""A process that speaks with pyttsx3: `python -m callbot.speech.pyttsx3_worker`.

pyttsx3 is neither thread-safe nor re-entrant, prints on stdout, and writes 22050 Hz into every WAV header
though MBROLA voices speak at 16000 Hz. So: a process of its own, stdout moved away, the true rate asked of
libespeak-ng. One JSON object a line each way:

    -> {"text": "Bonjour.", "voice": "mb/mb-fr1", "rate": 155, "path": "/tmp/x.wav"}
    <- {"rate_hz": 16000}  or  {"error": "..."}
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import sys
import time
from typing import Any

import pyttsx3

ESPEAK_RATE = 1
"""espeakRATE of speak_lib.h."""
SETTLE_POLLS, POLL_S = 1500, 0.002


def main() -> None:
    """Serve requests until stdin closes."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    engine = pyttsx3.init("espeak")
    espeak = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
    for line in sys.stdin:
        try:
            answer = handle(engine, espeak, json.loads(line))
        except Exception as error:  # the worker lives on: one bad sentence is one error
            answer = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(answer) + "\n")
        replies.flush()


def handle(engine: Any, espeak: ctypes.CDLL, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request."""
    # pyttsx3 keeps the former voice, without a word, when it does not know the new one.
    if espeak.espeak_SetVoiceByName(request["voice"].encode()) != 0:
        raise ValueError(f"unknown voice {request['voice']}")
    set_rate(espeak, request["rate"])
    engine.save_to_file(request["text"], request["path"])
    engine.runAndWait()
    espeak.espeak_Synchronize()  # runAndWait may come back before the sentence is spoken
    return {"rate_hz": espeak.espeak_ng_GetSampleRate()}


def set_rate(espeak: ctypes.CDLL, rate_wpm: int) -> None:
    """Have eSpeak speak at this rate, and wait until it does and is at rest.

    Not by pyttsx3's property: eSpeak takes a rate in a thread of its own, and pyttsx3 begins a sentence by
    cancelling whatever that thread is at, so that now and then the rate is lost, or the sentence cut short.
    """
    espeak.espeak_SetParameter(ESPEAK_RATE, rate_wpm, 0)
    for _ in range(SETTLE_POLLS):
        if espeak.espeak_GetParameter(ESPEAK_RATE, 1) == rate_wpm and not espeak.espeak_IsPlaying():
            return
        time.sleep(POLL_S)
    raise TimeoutError(f"eSpeak NG did not take a rate of {rate_wpm} words a minute")


if __name__ == "__main__":
    main()
