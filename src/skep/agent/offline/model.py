"""A model that answers from the tools' results alone, by fixed rules."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from typing_extensions import override

from skep.agent.offline.sections import written
from skep.agent.offline.synthesis import Report, synthesis
from skep.records.values import Json

FINDING_HEADER: Final = "Report of task "
OBJECTIVE_HEADER: Final = "Objective of the swarm: "


class OfflineModel(Model):
    """Calls the tools of its role once each, then reports what they returned."""

    @property
    @override
    def model_name(self) -> str:
        """The name under which it answers."""
        return "offline model"

    @property
    @override
    def system(self) -> str:
        """The provider: none."""
        return "offline"

    @override
    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Ask for the tools, or write the report once they have answered."""
        returned = _returned(messages)
        callable_tools = _without_arguments(model_request_parameters.function_tools)
        if callable_tools and not returned:
            return self._answer(_calls(callable_tools))
        return self._answer([TextPart(_report(messages, returned))])

    def _answer(self, parts: Sequence[TextPart | ToolCallPart]) -> ModelResponse:
        return ModelResponse(parts=list(parts), model_name=self.model_name)


def _calls(tools: Sequence[ToolDefinition]) -> list[ToolCallPart]:
    # The ids are the tools' names, so that a run made again is the same to the letter.
    return [ToolCallPart(tool.name, {}, f"call-{tool.name}") for tool in tools]


def _without_arguments(tools: Sequence[ToolDefinition]) -> list[ToolDefinition]:
    return [tool for tool in tools if not tool.parameters_json_schema.get("required")]


def _returned(messages: Sequence[ModelMessage]) -> list[ToolReturnPart]:
    return [
        part
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, ToolReturnPart)
    ]


def _prompts(messages: Sequence[ModelMessage]) -> list[str]:
    return [
        part.content
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, UserPromptPart) and isinstance(part.content, str)
    ]


def _report(messages: Sequence[ModelMessage], returned: Sequence[ToolReturnPart]) -> str:
    prompts = _prompts(messages)
    reports = [_handed_over(text) for text in prompts if text.startswith(FINDING_HEADER)]
    if reports:
        return synthesis(_objective(prompts), reports)
    if not returned:
        return "The offline model has no tool for this task, so there is nothing to report."
    return "\n\n".join(_section(part) for part in returned)


def _section(part: ToolReturnPart) -> str:
    if part.outcome != "success" or not isinstance(part.content, Mapping):
        return f"The tool {part.tool_name} gave no figures: {part.content}"
    return written(part.tool_name, cast("Mapping[str, Json]", part.content))


def _handed_over(text: str) -> Report:
    header, _, body = text.partition("\n\n")
    names, _, status = header.removeprefix(FINDING_HEADER).rpartition(": ")
    task, _, agent = names.partition(" by agent ")
    return Report(task=task, agent=agent, status=status, text=body)


def _objective(prompts: Sequence[str]) -> str:
    first = prompts[0] if prompts else ""
    return first.removeprefix(OBJECTIVE_HEADER).partition("\n")[0]
