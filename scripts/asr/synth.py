"""Speech for training, with exact phone times: MBROLA voices on edited .pho files, espeak-ng's own.

    python synth.py mbrola SENTENCES.txt OUT.pkl --count 7000 --seed 1
    python synth.py foreign SENTENCES.txt OUT.pkl --count 6500 --seed 11
    python synth.py formant SENTENCES.txt OUT.pkl --count 5000 --seed 1

The result is a pickled list of `Utterance`. The voices mb-fr4, mb-fr5 and the French SVOX pico are the test
callers and are never used here.
"""

from __future__ import annotations

import argparse
import ctypes
import pickle
import random
import subprocess
import tempfile
import wave
from collections import Counter
from collections.abc import Callable
from multiprocessing import Pool
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from foreign_voices import FOREIGN_WOMEN, Said, draw_voice, say_in
from phones import IPA_TO_PHONES, MBROLA_TO_PHONES, PhoSegment, speak_to_pho
from revoice import revoice
from scipy.signal import resample_poly

RATE = 8000
"""Samples a second of everything this model hears: the telephone's."""
PEAK = 16000
MBROLA_VOICES = ["fr1", "fr2", "fr2", "fr2", "fr3", "fr6", "fr7", "ca1", "ca2"]
"""fr2, the one woman among them (fr4 is a test caller), is drawn more often."""
FEMALE = {"fr2", *FOREIGN_WOMEN}
FEMALE_TRACT = 1.12
"""How much higher a woman's formants lie than a man's, roughly (Fant 1966)."""
REVOICED = 0.7
"""Share of the utterances that are given another speaker's voice by the vocoder."""
FOREIGN_REVOICED = 0.5
"""The same for the foreign voices, which are many speakers already."""
FORMANT_VARIANTS = """
f1 f2 f3 f4 f5 m1 m2 m3 m4 m5 m6 m7 m8 Alicia Andrea Annie Alex Mario Michael Lee Gene Denis Marco
Diogo anika belinda linda steph aunty edward pablo paul miguel john klatt klatt2 klatt3 klatt4
klatt6 grandma grandpa max norbert quincy sandro shelby victor zac
""".split()  # noqa: SIM905


class Utterance(NamedTuple):
    """A spoken sentence."""

    samples: np.ndarray
    """int16 at 8000 Hz, peak at half scale."""
    phones: list[str]
    durations: list[float]
    """Milliseconds of each phone; they add up to the length of the sound."""
    text: str
    voice: str


def clipped(value: float, low: float, high: float) -> float:
    """The value, held between two bounds."""
    return min(high, max(low, value))


def with_commas(text: str, rng: random.Random) -> str:
    """A comma after some words: the synthesiser pauses there, as people do."""
    return " ".join(word + ("," if rng.random() < 0.06 else "") for word in text.split())


def vary(segments: list[PhoSegment], voice: str, rng: random.Random) -> tuple[list[PhoSegment], float]:
    """Another speaker and delivery out of a .pho: speech rate, phone lengths, melody, vocal tract.

    The second value is the tract factor: the .pho is spoken slower and lower by it, and the sound then
    resampled faster, which moves the formants up by it (1.08 to 1.24 makes a smaller speaker of a man).
    """
    tract = clipped(rng.gauss(1.0, 0.07), 0.84, 1.2)
    male = voice not in FEMALE
    if rng.random() < 0.45:
        tract = rng.uniform(1.08, 1.3) if male else rng.uniform(0.9, 1.2)
    pitch = rng.uniform(0.8, 1.4) if male else rng.uniform(0.8, 1.35)
    if male and tract > 1.1:
        pitch *= rng.uniform(1.3, 1.8)
    rate = clipped(rng.lognormvariate(0.18, 0.22), 0.8, 1.9)
    melody = rng.uniform(0.2, 1.6)
    mean = float(np.mean([hertz for s in segments for _, hertz in s.pitch] or [120.0]))

    def spoken(name: str, duration: float, points: list[tuple[float, float]]) -> PhoSegment:
        notes = [(p, clipped((mean + (h - mean) * melody) * pitch / tract, 50, 500)) for p, h in points]
        return PhoSegment(name, max(1, round(duration * tract)), notes)

    body = list(segments)
    while body and body[-1].name == "_":
        body.pop()
    result = [spoken("_", rng.uniform(60, 500), [])]
    for segment in body:
        if segment.name == "_":
            duration = max(40.0, segment.duration * rng.uniform(0.3, 1.3))
        else:
            duration = max(24.0, segment.duration * rate * clipped(rng.lognormvariate(0, 0.2), 0.65, 1.6))
        result.append(spoken(segment.name, duration, segment.pitch))
    result.append(spoken("_", rng.uniform(60, 700), []))
    return result, tract


