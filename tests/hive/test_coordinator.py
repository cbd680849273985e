"""The coordinator: duties are done while their process leads, each for itself."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from skep.drivers.memory import MemoryStore
from skep.hive.coordinator import AGAIN_S, ONCE_A_TERM, SwarmCoordinator
from skep.hive.duties import Announcement, HealthWatch, Reconciling, Sweeping
from skep.hive.election import Elector
from skep.hive.fleet import Fleet
from skep.hive.postman import Postman
from skep.records.errors import InvalidInput, StaleTerm
from skep.records.ids import SwarmId, WorkerId
from skep.records.leadership import Mandate
from skep.records.message import Address
from skep.testing.acts import claim_one, submit
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.samples import task

ANN, BOB = WorkerId("ann"), WorkerId("bob")
LEASE_S = 30.0


async def nothing(mandate: Mandate) -> int:
    """Have nothing to do."""
    del mandate
    return 0


@dataclass(kw_only=True)
class Told:
    """A duty that does what the test says, and remembers under which terms."""

    name: str = "told"
    every_s: float = 10.0
    act: Callable[[Mandate], Awaitable[int | str]] = nothing
    terms: list[int] = field(default_factory=list[int])

    async def perform(self, mandate: Mandate) -> int | str:
        """Do it."""
        self.terms.append(mandate.term)
        return await self.act(mandate)


def coordinator(
    store: MemoryStore, clock: ManualClock, *duties: Told, node: WorkerId = ANN
) -> SwarmCoordinator:
    """A coordinator for a node."""
    elector = Elector(store.terms, clock, SeededChance(1), node=node, lease_s=LEASE_S)
    return SwarmCoordinator(elector, store.terms, clock, duties=duties)


async def pass_time(clock: ManualClock, *all_of_them: SwarmCoordinator, seconds: int) -> None:
    """Let so many seconds pass, in each of which everybody ticks."""
    for _ in range(seconds):
        clock.advance(1.0)
        for each in all_of_them:
            await each.elector.tick()
            await each.tick()
            await each.idle()


async def test_only_the_leader_does_its_duties(store: MemoryStore, clock: ManualClock) -> None:
    """Of two processes with the same duty, one does it, every ten seconds."""
    first, second = Told(), Told()
    ann, bob = coordinator(store, clock, first), coordinator(store, clock, second, node=BOB)

    await pass_time(clock, ann, bob, seconds=100)

    assert (ann.is_leader, bob.is_leader) == (True, False)
    assert (len(first.terms), len(second.terms)) == (9, 0)


async def test_the_next_leader_goes_on_where_the_last_one_left(
    store: MemoryStore, clock: ManualClock
) -> None:
    """A duty is due its pause after its last run, whoever did that."""
    first, second = Told(every_s=50.0), Told(every_s=50.0)
    ann, bob = coordinator(store, clock, first), coordinator(store, clock, second, node=BOB)
    await pass_time(clock, ann, bob, seconds=52)
    assert first.terms == [1]
    await ann.elector.resign()

    await pass_time(clock, bob, seconds=45)
    assert second.terms == []
    await pass_time(clock, bob, seconds=10)

    assert second.terms == [2]


async def test_a_duty_that_fails_holds_up_no_other(store: MemoryStore, clock: ManualClock) -> None:
    """It is kept with its reason, and tried again after a short while."""

    async def break_down(mandate: Mandate) -> int:
        raise ValueError(f"no luck in term {mandate.term}")

    bad, good = Told(name="bad", every_s=100.0, act=break_down), Told(name="good")
    ann = coordinator(store, clock, bad, good)

    await pass_time(clock, ann, seconds=65)
    assert [run.is_failure for run in await store.terms.duties()] == [True, False]
    assert (await store.terms.duties())[0].result == "ValueError: no luck in term 1"
    await pass_time(clock, ann, seconds=int(AGAIN_S))

    assert bad.terms == [1, 1]
    assert len(good.terms) >= 6


async def test_a_duty_that_hangs_holds_up_no_other(store: MemoryStore, clock: ManualClock) -> None:
    """It is under way, and is not begun again; the others go on; deposed, it is stopped."""
    stopped = list[str]()

    async def hang(mandate: Mandate) -> int:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(f"in term {mandate.term}")
        return 0

    stuck, good = Told(name="stuck", act=hang), Told(name="good")
    ann = coordinator(store, clock, stuck, good)
    for _ in range(50):
        clock.advance(1.0)
        await ann.elector.tick()
        await ann.tick()
        await asyncio.sleep(0)  # noqa: TID251 - no rest: the duties get their turn
    assert (len(stuck.terms), len(good.terms)) == (1, 4)

    await ann.elector.resign()
    await ann.tick()

    assert stopped == ["in term 1"]


async def test_a_duty_whose_write_is_refused_ends_the_leadership(
    store: MemoryStore, clock: ManualClock
) -> None:
    """The store's word counts more than the own clock, and nothing is kept of the run."""

    async def write(mandate: Mandate) -> int:
        await store.terms.campaign(ANN, lease_s=LEASE_S)  # another life of this node
        return (await store.leases.sweep(mandate=mandate)).total

    ann = coordinator(store, clock, Told(act=write))
    await pass_time(clock, ann, seconds=9)
    assert ann.is_leader

    clock.advance(2.0)
    await ann.tick()
    await ann.idle()

    assert not ann.is_leader
    assert list(await store.terms.duties()) == []


