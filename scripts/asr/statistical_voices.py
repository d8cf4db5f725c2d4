"""Statistical voices of other languages that speak French: RHVoice's, flite's, SVOX's but the test caller.

Diphone voices string recordings together; a statistical (HMM) voice draws the smooth course of a mean, and a
network that heard the first kind alone gets half of the second kind's phones wrong. Debian has no statistical
French voice but the test caller (SVOX pico's), so speakers of other languages say French syllables: RHVoice's
read them in their own spelling, SVOX's as X-SAMPA, flite's as the phones of its lexicon. What a language has
not is said as it would be (y as i, nasal vowels as vowel and consonant), and the label is what is said, not
what was meant. That tells no phone times: align.py finds them.

Only RHVoice voices whose licences allow derived works of any kind are used, see the model card.
"""

from __future__ import annotations

import ctypes
import random
import subprocess
import tempfile
import wave
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from phones import VOWELS

VOICED = frozenset("b d g v z Z".split())  # noqa: SIM905
STOPS = "p t k b d g f v".split()  # noqa: SIM905
ONSETS = {(a, b) for a in STOPS for b in "R l".split()} - {("t", "l"), ("d", "l")}  # noqa: SIM905
"""Two consonants that begin a syllable together."""
LONGEST_BREATH = (10, 40)
"""Phones said without a pause, between these."""


class Accent(NamedTuple):
    """How a language spells French phones, and what it makes of them."""

    table: str
    """`phone=spelling|spelling/label.label`: any of the spellings; no label: the French phone itself."""
    word: tuple[int, int]
    """Syllables written as one word: one where a longer word would be reduced."""
    open_syllables: bool = False
    """Leave out consonants that would be changed at a syllable's end."""
    soft_l: str = ""
    """Vowel letters and what stands for them after a clear l, in pairs: Slavic l is dark before others."""


class Voice(NamedTuple):
    """A speaker."""

    name: str
    accent: str
    weight: float
    """How often drawn."""


