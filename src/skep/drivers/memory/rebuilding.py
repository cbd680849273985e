"""Suspending, reinstating and founding swarms in memory."""

from collections import Counter
from collections.abc import Sequence

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.retention import check_kept, refer
from skep.drivers.memory.state import SwarmRow, TaskRow
from skep.drivers.memory.steering import resume
from skep.policy.recovery import SUSPENDED, open_edges
from skep.records.command import Receipt, ReceiptVerdict
from skep.records.errors import CommandConflict, Conflict, SkepError
from skep.records.ids import TaskKey, TaskRef
from skep.records.image import Image, TaskImage
from skep.records.moves import moved
from skep.records.recovering import REINSTATED, Founding, News, Reinstatement
from skep.records.step import Step
from skep.records.swarm import ENDED, SWARM_MOVES, SwarmMove, SwarmStatus
from skep.records.task import TERMINAL, TaskMove, TaskStatus


def suspend(changes: Changes, swarm: SwarmRow) -> SwarmStatus:
    """Take a swarm from all who work on it; raises `IllegalMove`."""
    if swarm.status is not SwarmStatus.RECOVERING:
        moved(SWARM_MOVES, swarm.status, SwarmMove.RECOVER)
        changes.move_swarm(swarm, SwarmMove.RECOVER, reason=SUSPENDED)
    for task in swarm.tasks.values():
        if task.status is TaskStatus.RUNNING:
            task.nonce, task.reason = "", SUSPENDED
            changes.move(task, TaskMove.HAND_BACK, reason=SUSPENDED)
    return swarm.status


def reinstate(changes: Changes, ask: Reinstatement) -> SwarmStatus:
    """Put a suspended swarm back to work; raises `IllegalMove` or `Conflict`."""
    tables = changes.tables
    swarm = tables.swarm(ask.swarm)
    moved(SWARM_MOVES, swarm.status, SwarmMove.REINSTATE)
    if len(swarm.events) != ask.seq:
        raise Conflict("The swarm has gone on while it was rebuilt.", hint="Recover it again.")
    if ask.is_rewritten:
        for key in ask.dropped:
            _write_steps(changes, TaskRef(swarm=swarm.id, key=key), ())
        _lay(changes, swarm, ask.tasks, written=ask.written)
    _count(changes, swarm)
    swarm.purse = ask.purse
    for command in ask.forgotten:
        tables.commands.pop(command, None)
        tables.choices.pop(command, None)
    _tell(changes, swarm, ask.news)
    tables.totals["reinstated"] += 1
    resume(changes, swarm, reason=SUSPENDED)
    changes.end_if_over(swarm)
    return swarm.status


def found(changes: Changes, ask: Founding) -> Receipt | SkepError:
    """Make a swarm from an image, once."""
    tables, image = changes.tables, ask.image
    known = tables.commands.get(ask.command)
    if known is not None:
        is_same = known[0] == ask.digest
        receipt = Receipt(verdict=ReceiptVerdict.ALREADY, swarm=known[1].swarm)
        return receipt if is_same else CommandConflict()
    if image.swarm.id in tables.swarms:
        return CommandConflict(f"Swarm {image.swarm.id} exists already.")
    try:
        check_kept(tables, image.contents)
    except SkepError as refusal:
        return refusal
    _make(changes, image)
    _tell(changes, tables.swarms[image.swarm.id], ask.news)
    changes.end_if_over(tables.swarms[image.swarm.id])
    receipt = Receipt(verdict=ReceiptVerdict.OK, swarm=image.swarm.id)
    tables.commands[ask.command] = (ask.digest, receipt)
    tables.totals["founded"] += 1
    return receipt


def _make(changes: Changes, image: Image) -> None:
    seen = image.swarm
    swarm = SwarmRow(
        id=seen.id,
        request=seen.request,
        sealed=seen.sealed,
        created_at=seen.created_at,
        status=seen.status,
        ended_at=seen.ended_at,
        deadline=seen.deadline,
        reason=seen.reason,
        events=list(image.events),
        purse=seen.purse,
        told=list(image.told),
    )
    changes.tables.swarms[seen.id] = swarm
    refer(changes.tables, seen.id, image.contents)
    _lay(changes, swarm, image.tasks, written=frozenset(task.key for task in image.tasks))
    _count(changes, swarm)


def _lay(
    changes: Changes, swarm: SwarmRow, tasks: tuple[TaskImage, ...], *, written: frozenset[TaskKey]
) -> None:
    """Write the records of some tasks, and how all of them wait for each other."""
    present = swarm.tasks
    swarm.tasks = {
        image.key: _row(image) if image.key in written else present[image.key] for image in tasks
    }
    for place, image in enumerate(tasks):
        row = swarm.tasks[image.key]
        row.ordinal, row.ups, row.downs = place, list(image.ups), {}
    still_open = open_edges(tasks)
    for image in tasks:
        unmet = set(still_open[image.key])
        swarm.tasks[image.key].unmet = len(unmet)
        for up in image.ups:
            swarm.tasks[up].downs[image.key] = up not in unmet
        if image.key in written:
            _write_steps(changes, image.task.ref, image.steps)
    for ref in [ref for ref in changes.tables.drains if ref.swarm == swarm.id]:
        del changes.tables.drains[ref]


def _row(image: TaskImage) -> TaskRow:
    task = image.task
    return TaskRow(
        ref=task.ref,
        ordinal=task.ordinal,
        spec=task.spec,
        status=task.status,
        run=task.run,
        attempt=task.attempt,
        failures=task.failures,
        spent=REINSTATED if task.status in TERMINAL else "",
        outcome=task.outcome,
        reason=task.reason,
        wake_at=task.wake_at,
        started_at=task.started_at,
        ended_at=task.ended_at,
        artifacts=image.artifacts,
    )


def _write_steps(changes: Changes, ref: TaskRef, steps: Sequence[Step]) -> None:
    """Write the journal of a task anew, without the questions whose step is gone."""
    tables = changes.tables
    for line in [line for line in tables.journal if line[:2] == (ref.swarm, ref.key)]:
        del tables.journal[line]
    for step in steps:
        tables.journal.setdefault((ref.swarm, ref.key, step.run), {})[step.key] = step
    known = {(step.run, step.key) for step in steps}
    for asked in [each for each in tables.approvals.values() if each.ref == ref]:
        if (asked.run, asked.key) not in known:
            del tables.approvals[asked.id]


def _count(changes: Changes, swarm: SwarmRow) -> None:
    """Count the tasks anew, and make the queue entries anew."""
    swarm.counts = Counter(task.status for task in swarm.tasks.values())
    for name in list(swarm.lanes):
        seat = changes.tables.lanes[name].seats[swarm.id]
        seat.ready, seat.heap = 0, []
    for task in swarm.tasks.values():
        if task.status is TaskStatus.READY and swarm.status not in ENDED:
            seat = changes.seat(swarm, task)
            seat.ready += 1
            seat.push(task)
    changes.reseat(swarm)


def _tell(changes: Changes, swarm: SwarmRow, news: tuple[News, ...]) -> None:
    for each in news:
        changes.tell(swarm, each.kind, task=each.task, data=each.data)
