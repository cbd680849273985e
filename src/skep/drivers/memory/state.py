"""The rows that the memory store keeps, and how each turns into the record that callers see."""

import heapq
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from skep.drivers.memory.mailroom import Mailroom
from skep.drivers.memory.poolroom import Poolroom
from skep.ports.inspection import RingSeat
from skep.records.approval import Approval
from skep.records.capture import Capture, CaptureKind
from skep.records.command import Receipt
from skep.records.directory import Archived, Tally
from skep.records.dispute import Case
from skep.records.errors import SwarmNotFound, TaskNotFound
from skep.records.event import Event
from skep.records.gate import Gate
from skep.records.ids import ApprovalId, SwarmId, TaskKey, TaskRef, WorkerId
from skep.records.leadership import DutyRun, Leadership
from skep.records.lease import Held, Offer
from skep.records.node import Hosting, Node, NodeId
from skep.records.outcome import Artifact
from skep.records.placement import Choice
from skep.records.purse import UNTOUCHED, Purse, limits_text, with_limits
from skep.records.step import Step
from skep.records.swarm import Swarm, SwarmRequest, SwarmStatus
from skep.records.task import AgentKind, Task, TaskSpec, TaskStatus, lane_of
from skep.records.told import Told
from skep.records.values import Digest


@dataclass(slots=True, kw_only=True)
class TaskRow:
    """One task. `downs` says of each dependent whether the edge to it is met."""

    ref: TaskRef
    ordinal: int
    spec: TaskSpec
    status: TaskStatus = TaskStatus.WAITING
    unmet: int = 0
    run: int = 1
    attempt: int = 0
    failures: int = 0
    nonce: str = ""
    spent: str = ""
    outcome: str | None = None
    reason: str = ""
    awaits: tuple[ApprovalId, ...] = ()
    worker: WorkerId | None = None
    lease_until: float | None = None
    hard_until: float | None = None
    wake_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    downs: dict[TaskKey, bool] = field(default_factory=dict[TaskKey, bool])
    ups: list[TaskKey] = field(default_factory=list[TaskKey])
    artifacts: tuple[Artifact, ...] = ()

    @property
    def lane(self) -> str:
        """The ring it queues in."""
        return lane_of(self.spec)

    def seen(self) -> Task:
        """The task as callers see it."""
        return Task(
            ref=self.ref,
            ordinal=self.ordinal,
            spec=self.spec,
            status=self.status,
            unmet=self.unmet,
            is_last=not self.downs,
            run=self.run,
            attempt=self.attempt,
            failures=self.failures,
            outcome=self.outcome,
            reason=self.reason,
            awaits=self.awaits if self.status is TaskStatus.BLOCKED else (),
            worker=self.worker,
            lease_until=self.lease_until,
            hard_until=self.hard_until,
            wake_at=self.wake_at,
            started_at=self.started_at,
            ended_at=self.ended_at,
        )


@dataclass(slots=True, kw_only=True)
class SwarmRow:
    """One swarm with its tasks in the order of the plan, and its log."""

    id: SwarmId
    request: SwarmRequest
    sealed: bool
    created_at: float
    status: SwarmStatus = SwarmStatus.INITIALIZING
    ended_at: float | None = None
    deadline: float | None = None
    reason: str = ""
    counts: Counter[TaskStatus] = field(default_factory=Counter[TaskStatus])
    tasks: dict[TaskKey, TaskRow] = field(default_factory=dict[TaskKey, TaskRow])
    events: list[Event] = field(default_factory=list[Event])
    lanes: set[str] = field(default_factory=set[str])
    purse: Purse = UNTOUCHED
    told: list[Told] = field(default_factory=list[Told])

    @property
    def room(self) -> int:
        """How many more of its tasks may run now."""
        return self.request.max_agents - self.counts[TaskStatus.RUNNING]

    @property
    def request_now(self) -> SwarmRequest:
        """What is asked of it, with its budget as it stands now."""
        budget = with_limits(self.request.budget, limits_text(self.purse.budget))
        is_as_asked = budget is self.request.budget
        return self.request if is_as_asked else replace(self.request, budget=budget)

    def seen(self) -> Swarm:
        """The swarm as callers see it."""
        return Swarm(
            id=self.id,
            request=self.request,
            status=self.status,
            sealed=self.sealed,
            counts={status: self.counts[status] for status in TaskStatus},
            last_seq=len(self.events),
            created_at=self.created_at,
            ended_at=self.ended_at,
            deadline=self.deadline,
            reason=self.reason,
            purse=self.purse,
        )


