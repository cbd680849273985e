"""Who holds what, and what is due: renewal, reclaim, sweep, reconcile."""

from skep.drivers.sqlite.approving import expire
from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.lines import TaskLine
from skep.drivers.sqlite.steering import cancel
from skep.policy.expiry import LEASE_S_MAX, lease_end, loss_of
from skep.policy.fencing import is_current
from skep.records.ids import WorkerId
from skep.records.lease import Beat, BeatVerdict, Swept, Token
from skep.records.task import TaskMove, TaskStatus

BY_PLACE = "(SELECT id FROM swarm WHERE n = t.swarm), t.ordinal"
"""By swarm and by its place in the plan: the order among equals everywhere."""

WRONG_SEATS = """
WITH wanted AS (
    SELECT t.swarm, t.lane, count(*) AS ready FROM task t JOIN swarm s ON s.n = t.swarm
    WHERE t.status = 'ready' AND s.ended_at IS NULL GROUP BY t.swarm, t.lane
    UNION ALL
    SELECT swarm, lane, 0 FROM seat
)
SELECT w.swarm, w.lane, max(w.ready) FROM wanted w
LEFT JOIN seat ON seat.swarm = w.swarm AND seat.lane = w.lane
GROUP BY w.swarm, w.lane HAVING max(w.ready) <> coalesce(max(seat.ready), 0)
ORDER BY w.swarm, w.lane
"""
"""The seats whose count is not that of the ready tasks, with the right one."""


def renew(changes: Changes, token: Token, *, lease_s: float) -> Beat:
    """Move one lease's deadline."""
    line = changes.find_task(token.ref)
    if line is None:
        return Beat(verdict=BeatVerdict.LOST, swarm_status=None)
    status = changes.sheet(line.swarm).status
    if not is_current(changes.held(line), token) or line.hard_until is None:
        return Beat(verdict=BeatVerdict.LOST, swarm_status=status)
    until = lease_end(now=changes.at, lease_s=lease_s, hard_until=line.hard_until)
    changes.set(line, lease_until=until)
    return Beat(verdict=BeatVerdict.HELD, swarm_status=status, lease_until=until)


def reclaim(changes: Changes, worker: WorkerId) -> int:
    """Free every task that an earlier life of the worker held."""
    held = changes.lines(f"worker = ? AND status = 'running' ORDER BY {BY_PLACE}", (worker,))
    for line in held:
        _lose(changes, line, reason="its worker was started again")
    return len(held)


def sweep(changes: Changes, *, limit: int) -> Swept:
    """Do what is due."""
    timed_out = _time_out(changes, limit)
    lost, given_up = _take_back(changes, limit)
    return Swept(
        timed_out=timed_out,
        lost=lost,
        given_up=given_up,
        woken=_wake(changes, limit),
        drained=_drain(changes, limit),
        expired=expire(changes, limit=limit),
    )


def reconcile(changes: Changes) -> int:
    """Rebuild the seats where they differ from the ready tasks."""
    wanting = changes.db.rows(WRONG_SEATS)
    for swarm, lane, ready in wanting:
        sheet = changes.sheet(swarm)
        seat = changes.seat(sheet, lane)
        seat.ready, seat.is_dirty = ready, True
        changes.reseat(sheet)
    return len(wanting)


def _lose(changes: Changes, line: TaskLine, *, reason: str) -> None:
    """Take a running task from its holder: ready again, or failed when that was once too often."""
    failures = line.failures + 1
    move = loss_of(failures=failures, retry=line.retry)
    changes.move(
        line,
        move,
        told={"reason": reason, "failures": failures},
        failures=failures,
        nonce="",
        reason=reason,
    )
    if move is TaskMove.GIVE_UP:
        changes.consume_edges(line)
        changes.end_if_over(changes.sheet(line.swarm))


def _time_out(changes: Changes, limit: int) -> int:
    sql = (
        "SELECT n FROM swarm WHERE deadline < ? AND deadline IS NOT NULL AND ended_at IS NULL"
        " ORDER BY deadline, id LIMIT ?"
    )
    due = changes.db.rows(sql, (changes.at, limit))
    for (n,) in due:
        sheet = changes.sheet(n)
        cancel(changes, sheet, reason=f"its time of {sheet.timeout_s:g} s was over")
    return len(due)


def _take_back(changes: Changes, limit: int) -> tuple[int, int]:
    # The second half of the condition is `policy.expiry.is_expired` for a clock set back.
    due = changes.lines(
        "status = 'running' AND (lease_until < ? OR lease_until > ?)"
        f" ORDER BY lease_until, {BY_PLACE} LIMIT ?",
        (changes.at, changes.at + 2 * LEASE_S_MAX, limit),
    )
    for line in due:
        over = line.hard_until is not None and line.hard_until < changes.at
        _lose(changes, line, reason="its time-out was over" if over else "its lease ran out")
    given_up = sum(line.status is TaskStatus.FAILED for line in due)
    return len(due) - given_up, given_up


def _wake(changes: Changes, limit: int) -> int:
    where = f"status = 'sleeping' AND wake_at <= ? ORDER BY wake_at, {BY_PLACE} LIMIT ?"
    due = changes.lines(where, (changes.at, limit))
    for line in due:
        changes.move(line, TaskMove.WAKE, told={}, wake_at=None)
    return len(due)


def _drain(changes: Changes, limit: int) -> int:
    drained = 0
    draining = f"SELECT t.n FROM drain d JOIN task t ON t.n = d.task ORDER BY {BY_PLACE}"
    for (n,) in changes.db.rows(draining):
        still = changes.db.value("SELECT 1 FROM drain WHERE task = ?", (n,))
        if drained >= limit or still is None:
            continue
        line = changes.lines("n = ?", (n,))[0]
        drained += changes.consume_edges(line, budget=limit - drained)
        changes.end_if_over(changes.sheet(line.swarm))
    return drained
