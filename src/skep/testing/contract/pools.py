"""Pools: what is held never exceeds what there is, and comes back with its holder's end."""

# ruff: noqa: PLR2004 - expected figures are literal

import asyncio
from dataclasses import replace

from skep.records.errors import (
    CommandConflict,
    Fenced,
    InvalidInput,
    LimitExceeded,
    SkepError,
    SwarmClosed,
    SwarmNotFound,
)
from skep.records.ids import WorkerId
from skep.records.lease import Grant
from skep.records.pool import Allocation, AllocationState, Pool, PoolState, Requisition
from skep.records.sharing_errors import OverCapacity, PoolInUse, PoolNotFound
from skep.records.swarm import SwarmMove
from skep.testing.acts import claim, claim_one, events, settle, steer, submit, succeed
from skep.testing.clock import ManualClock
from skep.testing.contract.patience import PATIENCE_S, prompt, waiting
from skep.testing.harness import InspectableStore
from skep.testing.samples import failed, many, requisition, retried, task

CPU = Pool(name="cpu", capacity=100)
ALONE = Pool(name="alone", capacity=100, is_shared=False)
LEASE_S = 5.0


async def declare(store: InspectableStore, *pools: Pool) -> None:
    """Declare pools that must be accepted."""
    answers = await store.pools.declare(pools)
    assert [type(answer) for answer in answers] == [PoolState] * len(pools), answers


async def ask(store: InspectableStore, *asked: Requisition) -> list[Allocation | SkepError]:
    """Ask for parts."""
    return list(await store.pools.allocate(asked))


async def asked_of(store: InspectableStore, *asked: Requisition) -> list[str]:
    """Ask for parts that must be accepted, and say where each stands."""
    answers = await ask(store, *asked)
    return [str(each.state) if isinstance(each, Allocation) else repr(each) for each in answers]


async def refused(store: InspectableStore, asked: Requisition) -> SkepError:
    """Ask for what must be refused, and see that nothing of it was stored."""
    before = await store.dump()

    [answer] = await store.pools.allocate([asked])

    assert isinstance(answer, SkepError), answer
    assert await store.dump() == before
    return answer


async def held(store: InspectableStore, name: str = "cpu") -> list[str]:
    """Name the allocations that are held, in the order in which they were asked for."""
    return [each.id for each in (await pool_of(store, name)).held]


async def pool_of(store: InspectableStore, name: str = "cpu") -> PoolState:
    """Read one pool."""
    return {each.pool.name: each for each in await store.pools.read()}[name]


async def working(store: InspectableStore, number: int = 1) -> list[Grant]:
    """Submit swarm s with this many tasks more than are needed, and let them run."""
    await declare(store, CPU)
    await submit(store, "s", *many(number), task("last"))
    return list(await claim(store, number, lease_s=LEASE_S))


