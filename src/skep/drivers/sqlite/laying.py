"""The rows of a plan that is written from an image: tasks, journals, and how they wait."""

from collections.abc import Sequence
from typing import Final

from skep.drivers.sqlite.changes import Changes, Sheet
from skep.drivers.sqlite.db import Column
from skep.policy.recovery import open_edges
from skep.records.codec import spec_text
from skep.records.ids import TaskKey
from skep.records.image import TaskImage
from skep.records.purse import amount_text
from skep.records.recovering import REINSTATED
from skep.records.task import TERMINAL, lane_of

OF_A_TASK: Final = ("step", "spec", "outcome", "artifact", "approval")
"""The tables whose rows name their task by its number; approvals outlive a record made anew."""

TASK: Final = (
    *("n", "swarm", "key", "ordinal", "lane", "priority", "tolerant", "attempts_max", "delay_s"),
    *("status", "unmet", "run", "attempt", "failures", "spent", "reason"),
    *("wake_at", "started_at", "ended_at"),
)
STEP: Final = (
    *("task", "run", "key", "fingerprint", "effect", "state", "intent", "calls", "value"),
    *("reserved", "spent", "payee"),
)

Numbers = dict[TaskKey, int]


def lay(
    changes: Changes, sheet: Sheet, tasks: Sequence[TaskImage], *, written: frozenset[TaskKey]
) -> None:
    """Write the records of some tasks, and how all of them wait for each other."""
    _clean(changes, sheet)
    first = 1 + int(changes.db.value("SELECT coalesce(max(n), 0) FROM task"))
    numbers = {task.key: first + place for place, task in enumerate(tasks)}
    unmet = open_edges(tasks)
    _renumber(changes, sheet, numbers)
    anew = [task for task in tasks if task.key in written]
    _remove(changes, [numbers[task.key] for task in anew])
    for image in anew:
        _write(changes, sheet, image, n=numbers[image.key])
    places = [(place, len(unmet[task.key]), first + place) for place, task in enumerate(tasks)]
    changes.db.run_many("UPDATE task SET ordinal = ?, unmet = ? WHERE n = ?", places)
    edges = [
        (numbers[up], numbers[task.key], up not in unmet[task.key])
        for task in tasks
        for up in task.ups
    ]
    changes.db.run_many("INSERT INTO edge VALUES (?, ?, ?)", edges)


def _clean(changes: Changes, sheet: Sheet) -> None:
    """Remove the edges of the swarm, and what belongs to tasks that are not there any more."""
    changes.db.run("DELETE FROM drain WHERE swarm = ?", (sheet.n,))
    own = "(SELECT n FROM task WHERE swarm = ?)"
    changes.db.run(f"DELETE FROM edge WHERE up IN {own} OR down IN {own}", (sheet.n, sheet.n))
    everybody = "(SELECT n FROM task)"
    changes.db.run(f"DELETE FROM edge WHERE up NOT IN {everybody} OR down NOT IN {everybody}")
    for table in OF_A_TASK:
        changes.db.run(f"DELETE FROM {table} WHERE task NOT IN {everybody}")


def _renumber(changes: Changes, sheet: Sheet, numbers: Numbers) -> None:
    rows = changes.db.rows("SELECT n, key FROM task WHERE swarm = ?", (sheet.n,))
    pairs = [(numbers[TaskKey(key)], n) for n, key in rows]
    changes.db.run_many("UPDATE task SET n = ? WHERE n = ?", pairs)
    for table in OF_A_TASK:
        changes.db.run_many(f"UPDATE {table} SET task = ? WHERE task = ?", pairs)


def _remove(changes: Changes, numbers: Sequence[int]) -> None:
    rows = [(n,) for n in numbers]
    changes.db.run_many("DELETE FROM task WHERE n = ?", rows)
    for table in OF_A_TASK:
        if table != "approval":
            changes.db.run_many(f"DELETE FROM {table} WHERE task = ?", rows)


def _write(changes: Changes, sheet: Sheet, image: TaskImage, *, n: int) -> None:
    db, task = changes.db, image.task
    db.run(_insert("task", TASK), _task_row(sheet, image, n=n))
    db.run("INSERT INTO spec VALUES (?, ?)", (n, spec_text(task.spec)))
    if task.outcome is not None:
        db.run("INSERT INTO outcome VALUES (?, ?)", (n, task.outcome))
    db.run_many(
        "INSERT INTO artifact VALUES (?, ?, ?, ?, ?)",
        [(n, each.name, each.media_type, each.digest, each.size_bytes) for each in image.artifacts],
    )
    db.run_many(_insert("step", STEP), _step_rows(image, n=n))
    # A question whose step is gone is asked anew.
    db.run(
        "DELETE FROM approval WHERE task = ?1 AND NOT EXISTS (SELECT 1 FROM step WHERE"
        " step.task = ?1 AND step.run = approval.run AND step.key = approval.key)",
        (n,),
    )


def _task_row(sheet: Sheet, image: TaskImage, *, n: int) -> tuple[Column, ...]:
    task, spec = image.task, image.task.spec
    return (
        *(n, sheet.n, image.key, task.ordinal, lane_of(spec), spec.priority, spec.tolerant),
        *(spec.retry.attempts_max, spec.delay_s, task.status, 0, task.run, task.attempt),
        *(task.failures, REINSTATED if task.status in TERMINAL else "", task.reason),
        *(task.wake_at, task.started_at, task.ended_at),
    )


def _step_rows(image: TaskImage, *, n: int) -> list[tuple[Column, ...]]:
    return [
        (
            *(n, step.run, step.key, step.fingerprint, step.effect, step.state, step.intent),
            *(step.calls, step.value, amount_text(step.reserved), amount_text(step.spent)),
            step.payee,
        )
        for step in image.steps
    ]


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
