"""The connections of one process to one Redis, and how commands are sent over them.

Three at most: one for commands, which keeps them in the order in which they were asked, one for
hints, one for the heartbeat's thread.
None of them retries by itself: a call whose reply was lost may have been carried out, and only
the caller knows that it is safe to repeat (every operation here is).
"""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any, Final, cast

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.retry import Retry

from skep.records.errors import StoreError, StoreUnavailable

TIMEOUT_S: Final = 5.0
COMMAND_CONNECTIONS: Final = 1
PIPELINE_MAX: Final = 1_000

PASSING: Final = (
    ClusterDownError, MasterDownError, OutOfMemoryError, ReadOnlyError, TryAgainError
)  # fmt: skip
PASSING_WORDS: Final = ("OOM", "MISCONF", "BUSY", "LOADING", "NOREPLICAS", "UNBLOCKED", "maxmemory")
"""Answers that tell of the server's state, and not of what it was asked."""

Word = str | bytes | float


class Wire:
    """Sends commands from any thread; answers are text, but for `get_bytes` and `raw`."""

    def __init__(self, url: str) -> None:
        self._owner = threading.get_ident()
        self._is_closed = False
        self._asked = 0
        self._answered = asyncio.Event()
        self._answered.set()
        self._turn = asyncio.Lock()  # first come, first served, which the pool does not promise
        options: dict[str, Any] = {
            "socket_timeout": TIMEOUT_S,
            "socket_connect_timeout": TIMEOUT_S,
            "protocol": 2,
        }
        asynchronous: Any = redis.asyncio  # its signatures are untyped in part
        pool = asynchronous.BlockingConnectionPool.from_url(
            url,
            max_connections=COMMAND_CONNECTIONS,
            timeout=TIMEOUT_S,
            retry=AsyncRetry(NoBackoff(), 0),
            **options,
        )
        self._client: Any = asynchronous.Redis(connection_pool=pool)
        blocking: Any = redis.Redis
        self._beside: Any = blocking.from_url(
            url, max_connections=1, retry=Retry(NoBackoff(), 0), **options
        )
        for client in (self._client, self._beside):
            client.response_callbacks.clear()  # answers as the server gives them
        self._hints: Any = asynchronous.Redis.from_url(
            url, max_connections=1, retry=AsyncRetry(NoBackoff(), 0), **options
        )

    async def command(self, *words: Word) -> Any:
        """Run one command.

        Raises `StoreUnavailable`, after which it may have been carried out, or `StoreError` when
        it was refused for what it says.
        """
        return _text(await self._raw(words))

    async def commands(self, asked: Sequence[Sequence[Word]]) -> list[Any]:
        """Run commands that only read, many to a round trip."""
        found: list[Any] = []
        for start in range(0, len(asked), PIPELINE_MAX):
            pipeline = self._client.pipeline(transaction=False)
            for words in asked[start : start + PIPELINE_MAX]:
                pipeline.execute_command(*words)
            found += await self._answer(pipeline.execute)
        return [_text(answer) for answer in found]

    async def raw(self, *words: Word) -> Any:
        """Run one command, and give its answer as bytes."""
        return await self._raw(words)

    async def get_bytes(self, key: str) -> bytes | None:
        """Read a value as it is."""
        value: bytes | None = await self._raw(("GET", key))
        return value

    def subscription(self) -> Any:
        """A subscription on the connection for hints."""
        return self._hints.pubsub(ignore_subscribe_messages=True)

    async def close(self) -> None:
        """Wait for the answers to what was asked, and close every connection."""
        self._is_closed = True
        await self._answered.wait()
        await self._client.aclose()
        await self._client.connection_pool.disconnect()
        await self._hints.aclose()
        self._beside.close()

    async def _raw(self, words: Sequence[Word]) -> Any:
        if threading.get_ident() != self._owner:
            # The heartbeat's thread: the event loop of the others may be busy, which is why it
            # beats there; it has nothing else to do than to wait.
            return self._blocking(words)
        return await self._answer(self._client.execute_command, *words)

    async def _answer(self, ask: Any, *words: Word) -> Any:
        if self._is_closed:
            raise StoreUnavailable("The store is closed.")
        self._asked += 1
        self._answered.clear()
        try:
            await self._take_turn()
            try:
                return await ask(*words)
            finally:
                self._turn.release()
        except (RedisError, OSError) as error:
            raise _told(error) from error
        finally:
            self._asked -= 1
            if not self._asked:
                self._answered.set()

    async def _take_turn(self) -> None:
        """Wait behind the earlier callers, and not for as many time-outs as there are of them."""
        async with asyncio.timeout(TIMEOUT_S if self._turn.locked() else None):
            await self._turn.acquire()

    def _blocking(self, words: Sequence[Word]) -> Any:
        try:
            return self._beside.execute_command(*words)
        except (RedisError, OSError) as error:
            raise _told(error) from error


async def rest(seconds: float) -> None:
    """Wait in the server's time, which no test's clock moves."""
    nothing = asyncio.Event()
    try:
        await asyncio.wait_for(nothing.wait(), seconds)
    except TimeoutError:
        return


def _told(error: Exception) -> Exception:
    if isinstance(error, (AuthenticationError, NoPermissionError)):
        return StoreUnavailable(f"Redis lets nobody in: {error}.")
    is_passing = isinstance(error, PASSING) or any(word in str(error) for word in PASSING_WORDS)
    if isinstance(error, ResponseError) and not is_passing:
        return StoreError(f"Redis refused: {error}.")
    return StoreUnavailable(f"Redis does not answer: {error or type(error).__name__}.")


def _text(answer: Any) -> Any:
    if isinstance(answer, bytes):
        return answer.decode()
    if isinstance(answer, list):
        return [_text(item) for item in cast("list[Any]", answer)]
    return answer
