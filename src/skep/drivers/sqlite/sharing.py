"""Pools as commands: declaring, allocating, releasing."""

from typing import Final

from skep.drivers.sqlite.changes import Changes, Sheet
from skep.drivers.sqlite.pooling import SEEN, allocation_of, pool_of, pool_state, serve
from skep.policy.fencing import is_current
from skep.policy.pools import (
    HOLDER_GONE,
    RELEASED,
    check_change,
    check_fits,
    check_pool,
    check_requisition,
)
from skep.records.errors import CommandConflict, Fenced, LimitExceeded, SkepError, SwarmClosed
from skep.records.limits import POOLS_MAX
from skep.records.pool import Allocation, Pool, PoolState, Requisition
from skep.records.sharing_errors import PoolNotFound
from skep.records.swarm import ENDED

GONE: Final = (
    "s.ended_at IS NOT NULL OR (a.task IS NOT NULL AND NOT EXISTS (SELECT 1 FROM task t"
    " WHERE t.swarm = a.swarm AND t.key = a.task AND t.status = 'running'"
    " AND t.attempt = a.attempt))"
)
"""What belongs to nobody any more."""


def declare(changes: Changes, pool: Pool) -> PoolState | SkepError:
    """Make or change a pool."""
    try:
        check_pool(pool)
        _check_declared(changes, pool)
    except SkepError as refusal:
        return refusal
    changes.db.run(
        "INSERT INTO pool (name, capacity, unit, shared) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET capacity = excluded.capacity, unit = excluded.unit, shared = excluded.shared",
        (pool.name, pool.capacity, pool.unit, pool.is_shared),
    )
    changes.tell_pools(serve(changes.db, pool.name))
    state = pool_state(changes.db, pool.name)
    assert state is not None, "it was just written"
    return state


def allocate(changes: Changes, asked: Requisition) -> Allocation | SkepError:
    """Ask for a part of a pool, once."""
    try:
        check_requisition(asked)
        known = _known(changes, asked)
        if known is None:
            _queue(changes, asked)
    except SkepError as refusal:
        return refusal
    return known or _read(changes, asked.id)


def release(changes: Changes, id_: str) -> bool:
    """Give a part back, or leave the queue."""
    if changes.db.value("SELECT 1 FROM allocation WHERE id = ?", (id_,)) is None:
        return False
    changes.give_back("a.id = ?", (id_,), reason=RELEASED)
    return True


def sweep(changes: Changes) -> int:
    """Give back what belongs to nobody any more."""
    number = int(changes.db.value(f"SELECT count(*) FROM ({SEEN} WHERE {GONE})"))
    changes.give_back(GONE, (), reason=HOLDER_GONE)
    return number


def _check_declared(changes: Changes, pool: Pool) -> None:
    state = pool_state(changes.db, pool.name)
    if state is not None:
        return check_change(pool, state)
    actual = int(changes.db.value("SELECT count(*) FROM pool")) + 1
    if actual > POOLS_MAX:
        raise LimitExceeded(limit="POOLS_MAX", allowed=POOLS_MAX, actual=actual)
    return None


def _known(changes: Changes, asked: Requisition) -> Allocation | None:
    row = changes.db.row(f"{SEEN} WHERE a.id = ?", (asked.id,))
    if row is not None and allocation_of(row).digest != asked.digest:
        raise CommandConflict
    return allocation_of(row) if row is not None else None


def _read(changes: Changes, id_: str) -> Allocation:
    row = changes.db.row(f"{SEEN} WHERE a.id = ?", (id_,))
    assert row is not None, "it was just written"
    return allocation_of(row)


def _queue(changes: Changes, asked: Requisition) -> None:
    sheet = _holder(changes, asked)
    pool = pool_of(changes.db, asked.pool)
    if pool is None:
        raise PoolNotFound(pool=asked.pool)
    sql = "SELECT count(*) FROM allocation WHERE swarm = ?"
    check_fits(asked, pool, count=int(changes.db.value(sql, (sheet.n,))))
    task, attempt = (asked.token.task, asked.token.attempt) if asked.token else (None, 0)
    changes.db.run(
        "INSERT INTO allocation (id, pool, amount, swarm, task, attempt, priority, state,"
        " asked_at, digest) VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?)",
        (
            *(asked.id, asked.pool, asked.amount, sheet.n, task, attempt, asked.priority),
            *(changes.at, asked.digest),
        ),
    )
    sheet.holds = True
    changes.tell_pools(serve(changes.db, asked.pool))


def _holder(changes: Changes, asked: Requisition) -> Sheet:
    sheet = changes.find_sheet(asked.swarm)
    if sheet.status in ENDED:
        raise SwarmClosed(f"Swarm {sheet.id} is {sheet.status} and holds nothing any more.")
    line = changes.find_task(asked.token.ref) if asked.token else None
    if asked.token and not (line and is_current(changes.held(line), asked.token)):
        raise Fenced
    return sheet
