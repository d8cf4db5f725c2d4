"""What this town's bot has learnt beside the project: sentences, intents and their answers, as YAML files.

They lie in `settings.learned_path`, never inside the program, so that an update of it does not touch them:

    nlu.yml       sentences, as Rasa reads them
    domain.yml    new intents
    intents.yml   the catalogue's entries of the new intents: service, kind, name, answer
    versions/     the same three files, as each trained model knew them
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from callbot.errors import EvaluationError
from callbot.journal.proposals import ProposalError, learnable
from callbot.town.answers import Catalog
from callbot.town.yaml_files import YAML_FAULTS
from callbot.understanding.rasa import LEARNT_DOMAIN, LEARNT_NLU

INTENTS = "intents.yml"
FILES = (LEARNT_NLU, LEARNT_DOMAIN, INTENTS)
LONGEST_ANSWER = 600
"""Letters; heard, not read."""
NEW_INTENT = re.compile(r"[a-z][a-z0-9_]{2,79}")


class LearnedError(EvaluationError):
    """Something can't be learnt, or a file of what was is broken; the message is French, for the page."""


@dataclass(frozen=True, slots=True)
class NewIntent:
    """An intent that the project does not have."""

    service: str
    name: str
    """Said after « Vous appelez pour »."""
    answer: str


@dataclass(frozen=True, slots=True)
class Lessons:
    """Everything learnt, at one moment."""

    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By intent, in the order of the alphabet."""
    intents: Mapping[str, NewIntent] = field(default_factory=dict)

    def plus(self, taught: Iterable[tuple[str, str]]) -> Lessons:
        """With these sentences (text, intent) too; a sentence leaves the intent it was of before."""
        of = {text: intent for intent, texts in self.examples.items() for text in texts}
        return self._of(of | dict(taught), self.intents)

    def minus(self, intent: str, texts: Iterable[str]) -> Lessons:
        """Without these sentences."""
        gone = set(texts)
        of = {
            text: owner
            for owner, kept in self.examples.items()
            for text in kept
            if not (owner == intent and text in gone)
        }
        return self._of(of, self.intents)

    def with_intent(self, id: str, intent: NewIntent) -> Lessons:
        """With this new intent, or what became of it."""
        return Lessons(self.examples, dict(sorted({**self.intents, id: intent}.items())))

    def without_intent(self, id: str) -> Lessons:
        """Without a new intent and its sentences."""
        left = {other: known for other, known in self.intents.items() if other != id}
        return Lessons({other: texts for other, texts in self.examples.items() if other != id}, left)

    @staticmethod
    def _of(of: Mapping[str, str], intents: Mapping[str, NewIntent]) -> Lessons:
        examples: dict[str, tuple[str, ...]] = {}
        for intent in sorted(set(of.values())):
            examples[intent] = tuple(sorted(text for text, owner in of.items() if owner == intent))
        return Lessons(examples, intents)

    def __bool__(self) -> bool:
        return bool(self.examples or self.intents)

    def files(self) -> dict[str, str]:
        """The YAML of each file; a file that would be empty is left out."""
        made: dict[str, str] = {}
        if self.examples:
            blocks = [
                f"  - intent: {intent}\n    examples: |\n" + "".join(f"      - {text}\n" for text in texts)
                for intent, texts in self.examples.items()
            ]
            made[LEARNT_NLU] = 'version: "3.1"\nnlu:\n' + "".join(blocks)
        if self.intents:
            made[LEARNT_DOMAIN] = 'version: "3.1"\nintents:\n' + "".join(f"  - {id}\n" for id in self.intents)
            entries = [
                f"{id}:\n  service: {known.service}\n  kind: info\n"
                f"  name: {_quoted(known.name)}\n  answer: {_quoted(_template(known.answer))}\n"
                for id, known in self.intents.items()
            ]
            made[INTENTS] = "".join(entries)
        return made


def diff(before: Lessons, after: Lessons) -> str:
    """What changes in the files, as a unified diff; empty when nothing does."""
    old, new = before.files(), after.files()
    lines: list[str] = []
    for name in FILES:
        parts = (old.get(name, "").splitlines(), new.get(name, "").splitlines())
        lines += difflib.unified_diff(*parts, f"a/{name}", f"b/{name}", lineterm="")
    return "\n".join(lines)


class Learned:
    """The files of what was learnt.

    Args:
        path: their folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def lessons(self) -> Lessons:
        """Everything learnt so far.

        Raises:
            LearnedError: a file can't be read.
        """
        return read(self.path)

    def examples(self) -> Mapping[str, tuple[str, ...]]:
        """The sentences learnt, by intent."""
        return self.lessons().examples

    def intents(self) -> Mapping[str, NewIntent]:
        """The new intents."""
        return self.lessons().intents

    def remove_examples(self, intent: str, texts: Iterable[str]) -> None:
        """Unlearn these sentences with the next training.

        Raises:
            LearnedError: a file can't be written.
        """
        gone = [*texts]
        self.change(lambda lessons: lessons.minus(intent, gone))

    def add_intent(self, id: str, service: str, name: str, answer: str, examples: Iterable[str]) -> None:
        """Learn a new intent, or change one that was learnt: its answer is spoken as it stands here.

        Args:
            id: small letters, digits and underscores: `ma_ville_composteurs`.
            service: the service's key.
            name: said after « Vous appelez pour ».
            examples: sentences of callers, masked; those that can't be learnt are left out.

        Raises:
            LearnedError: the project has this intent, something is empty, or a file can't be written.
        """
        spoken, words, taught = " ".join(answer.split()), " ".join(name.split()), _learnable(examples)
        if not NEW_INTENT.fullmatch(id) or not re.fullmatch(r"\w{1,80}", service):
            raise LearnedError(f"{id!r} n'est pas un nom d'intention : minuscules, chiffres et _")
        if Catalog().get(id) is not None:
            raise LearnedError(f"l'intention {id} existe déjà : ajoutez-y des phrases")
        if not spoken or not words or len(words) > 120 or len(spoken) > LONGEST_ANSWER:
            raise LearnedError(f"il faut un nom et une réponse de {LONGEST_ANSWER} lettres au plus")
        if not taught and not self.examples().get(id):
            raise LearnedError("il faut au moins une phrase d'exemple")
        known = NewIntent(service, words, spoken)
        self.change(lambda lessons: lessons.with_intent(id, known).plus((text, id) for text in taught))

    def remove_intent(self, id: str) -> None:
        """Unlearn a new intent with the next training.

        Raises:
            LearnedError: a file can't be written.
        """
        self.change(lambda lessons: lessons.without_intent(id))

    def name(self, intent: str) -> str:
        """What a learnt intent is called; empty for any other, or when the files are broken."""
        with contextlib.suppress(LearnedError):
            known = self.intents().get(intent)
            return known.name if known is not None else ""
        return ""

    def version(self, model: str) -> Path:
        """Folder of what a model knew; it is not there for the project's own."""
        return self.path / "versions" / model.removesuffix(".tar.gz")

    def read_version(self, model: str) -> Lessons:
        """What a model knew beside the project; nothing, for the project's own.

        Raises:
            LearnedError: a file can't be read.
        """
        return read(self.version(model)) if model else Lessons()

    def keep(self, model: str, lessons: Lessons) -> None:
        """Keep what a model knew.

        Raises:
            LearnedError: a file can't be written.
        """
        write(self.version(model), lessons)

    def change(self, work: Callable[[Lessons], Lessons]) -> None:
        """Read, change and write, one at a time; each file is replaced as a whole.

        Raises:
            LearnedError: a file can't be read or written.
        """
        with self._alone():
            before = self.lessons()
            after = work(before)
            if after != before:
                write(self.path, after)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise LearnedError(f"learned_dir {self.path} : {error.strerror}") from error


