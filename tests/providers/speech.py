"""What a model says, in the three protocols: one JSON document, or the events of a stream.

Written from the providers' references (chat completions, responses, messages) and read back by
their own clients in `test_stub.py`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.providers.scenario import Protocol, Says

Event = tuple[str, Mapping[str, Any]]
"""The name of an event of a stream, empty where the protocol names none, and its data."""

CHAT_FINISH = {"stop": "stop", "length": "length", "refusal": "content_filter"}
ANTHROPIC_STOP = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal"}
PIECE_CHARS = 7


def spoken(protocol: Protocol, says: Says) -> Mapping[str, Any]:
    """The answer as one document."""
    return {
        "openai-chat": _chat,
        "openai-responses": _response,
        "anthropic": _message,
    }[protocol](says)


def streamed(protocol: Protocol, says: Says) -> Iterator[Event]:
    """The answer as the events of a stream, its text in pieces."""
    return {
        "openai-chat": _chat_events,
        "openai-responses": _response_events,
        "anthropic": _message_events,
    }[protocol](says)


def problem(protocol: Protocol, *, code: str, kind: str, message: str) -> Mapping[str, Any]:
    """The body of an error."""
    if protocol == "anthropic":
        return {"type": "error", "error": {"type": kind, "message": message}}
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def pieces(text: str) -> Iterator[str]:
    """Cut a text into the pieces that a stream brings; a long one into few."""
    size = max(PIECE_CHARS, len(text) // 64)
    for start in range(0, len(text), size):
        yield text[start : start + size]


def arguments(args: Mapping[str, Any] | str) -> str:
    """A call's arguments as the protocol carries them."""
    return args if isinstance(args, str) else json.dumps(args)


# --- chat completions --------------------------------------------------------------------------


def _chat(says: Says) -> Mapping[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": says.text or None}
    if says.calls:
        message["tool_calls"] = [
            {"id": f"call_{n}", "type": "function", "function": _function(name, args)}
            for n, (name, args) in enumerate(says.calls)
        ]
    choice = {"index": 0, "message": message, "finish_reason": _chat_finish(says)}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "stub",
        "choices": [choice],
        "usage": _chat_usage(says),
    }


def _chat_usage(says: Says) -> Mapping[str, int]:
    asked, answered = says.usage
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
    }


def _chat_finish(says: Says) -> str:
    return "tool_calls" if says.calls and says.finish == "stop" else CHAT_FINISH[says.finish]


def _function(name: str, args: Mapping[str, Any] | str) -> Mapping[str, str]:
    return {"name": name, "arguments": arguments(args)}


def _chat_events(says: Says) -> Iterator[Event]:
    def chunk(delta: Mapping[str, Any], finish: str | None = None) -> Event:
        return "", {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": "stub",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }

    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces(says.text):
        yield chunk({"content": piece})
    for n, (name, args) in enumerate(says.calls):
        call = {"index": n, "id": f"call_{n}", "type": "function"}
        yield chunk({"tool_calls": [{**call, "function": {"name": name, "arguments": ""}}]})
        for piece in pieces(arguments(args)):
            yield chunk({"tool_calls": [{"index": n, "function": {"arguments": piece}}]})
    yield chunk({}, _chat_finish(says))
    yield "", {**chunk({})[1], "choices": [], "usage": _chat_usage(says)}


# --- responses ---------------------------------------------------------------------------------


def _response(says: Says) -> Mapping[str, Any]:
    incomplete = {"length": "max_output_tokens", "refusal": "content_filter"}.get(says.finish)
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": "stub",
        "status": "incomplete" if incomplete else "completed",
        "incomplete_details": {"reason": incomplete} if incomplete else None,
        "error": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "output": [item for _, item in _items(says)],
        "usage": {
            "input_tokens": says.usage[0],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": says.usage[1],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sum(says.usage),
        },
    }


