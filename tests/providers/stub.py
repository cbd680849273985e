"""A stub of a provider: a real HTTP server on the loopback that plays scenes, and keeps a ledger.

It speaks chat completions, responses and messages, in JSON and as a stream of events, one scene
for each request. What was really asked, and how many connections are open, it knows by itself.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from tests.providers.scenario import (
    Asked,
    Breaks,
    Fails,
    NeverEnds,
    Protocol,
    Raw,
    Says,
    Scene,
    Waits,
)
from tests.providers.speech import Event, problem, spoken, streamed

PATHS: Mapping[str, Protocol] = {
    "/v1/chat/completions": "openai-chat",
    "/v1/responses": "openai-responses",
    "/v1/messages": "anthropic",
}
CUT = Says(text="This answer is long enough to be cut in its middle.")
"""What a model says whose answer is cut."""

BEGINNING = slice(6)
RESET_AT_CLOSE = struct.pack("ii", 1, 0)
Play = Callable[[Asked], Scene]


class Stub:
    """Plays a list of scenes, the last one again and again, or whatever a function makes up."""

    def __init__(self, play: Play | Sequence[Scene]) -> None:
        self._play = play if callable(play) else _in_order(play)
        self.ledger: list[Asked] = []
        self.connections: set[asyncio.StreamWriter] = set()
        self._closed = asyncio.Event()
        self._asked = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self.connections):
            writer.transport.abort()
        await self._server.wait_closed()

    async def asked(self) -> None:
        """Wait until a request has come in."""
        await self._asked.wait()

    async def emptied(self) -> None:
        """Wait until every connection is closed; the test's time-out is its limit."""
        while self.connections:
            self._closed.clear()
            await self._closed.wait()

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables under which the providers' clients find this server."""
        root = f"http://127.0.0.1:{self.port}"
        return {
            "OPENAI_API_KEY": "sk-test-of-the-stub",
            "ANTHROPIC_API_KEY": "sk-ant-of-the-stub",
            "OPENAI_BASE_URL": f"{root}/v1",
            "OLLAMA_BASE_URL": f"{root}/v1",
            "VLLM_BASE_URL": f"{root}/v1",
            "ANTHROPIC_BASE_URL": root,
        }

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        try:
            while (asked := await _request(reader)) is not None:
                self.ledger.append(asked)
                self._asked.set()
                await self._perform(self._play(asked), asked, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self.connections.discard(writer)
            self._closed.set()

    async def _perform(
        self,
        scene: Scene,
        asked: Asked,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        match scene:
            case Says():
                await _ponder(reader, scene.takes_s)
                await _say(writer, asked, scene)
            case Fails():
                await _document(writer, scene.body, status=scene.status, headers=scene.headers)
            case Breaks():
                await self._break(writer, asked, scene)
            case Raw():
                await _raw(writer, asked, scene.content)
            case Waits():
                if scene.when == "midway":
                    await _begin(writer, asked)
                await reader.read(1)  # until the client has had enough, and goes
                raise ConnectionResetError
            case NeverEnds():
                await _never_end(writer, asked)

    async def _break(self, writer: asyncio.StreamWriter, asked: Asked, scene: Breaks) -> None:
        if scene.when == "after":
            writer.write(_head(200, {"Content-Type": "application/json", "Content-Length": "999"}))
        elif scene.when == "midway":
            await _begin(writer, asked, cleanly=scene.cleanly)
        elif scene.when == "at its end":
            await _begin(writer, asked, cleanly=scene.cleanly, events=_all_but_the_end(asked))
        elif scene.when == "overloaded":
            await _begin(writer, asked, cleanly=True, last=_overloaded(asked.protocol))
        await writer.drain()
        if not scene.cleanly:
            end: socket.socket = writer.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        raise ConnectionResetError


def _in_order(scenes: Sequence[Scene]) -> Play:
    left = list(scenes)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


async def _request(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode().strip().split("\r\n")
    headers = {
        name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)
    }
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    path = first.split()[1].partition("?")[0]
    path = path if path.startswith("/") else "/" + path.split("/", 3)[3]  # as a proxy gets it
    return Asked(protocol=PATHS[path], body=json.loads(content), headers=headers)


async def _ponder(reader: asyncio.StreamReader, seconds: float) -> None:
    """Take so long, unless the client goes away."""
    if not seconds:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await reader.read(1)
            raise ConnectionResetError


async def _say(writer: asyncio.StreamWriter, asked: Asked, says: Says) -> None:
    if not asked.is_streamed:
        await _document(writer, spoken(asked.protocol, says))
        return
    writer.write(_head(200, _STREAM))
    for event in streamed(asked.protocol, says):
        if "usage" not in event[1] or asked.wants_usage:
            await _chunk(writer, _sse(event))
    if asked.protocol == "openai-chat":
        await _chunk(writer, b"data: [DONE]\n\n")
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _begin(
    writer: asyncio.StreamWriter,
    asked: Asked,
    *,
    cleanly: bool = False,
    events: slice = BEGINNING,
    last: Sequence[Event] = (),
) -> None:
    """Send the beginning of an answer, and no more."""
    says = CUT
    if not asked.is_streamed:
        content = json.dumps(spoken(asked.protocol, says)).encode()
        length = str(len(content))
        writer.write(_head(200, {"Content-Type": "application/json", "Content-Length": length}))
        writer.write(content[: len(content) // 2])
        return
    writer.write(_head(200, _STREAM))
    for event in [*list(streamed(asked.protocol, says))[events], *last]:
        await _chunk(writer, _sse(event))
    if cleanly:
        writer.write(b"0\r\n\r\n")


def _all_but_the_end(asked: Asked) -> slice:
    return slice(None) if asked.protocol == "openai-chat" else slice(-1)  # there it is [DONE]


def _overloaded(protocol: Protocol) -> Sequence[Event]:
    said = problem(protocol, code="overloaded", kind="overloaded_error", message="Too much.")
    return [("error", said)]


async def _never_end(writer: asyncio.StreamWriter, asked: Asked) -> None:
    if not asked.is_streamed:
        writer.write(_head(200, {"Content-Type": "application/json"}))
        while True:
            writer.write(b" " * 65536)
            await writer.drain()
    writer.write(_head(200, _STREAM))
    begun = list(streamed(asked.protocol, Says(text="word " * 100)))
    delta = next(event for event in begun if "delta" in json.dumps(event) and "word" in str(event))
    for event in begun[: begun.index(delta)]:
        await _chunk(writer, _sse(event))
    while True:
        await _chunk(writer, _sse(delta) * 200)


async def _raw(writer: asyncio.StreamWriter, asked: Asked, content: bytes) -> None:
    if asked.is_streamed:
        content = b"data: " + content + b"\n\n"
    kind = "text/event-stream" if asked.is_streamed else "application/json"
    headers = {"Content-Type": kind, "Content-Length": str(len(content))}
    writer.write(_head(200, headers) + content)
    await writer.drain()


async def _document(
    writer: asyncio.StreamWriter,
    body: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> None:
    content = json.dumps(body).encode()
    usual = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    writer.write(_head(status, {**usual, **(headers or {})}) + content)
    await writer.drain()


_STREAM = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} So", *(f"{name}: {text}" for name, text in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _sse(event: Event) -> bytes:
    name, data = event
    named = f"event: {name}\n" if name else ""
    return f"{named}data: {json.dumps(data)}\n\n".encode()


async def _chunk(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
    await writer.drain()


def analyst(asked: Asked) -> Scene:
    """Play a model that calls the tools it is offered, and reports what they returned."""
    callable_tools = [name for name, schema in asked.tools.items() if not schema.get("required")]
    if callable_tools and not asked.results:
        return Says(calls=[(name, {}) for name in callable_tools[:2]])
    return Says(text=_report([*asked.results, *asked.handed_over]))


def _report(results: Iterable[str]) -> str:
    found: list[Any] = [f"- {text[:2000]}" for text in results]
    return "# Report\n\n" + ("\n".join(found) or "Nothing was to be looked up.")
