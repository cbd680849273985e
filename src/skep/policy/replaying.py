"""A task as a capture has it, brought up to date by what the log tells of it since.

Most of what happens to a task stands in its events, and can be had again without its record: that
it was released, failed, fell asleep, was cancelled. Only the value that it came to does not: a task
that succeeded after the capture, and whose record is gone, has to run again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from skep.records.errors import IllegalMove
from skep.records.event import Event, Remark
from skep.records.ids import ApprovalId
from skep.records.image import TaskImage
from skep.records.moves import moved
from skep.records.step import Step, StepState
from skep.records.task import TASK_MOVES, TERMINAL, Task, TaskMove, TaskStatus
from skep.records.values import Json

SUCCEEDED_SINCE: Final = "it succeeded after the point, and what it came to is gone"
_COUNTED = frozenset({TaskMove.FAIL, TaskMove.RETRY, TaskMove.LOSE, TaskMove.GIVE_UP})
_MOVES = frozenset(map(str, TaskMove))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A task after the log; `lost` says what of it was done and cannot be had again."""

    image: TaskImage
    lost: str = ""


def replayed(image: TaskImage, events: Sequence[Event], loose: Sequence[Step] = ()) -> Replayed:
    """Bring a task up to date; `events` are those of it after the capture, in order.

    `loose` are steps of it that outlived its record: they are newer than those of the capture.
    """
    task = image.task
    for event in events:
        task = _after(task, event)
    steps = _overlaid(image.steps, loose)
    lost = _answers_lost(events, steps)
    if _has_lost_outcome(image.task, task):
        task, lost = _again(task), SUCCEEDED_SINCE
    artifacts = image.artifacts if task.status is TaskStatus.SUCCEEDED else ()
    whole = replace(image, task=at_rest(task), steps=steps, artifacts=artifacts)
    return Replayed(image=whole, lost=lost)


def at_rest(task: Task) -> Task:
    """Take a task from whoever holds it: what ran, or waits for an answer, is ready again."""
    is_held = task.status is TaskStatus.RUNNING
    if is_held or (task.status is TaskStatus.BLOCKED and task.awaits):
        task = replace(task, status=TaskStatus.READY, awaits=())
    task = replace(task, worker=None, lease_until=None, hard_until=None)
    if task.status is not TaskStatus.SLEEPING:
        task = replace(task, wake_at=None)
    return task


def _has_lost_outcome(before: Task, after: Task) -> bool:
    """Say whether a task succeeded in the log, and not, or in another run, in the capture."""
    is_same = (before.status, before.run) == (after.status, after.run)
    return after.status is TaskStatus.SUCCEEDED and not is_same


def _overlaid(steps: Sequence[Step], loose: Sequence[Step]) -> tuple[Step, ...]:
    rows = {(step.run, step.key): step for step in (*steps, *loose)}
    return tuple(sorted(rows.values(), key=lambda step: step.run))


def _answers_lost(events: Sequence[Event], steps: Sequence[Step]) -> str:
    """Say how many answers the log tells of that no journal holds."""
    kept = {step.key for step in steps if step.state is StepState.RECORDED}
    recorded = [event for event in events if event.kind == Remark.STEP_RECORDED]
    told = {str(event.data.get("key")) for event in recorded}
    gone = len(told - kept)
    return f"{gone} recorded answers after the point are gone" if gone else ""


def _again(task: Task) -> Task:
    return replace(task, status=TaskStatus.READY, outcome=None, ended_at=None, reason="")


def _after(task: Task, event: Event) -> Task:
    if event.kind == Remark.REINSTATED:
        return _as_told(task, event)
    if event.kind not in _MOVES:
        return task
    move = TaskMove(event.kind)
    try:
        status = moved(TASK_MOVES, task.status, move)
    except IllegalMove:
        return task  # a log that this Skep does not understand: the record stands as it is
    task = replace(task, status=status, ended_at=event.at if status in TERMINAL else None)
    return _with_figures(task, move, event)


def _with_figures(task: Task, move: TaskMove, event: Event) -> Task:
    told = event.data
    if move is TaskMove.CLAIM:
        return replace(task, attempt=task.attempt + 1, started_at=event.at, reason="")
    if move is TaskMove.REOPEN:
        begun = replace(task, run=task.run + 1, outcome=None, reason="", started_at=None)
        return replace(begun, failures=0)
    wake_at = told.get("wake_at")
    return replace(
        task,
        failures=task.failures + (move in _COUNTED),
        reason=str(told.get("reason", "")),
        wake_at=float(wake_at) if isinstance(wake_at, int | float) else None,
        awaits=_awaited(told.get("awaits")) if move is TaskMove.BLOCK else (),
    )


def _as_told(task: Task, event: Event) -> Task:
    """Take up what an earlier recovery made of the task."""
    told = event.data
    return replace(
        task,
        status=TaskStatus(str(told["status"])),
        run=_number(told["run"]),
        attempt=_number(told["attempt"]),
        failures=_number(told["failures"]),
    )


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _awaited(value: Json) -> tuple[ApprovalId, ...]:
    return tuple(ApprovalId(str(each)) for each in value) if isinstance(value, list) else ()
