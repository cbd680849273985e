"""Looking at everything a store holds, for the invariants, the doctor and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from skep.records.approval import Approval
from skep.records.dispute import Case
from skep.records.event import Event
from skep.records.gate import Gate
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.leadership import DutyRun, Leadership
from skep.records.lease import Held
from skep.records.message import Posted
from skep.records.node import Hosting, Node
from skep.records.placement import Candidate, Choice
from skep.records.pool import PoolState
from skep.records.step import Step
from skep.records.swarm import Swarm
from skep.records.task import Task, TaskStatus
from skep.records.told import Told
from skep.records.values import Digest


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
class Content:
    """A content that is kept: when it was last put, and which swarms refer to it."""

    digest: Digest
    put_at: float
    users: Sequence[SwarmId]


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
    approvals: Sequence[Approval]
    contents: Sequence[Content]
    gates: Sequence[Gate]
    told: Sequence[Told]
    messages: Sequence[Posted] = ()
    leadership: Leadership | None = None
    duties: Sequence[DutyRun] = ()
    nodes: Sequence[Node] = ()
    hostings: Sequence[Hosting] = ()
    open_swarms: Sequence[Candidate] = ()
    choices: Sequence[tuple[str, Choice]] = ()
    pools: Sequence[PoolState] = ()
    cases: Sequence[Case] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Underway:
    """The newest active swarms, those of their tasks that run, and the gates of providers."""

    swarms: Sequence[Swarm]
    running: Sequence[Task]
    gates: Sequence[Gate] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLook:
    """What a file shows: its schema and the newest one known here, what is broken, what runs.

    `flaw` is empty when the file is whole. There is no `underway` in a file with a flaw or with
    another schema.
    """

    schema: int
    schema_known: int
    flaw: str
    underway: Underway | None


def underway(
    swarms: Sequence[Swarm], tasks: Sequence[Sequence[Task]], gates: Sequence[Gate]
) -> Underway:
    """Put active swarms together with those of their tasks that run, and the gates."""
    running = [each for of in tasks for each in of if each.status is TaskStatus.RUNNING]
    return Underway(swarms=swarms, running=running, gates=gates)


def is_at_work(swarm: Swarm) -> bool:
    """Say whether a swarm has a task that runs."""
    return swarm.counts.get(TaskStatus.RUNNING, 0) > 0


class Inspectable(Protocol):
    """A store that lets itself be looked at."""

    async def dump(self) -> Dump:
        """Read everything in one consistent view."""
        ...

    async def forget_tasks(self, refs: Sequence[TaskRef]) -> None:
        """Lose the records of tasks with their ready entries, as a careless hand would.

        Until they are recovered the store breaks its invariants.
        """
        ...

    async def forget_queues(self) -> None:
        """Lose all derived queue data, as a flush would; `reconcile` brings it back."""
        ...
