"""The glossary is law: what the code names stands in it, and no second word is used for it."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

import skep.records
from skep.ports.store import Durability
from skep.records.dispute import ConflictRule
from skep.records.errors import SkepError
from skep.records.outcome import ErrorClass
from skep.records.placement import Placement
from skep.records.pool import AllocationState
from skep.records.role import Tier
from skep.records.step import Effect, StepState
from skep.records.swarm import Mode, Strategy, SwarmStatus
from skep.records.task import AgentKind, TaskStatus

REPO: Final = Path(__file__).parents[1]
GLOSSARY: Final = (REPO / "docs" / "glossary.md").read_text()

SETS: Final = (
    TaskStatus,
    SwarmStatus,
    Mode,
    Strategy,
    AgentKind,
    Effect,
    StepState,
    Tier,
    Durability,
    ErrorClass,
    Placement,
    AllocationState,
    ConflictRule,
)
SECOND_WORDS: Final = {
    "job": "task",
    "subtask": "task",
    "sub-task": "task",
    "workflow": "plan",
    "orchestrator": "planner, or scheduler",
    "artifact": "artefact, outside code",
}
"""Words of the field that would be a second name for something that has one here."""

banned = re.compile(rf"\b({'|'.join(SECOND_WORDS)})s?\b(?! title)", re.IGNORECASE)
code = re.compile(r"^(```+).*?^\1|`[^`\n]*`|\]\([^)]*\)", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("values", SETS, ids=lambda each: each.__name__)
def test_every_value_of_a_closed_set_is_explained(values: type[StrEnum]) -> None:
    """A status, a kind or a class that the code knows stands in the glossary."""
    assert [value for value in values if f"`{value}`" not in GLOSSARY] == []


def test_every_record_is_explained() -> None:
    """A public class of the records, the errors aside, stands in the glossary by its name."""
    assert [name for name in records() if f"`{name}`" not in GLOSSARY] == []


def test_no_page_uses_a_second_word() -> None:
    """A page of the project calls a thing what the glossary calls it."""
    made = REPO / "docs" / "reference"
    written = [page for page in (REPO / "docs").rglob("*.md") if page.parent != made]
    pages = [*REPO.glob("*.md"), *written]
    found = {page.name: banned.findall(code.sub("", page.read_text())) for page in pages}

    assert {page: words for page, words in found.items() if words} == {}


def test_no_docstring_uses_a_second_word() -> None:
    """A docstring of the package calls a thing what the glossary calls it."""
    found = {place: banned.findall(code.sub("", text)) for place, text in docstrings()}

    assert {place: words for place, words in found.items() if words} == {}


def records() -> Iterator[str]:
    """Name the public classes that the records define."""
    for found in pkgutil.walk_packages(skep.records.__path__, "skep.records."):
        module = importlib.import_module(found.name)
        for name, thing in inspect.getmembers(module, inspect.isclass):
            is_own = thing.__module__ == found.name and not name.startswith("_")
            if is_own and not issubclass(thing, SkepError):
                yield name


def docstrings() -> Iterator[tuple[str, str]]:
    """Give every docstring of the package, with its place."""
    for path in sorted((REPO / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(
                node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            ):
                continue
            if text := ast.get_docstring(node):
                yield f"{path.relative_to(REPO)} {getattr(node, 'name', '')}", text
