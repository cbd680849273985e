"""The rows of the memory store's pools: what each holds, and what is told when that changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from skep.policy.pools import (
    HOLDER_GONE,
    RELEASED,
    Note,
    check_change,
    check_fits,
    given_back,
    granted,
    owner_of,
    served,
    state_of,
)
from skep.records.errors import CommandConflict, LimitExceeded
from skep.records.ids import SwarmId, TaskRef
from skep.records.limits import POOLS_MAX
from skep.records.pool import Allocation, AllocationState, Pool, PoolState, Requisition
from skep.records.sharing_errors import PoolNotFound


@dataclass(slots=True)
class Poolroom:
    """All pools and allocations; what has to be told gathers in `notes` until it is taken."""

    pools: dict[str, Pool] = field(default_factory=dict[str, Pool])
    allocations: dict[str, Allocation] = field(default_factory=dict[str, Allocation])
    notes: list[Note] = field(default_factory=list[Note])
    counted: int = 0

    def state(self, name: str) -> PoolState:
        """Show one pool."""
        mine = [each for each in self.allocations.values() if each.pool == name]
        return state_of(self.pools[name], mine)

    def declare(self, pool: Pool) -> PoolState:
        """Make or change a pool; raises why it cannot be."""
        if pool.name in self.pools:
            check_change(pool, self.state(pool.name))
        elif len(self.pools) >= POOLS_MAX:
            actual = len(self.pools) + 1
            raise LimitExceeded(limit="POOLS_MAX", allowed=POOLS_MAX, actual=actual)
        self.pools[pool.name] = pool
        self._serve(pool.name)
        return self.state(pool.name)

    def known(self, asked: Requisition) -> Allocation | None:
        """Find what was asked for before; raises `CommandConflict` for another body."""
        allocation = self.allocations.get(asked.id)
        if allocation is not None and allocation.digest != asked.digest:
            raise CommandConflict
        return allocation

    def allocate(self, asked: Requisition, *, at: float) -> Allocation:
        """Queue a requisition, and grant it if it is its turn; raises why it cannot be."""
        pool = self.pools.get(asked.pool)
        if pool is None:
            raise PoolNotFound(pool=asked.pool)
        check_fits(asked, pool, count=len(self.of(asked.swarm)))
        self.counted += 1
        self.allocations[asked.id] = Allocation(
            id=asked.id,
            number=self.counted,
            pool=asked.pool,
            amount=asked.amount,
            swarm=asked.swarm,
            task=asked.token.task if asked.token else None,
            attempt=asked.token.attempt if asked.token else 0,
            priority=asked.priority,
            state=AllocationState.QUEUED,
            asked_at=at,
            digest=asked.digest,
        )
        self._serve(asked.pool)
        return self.allocations[asked.id]

    def of(self, swarm: SwarmId) -> list[Allocation]:
        """What a swarm and its tasks hold and wait for."""
        return [each for each in self.allocations.values() if each.swarm == swarm]

    def of_task(self, ref: TaskRef) -> list[Allocation]:
        """What a task holds and waits for."""
        return [each for each in self.of(ref.swarm) if each.task == ref.key]

    def give_back(self, gone: Iterable[Allocation], reason: str) -> None:
        """Give parts back, then serve those who wait."""
        gone = sorted(gone, key=lambda each: each.number)
        for each in gone:
            del self.allocations[each.id]
            if each.state is AllocationState.HELD:
                self.notes.append(given_back(each, reason))
        for name in sorted({each.pool for each in gone}):
            self._serve(name)

    def release(self, id_: str) -> bool:
        """Give one part back."""
        found = [self.allocations[id_]] if id_ in self.allocations else []
        self.give_back(found, RELEASED)
        return bool(found)

    def sweep(self, gone: Sequence[Allocation]) -> int:
        """Give back what nobody holds any more."""
        self.give_back(gone, HOLDER_GONE)
        return len(gone)

    def _serve(self, name: str) -> None:
        state = self.state(name)
        held, owner = state.allocated, owner_of(state.held)
        for each in served(state.pool, held=held, owner=owner, queue=state.queued):
            self.allocations[each.id] = replace(each, state=AllocationState.HELD)
            self.notes.append(granted(each))
