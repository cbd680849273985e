"""Plans come in: whole swarms, and tasks added to live ones."""

from collections.abc import Callable, Sequence
from itertools import count
from operator import attrgetter
from typing import Final

from skep.drivers.sqlite.changes import Changes, Sheet, status_of_new
from skep.drivers.sqlite.holdings import check_kept, refer
from skep.drivers.sqlite.lines import TASK_SEEN, TaskLine, task_of
from skep.drivers.sqlite.purse import keep_purse
from skep.policy.fencing import is_current
from skep.policy.placement import skills_of
from skep.policy.plans import check_addition, check_plan, check_request
from skep.policy.references import of_request, of_specs
from skep.records.codec import request_json, spec_text
from skep.records.command import Addition, Receipt, ReceiptVerdict, Submission
from skep.records.errors import CommandConflict, Fenced, SkepError, SwarmClosed
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.purse import Purse
from skep.records.swarm import ENDED, SwarmMove, SwarmStatus
from skep.records.task import TERMINAL, Task, TaskSpec, TaskStatus, lane_of
from skep.records.values import Json, canonical

Present = dict[TaskKey, tuple[int, TaskStatus]]
"""Number and status of tasks that the swarm has."""

NOBODY: Final[Present] = {}

WRITTEN: Final = ("n", "swarm", "key", "lane", "tolerant", "attempts_max", "delay_s", "unmet")
"""What of a new task's line is written as it stands."""

_columns = attrgetter(*WRITTEN)

NEXT_NUMBER = (
    "SELECT max(coalesce((SELECT max(n) FROM swarm), 0),"
    " coalesce((SELECT max(swarm) FROM leaving), 0)) + 1"
)
"""A swarm's number is not given out again while rows of it are left."""


def submit(changes: Changes, submission: Submission) -> Receipt | SkepError:
    """Store a whole swarm, once."""
    return _once(changes, submission, lambda: _submit(changes, submission))


def add(changes: Changes, addition: Addition) -> Receipt | SkepError:
    """Add tasks to a live swarm, once."""
    return _once(changes, addition, lambda: add_tasks(changes, addition))


def tasks_of(changes: Changes, sheet: Sheet) -> list[Task]:
    """Read all tasks of a swarm in the order of its plan."""
    sql = (
        f"SELECT {TASK_SEEN} FROM task t JOIN swarm s ON s.n = t.swarm"
        " WHERE t.swarm = ? ORDER BY t.ordinal"
    )
    return [task_of(row) for row in changes.db.rows(sql, (sheet.n,))]


def _once(
    changes: Changes, command: Submission | Addition, perform: Callable[[], None]
) -> Receipt | SkepError:
    """Perform a command the first time, and repeat its first answer ever after.

    A refusal is raised before anything is written, so it leaves nothing to undo.
    """
    sql = "SELECT digest, swarm FROM command WHERE id = ?"
    known = changes.db.row(sql, (command.command,))
    if known is not None:
        if known[0] != command.digest:
            return CommandConflict()
        return Receipt(verdict=ReceiptVerdict.ALREADY, swarm=SwarmId(known[1]))
    try:
        perform()
    except SkepError as refusal:
        return refusal
    row = (command.command, command.digest, command.swarm)
    changes.db.run("INSERT INTO command VALUES (?, ?, ?)", row)
    return Receipt(verdict=ReceiptVerdict.OK, swarm=command.swarm)


def _submit(changes: Changes, submission: Submission) -> None:
    check_request(submission.request)
    check_plan(submission.plan)
    if changes.db.value("SELECT 1 FROM swarm WHERE id = ?", (submission.swarm,)) is not None:
        raise CommandConflict(f"Swarm {submission.swarm} exists already.")
    digests = of_request(submission.request) | of_specs(submission.plan.tasks)
    check_kept(changes, digests)
    sheet = _insert_swarm(changes, submission)
    refer(changes, sheet.n, digests)
    if submission.request.budget is not None:
        keep_purse(changes.db, sheet.n, Purse(budget=submission.request.budget))
    lines = _insert(
        changes, sheet, submission.plan.tasks, texts=submission.spec_texts, status_of=status_of_new
    )
    told: dict[str, Json] = {"tasks": [line.key for line in lines]}
    changes.move_swarm(sheet, SwarmMove.START, told=told)
    for line in lines:
        changes.release_new(line)


def _insert_swarm(changes: Changes, submission: Submission) -> Sheet:
    request = submission.request
    sheet = Sheet(
        n=int(changes.db.value(NEXT_NUMBER)),
        id=submission.swarm,
        status=SwarmStatus.INITIALIZING,
        sealed=submission.plan.sealed,
        cap=request.max_agents,
        seq=0,
        timeout_s=request.timeout_s,
        deadline=changes.at + request.timeout_s if request.timeout_s is not None else None,
        ended_at=None,
        reason="",
        has_purse=request.budget is not None,
        holds=False,
        counts=dict.fromkeys(TaskStatus, 0),
        seats={},
    )
    changes.db.run(
        "INSERT INTO swarm (n, id, request, status, sealed, priority, cap, created_at, timeout_s,"
        " deadline, skills) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sheet.n,
            sheet.id,
            canonical(request_json(request)),
            sheet.status,
            sheet.sealed,
            request.priority,
            sheet.cap,
            changes.at,
            sheet.timeout_s,
            sheet.deadline,
            skills_of(request),
        ),
    )
    return changes.begin_sheet(sheet)


