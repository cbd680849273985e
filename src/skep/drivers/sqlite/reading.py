"""Reading swarms, tasks, events and steps; each function is one consistent view."""

from collections.abc import Sequence

from skep.drivers.sqlite import electing, questions
from skep.drivers.sqlite.db import Db
from skep.drivers.sqlite.docket import every_case
from skep.drivers.sqlite.holdings import contents
from skep.drivers.sqlite.hosting import every_hosting, every_node
from skep.drivers.sqlite.lines import (
    STEP_SEEN,
    SWARM_SEEN,
    TASK_SEEN,
    TOLD_SEEN,
    event_of,
    step_of,
    swarm_of,
    task_of,
    told_line,
)
from skep.drivers.sqlite.passing import every_gate
from skep.drivers.sqlite.pooling import every_pool
from skep.drivers.sqlite.posted import every_message
from skep.drivers.sqlite.siting import choices, open_swarms
from skep.ports.inspection import Dump, Edge, RingSeat
from skep.records.errors import ArtifactNotFound, SwarmNotFound, TaskNotFound
from skep.records.event import Cursor, Event, Page
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.lease import Held
from skep.records.outcome import Artifact
from skep.records.step import Step
from skep.records.swarm import Swarm, SwarmStatus
from skep.records.task import Task, TaskStatus
from skep.records.told import Told
from skep.records.values import Digest

TASKS = f"SELECT {TASK_SEEN} FROM task t JOIN swarm s ON s.n = t.swarm"


def swarm(db: Db, swarm_id: SwarmId) -> Swarm:
    """Read one swarm; raises `SwarmNotFound`."""
    row = db.row(f"SELECT {SWARM_SEEN} FROM swarm WHERE id = ?", (swarm_id,))
    if row is None:
        raise SwarmNotFound(swarm=swarm_id)
    return swarm_of(row)


def swarms(
    db: Db, *, status: SwarmStatus | None, before: SwarmId | None, limit: int
) -> list[Swarm]:
    """Read swarms, youngest first."""
    sql = (
        f"SELECT {SWARM_SEEN} FROM swarm WHERE (?1 IS NULL OR status = ?1)"
        " AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3"
    )
    return [swarm_of(row) for row in db.rows(sql, (status, before, limit))]


def due(db: Db, *, before: float, limit: int) -> list[Swarm]:
    """Read swarms that ended before a moment, those that ended first first."""
    sql = f"SELECT {SWARM_SEEN} FROM swarm WHERE ended_at < ? ORDER BY ended_at, id LIMIT ?"
    return [swarm_of(row) for row in db.rows(sql, (before, limit))]


def tasks(db: Db, swarm_id: SwarmId) -> list[Task]:
    """Read all tasks of a swarm in the order of its plan."""
    number(db, swarm_id)
    return [task_of(row) for row in db.rows(f"{TASKS} WHERE s.id = ? ORDER BY t.n", (swarm_id,))]


def some_tasks(db: Db, refs: Sequence[TaskRef]) -> list[Task]:
    """Read some tasks in the order asked."""
    return [_task(db, ref) for ref in refs]


def artifacts(db: Db, swarm_id: SwarmId) -> list[tuple[TaskRef, Artifact]]:
    """Read what a swarm's tasks left behind."""
    sql = (
        "SELECT t.key, a.name, a.media_type, a.digest, a.size_bytes FROM artifact a"
        " JOIN task t ON t.n = a.task WHERE t.swarm = ? ORDER BY t.n, a.name"
    )
    return [
        (
            TaskRef(swarm=swarm_id, key=TaskKey(key)),
            Artifact(name=name, media_type=media, digest=Digest(digest), size_bytes=size),
        )
        for key, name, media, digest, size in db.rows(sql, (number(db, swarm_id),))
    ]


def events(db: Db, n: int, swarm_id: SwarmId) -> list[Event]:
    """Read the whole log of a swarm, by its number."""
    return _events(db, n, swarm_id, after=0, limit=-1)


def told(db: Db, swarm_id: SwarmId, *, after: int) -> list[Told]:
    """Read what people told a swarm, after a number."""
    sql = f"SELECT {TOLD_SEEN} FROM told WHERE swarm = ? AND number > ? ORDER BY number"
    return [told_line(swarm_id, row) for row in db.rows(sql, (number(db, swarm_id), after))]


def page(db: Db, cursor: Cursor, *, incarnation: str, limit: int) -> Page:
    """Read events after a cursor."""
    n = number(db, cursor.swarm)
    here = Cursor(incarnation=incarnation, swarm=cursor.swarm, seq=cursor.seq)
    if cursor.incarnation not in ("", incarnation):
        return Page(events=(), cursor=Cursor(incarnation=incarnation, swarm=cursor.swarm), gap=True)
    events = tuple(_events(db, n, cursor.swarm, after=cursor.seq, limit=limit))
    if events:
        here = Cursor(incarnation=incarnation, swarm=cursor.swarm, seq=events[-1].seq)
    return Page(events=events, cursor=here)