_CYRILLIC = "p=п t=т k=к b=б d=д f=ф s=с z=з S=ш Z=ж m=м n=н l=л R=р j=й "
_LATIN = "p=p t=t k=k b=b d=d f=f m=m n=n l=l j=j "
ACCENTS: dict[str, Accent] = {
    "Russian": Accent(
        _CYRILLIC + "g=г v=в a=а e=э E=э i=и o=о O=о u=у y=и/i eu=э/E a~=ан/a.n e~=эн/E.n o~=он/o.n w=у/u",
        (1, 1), open_syllables=True, soft_l="аяэеоёую",
    ),
    "Ukrainian": Accent(
        _CYRILLIC
        + "g=ґ v=ф/f w=в a=а e=е E=е i=і o=о O=о u=у y=і/i eu=е/E a~=ан/a.n e~=ен/E.n o~=он/o.n",
        (3, 3), open_syllables=True, soft_l="аяеєую",
    ),
    "Kyrgyz": Accent(
        _CYRILLIC + "g=г v=в w=у a=а e=э E=э i=и o=о O=о u=у y=ү eu=ө a~=аң/a.n e~=эң/E.n o~=оң/o.n", (2, 2)
    ),
    "Esperanto": Accent(
        _LATIN
        + "g=g v=v s=s z=z S=ŝ Z=ĵ R=r w=ŭ a=a e=e E=e i=i o=o O=o u=u y=i/i eu=e/E "
        "a~=an/a.n e~=en/E.n o~=on/o.n",
        (3, 3),
    ),
    "de-DE": Accent(
        _LATIN
        + "g=g v=v s=s z=z S=S Z=Z R=R w=u a=a:|a e=e: E=E:|E i=i:|i o=o:|o O=O u=u:|u y=y:|y eu=2:|9|@ "
        "a~=a:N|aN/a.n e~=EN|E:n/E.n o~=o:N|ON/o.n",
        (2, 4),
    ),
    "it-IT": Accent(
        _LATIN + "g=g v=v s=s z=z S=S Z=dZ/d.Z R=r w=u a=a e=e E=E i=i o=o O=O: u=u y=i/i eu=E/E "
        "a~=an/a.n e~=En/E.n o~=on/o.n",
        (2, 4),
    ),
    "es-ES": Accent(
        _LATIN + "g=g v=b/b s=s z=s/s S=tS/t.S Z=j/j R=r w=u a=a e=e E=e i=i o=o O=o u=u y=i/i eu=e/e "
        "a~=an/a.n e~=en/e.n o~=on/o.n",
        (2, 4),
    ),
    "en-GB": Accent(
        _LATIN + "g=g v=v s=s z=z S=S Z=Z R=/ w=w a={ e=E/E E=E i=i: o=O: O=Q|O: u=u: y=i:/i eu=3: "
        "a~={n/a.n e~=En/E.n o~=O:n/o.n",
        (2, 4),
    ),
    "en-US": Accent(
        _LATIN + "g=g v=v s=s z=z S=S Z=Z R=/ w=w a={ e=E/E E=E i=i: o=O:/O O=Q u=u: y=i:/i eu=E/E "
        "a~={n/a.n e~=En/E.n o~=O:n/O.n",
        (2, 4),
    ),
    # flite's phones, an underscore after each.
    "arpabet": Accent(
        "p=p_ t=t_ k=k_ b=b_ d=d_ f=f_ m=m_ n=n_ l=l_ j=y_ g=g_ v=v_ s=s_ z=z_ S=sh_ Z=zh_ R=/ w=w_ "
        "a=aa_|ae_ e=eh_/E E=eh_ i=iy_ o=ao_/O O=ao_|ow_ u=uw_ y=iy_/i eu=ax_|ah_ "
        "a~=aa_n_/a.n e~=eh_n_/E.n o~=ao_n_/O.n",
        (2, 4),
    ),
}  # fmt: skip
RHVOICE_VOICES = (
    Voice("Anna", "Russian", 1), Voice("Elena", "Russian", 1), Voice("Irina", "Russian", 1),
    Voice("Aleksandr", "Russian", 0.5), Voice("Aleksandr-hq", "Russian", 0.5),
    Voice("Anatol", "Ukrainian", 1), Voice("Natalia", "Ukrainian", 2),
    Voice("Azamat", "Kyrgyz", 2), Voice("Nazgul", "Kyrgyz", 4), Voice("Spomenka", "Esperanto", 2),
)  # fmt: skip
SVOX_VOICES = (
    Voice("de-DE", "de-DE", 6), Voice("it-IT", "it-IT", 1.2), Voice("es-ES", "es-ES", 0.7),
    Voice("en-GB", "en-GB", 0.8), Voice("en-US", "en-US", 0.7),
)  # fmt: skip
"""One speaker a language, none of them the test caller's (fr-FR)."""
FLITE_VOICES = (Voice("slt", "arpabet", 1), Voice("rms", "arpabet", 1), Voice("awb", "arpabet", 0.8))
"""The clustergen voices; kal is a diphone one."""


class Spelt(NamedTuple):
    """A breath of French in another language's letters."""

    words: list[str]
    labels: list[str]


@lru_cache
def spellings(accent: str) -> dict[str, tuple[list[str], list[str]]]:
    """French phone to its spellings and to the phones that are then said."""
    table = {}
    for entry in ACCENTS[accent].table.split():
        phone, _, rest = entry.partition("=")
        written, slash, labels = rest.partition("/")
        table[phone] = (written.split("|"), [x for x in labels.split(".") if x] if slash else [phone])
    return table


