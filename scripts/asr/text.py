"""What people say: the sentences the language model counts and those the synthetic voices speak.

    python text.py OUTDIR [--repository /path/to/callbot]

writes into OUTDIR

* ``domain.txt``     the sentences of rasa_project/data/nlu/*.yml and of the town's answers, once each;
* ``closed.txt``     numbers, hours, dates, telephone numbers, spelled names, addresses, short answers;
* ``general.txt``    data/general.txt of this folder: everyday telephone French, one sentence a line;
* ``vocabulary.tsv`` the wide vocabulary: word, frequency;
* ``spoken.txt``     what the training voices speak: all of the above and random words, for phonetic variety.
"""

from __future__ import annotations

import argparse
import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import yaml
from vocabulary import join_ligature, starts_with_vowel, wide_vocabulary

HERE = Path(__file__).resolve().parent
SEED = 20260101
LETTERS = "abcdefghijklmnopqrstuvwxyz"
UNITS = """
zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept
dix-huit dix-neuf
""".split()  # noqa: SIM905
TENS = {2: "vingt", 3: "trente", 4: "quarante", 5: "cinquante", 6: "soixante"}
DAYS = "lundi mardi mercredi jeudi vendredi samedi dimanche".split()  # noqa: SIM905
MONTHS = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()  # noqa: SIM905
PHRASES: dict[str, list[str]] = tomllib.loads((HERE / "data" / "phrases.toml").read_text(encoding="utf8"))


def normalise(sentence: str) -> str:
    """Lower case, straight apostrophes, no punctuation, single blanks."""
    text = join_ligature(sentence.lower().replace("’", "'"))
    text = re.sub(r"[^a-zàâäçéèêëîïôöùûüÿœæ0-9'\- ]", " ", text)
    text = re.sub(r"(?<![\w])[-']+|(?<=\s)-+|-+(?!\w)", " ", text)
    return " ".join(text.split())


def say_number(n: int) -> str:
    """A number in words: 71 soixante et onze, 93 quatre-vingt-treize, 2026 deux mille vingt-six."""
    if n < 20:
        return UNITS[n]
    if n < 70:
        tens, unit = divmod(n, 10)
        return TENS[tens] + ("" if unit == 0 else " et un" if unit == 1 else "-" + UNITS[unit])
    if n < 80:
        return "soixante et onze" if n == 71 else "soixante-" + UNITS[n - 60]
    if n < 100:
        return "quatre-vingts" if n == 80 else "quatre-vingt-" + UNITS[n - 80]
    if n < 1000:
        hundreds, rest = divmod(n, 100)
        head = "cent" if hundreds == 1 else UNITS[hundreds] + (" cents" if rest == 0 else " cent")
        return head + (" " + say_number(rest) if rest else "")
    thousands, rest = divmod(n, 1000)
    head = "mille" if thousands == 1 else say_number(thousands) + " mille"
    return head + (" " + say_number(rest) if rest else "")


