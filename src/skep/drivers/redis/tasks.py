"""Reading tasks by one call for many."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, TypeAlias

from skep.drivers.redis.answers import task_in
from skep.drivers.redis.life import Life
from skep.records.errors import SwarmNotFound
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.task import Task

Row: TypeAlias = Sequence[Any]

READ_MAX: Final = 256
"""Tasks read by one call: about 2 ms of the server's time."""


async def some(life: Life, refs: Sequence[TaskRef]) -> list[Task]:
    """Read tasks in the order asked; raises `TaskNotFound`."""
    found: list[Task] = []
    for swarm, own in groupby(refs, key=attrgetter("swarm")):
        asked = list(own)
        for start in range(0, len(asked), READ_MAX):
            part = asked[start : start + READ_MAX]
            rows: list[Row] = await life.call("some_tasks", swarm, *(ref.key for ref in part))
            found += map(task_in, part, rows or [()] * len(part))
    return found


async def all_of(life: Life, swarm: SwarmId) -> list[Task]:
    """Read all tasks of a swarm in the order of its plan; raises `SwarmNotFound`."""
    found: list[Task] = []
    while True:
        rows = await life.call("plan_tasks", swarm, len(found), READ_MAX)
        if rows == ["NOSWARM"]:
            raise SwarmNotFound(swarm=swarm)
        found += [task_in(TaskRef(swarm=swarm, key=TaskKey(key)), row) for key, row in rows]
        if len(rows) < READ_MAX:
            return found