def render(segments: list[PhoSegment], voice: str) -> tuple[np.ndarray, int]:
    """The sound of a .pho by the mbrola program: (int16 samples, samples a second)."""
    lines = [
        f"{s.name} {round(s.duration)} " + " ".join(f"{round(p)} {round(h)}" for p, h in s.pitch)
        for s in segments
    ]
    database = Path("/usr/share/mbrola") / voice / voice
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "s.wav"
        command = ["mbrola", "-e", str(database), "-", str(sound)]
        subprocess.run(
            command, input="\n".join(lines) + "\n", capture_output=True, text=True, errors="replace"
        )
        try:
            with wave.open(str(sound)) as w:
                return np.frombuffer(w.readframes(w.getnframes()), np.int16), w.getframerate()
        except (OSError, EOFError, wave.Error):
            return np.zeros(0, np.int16), RATE


def other_speaker(sound: np.ndarray, tract: float, rng: random.Random) -> np.ndarray:
    """The vocoder's version, any vocal tract from a large man's to a child's; `tract`: the sound's own."""
    stretch = rng.uniform(0.9, 1.36) / tract
    return revoice(sound, RATE, np.random.default_rng(rng.getrandbits(32)), stretch)


def speak_mbrola(task: tuple[int, str, int]) -> Utterance | str:
    """One sentence by a drawn French MBROLA voice, or the reason why not."""
    number, text, seed = task
    rng = random.Random(seed * 1000003 + number)
    voice = rng.choice(MBROLA_VOICES)
    spoken, tract = varied(text, "mb-" + voice, voice, rng)
    if not spoken:
        return "phones outside the set"
    return utterance([Said(s.name, [s]) for s in spoken], tract, REVOICED, text, voice, rng)


def speak_foreign(task: tuple[int, str, int]) -> Utterance | str:
    """One sentence by a drawn foreign MBROLA voice, or the reason why not."""
    number, text, seed = task
    rng = random.Random(seed * 1000003 + number)
    voice = draw_voice(rng)
    spoken, tract = varied(text, "mb-fr2" if voice in FOREIGN_WOMEN else "mb-fr1", voice, rng)
    if not spoken:
        return "phones outside the set"
    said = say_in(voice, spoken, rng)
    if said is None:
        return f"{voice} can't say it"
    return utterance(said, tract, FOREIGN_REVOICED, text, voice, rng)


def varied(text: str, speaker: str, voice: str, rng: random.Random) -> tuple[list[PhoSegment], float]:
    """`vary` of what espeak-ng's `speaker` makes of the text; nothing when it leaves French."""
    segments = speak_to_pho(with_commas(text, rng), speaker)
    if not segments or {s.name for s in segments} - MBROLA_TO_PHONES.keys() - {"_"}:
        return [], 1.0
    return vary(segments, voice, rng)


def utterance(
    said: list[Said], tract: float, revoiced: float, text: str, voice: str, rng: random.Random
) -> Utterance | str:
    """The sound with its phone times, or the reason why there is none."""
    segments = [segment for part in said for segment in part.segments]
    sound, rate = render(segments, voice)
    if len(sound) < 1000:
        return f"{voice} made no sound"
    sound = resample_poly(sound.astype(np.float64), 100, round(rate / RATE * 100 * tract))
    stretch = len(sound) / RATE * 1000 / sum(s.duration for s in segments)
    if abs(stretch * tract - 1) > 0.03:
        return f"{voice} left phones out"
    if rng.random() < revoiced:
        sound = other_speaker(sound, tract * (FEMALE_TRACT if voice in FEMALE else 1), rng)
    phones: list[str] = []
    durations: list[float] = []
    for part in said:
        names = ["SIL"] if part.french == "_" else MBROLA_TO_PHONES[part.french].split()
        duration = sum(s.duration for s in part.segments)
        phones += names
        durations += [duration * stretch / len(names)] * len(names)
    sound = (sound / max(np.abs(sound).max(), 1) * PEAK).astype(np.int16)
    return Utterance(sound, phones, durations, text, voice)


def mbrola_corpus(
    speak: Callable[[tuple[int, str, int]], Utterance | str],
    texts: list[str],
    count: int,
    seed: int,
    jobs: int,
) -> list[Utterance]:
    """`count` sentences, a further stretch of the texts for every further seed."""
    tasks = [(i, texts[((seed - 1) * count + i) % len(texts)], seed) for i in range(count)]
    with Pool(jobs) as pool:
        results = pool.map(speak, tasks, chunksize=50)
    reasons = Counter(r for r in results if isinstance(r, str))
    if reasons:
        print("left out:", reasons.most_common(8))
    return [r for r in results if isinstance(r, Utterance)]


# --- espeak-ng's formant synthesiser, through its library: the only way to its phone times ---------------


class _EventId(ctypes.Union):
    _fields_: ClassVar = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_: ClassVar = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _EventId),
    ]  # fmt: skip


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
_EVENT_END, _EVENT_PHONEME = 0, 7
_SYNCHRONOUS, _EVENTS_PHONEME, _EVENTS_IPA, _UTF8 = 2, 1, 2, 1
_SET_RATE, _SET_PITCH, _SET_RANGE = 1, 3, 4


