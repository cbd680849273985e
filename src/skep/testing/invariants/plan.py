"""Invariants of the plan: readiness, edges, and that no task is lost."""

from collections import Counter, defaultdict

from skep.policy.endings import is_over
from skep.ports.inspection import Edge
from skep.records.ids import TaskKey
from skep.records.swarm import ENDED, SwarmStatus
from skep.records.task import TERMINAL, Task, TaskStatus
from skep.testing.invariants.rebuilt import rebuilt_among
from skep.testing.invariants.report import hold
from skep.testing.invariants.view import View


def check_edges(view: View) -> None:
    """Invariant 3: each edge stands once, and is met only by a task that has ended."""
    times = Counter((edge.up, edge.down) for edge in view.edges)
    for (up, down), number in times.items():
        hold(3, f"{view.swarm.id}: edge {up} -> {down} stands {number} times", that=number == 1)
    for edge in view.edges:
        if edge.met:
            up, down = view.tasks[edge.up], view.tasks[edge.down]
            # What has ended stays so, although a task that it waited for has to run again.
            stands = down.status in TERMINAL and bool(rebuilt_among(view.events))
            is_met = up.status in TERMINAL or stands
            hold(3, f"{edge} is met by a task that is {up.status}", that=is_met)


def check_readiness(view: View) -> None:
    """Invariant 2: the counter is right, and nothing was let go before its dependencies."""
    unmet = Counter(edge.down for edge in view.edges if not edge.met)
    for key, task in view.tasks.items():
        hold(
            2,
            f"{task.ref} counts {task.unmet} unmet edges, there are {unmet[key]}",
            that=task.unmet == unmet[key],
        )
        if task.status not in (TaskStatus.WAITING, TaskStatus.CANCELLED):
            hold(2, f"{task.ref} is {task.status} with {task.unmet} unmet", that=task.unmet == 0)


def check_nothing_lost(view: View) -> None:
    """Invariant 6: each live task waits for something that will come, and each swarm can end."""
    unmet = defaultdict[TaskKey, list[Edge]](list)
    for edge in view.edges:
        if not edge.met:
            unmet[edge.down].append(edge)
    for key, task in view.tasks.items():
        if task.status is TaskStatus.WAITING:
            coming = any(_will_be_met(view, edge) for edge in unmet[key])
            hold(6, f"{task.ref} waits for nothing that will come", that=coming)
        hold(6, f"{task.ref} is {task.status} without what ends it", that=_has_an_end(task))
    _check_no_cycle(view)
    _check_end(view)


def _will_be_met(view: View, edge: Edge) -> bool:
    return view.tasks[edge.up].status not in TERMINAL or view.is_draining(edge.up)


def _has_an_end(task: Task) -> bool:
    match task.status:
        case TaskStatus.RUNNING:
            return task.lease_until is not None
        case TaskStatus.SLEEPING:
            return task.wake_at is not None
        case _:
            return True


def _check_no_cycle(view: View) -> None:
    downs = defaultdict[TaskKey, list[TaskKey]](list)
    for edge in view.edges:
        downs[edge.up].append(edge.down)
    unmet = Counter(edge.down for edge in view.edges)
    frontier, reached = [key for key in view.tasks if not unmet[key]], 0
    while frontier:
        reached += 1
        for down in downs[frontier.pop()]:
            unmet[down] -= 1
            if not unmet[down]:
                frontier.append(down)
    hold(6, f"tasks of {view.swarm.id} wait for each other", that=reached == len(view.tasks))


def _check_end(view: View) -> None:
    swarm = view.swarm
    live = [task.ref for task in view.tasks.values() if task.status not in TERMINAL]
    if swarm.status is SwarmStatus.CANCELLED:
        hold(27, f"{swarm.id} is cancelled, yet {live} live", that=not live)
    elif swarm.status in ENDED:
        hold(6, f"{swarm.id} is {swarm.status}, yet {live} live", that=not live)
    elif is_over(sealed=swarm.sealed, counts=view.counts):
        hold(6, f"{swarm.id} is {swarm.status} though all its tasks have ended", that=False)
