"""Gathered reads: one call for all that begin together, and nobody suffers by the others."""

import asyncio
from collections.abc import Sequence

import pytest

from skep.agent.gathering import Gathering
from skep.drivers.memory import MemoryStore
from skep.ports.store import Registry
from skep.records.errors import TaskNotFound
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.task import Task
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.samples import many, submission


class Counting:
    """A registry that counts the reads of tasks."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.asked: list[int] = []

    async def read(self, refs: Sequence[TaskRef]) -> Sequence[Task]:
        """Read them, after a turn of the loop."""
        self.asked.append(len(refs))
        await asyncio.sleep(0)  # noqa: TID251 - as long as any store takes at least
        return await self._registry.read(refs)


class Desk:
    """A store with one swarm of five tasks, and reads of them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock, SeededChance(7))
        self.registry = Counting(self.store.registry)
        self.gathering = Gathering()

    async def read(self, *keys: str) -> list[str]:
        """Read tasks as an attempt does; gives their keys."""
        refs = [TaskRef(swarm=SwarmId("s"), key=TaskKey(key)) for key in keys]
        registry: Registry = self.registry  # pyright: ignore[reportAssignmentType] - only reads
        found = await self.gathering.read(registry, self.clock, refs)
        return [task.ref.key for task in found]


@pytest.fixture
async def desk() -> Desk:
    """A desk with its swarm."""
    desk = Desk()
    await desk.store.work.submit([submission("s", *many(5))])
    return desk


async def test_what_is_asked_in_one_turn_is_read_by_one_call(desk: Desk) -> None:
    """Each gets its own in its own order, and what several ask for is read once."""
    answers = await asyncio.gather(
        desk.read("t0001", "t0000"), desk.read("t0000"), desk.read("t0004", "t0001")
    )

    assert answers == [["t0001", "t0000"], ["t0000"], ["t0004", "t0001"]]
    assert desk.registry.asked == [3]


async def test_what_is_missing_for_one_is_there_for_the_others(desk: Desk) -> None:
    """Each then reads for itself, and only who asked for it is told what is not there."""
    answers = await asyncio.gather(desk.read("t0001"), desk.read("no"), return_exceptions=True)

    assert answers[0] == ["t0001"]
    assert isinstance(answers[1], TaskNotFound)


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_who_leaves_takes_nobody_along(desk: Desk, turns: int) -> None:
    """The one that reads for all may be cancelled at any moment; the others read for themselves."""
    first, second = (asyncio.ensure_future(desk.read(key)) for key in ("t0001", "t0002"))
    for _ in range(turns):
        await desk.clock.sleep(0)
    first.cancel()

    assert await second == ["t0002"]
    assert await desk.read("t0003") == ["t0003"]
