"""The memory store's leases: renewal, reclaim, sweep, reconcile."""

from collections.abc import Sequence

from skep.drivers.memory.approvals import expire
from skep.drivers.memory.changes import Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.state import SwarmRow, TaskRow
from skep.drivers.memory.steering import cancel
from skep.drivers.memory.terms import fence
from skep.policy.expiry import is_expired, lease_end, loss_of
from skep.policy.fencing import is_current
from skep.records.ids import WorkerId
from skep.records.leadership import Mandate
from skep.records.lease import Beat, BeatVerdict, Swept, Token
from skep.records.swarm import ENDED
from skep.records.task import TaskMove, TaskStatus


class MemoryLeases:
    """Who holds what, and what is due."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def renew(self, tokens: Sequence[Token], *, lease_s: float) -> Sequence[Beat]:
        """See `ports.store.Leases.renew`."""
        with self._desk.change() as changes:
            return [_renew(changes, token, lease_s) for token in tokens]

    async def reclaim(self, worker: WorkerId) -> int:
        """See `ports.store.Leases.reclaim`."""
        with self._desk.change() as changes:
            held = [row for row in _all_tasks(changes) if row.worker == worker]
            for task in held:
                lose(changes, task, reason="its worker was started again")
            return len(held)

    async def sweep(self, *, limit: int = 256, mandate: Mandate | None = None) -> Swept:
        """See `ports.store.Leases.sweep`."""
        with self._desk.change() as changes:
            fence(changes, mandate)
            timed_out = _time_out(changes, limit)
            lost, given_up = _take_back(changes, limit)
            return Swept(
                timed_out=timed_out,
                lost=lost,
                given_up=given_up,
                woken=_wake(changes, limit),
                drained=_drain(changes, limit),
                expired=expire(changes, limit),
            )

    async def reconcile(self, *, mandate: Mandate | None = None) -> int:
        """See `ports.store.Leases.reconcile`."""
        with self._desk.change() as changes:
            fence(changes, mandate)
            return sum(_mend(changes, swarm) for swarm in changes.tables.swarms.values())


def lose(changes: Changes, task: TaskRow, *, reason: str) -> None:
    """Take a running task from its holder: ready again, or failed when that was once too often."""
    task.failures += 1
    task.nonce, task.reason = "", reason
    move = loss_of(failures=task.failures, retry=task.spec.retry)
    changes.move(task, move, reason=reason, failures=task.failures)
    if move is TaskMove.GIVE_UP:
        changes.consume_edges(task)
        changes.end_if_over(changes.tables.swarms[task.ref.swarm])


def _renew(changes: Changes, token: Token, lease_s: float) -> Beat:
    task = changes.tables.find(token.ref)
    if task is None:
        return Beat(verdict=BeatVerdict.LOST, swarm_status=None)
    status = changes.tables.swarms[token.swarm].status
    if not is_current(changes.tables.held(task), token) or task.hard_until is None:
        return Beat(verdict=BeatVerdict.LOST, swarm_status=status)
    task.lease_until = lease_end(now=changes.at, lease_s=lease_s, hard_until=task.hard_until)
    return Beat(verdict=BeatVerdict.HELD, swarm_status=status, lease_until=task.lease_until)


def _time_out(changes: Changes, limit: int) -> int:
    due = [
        swarm
        for swarm in changes.tables.swarms.values()
        if swarm.status not in ENDED and swarm.deadline is not None and swarm.deadline < changes.at
    ]
    due.sort(key=lambda swarm: (swarm.deadline or 0.0, swarm.id))
    for swarm in due[:limit]:
        cancel(changes, swarm, reason=f"its time of {swarm.request.timeout_s:g} s was over")
    return len(due[:limit])


def _take_back(changes: Changes, limit: int) -> tuple[int, int]:
    due = [
        task
        for task in _all_tasks(changes)
        if task.lease_until is not None and is_expired(task.lease_until, now=changes.at)
    ]
    due.sort(key=lambda task: task.lease_until or 0.0)
    for task in due[:limit]:
        over = task.hard_until is not None and task.hard_until < changes.at
        lose(changes, task, reason="its time-out was over" if over else "its lease ran out")
    given_up = sum(task.status is TaskStatus.FAILED for task in due[:limit])
    return len(due[:limit]) - given_up, given_up


def _wake(changes: Changes, limit: int) -> int:
    due = [
        task
        for task in _all_tasks(changes)
        if task.status is TaskStatus.SLEEPING
        and task.wake_at is not None
        and task.wake_at <= changes.at
    ]
    due.sort(key=lambda task: task.wake_at or 0.0)
    for task in due[:limit]:
        task.wake_at = None
        changes.move(task, TaskMove.WAKE)
    return len(due[:limit])


def _drain(changes: Changes, limit: int) -> int:
    drained = 0
    for ref in [task.ref for task in _all_tasks(changes) if task.ref in changes.tables.drains]:
        if drained >= limit:
            break
        if ref in changes.tables.drains:
            drained += changes.consume_edges(changes.tables.task(ref), budget=limit - drained)
            changes.end_if_over(changes.tables.swarms[ref.swarm])
    return drained


def _mend(changes: Changes, swarm: SwarmRow) -> int:
    """Rebuild the seats of one swarm where they differ from its ready tasks."""
    if swarm.status in ENDED:
        return 0
    wanted: dict[str, list[TaskRow]] = {lane: [] for lane in swarm.lanes}
    for task in swarm.tasks.values():
        if task.status is TaskStatus.READY:
            changes.seat(swarm, task)
            wanted.setdefault(task.lane, []).append(task)
    return sum(_mend_seat(changes, swarm, lane, tasks=tasks) for lane, tasks in wanted.items())


def _mend_seat(changes: Changes, swarm: SwarmRow, lane: str, *, tasks: list[TaskRow]) -> int:
    seat = changes.tables.lanes[lane].seats[swarm.id]
    if seat.ready == len(tasks):
        return 0
    seat.ready, seat.heap = len(tasks), []
    for task in tasks:
        seat.push(task)
    changes.reseat(swarm)
    return 1


def _all_tasks(changes: Changes) -> list[TaskRow]:
    """Every task, by swarm and by its place in the plan: the order among equals everywhere."""
    swarms = [changes.tables.swarms[swarm] for swarm in sorted(changes.tables.swarms)]
    return [task for swarm in swarms for task in swarm.tasks.values()]