def _items(says: Says) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if says.text:
        part: dict[str, Any] = {"type": "output_text", "text": says.text, "annotations": []}
        yield (
            says.text,
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [part],
            },
        )
    for n, (name, args) in enumerate(says.calls):
        yield (
            "",
            {
                "id": f"fc_{n}",
                "type": "function_call",
                "call_id": f"call_{n}",
                "status": "completed",
                **_function(name, args),
            },
        )


def _response_events(says: Says) -> Iterator[Event]:
    whole = _response(says)
    begun: dict[str, Any] = {**whole, "status": "in_progress", "output": [], "usage": None}
    created: Event = ("response.created", {"response": {**begun, "incomplete_details": None}})
    events: list[Event] = [created]
    for place, (text, item) in enumerate(_items(says)):
        at = {"output_index": place, "item_id": item["id"]}
        empty: dict[str, Any] = {"content": []} if text else {"arguments": ""}
        added = {**item, **empty, "status": "in_progress"}
        events.append(("response.output_item.added", {"output_index": place, "item": added}))
        events.extend(_content_events(text, at) if text else _call_events(item, at))
        events.append(("response.output_item.done", {"output_index": place, "item": item}))
    end = "response.completed" if whole["status"] == "completed" else "response.incomplete"
    events.append((end, {"response": whole}))
    for number, (name, data) in enumerate(events):
        yield name, {"type": name, "sequence_number": number, **data}


def _content_events(text: str, at: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    at = {**at, "content_index": 0}
    part: dict[str, Any] = {"type": "output_text", "text": "", "annotations": []}
    yield "response.content_part.added", {**at, "part": part}
    for piece in pieces(text):
        yield "response.output_text.delta", {**at, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**at, "text": text, "logprobs": []}
    yield "response.content_part.done", {**at, "part": {**part, "text": text}}


def _call_events(item: Mapping[str, Any], at: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for piece in pieces(item["arguments"]):
        yield "response.function_call_arguments.delta", {**at, "delta": piece}
    done = {**at, "name": item["name"], "arguments": item["arguments"]}
    yield "response.function_call_arguments.done", done


# --- messages ----------------------------------------------------------------------------------


def _message(says: Says) -> Mapping[str, Any]:
    content: list[Mapping[str, Any]] = [{"type": "text", "text": says.text}] if says.text else []
    content.extend(
        {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": args}
        for n, (name, args) in enumerate(says.calls)
    )
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "stub",
        "content": content,
        "stop_reason": _stop_reason(says),
        "stop_sequence": None,
        "usage": {"input_tokens": says.usage[0], "output_tokens": says.usage[1]},
    }


def _stop_reason(says: Says) -> str:
    return "tool_use" if says.calls and says.finish == "stop" else ANTHROPIC_STOP[says.finish]


def _message_events(says: Says) -> Iterator[Event]:
    asked, answered = says.usage
    usage = {"input_tokens": asked, "output_tokens": 1}
    begun: dict[str, Any] = {**_message(says), "content": [], "stop_reason": None, "usage": usage}
    yield "message_start", {"type": "message_start", "message": begun}
    yield "ping", {"type": "ping"}
    blocks: list[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]] = []
    if says.text:
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(says.text)]
        blocks.append(({"type": "text", "text": ""}, deltas))
    for n, (name, args) in enumerate(says.calls):
        deltas = [
            {"type": "input_json_delta", "partial_json": piece} for piece in pieces(arguments(args))
        ]
        start: dict[str, Any] = {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": {}}
        blocks.append((start, deltas))
    for place, (opened, deltas) in enumerate(blocks):
        kind = "content_block_start"
        yield kind, {"type": kind, "index": place, "content_block": opened}
        kind = "content_block_delta"
        for delta in deltas:
            yield kind, {"type": kind, "index": place, "delta": delta}
        kind = "content_block_stop"
        yield kind, {"type": kind, "index": place}
    delta = {"stop_reason": _stop_reason(says), "stop_sequence": None}
    used = {"output_tokens": answered}
    yield "message_delta", {"type": "message_delta", "delta": delta, "usage": used}
    yield "message_stop", {"type": "message_stop"}
