"""A model that answers from a script, for tests and examples of LLM agents."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from typing_extensions import override

Line: TypeAlias = str | Sequence[tuple[str, Mapping[str, Any]]] | BaseException
"""One answer: a text, tool calls as (name, arguments), or an error to raise."""


class ScriptedModel(Model):
    """Gives one line of its script for each answer a conversation has had so far.

    The line is chosen by how often the model has answered in the conversation, so that several
    agents, and an agent that goes on after a crash, each read the script from where they are.
    `asked` counts the requests that reached the model, replayed ones not among them.
    """

    def __init__(self, script: Sequence[Line], *, name: str = "scripted") -> None:
        super().__init__()
        self._script = script
        self._name = name
        self.asked = 0

    @property
    @override
    def model_name(self) -> str:
        """The name under which it answers."""
        return self._name

    @property
    @override
    def system(self) -> str:
        """The provider: none."""
        return "scripted"

    @override
    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Give the next line, or the last one again when the script is over."""
        self.asked += 1
        turn = sum(isinstance(message, ModelResponse) for message in messages)
        line = self._script[min(turn, len(self._script) - 1)]
        if isinstance(line, BaseException):
            raise line
        return ModelResponse(parts=_parts(line, turn), model_name=self._name)


def _parts(line: str | Sequence[tuple[str, Mapping[str, Any]]], turn: int) -> list[Any]:
    if isinstance(line, str):
        return [TextPart(line)]
    return [
        ToolCallPart(name, dict(args), f"call-{turn}-{place}")
        for place, (name, args) in enumerate(line)
    ]
