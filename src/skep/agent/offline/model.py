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

from skep.agent.conversation import FINDING_HEADER, OBJECTIVE_HEADER, TASK_HEADER
from skep.agent.offline.sections import Section, has_words, joined, rendered, section_of
from skep.agent.offline.sections.markup import code, plain
from skep.agent.offline.synthesis import Report, synthesis
from skep.records.values import Json


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
        tools = _wanted(model_request_parameters.function_tools)
        if tools and not returned:
            return self._answer(_calls(tools))
        return self._answer([TextPart(_report(messages, returned))])

    def _answer(self, parts: Sequence[TextPart | ToolCallPart]) -> ModelResponse:
        return ModelResponse(parts=list(parts), model_name=self.model_name)


def _calls(tools: Sequence[ToolDefinition]) -> list[ToolCallPart]:
    # The ids are the tools' names, so that a run made again is the same to the letter.
    return [ToolCallPart(tool.name, {}, f"call-{tool.name}") for tool in tools]


def _wanted(tools: Sequence[ToolDefinition]) -> list[ToolDefinition]:
    """Choose the tools that need no argument: those with words of their own, or else all."""
    callable_tools = [tool for tool in tools if not tool.parameters_json_schema.get("required")]
    return [tool for tool in callable_tools if has_words(tool.name)] or callable_tools


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
    objective, task = _objective_and_task(prompts)
    reports = [_handed_over(text) for text in prompts if text.startswith(FINDING_HEADER)]
    own = rendered(joined(map(_section, returned)) if returned else _NOTHING)
    if not reports:
        return own
    if returned:
        reports.append(Report(task=task, agent="", status="succeeded", text=own))
    return synthesis(objective, reports)


_NOTHING: Final = Section(
    tools=(),
    lead="The offline model has no tool for this task that it could call, so it found nothing.",
)


def _section(part: ToolReturnPart) -> Section:
    content = cast("object", part.content)
    if part.outcome == "success" and isinstance(content, Mapping):
        return section_of(part.tool_name, cast("Mapping[str, Json]", content))
    lead = f"The tool {code(part.tool_name)} gave no figures: {plain(str(content))}"
    return Section(tools=(part.tool_name,), lead=lead)


def _handed_over(text: str) -> Report:
    header, _, body = text.partition("\n\n")
    names, _, status = header.removeprefix(FINDING_HEADER).rpartition(": ")
    task, _, agent = names.partition(" by agent ")
    return Report(task=task, agent=agent, status=status, text=body)


def _objective_and_task(prompts: Sequence[str]) -> tuple[str, str]:
    first = prompts[0] if prompts else ""
    objective, _, task = first.rpartition(TASK_HEADER)
    return (objective or first).removeprefix(OBJECTIVE_HEADER), task
