"""A swarm that lost its host and its records goes on all the same, without anyone asking."""

from skep.drivers.memory import MemoryStore
from skep.hive.adoption import Adoption
from skep.hive.recovery import Recovery
from skep.hive.state import SwarmState
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.node import Node, NodeId
from skep.records.swarm import SwarmStatus
from skep.testing.acts import claim_one, kinds, status_of, submit, succeed
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.invariants import check
from skep.testing.samples import chain

BEAT_S = 30.0
ONE, TWO = NodeId("n1"), NodeId("n2")
S = SwarmId("s")


async def lost(store: MemoryStore, clock: ManualClock, *, has_capture: bool) -> Adoption:
    """Have a swarm lose its host and all its records; gives the chore of another node."""
    await submit(store, "s", *chain(2))
    await store.census.enrol(Node(id=ONE, heartbeat_s=BEAT_S))
    await store.census.host([S], ONE)
    await succeed(store, await claim_one(store), value="kept")
    if has_capture:
        state = SwarmState(store=store, clock=clock, chance=SeededChance(1))
        await state.create_checkpoint("s")
    await store.forget_tasks([TaskRef(swarm=S, key=TaskKey(key)) for key in ("t0", "t1")])
    clock.advance(4 * BEAT_S)
    await store.census.enrol(Node(id=TWO, heartbeat_s=BEAT_S))
    recovery = Recovery(store=store, clock=clock)
    return Adoption(store=store, node=TWO, every_s=0.0, recovery=recovery)


async def test_an_adopted_swarm_is_rebuilt_from_its_checkpoint(
    store: MemoryStore, clock: ManualClock
) -> None:
    """What was done at the checkpoint stays done, and the rest goes on."""
    chore = await lost(store, clock, has_capture=True)

    assert await chore.perform() == 1

    check(await store.dump())
    again = await claim_one(store)
    assert again.token.task == "t1"
    assert (await kinds(store, "s")).count("swarm.reinstated") == 1


async def test_an_adopted_swarm_that_nobody_can_rebuild_is_left_interrupted(
    store: MemoryStore, clock: ManualClock
) -> None:
    """Without a capture it stands still with the reason, and is not tried over and over."""
    chore = await lost(store, clock, has_capture=False)

    await chore.perform()

    assert await status_of(store, "s") is SwarmStatus.INTERRUPTED
    assert await chore.perform() == 0
