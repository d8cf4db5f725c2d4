"""Error rates of a Vosk model on voices it never heard: fr4, fr5, SVOX's French one, and a human's prompts.

    python evaluate.py MODEL --work DIR --sets own=test_sentences.txt [name=file.csv ...]

A .csv file has a column ``utterance``; any other file one sentence a line. "clean" is the synthesiser's
sound at 8000 Hz; "phone" adds white noise 20 dB below the speech and goes through A-law. All figures come
from the vosk package itself, fed with 20 ms of sound at a time as a call does it.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import resource
import subprocess
import time
import wave
from collections.abc import Iterable
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import vosk

RATE = 8000
CHUNK = 320
"""Bytes of 20 ms."""
SPEECH_LEVEL = 50
"""Samples louder than this count as speech when the noise level is set."""
YES_NO = ["oui", "non", "oui merci", "non merci", "[unk]"]
NEITHER = [
    "je voudrais parler à quelqu'un",
    "c'est pour une carte d'identité",
    "attendez une minute",
    "mon chien s'est sauvé ce matin",
    "où se trouve la bibliothèque",
    "j'habite rue des tilleuls",
    "la semaine prochaine si possible",
    "vous pouvez répéter",
    "il y a un arbre tombé sur la route",
    "je suis retraité depuis deux ans",
    "combien est-ce que ça coûte",
    "jeudi à quatorze heures",
]
"""Sentences the yes-no grammar must leave to [unk]."""
DIGITS = "zéro un deux trois quatre cinq six sept huit neuf".split()  # noqa: SIM905
SOUNDS = Path("usr/share/asterisk/sounds/fr_CA_f_June")
PROMPTS = Path("usr/share/doc/asterisk-core-sounds-fr")


def a_law(samples: np.ndarray) -> np.ndarray:
    """There and back through ITU-T G.711 A-law, int16 scale."""
    rounded = np.clip(np.round(samples), -32768, 32767).astype(np.int64)
    magnitude = np.minimum(np.abs(rounded), 32635) >> 3
    segment = sum((magnitude >= (32 << k)).astype(np.int64) for k in range(7))
    shift = np.maximum(segment, 1)
    large = (((magnitude >> shift) & 15) + 16) * 2 + 1 << (shift - 1)
    decoded = np.where(segment == 0, ((magnitude >> 1) << 1) + 1, large)
    return np.where(rounded >= 0, 1, -1) * (decoded << 3)


def on_the_phone(samples: np.ndarray, seed: int, snr: float = 20.0) -> np.ndarray:
    """White noise `snr` decibels below the speech, then A-law."""
    sound = samples.astype(np.float64)
    loud = sound[np.abs(sound) > SPEECH_LEVEL]
    level = np.sqrt((loud**2).mean()) if len(loud) else 1000.0
    noise = np.random.default_rng(seed).standard_normal(len(sound)) * level * 10 ** (-snr / 20)
    return a_law(sound + noise).astype(np.int16)


def read_sentences(path: Path) -> list[str]:
    """The test sentences of a file."""
    if path.suffix == ".csv":
        with path.open(encoding="utf8", newline="") as file:
            return [row["utterance"] for row in csv.DictReader(file)]
    return [line for line in path.read_text(encoding="utf8").splitlines() if line.strip()]


def read_sound(path: Path) -> np.ndarray:
    """int16 samples of an 8000 Hz WAV."""
    with wave.open(str(path)) as w:
        if w.getframerate() != RATE:
            raise ValueError(f"{path}: {w.getframerate()} Hz")
        return np.frombuffer(w.readframes(w.getnframes()), np.int16)


def speak(task: tuple[str, str, Path]) -> None:
    """A test caller says a sentence into an 8000 Hz WAV with 0.3 s before and 0.6 s after."""
    text, voice, out = task
    if out.exists():
        return
    raw = out.with_suffix(".raw.wav")
    if voice == "pico":
        command = ["pico2wave", "-l", "fr-FR", "-w", str(raw), text]
    else:
        command = ["espeak-ng", "-v", "mb-" + voice, "-s", "150", "-w", str(raw), text]
    subprocess.run(command, check=True, capture_output=True)
    to_phone(raw, out)
    raw.unlink()


def to_phone(source: Path, out: Path) -> None:
    """Convert with sox: 8000 Hz, one channel, 16 bits, never clipped."""
    partial = out.with_suffix(".partial.wav")
    command = [
        "sox",
        "-D",
        "-G",
        source,
        "-r",
        str(RATE),
        "-c",
        "1",
        "-b",
        "16",
        partial,
        "pad",
        "0.3",
        "0.6",
    ]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    partial.rename(out)


def spoken(name: str, sentences: list[str], voice: str, work: Path) -> list[Path]:
    """The WAV files of a set by a voice, made when missing."""
    folder = work / "test" / name / voice
    folder.mkdir(parents=True, exist_ok=True)
    texts = folder / "sentences.txt"
    wanted = "\n".join(sentences)
    if not texts.exists() or texts.read_text(encoding="utf8") != wanted:
        for old in folder.glob("*.wav"):
            old.unlink()
        texts.write_text(wanted, encoding="utf8")
    files = [folder / f"{i:03d}.wav" for i in range(len(sentences))]
    with Pool(2) as pool:
        pool.map(speak, [(s, voice, f) for s, f in zip(sentences, files, strict=True)], chunksize=10)
    return files


def word_errors(reference: list[str], heard: list[str]) -> int:
    """Substitutions, insertions and deletions (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def transcribe(recognizer: vosk.KaldiRecognizer, samples: np.ndarray) -> str:
    """Everything heard in a sound, its end included."""
    data = samples.astype(np.int16).tobytes()
    texts = []
    for i in range(0, len(data), CHUNK):
        if recognizer.AcceptWaveform(data[i : i + CHUNK]):
            texts.append(json.loads(recognizer.Result())["text"])
    texts.append(json.loads(recognizer.FinalResult())["text"])
    return " ".join(t for t in texts if t)


class Score:
    """Errors of a set."""

    def __init__(self) -> None:
        self.errors = self.words = self.right = self.sentences = 0
        self.seconds = self.computing = 0.0
        self.wrong: list[tuple[str, str]] = []

    def add(self, reference: str, heard: str) -> None:
        """Count one sentence."""
        errors = word_errors(reference.split(), heard.split())
        self.errors += errors
        self.words += len(reference.split())
        self.right += errors == 0
        self.sentences += 1
        if errors:
            self.wrong.append((reference, heard))

    @property
    def rate(self) -> float:
        """Word error rate in percent."""
        return 100 * self.errors / max(1, self.words)


def score(
    model: vosk.Model, files: Iterable[Path], references: list[str], phone: bool, grammar: list[str]
) -> Score:
    """Recognise files of one caller, one after the other as in one call."""
    arguments = [json.dumps(grammar, ensure_ascii=False)] if grammar else []
    recognizer = vosk.KaldiRecognizer(model, RATE, *arguments)
    result = Score()
    started = time.process_time()
    for i, (path, reference) in enumerate(zip(files, references, strict=True)):
        samples = read_sound(path)
        result.seconds += len(samples) / RATE
        result.add(reference, transcribe(recognizer, on_the_phone(samples, i) if phone else samples))
    result.computing = time.process_time() - started
    return result


def report_sets(
    model: vosk.Model, sets: dict[str, Path], voices: list[str], work: Path, show: int, clean_only: bool
) -> None:
    """A table of word error rates, clean / phone."""
    words = {line.split()[0] for line in (work / "words.txt").read_text(encoding="utf8").splitlines()}
    print("| set | sentences | unknown words | " + " | ".join(voices) + " | together |")
    print("|---" * (4 + len(voices)) + "|")
    speech = computing = 0.0
    for name, path in sets.items():
        sentences = read_sentences(path)
        said = [w for s in sentences for w in s.split()]
        unknown = sum(w not in words for w in said)
        cells, all_clean, all_phone = [], Score(), Score()
        for voice in voices:
            files = spoken(name, sentences, voice, work)
            rates = []
            for phone, total in ((False, all_clean), (True, all_phone))[: 1 if clean_only else 2]:
                got = score(model, files, sentences, phone, [])
                rates.append(got.rate)
                total.errors += got.errors
                total.words += got.words
                speech += got.seconds
                computing += got.computing
                if show and not phone:
                    for reference, heard in random.Random(1).sample(got.wrong, min(show, len(got.wrong))):
                        print(f"  said:  {reference}\n  heard: {heard}")
            cells.append(" / ".join(f"{rate:.1f}" for rate in rates))
        both = f"{all_clean.rate:.1f}" + ("" if clean_only else f" / {all_phone.rate:.1f}")
        print(
            "| "
            + " | ".join([name, str(len(sentences)), f"{100 * unknown / len(said):.1f} %", *cells, both])
            + " |",
            flush=True,
        )
    print(f"\nreal-time factor on one core: {computing / speech:.3f}")


def report_grammars(model: vosk.Model, voices: list[str], work: Path) -> None:
    """Run-time grammars: yes and no, other sentences that must not become yes or no, digits one by one."""
    answers = YES_NO[:-1]
    digits = [" ".join(random.Random(i).choices(DIGITS, k=4)) for i in range(10)]
    for voice in voices:
        cells = []
        for phone in (False, True):
            yes_no = json.dumps(YES_NO, ensure_ascii=False)

            def heard(path: Path, seed: int, phone: bool = phone, grammar: str = yes_no) -> str:
                recognizer = vosk.KaldiRecognizer(model, RATE)
                recognizer.SetGrammar(grammar)
                samples = read_sound(path)
                text = transcribe(recognizer, on_the_phone(samples, seed) if phone else samples)
                return text.replace("[unk]", "").strip()

            files = enumerate(spoken("yesno", answers, voice, work))
            right = sum(heard(path, i) == answers[i] for i, path in files)
            files = enumerate(spoken("other", NEITHER, voice, work))
            wrong = sum(heard(path, i) != "" for i, path in files)
            errors = score(model, spoken("digits", digits, voice, work), digits, phone, [*DIGITS, "[unk]"])
            cells.append(
                f"{right}/{len(answers)} yes-no right, {wrong}/{len(NEITHER)} others taken for it, "
                f"{errors.errors}/{errors.words} digits wrong"
            )
        print(f"grammars, {voice}: {cells[0]}; on the phone: {cells[1]}", flush=True)


def report_silence(model: vosk.Model) -> None:
    """Words heard where nobody speaks: 30 s each of digital silence, white noise and clicks."""
    rng = np.random.default_rng(0)
    count = 30 * RATE
    clicks = np.zeros(count)
    clicks[rng.integers(0, count, 40)] = 8000
    backgrounds = {
        "digital silence": np.zeros(count),
        "faint noise": rng.standard_normal(count) * 60,
        "loud noise": rng.standard_normal(count) * 1500,
        "clicks": clicks + rng.standard_normal(count) * 10,
    }
    for name, samples in backgrounds.items():
        heard = transcribe(vosk.KaldiRecognizer(model, RATE), a_law(samples))
        print(f"30 s of {name}: {len(heard.split())} words {heard[:60]!r}")


def report_interface(model: vosk.Model, voice: str, work: Path) -> None:
    """N-best and word times, as the bot asks for them."""
    sentence = "bonjour je voudrais refaire ma carte d'identité"
    samples = read_sound(spoken("interface", [sentence], voice, work)[0])
    recognizer = vosk.KaldiRecognizer(model, RATE)
    recognizer.SetMaxAlternatives(5)
    recognizer.AcceptWaveform(on_the_phone(samples, 1, 5.0).tobytes())
    alternatives = json.loads(recognizer.FinalResult())["alternatives"]
    print(f"alternatives under noise: {[a['text'] for a in alternatives]}")
    recognizer = vosk.KaldiRecognizer(model, RATE)
    recognizer.SetWords(True)
    recognizer.AcceptWaveform(samples.tobytes())
    words = json.loads(recognizer.FinalResult()).get("result", [])
    print("words:", " ".join(f"{w['word']}@{w['start']:.2f}-{w['end']:.2f}({w['conf']:.2f})" for w in words))


def prompt_text(text: str) -> str:
    """A prompt's text as the recogniser would write it."""
    text = text.lower().replace("’", "'").replace("a.m.", "a m").replace("p.m.", "p m")
    text = re.sub(r"\d", lambda m: " " + DIGITS[int(m.group())] + " ", text)
    text = re.sub(r"[^a-zàâäçéèêëîïôöùûüœ'\- ]", " ", text)
    return " ".join(re.sub(r"(^|\s)-+|-+(\s|$)", " ", text).split())


def report_human(model: vosk.Model, asterisk: Path, work: Path) -> None:
    """June's prompts (fr_CA) of Debian's asterisk-core-sounds-fr: another accent and subject."""
    lists = sorted((asterisk / PROMPTS).glob("*.txt*"))
    if not lists or not (asterisk / SOUNDS).is_dir():
        print("human prompts: not there, left out")
        return
    folder = work / "test" / "human"
    folder.mkdir(parents=True, exist_ok=True)
    files, references = [], []
    for path in lists:
        content = subprocess.run(["zcat", "-f", str(path)], capture_output=True).stdout.decode(
            "utf8", "replace"
        )
        for line in content.splitlines():
            name, _, text = line.partition(":")
            source = asterisk / SOUNDS / f"{name.strip()}.wav"
            words = prompt_text(text).split()
            skip = name.startswith((";", "digits/", "letters/", "phonetic/")) or re.search(r"[\[(]", text)
            if skip or not source.exists() or not 3 <= len(words) <= 30 or " ".join(words) in references:
                continue
            out = folder / f"{len(files):03d}.wav"
            if not out.exists():
                to_phone(source, out)
            files.append(out)
            references.append(" ".join(words))
    rates = [score(model, files, references, phone, []).rate for phone in (False, True)]
    print(
        f"human prompts (June, fr_CA): {len(files)} prompts, {rates[0]:.1f} / {rates[1]:.1f} % of words wrong"
    )


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="where the test callers' sounds are kept")
    parser.add_argument("--sets", nargs="*", default=[], help="name=path of sentences")
    parser.add_argument("--voices", nargs="*", default=["fr4", "fr5", "pico"])
    parser.add_argument(
        "--asterisk", type=Path, default=Path("/nonexistent"), help="root of an Asterisk with June's sounds"
    )
    parser.add_argument("--show", type=int, default=0, help="wrong sentences to print for each set and voice")
    parser.add_argument(
        "--only-sets", action="store_true", help="leave out grammars, silence, memory and so on"
    )
    parser.add_argument("--clean-only", action="store_true", help="leave out the noisy condition")
    args = parser.parse_args()
    vosk.SetLogLevel(-1)
    args.work.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    model = vosk.Model(str(args.model))
    loaded = time.monotonic() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (args.work / "words.txt").write_bytes((args.model / "graph" / "words.txt").read_bytes())
    sets = {name: Path(path) for name, path in (s.split("=", 1) for s in args.sets)}
    report_sets(model, sets, args.voices, args.work, args.show, args.clean_only)
    if args.only_sets:
        return
    report_grammars(model, args.voices, args.work)
    report_silence(model)
    report_interface(model, args.voices[0], args.work)
    report_human(model, args.asterisk, args.work)
    size = sum(p.stat().st_size for p in args.model.rglob("*") if p.is_file()) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"loaded in {loaded:.2f} s, {memory:.0f} MB then, {peak:.0f} MB at most; model folder {size:.1f} MB"
    )


if __name__ == "__main__":
    main()
