"""Steering swarms in memory: pause, resume, interrupt, cancel, seal, reopen, cap."""

from dataclasses import replace

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.state import SwarmRow, TaskRow
from skep.policy.reopening import check_reopening
from skep.policy.steering import capped, check_steering, is_so_already
from skep.records.command import Order, Receipt, ReceiptVerdict
from skep.records.errors import CommandConflict, SkepError
from skep.records.ids import TaskKey
from skep.records.moves import moved
from skep.records.swarm import SWARM_MOVES, SwarmMove, SwarmStatus
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
    cap = swarm.request.max_agents
    if is_so_already(order, swarm.status, sealed=swarm.sealed, cap=cap):
        return
    moved(SWARM_MOVES, swarm.status, order.move)
    if order.move is SwarmMove.CANCEL:
        cancel(changes, swarm, reason=order.reason or "the swarm was cancelled")
    elif order.move is SwarmMove.REOPEN:
        _reopen(changes, swarm, order)
    elif order.move is SwarmMove.RESUME:
        _resume(changes, swarm, order)
    elif order.max_agents is not None and order.move is SwarmMove.CAP:
        swarm.request = replace(swarm.request, max_agents=order.max_agents)
        changes.move_swarm(swarm, order.move, **capped(order, was=cap))
    else:
        swarm.sealed = swarm.sealed or order.move is SwarmMove.SEAL
        changes.move_swarm(swarm, order.move, reason=order.reason)
        changes.end_if_over(swarm)


def cancel(changes: Changes, swarm: SwarmRow, *, reason: str) -> None:
    """Cancel a swarm and every task of it that has not ended; their tokens are void from here."""
    for task in swarm.tasks.values():
        if task.status not in TERMINAL:
            task.reason = reason
            changes.move(task, TaskMove.CANCEL, reason=reason)
    swarm.reason = reason
    changes.move_swarm(swarm, SwarmMove.CANCEL, reason=reason)


def _resume(changes: Changes, swarm: SwarmRow, order: Order) -> None:
    """Go on, with the failures so far forgiven and the time-out begun anew."""
    for task in swarm.tasks.values():
        if task.status not in TERMINAL:
            task.failures = 0
    _restart_clock(changes, swarm)
    changes.move_swarm(swarm, SwarmMove.RESUME, reason=order.reason)


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
