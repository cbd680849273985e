"""Where a distributed task goes: one order of the open swarms for each placement.

The load of a swarm is its ready and running tasks over its slots, one division of whole numbers, so
that every driver, Lua included, computes the same; ties go to the swarm that was made first, whose
id is the least. A driver that keeps its open swarms by load need not show all of them: the first
few of each crew (swarms of equal priority and skills) hold everybody who may come first.

Round robin goes by the swarm chosen last and not by a number: swarms come and go, and who comes
next after it is right whoever else has left.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from skep.policy.plans import check_capabilities, check_tasks
from skep.records.errors import InvalidInput, LimitExceeded, PlanRefused, SwarmClosed
from skep.records.ids import SwarmId
from skep.records.limits import PLAN_TASKS_MAX, SHIFT_MAX
from skep.records.placement import Candidate, Choice, Distribution, Placement, Shift
from skep.records.sharing_errors import NoSwarmFits
from skep.records.swarm import SwarmRequest, SwarmStatus
from skep.records.task import TaskStatus

LOOKED_MAX: Final = 8
"""Swarms that a choice tells of, and that a driver shows of each crew."""

MOVED: Final = "it was moved to swarm "
"""How the reason begins for which a task is cancelled that another swarm has now."""

Rank = Callable[[Candidate], tuple[float | str, ...]]


def is_open(status: SwarmStatus, *, sealed: bool, tasks: int) -> bool:
    """Say whether a swarm takes distributed tasks: active, not sealed, and not full.

    >>> is_open(SwarmStatus.PAUSED, sealed=False, tasks=0)
    False
    """
    return status is SwarmStatus.ACTIVE and not sealed and tasks < PLAN_TASKS_MAX


def skills_of(request: SwarmRequest) -> str:
    """Write the capabilities that a swarm declared, in one order."""
    return ",".join(sorted(set(request.capabilities)))


def skill_set(skills: str) -> frozenset[str]:
    """Read capabilities as `skills_of` wrote them."""
    return frozenset(filter(None, skills.split(",")))


def may_take(candidate: Candidate, asked: Distribution) -> bool:
    """Say whether a swarm may take a task under the placement that was asked for."""
    return asked.placement is not Placement.CAPABILITY or asked.needs <= candidate.skills


def choose(asked: Distribution, candidates: Iterable[Candidate], *, last: SwarmId | None) -> Choice:
    """Choose a swarm among the open ones; `last` is the one that round robin chose before.

    Raises `NoSwarmFits`, which tells what nobody has.

    >>> loads = {"a": 2, "b": 1}
    >>> teams = [
    ...     Candidate(swarm=SwarmId(name), priority=5, busy=busy, slots=4)
    ...     for name, busy in loads.items()
    ... ]
    >>> from skep.records.task import TaskSpec
    >>> asked = Distribution(command="c", task=TaskSpec(key="t", agent="writer"))
    >>> choose(asked, teams, last=None).swarm
    'b'
    """
    known = list(candidates)
    fitting = [each for each in known if may_take(each, asked)]
    if not fitting:
        raise no_swarm_fits(asked, skills=frozenset[str]().union(*(each.skills for each in known)))
    first = heapq.nsmallest(LOOKED_MAX, fitting, key=_ranks(last)[asked.placement])
    return Choice(
        placement=asked.placement,
        looked=tuple((each.swarm, each.load) for each in first),
        needs=asked.needs,
        by=asked.by,
    )


def by_load(candidates: Iterable[Candidate], *, heaviest: bool = False) -> list[Candidate]:
    """Order open swarms by load, then by age; or the other way round."""
    return sorted(candidates, key=_by_load, reverse=heaviest)


def not_open(swarm: SwarmId, status: SwarmStatus) -> SwarmClosed:
    """Say that a swarm takes no distributed tasks, nor gives any away."""
    return SwarmClosed(f"Swarm {swarm} is {status}, and not open.")


def no_swarm_fits(asked: Distribution, *, skills: frozenset[str]) -> NoSwarmFits:
    """Say that nobody can take a task; `skills` are all that the open swarms declared."""
    is_skilled = asked.placement is Placement.CAPABILITY
    missing = sorted(asked.needs - skills) if is_skilled else []
    needs = sorted(asked.needs) if is_skilled else []
    return NoSwarmFits(task=asked.task.key, needs=needs, missing=missing)


def check_distribution(asked: Distribution) -> None:
    """Refuse a task that cannot stand alone; raises `PlanRefused` and its kinds."""
    if not asked.command:
        raise PlanRefused("A distribution has a command, by which it is known when it comes again.")
    check_capabilities(asked.needs)
    check_tasks([asked.task], known=frozenset())


def _by_load(each: Candidate) -> tuple[float | str, ...]:
    return (each.load, each.swarm)


def _ranks(last: SwarmId | None) -> Mapping[Placement, Rank]:
    return {
        Placement.LEAST_LOADED: _by_load,
        Placement.CAPABILITY: _by_load,
        Placement.PRIORITY: lambda each: (-each.priority, each.load, each.swarm),
        Placement.ROUND_ROBIN: lambda each: (last is not None and each.swarm <= last, each.swarm),
    }


def rebalance(candidates: Iterable[Candidate]) -> list[Shift]:
    """Say what to move so that nobody queues where another one has free slots.

    Only what a swarm has beyond its slots is moved, and only into free slots, so what was moved is
    not moved again. The heaviest swarm gives first, to the lightest.

    """
    ranked = sorted(candidates, key=_by_load)
    free = [(each, each.slots - each.busy) for each in ranked if each.busy < each.slots]
    shifts = list[Shift]()
    for source in reversed(ranked):
        excess = source.busy - source.slots
        while excess > 0 and free:
            target, room = free.pop(0)
            number = min(excess, room, SHIFT_MAX)
            shifts.append(Shift(source=source.swarm, target=target.swarm, number=number))
            excess -= number
            if room > number:
                free.insert(0, (target, room - number))
    return shifts


def may_move(choice: Choice, skills: frozenset[str]) -> bool:
    """Say whether what was chosen would be as right in a swarm with these capabilities.

    By priority or in turn it was meant to be where it is.
    """
    if choice.placement is Placement.CAPABILITY:
        return choice.needs <= skills
    return choice.placement is Placement.LEAST_LOADED


def moved_reason(target: SwarmId) -> str:
    """Why a task is cancelled that another swarm has now."""
    return f"{MOVED}{target}"


def is_moved(status: TaskStatus, reason: str) -> bool:
    """Say whether a task was moved away: it is cancelled here, and nothing of it is missing."""
    return status is TaskStatus.CANCELLED and reason.startswith(MOVED)


def check_shift(asked: Shift) -> None:
    """Refuse a shift to nowhere, or of too much at once."""
    if asked.source == asked.target or asked.number < 1:
        raise InvalidInput("A shift moves tasks, from one swarm to another.")
    if asked.number > SHIFT_MAX:
        raise LimitExceeded(limit="SHIFT_MAX", allowed=SHIFT_MAX, actual=asked.number)