class FormantVoice:
    """libespeak-ng with phoneme events; one instance a process."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate: int = self.library.espeak_Initialize(_SYNCHRONOUS, 0, None, _EVENTS_PHONEME | _EVENTS_IPA)
        self.sound: list[np.ndarray] = []
        self.events: list[tuple[int, str]] = []
        self._callback = _CALLBACK(self._receive)
        self.library.espeak_SetSynthCallback(self._callback)

    def _receive(self, sound, count: int, events) -> int:
        if sound and count > 0:
            self.sound.append(np.ctypeslib.as_array(sound, (count,)).copy())
        i = 0
        while events[i].type != _EVENT_END:
            if events[i].type == _EVENT_PHONEME:
                name = bytes(events[i].id.string).split(b"\0")[0].decode("utf8", "replace")
                self.events.append((events[i].sample, name))
            i += 1
        return 0

    def speak(self, text: str, variant: str, rate: int, pitch: int, melody: int) -> None:
        """Speak into `sound` and `events`: rate in words a minute, pitch and melody from 0 to 99."""
        self.sound.clear()
        self.events.clear()
        self.library.espeak_SetVoiceByName(f"fr+{variant}".encode())
        for parameter, value in ((_SET_RATE, rate), (_SET_PITCH, pitch), (_SET_RANGE, melody)):
            self.library.espeak_SetParameter(parameter, value, 0)
        data = text.encode() + b"\0"
        self.library.espeak_Synth(data, len(data), 0, 1, 0, _UTF8, None, None)


def events_to_phones(
    events: list[tuple[int, str]], end: int, rate: int
) -> tuple[list[str], list[float]] | None:
    """Phones and milliseconds out of (first sample, IPA name) events; None for sounds that are not French."""
    marks: list[tuple[int, list[str]]] = [(0, ["SIL"])]
    for sample, raw in events:
        name = "".join(c for c in raw if c not in "ˈˌː‿-.\u0361")
        if name and not name.startswith("_") and name not in IPA_TO_PHONES:
            return None
        parts = [] if not name or name.startswith("_") else IPA_TO_PHONES[name].split()
        marks.append((sample, parts or ["SIL"]))
    phones: list[str] = []
    durations: list[float] = []
    for (first, parts), (after, _) in zip(marks, [*marks[1:], (end, [])], strict=True):
        each = max(0, after - first) / rate * 1000 / len(parts)
        for part in parts:
            if part == "SIL" and phones and phones[-1] == "SIL":
                durations[-1] += each
            elif each > 0:
                phones.append(part)
                durations.append(each)
    return phones, durations


def formant_corpus(texts: list[str], count: int, seed: int) -> list[Utterance]:
    """`count` sentences by drawn variants of espeak-ng's own voice."""
    rng = random.Random(seed)
    voice = FormantVoice()
    corpus: list[Utterance] = []
    for i in range(count):
        text, variant = texts[(i * 7 + seed * 991) % len(texts)], rng.choice(FORMANT_VARIANTS)
        pitch = round(clipped(rng.gauss(50, 18), 0, 99))
        voice.speak(with_commas(text, rng), variant, rng.randint(105, 190), pitch, rng.randint(10, 80))
        if not voice.sound or not voice.events:
            continue
        sound = np.concatenate(voice.sound).astype(np.float64)
        found = events_to_phones(voice.events, len(sound), voice.rate)
        if found is None:
            continue
        phones, durations = found
        tract = clipped(rng.gauss(1, 0.05), 0.87, 1.15)
        sound8 = resample_poly(sound, 100, round(voice.rate / RATE * 100 * tract))
        stretch = len(sound8) / RATE * 1000 / sum(durations)
        if rng.random() < REVOICED - 0.2:
            sound8 = other_speaker(sound8, tract, rng)
        before, after = rng.uniform(50, 400), rng.uniform(1, 400)
        pad = [np.zeros(int(ms * RATE / 1000)) for ms in (before, after)]
        sound8 = np.concatenate([pad[0], sound8 / (np.abs(sound8).max() + 1) * PEAK, pad[1]])
        corpus.append(
            Utterance(
                sound8.astype(np.int16),
                ["SIL", *phones, "SIL"],
                [before, *(d * stretch for d in durations), after],
                text,
                "formant+" + variant,
            )
        )
    return corpus


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["mbrola", "foreign", "formant"])
    parser.add_argument("texts", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=7000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    texts = args.texts.read_text(encoding="utf8").splitlines()
    if args.kind == "formant":
        corpus = formant_corpus(texts, args.count, args.seed)
    else:
        speak = speak_mbrola if args.kind == "mbrola" else speak_foreign
        corpus = mbrola_corpus(speak, texts, args.count, args.seed, args.jobs)
    hours = sum(len(u.samples) for u in corpus) / RATE / 3600
    print(f"{len(corpus)} of {args.count} utterances, {hours:.2f} hours")
    # plain tuples: a pickle must not depend on which module was __main__
    args.out.write_bytes(pickle.dumps([tuple(u) for u in corpus], protocol=4))


if __name__ == "__main__":
    main()
