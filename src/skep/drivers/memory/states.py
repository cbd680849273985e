"""The memory store's states: images, captures, and the way back from them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from skep.drivers.memory import rebuilding
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.retention import check_kept
from skep.drivers.memory.state import SwarmRow, Tables
from skep.policy.capturing import check_capture, check_room, outdated, standing
from skep.policy.recovery import created
from skep.records.capture import Capture, CaptureKind, CaptureTotals
from skep.records.command import Receipt
from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.image import Image, TaskImage
from skep.records.recovering import Founding, Reinstatement
from skep.records.step import Step
from skep.records.swarm import SwarmStatus


class MemoryStates:
    """Captures of swarms, and how a swarm is rebuilt from one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def image(self, swarm: SwarmId) -> Image:
        """See `ports.states.States.image`."""
        with self._desk.look() as tables:
            return _image(tables, tables.swarm(swarm))

    async def keep(self, capture: Capture) -> Capture:
        """See `ports.states.States.keep`."""
        check_capture(capture)
        with self._desk.change() as changes:
            tables = changes.tables
            tables.swarm(capture.swarm)
            held = tables.captures.setdefault(capture.swarm, {})
            stands = standing(list(held.values()), capture)
            if stands is not None:
                return stands
            check_room(list(held.values()), capture)
            check_kept(tables, [part.digest for part in capture.parts if not part.inline])
            return _keep(tables, replace(capture, at=changes.at))

    async def captures(
        self, swarm: SwarmId, *, kind: CaptureKind | None = None
    ) -> Sequence[Capture]:
        """See `ports.states.States.captures`."""
        with self._desk.look() as tables:
            tables.swarm(swarm)
            held = tables.captures.get(swarm, {}).values()
            found = [each for each in held if kind is None or each.kind is kind]
            return sorted(found, key=lambda each: (-each.seq, each.kind, -each.number))

    async def drop(self, swarm: SwarmId, kind: CaptureKind, number: int) -> bool:
        """See `ports.states.States.drop`."""
        with self._desk.change() as changes:
            tables = changes.tables
            tables.swarm(swarm)
            is_gone = tables.captures.get(swarm, {}).pop((kind, number), None) is not None
            tables.totals["dropped"] += is_gone
            return is_gone

    async def suspend(self, swarm: SwarmId) -> SwarmStatus:
        """See `ports.states.States.suspend`."""
        with self._desk.change() as changes:
            return rebuilding.suspend(changes, changes.tables.swarm(swarm))

    async def reinstate(self, reinstatement: Reinstatement) -> SwarmStatus:
        """See `ports.states.States.reinstate`."""
        with self._desk.change() as changes:
            return rebuilding.reinstate(changes, reinstatement)

    async def found(self, founding: Founding) -> Receipt | SkepError:
        """See `ports.states.States.found`."""
        with self._desk.change() as changes:
            return rebuilding.found(changes, founding)

    async def totals(self) -> CaptureTotals:
        """See `ports.states.States.totals`."""
        with self._desk.look() as tables:
            return CaptureTotals(counts=dict(tables.totals))


def _keep(tables: Tables, capture: Capture) -> Capture:
    held = tables.captures[capture.swarm]
    numbered = capture.swarm, capture.kind
    tables.numbers[numbered] = number = tables.numbers.get(numbered, 0) + 1
    capture = replace(capture, number=number)
    held[capture.kind, number] = capture
    tables.totals[capture.kind] += 1
    for old in outdated(list(held.values()), capture.kind):
        del held[old.kind, old.number]
        tables.totals["dropped"] += 1
    return capture


def _image(tables: Tables, row: SwarmRow) -> Image:
    present = set(row.tasks)
    gone = [key for key in created(row.events) if key not in present]
    lines = [tables.journal[line] for line in sorted(tables.journal) if line[0] == row.id]
    by_task = {key: list[Step]() for key in (*row.tasks, *gone)}
    for line in lines:
        for step in line.values():
            by_task[step.ref.key].append(step)
    places = {key: place for place, key in enumerate(created(row.events))}
    commands = [key for key, (_, made) in tables.commands.items() if made.swarm == row.id]
    return Image(
        swarm=row.seen(),
        tasks=tuple(
            TaskImage(
                task=task.seen(),
                ups=tuple(sorted(task.ups, key=places.__getitem__)),
                artifacts=tuple(sorted(task.artifacts, key=lambda each: each.name)),
                steps=tuple(by_task[key]),
            )
            for key, task in row.tasks.items()
        ),
        events=tuple(row.events),
        told=tuple(row.told),
        commands=tuple(sorted(commands)),
        loose=tuple(_flat(by_task[key] for key in gone)),
    )


def _flat(lists: Iterable[list[Step]]) -> list[Step]:
    return [step for each in lists for step in each]