class PoolsContract:
    """Invariant 51: declared capacities, and who holds how much of them."""

    async def test_what_fits_is_held_and_the_rest_queues(self, store: InspectableStore) -> None:
        """A part is held while the sum fits the capacity; what does not fit waits."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))

        asked = [requisition(name, 40) for name in "abc"]

        assert await asked_of(store, *asked) == ["held", "held", "queued"]
        state = await pool_of(store)
        assert (state.allocated, state.free) == (80, 20)
        assert [each.id for each in state.queued] == ["c"]

    async def test_priority_then_age_is_the_order(self, store: InspectableStore) -> None:
        """What comes back goes to the highest priority, among equals to who asked first."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        await asked_of(store, requisition("all", 100))
        waiting = [
            requisition("old", 60, priority=5),
            requisition("young", 60, priority=5),
            requisition("urgent", 60, priority=9),
        ]
        assert await asked_of(store, *waiting) == ["queued"] * 3

        order: list[str] = []
        for name in ("all", "urgent", "old"):
            await store.pools.release([name])
            order += await held(store)

        assert order == ["urgent", "old", "young"]

    async def test_nobody_overtakes_who_does_not_fit(self, store: InspectableStore) -> None:
        """A large part at the head of the queue is not starved by small ones behind it."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        await asked_of(store, requisition("first", 60))

        assert await asked_of(store, requisition("large", 80), requisition("small", 10)) == [
            "queued",
            "queued",
        ]
        await store.pools.release(["first"])

        assert await held(store) == ["large", "small"]

    async def test_who_is_urgent_need_not_wait_behind(self, store: InspectableStore) -> None:
        """A part of higher priority that fits is held although others wait."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        await asked_of(store, requisition("first", 60), requisition("large", 80))

        assert await asked_of(store, requisition("urgent", 40, priority=9)) == ["held"]

    async def test_leaving_the_queue_lets_others_pass(self, store: InspectableStore) -> None:
        """Who releases what it waits for holds up nobody any more."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        await asked_of(store, requisition("a", 60), requisition("b", 80), requisition("c", 40))

        assert list(await store.pools.release(["b", "ghost", "b"])) == [True, False, False]
        assert await held(store) == ["a", "c"]

    async def test_an_end_of_any_kind_gives_back(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Whether an attempt succeeds, fails or is to be tried again, its parts are free."""
        good, bad, again = await working(store, 3)
        parts = [
            requisition(str(n), 30, token=grant.token) for n, grant in enumerate((good, bad, again))
        ]
        assert await asked_of(store, *parts, requisition("swarm", 10)) == ["held"] * 4

        await succeed(store, good)
        await settle(store, failed(), bad)
        await settle(store, retried(clock.now() + 1), again)

        assert await held(store) == ["swarm"]

    async def test_a_lost_lease_gives_back(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Who died holds nothing: the sweep that takes the task back frees its parts."""
        [grant] = await working(store)
        await asked_of(store, requisition("a", 100, token=grant.token), requisition("b", 100))

        clock.advance(LEASE_S + 1)
        assert await held(store) == ["a"]
        await store.leases.sweep()

        assert await held(store) == ["b"]

    async def test_a_worker_that_starts_again_holds_nothing(self, store: InspectableStore) -> None:
        """What the earlier life of a worker held comes back with its tasks."""
        [grant] = await working(store)
        await asked_of(store, requisition("a", 100, token=grant.token))

        await store.leases.reclaim(WorkerId("w1"))

        assert (await pool_of(store)).free == 100

    async def test_the_end_of_a_swarm_gives_all_back(self, store: InspectableStore) -> None:
        """A swarm that is cancelled or completes holds nothing, nor does it wait."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        await submit(store, "t", task("a"))
        await asked_of(store, requisition("a", 100), requisition("b", 50))
        await asked_of(store, requisition("c", 70, swarm="t"))

        await steer(store, "s", SwarmMove.CANCEL)
        assert await held(store) == ["c"]
        await succeed(store, await claim_one(store))

        state = await pool_of(store)
        assert (state.held, state.queued) == ((), ())

    async def test_a_cancel_gives_back_before_anything_else(self, store: InspectableStore) -> None:
        """What a swarm and its tasks hold is free when the first of them is cancelled."""
        first, second = await working(store, 2)
        await asked_of(
            store,
            requisition("a", 40, token=first.token),
            requisition("b", 40, token=second.token),
            requisition("c", 40, token=second.token),
            requisition("d", 20),
        )
        before = len(await events(store, "s"))

        await steer(store, "s", SwarmMove.CANCEL)

        told = [event.kind for event in (await events(store, "s"))[before:]]
        cancelled = ["task.cancelled"] * 3 + ["swarm.cancelled"]
        assert told == ["resource.released"] * 2 + cancelled

    async def test_who_waits_is_served_by_another_swarms_end(self, store: InspectableStore) -> None:
        """The transaction that ends one swarm gives its parts to another one's task."""
        [grant] = await working(store)
        await submit(store, "t", task("x"))
        await asked_of(store, requisition("a", 100, swarm="t"))
        assert await asked_of(store, requisition("b", 60, token=grant.token)) == ["queued"]

        await steer(store, "t", SwarmMove.CANCEL)

        told = [event for event in await events(store, "s") if event.kind == "resource.allocated"]
        assert [(event.task, event.data["id"]) for event in told] == [(grant.token.task, "b")]

    async def test_the_log_tells_who_held_what(self, store: InspectableStore) -> None:
        """What is held and given back stands in the swarm's log, with the reason."""
        [grant] = await working(store)
        await asked_of(store, requisition("a", 30, token=grant.token), requisition("b", 20))
        await store.pools.release(["b"])
        await succeed(store, grant)

        told = [event for event in await events(store, "s") if event.kind.startswith("resource")]

        assert [(event.kind, event.data["id"]) for event in told] == [
            ("resource.allocated", "a"),
            ("resource.allocated", "b"),
            ("resource.released", "b"),
            ("resource.released", "a"),
        ]
        assert told[2].data == {
            "id": "b",
            "pool": "cpu",
            "amount": 20,
            "reason": "it was released",
        }

    async def test_asking_again_tells_how_it_stands(self, store: InspectableStore) -> None:
        """The same requisition again takes nothing more; another under its id is refused."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        first = await ask(store, requisition("a", 60), requisition("b", 60))

        assert await ask(store, requisition("a", 60), requisition("b", 60)) == first
        assert isinstance(await refused(store, requisition("a", 61)), CommandConflict)

    async def test_what_cannot_be_given_is_refused(self, store: InspectableStore) -> None:
        """Each refusal says why, and leaves nothing in the queue."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        await submit(store, "t", task("a"))
        await steer(store, "t", SwarmMove.CANCEL)

        assert isinstance(await refused(store, requisition("a", 101)), OverCapacity)
        assert isinstance(await refused(store, requisition("a", 0)), InvalidInput)
        assert isinstance(await refused(store, requisition("", 1)), InvalidInput)
        assert isinstance(await refused(store, requisition("a", 1, pool="gpu")), PoolNotFound)
        assert isinstance(await refused(store, requisition("a", 1, swarm="x")), SwarmNotFound)
        assert isinstance(await refused(store, requisition("a", 1, swarm="t")), SwarmClosed)
        assert isinstance(await refused(store, requisition("a", 1, priority=10)), LimitExceeded)

    async def test_only_who_has_the_task_may_ask_for_it(self, store: InspectableStore) -> None:
        """A token that is not current is fenced."""
        [grant] = await working(store)
        await succeed(store, grant)
        forged = replace(grant.token, nonce="f" * 32)

        for token in (grant.token, forged):
            assert isinstance(await refused(store, requisition("a", 1, token=token)), Fenced)

    async def test_capacity_may_grow(self, store: InspectableStore) -> None:
        """What is declared larger serves those who wait at once."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        await asked_of(store, requisition("a", 60), requisition("b", 60))

        await declare(store, replace(CPU, capacity=120, unit="percent"))

        state = await pool_of(store)
        assert [each.id for each in state.held] == ["a", "b"]
        assert state.pool.unit == "percent"

    async def test_capacity_may_not_shrink_below_what_is_used(
        self, store: InspectableStore
    ) -> None:
        """Neither what is held nor what somebody waits for may become impossible."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        await asked_of(store, requisition("a", 60), requisition("b", 70))

        answers = await store.pools.declare([replace(CPU, capacity=69), replace(CPU, capacity=70)])

        assert [type(answer) for answer in answers] == [PoolInUse, PoolState]

    async def test_a_pool_is_declared_soundly(self, store: InspectableStore) -> None:
        """A pool has a name and a capacity from nothing on."""
        answers = await store.pools.declare(
            [Pool(name="a b", capacity=1), Pool(name="a", capacity=-1), Pool(name="b", capacity=0)]
        )

        assert [type(answer) for answer in answers] == [InvalidInput, InvalidInput, PoolState]
        assert [each.pool.name for each in await store.pools.read()] == ["b"]

    async def test_one_swarm_has_a_pool_to_itself(self, store: InspectableStore) -> None:
        """Of a pool that is not shared only the swarm that holds it gets more."""
        await declare(store, ALONE)
        await submit(store, "s", task("a"))
        await submit(store, "t", task("a"))

        mine = await asked_of(store, requisition("a", 30, pool="alone"))
        other = await asked_of(store, requisition("b", 30, pool="alone", swarm="t"))
        more = await asked_of(store, requisition("c", 30, pool="alone"))
        assert [mine, other, more] == [["held"], ["queued"], ["held"]]

        await store.pools.release(["a"])
        assert await held(store, "alone") == ["c"]
        await store.pools.release(["c"])
        assert await held(store, "alone") == ["b"]

    async def test_a_pool_for_one_goes_to_one(self, store: InspectableStore) -> None:
        """When it is free for all who wait, only the first one's swarm gets it."""
        await declare(store, ALONE)
        for swarm in "stu":
            await submit(store, swarm, task("a"))
        await asked_of(store, requisition("all", 100, pool="alone"))
        waiting = [
            requisition(swarm + part, 30, pool="alone", swarm=swarm)
            for swarm, part in ("t1", "u1", "t2")
        ]
        assert await asked_of(store, *waiting) == ["queued"] * 3

        await store.pools.release(["all"])

        assert await held(store, "alone") == ["t1", "t2"]

    async def test_a_shared_pool_stays_so_while_shared(self, store: InspectableStore) -> None:
        """A pool that two swarms hold cannot be declared to be for one."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        await submit(store, "t", task("a"))
        await asked_of(store, requisition("a", 30), requisition("b", 30, swarm="t"))

        [answer] = await store.pools.declare([replace(CPU, is_shared=False)])

        assert isinstance(answer, PoolInUse)

    async def test_many_who_ask_at_once_never_get_too_much(self, store: InspectableStore) -> None:
        """However many ask together, the sum of what is held is within the capacity."""
        grants = await working(store, 50)
        asked = [requisition(grant.token.task, 7, token=grant.token) for grant in grants]

        answers = await asyncio.gather(*(ask(store, each) for each in asked))

        states = [each.state for [each] in answers if isinstance(each, Allocation)]
        assert states.count(AllocationState.HELD) == 14
        assert (await pool_of(store)).allocated == 98

    async def test_everybody_has_their_turn(self, store: InspectableStore) -> None:
        """As each ends, the next ones are served, until nobody waits."""
        grants = await working(store, 20)
        await asked_of(store, *(requisition(g.token.task, 30, token=g.token) for g in grants))
        served: list[str] = []

        while (state := await pool_of(store)).held:
            assert state.allocated <= 100
            served += [each.id for each in state.held]
            ended = {each.task for each in state.held}
            await succeed(store, *(g for g in grants if g.token.task in ended))

        assert served == [grant.token.task for grant in grants]

    async def test_a_swarm_holds_so_many_parts(self, store: InspectableStore) -> None:
        """The number of parts that one swarm holds and waits for is bounded."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        for n in range(16):
            await ask(store, *(requisition(f"{n}/{i}", 1) for i in range(256)))

        assert isinstance(await refused(store, requisition("more", 1)), LimitExceeded)

    async def test_a_sweep_finds_nothing(self, store: InspectableStore) -> None:
        """What belongs to somebody is left alone."""
        [grant] = await working(store)
        await asked_of(store, requisition("a", 30, token=grant.token), requisition("b", 90))

        assert await store.pools.sweep() == 0
        assert await held(store) == ["a"]

    async def test_pools_of_tasks_that_ran_before(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A next attempt holds nothing of the one before, and may ask for the same again."""
        [grant] = await working(store)
        await asked_of(store, requisition("a", 30, token=grant.token))
        clock.advance(LEASE_S + 1)
        await store.leases.sweep()

        again = await claim_one(store)

        assert again.token.task == grant.token.task
        assert await asked_of(store, requisition("a", 30, token=again.token)) == ["held"]


class PoolPatienceContract:
    """Invariant 51: who waits hears when it is its turn."""

    async def test_who_waits_is_woken(self, store: InspectableStore) -> None:
        """A call that waits answers when what it asked for comes back."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        await asked_of(store, requisition("a", 80))
        waiter = await waiting(patient(store, requisition("b", 80)))

        await store.pools.release(["a"])

        assert (await prompt(waiter)).state is AllocationState.HELD

    async def test_the_end_of_a_task_wakes_who_waits(self, store: InspectableStore) -> None:
        """What a settlement gives back is heard of like any release."""
        [grant] = await working(store)
        await asked_of(store, requisition("a", 80, token=grant.token))
        waiter = await waiting(patient(store, requisition("b", 80)))

        await succeed(store, grant)

        assert (await prompt(waiter)).state is AllocationState.HELD

    async def test_patience_ends(self, store: InspectableStore, clock: ManualClock) -> None:
        """Who waited in vain is told so, and waits in the queue still."""
        await declare(store, CPU)
        await submit(store, "s", task("a"))
        await asked_of(store, requisition("a", 80))
        waiter = await waiting(patient(store, requisition("b", 80)))

        clock.advance(PATIENCE_S + 1)
        await declare(store, Pool(name="other", capacity=1))
        await submit(store, "t", task("a"))
        await asked_of(store, requisition("c", 1, pool="other", swarm="t"))

        assert (await prompt(waiter)).state is AllocationState.QUEUED
        assert [each.id for each in (await pool_of(store)).queued] == ["b"]


async def patient(store: InspectableStore, asked: Requisition) -> Allocation:
    """Ask for a part, and wait for it."""
    [answer] = await store.pools.allocate([asked], patience_s=PATIENCE_S)
    assert isinstance(answer, Allocation)
    return answer
