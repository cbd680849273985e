"""The connections of one process to one Redis, and how operations are called over them.

Three at most: one for commands, which keeps them in the order in which they were asked, one for
hints, one for the heartbeat's thread.
None of them retries by itself: a call whose reply was lost may have been carried out, and only
the caller knows that it is safe to repeat (every operation here is).
"""

import asyncio
import threading
from typing import Any, Final, cast

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from skep.drivers.redis.library import Library
from skep.records.errors import StoreUnavailable

TIMEOUT_S: Final = 5.0
COMMAND_CONNECTIONS: Final = 1
NO_FUNCTION: Final = "Function not found"


class Wire:
    """Calls functions and plain commands; answers are text, but for `get_bytes`."""

    def __init__(self, url: str, library: Library) -> None:
        self._library = library
        self._owner = threading.get_ident()
        self._is_closed = False
        self._asked = 0
        self._answered = asyncio.Event()
        self._answered.set()
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
            url, max_connections=1, retry=AsyncRetry(NoBackoff(), 0), socket_timeout=None
        )

    async def call(self, operation: str, *args: str | bytes | float) -> Any:
        """Call a function of the library, loading the library first when the server lost it.

        Raises `StoreUnavailable`; the operation may have been carried out, and is safe to repeat.
        """
        try:
            return await self._fcall(operation, args)
        except ResponseError as error:
            if NO_FUNCTION not in str(error):
                raise
            await self.command("FUNCTION", "LOAD", "REPLACE", self._library.source)
            return await self._fcall(operation, args)

    async def command(self, *words: str | bytes | float) -> Any:
        """Run one command."""
        if self._is_closed:
            raise StoreUnavailable("The store is closed.")
        self._asked += 1
        self._answered.clear()
        try:
            return _text(await self._client.execute_command(*words))
        except ResponseError:
            raise
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        finally:
            self._asked -= 1
            if not self._asked:
                self._answered.set()

    async def get_bytes(self, key: str) -> bytes | None:
        """Read a value as it is."""
        try:
            value: bytes | None = await self._client.get(key)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
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

    async def _fcall(self, operation: str, args: tuple[str | bytes | float, ...]) -> Any:
        words = ("FCALL", self._library.function(operation), 0, *args)
        if threading.get_ident() != self._owner:
            # The heartbeat's thread: the event loop of the others may be busy, which is why it
            # beats there; it has nothing else to do than to wait.
            return _text(self._blocking(words))
        return await self.command(*words)

    def _blocking(self, words: tuple[str | bytes | float, ...]) -> Any:
        try:
            return self._beside.execute_command(*words)
        except ResponseError:
            raise
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error


def _text(answer: Any) -> Any:
    if isinstance(answer, bytes):
        return answer.decode()
    if isinstance(answer, list):
        return [_text(item) for item in cast("list[Any]", answer)]
    return answer


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"Redis does not answer: {error or type(error).__name__}.")
