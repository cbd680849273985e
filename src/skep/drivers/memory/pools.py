"""The memory store's pools."""

from collections.abc import Sequence

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.state import Tables
from skep.policy.fencing import is_current
from skep.policy.pools import POOL_TOPIC, check_pool, check_requisition, is_settled
from skep.records.errors import Fenced, SkepError, SwarmClosed
from skep.records.pool import Allocation, Pool, PoolState, Requisition
from skep.records.swarm import ENDED
from skep.records.task import TaskStatus


class MemoryPools:
    """Capacities, shared by all workers of a store."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def declare(self, pools: Sequence[Pool]) -> Sequence[PoolState | SkepError]:
        """See `ports.pools.Pools.declare`."""
        with self._desk.change() as changes:
            return [_declare(changes, pool) for pool in pools]

    async def allocate(
        self, asked: Sequence[Requisition], *, patience_s: float = 0.0
    ) -> Sequence[Allocation | SkepError]:
        """See `ports.pools.Pools.allocate`."""

        async def look() -> list[Allocation | SkepError]:
            with self._desk.change() as changes:
                return [_allocate(changes, each) for each in asked]

        return await self._desk.watch.until(
            is_settled, look, topic=POOL_TOPIC, patience_s=patience_s
        )

    async def release(self, ids: Sequence[str]) -> Sequence[bool]:
        """See `ports.pools.Pools.release`."""
        with self._desk.change() as changes:
            released = [changes.tables.poolroom.release(each) for each in ids]
            changes.tell_pools()
            return released

    async def read(self) -> Sequence[PoolState]:
        """See `ports.pools.Pools.read`."""
        with self._desk.look() as tables:
            return every_pool(tables)

    async def sweep(self) -> int:
        """See `ports.pools.Pools.sweep`."""
        with self._desk.change() as changes:
            room = changes.tables.poolroom
            gone = [each for each in room.allocations.values() if _is_gone(changes.tables, each)]
            swept = room.sweep(gone)
            changes.tell_pools()
            return swept


def every_pool(tables: Tables) -> Sequence[PoolState]:
    """Show every pool, by name."""
    return [tables.poolroom.state(name) for name in sorted(tables.poolroom.pools)]


def _declare(changes: Changes, pool: Pool) -> PoolState | SkepError:
    try:
        check_pool(pool)
        state = changes.tables.poolroom.declare(pool)
    except SkepError as refusal:
        return refusal
    changes.tell_pools()
    return state


def _allocate(changes: Changes, asked: Requisition) -> Allocation | SkepError:
    room = changes.tables.poolroom
    try:
        check_requisition(asked)
        allocation = room.known(asked)
        if allocation is None:
            _check_holder(changes.tables, asked)
            allocation = room.allocate(asked, at=changes.at)
    except SkepError as refusal:
        return refusal
    changes.tell_pools()
    return allocation


def _check_holder(tables: Tables, asked: Requisition) -> None:
    swarm = tables.swarm(asked.swarm)
    if swarm.status in ENDED:
        raise SwarmClosed(f"Swarm {swarm.id} is {swarm.status} and holds nothing any more.")
    task = tables.find(asked.token.ref) if asked.token else None
    if asked.token and not (task and is_current(tables.held(task), asked.token)):
        raise Fenced


def _is_gone(tables: Tables, allocation: Allocation) -> bool:
    swarm = tables.swarms.get(allocation.swarm)
    if swarm is None or swarm.status in ENDED:
        return True
    if allocation.task is None:
        return False
    task = swarm.tasks.get(allocation.task)
    is_same = task is not None and task.attempt == allocation.attempt
    return not (is_same and task is not None and task.status is TaskStatus.RUNNING)
