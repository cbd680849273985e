"""Looking at everything a store holds, for the invariants, the doctor and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from skep.records.event import Event
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.lease import Held
from skep.records.step import Step
from skep.records.swarm import Swarm
from skep.records.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One dependency: `down` waits for `up` until the edge is met."""

    swarm: SwarmId
    up: TaskKey
    down: TaskKey
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RingSeat:
    """A swarm's seat in a lane's ring as it is stored: derived data, rebuilt by `reconcile`."""

    lane: str
    swarm: SwarmId
    vt: int
    ready: int
    eligible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """The whole observable state of a store, each part in a stable order."""

    incarnation: str
    swarms: Sequence[Swarm]
    tasks: Sequence[Task]
    held: dict[TaskRef, Held]
    edges: Sequence[Edge]
    seats: Sequence[RingSeat]
    steps: Sequence[Step]
    events: Sequence[Event]
    drains: Sequence[TaskRef]


class Inspectable(Protocol):
    """A store that lets itself be looked at."""

    async def dump(self) -> Dump:
        """Read everything in one consistent view."""
        ...

    async def forget_queues(self) -> None:
        """Lose all derived queue data, as a flush would; `reconcile` brings it back."""
        ...
