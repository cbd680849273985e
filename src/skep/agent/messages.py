"""Messages as text: how an answer is stored, read back, and what of a message tells.

An answer is written once. Where the store gives back the very text it was handed, the answer that
was written is used; any other text is read, so that every attempt of a run goes by the same words.
"""

from collections.abc import Sequence
from functools import cache
from math import isfinite
from typing import Final, cast

from pydantic import TypeAdapter
from pydantic_ai.messages import (
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_core import to_jsonable_python

from skep.records.values import Json

_TELLING: Final = frozenset(
    {"part_kind", "content", "tool_name", "tool_call_id", "args", "outcome"}
)
_USAGE: Final = {"usage"}


@cache
def _answers() -> TypeAdapter[ModelResponse]:
    return TypeAdapter(ModelResponse)


def written(answer: ModelResponse) -> str:
    """Write an answer as it is stored. Raises `ValueError` for what no text in UTF-8 can hold."""
    unused = None if any(vars(answer.usage).values()) else _USAGE
    return _answers().dump_json(answer, exclude_none=True, exclude=unused).decode()


def answer_of(text: str) -> ModelResponse:
    """Read an answer from its text, also from that of an earlier version."""
    return _answers().validate_json(text)


def is_as_written(answer: ModelResponse) -> bool:
    """Say whether reading the text of an answer gives arguments equal to those it has.

    They may be any values of Python where a model is scripted, and JSON knows only some.
    """
    return all(
        isinstance(part.args, str) or _is_plain(part.args)
        for part in answer.parts
        if isinstance(part, ToolCallPart)
    )


def essence(message: ModelRequest | ModelResponse) -> Json:
    """What of a message matters to a model: all of it but times, costs and the run's own ids."""
    instructions = message.instructions if isinstance(message, ModelRequest) else None
    return [message.kind, instructions, [_telling(part) for part in message.parts]]


def _telling(part: ModelRequestPart | ModelResponsePart) -> Json:
    """The telling fields of a part; those of the common kinds are named, the others looked for."""
    kind = type(part)
    if kind is ToolCallPart and isinstance(part, ToolCallPart):
        return {
            "args": part.args if isinstance(part.args, str) else _json(part.args),
            "part_kind": part.part_kind,
            "tool_call_id": part.tool_call_id,
            "tool_name": part.tool_name,
        }
    if kind is ToolReturnPart and isinstance(part, ToolReturnPart):
        return {
            "content": _json(part.content),
            "outcome": part.outcome,
            "part_kind": part.part_kind,
            "tool_call_id": part.tool_call_id,
            "tool_name": part.tool_name,
        }
    if isinstance(part, TextPart | UserPromptPart) and isinstance(part.content, str):
        return {"content": part.content, "part_kind": part.part_kind}
    fields = cast("dict[str, Json]", _json(part))
    return {name: fields[name] for name in fields if name in _TELLING}


def _json(value: object) -> Json:
    return cast("Json", to_jsonable_python(value))


def _is_plain(value: object) -> bool:
    """Say whether a value is one that JSON gives back as it was."""
    match value:
        case None | bool() | int() | str():
            return True
        case float():
            return isfinite(value)
        case list():
            return all(map(_is_plain, cast("Sequence[object]", value)))
        case dict():
            fields = cast("dict[object, object]", value)
            return all(isinstance(key, str) for key in fields) and all(
                map(_is_plain, fields.values())
            )
        case _:
            return False
