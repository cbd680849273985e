"""The Redis store under test."""

from typing import Any

import redis

from skep.drivers.redis import RedisStore
from skep.ports.system import Chance, Clock


class RedisHarness:
    """A store in one database of a running server, emptied before and after.

    A crash abandons the open store, connections and all, and opens the database beside it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._system: tuple[Clock, Chance] | None = None
        self._opened: list[RedisStore] = []

    async def open(self, *, clock: Clock, chance: Chance) -> RedisStore:
        """Empty the database and open it."""
        self._empty()
        self._system = (clock, chance)
        return await self._open()

    async def crash(self) -> RedisStore:
        """Open the database anew, with the abandoned store still standing."""
        return await self._open()

    async def dispose(self) -> None:
        """Close every store that was opened, and empty the database."""
        for store in self._opened:
            await store.__aexit__()
        self._opened.clear()
        self._empty()

    async def _open(self) -> RedisStore:
        assert self._system is not None, "open comes first"
        clock, chance = self._system
        store = await RedisStore.open(
            self._url, clock=clock, chance=chance, own_clock=True, allows_memory=True
        )
        self._opened.append(store)
        return store

    def _empty(self) -> None:
        client: Any = redis.Redis
        with client.from_url(self._url) as server:
            server.flushdb()
