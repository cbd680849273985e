"""Reading the dead letters from their index, which the moves of tasks keep."""

from skep.drivers.redis import reading
from skep.drivers.redis.wire import Wire
from skep.records.errors import TaskNotFound
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.letter import DeadLetter, letter_of, read_cursor
from skep.records.task import Task, TaskStatus

INDEX = "skep:dead"
PAGE = 256


async def dead_letters(
    wire: Wire, *, swarm_id: SwarmId | None, before: str | None, limit: int
) -> list[DeadLetter]:
    """Read dead letters, newest first; raises `SwarmNotFound` or `InvalidInput`."""
    at, place = (float("inf"), "") if before is None else read_cursor(before)
    if swarm_id is not None:
        return await _of_one(wire, swarm_id, at=at, place=place, limit=limit)
    found: list[DeadLetter] = []
    offset = 0
    while len(found) < limit:
        page = ("LIMIT", offset, max(limit, PAGE))
        rows = await wire.command("ZREVRANGEBYSCORE", INDEX, repr(at), "-inf", "WITHSCORES", *page)
        if not rows:
            break
        offset += len(rows) // 2
        members = [
            member
            for member, score in zip(rows[::2], rows[1::2], strict=True)
            if float(score) < at or member < place
        ]
        found += await _letters(wire, members)
    return found[:limit]


async def _letters(wire: Wire, members: list[str]) -> list[DeadLetter]:
    """Read what members of the index stand for; those that were replayed meanwhile are left out."""
    found: list[DeadLetter] = []
    for member in members:
        swarm, _, key = member.rsplit("/", 2)
        ref = TaskRef(swarm=SwarmId(swarm), key=TaskKey(key))
        try:
            found += _dead(await reading.read_tasks(wire, [ref]))
        except TaskNotFound:
            continue  # the swarm is gone
    return found


async def _of_one(
    wire: Wire, swarm_id: SwarmId, *, at: float, place: str, limit: int
) -> list[DeadLetter]:
    swarm = await reading.swarm(wire, swarm_id)
    if not swarm.counts[TaskStatus.FAILED]:
        return []
    letters = _dead(await reading.tasks(wire, swarm_id))
    letters.sort(key=lambda letter: (letter.failed_at, letter.place), reverse=True)
    return [each for each in letters if (each.failed_at, each.place) < (at, place)][:limit]


def _dead(tasks: list[Task]) -> list[DeadLetter]:
    return [letter_of(task) for task in tasks if task.status is TaskStatus.FAILED]
