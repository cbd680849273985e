"""Holding a part of a pool for as long as a block of a task runs."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from skep.ports.store import Store
from skep.records.errors import SkepError
from skep.records.lease import Token
from skep.records.pool import Allocation, AllocationState, Requisition
from skep.records.sharing_errors import PoolBusy

PATIENCE_S: Final = 30.0
"""How long a task waits for its part, if it says nothing; it keeps its worker meanwhile."""


def requisition_of(
    token: Token, pool: str, amount: int, *, priority: int, number: int
) -> Requisition:
    """Ask for a part under a token; `number` counts the parts of the attempt."""
    return Requisition(
        id=f"{token.swarm}/{token.task}/{token.attempt}/{number}",
        pool=pool,
        amount=amount,
        swarm=token.swarm,
        token=token,
        priority=priority,
    )


@asynccontextmanager
async def part_of(
    store: Store, asked: Requisition, *, patience_s: float
) -> AsyncGenerator[Allocation]:
    """Hold a part; what cannot be given back here goes back with the attempt."""
    try:
        [answer] = await store.pools.allocate([asked], patience_s=patience_s)
        if isinstance(answer, SkepError):
            raise answer
        if answer.state is AllocationState.QUEUED:
            raise PoolBusy(pool=asked.pool, amount=asked.amount, seconds=patience_s)
        yield answer
    finally:
        await store.pools.release([asked.id])
