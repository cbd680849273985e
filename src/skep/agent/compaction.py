"""A conversation that is too long for its model, in short: opening, summary, last exchange."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from skep.agent.conversation import TOLD_HEADER

SUMMARY_HEADER: Final = "What you did and found so far, in your own words:\n\n"
"""How the part of the opening begins that stands for the messages left out."""

PART_CHARS_MIN: Final = 200
"""What at least is kept of each part in the text that is to be summarised."""

_ASKED_FOR: Final = (
    "Your conversation has grown too long to go on with. Write down in at most 600 words what you"
    " did, what you found with its sources (files, lines, figures), and what is still open. Your"
    " own notes follow; long ones are cut.\n\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compaction:
    """How one conversation is made short: `request` asks for the summary of its middle.

    What people told the swarm in that middle, `told`, is kept word for word.
    """

    opening: ModelRequest
    request: ModelRequest
    told: Sequence[UserPromptPart]
    last: Sequence[ModelMessage]

    @classmethod
    def of(cls, messages: Sequence[ModelMessage]) -> "Compaction | None":
        """Plan it; None when there is nothing between the opening and the last exchange."""
        opening, *rest = messages
        begin = max(
            (place for place, each in enumerate(rest) if isinstance(each, ModelResponse)),
            default=0,
        )
        middle, last = rest[:begin], rest[begin:]
        if not middle or not isinstance(opening, ModelRequest):
            return None
        text = _ASKED_FOR + "\n\n".join(_in_short(middle))
        request = ModelRequest(
            parts=[*opening.parts, UserPromptPart(content=text)], instructions=opening.instructions
        )
        return cls(opening=opening, request=request, told=list(_told_in(middle)), last=last)

    def begun_anew(self, summary: ModelResponse) -> list[ModelMessage]:
        """The messages to go on with."""
        text = "".join(part.content for part in summary.parts if isinstance(part, TextPart))
        summary_part = UserPromptPart(content=f"{SUMMARY_HEADER}{text}")
        parts = [*self.opening.parts, *self.told, summary_part]
        return [replace(self.opening, parts=parts), *self.last]


def _told_in(messages: Sequence[ModelMessage]) -> Iterator[UserPromptPart]:
    """Find what people told the swarm, which no summary may lose."""
    for message in messages:
        for part in message.parts:
            if isinstance(part, UserPromptPart) and str(part.content).startswith(TOLD_HEADER):
                yield part


def _in_short(messages: Sequence[ModelMessage]) -> Iterator[str]:
    """Write messages down in half their length, the long parts cut the most."""
    told = [text for message in messages for text in _told(message)]
    budget = sum(map(len, told)) // 2
    room = max(budget // max(len(told), 1), PART_CHARS_MIN)
    for text in told:
        yield text if len(text) <= room else f"{text[:room]} […]"


def _told(message: ModelMessage) -> Iterator[str]:
    for part in message.parts:
        match part:
            case TextPart(content=text) | UserPromptPart(content=str(text)):
                yield text
            case ToolCallPart():
                yield f"You called {part.tool_name}({part.args_as_json_str()})."
            case ToolReturnPart():
                yield f"{part.tool_name} returned: {part.model_response_str()}"
            case _:
                pass
