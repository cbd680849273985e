"""The memory store's work port: submit, add, claim, settle."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from skep.drivers.memory.approvals import wait_for
from skep.drivers.memory.changes import WORK_TOPIC, Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.retention import check_kept, missing, refer
from skep.drivers.memory.state import LaneRow, SwarmRow, TaskRow
from skep.drivers.memory.steering import steer
from skep.policy.bounds import check_orders, check_settlements
from skep.policy.expiry import lease_end
from skep.policy.fairness import Deal, Ring, Seat, deal
from skep.policy.fencing import is_current, judge
from skep.policy.plans import check_addition, check_plan, check_request
from skep.policy.references import of_outcome, of_request, of_specs
from skep.records.command import Addition, Order, Receipt, ReceiptVerdict, Submission
from skep.records.errors import CommandConflict, Fenced, SkepError, SwarmClosed
from skep.records.event import Remark
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.lease import Grant, Offer, Token
from skep.records.limits import CLAIM_MAX
from skep.records.outcome import (
    Blocked,
    Failed,
    Outcome,
    Retried,
    Settlement,
    SettleVerdict,
    Snoozed,
    Succeeded,
    move_of,
    reason_of,
    told,
)
from skep.records.purse import Budget, Purse
from skep.records.swarm import ENDED, SwarmMove, SwarmStatus
from skep.records.task import TERMINAL, TaskMove, TaskSpec, TaskStatus
from skep.records.values import Json


class MemoryWork:
    """Plans in, tasks out, outcomes back."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def submit(self, submissions: Sequence[Submission]) -> Sequence[Receipt | SkepError]:
        """See `ports.store.Work.submit`."""
        with self._desk.change() as changes:
            return [
                _once(changes, submission, partial(_submit, changes, submission))
                for submission in submissions
            ]

    async def add(self, additions: Sequence[Addition]) -> Sequence[Receipt | SkepError]:
        """See `ports.store.Work.add`."""
        with self._desk.change() as changes:
            return [
                _once(changes, addition, partial(add_tasks, changes, addition))
                for addition in additions
            ]

    async def claim(self, offer: Offer, *, limit: int, patience_s: float = 0.0) -> Sequence[Grant]:
        """See `ports.store.Work.claim`."""

        async def look() -> list[Grant]:
            with self._desk.change() as changes:
                return self._claim(changes, offer, min(limit, CLAIM_MAX))

        return await self._desk.watch.until(bool, look, topic=WORK_TOPIC, patience_s=patience_s)

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[SettleVerdict]:
        """See `ports.store.Work.settle`."""
        check_settlements(settlements)
        with self._desk.change() as changes:
            return [_settle(changes, settlement) for settlement in settlements]

    async def steer(self, orders: Sequence[Order]) -> Sequence[SwarmStatus | SkepError]:
        """See `ports.store.Work.steer`."""
        check_orders(orders)
        with self._desk.change() as changes:
            return [steer(changes, order) for order in orders]

    def _claim(self, changes: Changes, offer: Offer, limit: int) -> list[Grant]:
        tables = changes.tables
        lanes = {name: lane for name, lane in tables.lanes.items() if lane.fits(offer)}
        shares = deal([_ring(changes, name, lane) for name, lane in lanes.items()], limit=limit)
        _remember(lanes, shares)
        return [
            self._grant(changes, offer, _next_ready(changes, lane, swarm))
            for lane, swarm in shares.served
        ]

    def _grant(self, changes: Changes, offer: Offer, task: TaskRow) -> Grant:
        changes.move(task, TaskMove.CLAIM, worker=offer.worker, attempt=task.attempt + 1)
        task.attempt += 1
        task.nonce, task.spent = self._desk.chance.nonce(), ""
        task.worker, task.reason = offer.worker, ""
        task.started_at = changes.at
        task.hard_until = changes.at + task.spec.timeout_s
        task.lease_until = lease_end(
            now=changes.at, lease_s=offer.lease_s, hard_until=task.hard_until
        )
        return Grant(
            token=Token(
                incarnation=changes.tables.incarnation,
                swarm=task.ref.swarm,
                task=task.ref.key,
                run=task.run,
                attempt=task.attempt,
                nonce=task.nonce,
            ),
            spec=task.spec,
            request=changes.tables.swarms[task.ref.swarm].request_now,
            has_steps=bool(changes.tables.steps(task.ref.swarm, task.ref.key, task.run)),
            waited_for=_waited_for(changes, task),
            failures=task.failures,
            lease_until=task.lease_until,
            hard_until=task.hard_until,
            told=len(changes.tables.swarms[task.ref.swarm].told),
        )


