"""Steering swarms in memory: pause, resume, interrupt, cancel, seal, reopen, cap."""

from dataclasses import replace

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.state import SwarmRow, TaskRow
from skep.policy.pools import SWARM_ENDED
from skep.policy.purse import CUT_SHORT, raised, raised_told
from skep.policy.reopening import check_reopening
from skep.policy.steering import capped, check_steering, is_so_already
from skep.policy.telling import closed, told_data, told_of
from skep.records.command import Order, Receipt, ReceiptVerdict
from skep.records.errors import CommandConflict, SkepError
from skep.records.ids import TaskKey, TaskRef
from skep.records.moves import moved
from skep.records.purse import Budget
from skep.records.swarm import ENDED, SWARM_MOVES, SwarmMove, SwarmStatus
from skep.records.task import TERMINAL, TaskMove, TaskStatus


def steer(changes: Changes, order: Order) -> SwarmStatus | SkepError:
    """Carry out one order; answers the status after it, or why it was refused."""
    try:
        check_steering(order)
        is_repeat = _is_repeat(changes, order)
        swarm = changes.tables.swarm(order.swarm)
        if not is_repeat:
            _carry_out(changes, swarm, order)
            _remember(changes, order)
    except SkepError as refusal:
        return refusal
    return swarm.status


def _is_repeat(changes: Changes, order: Order) -> bool:
    known = changes.tables.commands.get(order.command) if order.command else None
    if known is not None and known[0] != order.digest:
        raise CommandConflict
    return known is not None


def _remember(changes: Changes, order: Order) -> None:
    if order.command:
        receipt = Receipt(verdict=ReceiptVerdict.OK, swarm=order.swarm)
        changes.tables.commands[order.command] = (order.digest, receipt)


def _carry_out(changes: Changes, swarm: SwarmRow, order: Order) -> None:
    if order.move is SwarmMove.TELL:
        _tell(changes, swarm, order)
        return
    cap = swarm.request.max_agents
    if is_so_already(order, swarm.status, sealed=swarm.sealed, cap=cap):
        return
    moved(SWARM_MOVES, swarm.status, order.move)
    if order.move is SwarmMove.CANCEL:
        cancel(changes, swarm, reason=order.reason or "the swarm was cancelled")
    elif order.move is SwarmMove.REOPEN:
        _reopen(changes, swarm, order)
    elif order.move is SwarmMove.RESUME:
        resume(changes, swarm, reason=order.reason)
    elif order.move is SwarmMove.RAISE and order.budget is not None:
        _raise(changes, swarm, order.budget, reason=order.reason)
    elif order.move is SwarmMove.CUT_SHORT:
        _cut_short(changes, swarm, reason=order.reason)
    elif order.max_agents is not None and order.move is SwarmMove.CAP:
        swarm.request = replace(swarm.request, max_agents=order.max_agents)
        changes.move_swarm(swarm, order.move, **capped(order, was=cap))
    else:
        swarm.sealed = swarm.sealed or order.move is SwarmMove.SEAL
        changes.move_swarm(swarm, order.move, reason=order.reason)
        changes.end_if_over(swarm)


def cancel(changes: Changes, swarm: SwarmRow, *, reason: str) -> None:
    """Cancel a swarm and every task of it that has not ended; their tokens are void from here."""
    changes.give_back(changes.tables.poolroom.of(swarm.id), SWARM_ENDED)
    for task in swarm.tasks.values():
        if task.status not in TERMINAL:
            task.reason = reason
            changes.move(task, TaskMove.CANCEL, reason=reason)
    swarm.reason = reason
    changes.move_swarm(swarm, SwarmMove.CANCEL, reason=reason)


def resume(changes: Changes, swarm: SwarmRow, *, reason: str) -> None:
    """Go on, with the failures so far forgiven and the time-out begun anew."""
    for task in swarm.tasks.values():
        if task.status not in TERMINAL:
            task.failures = 0
    swarm.purse = replace(swarm.purse, is_empty=False)
    _restart_clock(changes, swarm)
    changes.move_swarm(swarm, SwarmMove.RESUME, reason=reason)


