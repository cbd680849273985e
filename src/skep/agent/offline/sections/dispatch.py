"""Which words belong to which tool."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeVar, cast

from skep.agent.offline.sections.churn import churn
from skep.agent.offline.sections.complexity import complexity
from skep.agent.offline.sections.dependencies import dependencies
from skep.agent.offline.sections.documentation import documentation
from skep.agent.offline.sections.generic import generic
from skep.agent.offline.sections.inventory import inventory
from skep.agent.offline.sections.secrets import secrets
from skep.agent.offline.sections.section import Section, rendered
from skep.agent.offline.sections.tests_layout import tests_layout
from skep.agent.offline.sections.todos import todos
from skep.agent.tools.churn import Churn
from skep.agent.tools.complexity import Complexity
from skep.agent.tools.dependencies import Dependencies
from skep.agent.tools.documentation import Documentation
from skep.agent.tools.inventory import Inventory
from skep.agent.tools.secrets import Secrets
from skep.agent.tools.tests_layout import TestsLayout
from skep.agent.tools.todos import Todos
from skep.records.values import Json

T = TypeVar("T")


class _Words(NamedTuple):
    """The fields that a tool's words need, and how they are written."""

    fields: frozenset[str]
    write: Callable[[Mapping[str, Json]], Section]


def _words(shape: type[T], write: Callable[[T], Section]) -> _Words:
    def write_checked(findings: Mapping[str, Json]) -> Section:
        return write(cast("T", findings))

    return _Words(frozenset(shape.__annotations__), write_checked)


_WORDS: Final[Mapping[str, _Words]] = {
    "churn": _words(Churn, churn),
    "complexity": _words(Complexity, complexity),
    "dependencies": _words(Dependencies, dependencies),
    "documentation": _words(Documentation, documentation),
    "inventory": _words(Inventory, inventory),
    "secrets": _words(Secrets, secrets),
    "tests_layout": _words(TestsLayout, tests_layout),
    "todos": _words(Todos, todos),
}


def has_words(tool: str) -> bool:
    """Tell whether a tool's findings are written in words of their own."""
    return tool in _WORDS


def written(tool: str, findings: Mapping[str, Json]) -> str:
    """Write one tool's findings as Markdown."""
    return rendered(section_of(tool, findings))


def section_of(tool: str, findings: Mapping[str, Json]) -> Section:
    """Find the words for one tool's findings.

    A recorded result may be of another version of the tool: without the fields that its words
    need it gets the plain ones.
    """
    words = _WORDS.get(tool)
    if words is None or not words.fields <= findings.keys():
        return generic(tool, findings)
    return words.write(findings)
