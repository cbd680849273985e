"""Sweeping and reconciling: what is due is done, whoever does it and however often."""

# ruff: noqa: PLR2004 - expected figures are literal

import asyncio
from dataclasses import replace

from skep.records.lease import Swept
from skep.records.outcome import Snoozed
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import RetryPolicy
from skep.testing.acts import (
    claim,
    claim_one,
    events,
    keys,
    kinds,
    settle,
    status_of,
    statuses,
    steer,
    submit,
    succeed,
    swarms,
    task_of,
)
from skep.testing.clock import START_S, ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import many, retried, task


class SweepingContract:
    """Invariants 5, 6, 11 and 12."""

    async def test_nothing_due_is_nothing_done(self, store: InspectableStore) -> None:
        """A sweep of a store where nothing is due changes nothing."""
        await submit(store, "s", task("a"), task("b", "a"))
        await claim_one(store)
        before = await store.dump()

        assert await store.leases.sweep() == Swept()

        assert await store.dump() == before

    async def test_a_lease_that_ran_out_is_granted_again(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A task whose worker vanished comes back with its attempt raised by one."""
        await submit(store, "s", task("a"))
        first = await claim_one(store, lease_s=5.0)
        clock.advance(5.1)

        assert await store.leases.sweep() == Swept(lost=1)
        second = await claim_one(store, worker="w2")

        assert [first.token.attempt, second.token.attempt] == [1, 2]
        assert (second.token.run, second.failures) == (1, 1)

    async def test_a_lease_holds_through_its_deadline(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Only past the deadline is a lease expired."""
        await submit(store, "s", task("a"))
        await claim_one(store, lease_s=5.0)
        clock.advance(5)

        assert (await store.leases.sweep()).total == 0

    async def test_a_crashing_task_is_given_up_at_its_limit(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Crashes count as attempts; at the limit the task has failed and says why."""
        await submit(store, "s", task("a", retry=RetryPolicy(attempts_max=3)), task("b", "a"))
        swept: list[Swept] = []
        for _ in range(3):
            await claim_one(store)
            clock.advance(10)
            swept.append(await store.leases.sweep())

        assert swept == [Swept(lost=1), Swept(lost=1), Swept(given_up=1)]
        assert await statuses(store, "s") == {"a": "failed", "b": "cancelled"}
        assert "lease" in (await task_of(store, "s", "a")).reason
        assert (await kinds(store, "s"))[-3:] == [
            "task.given_up",
            "task.cancelled",
            "swarm.failed",
        ]

    async def test_failures_and_crashes_count_together(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A retried attempt and a lost one make two."""
        await submit(store, "s", task("a", retry=RetryPolicy(attempts_max=2)))
        await settle(store, retried(clock.now()), await claim_one(store))
        await store.leases.sweep()
        await claim_one(store)
        clock.advance(10)

        assert await store.leases.sweep() == Swept(given_up=1)

    async def test_a_sweep_does_up_to_its_limit(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A limited sweep leaves the rest to the next; the longest overdue come first."""
        await submit(store, "s", *many(5))
        for lease_s in (3.0, 1.0, 4.0, 2.0, 5.0):
            await claim_one(store, lease_s=lease_s)
        clock.advance(10)

        assert [(await store.leases.sweep(limit=2)).lost for _ in range(4)] == [2, 2, 1, 0]

        lost = [event.task for event in await events(store, "s") if event.kind == "task.lost"]
        assert lost == ["t0001", "t0003", "t0000", "t0002", "t0004"]

    async def test_sweeps_made_at_once_do_each_thing_once(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Any number of sweepers together take each task back one time."""
        await submit(store, "s", *many(20))
        await claim(store)
        clock.advance(10)

        swept = await asyncio.gather(*(store.leases.sweep() for _ in range(5)))

        assert sum(each.lost for each in swept) == 20

    async def test_a_sleeping_task_wakes_when_it_is_due(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A timer goes off at its time and not before, and the log says so."""
        await submit(store, "s", task("a", delay_s=5.0))
        clock.advance(4.9)
        assert (await store.leases.sweep()).woken == 0

        clock.advance(0.1)
        assert (await store.leases.sweep()).woken == 1

        assert (await kinds(store, "s"))[-1] == "task.woken"
        assert keys(await claim(store)) == ["a"]

    async def test_timers_are_woken_in_order_and_within_the_limit(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The earliest timers go first when there are more than one sweep does."""
        await submit(store, "s", *(task(f"t{i}", delay_s=9.0 - i) for i in range(4)))
        clock.advance(10)

        assert [(await store.leases.sweep(limit=3)).woken for _ in range(2)] == [3, 1]

        woken = [event.task for event in await events(store, "s") if event.kind == "task.woken"]
        assert woken == ["t3", "t2", "t1", "t0"]

    async def test_a_snoozed_task_sleeps_until_its_time(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A quota's reset time is kept as it was told."""
        await submit(store, "s", task("a"))
        until = clock.now() + 100
        await settle(store, Snoozed(reason="quota", wake_at=until), await claim_one(store))

        found = await task_of(store, "s", "a")

        assert (found.status, found.wake_at, found.reason) == ("sleeping", until, "quota")

    async def test_a_clock_set_back_frees_the_leases(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A deadline further off than any lease may be counts as expired."""
        await submit(store, "s", task("a"))
        await claim_one(store)
        clock.turn(-3_600)

        assert (await store.leases.sweep()).lost == 1

    async def test_a_swarm_past_its_time_is_cancelled(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """When the time of a swarm is over it and all its live tasks are cancelled."""
        await submit(store, "s", task("a"), task("b", "a"), timeout_s=4.0)
        grant = await claim_one(store)
        clock.advance(4)
        assert (await store.leases.sweep()).timed_out == 0
        clock.advance(0.1)

        assert (await store.leases.sweep()).timed_out == 1

        assert await status_of(store, "s") is SwarmStatus.CANCELLED
        assert await statuses(store, "s") == {"a": "cancelled", "b": "cancelled"}
        assert await succeed(store, grant) == ["late"]

    async def test_a_resumed_swarm_has_its_time_anew(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The time-out counts from the start and again from each resume."""
        await submit(store, "s", task("a"), timeout_s=60.0)
        clock.advance(50)
        await steer(store, "s", SwarmMove.INTERRUPT)
        await steer(store, "s", SwarmMove.RESUME)
        clock.advance(50)
        assert (await store.leases.sweep()).timed_out == 0

        assert (await store.dump()).swarms[0].deadline == START_S + 110

    async def test_an_ended_swarm_is_not_timed_out(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Time cannot undo an end."""
        await submit(store, "s", task("a"), timeout_s=1.0)
        await succeed(store, await claim_one(store))
        clock.advance(10)

        assert (await store.leases.sweep()).total == 0

    async def test_lost_queues_are_rebuilt(self, store: InspectableStore) -> None:
        """Without any entry, reconciling restores the seats and changes nothing else (5)."""
        for name in ("s", "t"):
            await submit(
                store, name, *many(3), task("g", capabilities=frozenset({"gpu"})), max_agents=2
            )
        await steer(store, "t", SwarmMove.PAUSE)
        await claim(store, 1)
        before = await store.dump()
        await store.forget_queues()
        assert await claim(store) == []

        assert await store.leases.reconcile() == 4

        after = await store.dump()
        assert [replace(seat, vt=0) for seat in after.seats] == [
            replace(seat, vt=0) for seat in before.seats
        ]
        assert replace(after, seats=()) == replace(before, seats=())

    async def test_rebuilt_queues_keep_the_order(self, store: InspectableStore) -> None:
        """After a rebuild tasks come by swarm, priority and age as before."""
        await submit(store, "s", task("a"), task("b", priority=9), task("c"))
        await submit(store, "t", task("a"))
        await store.forget_queues()
        await store.leases.reconcile()

        grants = await claim(store, 4)

        assert list(zip(swarms(grants), keys(grants), strict=True)) == [
            ("s", "b"),
            ("t", "a"),
            ("s", "a"),
            ("s", "c"),
        ]

    async def test_a_sound_store_needs_no_mending(self, store: InspectableStore) -> None:
        """Reconciling what is right mends nothing and changes nothing."""
        await submit(store, "s", *many(3))
        await submit(store, "t", *many(3))
        await succeed(store, *await claim(store, 4))
        before = await store.dump()

        assert await store.leases.reconcile() == 0

        assert await store.dump() == before
