"""Large spawns and additions: piece by piece, whole after whatever happens in between."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from tests.hive.desk import bench, call, worker
from typing_extensions import override

from skep.agent.function import Roster, TaskContext
from skep.agent.spawning import add_all
from skep.drivers.memory import MemoryStore
from skep.drivers.memory.work import MemoryWork
from skep.hive.fleet import Fleet
from skep.hive.handle import SwarmHandle
from skep.policy.pieces import split
from skep.records.command import Addition, Receipt
from skep.records.errors import (
    CommandConflict,
    DuplicateTask,
    LimitExceeded,
    SkepError,
    StoreUnavailable,
)
from skep.records.ids import SwarmId, TaskKey
from skep.records.limits import ADDITION_TASKS_MAX, PLAN_TASKS_MAX
from skep.records.swarm import Plan, SwarmMove, SwarmStatus
from skep.records.task import TaskStatus
from skep.testing.acts import claim_one, status_of, statuses, steer, submit, succeed, task_of
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.samples import addition, many, task
from skep.testing.sqlite import SqliteHarness

LARGE = 2_000


class Faltering(MemoryWork):
    """A work port that fails at some additions: before it stored them, or with the answer lost."""

    lost: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    asked = 0

    @override
    async def add(self, additions: Sequence[Addition]) -> Sequence[Receipt | SkepError]:
        """Count, and fail when it is time to."""
        self.asked += 1
        if self.asked in self.refused:
            raise StoreUnavailable
        answers = await super().add(additions)
        if self.asked in self.lost:
            raise StoreUnavailable
        return answers


class FalteringStore(MemoryStore):
    """A memory store whose additions can fail."""

    def __init__(self, clock: ManualClock, chance: SeededChance) -> None:
        super().__init__(clock, chance)
        self.faltering = Faltering(self._desk)
        self.work = self.faltering


@pytest.fixture
async def store(clock: ManualClock, chance: SeededChance) -> AsyncIterator[FalteringStore]:
    """An open store that can falter."""
    async with FalteringStore(clock, chance) as store:
        yield store


async def open_plan(fleet: Fleet) -> SwarmHandle:
    """Submit a plan that takes tasks from outside."""
    return await fleet.submit("Grow", Plan(tasks=(), sealed=False), swarm="s")


async def test_a_spawn_of_two_thousand_is_whole_after_faults_between_its_pieces(
    store: FalteringStore, clock: ManualClock, chance: SeededChance, fleet: Fleet
) -> None:
    """Attempts that die between pieces are taken over, and what follows waits for all of them."""
    roster = Roster()

    @roster.agent("spread")
    async def spread(task: TaskContext) -> str:
        await task.spawn([call(f"part.{n:04}", "nobody") for n in range(LARGE)])
        return "spread"

    store.faltering.refused, store.faltering.lost = frozenset({4}), frozenset({9})
    await fleet.submit("Spread", [call("s", "spread"), call("join", "nobody", "s")], swarm="s")

    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        while (await task_of(store, "s", "s")).status is not TaskStatus.SUCCEEDED:
            await working.tick(patience_s=0)
            await working.idle()
            clock.advance(100)
            await store.leases.sweep()

    assert (await task_of(store, "s", "s")).attempt == 3
    standing = await statuses(store, "s")
    assert len(standing) == LARGE + 2
    assert (await task_of(store, "s", "join")).unmet == LARGE
    assert standing["part.1999"] is TaskStatus.READY


async def test_an_addition_of_any_size_is_safe_to_repeat(
    store: FalteringStore, fleet: Fleet
) -> None:
    """Whether a piece or its answer was lost, the same addition again completes it."""
    swarm = await open_plan(fleet)
    store.faltering.refused, store.faltering.lost = frozenset({2}), frozenset({4})
    tasks = [task("z", "t0000", "t0999"), *many(1_000)]

    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await swarm.add(tasks, command="c")
    await swarm.add(tasks, command="c")
    before = await store.dump()
    await swarm.add(tasks, command="c")

    assert await store.dump() == before
    assert len(before.tasks) == 1_001
    assert (await task_of(store, "s", "z")).unmet == 2


async def test_what_cannot_go_in_whole_leaves_nothing(store: FalteringStore, fleet: Fleet) -> None:
    """A large addition that is refused for what it says stores none of its pieces."""
    swarm = await open_plan(fleet)
    await swarm.add([task("t0290", agent="another")], command="first")
    before = await store.dump()

    with pytest.raises(DuplicateTask):
        await swarm.add(many(300), command="c")
    with pytest.raises(LimitExceeded, match="PLAN_TASKS_MAX"):
        await swarm.add(many(PLAN_TASKS_MAX, "x"), command="c")

    assert await store.dump() == before


async def test_one_name_for_two_large_additions_is_a_conflict(
    store: FalteringStore, fleet: Fleet
) -> None:
    """Another body under the same command is refused at its first piece, though that is alike."""
    swarm = await open_plan(fleet)
    await swarm.add(many(600), command="c")

    with pytest.raises(CommandConflict):
        await swarm.add(many(900), command="c")

    assert (await swarm.state()).tasks_total == 600


async def test_a_plan_can_be_filled_to_its_limit(store: FalteringStore, fleet: Fleet) -> None:
    """An empty open plan takes ten thousand tasks in one addition."""
    swarm = await open_plan(fleet)

    await swarm.add(many(PLAN_TASKS_MAX), command="c")

    assert (await swarm.state()).counts[TaskStatus.READY] == PLAN_TASKS_MAX


async def test_a_process_killed_between_pieces_leaves_what_its_takeover_completes(
    tmp_path: Path,
) -> None:
    """Two pieces of three are in the file when the process dies; the repeat adds the third."""
    clock, harness = ManualClock(), SqliteHarness(tmp_path / "skep.db")
    store = await harness.open(clock=clock, chance=SeededChance(1))
    await submit(store, "s", task("p"), task("join", "p"))
    grant = await claim_one(store)
    asked = addition("s", *many(700), command="spawn", token=grant.token)
    for piece in split(asked)[:2]:
        await store.work.add([piece])

    store = await harness.crash()
    clock.advance(100)
    await store.leases.sweep()
    again = await claim_one(store)
    await add_all(store, addition("s", *many(700), command="spawn", token=again.token))
    await succeed(store, again)

    assert again.token.attempt == 2
    assert (await task_of(store, "s", "join")).unmet == 700
    assert await status_of(store, "s") is SwarmStatus.ACTIVE
    assert len(await store.registry.tasks(SwarmId("s"))) == 702
    await harness.dispose()


async def test_a_swarm_that_is_cancelled_meanwhile_takes_no_more_pieces(
    store: FalteringStore,
) -> None:
    """A spawn whose swarm is cancelled between pieces is refused, and nothing of it runs."""
    await submit(store, "s", task("p"))
    grant = await claim_one(store)
    asked = addition("s", *many(300), command="spawn", token=grant.token)
    await store.work.add([split(asked)[0]])
    await steer(store, "s", SwarmMove.CANCEL)

    with pytest.raises(SkepError, match="lease"):
        await add_all(store, asked)

    standing = await statuses(store, "s")
    assert set(standing.values()) == {TaskStatus.CANCELLED}
    assert len(standing) == ADDITION_TASKS_MAX + 1
    assert TaskKey("t0299") not in standing
