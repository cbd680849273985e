"""Swarms that lose records at random: they end as they would have, and pay for nothing twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import pytest

from skep.hive.imaging import taken
from skep.hive.recovery import Recovery
from skep.records.capture import CaptureKind
from skep.records.command import Addition
from skep.records.ids import SwarmId, TaskKey
from skep.records.lease import Grant
from skep.records.outcome import Snoozed, Succeeded
from skep.records.purse import Amount, Budget
from skep.records.step import StepVerdict
from skep.records.swarm import ENDED
from skep.records.task import TaskSpec, TaskStatus
from skep.testing.acts import claim, settle, submit, write
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.harness import Harness, InspectableStore
from skep.testing.invariants import check
from skep.testing.memory import MemoryHarness
from skep.testing.redis import RedisHarness
from skep.testing.samples import addition, failed, intent, record, task
from skep.testing.sqlite import SqliteHarness

S: Final = SwarmId("s")
TASKS: Final = 10
STEPS: Final = ("one", "two")
SEEDS: Final = {"memory": range(60), "sqlite": range(60, 75), "redis": range(75, 90)}
CASES: Final = [(store, seed) for store, seeds in SEEDS.items() for seed in seeds]
MORE: Final = [
    pytest.param(store, seed, marks=pytest.mark.deep) for store in SEEDS for seed in range(100, 500)
]

Call = tuple[TaskKey, int, str]
"""A call that costs something: of which task, run and step."""


@dataclass(slots=True)
class World:
    """One store with one swarm whose agents always do the same, and a ledger of their calls."""

    store: InspectableStore
    clock: ManualClock
    random: Random
    calls: dict[Call, int] = field(default_factory=dict[Call, int])
    kept: dict[Call, int] = field(default_factory=dict[Call, int])

    async def work(self, grant: Grant) -> None:
        """Do a task as its key says: call, spawn, rest once, then fail or succeed."""
        number = int(grant.token.task[1:3])
        for key in STEPS:
            await self._call(grant, key)
        if number % 5 == 1 and not grant.token.task.endswith("x"):
            await self.store.work.add([child_of(grant)])
        if number % 4 == 2 and grant.token.attempt == 1:
            wake_at = self.clock.now() + 1
            await settle(self.store, Snoozed(reason="tired", wake_at=wake_at), grant)
        elif number % 6 == 5:
            await settle(self.store, failed(), grant)
        else:
            await settle(self.store, Succeeded(value=grant.token.task), grant)

    async def _call(self, grant: Grant, key: str) -> None:
        name = f"i{grant.token.attempt}"
        asked = intent(grant.token, key, name=name, reserve=Amount(requests=1))
        if (await write(self.store, asked)).verdict is StepVerdict.OPENED:
            place = (grant.token.task, grant.token.run, key)
            self.calls[place] = self.calls.get(place, 0) + 1
            paid = Amount(requests=1)
            await write(self.store, record(grant.token, key, value=key, usage=paid))

    async def some_work(self, times: int) -> None:
        """Let some tasks be claimed, and most of those be done."""
        for _ in range(times):
            for grant in await claim(self.store, self.random.randint(1, 3)):
                if self.random.random() < 0.8:
                    await self.work(grant)
            self.clock.advance(self.random.choice([0, 2]))
            await self.store.leases.sweep()

    async def capture(self, kind: CaptureKind) -> None:
        """Capture the swarm, and note which calls its image holds answers of."""
        await taken(self.store, await self.store.states.image(S), kind)
        self.kept = dict(self.calls)

    async def drain(self) -> None:
        """Work until the swarm has ended."""
        while (await self.store.registry.swarm(S)).status not in ENDED:
            for grant in await claim(self.store):
                await self.work(grant)
            self.clock.advance(10)
            await self.store.leases.sweep()

    async def ends(self) -> dict[TaskKey, tuple[TaskStatus, str | None]]:
        """Say what became of each task."""
        found = await self.store.registry.tasks(S)
        return {each.ref.key: (each.status, each.outcome) for each in found}


def child_of(grant: Grant) -> Addition:
    """What a task spawns: one more task, which whoever waits for it waits for as well."""
    key = f"{grant.token.task[:3]}x"
    return addition("s", task(key), token=grant.token, command=f"spawn-{key}")


def plan(random: Random) -> Sequence[TaskSpec]:
    """Draw a plan whose tasks wait for some of those before."""
    keys = [f"t{number:02}" for number in range(TASKS)]
    return [
        task(key, *random.sample(keys[:place], min(place, random.randint(0, 2))))
        if random.random() < 0.7
        else task(key, *random.sample(keys[:place], min(place, 1)), tolerant=True)
        for place, key in enumerate(keys)
    ]


async def untroubled(specs: Sequence[TaskSpec]) -> dict[TaskKey, tuple[TaskStatus, str | None]]:
    """Say how the swarm ends when nothing is lost."""
    clock = ManualClock()
    store = await MemoryHarness().open(clock=clock, chance=SeededChance(0))
    await submit(store, "s", *specs, budget=Budget(requests=999))
    world = World(store, clock, Random(0))
    await world.drain()
    return await world.ends()


async def destroy(world: World) -> None:
    """Lose the records of some tasks, or of all."""
    keys = [each.ref for each in await world.store.registry.tasks(S)]
    number = world.random.choice([1, len(keys) // 2, len(keys)])
    await world.store.forget_tasks(world.random.sample(keys, number))


@pytest.fixture
def open_harness(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Harness]:
    """Give a harness by the name of its store."""

    def given(name: str) -> Harness:
        if name == "redis":
            return RedisHarness(request.getfixturevalue("redis_url"))
        return SqliteHarness(tmp_path / "skep.db") if name == "sqlite" else MemoryHarness()

    return given


@pytest.mark.parametrize(("name", "seed"), [*CASES, *MORE])
async def test_a_swarm_that_lost_records_ends_as_it_would_have(
    name: str, seed: int, open_harness: Callable[[str], Harness]
) -> None:
    """Whatever was lost, each known task ends the same, and no kept answer is paid again."""
    random, clock, harness = Random(seed), ManualClock(), open_harness(name)
    store = await harness.open(clock=clock, chance=SeededChance(seed))
    specs = plan(random)
    await submit(store, "s", *specs, budget=Budget(requests=999))
    world = World(store, clock, random)
    await world.some_work(random.randint(0, 6))
    await world.capture(random.choice([CaptureKind.CHECKPOINT, CaptureKind.SNAPSHOT]))
    await world.some_work(random.randint(0, 3))
    if (await store.registry.swarm(S)).status in ENDED:
        return await harness.dispose()
    await destroy(world)

    result = await Recovery(store=store, clock=clock).recover(S)

    check(await store.dump())
    await world.drain()
    check(await store.dump())
    wanted, gone = await untroubled(specs), {note.task for note in result.lost}
    ends = await world.ends()
    assert set(wanted) - set(ends) <= gone
    assert {key: ends[key] for key in ends} == {key: wanted[key] for key in ends}
    assert {call: world.calls[call] for call in world.kept} == world.kept
    return await harness.dispose()
