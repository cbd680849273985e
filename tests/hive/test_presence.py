"""A process is present for as long as it beats, and the swarms of one that is lost go on."""

from skep.drivers.memory import MemoryStore
from skep.hive.adoption import Adoption
from skep.hive.presence import Presence
from skep.records.ids import SwarmId
from skep.records.node import Node, NodeId
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.testing.acts import kinds, status_of, steer, submit
from skep.testing.clock import ManualClock
from skep.testing.samples import task

BEAT_S = 30.0
ONE, TWO = NodeId("n1"), NodeId("n2")


def presence(
    store: MemoryStore, clock: ManualClock, node: NodeId, *foreground: str, adopts: bool = True
) -> Presence:
    """Make the presence of a node with the duty to bring swarms back."""
    chore = Adoption(store=store, node=node, every_s=0.0, adopts=adopts)
    return Presence(
        store.census,
        clock,
        node=Node(id=node, heartbeat_s=BEAT_S),
        chores=[chore],
        foreground=[SwarmId(swarm) for swarm in foreground],
    )


async def turns(clock: ManualClock) -> None:
    """Let whatever can go on do so."""
    for _ in range(20):
        await clock.sleep(0)


async def test_a_process_is_present_while_its_context_lasts(
    store: MemoryStore, clock: ManualClock
) -> None:
    """It beats every thirty seconds, and the roll does not find it missing; then it leaves."""
    async with presence(store, clock, ONE):
        for _ in range(10):
            await turns(clock)
            clock.advance(BEAT_S)
        await turns(clock)
        (node,) = await store.census.nodes()
        assert node.beat_at == clock.now()

    assert (await store.census.sweep()).nodes == (ONE,)


async def test_swarms_of_a_lost_host_go_on_without_anyone_asking(
    store: MemoryStore, clock: ManualClock
) -> None:
    """Every one of them, more than one call adopts, and each tells of how it came to be."""
    names = [f"s{number:03}" for number in range(150)]
    for name in names:
        await submit(store, name, task("a"))
    await store.census.enrol(Node(id=ONE, heartbeat_s=BEAT_S))
    await store.census.host([SwarmId(name) for name in names], ONE)
    clock.advance(3 * BEAT_S + 1)

    await presence(store, clock, TWO).tick()

    hosts = {(hosting.node, hosting.state) for hosting in await store.census.hosted()}
    assert {await status_of(store, name) for name in names} == {SwarmStatus.ACTIVE}
    assert {node for node, _ in hosts} == {TWO}
    told = [SwarmMove.INTERRUPT, SwarmMove.RECOVER, SwarmMove.RESUME]
    assert (await kinds(store, "s149"))[-3:] == told


async def test_a_foreground_process_interrupts_and_does_not_adopt(
    store: MemoryStore, clock: ManualClock
) -> None:
    """It will be gone soon itself: what it finds is seen by all, and left to those who stay."""
    await submit(store, "s", task("a"))
    await store.census.enrol(Node(id=ONE, heartbeat_s=BEAT_S))
    await store.census.host([SwarmId("s")], ONE)
    clock.advance(3 * BEAT_S + 1)

    await presence(store, clock, TWO, adopts=False).tick()

    assert await status_of(store, "s") is SwarmStatus.INTERRUPTED


async def test_a_process_that_was_taken_for_lost_is_enrolled_again(
    store: MemoryStore, clock: ManualClock
) -> None:
    """It was stopped for too long: its swarm is its own again, and waits for a person."""
    await submit(store, "s", task("a"))
    stopped = presence(store, clock, ONE, "s")
    await stopped.tick()
    clock.advance(4 * BEAT_S)
    await presence(store, clock, TWO).tick()
    assert await status_of(store, "s") is SwarmStatus.INTERRUPTED

    assert await stopped.tick() is False

    (hosting,) = await store.census.hosted()
    assert (hosting.node, hosting.is_adoptable) == (ONE, False)
    assert await status_of(store, "s") is SwarmStatus.INTERRUPTED


async def test_what_an_adopter_left_half_done_it_finishes(
    store: MemoryStore, clock: ManualClock
) -> None:
    """Its call was carried out and the answer lost: the next round resumes the swarm."""
    await submit(store, "s", task("a"))
    await store.census.enrol(Node(id=ONE, heartbeat_s=BEAT_S))
    await store.census.host([SwarmId("s")], ONE)
    await store.census.leave(ONE)
    await store.census.enrol(Node(id=TWO, heartbeat_s=BEAT_S))
    await store.census.sweep()
    await store.census.adopt(TWO)

    await presence(store, clock, TWO).tick()

    assert await status_of(store, "s") is SwarmStatus.ACTIVE


async def test_an_orphan_that_was_cancelled_meanwhile_stays_so(
    store: MemoryStore, clock: ManualClock
) -> None:
    """Nothing that has ended is set going."""
    await submit(store, "s", task("a"))
    await store.census.enrol(Node(id=ONE, heartbeat_s=BEAT_S))
    await store.census.host([SwarmId("s")], ONE)
    await store.census.leave(ONE)
    await store.census.sweep()
    await steer(store, "s", SwarmMove.CANCEL)

    await presence(store, clock, TWO).tick()

    assert await status_of(store, "s") is SwarmStatus.CANCELLED
    assert await store.census.hosted() == []
