"""Reading swarms, tasks, events and steps from their keys."""

from collections.abc import Sequence

from skep.drivers.redis import telling
from skep.drivers.redis.answers import (
    UNTOUCHED,
    Fields,
    artifacts_of,
    event_of,
    step_of,
    swarm_of,
    task_of,
)
from skep.drivers.redis.passing import every_gate
from skep.drivers.redis.wire import Wire
from skep.ports.inspection import Content, Dump, Edge, RingSeat
from skep.records.approval import Approval
from skep.records.errors import SwarmNotFound, TaskNotFound
from skep.records.event import Event
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.lease import Held
from skep.records.outcome import Artifact
from skep.records.step import Step
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import Task, TaskStatus
from skep.records.values import Digest

INDEX = "swarm:index"
UNSEEN = SwarmStatus.INITIALIZING
"""The status of a swarm whose plan is still coming in: for all others it is not there yet."""


async def swarm(wire: Wire, swarm_id: SwarmId) -> Swarm:
    """Read one swarm; raises `SwarmNotFound`."""
    fields = await _hash(wire, f"swarm:{swarm_id}")
    if fields.get("status", UNSEEN) == UNSEEN:
        raise SwarmNotFound(swarm=swarm_id)
    return swarm_of(swarm_id, fields)


async def swarms(
    wire: Wire, *, status: SwarmStatus | None, before: SwarmId | None, limit: int
) -> list[Swarm]:
    """Read swarms, youngest first; in two round trips, but where some are forgotten meanwhile."""
    found: list[Swarm] = []
    while len(found) < limit:
        ids = await _ids(wire, status=status, before=before, limit=limit - len(found))
        if not ids:
            break
        rows = await wire.commands([("HGETALL", f"swarm:{each}") for each in ids])
        seen = [swarm_of(each, _fields(row)) for each, row in zip(ids, rows, strict=True) if row]
        found += [each for each in seen if status in (None, each.status)]
        before = ids[-1]
    return found


async def _ids(
    wire: Wire, *, status: SwarmStatus | None, before: SwarmId | None, limit: int
) -> list[SwarmId]:
    """Read the ids of swarms that may be seen, the youngest first."""
    if status is None:
        highest = "+" if before is None else f"({before}"
        return await wire.command("ZREVRANGEBYLEX", INDEX, highest, "-", "LIMIT", 0, limit)
    if status is UNSEEN:
        return []
    members: list[SwarmId] = await wire.command("SMEMBERS", f"swarm:status:{status}")
    older = members if before is None else [each for each in members if each < before]
    return sorted(older, reverse=True)[:limit]


async def read_tasks(wire: Wire, refs: Sequence[TaskRef]) -> list[Task]:
    """Read tasks; raises `TaskNotFound`."""
    asked = [
        command
        for ref in refs
        for command in (
            ("HGET", f"swarm:{ref.swarm}", "status"),
            ("HGETALL", _task_key(ref)),
            ("EXISTS", _key(ref, "down")),
        )
    ]
    seen = await wire.commands(asked)
    found: list[Task] = []
    for ref, status, row, waited_for in zip(refs, seen[::3], seen[1::3], seen[2::3], strict=True):
        if not row or status in (None, UNSEEN):
            raise TaskNotFound(swarm=ref.swarm, task=ref.key)
        found.append(task_of(ref, _task_fields(row), is_last=not waited_for))
    return found


async def tasks(wire: Wire, swarm_id: SwarmId) -> list[Task]:
    """Read all tasks of a swarm in the order of its plan."""
    return await read_tasks(wire, await _refs(wire, swarm_id))


async def artifacts(wire: Wire, swarm_id: SwarmId) -> list[tuple[TaskRef, Artifact]]:
    """Read what a swarm's tasks left behind."""
    refs = await _refs(wire, swarm_id)
    rows = await _rows(wire, refs)
    return [
        (ref, artifact)
        for ref, row in zip(refs, rows, strict=True)
        for artifact in artifacts_of(row)
    ]


async def steps(wire: Wire, ref: TaskRef, *, run: int) -> list[Step]:
    """Read the journal of a run in the order of its opening."""
    status, keys = await wire.commands(
        [
            ("HGET", f"swarm:{ref.swarm}", "status"),
            ("LRANGE", f"swarm:{ref.swarm}:o:{run}:{ref.key}", 0, -1),
        ]
    )
    if status is None or not keys:
        return []
    rows = await wire.command("HMGET", f"swarm:{ref.swarm}:j:{run}:{ref.key}", *keys)
    return [step_of(ref, run, row) for row in rows]


