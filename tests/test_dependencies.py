"""Everything imported is declared: the next machine is bare."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = {"callbot", "tests", "scripts", "dialplan"}
ELSEWHERE = (
    *("scripts/asr/", "scripts/bench_nlu.py", "scripts/speak_rows.py"),
    *("tests/test_nlu_components.py", "tests/speech/test_statistical_voices.py"),
)
"""Run in environments or folders of their own."""
COMES_WITH = {"starlette": "fastapi", "joserfc": "authlib", "requests": "schemathesis", "piper": "piper-tts"}
"""Libraries that are part of another's interface, and one that may not be installed."""


def declared() -> set[str]:
    """Names of distributions, in the form in which they are compared."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    groups = project["dependency-groups"].values()
    lines = [*project["project"]["dependencies"], *(line for some in (*extras, *groups) for line in some)]
    return {normal(re.split(r"[\s<>=!~;\[]", line)[0]) for line in lines if isinstance(line, str)}


def normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> dict[str, str]:
    """Top-level modules that are neither Python's nor ours, and a file that imports each."""
    found = {}
    for folder in ("callbot", "tests", "scripts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            if file.startswith(ELSEWHERE):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module or ""]
                else:
                    continue
                neighbours = {other.stem for other in path.parent.glob("*.py")}
                for name in (name.partition(".")[0] for name in names):
                    if name not in sys.stdlib_module_names | OURS | neighbours:
                        found[name] = file
    return found


def test_everything_imported_is_declared() -> None:
    providers = importlib.metadata.packages_distributions()
    known = declared()
    missing = {
        name: file
        for name, file in imported().items()
        if not known & {normal(one) for one in (*providers.get(name, [name]), COMES_WITH.get(name, name))}
    }
    assert not missing
