"""The connections of one process to one Redis, and how commands are sent over them.

Three at most: the line of the commands, which keeps them in the order in which they were asked, one
for hints, one for the heartbeat's thread.
None of them retries by itself: a call whose reply was lost may have been carried out, and only
the caller knows that it is safe to repeat (every operation here is).
"""

import asyncio
import threading
from collections.abc import Awaitable, Sequence
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

from skep.drivers.redis.line import Line, Word
from skep.records.errors import StoreError, StoreUnavailable

TIMEOUT_S: Final = 5.0

PASSING: Final = (
    ClusterDownError, MasterDownError, OutOfMemoryError, ReadOnlyError, TryAgainError
)  # fmt: skip
PASSING_WORDS: Final = ("OOM", "MISCONF", "BUSY", "LOADING", "NOREPLICAS", "UNBLOCKED", "maxmemory")
"""Answers that tell of the server's state, and not of what it was asked."""


class Wire:
    """Sends commands from any thread; answers are text, but for `get_bytes` and `raw`."""

    def __init__(self, url: str) -> None:
        self._owner = threading.get_ident()
        self._is_closed = False
        options: dict[str, Any] = {
            "socket_timeout": TIMEOUT_S,
            "socket_connect_timeout": TIMEOUT_S,
            "protocol": 2,
        }
        asynchronous: Any = redis.asyncio  # its signatures are untyped in part
        without_retries: dict[str, Any] = {"retry": AsyncRetry(NoBackoff(), 0), **options}
        pool = asynchronous.ConnectionPool.from_url(url, decode_responses=True, **without_retries)
        self._line = Line(pool.make_connection(), timeout_s=TIMEOUT_S)
        blocking: Any = redis.Redis
        self._beside: Any = blocking.from_url(
            url, max_connections=1, retry=Retry(NoBackoff(), 0), **options
        )
        self._beside.response_callbacks.clear()  # answers as the server gives them
        self._hints: Any = asynchronous.Redis.from_url(url, max_connections=1, **without_retries)

    async def command(self, *words: Word) -> Any:
        """Run one command.

        Raises `StoreUnavailable`, after which it may have been carried out, or `StoreError` when
        it was refused for what it says.
        """
        if self._is_beside:
            return _text(self._blocking(words))
        return await _answer(self._asked(words))

    async def commands(self, asked: Sequence[Sequence[Word]]) -> list[Any]:
        """Run commands that only read, all under way at once."""
        return await _answer(asyncio.gather(*map(self._asked, asked)))

    async def raw(self, *words: Word) -> Any:
        """Run one command, and give its answer as bytes."""
        if self._is_beside:
            return self._blocking(words)
        return await _answer(self._asked(words, raw=True))

    async def get_bytes(self, key: str) -> bytes | None:
        """Read a value as it is."""
        value: bytes | None = await self.raw("GET", key)
        return value

    def subscription(self) -> Any:
        """A subscription on the connection for hints."""
        return self._hints.pubsub(ignore_subscribe_messages=True)

    async def close(self) -> None:
        """Wait for the answers to what was asked, and close every connection."""
        self._is_closed = True
        await self._line.close()
        await self._hints.aclose()
        self._beside.close()

    @property
    def _is_beside(self) -> bool:
        """Whether this is the heartbeat's thread, which has nothing else to do than to wait.

        It beats there because the event loop of the others may be busy.
        """
        return threading.get_ident() != self._owner

    def _asked(self, words: Sequence[Word], *, raw: bool = False) -> Awaitable[Any]:
        if self._is_closed:
            raise StoreUnavailable("The store is closed.")
        return self._line.ask(words, raw=raw)

    def _blocking(self, words: Sequence[Word]) -> Any:
        try:
            return self._beside.execute_command(*words)
        except (RedisError, OSError) as error:
            raise _told(error) from error


async def _answer(asked: Awaitable[Any]) -> Any:
    try:
        return await asked
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
