"""Invariants of purses: every sum agrees with the steps, and nothing was reserved twice."""

from collections import defaultdict
from collections.abc import Sequence

from skep.ports.inspection import Dump
from skep.records.event import Remark
from skep.records.ids import SwarmId, TaskRef
from skep.records.purse import NOTHING, Amount, Purse
from skep.records.step import Step, StepState
from skep.records.swarm import SwarmMove
from skep.records.task import Task, TaskStatus
from skep.testing.invariants.rebuilt import rebuilt_among
from skep.testing.invariants.report import hold


def check_purses(dump: Dump) -> None:
    """Invariant 24: what is reserved and spent is what the steps say, and is within the budget."""
    steps = defaultdict[SwarmId, list[Step]](list)
    for step in dump.steps:
        steps[step.ref.swarm].append(step)
    tasks = {task.ref: task for task in dump.tasks}
    raised = {event.swarm for event in dump.events if event.kind == SwarmMove.RAISE}
    overran = {event.swarm for event in dump.events if event.kind == Remark.PURSE_OVERRUN}
    rebuilt = rebuilt_among(dump.events)
    for swarm in dump.swarms:
        _check_reserved(swarm.id, swarm.purse, steps[swarm.id])
        if swarm.id not in rebuilt:  # what was spent stays spent, although its steps are gone
            _check_spent(swarm.id, swarm.purse, steps[swarm.id])
        _check_under_way(steps[swarm.id], tasks)
        if swarm.id not in overran | raised:
            _check_limits(swarm.id, swarm.purse)
        hold(
            24,
            f"{swarm.id} has an overrun that was not told",
            that=swarm.id in overran or not swarm.purse.overrun,
        )


def _check_reserved(swarm: SwarmId, purse: Purse, steps: Sequence[Step]) -> None:
    under_way = [step.reserved for step in steps if step.reserved is not None]
    reserved = sum(under_way, NOTHING)
    hold(24, f"{swarm} has {len(under_way)} calls: {purse}", that=purse.open == len(under_way))
    hold(24, f"{swarm} reserved {reserved}: {purse}", that=purse.reserved == reserved)


def _check_spent(swarm: SwarmId, purse: Purse, steps: Sequence[Step]) -> None:
    charged = [step.spent for step in steps if step.spent is not None]
    spent = sum(charged, NOTHING)
    hold(24, f"{swarm} spent {spent}: {purse}", that=_alike(purse.spent, spent, charged))
    hold(24, f"{swarm} lost more than it spent", that=not purse.lost.exceeds(purse.spent))


def _check_limits(swarm: SwarmId, purse: Purse) -> None:
    """Without an overrun, and with the budget it began with, a swarm stays within it."""
    taken, budget = purse.spent + purse.reserved, purse.budget
    pairs = (
        (taken.requests, budget.requests),
        (taken.tokens, budget.tokens),
        (taken.known_usd, budget.nano_usd),
    )
    is_within = all(limit is None or took <= limit for took, limit in pairs)
    hold(24, f"{swarm} took {taken} of {budget}", that=is_within)


def _alike(kept: Amount, summed: Amount, parts: Sequence[Amount]) -> bool:
    """Compare sums; what a step spent beside a call without a price is not known any more."""
    if any(part.nano_usd is None for part in parts):
        return (kept.requests, kept.tokens) == (summed.requests, summed.tokens)
    return kept == summed


def _check_under_way(steps: Sequence[Step], tasks: dict[TaskRef, Task]) -> None:
    """What is reserved belongs to a call of the attempt that runs."""
    for step in steps:
        if step.reserved is None:
            continue
        task = tasks[step.ref]
        name = f"step {step.key} of {step.ref}, run {step.run}"
        is_own = task.status is TaskStatus.RUNNING and task.run == step.run
        hold(24, f"{name} has reserved for a task that is {task.status}", that=is_own)
        hold(24, f"{name} is unknown and has reserved", that=step.state is not StepState.UNKNOWN)