async def dump(wire: Wire, *, incarnation: str, approvals: Sequence[Approval]) -> Dump:
    """Read everything, the approvals being read; only for a store that is at rest."""
    ids = [SwarmId(each) for each in sorted(await wire.command("ZRANGE", INDEX, 0, -1))]
    refs = [ref for each in ids for ref in await _refs(wire, each)]
    rows = await _rows(wire, refs)
    return Dump(
        incarnation=incarnation,
        swarms=[await swarm(wire, each) for each in ids],
        tasks=await read_tasks(wire, refs),
        held={
            ref: _held(row, incarnation=incarnation) for ref, row in zip(refs, rows, strict=True)
        },
        edges=await _edges(wire, refs),
        seats=sorted(
            [seat for each in ids for seat in await _seats(wire, each)],
            key=lambda seat: (seat.lane, seat.swarm),
        ),
        steps=await _all_steps(wire, refs, rows),
        events=[event for each in ids for event in await _events(wire, each)],
        drains=sorted(
            _ref(member) for member in await wire.command("ZRANGE", "skep:drains", 0, -1)
        ),
        approvals=approvals,
        contents=await _contents(wire, ids),
        gates=await every_gate(wire),
        told=[told for each in ids for told in await telling.read(wire, each, after=0)],
    )


async def _refs(wire: Wire, swarm_id: SwarmId) -> list[TaskRef]:
    status = await wire.command("HGET", f"swarm:{swarm_id}", "status")
    if status in (None, UNSEEN):
        raise SwarmNotFound(swarm=swarm_id)
    keys = await wire.command("LRANGE", f"swarm:{swarm_id}:tasks", 0, -1)
    return [TaskRef(swarm=swarm_id, key=TaskKey(key)) for key in keys]


def _key(ref: TaskRef, part: str) -> str:
    return f"swarm:{ref.swarm}:{part}:{ref.key}"


def _task_key(ref: TaskRef) -> str:
    return _key(ref, "t")


def _fields(flat: Sequence[str]) -> Fields:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _task_fields(flat: Sequence[str]) -> Fields:
    return {**UNTOUCHED, **_fields(flat)}


async def _hash(wire: Wire, key: str) -> Fields:
    return _fields(await wire.command("HGETALL", key))


async def _rows(wire: Wire, refs: Sequence[TaskRef]) -> list[Fields]:
    rows = await wire.commands([("HGETALL", _task_key(ref)) for ref in refs])
    return [_task_fields(row) for row in rows]


async def _events(wire: Wire, swarm_id: SwarmId) -> list[Event]:
    rows = await wire.command("LRANGE", f"swarm:{swarm_id}:ev", 0, -1)
    return [event_of(swarm_id, row) for row in rows]


def _held(fields: Fields, *, incarnation: str) -> Held:
    return Held(
        incarnation=incarnation,
        run=int(fields["run"]),
        attempt=int(fields["attempt"]),
        nonce=fields["nonce"],
        spent=fields["spent"],
        status=TaskStatus(fields["status"]),
    )


async def _edges(wire: Wire, refs: Sequence[TaskRef]) -> list[Edge]:
    downs = await wire.commands([("LRANGE", _key(ref, "down"), 0, -1) for ref in refs])
    opens = await wire.commands([("ZRANGE", _key(ref, "open"), 0, -1) for ref in refs])
    return [
        Edge(swarm=ref.swarm, up=ref.key, down=TaskKey(down), met=down not in unmet)
        for ref, keys, unmet in zip(refs, downs, map(set[str], opens), strict=True)
        for down in sorted(keys)
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


async def _all_steps(wire: Wire, refs: Sequence[TaskRef], rows: Sequence[Fields]) -> list[Step]:
    runs = [
        (ref, run)
        for ref, row in sorted(zip(refs, rows, strict=True), key=lambda pair: pair[0])
        for run in range(1, int(row["run"]) + 1)
    ]
    orders = await wire.commands(
        [("EXISTS", f"swarm:{ref.swarm}:o:{run}:{ref.key}") for ref, run in runs]
    )
    return [
        step
        for (ref, run), written in zip(runs, orders, strict=True)
        if written
        for step in await steps(wire, ref, run=run)
    ]


async def _contents(wire: Wire, ids: Sequence[SwarmId]) -> list[Content]:
    flat = await wire.command("ZRANGE", "skep:puts", 0, -1, "WITHSCORES")
    puts = sorted(zip(flat[::2], flat[1::2], strict=True))
    users = await wire.commands([("SMEMBERS", f"skep:users:{digest}") for digest, _ in puts])
    return [
        Content(
            digest=Digest(digest),
            put_at=float(put_at),
            users=sorted({SwarmId(each.partition("@")[0]) for each in found} & set(ids)),
        )
        for (digest, put_at), found in zip(puts, users, strict=True)
    ]


def _ref(member: str) -> TaskRef:
    swarm_id, _, key = member.rsplit("/", 2)
    return TaskRef(swarm=SwarmId(swarm_id), key=TaskKey(key))
