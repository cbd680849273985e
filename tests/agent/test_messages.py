"""Answers as text: nothing is lost on the way, and what earlier versions wrote is read."""

import math
from pathlib import Path

import pytest
from pydantic_ai.messages import (
    BinaryContent,
    FilePart,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.usage import RequestUsage

from skep.agent.messages import answer_of, is_as_written, written

ANSWER = ModelResponse(
    parts=[
        ThinkingPart("Hm.", signature="s"),
        TextPart("I look."),
        ToolCallPart("read_file", {"path": "é.txt", "lines": None, "of": [1, None]}, "call-1"),
        FilePart(BinaryContent(b"\xff\x00", media_type="application/pdf")),
    ],
    usage=RequestUsage(input_tokens=7, output_tokens=3, details={"cached": 1}),
    model_id="script",
    metadata={"passed_over": [{"model": "other", "code": None}]},
)

OLD_TEXT = (
    '{"finish_reason":null,"instructions":null,"kind":"response","metadata":null,'
    '"model_id":"script","model_name":null,"parts":[{"args":{"path":"a.txt"},"id":null,'
    '"part_kind":"tool-call","provider_details":null,"provider_name":null,'
    '"tool_call_id":"call-1","tool_name":"read_file"}],"provider_details":null,'
    '"provider_name":null,"provider_response_id":null,"run_id":null,'
    '"timestamp":"2026-11-20T15:38:02.944560Z","usage":{"cache_audio_read_tokens":0,'
    '"cache_read_tokens":0,"cache_write_tokens":0,"details":{},"input_audio_tokens":0,'
    '"input_tokens":7,"output_audio_tokens":0,"output_tokens":3}}'
)
"""An answer as the first versions stored it: every field, in the order of their names."""


def test_an_answer_is_read_back_as_it_was_written() -> None:
    """A null among a call's arguments is kept, though fields that have none are left out."""
    assert answer_of(written(ANSWER)) == ANSWER
    assert '"provider_name":null' not in written(ANSWER)


def test_a_usage_of_nothing_is_left_out() -> None:
    """A scripted model's answers say of their usage nothing, and read back as having none."""
    answer = ModelResponse(parts=[TextPart("Soup.")])

    assert "usage" not in written(answer)
    assert answer_of(written(answer)) == answer


def test_what_earlier_versions_stored_is_read() -> None:
    """A run that began before an update goes on after it."""
    answer = answer_of(OLD_TEXT)

    assert answer.parts == [ToolCallPart("read_file", {"path": "a.txt"}, "call-1")]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 3)


@pytest.mark.parametrize(
    "args", [{"path": Path("a.txt")}, {"top": math.nan}, {"of": (1, 2)}, {"of": {1: "a"}}]
)
def test_arguments_that_json_does_not_know_are_read_back(args: dict[str, object]) -> None:
    """Only arguments that mean the same on both sides of the journal are used unread."""
    answer = ModelResponse(parts=[ToolCallPart("read_file", args, "call-1")])

    assert not is_as_written(answer)
    assert is_as_written(ANSWER)
    assert is_as_written(ModelResponse(parts=[ToolCallPart("read_file", '{"a": NaN}', "call-1")]))


def test_half_a_character_is_refused() -> None:
    """No store could keep it."""
    with pytest.raises(ValueError, match="surrogates"):
        written(ModelResponse(parts=[TextPart("\ud800")]))