async def test_a_duty_of_each_term_is_done_once_in_it(
    store: MemoryStore, clock: ManualClock
) -> None:
    """Right after the election, and again after the next one."""
    once = Told(every_s=ONCE_A_TERM)
    ann = coordinator(store, clock, once)
    await pass_time(clock, ann, seconds=200)
    assert once.terms == [1]

    await ann.elector.resign()
    await pass_time(clock, ann, seconds=200)

    assert once.terms == [1, 2]


async def test_a_name_stands_for_one_duty(store: MemoryStore, clock: ManualClock) -> None:
    """A second duty of the same name is refused; another one joins a leader at work."""
    ann = coordinator(store, clock, Told())
    await pass_time(clock, ann, seconds=1)
    late = Told(name="late")

    with pytest.raises(InvalidInput):
        ann.register(Told())
    ann.register(late)
    await pass_time(clock, ann, seconds=1)

    assert list(ann.duties) == ["late", "told"]
    assert late.terms == [1]


async def test_the_engine_has_duties_of_its_own(store: MemoryStore, clock: ManualClock) -> None:
    """They sweep and mend under the mandate, and tell how the swarms stand."""
    await submit(store, "s", task("a"), task("b"))
    await claim_one(store)
    await store.forget_queues()
    won = await store.terms.campaign(ANN, lease_s=LEASE_S)
    clock.advance(3600)

    assert await Sweeping(leases=store.leases).perform(won.mandate) == 1
    assert await Reconciling(leases=store.leases).perform(won.mandate) >= 0
    watch = HealthWatch(registry=store.registry, census=store.census)
    assert await watch.perform(won.mandate) == "0 nodes; 1 swarms move, 0 wait for a person"
    await store.terms.resign(won.mandate)
    for duty in (Sweeping(leases=store.leases), Reconciling(leases=store.leases)):
        with pytest.raises(StaleTerm):
            await duty.perform(won.mandate)


async def test_every_live_swarm_is_told_who_leads(
    store: MemoryStore, clock: ManualClock, fleet: Fleet
) -> None:
    """Each inbox gets one message with the node and the term, however often it is sent."""
    await submit(store, "s", task("a"))
    await submit(store, "t", task("a"))
    won = await store.terms.campaign(ANN, lease_s=LEASE_S)

    async with Postman(store.mailbox, clock) as postman:
        messenger = Fleet(replace(fleet.parts, postman=postman)).messenger("", agent=ANN)
        duty = Announcement(messenger=messenger)
        told = [await duty.perform(won.mandate) for _ in range(2)]

    (letter,) = await store.mailbox.read(SwarmId("s"))
    assert told == ["told 2 swarms, 0 took no message"] * 2
    assert (letter.message.type, letter.message.sender) == (
        "leadership_announcement",
        Address(swarm=SwarmId(""), agent=ANN),
    )
    assert letter.message.payload == {"leader": ANN, "term": 1}


async def test_the_context_owns_the_loops(store: MemoryStore, clock: ManualClock) -> None:
    """Inside it the process leads and does its duties; outside of it somebody else may."""
    done = asyncio.Event()

    async def tell(mandate: Mandate) -> str:
        done.set()
        return f"term {mandate.term}"

    async with coordinator(store, clock, Told(every_s=1.0, act=tell)) as ann:
        while not done.is_set():
            clock.advance(0.5)
            await asyncio.sleep(0)  # noqa: TID251 - no rest: the loops get their turn
        assert ann.is_leader

    left = await store.terms.read()
    assert left is not None
    assert left.is_resigned
    assert [run.duty for run in await store.terms.duties()] in ([], ["told"])
