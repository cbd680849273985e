"""The Redis store's pools: asks, answers, and pools as the functions show them."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from skep.drivers.redis.answers import refusal_of
from skep.drivers.redis.asks import token_json
from skep.drivers.redis.ports import Desk
from skep.policy.pools import POOL_TOPIC, check_pool, check_requisition, is_settled, state_of
from skep.records.errors import CommandConflict, SkepError, SwarmClosed
from skep.records.ids import SwarmId, TaskKey
from skep.records.pool import Allocation, AllocationState, Pool, PoolState, Requisition
from skep.records.sharing_errors import OverCapacity, PoolInUse, PoolNotFound
from skep.records.values import Digest, Json, canonical

Asked = TypeVar("Asked")


class RedisPools:
    """Capacities, shared by all workers of a store."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def declare(self, pools: Sequence[Pool]) -> Sequence[PoolState | SkepError]:
        """See `ports.pools.Pools.declare`."""
        refusals, sound = _sound(pools, check_pool)
        rows = await self._desk.call("declare_pools", *map(_pool_ask, sound))
        answers = map(_declared, rows, sound)
        return [refused or next(answers) for refused in refusals]

    async def allocate(
        self, asked: Sequence[Requisition], *, patience_s: float = 0.0
    ) -> Sequence[Allocation | SkepError]:
        """See `ports.pools.Pools.allocate`."""
        refusals, sound = _sound(asked, check_requisition)
        told = [_requisition_ask(each) for each in sound]

        async def look() -> list[Allocation | SkepError]:
            rows = await self._desk.call("allocate", *told)
            answers = map(_allocated, rows, sound)
            return [refused or next(answers) for refused in refusals]

        return await self._desk.watched(is_settled, look, topic=POOL_TOPIC, patience_s=patience_s)

    async def release(self, ids: Sequence[str]) -> Sequence[bool]:
        """See `ports.pools.Pools.release`."""
        return [bool(there) for there in await self._desk.call("release", *ids)]

    async def read(self) -> Sequence[PoolState]:
        """See `ports.pools.Pools.read`."""
        states = map(_state, await self._desk.call("read_pools"))
        return sorted(states, key=lambda state: state.pool.name)

    async def sweep(self) -> int:
        """See `ports.pools.Pools.sweep`."""
        return int(await self._desk.call("sweep_pools"))


def _sound(
    asked: Sequence[Asked], check: Callable[[Asked], None]
) -> tuple[list[SkepError | None], list[Asked]]:
    """Say of each why it is refused before it is sent, and give those that are not."""
    refusals: list[SkepError | None] = []
    for each in asked:
        try:
            check(each)
        except SkepError as refusal:
            refusals.append(refusal)
        else:
            refusals.append(None)
    return refusals, [each for each, why in zip(asked, refusals, strict=True) if why is None]


def _pool_ask(pool: Pool) -> str:
    return canonical(
        {
            "name": pool.name,
            "capacity": pool.capacity,
            "unit": pool.unit,
            "shared": pool.is_shared,
        }
    )


def _requisition_ask(asked: Requisition) -> str:
    fields: dict[str, Json] = {
        "id": asked.id,
        "pool": asked.pool,
        "amount": asked.amount,
        "swarm": asked.swarm,
        "priority": asked.priority,
        "digest": asked.digest,
    }
    if asked.token is not None:
        fields["token"] = token_json(asked.token)
    return canonical(fields)


def _declared(row: Sequence[Any], pool: Pool) -> PoolState | SkepError:
    verdict, *rest = row
    if verdict == "OK":
        return _state(rest[0])
    if verdict == "INUSE":
        return PoolInUse(pool=pool.name, capacity=pool.capacity, wanted=int(float(rest[0])))
    return refusal_of(verdict, rest, SwarmId(""))


def _allocated(row: Sequence[Any], asked: Requisition) -> Allocation | SkepError:
    verdict, *rest = row
    match verdict:
        case "OK":
            return _allocation(rest[0])
        case "CONFLICT":
            return CommandConflict()
        case "ENDED":
            return SwarmClosed(f"Swarm {asked.swarm} is {rest[0]} and holds nothing any more.")
        case "NOPOOL":
            return PoolNotFound(pool=asked.pool)
        case "OVER":
            capacity = int(float(rest[0]))
            return OverCapacity(pool=asked.pool, amount=asked.amount, capacity=capacity)
        case _:
            return refusal_of(verdict, rest, asked.swarm)


def _state(row: Sequence[Any]) -> PoolState:
    name, capacity, unit, shared, rows = row
    pool = Pool(name=name, capacity=int(float(capacity)), unit=unit, is_shared=shared == "1")
    return state_of(pool, map(_allocation, rows))


def _allocation(row: Sequence[str]) -> Allocation:
    id_, number, pool, amount, swarm, task, attempt, priority, state, asked_at, digest = row
    return Allocation(
        id=id_,
        number=int(number),
        pool=pool,
        amount=int(float(amount)),
        swarm=SwarmId(swarm),
        task=TaskKey(task) if task else None,
        attempt=int(attempt),
        priority=int(priority),
        state=AllocationState(state),
        asked_at=float(asked_at),
        digest=Digest(digest),
    )
