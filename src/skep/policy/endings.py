"""When a swarm has ended, and how."""

from collections.abc import Mapping
from typing import Final

from skep.records.swarm import ENDED, Swarm, SwarmMove, SwarmStatus
from skep.records.task import TERMINAL, TaskStatus

LIVE: Final = tuple(status for status in TaskStatus if status not in TERMINAL)


def is_over(*, sealed: bool, counts: Mapping[TaskStatus, int]) -> bool:
    """Say whether a swarm has no task left that could still move by itself."""
    return sealed and not any(counts.get(status, 0) for status in LIVE)


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


def is_at_rest(status: SwarmStatus, counts: Mapping[TaskStatus, int], *, is_empty: bool) -> bool:
    """Say whether a swarm ended, or waits for a person.

    It waits for one when it is stalled, or when its empty purse (`is_empty`) has paused it and
    what ran then has come to its end.
    """
    if counts.get(TaskStatus.RUNNING, 0):
        return False
    return status in ENDED or (status is SwarmStatus.PAUSED and is_empty) or is_stalled(counts)


def rests(swarm: Swarm) -> bool:
    """Say of a swarm as it was read whether it is at rest."""
    return is_at_rest(swarm.status, swarm.counts, is_empty=swarm.purse.is_empty)


def takes_grants(status: SwarmStatus) -> bool:
    """Say whether tasks of a swarm in this status are given out."""
    return status is SwarmStatus.ACTIVE
