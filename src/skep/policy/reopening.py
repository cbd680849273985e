"""Which tasks begin a next run when a person asks for a retry."""

from collections.abc import Mapping, Sequence

from skep.policy.placement import is_moved
from skep.records.command import Order
from skep.records.errors import Conflict, TaskNotDead, TaskNotFound
from skep.records.ids import TaskKey
from skep.records.moves import allows
from skep.records.task import TASK_MOVES, Task, TaskMove, TaskStatus

UNSERVED = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.BLOCKED})
DEAD = frozenset({TaskStatus.FAILED})


def check_reopening(
    order: Order,
    *,
    tasks: Mapping[TaskKey, Task],
    downs: Mapping[TaskKey, Sequence[TaskKey]],
) -> tuple[TaskKey, ...]:
    """Name the tasks to reopen, in the order of the plan: those meant, and all that follows them.

    `downs` names the direct dependents of each task. Raises `TaskNotFound`, `TaskNotDead` for a
    replay of what did not fail, or `Conflict` when there is nothing to retry or a task that would
    have to begin anew is under way.
    """
    wanted = DEAD if order.is_replay else UNSERVED
    here = {key: task for key, task in tasks.items() if not is_moved(task.status, task.reason)}
    meant = order.tasks or tuple(key for key, task in here.items() if task.status in wanted)
    for key in meant:
        if key not in tasks:
            raise TaskNotFound(swarm=order.swarm, task=key)
        if order.is_replay and tasks[key].status not in DEAD:
            raise TaskNotDead(task=key, status=tasks[key].status)
    if not meant:
        raise nothing_to_retry(order)
    closure = sorted(_followed(meant, downs), key=lambda key: tasks[key].ordinal)
    for key in closure:
        status = tasks[key].status
        is_meant_too_early = key in meant and status is TaskStatus.WAITING
        if key not in here:
            raise moved_away(key)
        if is_meant_too_early or not _may_begin_anew(status):
            raise Conflict(
                f"Task {key!r} is {status} and cannot begin anew.",
                hint="Wait until it has ended, or cancel the swarm.",
            )
    return tuple(closure)


def nothing_to_retry(order: Order) -> Conflict:
    """The refusal of an order that found no task to reopen."""
    if order.is_replay:
        return Conflict("There is nothing to replay: no task of the swarm failed.")
    return Conflict("There is nothing to retry: no task failed, is blocked or was cancelled.")


def moved_away(key: TaskKey) -> Conflict:
    """The refusal of an order that means a task which another swarm has now."""
    return Conflict(f"Task {key!r} was moved to another swarm.", hint="Retry it there.")


def _may_begin_anew(status: TaskStatus) -> bool:
    return status is TaskStatus.WAITING or allows(TASK_MOVES, status, TaskMove.REOPEN)


def _followed(
    meant: Sequence[TaskKey], downs: Mapping[TaskKey, Sequence[TaskKey]]
) -> frozenset[TaskKey]:
    found, frontier = set(meant), list(meant)
    while frontier:
        fresh = [key for key in downs.get(frontier.pop(), ()) if key not in found]
        found.update(fresh)
        frontier.extend(fresh)
    return frozenset(found)
