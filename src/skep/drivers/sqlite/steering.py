"""Steering swarms in rows: pause, cancel, seal, reopen, cap, raise the budget, cut short."""

from dataclasses import replace

from skep.drivers.sqlite.changes import Changes, Sheet
from skep.drivers.sqlite.lines import TaskLine
from skep.drivers.sqlite.pooling import OF_A_SWARM
from skep.drivers.sqlite.purse import keep_purse, lose_calls, purse_of
from skep.drivers.sqlite.submitting import tasks_of
from skep.drivers.sqlite.telling import tell
from skep.policy.pools import SWARM_ENDED
from skep.policy.purse import CUT_SHORT, raised, raised_told
from skep.policy.reopening import check_reopening
from skep.policy.steering import capped, check_steering, is_so_already
from skep.records.command import Order
from skep.records.errors import CommandConflict, SkepError
from skep.records.event import Remark
from skep.records.ids import TaskKey
from skep.records.moves import moved
from skep.records.purse import Budget
from skep.records.swarm import SWARM_MOVES, SwarmMove, SwarmStatus
from skep.records.task import TERMINAL, TaskMove, TaskStatus
from skep.records.values import Json, canonical

LIVE = "status NOT IN ('succeeded', 'failed', 'cancelled')"


def steer(changes: Changes, order: Order) -> SwarmStatus | SkepError:
    """Carry out one order; answers the status after it, or why it was refused."""
    try:
        check_steering(order)
        is_repeat = _is_repeat(changes, order)
        sheet = changes.find_sheet(order.swarm)
        if not is_repeat:
            _carry_out(changes, sheet, order)
            _remember(changes, order)
    except SkepError as refusal:
        return refusal
    return sheet.status


def cancel(changes: Changes, sheet: Sheet, *, reason: str) -> None:
    """Cancel a swarm and every task of it that has not ended; their tokens are void from here."""
    told: dict[str, Json] = {"reason": reason}
    if sheet.holds:
        changes.give_back(OF_A_SWARM, (sheet.n,), reason=SWARM_ENDED)
    _cancel_all(changes, sheet, reason, data=canonical(told))
    sheet.reason = reason
    changes.move_swarm(sheet, SwarmMove.CANCEL, told=told)


def _cancel_all(changes: Changes, sheet: Sheet, reason: str, *, data: str) -> None:
    """Move what has not ended to cancelled, in one statement for however many tasks.

    Their seats are taken away as the swarm ends (docs/adr/0014).
    """
    live = f"swarm = ? AND {LIVE}"
    keys = changes.db.rows(f"SELECT key FROM task WHERE {live} ORDER BY ordinal", (sheet.n,))
    lost = _lose_all(changes, sheet)
    changes.db.run(
        "UPDATE task SET status = ?, reason = ?, ended_at = ?, worker = NULL, lease_until = NULL,"
        f" hard_until = NULL WHERE {live}",
        (TaskStatus.CANCELLED, reason, changes.at, sheet.n),
    )
    for (key,) in keys:
        if key in lost:
            changes.tell(sheet, Remark.PURSE_LOST, task=key, data=lost[key])
        sheet.seq += 1
        sheet.events.append((sheet.n, sheet.seq, TaskMove.CANCEL, changes.at, key, data))
    for status in sheet.counts.keys() - TERMINAL:
        sheet.counts[TaskStatus.CANCELLED] += sheet.counts[status]
        sheet.counts[status] = 0


def _lose_all(changes: Changes, sheet: Sheet) -> dict[str, dict[str, Json]]:
    """Count as spent what calls of the swarm had reserved; gives what is told of each task."""
    sql = "SELECT n, key FROM task WHERE swarm = ? AND status = 'running'"
    lost = {key: lose_calls(changes.db, sheet.n, n) for n, key in changes.db.rows(sql, (sheet.n,))}
    return {key: told for key, told in lost.items() if told}


def _is_repeat(changes: Changes, order: Order) -> bool:
    if not order.command:
        return False
    digest = changes.db.value("SELECT digest FROM command WHERE id = ?", (order.command,))
    if digest is not None and digest != order.digest:
        raise CommandConflict
    return digest is not None


def _remember(changes: Changes, order: Order) -> None:
    if order.command:
        row = (order.command, order.digest, order.swarm)
        changes.db.run("INSERT INTO command VALUES (?, ?, ?)", row)


def _carry_out(changes: Changes, sheet: Sheet, order: Order) -> None:
    if order.move is SwarmMove.TELL:
        tell(changes, sheet, order)
        return
    if is_so_already(order, sheet.status, sealed=sheet.sealed, cap=sheet.cap):
        return
    moved(SWARM_MOVES, sheet.status, order.move)
    if order.move is SwarmMove.CANCEL:
        cancel(changes, sheet, reason=order.reason or "the swarm was cancelled")
    elif order.move is SwarmMove.REOPEN:
        _reopen(changes, sheet, order)
    elif order.move is SwarmMove.RESUME:
        resume(changes, sheet, reason=order.reason)
    elif order.move is SwarmMove.RAISE and order.budget is not None:
        _raise(changes, sheet, order.budget, reason=order.reason)
    elif order.move is SwarmMove.CUT_SHORT:
        _cut_short(changes, sheet, reason=order.reason)
    elif order.max_agents is not None and order.move is SwarmMove.CAP:
        told = capped(order, was=sheet.cap)
        sheet.cap = order.max_agents
        changes.move_swarm(sheet, order.move, told=told)
    else:
        sheet.sealed = sheet.sealed or order.move is SwarmMove.SEAL
        changes.move_swarm(sheet, order.move, told={"reason": order.reason})
        changes.end_if_over(sheet)


