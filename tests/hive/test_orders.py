"""Orders of a handle: carried out once, whatever becomes of their answers."""

from collections.abc import AsyncIterator, Sequence

import pytest
from tests.hive.desk import call
from typing_extensions import override

from skep.drivers.memory import MemoryStore
from skep.drivers.memory.work import MemoryWork
from skep.hive.fleet import Fleet
from skep.hive.handle import SwarmHandle
from skep.records.command import Order
from skep.records.errors import (
    CommandConflict,
    LimitExceeded,
    SkepError,
    StoreUnavailable,
    TaskNotDead,
    TaskNotFound,
)
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.swarm import SwarmStatus
from skep.records.task import TaskStatus
from skep.testing.acts import claim, claim_one, kinds, settle, submit
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.samples import failed, many, task


class Deaf(MemoryWork):
    """A work port that carries orders out and loses the answers to the first few."""

    lost = 0

    @override
    async def steer(self, orders: Sequence[Order]) -> Sequence[SwarmStatus | SkepError]:
        """Carry out, and perhaps say nothing."""
        answers = await super().steer(orders)
        self.lost -= 1
        if self.lost >= 0:
            raise StoreUnavailable
        return answers


class DeafStore(MemoryStore):
    """A memory store whose answers to orders can be lost."""

    def __init__(self, clock: ManualClock, chance: SeededChance) -> None:
        super().__init__(clock, chance)
        self.deaf = Deaf(self._desk)
        self.work = self.deaf


@pytest.fixture
async def store(clock: ManualClock, chance: SeededChance) -> AsyncIterator[DeafStore]:
    """An open store that can be deaf."""
    async with DeafStore(clock, chance) as store:
        yield store


async def dead_swarm(store: DeafStore, fleet: Fleet, name: str = "s") -> SwarmHandle:
    """Make a swarm of two tasks, of which the first failed."""
    await submit(store, name, *many(2))
    await settle(store, failed(), await claim_one(store))
    return fleet.swarm(name)


async def test_a_lost_answer_is_asked_for_again(store: DeafStore, fleet: Fleet) -> None:
    """A retry whose answer was lost once opened one run, and the caller notices nothing."""
    swarm = await dead_swarm(store, fleet)
    store.deaf.lost = 1

    assert await swarm.retry([TaskKey("t0000")]) is SwarmStatus.ACTIVE

    assert (await kinds(store, "s")).count("swarm.reopened") == 1


async def test_a_store_that_stays_silent_is_told_of(store: DeafStore, fleet: Fleet) -> None:
    """After two tries it is an error, and the same command later finds the order carried out."""
    swarm = await dead_swarm(store, fleet)
    store.deaf.lost = 2

    with pytest.raises(StoreUnavailable):
        await swarm.retry([TaskKey("t0000")], command="again")

    assert await swarm.retry([TaskKey("t0000")], command="again") is SwarmStatus.ACTIVE
    assert (await kinds(store, "s")).count("swarm.reopened") == 1


async def test_every_order_takes_a_command(store: DeafStore, fleet: Fleet) -> None:
    """Each way to steer, repeated by its command, is told in the log once."""
    await submit(store, "s", task("a"), sealed=False)
    swarm = fleet.swarm("s")
    for _ in range(2):
        await swarm.pause(command="1")
        await swarm.resume(command="2")
        await swarm.interrupt(command="3")
        await swarm.cap(2, command="4")
        await swarm.seal(command="5")
        await swarm.cancel(command="6")

    assert [kind for kind in await kinds(store, "s") if kind.startswith("swarm.")] == [
        "swarm.submitted",
        "swarm.paused",
        "swarm.resumed",
        "swarm.interrupted",
        "swarm.capped",
        "swarm.sealed",
        "swarm.cancelled",
    ]
    with pytest.raises(CommandConflict):
        await swarm.cancel(command="1")


async def test_calls_without_a_command_are_orders_of_their_own(
    store: DeafStore, fleet: Fleet
) -> None:
    """A second pause after a resume pauses again."""
    swarm = await fleet.submit("Rest", [call("a", "nobody")])

    await swarm.pause()
    await swarm.resume()

    assert await swarm.pause() is SwarmStatus.PAUSED


async def test_a_cap_is_set_from_python(store: DeafStore, fleet: Fleet) -> None:
    """The swarm says its new cap; one out of bounds is refused by name."""
    swarm = await fleet.submit("Cap", [call("a", "nobody")], max_agents=4)

    await swarm.cap(2)

    assert (await swarm.state()).request.max_agents == 2
    with pytest.raises(LimitExceeded, match="SWARM_AGENTS_MAX"):
        await swarm.cap(0)


async def test_dead_letters_are_listed_and_replayed(store: DeafStore, fleet: Fleet) -> None:
    """Letters of several swarms are replayed in one call, each swarm answered by itself."""
    for name in ("s", "t"):
        await submit(store, name, *many(2))
    await settle(store, failed(), *await claim(store))
    letters = await fleet.dead_letters()
    await fleet.swarm("t").replay([TaskKey("t0000")])

    answers = await fleet.replay([letter.ref for letter in letters])

    assert answers[SwarmId("s")] is SwarmStatus.ACTIVE
    assert isinstance(answers[SwarmId("t")], TaskNotDead)
    assert [str(letter.ref) for letter in letters] == ["t/t0001", "t/t0000", "s/t0001", "s/t0000"]
    assert [str(letter.ref) for letter in await fleet.dead_letters()] == ["t/t0001"]
    assert await fleet.dead_letters(swarm="s") == []


async def test_only_the_dead_are_replayed(store: DeafStore, fleet: Fleet) -> None:
    """What did not fail, or is not there, is refused by its name."""
    swarm = await dead_swarm(store, fleet)

    with pytest.raises(TaskNotDead, match="'t0001' is ready"):
        await swarm.replay([TaskKey("t0001")])
    with pytest.raises(TaskNotFound):
        await swarm.replay([TaskKey("ghost")])
    assert [task.status for task in await swarm.tasks()] == [TaskStatus.FAILED, TaskStatus.READY]


async def test_a_repeated_replay_changes_nothing(store: DeafStore, fleet: Fleet) -> None:
    """A replay under a command opens one run of each letter, however often it is sent."""
    await dead_swarm(store, fleet)
    ref = TaskRef(swarm=fleet.swarm("s").id, key=TaskKey("t0000"))

    first = await fleet.replay([ref], command="c")
    second = await fleet.replay([ref, ref], command="c")

    assert first == second == {"s": SwarmStatus.ACTIVE}
    assert (await kinds(store, "s")).count("swarm.reopened") == 1
