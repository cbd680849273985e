"""A server of the test's own, which the test may kill, and stores on it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
import redis
from tests.servers import RedisProcess

from skep.drivers.redis import RedisStore
from skep.drivers.redis import wire as wire_module
from skep.drivers.system import SystemChance, SystemClock
from skep.ports.system import Clock
from skep.records.errors import StoreUnavailable
from skep.testing.clock import ManualClock

AOF: Final = ("--appendonly", "yes", "--appendfsync")

Opened = Callable[..., Awaitable[RedisStore]]
Answer = TypeVar("Answer")
Raw = Callable[..., Any]
"""Sends one command, and gives the answer as text."""


async def again(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask, and ask again when the connection turns out to be gone, as every caller does."""
    try:
        return await ask()
    except StoreUnavailable:
        return await ask()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server with an append-only file, written out every second."""
    with RedisProcess(tmp_path, *AOF, "everysec") as process:
        yield process


@contextmanager
def beside(port: int) -> Generator[Raw]:
    """A connection beside the stores', over which commands are sent as they are."""
    untyped: Any = redis.Redis
    with untyped(port=port, decode_responses=True) as client:
        client.response_callbacks.clear()
        yield client.execute_command


def written(port: int) -> None:
    """Wait until all that was acknowledged stands in the file.

    With `everysec` a server holds its writes back while an earlier fsync runs, and has answered.
    """
    with beside(port) as send:
        while "aof_buffer_length:0\r" not in send("INFO", "persistence"):
            pass


@pytest.fixture
def raw(server: RedisProcess) -> Iterator[Raw]:
    """A connection to the server, to look at it and to do it harm."""
    with beside(server.port) as send:
        yield send


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Open stores, which are closed when the test is over."""
    async with AsyncExitStack() as stack:

        async def opened_at(url: str, *, clock: Clock | None = None) -> RedisStore:
            store = await RedisStore.open(
                url,
                clock=clock or SystemClock(),
                chance=SystemChance(),
                own_clock=isinstance(clock, ManualClock),
            )
            return await stack.enter_async_context(store)

        yield opened_at


@pytest.fixture
async def store(server: RedisProcess, opened: Opened) -> RedisStore:
    """A store on the server."""
    return await opened(server.url)


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores that are opened after this give up after a fifth of a second."""
    monkeypatch.setattr(wire_module, "TIMEOUT_S", 0.2)
