"""Guarded tools: calls that a person has to approve before they are made.

The question is put for one call of one turn, under the path of its step, and the decision is bound
to the digest of the tool's name and its exact arguments: what was agreed to is what is done, once.
The same call again, in another turn, is another question.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic_core import to_jsonable_python

from skep.agent.approving import decision_on
from skep.agent.brief import Brief
from skep.agent.toolbox import ToolRefusal
from skep.records.approval import Decision, Verdict
from skep.records.limits import DETAIL_BYTES_MAX
from skep.records.role import Role
from skep.records.values import Json, canonical

APPROVAL_EXPIRES_S: Final = 24 * 3_600.0
"""How long a guarded call waits for its answer, unless its role says otherwise."""

ARGUMENTS_SHOWN_CHARS_MAX: Final = 200
"""The arguments of a guarded call inside its question; its detail has them in full."""


async def forbidden(
    brief: Brief, role: Role, *, tool: str, args: Mapping[str, Any], path: str
) -> ToolRefusal | None:
    """Say in words for the model why a call may not be made; None for one that may.

    While a guarded call is not decided, this ends the attempt with `AwaitsDecision`.
    """
    if tool not in role.approve:
        return None
    await brief.journal.flush()
    arguments = cast("Json", to_jsonable_python(args))
    detail: Json = {"tool": tool, "arguments": arguments}
    if len(canonical(detail).encode()) > DETAIL_BYTES_MAX:
        return ToolRefusal(
            reason=f"A person has to approve calls of {tool}, and this one has more than"
            f" {DETAIL_BYTES_MAX} bytes of arguments, which nobody can judge. Make it smaller."
        )
    decision = await decision_on(
        brief,
        path,
        f"Let {role.name} call {tool}({_shown(arguments)})?",
        detail=detail,
        expires_s=role.approval_expires_s or APPROVAL_EXPIRES_S,
    )
    return None if decision.approved else _denied(tool, decision)


def _shown(arguments: Json) -> str:
    fields = cast("Mapping[str, Json]", arguments)
    text = ", ".join(f"{name}={canonical(value)}" for name, value in fields.items())
    if len(text) <= ARGUMENTS_SHOWN_CHARS_MAX:
        return text
    return f"{text[:ARGUMENTS_SHOWN_CHARS_MAX]}…"


def _denied(tool: str, decision: Decision) -> ToolRefusal:
    if decision.verdict is Verdict.EXPIRED:
        said = f"Nobody approved this call of {tool} in time, so it was not made."
    else:
        reason = f": {decision.reason}" if decision.reason else "."
        said = f"{decision.by} denied this call of {tool}{reason}"
    return ToolRefusal(reason=f"{said}\nGo on without it, and do not repeat it.", is_denial=True)
