"""Who gets a part of a pool: those of higher priority first, then those who asked first.

The queue is strict: who comes first and does not fit holds up everybody behind, so that a large
requisition is served once what it needs comes back, and no stream of small ones starves it. In a
pool that is not shared only the swarm that holds it is served until it holds nothing; its further
requisitions are not held up by those of others, who wait for it: that would be a deadlock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from skep.records import limits
from skep.records.errors import InvalidInput, LimitExceeded, SkepError
from skep.records.event import Remark
from skep.records.ids import SwarmId, TaskKey, is_name
from skep.records.pool import Allocation, AllocationState, Pool, PoolState, Requisition
from skep.records.sharing_errors import OverCapacity, PoolInUse
from skep.records.values import Json, is_storable

UNITS: Final = {
    "cpu": "percent of one core",
    "memory": "MiB",
    "slots": "tasks at once",
    "tokens_per_minute": "tokens",
    "usd": "cents",
}
"""What the pools that everybody knows are counted in, where a declaration does not say."""

POOL_TOPIC: Final = "swarm:pools"
"""What rings when an amount was given back or granted."""

RELEASED: Final = "it was released"
ATTEMPT_OVER: Final = "the attempt of its task is over"
SWARM_ENDED: Final = "its swarm has ended"
HOLDER_GONE: Final = "its holder was gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is told to the log of a swarm about an allocation of it."""

    swarm: SwarmId
    task: TaskKey | None
    kind: Remark
    data: dict[str, Json]


def served(
    pool: Pool, *, held: int, owner: SwarmId | None, queue: Iterable[Allocation]
) -> list[Allocation]:
    """Name who gets their part now; `held` of it is held, `owner` is one of its swarms.

    `queue` are those who wait, in their order; it is read only as far as somebody is served.

    >>> served(Pool(name="cpu", capacity=4), held=4, owner=None, queue=[])
    []
    """
    free, found = pool.capacity - held, list[Allocation]()
    for each in queue:
        if not pool.is_shared and owner not in (None, each.swarm):
            continue
        if each.amount > free:
            break
        owner, free = each.swarm, free - each.amount
        found.append(each)
    return found


def rank(allocation: Allocation) -> tuple[int, int]:
    """Order those who wait."""
    return (-allocation.priority, allocation.number)


def state_of(pool: Pool, allocations: Iterable[Allocation]) -> PoolState:
    """Put a pool and its allocations together."""
    known = list(allocations)
    held = [each for each in known if each.state is AllocationState.HELD]
    queued = [each for each in known if each.state is AllocationState.QUEUED]
    return PoolState(
        pool=pool,
        held=tuple(sorted(held, key=lambda each: each.number)),
        queued=tuple(sorted(queued, key=rank)),
    )


def granted(allocation: Allocation) -> Note:
    """Tell that somebody holds a part."""
    return _note(allocation, Remark.RESOURCE_ALLOCATED)


def given_back(allocation: Allocation, reason: str) -> Note:
    """Tell that a part was given back, and why."""
    return _note(allocation, Remark.RESOURCE_RELEASED, reason=reason)


def with_unit(pool: Pool) -> str:
    """Say in what a pool is counted."""
    return pool.unit or UNITS.get(pool.name, "")


def check_pool(pool: Pool) -> None:
    """Refuse a pool that has no name or no sensible capacity."""
    if not is_name(pool.name):
        raise InvalidInput(f"{pool.name!r} is no valid name of a pool.")
    _bound("NAME_CHARS_MAX", limits.NAME_CHARS_MAX, max(len(pool.name), len(pool.unit)))
    if not is_storable(pool.unit) or pool.capacity < 0:
        raise InvalidInput(f"Pool {pool.name!r} has a capacity from 0 on, and a unit in words.")
    _bound("POOL_CAPACITY_MAX", limits.POOL_CAPACITY_MAX, pool.capacity)


def check_requisition(asked: Requisition) -> None:
    """Refuse what nobody can be given."""
    if not asked.id or not is_storable(asked.id) or not is_storable(asked.pool):
        raise InvalidInput("A requisition has an id, by which it is known when it comes again.")
    _bound("ALLOCATION_ID_CHARS_MAX", limits.ALLOCATION_ID_CHARS_MAX, len(asked.id))
    if asked.amount < 1:
        raise InvalidInput("What is asked of a pool is a whole number from 1 on.")
    if not 0 <= asked.priority <= limits.PRIORITY_MAX:
        raise LimitExceeded(
            limit="PRIORITY_MAX", allowed=limits.PRIORITY_MAX, actual=asked.priority
        )
    if asked.token is not None and asked.token.swarm != asked.swarm:
        raise InvalidInput("A task holds for its own swarm.")


def check_fits(asked: Requisition, pool: Pool, *, count: int) -> None:
    """Refuse more than a pool has, or than a swarm may hold and wait for; it has `count`."""
    if asked.amount > pool.capacity:
        raise OverCapacity(pool=pool.name, amount=asked.amount, capacity=pool.capacity)
    _bound("SWARM_ALLOCATIONS_MAX", limits.SWARM_ALLOCATIONS_MAX, count + 1)


def check_change(pool: Pool, state: PoolState) -> None:
    """Refuse a declaration that those who hold or wait could not live with."""
    wanted = max([state.allocated, *(each.amount for each in state.queued)])
    if pool.capacity < wanted:
        raise PoolInUse(pool=pool.name, capacity=pool.capacity, wanted=wanted)
    if not pool.is_shared and len({each.swarm for each in state.held}) > 1:
        raise PoolInUse(pool=pool.name, capacity=pool.capacity, wanted=wanted)


def is_settled(answers: Iterable[Allocation | SkepError]) -> bool:
    """Say whether nobody waits any more among those who asked."""
    return not any(
        isinstance(each, Allocation) and each.state is AllocationState.QUEUED for each in answers
    )


def owner_of(held: Sequence[Allocation]) -> SwarmId | None:
    """Name a swarm that holds something."""
    return held[0].swarm if held else None


def _note(allocation: Allocation, kind: Remark, **more: Json) -> Note:
    data: dict[str, Json] = {
        "id": allocation.id,
        "pool": allocation.pool,
        "amount": allocation.amount,
        **more,
    }
    return Note(swarm=allocation.swarm, task=allocation.task, kind=kind, data=data)


def _bound(limit: str, allowed: int, actual: int) -> None:
    if actual > allowed:
        raise LimitExceeded(limit=limit, allowed=allowed, actual=actual)
