"""A conversation with a model: its messages, and a fingerprint that grows with them.

History is linear. Each message is stored once, the model's answers and the tools' results as the
values of their steps, and the opening from the task itself; nothing stores the whole prompt again
for each call. The fingerprint chains: that of a turn covers the one before and what is new.
"""

from collections.abc import Sequence
from typing import Final, cast

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)

from skep.agent.brief import Brief, Finding
from skep.agent.messages import essence
from skep.agent.toolbox import ToolRefusal
from skep.records.role import Role
from skep.records.told import Told
from skep.records.values import Digest, Json, canonical, digest_of

OBJECTIVE_HEADER: Final = "Objective of the swarm: "
"""How the first message begins."""

TASK_HEADER: Final = "\n\nYour task: "
"""What stands in it between the objective and the task."""

FINDING_HEADER: Final = "Report of task "
"""How a message that hands over another task's result begins."""

TOLD_HEADER: Final = "Message from the person who runs this swarm"
"""How what a person told the swarm begins; whatever else a message holds is no person's word."""


class Conversation:
    """The messages so far, oldest first, and their fingerprint."""

    def __init__(self, opening: ModelRequest, *, ground: Digest) -> None:
        self.messages: list[ModelMessage] = []
        self.fingerprint = ground
        self.extend(opening)

    def restart(self, messages: Sequence[ModelMessage]) -> None:
        """Go on with other messages in place of those so far; the fingerprint covers both."""
        self.messages = []
        for message in messages:
            self.extend(message)

    def extend(self, message: ModelRequest | ModelResponse) -> None:
        """Append a message and chain the fingerprint over it."""
        self.messages.append(message)
        self.fingerprint = digest_of(canonical([self.fingerprint, essence(message)]))


def opening(
    brief: Brief, role: Role, files: Sequence[UserContent] = (), *, words: Sequence[str] = ()
) -> ModelRequest:
    """Open the conversation: who the agent is, what the swarm is for, and what others found.

    `files` are what the task attaches, each after its name; `words` tell what is to be returned.
    """
    spec = brief.grant.spec
    task = spec.title or spec.key
    parts = [f"{OBJECTIVE_HEADER}{brief.request.objective}{TASK_HEADER}{task}"]
    if brief.input is not None:
        given = brief.input if isinstance(brief.input, str) else canonical(brief.input)
        parts.append(f"Input of your task:\n{given}")
    parts.extend(_handed_over(finding) for finding in brief.findings)
    parts.extend(words)
    prompts = [UserPromptPart(content=text) for text in parts]
    if files:
        prompts.append(UserPromptPart(content=files))
    return ModelRequest(parts=prompts, instructions=role.instructions)


def tool_result(call: ToolCallPart, result: Json | ToolRefusal) -> ToolReturnPart:
    """Answer a tool call; a refusal that is no denial asks the model to try again."""
    if isinstance(result, ToolRefusal):
        return ToolReturnPart(
            tool_name=call.tool_name,
            content=result.reason,
            tool_call_id=call.tool_call_id,
            outcome="denied" if result.is_denial else "retried",
        )
    return ToolReturnPart(
        tool_name=call.tool_name, content=cast("object", result), tool_call_id=call.tool_call_id
    )


def results(parts: Sequence[ToolReturnPart]) -> ModelRequest:
    """Hand the results of one turn's tool calls to the model."""
    return ModelRequest(parts=list(parts))


def nudge(reason: str) -> ModelRequest:
    """Tell the model that its answer cannot be used as it is."""
    return ModelRequest(parts=[UserPromptPart(content=reason)])


def spoken(told: Sequence[Told]) -> ModelRequest:
    """Hand over what people told the swarm, each message marked as theirs."""
    return ModelRequest(parts=[UserPromptPart(content=_as_told(each)) for each in told])


def _as_told(told: Told) -> str:
    who = f" ({told.by})" if told.by else ""
    whom = ", for your task alone" if told.task is not None else ""
    return f"{TOLD_HEADER}{who}{whom}:\n\n{told.text}"


def _handed_over(finding: Finding) -> str:
    header = f"{FINDING_HEADER}{finding.key} by agent {finding.agent}: {finding.status}"
    if isinstance(finding.value, dict) and isinstance(finding.value.get("text"), str):
        return f"{header}\n\n{finding.value['text']}"
    told = finding.reason if finding.value is None else canonical(finding.value)
    return f"{header}\n\n{told}"