def _once(
    changes: Changes, command: Submission | Addition, perform: Callable[[], None]
) -> Receipt | SkepError:
    """Perform a command the first time, and repeat its first answer ever after."""
    if command.command in changes.tables.commands:
        digest, receipt = changes.tables.commands[command.command]
        if digest == command.digest:
            return replace(receipt, verdict=ReceiptVerdict.ALREADY)
        return CommandConflict()
    try:
        perform()
    except SkepError as refusal:
        return refusal
    receipt = Receipt(verdict=ReceiptVerdict.OK, swarm=command.swarm)
    changes.tables.commands[command.command] = (command.digest, receipt)
    return receipt


def _submit(changes: Changes, submission: Submission) -> None:
    check_request(submission.request)
    check_plan(submission.plan)
    if submission.swarm in changes.tables.swarms:
        raise CommandConflict(f"Swarm {submission.swarm} exists already.")
    digests = of_request(submission.request) | of_specs(submission.plan.tasks)
    check_kept(changes.tables, digests)
    timeout_s = submission.request.timeout_s
    swarm = SwarmRow(
        id=submission.swarm,
        request=submission.request,
        sealed=submission.plan.sealed,
        created_at=changes.at,
        deadline=changes.at + timeout_s if timeout_s is not None else None,
        purse=Purse(budget=submission.request.budget or Budget()),
    )
    changes.tables.swarms[swarm.id] = swarm
    refer(changes.tables, swarm.id, digests)
    rows = _insert(swarm, submission.plan.tasks)
    changes.move_swarm(swarm, SwarmMove.START, tasks=[row.ref.key for row in rows])
    for row in rows:
        if row.unmet == 0:
            changes.release(row)


def add_tasks(changes: Changes, addition: Addition, **told: Json) -> None:
    """Add tasks to a live swarm, with what the event tells besides; raises why they cannot be."""
    swarm = changes.tables.swarm(addition.swarm)
    spawner = _spawner(changes, swarm, addition)
    present = {key: row.status for key, row in swarm.tasks.items()}
    check_addition(addition, total=len(swarm.tasks), present=present)
    check_kept(changes.tables, of_specs(addition.tasks))
    refer(changes.tables, swarm.id, of_specs(addition.tasks))
    rows = _insert(swarm, addition.tasks)
    if spawner is not None:
        _join(swarm, spawner, rows)
    data: dict[str, Json] = {
        "tasks": list[Json](row.ref.key for row in rows),
        "by": spawner.ref.key if spawner else None,
        **told,
    }
    changes.move_swarm(swarm, SwarmMove.EXTEND, **data)
    for row in rows:
        changes.settle_waiting(row)


def _spawner(changes: Changes, swarm: SwarmRow, addition: Addition) -> TaskRow | None:
    if addition.token is None:
        if swarm.sealed or swarm.status in ENDED:
            raise SwarmClosed(f"Swarm {swarm.id} is {swarm.status} and takes no more tasks.")
        return None
    row = swarm.tasks.get(addition.token.task)
    if row is None or not is_current(changes.tables.held(row), addition.token):
        raise Fenced
    return row