class Speaker:
    """Draws closed-form sentences; the same seed says the same things."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def one(self, name: str) -> str:
        """An entry of a list in data/phrases.toml."""
        return self.rng.choice(PHRASES[name])

    def maybe(self, probability: float, text: str) -> str:
        """The text after a blank, or nothing."""
        return f" {text}" if self.rng.random() < probability else ""

    def hour(self) -> str:
        """An hour of the day: huit heures et quart, midi, dix-sept heures trente."""
        hour = self.rng.choice([*range(6, 24), 0, 12])
        if hour in (0, 12) and self.rng.random() < 0.7:
            return "midi" + self.maybe(0.3, "et demi") if hour else "minuit"
        head = "zéro heure" if hour == 0 else say_number(hour) + " heures"
        return head + self.maybe(0.55, self.one("minutes"))

    def year(self) -> str:
        """A year of birth or of nowadays."""
        if self.rng.random() < 0.5:
            return say_number(self.rng.randint(2000, 2030))
        century = self.rng.choice(["mille neuf cent ", "mille neuf cent ", "dix-neuf cent ", ""])
        return century + say_number(self.rng.randint(25, 99))

    def date(self) -> str:
        """A day: le mardi douze mars deux mille vingt-six."""
        day = "premier" if self.rng.random() < 0.08 else say_number(self.rng.randint(2, 31))
        weekday = self.maybe(0.4, self.rng.choice(DAYS))
        return f"le{weekday} {day} {self.rng.choice(MONTHS)}{self.maybe(0.35, self.year())}"

    def day(self) -> str:
        """A day, by date or by its name."""
        weekday = self.rng.choice(DAYS)
        return self.rng.choice([self.date(), f"le {weekday}", f"{weekday} prochain", f"{weekday} matin"])

    def telephone(self) -> str:
        """Ten digits by pairs, or one by one."""
        if self.rng.random() < 0.1:
            return " ".join(self.rng.choice(UNITS[:10]) for _ in range(10))
        pairs = (self.rng.randint(0, 99) for _ in range(4))
        head = self.rng.choice("un deux trois quatre cinq six six sept sept neuf".split())  # noqa: SIM905
        return f"zéro {head} " + " ".join(say_number(p) if p > 9 else "zéro " + say_number(p) for p in pairs)

    def street(self) -> str:
        """A street's name; rue, avenue, boulevard, place, chemin and impasse more often than the rest."""
        kinds = PHRASES["street_kinds"]
        return f"{self.rng.choice(kinds[:6] * 3 + kinds)} {self.one('street_names')}"

    def address(self) -> str:
        """Number and street: douze bis rue des lilas."""
        number = say_number(self.rng.choice([*range(1, 60), *range(60, 400, 7)]))
        return f"{number}{self.maybe(0.15, self.rng.choice(['bis', 'ter']))} {self.street()}"

    def name(self) -> str:
        """Last name, mostly after a first name."""
        last = self.one("last_names")
        return f"{self.one('first_names')} {last}" if self.rng.random() < 0.6 else last

    def spelled(self) -> str:
        """Letters one by one, sometimes "deux l" for a double one."""
        word = self.one("last_names").translate(str.maketrans("éèêëàâîïôûùç", "eeeeaaiiouuc"))
        letters = [c for c in word if c in LETTERS]
        if self.rng.random() < 0.4:
            letters = self.rng.choices(LETTERS, k=self.rng.randint(2, 6))
        text = " ".join(letters)
        return re.sub(r"\b(\w) \1\b", r"deux \1", text) if self.rng.random() < 0.5 else text

    def amount(self) -> str:
        """A number, mostly with what it counts."""
        n = self.rng.choice([self.rng.randint(1, 20), self.rng.randint(20, 100), self.rng.randint(100, 3000)])
        return say_number(n) + self.maybe(0.6, self.one("units"))

    def closed(self) -> str:
        """One answer to a form's question, or one closed expression inside a short sentence."""
        kind = self.rng.random()
        if kind < 0.30:
            return self.one("short_answers")
        if kind < 0.42:
            return f"{self.maybe(0.7, self.one('before_a_date'))} {self.day()}".strip()
        if kind < 0.52:
            return f"{self.one('before_an_hour')} {self.hour()}"
        if kind < 0.55:
            return f"entre {self.hour()} et {self.hour()}"
        if kind < 0.63:
            return f"{self.maybe(0.7, self.one('before_a_telephone'))} {self.telephone()}".strip()
        if kind < 0.73:
            town = self.maybe(0.15, "à " + self.one("towns"))
            return f"{self.one('before_an_address')} {self.address()}{town}"
        if kind < 0.77:
            return f"{self.maybe(0.8, self.one('before_a_street'))} {self.street()}".strip()
        if kind < 0.86:
            return f"{self.one('before_a_name')} {self.name()}{self.maybe(0.1, self.spelled())}"
        if kind < 0.89:
            return f"{self.maybe(0.6, self.one('before_letters'))} {self.spelled()}".strip()
        if kind < 0.92:
            town = self.maybe(0.3, "à " + self.one("towns"))
            return f"{self.one('before_a_birth')} {self.date()}{town}"
        if kind < 0.94:
            return f"{self.rng.choice(['en', 'de', 'du', 'au'])} {self.one('countries')}"
        return self.amount()

    def dressed(self, sentence: str) -> str:
        """The sentence with the small words of a telephone call around it, now and then."""
        if self.rng.random() < 0.12:
            sentence = f"{self.one('hesitations')} {sentence}"
        if self.rng.random() < 0.2:
            sentence = f"{self.one('openings')} {sentence}"
        return sentence + self.maybe(0.15, self.one("closings"))


def rasa_examples(folder: Path) -> Iterator[str]:
    """Sentences of every NLU file; entity marks ``[douze mars](date)`` are taken off."""
    for path in sorted(folder.glob("**/*.yml")):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf8")) or {}
        except yaml.YAMLError as error:
            print(f"{path} is not YAML yet, left out: {str(error).splitlines()[0]}")
            continue
        for block in content.get("nlu") or []:
            for line in str(block.get("examples", "")).splitlines():
                if line.strip().startswith("- "):
                    yield re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\{[^}]*\})", r"\1", line.strip()[2:])


