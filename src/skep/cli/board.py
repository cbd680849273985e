"""The board: what a swarm's events say of its tasks so far; every progress view is made from it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from skep.records.event import Event, Remark
from skep.records.ids import TaskKey
from skep.records.swarm import SWARM_MOVES, SwarmMove, SwarmStatus
from skep.records.task import TASK_MOVES, TERMINAL, Task, TaskMove, TaskStatus

LEADS_TO: Final = {
    str(move): status for moves in TASK_MOVES.values() for move, status in moves.items()
}
SWARM_LEADS_TO: Final = {
    str(move): status
    for before, moves in SWARM_MOVES.items()
    for move, status in moves.items()
    if status is not before
}
BEGINNINGS: Final = frozenset({SwarmMove.START, SwarmMove.RESUME, SwarmMove.REOPEN})

_MODEL_STEP: Final = re.compile(r"turn/(\d+)/model")
_TOLD_STEP: Final = re.compile(r"turn/\d+/told(/\d+)?")
_TOOL_STEP: Final = re.compile(r"turn/\d+/tool/\d+:(.+)")


@dataclass(slots=True, kw_only=True)
class Row:
    """One task, as far as events have told; times are seconds since 1970."""

    key: TaskKey
    agent: str
    title: str
    after: Sequence[TaskKey]
    status: TaskStatus = TaskStatus.WAITING
    doing: str = ""
    saying: str = ""
    reason: str = ""
    awaits: Sequence[str] = ()
    began_at: float | None = None
    ended_at: float | None = None

    def elapsed_s(self, now: float) -> float | None:
        """How long it has been worked on, or was."""
        if self.began_at is None:
            return None
        return (self.ended_at if self.ended_at is not None else now) - self.began_at


@dataclass(slots=True, kw_only=True)
class Board:
    """A swarm's tasks in the order of its plan, and the swarm's own status."""

    rows: dict[TaskKey, Row] = field(default_factory=dict[TaskKey, Row])
    status: SwarmStatus = SwarmStatus.ACTIVE
    began_at: float | None = None
    last_at: float = 0.0
    peak: int = 0
    """How many tasks ran at once, at most."""

    def know(self, tasks: Iterable[Task]) -> None:
        """Add rows for tasks that the board does not have yet."""
        for task in tasks:
            spec = task.spec
            self.rows.setdefault(
                spec.key, Row(key=spec.key, agent=spec.agent, title=spec.title, after=spec.after)
            )

    def lacks(self, event: Event) -> bool:
        """Say whether an event speaks of a task that the board does not have."""
        return event.task is not None and event.task not in self.rows

    def apply(self, event: Event) -> None:
        """Take note of an event."""
        self.last_at = event.at
        if event.task is not None:
            row = self.rows[event.task]
            row.saying = ""  # what is done is told by the event
            _apply(row, event)
            self.peak = max(self.peak, self.count(TaskStatus.RUNNING))
            return
        self.status = SWARM_LEADS_TO.get(event.kind, self.status)
        if event.kind in BEGINNINGS:
            self.began_at = event.at

    def count(self, *statuses: TaskStatus) -> int:
        """How many tasks have one of these statuses."""
        return sum(row.status in statuses for row in self.rows.values())

    @property
    def awaited(self) -> Sequence[str]:
        """The approvals that tasks wait for."""
        return [approval for row in self.rows.values() for approval in row.awaits]

    @property
    def done(self) -> int:
        """How many tasks have ended, however they ended."""
        return self.count(*TERMINAL)

    def elapsed_s(self, now: float) -> float:
        """How long the swarm has been at work since it was last begun or resumed."""
        return now - self.began_at if self.began_at is not None else 0.0


def awaited_in(event: Event) -> Sequence[str]:
    """Name the approvals that a task waits for from this event on."""
    awaits = event.data.get("awaits")
    return [str(each) for each in awaits] if isinstance(awaits, list) else []


def _apply(row: Row, event: Event) -> None:
    if event.kind in LEADS_TO:
        row.status = LEADS_TO[event.kind]
        row.reason = str(event.data.get("reason") or "")
        row.awaits = awaited_in(event)
        row.doing = ""
        if event.kind == TaskMove.CLAIM:
            row.began_at, row.ended_at, row.doing = event.at, None, "asks its model"
        elif row.began_at is not None:
            row.ended_at = event.at
    elif event.kind == Remark.STEP_RECORDED:
        row.doing = _doing(str(event.data.get("key", "")))
    elif event.kind == Remark.PROGRESS:
        row.doing = str(event.data.get("text", ""))


def _doing(step: str) -> str:
    """Say what an agent does once a step is recorded."""
    if match := _MODEL_STEP.fullmatch(step):
        return "uses its tools" if match[1] == "1" else "writes its report"
    if match := _TOOL_STEP.fullmatch(step):
        return f"used {match[1]}"
    if _TOLD_STEP.fullmatch(step):
        return "heard what it was told"
    return f"did {step}"