def steps(db: Db, ref: TaskRef, *, run: int) -> list[Step]:
    """Read the journal of a run in the order of its opening."""
    sql = (
        f"SELECT {STEP_SEEN} FROM step WHERE run = ? AND task = (SELECT t.n FROM task t"
        " JOIN swarm s ON s.n = t.swarm WHERE s.id = ? AND t.key = ?) ORDER BY n"
    )
    return [step_of(ref, run, row) for row in db.rows(sql, (run, ref.swarm, ref.key))]


def blob(db: Db, digest: Digest) -> bytes:
    """Read a content back; raises `ArtifactNotFound`."""
    row = db.row("SELECT content FROM blob WHERE digest = ?", (digest,))
    if row is None:
        raise ArtifactNotFound(f"There is no content {digest[:12]}….")
    return bytes(row[0])


def number(db: Db, swarm_id: SwarmId) -> int:
    """Give a swarm's number in this file; raises `SwarmNotFound`."""
    n = db.value("SELECT n FROM swarm WHERE id = ?", (swarm_id,))
    if n is None:
        raise SwarmNotFound(swarm=swarm_id)
    return int(n)


def dump(db: Db, *, incarnation: str) -> Dump:
    """Read everything in one view, in the order of swarm ids and plans."""
    db.run("BEGIN")
    try:
        seen = [swarm_of(row) for row in db.rows(f"SELECT {SWARM_SEEN} FROM swarm ORDER BY id")]
        return Dump(
            incarnation=incarnation,
            swarms=seen,
            tasks=[task for each in seen for task in tasks(db, each.id)],
            held=_held(db, incarnation),
            edges=_edges(db),
            seats=[
                RingSeat(lane=lane, swarm=SwarmId(id_), vt=vt, ready=ready, eligible=bool(on))
                for lane, id_, vt, ready, on in db.rows(
                    "SELECT lane, id, vt, ready, eligible FROM seat ORDER BY lane, id"
                )
            ],
            steps=_all_steps(db),
            events=[
                event
                for each in seen
                for event in _events(db, number(db, each.id), each.id, after=0, limit=-1)
            ],
            drains=_drains(db),
            approvals=questions.every(db),
            contents=contents(db),
            gates=every_gate(db),
            told=[each for of in seen for each in told(db, of.id, after=0)],
            messages=every_message(db),
            leadership=electing.read(db),
            duties=electing.duties(db),
            nodes=every_node(db),
            hostings=every_hosting(db),
            open_swarms=open_swarms(db),
            choices=choices(db),
            pools=every_pool(db),
            cases=every_case(db),
        )
    finally:
        db.run("COMMIT")


def _task(db: Db, ref: TaskRef) -> Task:
    row = db.row(f"{TASKS} WHERE s.id = ? AND t.key = ?", (ref.swarm, ref.key))
    if row is None:
        raise TaskNotFound(swarm=ref.swarm, task=ref.key)
    return task_of(row)


def _events(db: Db, n: int, swarm_id: SwarmId, *, after: int, limit: int) -> list[Event]:
    sql = (
        "SELECT seq, kind, at, task, data FROM event WHERE swarm = ? AND seq > ?"
        " ORDER BY seq LIMIT ?"
    )
    return [event_of(swarm_id, row) for row in db.rows(sql, (n, after, limit))]


def _held(db: Db, incarnation: str) -> dict[TaskRef, Held]:
    sql = (
        "SELECT s.id, t.key, t.run, t.attempt, t.nonce, t.spent, t.status FROM task t"
        " JOIN swarm s ON s.n = t.swarm"
    )
    return {
        TaskRef(swarm=SwarmId(id_), key=TaskKey(key)): Held(
            incarnation=incarnation,
            run=run,
            attempt=attempt,
            nonce=nonce,
            spent=spent,
            status=TaskStatus(status),
        )
        for id_, key, run, attempt, nonce, spent, status in db.rows(sql)
    }


def _edges(db: Db) -> list[Edge]:
    sql = (
        "SELECT s.id, up.key, down.key, e.met FROM edge e JOIN task up ON up.n = e.up"
        " JOIN task down ON down.n = e.down JOIN swarm s ON s.n = up.swarm"
        " ORDER BY s.id, up.ordinal, down.key"
    )
    return [
        Edge(swarm=SwarmId(id_), up=TaskKey(up), down=TaskKey(down), met=bool(met))
        for id_, up, down, met in db.rows(sql)
    ]


def _all_steps(db: Db) -> list[Step]:
    sql = (
        f"SELECT s.id, t.key, step.run, {', '.join(f'step.{c}' for c in STEP_SEEN.split(', '))}"
        " FROM step JOIN task t ON t.n = step.task JOIN swarm s ON s.n = t.swarm"
        " ORDER BY s.id, t.key, step.run, step.n"
    )
    return [
        step_of(TaskRef(swarm=SwarmId(row[0]), key=TaskKey(row[1])), row[2], row[3:])
        for row in db.rows(sql)
    ]


def _drains(db: Db) -> list[TaskRef]:
    sql = (
        "SELECT s.id, t.key FROM drain d JOIN task t ON t.n = d.task JOIN swarm s ON s.n = t.swarm"
        " ORDER BY s.id, t.key"
    )
    return [TaskRef(swarm=SwarmId(id_), key=TaskKey(key)) for id_, key in db.rows(sql)]
