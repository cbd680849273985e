"""Captures in rows, and the image of a swarm read in one view."""

from dataclasses import replace

from skep.drivers.sqlite import reading
from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.db import Db
from skep.drivers.sqlite.holdings import check_kept
from skep.drivers.sqlite.lines import STEP_SEEN, step_of
from skep.policy.capturing import check_room, outdated, standing
from skep.records.capture import Capture, CaptureKind, CaptureTotals
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.image import Image, TaskImage
from skep.records.imaging import capture_from, capture_text
from skep.records.outcome import Artifact
from skep.records.step import Step

UPS = (
    "SELECT down.key, up.key FROM edge e JOIN task down ON down.n = e.down"
    " JOIN task up ON up.n = e.up WHERE down.swarm = ? ORDER BY up.ordinal"
)
STEPS = (
    f"SELECT t.key, step.run, {', '.join(f'step.{name}' for name in STEP_SEEN.split(', '))}"
    " FROM step JOIN task t ON t.n = step.task WHERE t.swarm = ? ORDER BY step.run, step.n"
)
COUNT = (
    "INSERT INTO capture_total VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET times = times + excluded.times"
)


def image(db: Db, swarm: SwarmId) -> Image:
    """Read a whole swarm in one view; raises `SwarmNotFound`."""
    db.run("BEGIN")
    try:
        return _image(db, swarm, reading.number(db, swarm))
    finally:
        db.run("COMMIT")


def keep(changes: Changes, capture: Capture) -> Capture:
    """Keep a capture under the next number of its kind."""
    swarm = reading.number(changes.db, capture.swarm)
    held = captures(changes.db, capture.swarm)
    stands = standing(held, capture)
    if stands is not None:
        return stands
    check_room(held, capture)
    parts = [part.digest for part in capture.parts if not part.inline]
    check_kept(changes, parts)
    capture = replace(capture, at=changes.at, number=_next(changes, swarm, capture.kind))
    key = (swarm, capture.kind, capture.number)
    row = (*key, capture.seq, capture_text(capture))
    changes.db.run("INSERT INTO capture VALUES (?, ?, ?, ?, ?)", row)
    changes.db.run_many(
        "INSERT INTO capture_part VALUES (?, ?, ?, ?)",
        [(*key, digest) for digest in sorted(set(parts))],
    )
    count(changes, capture.kind)
    for old in outdated([*held, capture], capture.kind):
        _drop(changes, (swarm, old.kind, old.number))
    return capture


def captures(db: Db, swarm: SwarmId, *, kind: CaptureKind | None = None) -> list[Capture]:
    """Read the captures of a swarm, the newest first; raises `SwarmNotFound`."""
    sql = (
        "SELECT text FROM capture WHERE swarm = ?1 AND (?2 IS NULL OR kind = ?2)"
        " ORDER BY seq DESC, kind, number DESC"
    )
    return [capture_from(row[0]) for row in db.rows(sql, (reading.number(db, swarm), kind))]


def drop(changes: Changes, swarm: SwarmId, *, kind: CaptureKind, number: int) -> bool:
    """Let go of a capture; raises `SwarmNotFound`."""
    return _drop(changes, (reading.number(changes.db, swarm), kind, number))


def totals(db: Db) -> CaptureTotals:
    """Read what was done with captures."""
    return CaptureTotals(counts=dict(map(tuple, db.rows("SELECT name, times FROM capture_total"))))


def count(changes: Changes, name: str) -> None:
    """Count one more."""
    changes.db.run(COUNT, (name, 1))


def _drop(changes: Changes, key: tuple[int, CaptureKind, int]) -> bool:
    where = "WHERE swarm = ? AND kind = ? AND number = ?"
    changes.db.run(f"DELETE FROM capture_part {where}", key)
    changes.db.run(f"DELETE FROM capture {where}", key)
    is_gone = bool(changes.db.value("SELECT changes()"))
    if is_gone:
        count(changes, "dropped")
    return is_gone


def _next(changes: Changes, swarm: int, kind: CaptureKind) -> int:
    sql = (
        "INSERT INTO capture_number VALUES (?, ?, 1)"
        " ON CONFLICT (swarm, kind) DO UPDATE SET last = last + 1 RETURNING last"
    )
    return int(changes.db.value(sql, (swarm, kind)))


def _image(db: Db, swarm: SwarmId, n: int) -> Image:
    ups, steps, artifacts = _ups(db, n), _steps(db, swarm, n), _artifacts(db, swarm)
    commands = db.rows("SELECT id FROM command WHERE swarm = ? ORDER BY id", (swarm,))
    return Image(
        swarm=reading.swarm(db, swarm),
        tasks=tuple(
            TaskImage(
                task=task,
                ups=tuple(ups.get(task.ref.key, ())),
                artifacts=tuple(artifacts.get(task.ref.key, ())),
                steps=tuple(steps.get(task.ref.key, ())),
            )
            for task in reading.tasks(db, swarm)
        ),
        events=tuple(reading.events(db, n, swarm)),
        told=tuple(reading.told(db, swarm, after=0)),
        commands=tuple(row[0] for row in commands),
    )


def _ups(db: Db, n: int) -> dict[TaskKey, list[TaskKey]]:
    found = dict[TaskKey, list[TaskKey]]()
    for down, up in db.rows(UPS, (n,)):
        found.setdefault(TaskKey(down), []).append(TaskKey(up))
    return found


def _steps(db: Db, swarm: SwarmId, n: int) -> dict[TaskKey, list[Step]]:
    found = dict[TaskKey, list[Step]]()
    for key, run, *row in db.rows(STEPS, (n,)):
        ref = TaskRef(swarm=swarm, key=TaskKey(key))
        found.setdefault(ref.key, []).append(step_of(ref, run, row))
    return found


def _artifacts(db: Db, swarm: SwarmId) -> dict[TaskKey, list[Artifact]]:
    found = dict[TaskKey, list[Artifact]]()
    for ref, artifact in reading.artifacts(db, swarm):
        found.setdefault(ref.key, []).append(artifact)
    return found
