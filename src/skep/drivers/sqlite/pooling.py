"""Pools in rows: what is given back, who is served then, and what is to be told of it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from skep.drivers.sqlite.db import Column, Db, Row
from skep.policy.pools import Note, given_back, granted, served, state_of
from skep.records.ids import SwarmId, TaskKey
from skep.records.pool import Allocation, AllocationState, Pool, PoolState
from skep.records.values import Digest

SEEN: Final = (
    "SELECT a.id, a.n, a.pool, a.amount, s.id, a.task, a.attempt, a.priority, a.state, a.asked_at,"
    " a.digest, a.swarm FROM allocation a JOIN swarm s ON s.n = a.swarm"
)
QUEUE: Final = (
    f"{SEEN} WHERE a.pool = ?1 AND a.state = 'queued' AND (?2 IS NULL OR a.swarm = ?2)"
    " ORDER BY a.priority DESC, a.n LIMIT 64"
)
OF_A_TASK: Final = "a.swarm = ? AND a.task = ?"
OF_A_SWARM: Final = "a.swarm = ?"


class Told(NamedTuple):
    """What is to be told, and to which swarm by its number in this file."""

    swarm: int
    note: Note


def allocation_of(row: Row) -> Allocation:
    """Read an allocation as `SEEN` selects it."""
    return Allocation(
        id=row[0],
        number=row[1],
        pool=row[2],
        amount=row[3],
        swarm=SwarmId(row[4]),
        task=TaskKey(row[5]) if row[5] is not None else None,
        attempt=row[6],
        priority=row[7],
        state=AllocationState(row[8]),
        asked_at=row[9],
        digest=Digest(row[10]),
    )


def pool_of(db: Db, name: str) -> Pool | None:
    """Read one pool, without its allocations."""
    row = db.row("SELECT name, capacity, unit, shared FROM pool WHERE name = ?", (name,))
    if row is None:
        return None
    return Pool(name=row[0], capacity=row[1], unit=row[2], is_shared=bool(row[3]))


def pool_state(db: Db, name: str) -> PoolState | None:
    """Read one pool with its allocations."""
    pool = pool_of(db, name)
    if pool is None:
        return None
    return state_of(pool, map(allocation_of, db.rows(f"{SEEN} WHERE a.pool = ?", (name,))))


def every_pool(db: Db) -> list[PoolState]:
    """Read every pool, by name."""
    names = [str(name) for (name,) in db.rows("SELECT name FROM pool ORDER BY name")]
    return [state for name in names if (state := pool_state(db, name)) is not None]


def give_back(db: Db, where: str, values: Sequence[Column], *, reason: str) -> list[Told]:
    """Give back the allocations that a condition names, then serve those who wait."""
    rows = db.rows(f"{SEEN} WHERE {where} ORDER BY a.n", values)
    told: list[Told] = []
    for row in rows:
        gone = allocation_of(row)
        db.run("DELETE FROM allocation WHERE n = ?", (gone.number,))
        if gone.state is AllocationState.HELD:
            db.run("UPDATE pool SET held = held - ? WHERE name = ?", (gone.amount, gone.pool))
            told.append(Told(row[11], given_back(gone, reason)))
    for name in sorted({str(row[2]) for row in rows}):
        told += serve(db, name)
    return told


def serve(db: Db, name: str) -> list[Told]:
    """Let those hold their parts whose turn it is."""
    told: list[Told] = []
    while found := _serve_some(db, name):
        told += found
    return told


def _serve_some(db: Db, name: str) -> list[Told]:
    pool = pool_of(db, name)
    assert pool is not None, "who has an allocation has it of a pool"
    held = int(db.value("SELECT held FROM pool WHERE name = ?", (name,)))
    owner = _owner(db, pool)
    rows = db.rows(QUEUE, (name, owner[0] if owner else None))
    numbers = {str(row[0]): int(row[11]) for row in rows}
    queue = [allocation_of(row) for row in rows]
    found = served(pool, held=held, owner=owner[1] if owner else None, queue=queue)
    for each in found:
        db.run("UPDATE allocation SET state = 'held' WHERE n = ?", (each.number,))
        db.run("UPDATE pool SET held = held + ? WHERE name = ?", (each.amount, name))
    return [Told(numbers[each.id], granted(each)) for each in found]


def _owner(db: Db, pool: Pool) -> tuple[int, SwarmId] | None:
    """The swarm that has a pool to itself, by number and id."""
    if pool.is_shared:
        return None
    row = db.row(f"{SEEN} WHERE a.pool = ? AND a.state = 'held' LIMIT 1", (pool.name,))
    return (row[11], SwarmId(row[4])) if row else None