def add_tasks(changes: Changes, addition: Addition, **said: Json) -> None:
    """Add tasks to a live swarm, with what the event tells besides; raises why they cannot be."""
    sheet = changes.find_sheet(addition.swarm)
    spawner = _spawner(changes, sheet, addition)
    present = _present(changes, sheet, addition.tasks)
    statuses = {key: status for key, (_, status) in present.items()}
    check_addition(addition, total=sum(sheet.counts.values()), present=statuses)
    check_kept(changes, of_specs(addition.tasks))
    refer(changes, sheet.n, of_specs(addition.tasks))
    texts = [spec_text(spec) for spec in addition.tasks]
    lines = _insert(changes, sheet, addition.tasks, texts=texts, present=present)
    if spawner is not None:
        _join(changes, spawner, lines)
    keys: list[Json] = [line.key for line in lines]
    told: dict[str, Json] = {"tasks": keys, "by": spawner.key if spawner else None, **said}
    changes.move_swarm(sheet, SwarmMove.EXTEND, told=told)
    for line in lines:
        changes.settle_waiting(line)


def _spawner(changes: Changes, sheet: Sheet, addition: Addition) -> TaskLine | None:
    if addition.token is None:
        if sheet.sealed or sheet.status in ENDED:
            raise SwarmClosed(f"Swarm {sheet.id} is {sheet.status} and takes no more tasks.")
        return None
    line = changes.find_task(TaskRef(swarm=sheet.id, key=addition.token.task))
    if line is None or not is_current(changes.held(line), addition.token):
        raise Fenced
    return line


def _insert(
    changes: Changes,
    sheet: Sheet,
    specs: Sequence[TaskSpec],
    *,
    texts: Sequence[str],
    present: Present = NOBODY,
    status_of: Callable[[TaskLine], TaskStatus] = attrgetter("status"),
) -> list[TaskLine]:
    """Write new tasks, each under the status that `status_of` gives it, and their edges."""
    first = int(changes.db.value("SELECT coalesce(max(n), 0) + 1 FROM task"))
    numbers = {key: n for key, (n, _) in present.items()}
    numbers |= {spec.key: first + place for place, spec in enumerate(specs)}
    met = {key for key, (_, status) in present.items() if status in TERMINAL}
    lines = [
        _line(sheet, spec, n=first + place, unmet=len(set(spec.after) - met))
        for place, spec in enumerate(specs)
    ]
    ordinals = count(sum(sheet.counts.values()))
    changes.db.run_many(
        f"INSERT INTO task ({', '.join(WRITTEN)}, ordinal, priority, status)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*_columns(line), ordinal, spec.priority, status_of(line))
            for line, spec, ordinal in zip(lines, specs, ordinals, strict=False)
        ],
    )
    changes.db.run_many(
        "INSERT INTO spec VALUES (?, ?)", list(zip(count(first), texts, strict=False))
    )
    edges = [
        (numbers[up], line.n, up in met)
        for line, spec in zip(lines, specs, strict=True)
        for up in spec.after
    ]
    changes.db.run_many("INSERT INTO edge VALUES (?, ?, ?)", edges)
    sheet.counts[TaskStatus.WAITING] += len(lines)
    return lines


def _present(changes: Changes, sheet: Sheet, specs: Sequence[TaskSpec]) -> Present:
    """Number and status of those of the swarm's tasks that `specs` name."""
    wanted = {key for spec in specs for key in (spec.key, *spec.after)}
    sql = "SELECT n, status FROM task WHERE swarm = ? AND key = ?"
    found = {key: changes.db.row(sql, (sheet.n, key)) for key in wanted}
    return {key: (row[0], TaskStatus(row[1])) for key, row in found.items() if row is not None}


def _line(sheet: Sheet, spec: TaskSpec, *, n: int, unmet: int) -> TaskLine:
    return TaskLine(
        n=n,
        swarm=sheet.n,
        key=spec.key,
        lane=lane_of(spec),
        status=TaskStatus.WAITING,
        unmet=unmet,
        run=1,
        attempt=0,
        failures=0,
        nonce="",
        spent="",
        tolerant=spec.tolerant,
        delay_s=spec.delay_s,
        attempts_max=spec.retry.attempts_max,
        hard_until=None,
    )


def _join(changes: Changes, spawner: TaskLine, lines: Sequence[TaskLine]) -> None:
    """Let what waits for the spawner wait for what it spawned as well."""
    downs = [row[0] for row in changes.db.rows("SELECT down FROM edge WHERE up = ?", (spawner.n,))]
    new = {line.n for line in lines}
    for down in (down for down in downs if down not in new):
        edges = [(line.n, down, 0) for line in lines]
        changes.db.run_many("INSERT INTO edge VALUES (?, ?, ?)", edges)
        sql = "UPDATE task SET unmet = unmet + ? WHERE n = ?"
        changes.db.run(sql, (len(lines), down))
