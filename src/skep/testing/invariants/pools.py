"""Invariants of pools: what is held fits, belongs to somebody, and is told of."""

from collections import Counter

from skep.policy.pools import owner_of, served
from skep.ports.inspection import Dump
from skep.records.event import Remark
from skep.records.ids import SwarmId, TaskRef
from skep.records.pool import Allocation, PoolState
from skep.records.swarm import ENDED
from skep.records.task import TaskStatus
from skep.testing.invariants.report import hold


def check_pools(dump: Dump) -> None:
    """Invariant 51: never more than there is, by who lives, in the order of priority and age."""
    live = {swarm.id for swarm in dump.swarms if swarm.status not in ENDED}
    running = {task.ref: task.attempt for task in dump.tasks if task.status is TaskStatus.RUNNING}
    for state in dump.pools:
        _check_capacity(state)
        for each in (*state.held, *state.queued):
            _check_holder(each, live, running)
    _check_told(dump)


def _check_capacity(state: PoolState) -> None:
    name = state.pool.name
    hold(
        51,
        f"{state.allocated} of {state.pool.capacity} is held of {name}",
        that=state.allocated <= state.pool.capacity,
    )
    swarms = {each.swarm for each in state.held}
    is_one = state.pool.is_shared or len(swarms) <= 1
    hold(51, f"{name} is for one swarm and held by {swarms}", that=is_one)
    waiting = served(
        state.pool, held=state.allocated, owner=owner_of(state.held), queue=state.queued
    )
    hold(51, f"{waiting} wait for {name} and need not", that=not waiting)


def _check_holder(each: Allocation, live: set[SwarmId], running: dict[TaskRef, int]) -> None:
    hold(51, f"{each} is of a swarm that has ended", that=each.swarm in live)
    if each.task is not None:
        attempt = running.get(TaskRef(swarm=each.swarm, key=each.task))
        hold(51, f"{each} is of an attempt that is over", that=attempt == each.attempt)


def _check_told(dump: Dump) -> None:
    held = Counter(
        (each.swarm, each.id, each.amount) for state in dump.pools for each in state.held
    )
    told = Counter[tuple[SwarmId, object, object]]()
    for event in dump.events:
        what = (event.swarm, event.data.get("id"), event.data.get("amount"))
        if event.kind == Remark.RESOURCE_ALLOCATED:
            told[what] += 1
        elif event.kind == Remark.RESOURCE_RELEASED:
            told[what] -= 1
    told = Counter({what: times for what, times in told.items() if times})
    hold(51, f"{dict(held)} is held, the logs tell of {dict(told)}", that=dict(held) == dict(told))
