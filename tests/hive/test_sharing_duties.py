"""What swarms share: duties of the leader, disputes that are told, tasks that really run."""

import pytest
from tests.hive.desk import bench, call, worker

from skep.agent.function import Roster, TaskContext
from skep.drivers.memory import MemoryStore
from skep.hive.conflicts import announce
from skep.hive.fleet import Fleet
from skep.hive.messenger import SwarmMessenger
from skep.hive.placing import distribute
from skep.hive.postman import Postman
from skep.hive.sharing_duties import ConflictSettling, Rebalancing, ResourceOptimising
from skep.records.dispute import ConflictRule
from skep.records.errors import StaleTerm
from skep.records.ids import SwarmId, WorkerId
from skep.records.leadership import Mandate
from skep.records.message import Address, MessageType
from skep.records.placement import Distribution, Placement, Shift
from skep.records.pool import Pool
from skep.records.sharing_errors import NoSwarmFits, PoolBusy
from skep.records.swarm import SwarmMove
from skep.testing.acts import status_of, statuses, steer, submit
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.samples import dispute, distribution, requisition, task


@pytest.fixture
async def mandate(store: MemoryStore) -> Mandate:
    """The mandate of who leads."""
    return (await store.terms.campaign(WorkerId("ann"), lease_s=60.0)).mandate


async def teams(store: MemoryStore, *names: str) -> None:
    """Open teams of two slots."""
    for name in names:
        await submit(store, name, sealed=False, max_agents=2)


async def test_the_leader_evens_out_what_queues(store: MemoryStore, mandate: Mandate) -> None:
    """Tasks go to free slots once; the next look finds nothing to do."""
    await teams(store, "a")
    await store.placing.distribute([distribution(key=f"d{n}") for n in range(5)])
    await teams(store, "b")
    duty = Rebalancing(placing=store.placing)

    assert [await duty.perform(mandate), await duty.perform(mandate)] == [2, 0]
    assert set((await statuses(store, "b")).values()) == {"ready"}


async def test_a_deposed_leader_moves_nothing(store: MemoryStore, mandate: Mandate) -> None:
    """The mandate is checked in the operation that moves."""
    await teams(store, "a")
    await store.placing.distribute([distribution(key=f"d{n}") for n in range(5)])
    await teams(store, "b")
    await store.terms.resign(mandate)

    with pytest.raises(StaleTerm):
        await Rebalancing(placing=store.placing).perform(mandate)


async def test_the_leader_finds_nothing_that_belongs_to_nobody(
    store: MemoryStore, mandate: Mandate
) -> None:
    """What is held belongs to a swarm that lives, so there is nothing to give back."""
    await store.pools.declare([Pool(name="cpu", capacity=1)])
    await submit(store, "s", task("t"))
    await store.pools.allocate([requisition("a", 1)])

    assert await ResourceOptimising(pools=store.pools).perform(mandate) == 0


async def test_the_leader_settles_what_can_be_settled(store: MemoryStore, mandate: Mandate) -> None:
    """A dispute by priority is ruled on, and one that waits for votes waits on."""
    await submit(store, "s", task("t"))
    await submit(store, "t", task("t"), priority=7)
    waits = dispute("v", "s", "t", rule=ConflictRule.VOTING, electorate=("ann",), quorum=1)
    await store.disputes.open([dispute("d", "s", "t"), waits])
    duty = ConflictSettling(disputes=store.disputes)

    assert [await duty.perform(mandate), await duty.perform(mandate)] == [1, 0]
    assert [case.is_open for case in await store.disputes.read(["d", "v"])] == [False, True]


async def test_the_parties_of_a_dispute_are_told(
    store: MemoryStore, clock: ManualClock, chance: SeededChance
) -> None:
    """Each party but the one that opened it finds a message in its inbox."""
    await submit(store, "s", task("t"))
    await submit(store, "t", task("t"))
    address, postman = Address(swarm=SwarmId("s")), Postman(store.mailbox, clock)
    messenger = SwarmMessenger(address, store, chance=chance, postman=postman)

    await announce(store.disputes, dispute("d", "s", "t"), messenger)

    [told] = await store.mailbox.read(SwarmId("t"))
    assert told.message.type == MessageType.CONFLICT_DETECTED
    assert list(await store.mailbox.read(SwarmId("s"))) == []


@pytest.mark.parametrize("placement", list(Placement))
async def test_a_distributed_task_is_worked_on(
    store: MemoryStore, clock: ManualClock, chance: SeededChance, placement: Placement
) -> None:
    """A worker does it in the swarm that was chosen, by whatever placement, holding its part."""
    held: list[int] = []
    roster = Roster()

    @roster.agent("draw")
    async def draw(context: TaskContext) -> str:
        async with context.allocate("pens", 2) as part:
            held.append(part.amount)
        return "drawn"

    await store.pools.declare([Pool(name="pens", capacity=2)])
    await teams(store, "a")
    asked = Distribution(command="c", task=call("d", "draw"), placement=placement)
    placed = await distribute(store, asked)
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)
        await working.idle()

    assert (placed.ref.swarm, held) == ("a", [2])
    assert await statuses(store, "a") == {"d": "succeeded"}
    assert (await store.pools.read())[0].free == 2


async def test_what_nobody_takes_is_raised(store: MemoryStore) -> None:
    """A refusal is an error to who distributes one task."""
    with pytest.raises(NoSwarmFits):
        await distribute(store, distribution())


async def test_a_task_does_not_wait_for_ever_for_its_part(
    store: MemoryStore, clock: ManualClock, chance: SeededChance
) -> None:
    """What is not free in time is an error that is tried again, and leaves the queue."""
    refused: list[str] = []
    roster = Roster()

    @roster.agent("draw")
    async def draw(context: TaskContext) -> None:
        try:
            async with context.allocate("pens", 1, patience_s=0.0):
                raise AssertionError("others hold it")
        except PoolBusy as busy:
            refused.append(busy.code)

    await store.pools.declare([Pool(name="pens", capacity=1)])
    await submit(store, "s", task("t"))
    await store.pools.allocate([requisition("a", 1, pool="pens")])
    await submit(store, "u", call("d", "draw"))
    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)
        await working.idle()

    [state] = await store.pools.read()
    assert await status_of(store, "u") == "completed"
    assert (refused, [each.id for each in state.held], state.queued) == (["pool_busy"], ["a"], ())


async def test_the_result_of_a_swarm_is_of_what_it_kept(
    store: MemoryStore, fleet: Fleet, clock: ManualClock, chance: SeededChance
) -> None:
    """What was moved away is the result of the swarm that it was moved to."""
    roster = Roster()

    @roster.agent("draw")
    async def draw(context: TaskContext) -> str:
        return f"{context.key} is drawn"

    await teams(store, "a")
    asked = [Distribution(command=key, task=call(key, "draw")) for key in ("d0", "d1")]
    await store.placing.distribute(asked)
    await teams(store, "b")
    await store.placing.shift([Shift(source=SwarmId("a"), target=SwarmId("b"), number=1)])
    for name in "ab":
        await steer(store, name, SwarmMove.SEAL)

    async with worker(bench(store, clock, chance, roster=roster), roster) as working:
        await working.tick(patience_s=0)
        await working.idle()

    results = [await fleet.swarm(name).result() for name in "ab"]
    assert results == ["d0 is drawn", "d1 is drawn"]
