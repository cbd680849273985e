"""Finding swarms, having done with them, the room there is, and what an archive keeps."""

import asyncio
from dataclasses import replace

import pytest

from skep.drivers.memory import MemoryStore
from skep.hive.archivist import KEEP_S, LIVE_S, Archivist
from skep.hive.capacity import Capacity, Room
from skep.hive.fleet import Fleet
from skep.hive.registry import SwarmRegistry
from skep.records.directory import Statistics
from skep.records.errors import SwarmNotFound
from skep.records.fleet_errors import FleetFull
from skep.records.swarm import Mode, Plan, Strategy, SwarmRequest, SwarmStatus
from skep.testing.acts import claim, status_of, submit, succeed
from skep.testing.clock import ManualClock
from skep.testing.samples import task

OPEN = Plan(tasks=(), sealed=False)


async def registered(registry: SwarmRegistry, *swarms: str, phase: str = "") -> None:
    """Register standing teams."""
    metadata = {"phase": phase} if phase else {}
    for swarm in swarms:
        request = SwarmRequest(objective="Stand by", metadata=metadata, mode=Mode.MESH)
        await registry.register(request, OPEN, swarm=swarm)


async def test_pages_lead_through_all_that_is_meant(fleet: Fleet) -> None:
    """The cursor of one page is where the next begins, and the last one has none."""
    registry = fleet.registry
    await registered(registry, *(f"s{number}" for number in range(5)), phase="design")
    await registered(registry, "other")
    seen, cursor = list[str](), None

    for _ in range(3):
        page = await registry.get_swarms(phase="design", mode=Mode.MESH, limit=2, cursor=cursor)
        seen, cursor = [*seen, *(swarm.id for swarm in page.swarms)], page.cursor

    assert (seen, cursor) == (["s4", "s3", "s2", "s1", "s0"], None)
    none = await registry.get_swarms(strategy=Strategy.DEVOPS, status=SwarmStatus.ACTIVE)
    assert none.swarms == []


async def test_a_team_that_is_done_completes_and_is_archived(
    fleet: Fleet, store: MemoryStore, clock: ManualClock
) -> None:
    """Kept as it is for a day, in short for a week, and then forgotten."""
    await registered(fleet.registry, "s")
    archivist = Archivist(directory=store.directory, clock=clock)

    assert await fleet.registry.deregister("s") is SwarmStatus.COMPLETED
    assert await fleet.registry.deregister("s", "failed") is SwarmStatus.COMPLETED

    clock.advance(LIVE_S)
    assert await round_of(archivist, clock) == 0
    clock.advance(1)
    assert await round_of(archivist, clock) == 1
    [record] = await store.directory.archived()
    assert (record.id, record.outcome, record.objective) == ("s", "completed", "Stand by")
    with pytest.raises(SwarmNotFound):
        await store.registry.swarm(record.id)
    clock.advance(KEEP_S + 1)
    await round_of(archivist, clock)
    assert await store.directory.archived() == []


async def round_of(archivist: Archivist, clock: ManualClock) -> int:
    """Let an archivist do its round, whose rests take no time of the test's."""
    doing = asyncio.create_task(archivist.perform())
    while not doing.done():
        await asyncio.wait({doing}, timeout=0)
        clock.advance(0.001)
    return await doing


async def test_an_archivist_does_more_than_one_call_takes(
    fleet: Fleet, store: MemoryStore, clock: ManualClock
) -> None:
    """Whatever is due goes in one round; what nobody deregistered stays for ever."""
    names = [f"s{number:02}" for number in range(40)]
    await registered(fleet.registry, *names)
    for name in names:
        await fleet.registry.deregister(name, "failed")
    await submit(store, "stays", task("a"))
    await succeed(store, *await claim(store))
    clock.advance(LIVE_S + 1)

    assert await round_of(Archivist(directory=store.directory, clock=clock), clock) == 40

    assert [swarm.id for swarm in await store.registry.swarms()] == ["stays"]
    figures = await fleet.registry.statistics()
    assert (figures.registered, figures.archived) == (41, 40)


async def test_a_team_at_work_comes_to_its_end_first(fleet: Fleet, store: MemoryStore) -> None:
    """Done with it takes no more tasks, and what is under way is not cut off."""
    plan = replace(OPEN, tasks=(task("a"),))
    await fleet.registry.register(SwarmRequest(objective="Work"), plan, swarm="s")

    assert await fleet.registry.deregister("s") is SwarmStatus.ACTIVE

    await succeed(store, *await claim(store))
    assert await status_of(store, "s") is SwarmStatus.COMPLETED


async def test_any_other_outcome_cancels_with_its_reason(fleet: Fleet, store: MemoryStore) -> None:
    """What was given up is not worked on any more."""
    await submit(store, "s", task("a"))

    assert await fleet.registry.deregister("s", "superseded") is SwarmStatus.CANCELLED

    assert (await fleet.swarm("s").state()).reason == "superseded"
    with pytest.raises(SwarmNotFound):
        await fleet.registry.deregister("ghost")


async def test_a_full_fleet_refuses_and_warns_before(fleet: Fleet, store: MemoryStore) -> None:
    """Nine of ten is time to warn; ten is the end, until one of them has ended."""
    warned = list[Room]()
    capacity = Capacity(store.directory, swarms_max=10, warn=warned.append)
    registry = replace(fleet.registry, capacity=capacity)
    await registered(registry, *(f"s{number}" for number in range(9)))
    assert warned == []

    await registered(registry, "s9")

    assert warned == [Room(live=9, allowed=10)]
    with pytest.raises(FleetFull):
        await registered(registry, "one-too-many")
    assert len(await store.registry.swarms()) == 10
    await registry.deregister("s3", "failed")
    await registered(registry, "in-its-place")


async def test_the_room_is_not_counted_for_each_swarm(fleet: Fleet, store: MemoryStore) -> None:
    """A fleet that is far from full is asked how many it has once in a hundred registrations."""

    class Counting:
        """A directory that counts how often it was asked."""

        asked = 0

        async def statistics(self) -> Statistics:
            """Count, and ask."""
            self.asked += 1
            return await store.directory.statistics()

    counting = Counting()
    capacity = Capacity(counting, swarms_max=1_000)
    registry = replace(fleet.registry, capacity=capacity)

    await registered(registry, *(f"s{number:03}" for number in range(200)))

    assert counting.asked == 3
