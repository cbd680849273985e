"""A task: one vertex of a plan, what it asks for, and how its status may move."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from skep.records.ids import ApprovalId, TaskKey, TaskRef, WorkerId
from skep.records.values import Json

NORMAL_PRIORITY: Final = 5
PRIORITY_NAMES: Final[Mapping[str, int]] = {"low": 2, "normal": 5, "high": 7, "critical": 9}


class AgentKind(StrEnum):
    """How an agent does its work."""

    LLM = "llm"
    FUNCTION = "function"
    COMMAND = "command"


class TaskStatus(StrEnum):
    """Where a task stands; the last three are terminal."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    SLEEPING = "sleeping"
    BLOCKED = "blocked"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TaskMove(StrEnum):
    """What may happen to a task; the value is the kind of the event that tells of it."""

    RELEASE = "task.released"
    POSTPONE = "task.postponed"
    CLAIM = "task.claimed"
    SUCCEED = "task.succeeded"
    FAIL = "task.failed"
    RETRY = "task.retried"
    SNOOZE = "task.snoozed"
    BLOCK = "task.blocked"
    HAND_BACK = "task.handed_back"
    LOSE = "task.lost"
    GIVE_UP = "task.given_up"
    WAKE = "task.woken"
    CANCEL = "task.cancelled"
    REOPEN = "task.reopened"


_S, _M = TaskStatus, TaskMove

TASK_MOVES: Final[Mapping[TaskStatus, Mapping[TaskMove, TaskStatus]]] = {
    _S.WAITING: {_M.RELEASE: _S.READY, _M.POSTPONE: _S.SLEEPING, _M.CANCEL: _S.CANCELLED},
    _S.READY: {_M.CLAIM: _S.RUNNING, _M.CANCEL: _S.CANCELLED},
    _S.RUNNING: {
        _M.SUCCEED: _S.SUCCEEDED,
        _M.FAIL: _S.FAILED,
        _M.RETRY: _S.SLEEPING,
        _M.SNOOZE: _S.SLEEPING,
        _M.BLOCK: _S.BLOCKED,
        _M.HAND_BACK: _S.READY,
        _M.LOSE: _S.READY,
        _M.GIVE_UP: _S.FAILED,
        _M.CANCEL: _S.CANCELLED,
    },
    _S.SLEEPING: {_M.WAKE: _S.READY, _M.CANCEL: _S.CANCELLED},
    _S.BLOCKED: {_M.WAKE: _S.READY, _M.REOPEN: _S.WAITING, _M.CANCEL: _S.CANCELLED},
    _S.SUCCEEDED: {_M.REOPEN: _S.WAITING},
    _S.FAILED: {_M.REOPEN: _S.WAITING},
    _S.CANCELLED: {_M.REOPEN: _S.WAITING},
}
"""Terminal states absorb for the length of a run; `REOPEN` begins the next run."""

TERMINAL: Final = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a task may fail or be lost, and how long it rests in between.

    A rest is drawn evenly from 0 to `base_s * 2 ** failures`, capped at `cap_s` (full jitter).
    """

    attempts_max: int = 4
    base_s: float = 1.0
    cap_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """What a plan says of one task.

    `after` names the tasks it waits for; a `tolerant` task runs once they have all ended, however
    they ended, any other is cancelled when one of them does not succeed. A worker may take the
    task when it serves the queue and the kind and has every capability. `timeout_s` bounds one
    attempt from its start, whatever the heartbeat says; `delay_s` counts from the release.
    """

    key: TaskKey
    agent: str
    kind: AgentKind = AgentKind.LLM
    title: str = ""
    input: Json = None
    after: tuple[TaskKey, ...] = ()
    tolerant: bool = False
    priority: int = NORMAL_PRIORITY
    queue: str = "default"
    capabilities: frozenset[str] = frozenset()
    delay_s: float = 0.0
    timeout_s: float = 600.0
    retry: RetryPolicy = RetryPolicy()

    @property
    def needs(self) -> frozenset[str]:
        """What a worker must have: the capabilities and, for the user's own code, the agent."""
        own = {f"agent:{self.agent}"} if self.kind is AgentKind.FUNCTION else set[str]()
        return self.capabilities | own


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task as the store has it; times are seconds since 1970, None where not reached yet.

    `run` counts journal lines, `attempt` the grants of all runs, `failures` the failed and lost
    attempts of this run. `outcome` is the JSON text of a succeeded task's value, `reason` says
    why a task failed, rests or was cancelled, `awaits` names the approvals that a blocked one
    waits for. Nobody waits for a task that `is_last`: what it
    comes to is the swarm's.
    """

    ref: TaskRef
    ordinal: int
    spec: TaskSpec
    status: TaskStatus
    unmet: int
    is_last: bool = True
    run: int = 1
    attempt: int = 0
    failures: int = 0
    outcome: str | None = None
    reason: str = ""
    awaits: tuple[ApprovalId, ...] = ()
    worker: WorkerId | None = None
    lease_until: float | None = None
    hard_until: float | None = None
    wake_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None


def lane_of(spec: TaskSpec) -> str:
    """Name the ring in which a task queues: its queue, its kind and what it needs.

    >>> lane_of(TaskSpec(key=TaskKey("a"), agent="x", capabilities=frozenset({"gpu", "eu"})))
    'default|llm|eu,gpu'
    """
    return f"{spec.queue}|{spec.kind}|{','.join(sorted(spec.needs))}"