def yaml_strings(value: object) -> Iterator[str]:
    """Every string inside a YAML document that reads like a sentence."""
    if isinstance(value, str):
        if value.count(" ") >= 2:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from yaml_strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from yaml_strings(item)


def town_answers(folder: Path) -> Iterator[str]:
    """Sentences of the town's answers, cut at full stops; none with digits or unfilled places."""
    for path in sorted(folder.glob("**/*.yml")):
        try:
            document = yaml.safe_load(path.read_text(encoding="utf8"))
        except yaml.YAMLError:
            continue
        for text in yaml_strings(document):
            for sentence in re.split(r"[.!?;:\n]+", text):
                if len(sentence.split()) >= 3 and not re.search(r"[\d{}<>@/_]", sentence):
                    yield sentence


def domain_sentences(repository: Path) -> list[str]:
    """All sentences of the town hall's subject, in a fixed order, without doubles."""
    found = [*rasa_examples(repository / "rasa_project" / "data" / "nlu")]
    found += town_answers(repository / "callbot" / "town" / "data")
    return list(dict.fromkeys(s for s in map(normalise, found) if s and not re.search(r"\d", s)))


def general_sentences() -> list[str]:
    """The hand-written everyday French of this folder."""
    lines = (HERE / "data" / "general.txt").read_text(encoding="utf8").splitlines()
    return [normalise(line) for line in lines if line.strip()]


def closed_sentences(speaker: Speaker) -> list[str]:
    """Twenty thousand closed expressions, and the numbers themselves."""
    drawn = [speaker.dressed(speaker.closed()) for _ in range(20000)]
    return drawn + [say_number(n) for n in (*range(101), *range(1920, 2031))] * 3


def word_salad(vocabulary: dict[str, float], count: int, rng: random.Random) -> list[str]:
    """Random words, frequent ones more often: no grammar, all the sounds."""
    words = list(vocabulary)
    weights = [f**0.35 for f in vocabulary.values()]
    return [" ".join(rng.choices(words, weights, k=rng.randint(2, 7))) for _ in range(count)]


def spoken_sentences(domain: list[str], vocabulary: dict[str, float], size: int, seed: int) -> list[str]:
    """`size` sentences for the voices: domain and everyday French, closed expressions, random words."""
    rng = random.Random(seed)
    speaker = Speaker(seed + 1)
    natural = domain + general_sentences()
    rng.shuffle(natural)
    part = {"closed": 0.25, "salad": 0.3, "bare": 0.06}
    bare = (["oui", "non"] * 3 + ["oui merci", "non merci", *DAYS, *MONTHS, *UNITS]) * 2 + PHRASES[
        "short_answers"
    ]
    result = [speaker.dressed(speaker.closed()) for _ in range(int(size * part["closed"]))]
    result += [" ".join(chunk) for chunk in (s.split()[:16] for s in natural[: int(size * 0.4)])]
    result += [rng.choice(bare) for _ in range(int(size * part["bare"]))]
    result += word_salad(vocabulary, max(0, size - len(result)), rng)
    rng.shuffle(result)
    return [s for s in result if s]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--repository", type=Path, default=HERE.parents[1])
    parser.add_argument("--words", type=int, default=38000, help="dictionary words in the wide vocabulary")
    parser.add_argument("--spoken", type=int, default=16000, help="sentences for the voices")
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    speaker = Speaker(args.seed)
    vocabulary = wide_vocabulary(args.words)
    names = ["first_names", "last_names", "towns", "countries", "acronyms"]
    extra = [*LETTERS, *(word for name in names for entry in PHRASES[name] for word in entry.split())]
    rarest = min(vocabulary.values())
    for word in extra:
        if word.isalpha():
            vocabulary.setdefault(word, 3 * rarest)
    for place in PHRASES["countries"] + PHRASES["towns"]:
        for form in ("d'", "l'") if starts_with_vowel(place) else ():
            vocabulary.setdefault(form + place, 2 * rarest)
    domain = domain_sentences(args.repository)
    closed = closed_sentences(speaker)
    by_frequency = sorted(vocabulary.items(), key=lambda x: (-x[1], x[0]))
    files = {
        "domain.txt": domain,
        "closed.txt": closed,
        "general.txt": general_sentences(),
        "vocabulary.tsv": [f"{w}\t{f:.4e}" for w, f in by_frequency],
        "spoken.txt": spoken_sentences(domain, vocabulary, args.spoken, args.seed),
    }
    for name, lines in files.items():
        (args.out / name).write_text("\n".join(lines) + "\n", encoding="utf8")
        print(f"{name}: {len(lines)} lines")


if __name__ == "__main__":
    main()