def _insert(swarm: SwarmRow, specs: Sequence[TaskSpec]) -> list[TaskRow]:
    rows = [
        TaskRow(
            ref=TaskRef(swarm=swarm.id, key=spec.key),
            ordinal=len(swarm.tasks) + place,
            spec=spec,
        )
        for place, spec in enumerate(specs)
    ]
    for row in rows:
        swarm.tasks[row.ref.key] = row
        swarm.counts[TaskStatus.WAITING] += 1
    for row in rows:
        for up in row.spec.after:
            _wire(swarm.tasks[up], row)
    return rows


def _wire(up: TaskRow, down: TaskRow) -> None:
    met = up.status in TERMINAL
    up.downs[down.ref.key] = met
    down.ups.append(up.ref.key)
    down.unmet += not met


def _join(swarm: SwarmRow, spawner: TaskRow, rows: Sequence[TaskRow]) -> None:
    """Let what waits for the spawner wait for what it spawned as well."""
    new = {row.ref.key for row in rows}
    for key in [key for key in spawner.downs if key not in new]:
        for row in rows:
            _wire(row, swarm.tasks[key])


def _waited_for(changes: Changes, task: TaskRow) -> tuple[TaskKey, ...]:
    siblings = changes.tables.swarms[task.ref.swarm].tasks
    return tuple(sorted(task.ups, key=lambda key: siblings[key].ordinal))


def _ring(changes: Changes, name: str, lane: LaneRow) -> Ring:
    swarms = changes.tables.swarms
    seats = [
        Seat(
            swarm=swarm,
            vt=seat.vt,
            priority=swarms[swarm].request.priority,
            ready=seat.ready,
            room=swarms[swarm].room,
        )
        for swarm, seat in lane.seats.items()
        if seat.eligible
    ]
    return Ring(lane=name, floor=lane.floor, turn=lane.turn, seats=seats)


def _remember(lanes: Mapping[str, LaneRow], shares: Deal) -> None:
    for (lane, swarm), vt in shares.vts.items():
        lanes[lane].seats[swarm].vt = vt
    for lane, floor in shares.floors.items():
        lanes[lane].floor, lanes[lane].turn = floor, shares.turns[lane]


def _next_ready(changes: Changes, lane: str, swarm: SwarmId) -> TaskRow:
    heap = changes.tables.lanes[lane].seats[swarm].heap
    tasks = changes.tables.swarms[swarm].tasks
    while True:
        task = tasks[heapq.heappop(heap)[2]]
        if task.status is TaskStatus.READY:
            return task


def _settle(changes: Changes, settlement: Settlement) -> SettleVerdict:
    task = changes.tables.find(settlement.token.ref)
    held = changes.tables.held(task) if task else None
    verdict = judge(held, settlement.token, settlement.digest)
    digests = of_outcome(settlement.outcome)
    if verdict is SettleVerdict.OK and missing(changes.tables, digests):
        verdict = SettleVerdict.FENCED
    if task is not None and verdict in (SettleVerdict.OK, SettleVerdict.LATE):
        task.spent = settlement.digest
        if verdict is SettleVerdict.OK:
            refer(changes.tables, task.ref.swarm, digests)
            _store_outcome(changes, task, settlement.outcome)
        else:
            swarm = changes.tables.swarms[task.ref.swarm]
            data = told(settlement.outcome)
            changes.tell(swarm, Remark.LATE_RESULT, task=task.ref.key, data=data)
    return verdict


def _store_outcome(changes: Changes, task: TaskRow, outcome: Outcome) -> None:
    task.reason = reason_of(outcome)
    if isinstance(outcome, Retried | Snoozed):
        task.wake_at = outcome.wake_at
    if isinstance(outcome, Retried | Failed):
        task.failures += 1
    if isinstance(outcome, Succeeded):
        task.outcome, task.artifacts = outcome.text, outcome.artifacts
    changes.move(task, move_of(outcome), **told(outcome))
    if isinstance(outcome, Blocked):
        wait_for(changes, task, outcome.awaits)
    if task.status in TERMINAL:
        changes.consume_edges(task)
        changes.end_if_over(changes.tables.swarms[task.ref.swarm])
