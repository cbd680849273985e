"""The pools port: what there is only so much of, and who holds how much.

What is held of a pool never exceeds its capacity. A part belongs to a swarm, or to one attempt of
a task; it goes back when it is released, in the transaction that ends its swarm, and in the one
that ends the attempt, however it ends: settled, cancelled, lost with its worker. What comes back is
given in the same transaction to those who wait, by priority, then by age.
"""

from collections.abc import Sequence
from typing import Protocol

from skep.records.errors import SkepError
from skep.records.pool import Allocation, Pool, PoolState, Requisition


class Pools(Protocol):
    """Capacities, shared by all workers of a store."""

    async def declare(self, pools: Sequence[Pool]) -> Sequence[PoolState | SkepError]:
        """Make pools, or change those that there are; what fits now is granted at once.

        Declaring what is so already changes nothing. Answers `InvalidInput`, `LimitExceeded`, or
        `PoolInUse` for what those who hold or wait could not live with.
        """
        ...

    async def allocate(
        self, asked: Sequence[Requisition], *, patience_s: float = 0.0
    ) -> Sequence[Allocation | SkepError]:
        """Ask for parts of pools: held at once, or queued by priority, then age.

        Waits up to `patience_s` until none of them is queued. What is queued then stays so, until
        it is its turn or it is released. Idempotent by id for as long as the allocation is there:
        asked again, it tells how it stands. Answers `InvalidInput`, `LimitExceeded`,
        `PoolNotFound`, `OverCapacity`, `SwarmNotFound`, `SwarmClosed` for one that has ended,
        `Fenced`, or `CommandConflict`.
        """
        ...

    async def release(self, ids: Sequence[str]) -> Sequence[bool]:
        """Give parts back, or leave the queue; False where there is no such allocation."""
        ...

    async def read(self) -> Sequence[PoolState]:
        """Read every pool with its allocations, by name."""
        ...

    async def sweep(self) -> int:
        """Give back what belongs to nobody any more; returns how many allocations.

        It finds nothing as long as the store keeps its promises.
        """
        ...


class Shares(Protocol):
    """What a store has to share out."""

    @property
    def pools(self) -> Pools:
        """Capacities."""
        ...
