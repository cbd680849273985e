"""When a swarm has ended, and how."""

from collections.abc import Mapping

from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import TERMINAL, TaskStatus


def is_over(*, sealed: bool, counts: Mapping[TaskStatus, int]) -> bool:
    """Say whether a swarm has no task left that could still move by itself."""
    live = sum(count for status, count in counts.items() if status not in TERMINAL)
    return sealed and live == 0


def ending(*, unserved_sinks: int) -> SwarmMove:
    """Name the last move of a swarm whose tasks have all ended.

    It fails when a task at the end of the plan, one that nobody waits for, did not succeed. A
    failure that a tolerant task took note of is part of that task's result.
    """
    return SwarmMove.FAIL if unserved_sinks else SwarmMove.COMPLETE


def is_stalled(counts: Mapping[TaskStatus, int]) -> bool:
    """Say whether a swarm waits for a person: tasks are blocked, and none is under way.

    Whether an answer or a retry brings it on is said by what its blocked tasks await.
    """
    moving = (TaskStatus.READY, TaskStatus.RUNNING, TaskStatus.SLEEPING)
    return counts.get(TaskStatus.BLOCKED, 0) > 0 and not any(counts.get(s, 0) for s in moving)


def takes_grants(status: SwarmStatus) -> bool:
    """Say whether tasks of a swarm in this status are given out."""
    return status is SwarmStatus.ACTIVE
