"""Scenarios: what a stub server does with one request, said once for all three protocols."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from skep.agent.conversation import FINDING_HEADER

Protocol: TypeAlias = Literal["openai-chat", "openai-responses", "anthropic"]
PROTOCOLS: Sequence[Protocol] = ("openai-chat", "openai-responses", "anthropic")
Call: TypeAlias = tuple[str, Mapping[str, Any] | str]
Finish: TypeAlias = Literal["stop", "length", "refusal"]


@dataclass(frozen=True, kw_only=True)
class Says:
    """The model says a text, or calls tools as (name, arguments); arguments may be raw text.

    It takes `takes_s` seconds, and `usage` is what it was asked and what it answered, in tokens.
    """

    text: str = ""
    calls: Sequence[Call] = ()
    finish: Finish = "stop"
    usage: tuple[int, int] = (10, 5)
    takes_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Fails:
    """The provider answers with an error's status, headers and body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: object = None


@dataclass(frozen=True, kw_only=True)
class Breaks:
    """The connection is reset: before the head of the answer, after it, or after some events.

    At its end all has come but the last event. An overloaded provider says so amid the stream.
    """

    when: Literal["before", "after", "midway", "at its end", "overloaded"]
    cleanly: bool = False


@dataclass(frozen=True, kw_only=True)
class Raw:
    """The server answers 200 with these bytes, as JSON or as one event of a stream."""

    content: bytes


@dataclass(frozen=True, kw_only=True)
class Waits:
    """The server says nothing: from the beginning, or once its answer has begun."""

    when: Literal["at once", "midway"]


@dataclass(frozen=True, kw_only=True)
class NeverEnds:
    """The server sends pieces of text for as long as somebody reads them."""


Scene: TypeAlias = Says | Fails | Breaks | Raw | Waits | NeverEnds


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as the server got it, read out of its protocol."""

    protocol: Protocol
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def is_streamed(self) -> bool:
        """Whether an SSE stream was asked for."""
        return bool(self.body.get("stream"))

    @property
    def wants_usage(self) -> bool:
        """Whether the figures of usage are to come with the stream."""
        options: Mapping[str, Any] = self.body.get("stream_options") or {}
        return self.protocol != "openai-chat" or bool(options.get("include_usage"))

    @property
    def tools(self) -> Mapping[str, Mapping[str, Any]]:
        """The schemas of the tools that the model is offered, by name."""
        match self.protocol:
            case "openai-chat":
                offered = [each["function"] for each in self.body.get("tools", ())]
                return {each["name"]: each["parameters"] for each in offered}
            case "openai-responses":
                offered = self.body.get("tools", ())
                return {each["name"]: each["parameters"] for each in offered}
            case "anthropic":
                return {each["name"]: each["input_schema"] for each in self.body.get("tools", ())}

    @property
    def results(self) -> Sequence[str]:
        """What tools returned so far, as text."""
        match self.protocol:
            case "openai-chat":
                found = [m["content"] for m in self.body["messages"] if m["role"] == "tool"]
            case "openai-responses":
                found = [
                    item["output"]
                    for item in self.body["input"]
                    if item.get("type") == "function_call_output"
                ]
            case "anthropic":
                found = [
                    block["content"]
                    for message in self.body["messages"]
                    if isinstance(message["content"], list)
                    for block in message["content"]
                    if block["type"] == "tool_result"
                ]
        return [str(each) for each in found]

    @property
    def handed_over(self) -> Sequence[str]:
        """The reports of other tasks, wherever the protocol puts them."""
        return [text for text in _strings(self.body) if text.startswith(FINDING_HEADER)]

    @property
    def text(self) -> str:
        """All that was sent, for looking into."""
        return str(self.body)


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for each in cast("Mapping[str, object]", value).values():
                yield from _strings(each)
        case list():
            for each in cast("list[object]", value):
                yield from _strings(each)
        case _:
            pass
