"""Invariants of placement: who is open is shown so, and a choice stays with its task."""

from collections import Counter

from skep.policy.placement import LOOKED_MAX, is_open, skill_set, skills_of
from skep.ports.inspection import Dump
from skep.records.placement import Candidate, choice_from
from skep.records.swarm import Swarm, SwarmMove
from skep.records.task import TaskStatus
from skep.testing.invariants.report import hold


def check_placing(dump: Dump) -> None:
    """Invariant 50: open swarms are shown as they are, and each choice as its event tells it."""
    open_ = [_candidate(swarm) for swarm in dump.swarms if _is_open(swarm)]
    shown = list(dump.open_swarms)
    hold(50, f"{shown} are shown as open, not {open_}", that=shown == open_)
    known = {task.ref for task in dump.tasks}
    for ref, choice in dump.choices:
        hold(50, f"{ref} is placed and not there", that=ref in known)
        is_there = choice.swarm == ref.swarm and 1 <= len(choice.looked) <= LOOKED_MAX
        hold(50, f"{ref} is where nobody placed it: {choice}", that=is_there)
    _check_told(dump)


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


def _check_told(dump: Dump) -> None:
    kept = Counter((ref.swarm, choice) for ref, choice in dump.choices)
    told = Counter(
        (event.swarm, choice_from(event.data["placed"]))
        for event in dump.events
        if event.kind == SwarmMove.EXTEND and "placed" in event.data
    )
    hold(50, f"choices {dict(kept)} are told as {dict(told)}", that=kept == told)