def breaths(phones: list[str], rng: random.Random) -> list[list[str]]:
    """The phones in stretches that end on a vowel, a pause after each."""
    result: list[list[str]] = [[]]
    for phone in phones:
        result[-1].append(phone)
        if phone in VOWELS and len(result[-1]) > rng.randint(*LONGEST_BREATH):
            result.append([])
    if len(result) > 1 and len(result[-1]) < 4:
        last = result.pop()
        result[-1] += last
    return result


def syllables(phones: list[str]) -> list[tuple[list[str], str, list[str]]]:
    """Onset, vowel and coda of each; as many consonants as French allows begin the next one."""
    vowels = [i for i, phone in enumerate(phones) if phone in VOWELS]
    result, start = [], 0
    for i, after in zip(vowels, [*vowels[1:], None], strict=True):
        end = len(phones)
        if after is not None:
            between = phones[i + 1 : after]
            joined = len(between) > 1 and (tuple(between[-2:]) in ONSETS or between[-1] in ("j", "w"))
            end = after - (2 if joined else min(1, len(between)))
        result.append((phones[start:i], phones[i], phones[i + 1 : end]))
        start = end
    return result


def spell(phones: list[str], accent: str, rng: random.Random) -> Spelt:
    """French phones as words of another language, and the phones its speakers will say."""
    table, (_, word, open_syllables, soft_l) = spellings(accent), ACCENTS[accent]
    soft = dict(zip(soft_l[::2], soft_l[1::2], strict=True))
    words, labels = [""], []
    left = rng.randint(*word)
    for onset, vowel, coda in syllables(phones):
        if open_syllables:
            onset, coda = onset[-2:], [c for c in coda if c not in VOICED][:1]
        before = ""
        for phone in (*onset, vowel, *coda):
            written, said = table[phone]
            letters = rng.choice(written)
            if before == "l" and phone == vowel:
                letters = soft.get(letters[:1], letters[:1]) + letters[1:]
            words[-1] += letters
            labels += said
            before = phone
        left -= 1
        if not left:
            words.append("")
            left = rng.randint(*word)
    return Spelt([w for w in words if w], labels)


# --- RHVoice, through its library: a process for each sentence would load the voice each time ------------


class _Callbacks(ctypes.Structure):
    """RHVoice_callbacks of RHVoice.h (1.8)."""

    _fields_: ClassVar = [
        (name, ctypes.c_void_p)
        for name in (
            "set_sample_rate", "play_speech", "process_mark", "word_starts", "word_ends", "sentence_starts",
            "sentence_ends", "play_audio", "done",
        )
    ]  # fmt: skip


class _InitParams(ctypes.Structure):
    _fields_: ClassVar = [
        ("data_path", ctypes.c_char_p), ("config_path", ctypes.c_char_p), ("resource_paths", ctypes.c_void_p),
        ("callbacks", _Callbacks), ("options", ctypes.c_uint),
    ]  # fmt: skip


class _SynthParams(ctypes.Structure):
    _fields_: ClassVar = [
        ("voice_profile", ctypes.c_char_p),
        *(
            (f"{kind}_{what}", ctypes.c_double)
            for kind in ("absolute", "relative")
            for what in ("rate", "pitch", "volume")
        ),
        ("punctuation_mode", ctypes.c_int), ("punctuation_list", ctypes.c_char_p),
        ("capitals_mode", ctypes.c_int), ("flags", ctypes.c_int),
    ]  # fmt: skip


_SET_RATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
_PLAY = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_uint, ctypes.c_void_p)