def _raise(changes: Changes, swarm: SwarmRow, budget: Budget, *, reason: str) -> None:
    was_empty, swarm.purse = swarm.purse.is_empty, raised(swarm.purse, budget)
    changes.move_swarm(swarm, SwarmMove.RAISE, **raised_told(swarm.purse, reason))
    _go_on(changes, swarm, was_empty=was_empty, reason=reason)


def _cut_short(changes: Changes, swarm: SwarmRow, *, reason: str) -> None:
    """Cancel what another task waits for, and let go of the last tasks with what there is."""
    was_empty, swarm.purse = swarm.purse.is_empty, replace(swarm.purse, is_empty=False)
    swarm.sealed = True
    changes.move_swarm(swarm, SwarmMove.CUT_SHORT, reason=reason)
    for task in swarm.tasks.values():
        if task.downs and task.status not in TERMINAL:
            task.reason = CUT_SHORT
            changes.move(task, TaskMove.CANCEL, reason=task.reason)
    for task in swarm.tasks.values():
        task.downs, task.unmet = dict.fromkeys(task.downs, True), 0
        changes.tables.drains.pop(task.ref, None)
        if task.status is TaskStatus.WAITING:
            changes.release(task)
    _go_on(changes, swarm, was_empty=was_empty, reason=reason)
    changes.end_if_over(swarm)


def _tell(changes: Changes, swarm: SwarmRow, order: Order) -> None:
    if swarm.status in ENDED:
        raise closed(swarm.id, swarm.status)
    for key in order.tasks:
        changes.tables.task(TaskRef(swarm=swarm.id, key=key))
    told = told_of(order, held=len(swarm.told), at=changes.at)
    swarm.told.append(told)
    changes.move_swarm(swarm, order.move, **told_data(told))


def _go_on(changes: Changes, swarm: SwarmRow, *, was_empty: bool, reason: str) -> None:
    if was_empty and swarm.status is SwarmStatus.PAUSED:
        resume(changes, swarm, reason=reason)


def _reopen(changes: Changes, swarm: SwarmRow, order: Order) -> None:
    rows = {task.ref.key: task.seen() for task in swarm.tasks.values()}
    downs = {key: tuple(row.downs) for key, row in swarm.tasks.items()}
    reopened = check_reopening(order, tasks=rows, downs=downs)
    swarm.reason = ""
    _restart_clock(changes, swarm)
    changes.move_swarm(swarm, SwarmMove.REOPEN, tasks=list(reopened), reason=order.reason)
    for key in reopened:
        _next_run(changes, swarm.tasks[key])
    for key in reopened:
        _rewire(swarm, key)
    for key in reopened:
        changes.settle_waiting(swarm.tasks[key])
    changes.end_if_over(swarm)


def _next_run(changes: Changes, task: TaskRow) -> None:
    if task.status is TaskStatus.WAITING:
        return
    changes.move(task, TaskMove.REOPEN, run=task.run + 1)
    changes.tables.drains.pop(task.ref, None)
    task.run += 1
    task.failures, task.nonce, task.spent = 0, "", ""
    task.outcome, task.reason, task.artifacts = None, "", ()
    task.started_at, task.wake_at = None, None


def _rewire(swarm: SwarmRow, key: TaskKey) -> None:
    """Set the edges into a reopened task by where its dependencies stand now."""
    task = swarm.tasks[key]
    task.unmet = 0
    for up in task.ups:
        met = swarm.tasks[up].status in TERMINAL
        swarm.tasks[up].downs[key] = met
        task.unmet += not met


def _restart_clock(changes: Changes, swarm: SwarmRow) -> None:
    if swarm.request.timeout_s is not None:
        swarm.deadline = changes.at + swarm.request.timeout_s