@dataclass(slots=True, kw_only=True)
class SeatRow:
    """A swarm's seat in one lane, with its ready tasks as a heap of (-priority, ordinal, key).

    The heap may hold tasks that are ready no more; `ready` counts those that are.
    """

    vt: int = 0
    ready: int = 0
    eligible: bool = False
    heap: list[tuple[int, int, TaskKey]] = field(default_factory=list[tuple[int, int, TaskKey]])

    def push(self, task: TaskRow) -> None:
        """Queue a task by priority, then by age."""
        heapq.heappush(self.heap, (-task.spec.priority, task.ordinal, task.ref.key))


@dataclass(slots=True, kw_only=True)
class LaneRow:
    """The ring of one (queue, kind, needs)."""

    queue: str
    kind: AgentKind
    needs: frozenset[str]
    floor: int = 0
    turn: int = 0
    seats: dict[SwarmId, SeatRow] = field(default_factory=dict[SwarmId, SeatRow])

    def fits(self, offer: Offer) -> bool:
        """Say whether a worker with this offer may take the lane's tasks."""
        return (
            self.queue in offer.queues
            and self.kind in offer.kinds
            and self.needs <= offer.capabilities
        )


Line: TypeAlias = tuple[SwarmId, TaskKey, int]
"""Whose steps stand together: those of one run of a task."""


class Tables:
    """Everything the store knows."""

    def __init__(self, incarnation: str) -> None:
        self.incarnation = incarnation
        self.swarms: dict[SwarmId, SwarmRow] = {}
        self.lanes: dict[str, LaneRow] = {}
        self.journal: dict[Line, dict[str, Step]] = {}
        self.commands: dict[str, tuple[str, Receipt]] = {}
        self.approvals: dict[ApprovalId, Approval] = {}
        self.drains: dict[TaskRef, None] = {}
        self.blobs: dict[Digest, bytes] = {}
        self.puts: dict[Digest, float] = {}
        self.uses: dict[SwarmId, set[Digest]] = {}
        self.gates: dict[str, Gate] = {}
        self.mail: dict[SwarmId, Mailroom] = {}
        self.mailed = 0
        self.leadership: Leadership | None = None
        self.duties: dict[str, DutyRun] = {}
        self.nodes: dict[NodeId, Node] = {}
        self.hostings: dict[SwarmId, Hosting] = {}
        self.poolroom = Poolroom()
        self.cases: dict[str, Case] = {}
        self.choices: dict[str, tuple[TaskRef, Choice]] = {}
        self.last_placed: SwarmId | None = None
        self.captures: dict[SwarmId, dict[tuple[CaptureKind, int], Capture]] = {}
        self.numbers: dict[tuple[SwarmId, CaptureKind], int] = {}
        self.totals = Counter[str]()
        self.tallies = Counter[Tally]()
        self.departed: dict[SwarmId, str] = {}
        self.archive: dict[SwarmId, tuple[float, Archived]] = {}

    def swarm(self, swarm: SwarmId) -> SwarmRow:
        """Find a swarm; raises `SwarmNotFound`."""
        try:
            return self.swarms[swarm]
        except KeyError:
            raise SwarmNotFound(swarm=swarm) from None

    def task(self, ref: TaskRef) -> TaskRow:
        """Find a task; raises `TaskNotFound`."""
        row = self.find(ref)
        if row is None:
            raise TaskNotFound(swarm=ref.swarm, task=ref.key)
        return row

    def find(self, ref: TaskRef) -> TaskRow | None:
        """Find a task, or None."""
        swarm = self.swarms.get(ref.swarm)
        return swarm.tasks.get(ref.key) if swarm else None

    def steps(self, swarm: SwarmId, task: TaskKey, run: int) -> dict[str, Step]:
        """The steps of a run by their keys, to read; a run that has none has no line."""
        return self.journal.get((swarm, task, run), {})

    def held(self, task: TaskRow) -> Held:
        """What the fence compares a token with."""
        return Held(
            incarnation=self.incarnation,
            run=task.run,
            attempt=task.attempt,
            nonce=task.nonce,
            spent=task.spent,
            status=task.status,
        )

    def lane(self, spec: TaskSpec) -> LaneRow:
        """Find or make the lane in which a task queues."""
        name = lane_of(spec)
        if name not in self.lanes:
            self.lanes[name] = LaneRow(queue=spec.queue, kind=spec.kind, needs=spec.needs)
        return self.lanes[name]

    def rings(self) -> list[RingSeat]:
        """Every seat as the inspection shows it."""
        return [
            RingSeat(lane=name, swarm=swarm, vt=seat.vt, ready=seat.ready, eligible=seat.eligible)
            for name, lane in sorted(self.lanes.items())
            for swarm, seat in sorted(lane.seats.items())
        ]
