"""The tools of one role: what a model is told of each, and how a call is checked and made.

Schemas come from the functions' signatures and docstrings by pydantic-ai, once per process.
"""

import asyncio
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from pydantic import ValidationError
from pydantic_ai.tools import Tool as SchemaTool
from pydantic_ai.tools import ToolDefinition
from pydantic_core import to_jsonable_python

from skep.agent.tools.shelf import SHELF
from skep.agent.workspace import Workspace
from skep.records.errors import InvalidInput
from skep.records.role import Charter, ToolShape
from skep.records.step import Effect
from skep.records.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRefusal:
    """Why a call was not made; the model reads it and may try again, unless it is a denial."""

    reason: str
    is_denial: bool = False


class Toolbox:
    """The tools that one role may use on one workspace."""

    def __init__(self, names: Sequence[str], *, charter: Charter, workspace: Workspace) -> None:
        self._names = _usable(names, charter)
        self._workspace = workspace

    def effect(self, name: str) -> Effect:
        """What repeating a call of the tool would do."""
        return Effect(SHELF[name].effect)

    def checked(
        self, name: str, args: Mapping[str, Any] | str | None
    ) -> dict[str, Any] | ToolRefusal:
        """Validate a call's arguments; a refusal says what is wrong in words for the model."""
        if name not in self._names:
            return ToolRefusal(reason=f"There is no tool {name!r}; there are {self._names}.")
        validator = _schema_tool(name).function_schema.validator
        try:
            if isinstance(args, str):
                return cast("dict[str, Any]", validator.validate_json(args or "{}"))
            return cast("dict[str, Any]", validator.validate_python(dict(args or {})))
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
                for each in error.errors()
            )
            return ToolRefusal(reason=f"The arguments of {name} do not fit: {problems}.")

    async def use(self, name: str, args: Mapping[str, Any]) -> Json:
        """Make a call, in a thread because tools block while they read."""
        result = await asyncio.to_thread(SHELF[name].run, self._workspace, **args)
        return cast("Json", to_jsonable_python(result))

    def use_at_once(self, name: str, args: Mapping[str, Any]) -> Json:
        """Make a call of a pure tool that is over in no time; None, and nothing, for any other."""
        tool = SHELF[name]
        result = tool.at_once(self._workspace, **args) if tool.at_once else None
        return cast("Json", to_jsonable_python(result))


def definitions_of(names: Sequence[str], charter: Charter) -> list[ToolDefinition]:
    """What a model is told of tools, from the charter: as it was when the swarm began."""
    return [
        ToolDefinition(
            name=name,
            description=charter.tools[name].description,
            parameters_json_schema=dict(charter.tools[name].schema),
        )
        for name in _usable(names, charter)
    ]


def _usable(names: Sequence[str], charter: Charter) -> list[str]:
    return [name for name in names if name in charter.tools and name in SHELF]


def shapes(names: Collection[str]) -> dict[str, ToolShape]:
    """Describe tools for a charter; raises `InvalidInput` for a name that is not on the shelf."""
    unknown = sorted(set(names) - set(SHELF))
    if unknown:
        raise InvalidInput(
            f"There is no tool called {unknown[0]!r}.", hint=f"Known: {', '.join(sorted(SHELF))}."
        )
    return {name: _shape(name) for name in sorted(set(names))}


def _shape(name: str) -> ToolShape:
    schema = _schema_tool(name).function_schema
    return ToolShape(
        description=schema.description or SHELF[name].summary,
        schema=cast("Mapping[str, Json]", schema.json_schema),
    )


@cache
def _schema_tool(name: str) -> SchemaTool[None]:
    return SchemaTool(_without_workspace(SHELF[name].run), takes_ctx=False, name=name)


def _without_workspace(run: Callable[..., object]) -> Callable[..., object]:
    """Give a function of the same name, docstring and parameters but the first.

    The workspace is ours to give; a model must neither see nor choose it.
    """

    def stand_in(**_: object) -> None:
        return None

    signature = inspect.signature(run)
    parameters = list(signature.parameters.values())[1:]
    stand_in.__name__ = run.__name__
    stand_in.__doc__ = run.__doc__
    stand_in.__module__ = run.__module__
    stand_in.__annotations__ = {
        parameter.name: parameter.annotation for parameter in parameters
    } | {"return": object}
    stand_in.__dict__["__signature__"] = inspect.Signature(parameters, return_annotation=object)
    return stand_in
