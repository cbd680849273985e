"""The stub servers speak the providers' protocols: their own clients read what they say."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from anthropic import AsyncAnthropic
from anthropic.types import Message
from openai import AsyncOpenAI
from tests.providers.scenario import Says
from tests.providers.stub import Stub

SAID = Says(text="Two files, and a word.", calls=[("inventory", {"top": 1})])


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    """A stub that says a text and calls a tool."""
    async with Stub([SAID]) as stub:
        yield stub


def openai(stub: Stub) -> AsyncOpenAI:
    """OpenAI's client at the stub."""
    environment = stub.environment
    return AsyncOpenAI(api_key="k", base_url=environment["OPENAI_BASE_URL"], max_retries=0)


def anthropic(stub: Stub) -> AsyncAnthropic:
    """Anthropic's client at the stub."""
    environment = stub.environment
    return AsyncAnthropic(api_key="k", base_url=environment["ANTHROPIC_BASE_URL"], max_retries=0)


async def test_openais_client_reads_a_chat_completion(stub: Stub) -> None:
    """Text, call and reason to stop arrive as a document."""
    async with openai(stub) as client:
        answer = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}]
        )

    (choice,) = answer.choices
    (call,) = choice.message.tool_calls or []
    assert choice.message.content == SAID.text
    assert call.type == "function"
    assert call.function.arguments == '{"top": 1}'
    assert choice.finish_reason == "tool_calls"


async def test_openais_client_reads_a_streamed_chat_completion(stub: Stub) -> None:
    """The client's own accumulator joins the pieces to the same answer."""
    async with (
        openai(stub) as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "hi"}]
        ) as stream,
    ):
        answer = await stream.get_final_completion()

    (choice,) = answer.choices
    (call,) = choice.message.tool_calls or []
    assert choice.message.content == SAID.text
    assert call.function.arguments == '{"top": 1}'


@pytest.mark.parametrize("streamed", [False, True])
async def test_openais_client_reads_a_response(stub: Stub, *, streamed: bool) -> None:
    """Items, text and call arrive, at once or joined from events."""
    async with openai(stub) as client:
        if streamed:
            async with client.responses.stream(model="m", input="hi") as stream:
                answer = await stream.get_final_response()
        else:
            answer = await client.responses.create(model="m", input="hi")

    assert answer.output_text == SAID.text
    assert [item.type for item in answer.output] == ["message", "function_call"]
    assert answer.status == "completed"


@pytest.mark.parametrize("streamed", [False, True])
async def test_anthropics_client_reads_a_message(stub: Stub, *, streamed: bool) -> None:
    """Blocks and reason to stop arrive, at once or joined from events."""
    asked: dict[str, Any] = {"model": "m", "max_tokens": 9}
    asked["messages"] = [{"role": "user", "content": "hi"}]
    async with anthropic(stub) as client:
        if streamed:
            async with client.messages.stream(**asked) as stream:
                answer = (await stream.get_final_message()).model_dump()
        else:
            answer = cast("Message", await client.messages.create(**asked)).model_dump()

    text, call = answer["content"]
    assert (text["type"], text["text"]) == ("text", SAID.text)
    assert (call["type"], call["input"]) == ("tool_use", {"top": 1})
    assert answer["stop_reason"] == "tool_use"
