"""Reading swarms, tasks, events and steps from their keys."""

from collections.abc import Sequence

from skep.drivers.redis.answers import (
    Fields,
    artifacts_of,
    event_of,
    step_of,
    swarm_of,
    task_of,
)
from skep.drivers.redis.wire import Wire
from skep.ports.inspection import Dump, Edge, RingSeat
from skep.records.errors import SwarmNotFound, TaskNotFound
from skep.records.event import Cursor, Event, Page
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.lease import Held
from skep.records.outcome import Artifact
from skep.records.step import Step
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import Task, TaskStatus

INDEX = "swarm:index"


async def swarm(wire: Wire, swarm_id: SwarmId) -> Swarm:
    """Read one swarm; raises `SwarmNotFound`."""
    fields = await _hash(wire, f"swarm:{swarm_id}")
    if not fields:
        raise SwarmNotFound(swarm=swarm_id)
    return swarm_of(swarm_id, fields)


async def swarms(
    wire: Wire, *, status: SwarmStatus | None, before: SwarmId | None, limit: int
) -> list[Swarm]:
    """Read swarms, youngest first."""
    highest = "+" if before is None else f"({before}"
    found: list[Swarm] = []
    for swarm_id in await wire.command("ZREVRANGEBYLEX", INDEX, highest, "-"):
        seen = await swarm(wire, SwarmId(swarm_id))
        if status is None or seen.status is status:
            found.append(seen)
        if len(found) == limit:
            break
    return found


async def task(wire: Wire, ref: TaskRef) -> Task:
    """Read one task; raises `TaskNotFound`."""
    fields = await _task_fields(wire, ref)
    if not fields:
        raise TaskNotFound(swarm=ref.swarm, task=ref.key)
    waited_for = await wire.command("EXISTS", f"swarm:{ref.swarm}:down:{ref.key}")
    return task_of(ref, fields, is_last=not waited_for)


async def tasks(wire: Wire, swarm_id: SwarmId) -> list[Task]:
    """Read all tasks of a swarm in the order of its plan."""
    return [await task(wire, ref) for ref in await _refs(wire, swarm_id)]


async def artifacts(wire: Wire, swarm_id: SwarmId) -> list[tuple[TaskRef, Artifact]]:
    """Read what a swarm's tasks left behind."""
    return [
        (ref, artifact)
        for ref in await _refs(wire, swarm_id)
        for artifact in artifacts_of(await _task_fields(wire, ref))
    ]


async def page(wire: Wire, cursor: Cursor, *, incarnation: str, limit: int) -> Page:
    """Read events after a cursor."""
    await swarm(wire, cursor.swarm)
    if cursor.incarnation not in ("", incarnation):
        return Page(events=(), cursor=Cursor(incarnation=incarnation, swarm=cursor.swarm), gap=True)
    events = await _events(wire, cursor.swarm, after=cursor.seq, limit=limit)
    last = events[-1].seq if events else cursor.seq
    here = Cursor(incarnation=incarnation, swarm=cursor.swarm, seq=last)
    return Page(events=tuple(events), cursor=here)


async def steps(wire: Wire, ref: TaskRef, *, run: int) -> list[Step]:
    """Read the journal of a run in the order of its opening."""
    keys = await wire.command("LRANGE", f"swarm:{ref.swarm}:o:{run}:{ref.key}", 0, -1)
    if not keys:
        return []
    rows = await wire.command("HMGET", f"swarm:{ref.swarm}:j:{run}:{ref.key}", *keys)
    return [step_of(ref, run, row) for row in rows]


async def dump(wire: Wire, *, incarnation: str) -> Dump:
    """Read everything; only for a store that is at rest."""
    ids = [SwarmId(each) for each in sorted(await wire.command("ZRANGE", INDEX, 0, -1))]
    refs = [ref for each in ids for ref in await _refs(wire, each)]
    return Dump(
        incarnation=incarnation,
        swarms=[await swarm(wire, each) for each in ids],
        tasks=[await task(wire, ref) for ref in refs],
        held={ref: await _held(wire, ref, incarnation) for ref in refs},
        edges=[edge for ref in refs for edge in await _edges(wire, ref)],
        seats=sorted(
            [seat for each in ids for seat in await _seats(wire, each)],
            key=lambda seat: (seat.lane, seat.swarm),
        ),
        steps=[step for ref in sorted(refs) for step in await _all_steps(wire, ref)],
        events=[event for each in ids for event in await _events(wire, each, after=0, limit=0)],
        drains=sorted(
            _ref(member) for member in await wire.command("ZRANGE", "skep:drains", 0, -1)
        ),
    )


async def _refs(wire: Wire, swarm_id: SwarmId) -> list[TaskRef]:
    if not await wire.command("EXISTS", f"swarm:{swarm_id}"):
        raise SwarmNotFound(swarm=swarm_id)
    keys = await wire.command("LRANGE", f"swarm:{swarm_id}:tasks", 0, -1)
    return [TaskRef(swarm=swarm_id, key=TaskKey(key)) for key in keys]


async def _hash(wire: Wire, key: str) -> Fields:
    flat: Sequence[str] = await wire.command("HGETALL", key)
    return dict(zip(flat[::2], flat[1::2], strict=True))


async def _task_fields(wire: Wire, ref: TaskRef) -> Fields:
    return await _hash(wire, f"swarm:{ref.swarm}:t:{ref.key}")


async def _events(wire: Wire, swarm_id: SwarmId, *, after: int, limit: int) -> list[Event]:
    last = after + limit - 1 if limit else -1
    rows = await wire.command("LRANGE", f"swarm:{swarm_id}:ev", after, last)
    return [event_of(swarm_id, row) for row in rows]


async def _held(wire: Wire, ref: TaskRef, incarnation: str) -> Held:
    fields = await _task_fields(wire, ref)
    return Held(
        incarnation=incarnation,
        run=int(fields["run"]),
        attempt=int(fields["attempt"]),
        nonce=fields["nonce"],
        spent=fields["spent"],
        status=TaskStatus(fields["status"]),
    )


async def _edges(wire: Wire, ref: TaskRef) -> list[Edge]:
    downs = await wire.command("LRANGE", f"swarm:{ref.swarm}:down:{ref.key}", 0, -1)
    unmet = set(await wire.command("ZRANGE", f"swarm:{ref.swarm}:open:{ref.key}", 0, -1))
    return [
        Edge(swarm=ref.swarm, up=ref.key, down=TaskKey(down), met=down not in unmet)
        for down in sorted(downs)
    ]


async def _seats(wire: Wire, swarm_id: SwarmId) -> list[RingSeat]:
    found: list[RingSeat] = []
    for lane, stored in (await _hash(wire, f"swarm:{swarm_id}:seats")).items():
        vt, _, eligible = stored.partition("|")
        ready = await wire.command("ZCARD", f"swarm:{swarm_id}:ready:{lane}")
        found.append(
            RingSeat(lane=lane, swarm=swarm_id, vt=int(vt), ready=ready, eligible=eligible == "1")
        )
    return found


async def _all_steps(wire: Wire, ref: TaskRef) -> list[Step]:
    runs = int((await _task_fields(wire, ref))["run"])
    return [step for run in range(1, runs + 1) for step in await steps(wire, ref, run=run)]


def _ref(member: str) -> TaskRef:
    swarm_id, _, key = member.rsplit("/", 2)
    return TaskRef(swarm=SwarmId(swarm_id), key=TaskKey(key))
