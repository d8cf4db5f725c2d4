"""YAML files that people edit: read as they were typed, their faults told by line and key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from callbot.errors import TownError

MAX_NODES = 200_000
"""Values of a YAML file, aliases counted as what they stand for."""
YAML_FAULTS = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError)
"""What PyYAML lets through: an impossible date, `!!int` of no number, a nesting without end."""


class _AsTyped(yaml.SafeLoader):
    """Days, hours and telephones stay as they were typed: YAML 1.1 takes `0261711300` for an octal number and
    `8:30` for minutes, and forgets the line of a day that can't be. Numbers and truth are those of YAML 1.2.
    """


_AsTyped.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in ("null", "merge")]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_AsTyped.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9]*)$"), list("-0123456789")
)
_AsTyped.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)$"), list("tf"))


def read_yaml(path: Path) -> tuple[Any, yaml.Node | None]:
    """A YAML file as data and as a tree that knows its lines.

    Raises:
        TownError: unreadable, or no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=_AsTyped)
        _refuse_bomb(tree, path)
        _refuse_twice(tree, path)
        return yaml.load(text, Loader=_AsTyped), tree
    except OSError as error:
        raise TownError(f"can't read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TownError(f"{path}: not UTF-8: {error.reason}") from error
    except yaml.YAMLError as error:
        raise TownError(" ".join(str(error).replace("<unicode string>", str(path)).split())) from error
    except YAML_FAULTS as error:
        raise TownError(f"{path}: no YAML: {error}") from error


def _refuse_bomb(node: yaml.Node | None, path: Path) -> None:
    """A few lines of aliases to aliases can stand for billions of values."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            parts = node.value if isinstance(node, yaml.SequenceNode) else ()
            if isinstance(node, yaml.MappingNode):
                parts = [part for pair in node.value for part in pair]
            sizes[id(node)] = 1 + sum(map(size, parts))
        return sizes[id(node)]

    if node is not None and size(node) > MAX_NODES:
        raise TownError(f"{path}: its aliases stand for more than {MAX_NODES} values")


def _refuse_twice(node: yaml.Node | None, path: Path) -> None:
    """YAML lets a key stand twice and forgets the first: an edit would be lost without a word."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise TownError(f"{path}:{key.start_mark.line + 1}: {key.value}: stands twice")
                seen.add(key.value)
            _refuse_twice(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_twice(item, path)


def explained(error: ValidationError, tree: yaml.Node | None, under: tuple[str, ...] = ()) -> str:
    """Its first fault as `line: key: what is wrong`.

    Args:
        under: keys above those that the error names.
    """
    first = error.errors()[0]
    keys = [*under, *(str(part) for part in first["loc"] if part != "[key]")]
    said = _PLAINLY.get(first["type"], first["msg"].removeprefix("Value error, "))
    return ": ".join(filter(None, (str(line_of(tree, keys)), ".".join(keys), said)))


_PLAINLY = {
    "extra_forbidden": "no such key",
    "missing": "is missing",
    "tuple_type": "must be a list: [this, that], or a line each that begins with a dash",
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "must hold keys and values"),
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
}
"""What pydantic says in words of Python's, for who edits a town file."""


def line_of(node: yaml.Node | None, keys: list[str]) -> int:
    """The line (from 1) where this key stands, or the nearest one above it."""
    line = 1
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == key), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and key.isdecimal() and int(key) < len(node.value):
            node = node.value[int(key)]
            line = node.start_mark.line + 1
    return line