class RHVoice:
    """librhvoice; one instance a process.

    Raises:
        OSError: not installed.
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libRHVoice.so.5")
        self._rate = 24000
        self._sound: list[np.ndarray] = []
        self._kept = _SET_RATE(self._set_rate), _PLAY(self._play)  # the library keeps their addresses only
        callbacks = _Callbacks(*(ctypes.cast(f, ctypes.c_void_p).value for f in self._kept))
        parameters = _InitParams(b"/usr/share/RHVoice", b"/etc/RHVoice", None, callbacks, 0)
        self._library.RHVoice_new_tts_engine.restype = ctypes.c_void_p
        self._library.RHVoice_new_message.restype = ctypes.c_void_p
        self._engine = ctypes.c_void_p(self._library.RHVoice_new_tts_engine(ctypes.byref(parameters)))
        if not self._engine:
            raise OSError("RHVoice has no voices")

    def _set_rate(self, rate: int, _: object) -> int:
        self._rate = rate
        return 1

    def _play(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _: object) -> int:
        self._sound.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 1

    def __call__(self, spelt: list[Spelt], voice: str, rng: random.Random) -> tuple[np.ndarray, int]:
        """The sound (int16) and its rate in hertz; empty when the voice fails."""
        self._sound = []
        text = ", ".join(" ".join(s.words) for s in spelt).encode()
        how = _SynthParams(
            voice.encode(), 0, 0, 0, rng.uniform(0.7, 1.35), rng.uniform(0.85, 1.2), 1, 0, None, 0, 0
        )
        message = ctypes.c_void_p(
            self._library.RHVoice_new_message(self._engine, text, len(text), 0, ctypes.byref(how), None)
        )
        if message:
            self._library.RHVoice_speak(message)
            self._library.RHVoice_delete_message(message)
        return np.concatenate([np.zeros(0, np.int16), *self._sound]), self._rate


def svox(spelt: list[Spelt], language: str, rng: random.Random) -> tuple[np.ndarray, int]:
    """The sound (int16) by pico2wave and its rate in hertz; empty when it fails."""
    spoken = ", ".join(" ".join(f'<phoneme ph="{word}"/>' for word in s.words) for s in spelt)
    pitch, speed = rng.randint(75, 130), rng.randint(75, 140)
    text = f'<pitch level="{pitch}"><speed level="{speed}">{spoken}</speed></pitch>'
    return _written(["pico2wave", "-l", language, "-w", SOUND, text])


def flite(spelt: list[Spelt], voice: str, rng: random.Random) -> tuple[np.ndarray, int]:
    """The sound (int16) by flite and its rate in hertz; empty when it fails."""
    phones = " pau ".join("".join(s.words).replace("_", " ") for s in spelt)
    tempo = f"duration_stretch={rng.uniform(0.7, 1.25):.2f}"
    return _written(["flite", "-voice", voice, "--setf", tempo, "-p", f"pau {phones} pau", "-o", SOUND])


SOUND = "s.wav"


def _written(command: list[str]) -> tuple[np.ndarray, int]:
    """What a program writes into SOUND of its working folder; nothing when it does not."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(command, capture_output=True, cwd=folder)
        try:
            with wave.open(str(Path(folder) / SOUND)) as w:
                return np.frombuffer(w.readframes(w.getnframes()), np.int16), w.getframerate()
        except (OSError, EOFError, wave.Error):
            return np.zeros(0, np.int16), 16000


Engine = Callable[[list[Spelt], str, random.Random], tuple[np.ndarray, int]]
ENGINES: dict[str, tuple[tuple[Voice, ...], Callable[[], Engine]]] = {
    "rhvoice": (RHVOICE_VOICES, RHVoice),
    "svox": (SVOX_VOICES, lambda: svox),
    "flite": (FLITE_VOICES, lambda: flite),
}


def speak_french(
    phones: list[str], voices: tuple[Voice, ...], engine: Engine, rng: random.Random
) -> tuple[str, list[Spelt], np.ndarray, int]:
    """A drawn voice says French phones: its name, what it said, the sound (int16) and its rate in hertz."""
    voice = rng.choices(voices, [v.weight for v in voices])[0]
    spelt = [spell(breath, voice.accent, rng) for breath in breaths(phones, rng)]
    spelt = [s for s in spelt if s.words]
    sound, rate = engine(spelt, voice.name, rng) if spelt else (np.zeros(0, np.int16), 16000)
    return voice.name, spelt, sound, rate
