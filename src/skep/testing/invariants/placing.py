"""Invariants of placement: who is open is shown so, and what was chosen is told."""

from collections import Counter

from skep.policy.placement import LOOKED_MAX, is_open, skill_set, skills_of
from skep.ports.inspection import Dump
from skep.records.placement import Candidate, Choice, choice_from
from skep.records.swarm import Swarm, SwarmMove
from skep.records.task import TaskStatus
from skep.testing.invariants.report import hold


def check_placing(dump: Dump) -> None:
    """Invariant 50: open swarms are shown as they are, and each choice as its event tells it."""
    open_ = [_candidate(swarm) for swarm in dump.swarms if _is_open(swarm)]
    shown = list(dump.open_swarms)
    hold(50, f"{shown} are shown as open, not {open_}", that=shown == open_)
    told = _told(dump)
    for command, choice in dump.choices:
        hold(50, f"{command} was placed and not told: {choice}", that=told[choice] > 0)
        hold(50, f"{command} looked too far: {choice}", that=len(choice.looked) <= LOOKED_MAX)


def _is_open(swarm: Swarm) -> bool:
    return is_open(swarm.status, sealed=swarm.sealed, tasks=swarm.tasks_total)


def _candidate(swarm: Swarm) -> Candidate:
    return Candidate(
        swarm=swarm.id,
        priority=swarm.request.priority,
        busy=swarm.counts[TaskStatus.READY] + swarm.counts[TaskStatus.RUNNING],
        slots=swarm.request.max_agents,
        skills=skill_set(skills_of(swarm.request)),
    )


def _told(dump: Dump) -> Counter[Choice]:
    """Count the choices that stand in the logs of the swarms that were chosen."""
    found = Counter[Choice]()
    for event in dump.events:
        if event.kind == SwarmMove.EXTEND and "placed" in event.data:
            choice = choice_from(event.data["placed"])
            found[choice] += choice.swarm == event.swarm
    return found
