"""How rows become records, and the columns to select for each."""

from dataclasses import dataclass, replace

from skep.drivers.sqlite.db import Row
from skep.records.codec import request_from, spec_from
from skep.records.event import Event
from skep.records.ids import ApprovalId, SwarmId, TaskKey, TaskRef, WorkerId
from skep.records.purse import amount_from, purse_from
from skep.records.step import Effect, Step, StepState
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import RetryPolicy, Task, TaskStatus
from skep.records.told import Told
from skep.records.values import Digest, parsed

TASK_COLUMNS = (
    "t.n, t.swarm, t.key, t.lane, t.status, t.unmet, t.run, t.attempt, t.failures, t.nonce,"
    " t.spent, t.tolerant, t.delay_s, t.attempts_max, t.hard_until,"
    " EXISTS (SELECT 1 FROM edge WHERE up = t.n AND met = 0)"
)
"""What a command needs to know of a task; `task_line` reads it."""

TASK_SEEN = (
    "s.id, t.key, t.ordinal, (SELECT text FROM spec WHERE task = t.n), t.status, t.unmet, t.run,"
    " t.attempt, t.failures, (SELECT value FROM outcome WHERE task = t.n),"
    " t.reason, t.worker, t.lease_until, t.hard_until, t.wake_at, t.started_at, t.ended_at,"
    " NOT EXISTS (SELECT 1 FROM edge WHERE up = t.n), t.awaits"
)
"""What a caller sees of a task; `task_of` reads it."""

SWARM_SEEN = (
    "id, request, status, sealed, seq, created_at, ended_at, deadline, reason, cap,"
    " (SELECT held FROM purse WHERE purse.swarm = swarm.n), " + ", ".join(TaskStatus)
)
"""What a caller sees of a swarm; `swarm_of` reads it."""

STEP_SEEN = "key, fingerprint, effect, state, intent, calls, value, reserved, spent, payee"
"""What a caller sees of a step; `step_of` reads it."""

TOLD_SEEN = "number, at, by, task, text"
"""What a caller sees of a message; `told_line` reads it."""


@dataclass(slots=True)
class TaskLine:
    """What a command knows of a task, in the order of `TASK_COLUMNS`.

    `told` counts the messages that its swarm holds; only `Changes.find_task` reads it.
    """

    n: int
    swarm: int
    key: str
    lane: str
    status: TaskStatus
    unmet: int
    run: int
    attempt: int
    failures: int
    nonce: str
    spent: str
    tolerant: int
    delay_s: float
    attempts_max: int
    hard_until: float | None
    has_open_edges: int = 0
    told: int = 0

    @property
    def retry(self) -> RetryPolicy:
        """The part of the retry policy that the store itself applies."""
        return RetryPolicy(attempts_max=self.attempts_max)


@dataclass(slots=True)
class RunLine:
    """What the journal knows of a task.

    `told` counts the messages that its swarm holds, and `steps`, read where a step may be opened,
    those of the run.
    """

    n: int
    swarm: int
    key: str
    run: int
    attempt: int
    nonce: str
    spent: str
    status: TaskStatus
    told: int
    steps: int


def task_line(row: Row) -> TaskLine:
    """Read a row of `TASK_COLUMNS`."""
    line = TaskLine(*row)
    line.status = TaskStatus(line.status)
    return line


def task_of(row: Row) -> Task:
    """Read a row of `TASK_SEEN`."""
    return Task(
        ref=TaskRef(swarm=SwarmId(row[0]), key=TaskKey(row[1])),
        ordinal=row[2],
        spec=spec_from(row[3]),
        status=TaskStatus(row[4]),
        unmet=row[5],
        run=row[6],
        attempt=row[7],
        failures=row[8],
        outcome=row[9],
        reason=row[10],
        worker=WorkerId(row[11]) if row[11] is not None else None,
        lease_until=row[12],
        hard_until=row[13],
        wake_at=row[14],
        started_at=row[15],
        ended_at=row[16],
        is_last=bool(row[17]),
        awaits=awaits_of(row[18]) if row[4] == TaskStatus.BLOCKED else (),
    )


def awaits_of(text: str) -> tuple[ApprovalId, ...]:
    """Read which approvals a task was left to wait for."""
    ids = parsed(text)
    return tuple(ApprovalId(str(each)) for each in ids) if isinstance(ids, list) else ()


def swarm_of(row: Row) -> Swarm:
    """Read a row of `SWARM_SEEN`."""
    return Swarm(
        id=SwarmId(row[0]),
        request=replace(request_from(row[1]), max_agents=row[9]),  # the cap may have moved since
        status=SwarmStatus(row[2]),
        sealed=bool(row[3]),
        last_seq=row[4],
        created_at=row[5],
        ended_at=row[6],
        deadline=row[7],
        reason=row[8],
        purse=purse_from(row[10]),
        counts=dict(zip(TaskStatus, row[11:], strict=True)),
    )


def step_of(ref: TaskRef, run: int, row: Row) -> Step:
    """Read a row of `STEP_SEEN`."""
    return Step(
        ref=ref,
        run=run,
        key=row[0],
        fingerprint=Digest(row[1]),
        effect=Effect(row[2]),
        state=StepState(row[3]),
        intent=row[4],
        calls=row[5],
        value=row[6],
        reserved=amount_from(row[7]),
        spent=amount_from(row[8]),
        payee=row[9],
    )


def told_line(swarm: SwarmId, row: Row) -> Told:
    """Read a row of `TOLD_SEEN`."""
    number, at, by, task, text = row
    key = TaskKey(task) if task is not None else None
    return Told(swarm=swarm, number=number, text=text, by=by, at=at, task=key)


def event_of(swarm: SwarmId, row: Row) -> Event:
    """Read a row of (seq, kind, at, task, data)."""
    seq, kind, at, task, data = row
    told = parsed(data)
    return Event(
        swarm=swarm,
        seq=seq,
        kind=kind,
        at=at,
        task=TaskKey(task) if task is not None else None,
        data=told if isinstance(told, dict) else {},
    )
