"""The memory store's placing: every open swarm is looked at."""

from collections.abc import Sequence

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.state import SwarmRow, Tables
from skep.drivers.memory.work import add_tasks
from skep.policy.placement import check_distribution, choose, is_open, skill_set, skills_of
from skep.records.command import Addition, Receipt, ReceiptVerdict
from skep.records.errors import CommandConflict, SkepError
from skep.records.ids import TaskRef
from skep.records.placement import (
    Candidate,
    Choice,
    Distribution,
    Placed,
    Placement,
    choice_json,
)
from skep.records.task import TaskStatus


class MemoryPlacing:
    """Where tasks go that may go anywhere."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def distribute(self, asked: Sequence[Distribution]) -> Sequence[Placed | SkepError]:
        """See `ports.placing.Placing.distribute`."""
        with self._desk.change() as changes:
            return [_distribute(changes, each) for each in asked]

    async def candidates(self, *, limit: int = 50) -> Sequence[Candidate]:
        """See `ports.placing.Placing.candidates`."""
        with self._desk.look() as tables:
            return sorted(open_swarms(tables), key=lambda each: (each.load, each.swarm))[:limit]


def open_swarms(tables: Tables) -> list[Candidate]:
    """Show every open swarm, by id."""
    return [_candidate(row) for _, row in sorted(tables.swarms.items()) if _is_open(row)]


def choices(tables: Tables) -> list[tuple[str, Choice]]:
    """Show what was chosen for each distribution that is remembered, by its command."""
    return [(command, choice) for command, choice in sorted(tables.choices.items())]


def _is_open(row: SwarmRow) -> bool:
    return is_open(row.status, sealed=row.sealed, tasks=len(row.tasks))


def _candidate(row: SwarmRow) -> Candidate:
    return Candidate(
        swarm=row.id,
        priority=row.request.priority,
        busy=row.counts[TaskStatus.READY] + row.counts[TaskStatus.RUNNING],
        slots=row.request.max_agents,
        skills=skill_set(skills_of(row.request)),
    )


def _distribute(changes: Changes, asked: Distribution) -> Placed | SkepError:
    tables = changes.tables
    known = tables.commands.get(asked.command)
    if known is not None:
        return _again(tables, asked, digest=known[0])
    try:
        check_distribution(asked)
        choice = choose(asked, open_swarms(tables), last=tables.last_placed)
        _place(changes, asked, choice)
    except SkepError as refusal:
        return refusal
    ref = TaskRef(swarm=choice.swarm, key=asked.task.key)
    return Placed(verdict=ReceiptVerdict.OK, ref=ref, choice=choice)


def _place(changes: Changes, asked: Distribution, choice: Choice) -> None:
    addition = Addition(
        command=asked.command, digest=asked.digest, swarm=choice.swarm, tasks=(asked.task,)
    )
    add_tasks(changes, addition, placed=choice_json(choice))
    tables = changes.tables
    tables.choices[asked.command] = choice
    receipt = Receipt(verdict=ReceiptVerdict.OK, swarm=choice.swarm)
    tables.commands[asked.command] = (asked.digest, receipt)
    if choice.placement is Placement.ROUND_ROBIN:
        tables.last_placed = choice.swarm


def _again(tables: Tables, asked: Distribution, *, digest: str) -> Placed | SkepError:
    choice = tables.choices.get(asked.command)
    if digest != asked.digest or choice is None:
        return CommandConflict()
    ref = TaskRef(swarm=choice.swarm, key=asked.task.key)
    return Placed(verdict=ReceiptVerdict.ALREADY, ref=ref, choice=choice)
