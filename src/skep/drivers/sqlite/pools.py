"""The SQLite store's pools."""

from collections.abc import Sequence

from skep.drivers.sqlite import pooling, sharing
from skep.drivers.sqlite.ports import Desk
from skep.policy.pools import POOL_TOPIC, is_settled
from skep.records.errors import SkepError
from skep.records.pool import Allocation, Pool, PoolState, Requisition


class SqlitePools:
    """Capacities, shared by all workers of a store."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def declare(self, pools: Sequence[Pool]) -> Sequence[PoolState | SkepError]:
        """See `ports.pools.Pools.declare`."""
        return await self._desk.writer.ask(
            lambda changes: [sharing.declare(changes, pool) for pool in pools]
        )

    async def allocate(
        self, asked: Sequence[Requisition], *, patience_s: float = 0.0
    ) -> Sequence[Allocation | SkepError]:
        """See `ports.pools.Pools.allocate`."""
        return await self._desk.watched(
            is_settled,
            lambda: self._desk.writer.ask(
                lambda changes: [sharing.allocate(changes, each) for each in asked]
            ),
            topic=POOL_TOPIC,
            patience_s=patience_s,
        )

    async def release(self, ids: Sequence[str]) -> Sequence[bool]:
        """See `ports.pools.Pools.release`."""
        return await self._desk.writer.ask(
            lambda changes: [sharing.release(changes, each) for each in ids]
        )

    async def read(self) -> Sequence[PoolState]:
        """See `ports.pools.Pools.read`."""
        return await self._desk.reader.ask(pooling.every_pool)

    async def sweep(self) -> int:
        """See `ports.pools.Pools.sweep`."""
        return await self._desk.writer.ask(sharing.sweep)