def read(folder: Path) -> Lessons:
    """What the files of this folder hold; nothing when there are none.

    Raises:
        LearnedError: one can't be read.
    """
    nlu, intents = _load(folder / LEARNT_NLU), _load(folder / INTENTS)
    try:
        of = {
            line.strip()[2:]: str(item["intent"])
            for item in nlu.get("nlu") or ()
            for line in str(item["examples"]).splitlines()
            if line.strip().startswith("- ")
        }
        known = {
            str(id): NewIntent(value["service"], value["name"], _literal(value["answer"]))
            for id, value in sorted(intents.items())
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise LearnedError(f"{folder} : fichier illisible ({error})") from error
    return Lessons({}, known).plus(of.items())


def write(folder: Path, lessons: Lessons) -> None:
    """Write the files, each replaced as a whole; those that would be empty are deleted.

    Raises:
        LearnedError: one can't be written.
    """
    made = lessons.files()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            if name not in made:
                (folder / name).unlink(missing_ok=True)
                continue
            partial = folder / f".{name}"
            partial.write_text(made[name], encoding="utf-8")
            partial.replace(folder / name)
    except OSError as error:
        raise LearnedError(f"{folder} : {error.strerror}") from error


def _load(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError, *YAML_FAULTS) as error:
        raise LearnedError(f"{path} : fichier illisible ({type(error).__name__})") from error
    return found if isinstance(found, dict) else {}


def _learnable(texts: Iterable[str]) -> list[str]:
    found: list[str] = []
    for text in texts:
        with contextlib.suppress(ProposalError):
            found.append(learnable(text))
    return found


def _quoted(text: str) -> str:
    """A YAML scalar on one line, whatever its words."""
    return json.dumps(text, ensure_ascii=False)


def _template(answer: str) -> str:
    """The answer as the catalogue has it: it cites no facts, so its braces are doubled."""
    return answer.replace("{", "{{").replace("}", "}}")


def _literal(template: str) -> str:
    return template.replace("{{", "{").replace("}}", "}")
