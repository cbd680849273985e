"""Tasks go out: fair shares over the rings, each grant under a fresh lease."""

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from skep.drivers.sqlite.changes import Changes, SeatLine
from skep.drivers.sqlite.db import Column
from skep.policy.expiry import lease_end
from skep.policy.fairness import Deal, Ring, Seat, deal
from skep.ports.system import Chance
from skep.records.codec import request_at, spec_from
from skep.records.ids import SwarmId, TaskKey
from skep.records.lease import Grant, Offer, Token
from skep.records.purse import limits_of
from skep.records.task import TaskMove, TaskStatus
from skep.records.values import canonical

TAKE: Final = (
    "UPDATE task SET status = 'running', spent = '', reason = '', worker = ?, started_at = ?,"
    " attempt = ?, nonce = ?, lease_until = ?, hard_until = ? WHERE n = ?"
)


class _Ready(NamedTuple):
    """A ready task as the claim reads it."""

    n: int
    swarm: int
    id: SwarmId
    key: TaskKey
    lane: str
    spec: str
    run: int
    attempt: int
    failures: int
    request: str
    held: str | None
    told: int
    has_steps: int


def claim(changes: Changes, offer: Offer, *, limit: int, chance: Chance) -> list[Grant]:
    """Grant up to `limit` ready tasks that the offer fits."""
    shares = deal(_rings(changes, offer, limit), limit=limit)
    if not shares.served:
        return []
    ready = _ready_tasks(changes, shares)
    numbers = {swarm: tasks[0].swarm for (_, swarm), tasks in ready.items()}
    taken = [ready[seat].pop(0) for seat in shares.served]
    grants = [_grant(changes, offer, task, nonce=chance.nonce()) for task in taken]
    alike = (offer.worker, changes.at)
    changes.db.run_many(TAKE, [(*alike, *_row(*pair)) for pair in zip(taken, grants, strict=True)])
    worker = canonical(offer.worker)
    for task in taken:
        _count(changes, task, told=f'{{"attempt":{task.attempt + 1},"worker":{worker}}}')
    _remember(changes, shares, numbers)
    return grants


def _rings(changes: Changes, offer: Offer, limit: int) -> list[Ring]:
    queues = sorted(offer.queues)
    marks = ", ".join("?" * len(queues))
    sql = f"SELECT name, kind, needs, floor, turn FROM lane WHERE queue IN ({marks}) ORDER BY name"
    return [
        Ring(lane=name, floor=floor, turn=turn, seats=_seats(changes, name, limit))
        for name, kind, needs, floor, turn in changes.db.rows(sql, queues)
        if kind in offer.kinds and _needs(needs) <= offer.capabilities
    ]


def _needs(text: str) -> set[str]:
    return {need for need in text.split(",") if need}


def _seats(changes: Changes, lane: str, limit: int) -> list[Seat]:
    # More seats than tasks asked for cannot be served, so the first `limit` by time are enough.
    sql = (
        "SELECT seat.id, seat.vt, s.priority, seat.ready, s.cap - s.running FROM seat"
        " JOIN swarm s ON s.n = seat.swarm WHERE seat.lane = ? AND seat.eligible = 1"
        " ORDER BY seat.vt, seat.id LIMIT ?"
    )
    return [
        Seat(swarm=SwarmId(swarm), vt=vt, priority=priority, ready=ready, room=room)
        for swarm, vt, priority, ready, room in changes.db.rows(sql, (lane, limit))
    ]


def _ready_tasks(changes: Changes, shares: Deal) -> dict[tuple[str, SwarmId], list[_Ready]]:
    """Read the tasks to grant: of each seat as many as it was served, by priority, then age."""
    numbers = Counter(shares.served)
    sql = (
        "SELECT t.n, t.swarm, s.id, t.key, t.lane, (SELECT text FROM spec WHERE task = t.n),"
        " t.run, t.attempt, t.failures, s.request, p.held, s.told,"
        " EXISTS (SELECT 1 FROM step WHERE task = t.n AND run = t.run)"
        " FROM swarm s JOIN task t ON t.swarm = s.n LEFT JOIN purse p ON p.swarm = s.n"
        " WHERE s.id = ? AND t.lane = ? AND t.status = 'ready'"
        " ORDER BY t.priority DESC, t.ordinal LIMIT ?"
    )
    return {
        (lane, swarm): [
            _Ready._make(row) for row in changes.db.rows(sql, (swarm, lane, numbers[lane, swarm]))
        ]
        for lane, swarm in shares.vts
    }


def _grant(changes: Changes, offer: Offer, ready: _Ready, *, nonce: str) -> Grant:
    spec = spec_from(ready.spec)
    hard_until = changes.at + spec.timeout_s
    return Grant(
        token=Token(
            incarnation=changes.incarnation,
            swarm=ready.id,
            task=ready.key,
            run=ready.run,
            attempt=ready.attempt + 1,
            nonce=nonce,
        ),
        spec=spec,
        request=request_at(
            ready.request,
            cap=changes.sheet(ready.swarm).cap,
            limits=limits_of(ready.held),
        ),
        has_steps=bool(ready.has_steps),
        waited_for=_waited_for(changes, ready.n) if spec.after else (),
        failures=ready.failures,
        lease_until=lease_end(now=changes.at, lease_s=offer.lease_s, hard_until=hard_until),
        hard_until=hard_until,
        told=ready.told,
    )


def _row(ready: _Ready, grant: Grant) -> tuple[Column, ...]:
    """What `TAKE` writes of one grant, after what it writes of all."""
    token = grant.token
    return (token.attempt, token.nonce, grant.lease_until, grant.hard_until, ready.n)


def _waited_for(changes: Changes, n: int) -> tuple[TaskKey, ...]:
    sql = "SELECT t.key FROM edge e JOIN task t ON t.n = e.up WHERE e.down = ? ORDER BY t.ordinal"
    return tuple(TaskKey(key) for (key,) in changes.db.rows(sql, (n,)))


def _count(changes: Changes, ready: _Ready, *, told: str) -> None:
    """Keep the swarm's counts, seat and log for one grant (the move READY -> RUNNING)."""
    sheet = changes.sheet(ready.swarm)
    sheet.counts[TaskStatus.READY] -= 1
    sheet.counts[TaskStatus.RUNNING] += 1
    seat: SeatLine = changes.seats(sheet)[ready.lane]
    seat.ready -= 1
    seat.is_dirty = True
    changes.reseat(sheet)
    changes.tell(sheet, TaskMove.CLAIM, task=ready.key, data=told)


def _remember(changes: Changes, shares: Deal, numbers: Mapping[SwarmId, int]) -> None:
    for (lane, swarm), vt in shares.vts.items():
        seat = changes.seats(changes.sheet(numbers[swarm]))[lane]
        seat.vt, seat.is_dirty = vt, True
    rows = [(floor, shares.turns[lane], lane) for lane, floor in shares.floors.items()]
    changes.db.run_many("UPDATE lane SET floor = ?, turn = ? WHERE name = ?", rows)
