"""The shelf: every tool that reads a workspace, by the name that roles and models use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from skep.agent.tools.churn import churn
from skep.agent.tools.complexity import complexity
from skep.agent.tools.dependencies import dependencies
from skep.agent.tools.documentation import documentation
from skep.agent.tools.inventory import inventory
from skep.agent.tools.reading import list_files, read_file, read_small_file, search
from skep.agent.tools.secrets import secrets
from skep.agent.tools.tests_layout import tests_layout
from skep.agent.tools.todos import todos


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function `(workspace, *, …)` that reads, returns what JSON can hold, and changes nothing.

    The same workspace gives the same result. It blocks while it reads: call it in a thread.
    `at_once` is the same function for calls so short that a thread would take longer than they
    do; it gives None for any other. An analysis is a finding about the whole workspace, kept as an
    artefact; the others look something up. A person has to approve each call of one that
    `is_guarded`, whatever a role says.
    """

    name: str
    run: Callable[..., Mapping[str, object]]
    effect: Literal["pure"] = "pure"
    at_once: Callable[..., Mapping[str, object] | None] | None = None
    summary: str
    is_analysis: bool
    is_guarded: bool = False


_AT_ONCE: Final[Mapping[str, Callable[..., Mapping[str, object] | None]]] = {
    read_file.__name__: read_small_file
}
_LOOK_UPS: Final = (list_files, read_file, search)
_ANALYSES: Final = (
    churn,
    complexity,
    dependencies,
    documentation,
    inventory,
    secrets,
    tests_layout,
    todos,
)


def _tool(run: Callable[..., Mapping[str, object]]) -> Tool:
    summary = (run.__doc__ or "").strip().partition("\n")[0]
    return Tool(
        name=run.__name__,
        run=run,
        at_once=_AT_ONCE.get(run.__name__),
        summary=summary,
        is_analysis=run in _ANALYSES,
    )


SHELF: Final[Mapping[str, Tool]] = MappingProxyType(
    {run.__name__: _tool(run) for run in (*_ANALYSES, *_LOOK_UPS)}
)
"""The tools by name."""
