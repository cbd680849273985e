"""An addition that is too large for one call becomes several, each safe to repeat by itself.

The first piece has the command id of the whole and a digest of the whole, so another body under
that id is a conflict before anything is stored; the ids of the rest are made from it. Repeating
the addition after a crash finds the pieces that are in and adds those that are not.

A piece can wait only for what is in the store when it comes. From outside that is every earlier
piece, so the tasks are sorted. A spawn may not wait for live tasks of other pieces, or tasks
could come to wait for each other; so what hangs together by its dependencies stays together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from graphlib import TopologicalSorter

from skep.policy.plans import check_tasks
from skep.records.command import Addition
from skep.records.errors import DuplicateTask, LimitExceeded
from skep.records.ids import TaskKey
from skep.records.limits import ADDITION_TASKS_MAX, PLAN_TASKS_MAX
from skep.records.task import Task, TaskSpec
from skep.records.values import digest_of

Specs = tuple[TaskSpec, ...]


def split(addition: Addition) -> Sequence[Addition]:
    """Give the additions to ask for, in their order, in place of one of any size.

    Raises `PlanRefused` and its kinds; `LimitExceeded` for a spawn of which more tasks than one
    call takes hang together.
    """
    if len(addition.tasks) <= ADDITION_TASKS_MAX:
        return (addition,)
    keys = {task.key for task in addition.tasks}
    check_tasks(addition.tasks, known={up for task in addition.tasks for up in task.after} - keys)
    parts = _sorted(addition.tasks) if addition.token is None else _apart(addition)
    return [
        replace(
            addition,
            command=addition.command if number == 1 else f"{addition.command}/{number}",
            digest=digest_of(f"{addition.digest}/{number}"),
            tasks=tasks,
        )
        for number, tasks in enumerate(parts, start=1)
    ]


def check_whole(addition: Addition, *, swarm: Sequence[Task]) -> None:
    """Refuse a large addition that cannot go in as a whole, before its first piece is sent.

    A task that `swarm` has just as it is asked for is taken for one of a piece that is in already.
    Raises `DuplicateTask` or `LimitExceeded`.
    """
    present = {task.ref.key: task.spec for task in swarm}
    fresh = [task for task in addition.tasks if task.key not in present]
    total = len(present) + len(fresh)
    if total > PLAN_TASKS_MAX:
        raise LimitExceeded(limit="PLAN_TASKS_MAX", allowed=PLAN_TASKS_MAX, actual=total)
    for task in addition.tasks:
        if present.get(task.key, task) != task:
            raise DuplicateTask(task=task.key)


def _sorted(tasks: Specs) -> Iterator[Specs]:
    """Part tasks so that each comes with or after all that it waits for."""
    by_key = {task.key: task for task in tasks}
    after = {task.key: [up for up in task.after if up in by_key] for task in tasks}
    order = [by_key[key] for key in TopologicalSorter(after).static_order()]
    for start in range(0, len(order), ADDITION_TASKS_MAX):
        yield tuple(order[start : start + ADDITION_TASKS_MAX])


def _apart(addition: Addition) -> Iterator[Specs]:
    """Part a spawn between tasks that have nothing to do with each other.

    What waits for the spawner comes last, and together: whoever waits for the spawner has to wait
    for the pieces that come after it as well.
    """
    assert addition.token is not None
    groups = _groups(addition.tasks)
    spawner = addition.token.task
    free = [group for group in groups if not _waits_for(group, spawner)]
    bound = tuple(task for group in groups if _waits_for(group, spawner) for task in group)
    piece: Specs = ()
    for group in [*free, bound]:
        if len(group) > ADDITION_TASKS_MAX:
            raise LimitExceeded(
                limit="ADDITION_TASKS_MAX",
                allowed=ADDITION_TASKS_MAX,
                actual=len(group),
                subject="tasks of a spawn that wait for each other or for the spawner",
            )
        if len(piece) + len(group) > ADDITION_TASKS_MAX:
            yield piece
            piece = ()
        piece += group
    yield piece


def _waits_for(group: Specs, spawner: TaskKey) -> bool:
    return any(spawner in task.after for task in group)


def _groups(tasks: Specs) -> list[Specs]:
    """Gather tasks that hang together, in the order of the first of each."""
    leader = {task.key: task.key for task in tasks}

    def led(key: TaskKey) -> TaskKey:
        while leader[key] != key:
            leader[key] = key = leader[leader[key]]
        return key

    for task in tasks:
        for up in task.after:
            if up in leader:
                leader[led(task.key)] = led(up)
    gathered: dict[TaskKey, list[TaskSpec]] = {}
    for task in tasks:
        gathered.setdefault(led(task.key), []).append(task)
    return [tuple(group) for group in gathered.values()]
