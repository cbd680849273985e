"""The memory store's placing: every open swarm is looked at."""

from collections.abc import Sequence
from dataclasses import replace

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.state import SwarmRow, Tables, TaskRow
from skep.drivers.memory.terms import fence
from skep.drivers.memory.work import add_tasks
from skep.policy.placement import (
    by_load,
    check_distribution,
    check_shift,
    choose,
    is_open,
    may_move,
    moved_reason,
    not_open,
    skill_set,
    skills_of,
)
from skep.records.command import Addition, Receipt, ReceiptVerdict
from skep.records.errors import CommandConflict, SkepError
from skep.records.ids import SwarmId, TaskRef
from skep.records.leadership import Mandate
from skep.records.placement import (
    Candidate,
    Choice,
    Distribution,
    Placed,
    Placement,
    Shift,
    choice_json,
)
from skep.records.task import TaskMove, TaskSpec, TaskStatus


class MemoryPlacing:
    """Where tasks go that may go anywhere."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def distribute(self, asked: Sequence[Distribution]) -> Sequence[Placed | SkepError]:
        """See `ports.placing.Placing.distribute`."""
        with self._desk.change() as changes:
            return [_distribute(changes, each) for each in asked]

    async def candidates(self, *, limit: int = 50, heaviest: bool = False) -> Sequence[Candidate]:
        """See `ports.placing.Placing.candidates`."""
        with self._desk.look() as tables:
            return by_load(open_swarms(tables), heaviest=heaviest)[:limit]

    async def shift(
        self, shifts: Sequence[Shift], *, mandate: Mandate | None = None
    ) -> Sequence[Sequence[Placed] | SkepError]:
        """See `ports.placing.Placing.shift`."""
        with self._desk.change() as changes:
            fence(changes, mandate)
            return [_shift(changes, each) for each in shifts]


def open_swarms(tables: Tables) -> list[Candidate]:
    """Show every open swarm, by id."""
    return [_candidate(row) for _, row in sorted(tables.swarms.items()) if _is_open(row)]


def choices(tables: Tables) -> list[tuple[str, Choice]]:
    """Show what was chosen for each distribution that is remembered, by its command."""
    return [(command, choice) for command, (_, choice) in sorted(tables.choices.items())]


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
        placed = _put(changes, asked.task, choice, command=asked.command, digest=asked.digest)
    except SkepError as refusal:
        return refusal
    if choice.placement is Placement.ROUND_ROBIN:
        tables.last_placed = choice.swarm
    return placed


def _put(changes: Changes, spec: TaskSpec, choice: Choice, *, command: str, digest: str) -> Placed:
    """Add a task to the swarm that was chosen, and remember it with the command."""
    tables, swarm = changes.tables, choice.swarm
    addition = Addition(command=command, digest=digest, swarm=swarm, tasks=(spec,))
    add_tasks(changes, addition, placed=choice_json(choice))
    ref = TaskRef(swarm=swarm, key=spec.key)
    tables.choices[command] = (ref, choice)
    tables.commands[command] = (digest, Receipt(verdict=ReceiptVerdict.OK, swarm=swarm))
    return Placed(verdict=ReceiptVerdict.OK, ref=ref, choice=choice)


def _again(tables: Tables, asked: Distribution, *, digest: str) -> Placed | SkepError:
    known = tables.choices.get(asked.command)
    if digest != asked.digest or known is None:
        return CommandConflict()
    ref, choice = known
    return Placed(verdict=ReceiptVerdict.ALREADY, ref=ref, choice=choice)


def _shift(changes: Changes, asked: Shift) -> Sequence[Placed] | SkepError:
    try:
        check_shift(asked)
        source, target = (_open_row(changes.tables, each) for each in (asked.source, asked.target))
    except SkepError as refusal:
        return refusal
    moved: list[Placed] = []
    for command, row in _movable(changes.tables, source, target):
        if len(moved) == asked.number or not _is_open(target):
            break
        moved.append(_move(changes, command, row, source=source, target=target))
    return moved


def _open_row(tables: Tables, swarm: SwarmId) -> SwarmRow:
    row = tables.swarm(swarm)
    if not _is_open(row):
        raise not_open(swarm, row.status)
    return row


def _movable(tables: Tables, source: SwarmRow, target: SwarmRow) -> list[tuple[str, TaskRow]]:
    """What may be moved, the youngest first."""
    skills = skill_set(skills_of(target.request))
    found = [
        (command, row)
        for command, (ref, choice) in tables.choices.items()
        if ref.swarm == source.id
        and may_move(choice, skills)
        and (row := source.tasks.get(ref.key)) is not None
        and row.status is TaskStatus.READY
        and not (row.attempt or row.ups or row.downs or row.spec.delay_s)
        and row.run == 1
        and ref.key not in target.tasks
    ]
    return sorted(found, key=lambda each: -each[1].ordinal)


def _move(
    changes: Changes, command: str, row: TaskRow, *, source: SwarmRow, target: SwarmRow
) -> Placed:
    was = changes.tables.choices[command][1]
    looked = tuple((each.id, _candidate(each).load) for each in (target, source))
    choice = replace(was, looked=looked, moved_from=source.id)
    row.reason = moved_reason(target.id)
    changes.move(row, TaskMove.CANCEL, reason=row.reason)
    digest = changes.tables.commands[command][0]
    return _put(changes, row.spec, choice, command=command, digest=digest)