def resume(changes: Changes, sheet: Sheet, *, reason: str) -> None:
    """Go on, with the failures so far forgiven and the time-out begun anew."""
    changes.db.run(
        f"UPDATE task SET failures = 0 WHERE swarm = ? AND failures > 0 AND {LIVE}", (sheet.n,)
    )
    _no_longer_empty(changes, sheet)
    _restart_clock(changes, sheet)
    changes.move_swarm(sheet, SwarmMove.RESUME, told={"reason": reason})


def _raise(changes: Changes, sheet: Sheet, budget: Budget, *, reason: str) -> None:
    before = purse_of(changes.db, sheet.n)
    purse = raised(before, budget)
    keep_purse(changes.db, sheet.n, purse)
    changes.move_swarm(sheet, SwarmMove.RAISE, told=raised_told(purse, reason))
    if before.is_empty and sheet.status is SwarmStatus.PAUSED:
        resume(changes, sheet, reason=reason)


def _cut_short(changes: Changes, sheet: Sheet, *, reason: str) -> None:
    """Cancel what another task waits for, and let go of the last tasks with what there is."""
    was_empty = _no_longer_empty(changes, sheet)
    sheet.sealed = True
    changes.move_swarm(sheet, SwarmMove.CUT_SHORT, told={"reason": reason})
    waited_for = (
        f"swarm = ? AND {LIVE} AND EXISTS (SELECT 1 FROM edge WHERE up = t.n) ORDER BY ordinal"
    )
    told: dict[str, Json] = {"reason": CUT_SHORT}
    for line in changes.lines(waited_for, (sheet.n,)):
        changes.move(line, TaskMove.CANCEL, told=told, reason=CUT_SHORT)
    of_swarm = "(SELECT n FROM task WHERE swarm = ?)"
    changes.db.run(f"UPDATE edge SET met = 1 WHERE up IN {of_swarm}", (sheet.n,))
    changes.db.run("UPDATE task SET unmet = 0 WHERE swarm = ?", (sheet.n,))
    changes.db.run("DELETE FROM drain WHERE swarm = ?", (sheet.n,))
    for line in changes.lines("swarm = ? AND status = 'waiting' ORDER BY ordinal", (sheet.n,)):
        changes.release(line)
    if was_empty and sheet.status is SwarmStatus.PAUSED:
        resume(changes, sheet, reason=reason)
    changes.end_if_over(sheet)


def _no_longer_empty(changes: Changes, sheet: Sheet) -> bool:
    """Take the mark from a purse for which the swarm was paused; says whether it was there."""
    purse = purse_of(changes.db, sheet.n)
    if purse.is_empty:
        keep_purse(changes.db, sheet.n, replace(purse, is_empty=False))
    return purse.is_empty


def _reopen(changes: Changes, sheet: Sheet, order: Order) -> None:
    reopened = _meant(changes, sheet, order)
    sheet.reason = ""
    _restart_clock(changes, sheet)
    told: dict[str, Json] = {"tasks": list[Json](reopened), "reason": order.reason}
    changes.move_swarm(sheet, SwarmMove.REOPEN, told=told)
    lines = [_line(changes, sheet, key) for key in reopened]
    for line in lines:
        _next_run(changes, line)
    for line in lines:
        _rewire(changes, line)
    for line in lines:
        changes.settle_waiting(line)
    changes.end_if_over(sheet)


def _meant(changes: Changes, sheet: Sheet, order: Order) -> tuple[TaskKey, ...]:
    tasks = {task.ref.key: task for task in tasks_of(changes, sheet)}
    sql = (
        "SELECT up.key, down.key FROM edge JOIN task up ON up.n = edge.up"
        " JOIN task down ON down.n = edge.down WHERE up.swarm = ?"
    )
    downs: dict[TaskKey, list[TaskKey]] = {}
    for up, down in changes.db.rows(sql, (sheet.n,)):
        downs.setdefault(TaskKey(up), []).append(TaskKey(down))
    return check_reopening(order, tasks=tasks, downs=downs)


def _line(changes: Changes, sheet: Sheet, key: TaskKey) -> TaskLine:
    return changes.lines("swarm = ? AND key = ?", (sheet.n, key))[0]


def _next_run(changes: Changes, line: TaskLine) -> None:
    if line.status is TaskStatus.WAITING:
        return
    line.run += 1
    changes.move(
        line,
        TaskMove.REOPEN,
        told={"run": line.run},
        run=line.run,
        failures=0,
        nonce="",
        spent="",
        reason="",
        started_at=None,
        wake_at=None,
    )
    changes.db.run("DELETE FROM outcome WHERE task = ?", (line.n,))
    changes.db.run("DELETE FROM artifact WHERE task = ?", (line.n,))
    changes.db.run("DELETE FROM drain WHERE task = ?", (line.n,))


def _rewire(changes: Changes, line: TaskLine) -> None:
    """Set the edges into a reopened task by where its dependencies stand now."""
    changes.db.run(
        f"UPDATE edge SET met = (SELECT NOT {LIVE} FROM task WHERE n = edge.up) WHERE down = ?",
        (line.n,),
    )
    sql = "SELECT count(*) FROM edge WHERE down = ? AND met = 0"
    line.unmet = int(changes.db.value(sql, (line.n,)))
    changes.set(line, unmet=line.unmet)


def _restart_clock(changes: Changes, sheet: Sheet) -> None:
    if sheet.timeout_s is not None:
        sheet.deadline = changes.at + sheet.timeout_s
