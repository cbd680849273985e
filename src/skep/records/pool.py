"""Pools of what there is only so much of, and the parts of them that swarms and tasks hold."""

from dataclasses import dataclass
from enum import StrEnum

from skep.records.ids import SwarmId, TaskKey
from skep.records.lease import Token
from skep.records.task import NORMAL_PRIORITY
from skep.records.values import Digest, Json, canonical, digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What there is: at most `capacity` of it is held at once.

    The amounts are whole numbers of `unit`, which is only shown. Of a pool that `is_shared` any
    number of swarms hold parts; of any other one swarm does, until it has given all of it back.
    """

    name: str
    capacity: int
    unit: str = ""
    is_shared: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Requisition:
    """Ask for a part of a pool, safe to repeat under its id for as long as the part is there.

    With a `token` the part belongs to that attempt of the task, and goes back with its end; without
    one it is the swarm's, until it is released or the swarm ends.
    """

    id: str
    pool: str
    amount: int
    swarm: SwarmId
    token: Token | None = None
    priority: int = NORMAL_PRIORITY

    @property
    def digest(self) -> Digest:
        """Tells the body of this requisition from another one under the same id."""
        holder = (self.token.task, self.token.run, self.token.attempt) if self.token else ()
        body: list[Json] = [self.pool, self.amount, self.swarm, *holder, self.priority]
        return digest_of(canonical(body))


class AllocationState(StrEnum):
    """Where an allocation stands; what is given back is gone."""

    QUEUED = "queued"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """A part of a pool that somebody holds or waits for.

    `number` counts all allocations of the store: of equal priority the lower one is served first.
    `task` and `attempt` are those of the holding task, None and 0 when the swarm holds it.
    """

    id: str
    number: int
    pool: str
    amount: int
    swarm: SwarmId
    task: TaskKey | None
    attempt: int
    priority: int
    state: AllocationState
    asked_at: float
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """A pool, and who holds and waits for it in the order in which they are served."""

    pool: Pool
    held: tuple[Allocation, ...] = ()
    queued: tuple[Allocation, ...] = ()

    @property
    def allocated(self) -> int:
        """How much of it is held."""
        return sum(each.amount for each in self.held)

    @property
    def free(self) -> int:
        """How much of it nobody holds."""
        return self.pool.capacity - self.allocated
