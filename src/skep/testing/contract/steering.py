"""Steering: pause, resume, interrupt, cancel and seal, each safe to say twice."""

import pytest

from skep.records.errors import IllegalMove, SwarmNotFound
from skep.records.outcome import HandedBack, SettleVerdict
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import RetryPolicy
from skep.testing.acts import (
    claim,
    claim_one,
    kinds,
    settle,
    status_of,
    statuses,
    steer,
    submit,
    succeed,
    task_of,
)
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import many, order, retried, task

M, S = SwarmMove, SwarmStatus


class SteeringContract:
    """Invariants 1 and 27 for whole swarms."""

    @pytest.mark.parametrize(
        ("move", "status"),
        [(M.PAUSE, S.PAUSED), (M.INTERRUPT, S.INTERRUPTED), (M.CANCEL, S.CANCELLED)],
    )
    async def test_an_order_is_safe_to_repeat(
        self, store: InspectableStore, move: SwarmMove, status: SwarmStatus
    ) -> None:
        """Asking for what is already so answers the same and changes nothing."""
        await submit(store, "s", task("a"))
        assert await steer(store, "s", move) is status
        before = await store.dump()

        assert await steer(store, "s", move) is status

        assert await store.dump() == before

    async def test_sealing_twice_is_one(self, store: InspectableStore) -> None:
        """A sealed plan is sealed already."""
        await submit(store, "s", task("a"), sealed=False)
        await steer(store, "s", M.SEAL)
        before = await store.dump()

        assert await steer(store, "s", M.SEAL) is S.ACTIVE

        assert await store.dump() == before

    async def test_an_order_tells_of_itself(self, store: InspectableStore) -> None:
        """Each order that changed something is one event."""
        await submit(store, "s", sealed=False)

        for move in (M.PAUSE, M.RESUME, M.INTERRUPT, M.RESUME, M.CANCEL):
            await steer(store, "s", move)

        assert await kinds(store, "s") == [
            "swarm.submitted",
            "swarm.paused",
            "swarm.resumed",
            "swarm.interrupted",
            "swarm.resumed",
            "swarm.cancelled",
        ]

    async def test_orders_are_answered_one_by_one(self, store: InspectableStore) -> None:
        """A refused order leaves its neighbours alone."""
        await submit(store, "s", task("a"))
        await submit(store, "t", task("a"))

        answers = await store.work.steer(
            [order("s", M.PAUSE), order("ghost", M.PAUSE), order("t", M.CANCEL)]
        )

        assert answers[0] is S.PAUSED
        assert isinstance(answers[1], SwarmNotFound)
        assert answers[2] is S.CANCELLED

    @pytest.mark.parametrize("move", [M.PAUSE, M.RESUME, M.INTERRUPT, M.CANCEL])
    async def test_an_ended_swarm_is_not_steered(
        self, store: InspectableStore, move: SwarmMove
    ) -> None:
        """A completed swarm can only be reopened."""
        await submit(store, "s", task("a"))
        await succeed(store, await claim_one(store))
        before = await store.dump()

        [answer] = await store.work.steer([order("s", move)])

        assert isinstance(answer, IllegalMove)
        assert await store.dump() == before

    @pytest.mark.parametrize("move", [M.START, M.EXTEND, M.COMPLETE, M.FAIL, M.RECOVER])
    async def test_only_people_s_moves_may_be_ordered(
        self, store: InspectableStore, move: SwarmMove
    ) -> None:
        """What the engine does by itself cannot be asked for."""
        await submit(store, "s", task("a"))
        before = await store.dump()

        [answer] = await store.work.steer([order("s", move)])

        assert isinstance(answer, IllegalMove)
        assert await store.dump() == before

    async def test_a_cancel_reaches_every_task(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Cancelling ends all that has not ended, wherever it stands, and leaves the rest."""
        await submit(
            store, "s", task("done", priority=9), task("z", "runs"), task("rests"), task("runs")
        )
        done, rests, _ = await claim(store)
        await succeed(store, done, value=1)
        await settle(store, retried(clock.now() + 9), rests)

        await steer(store, "s", M.CANCEL)

        assert await statuses(store, "s") == {
            "done": "succeeded",
            "z": "cancelled",
            "rests": "cancelled",
            "runs": "cancelled",
        }
        assert await claim(store) == []

    async def test_a_cancelled_task_does_not_wake(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Neither timer nor lease brings a cancelled task back."""
        await submit(store, "s", task("rests", delay_s=1.0), task("runs"))
        await claim(store)
        await steer(store, "s", M.CANCEL)
        clock.advance(100)

        assert (await store.leases.sweep()).total == 0

    async def test_a_cancel_is_for_good(self, store: InspectableStore) -> None:
        """A cancelled swarm cannot be resumed or reopened."""
        await submit(store, "s", task("a"))
        await steer(store, "s", M.CANCEL)

        answers = await store.work.steer([order("s", M.RESUME), order("s", M.REOPEN)])

        assert all(isinstance(answer, IllegalMove) for answer in answers)

    async def test_what_runs_may_settle_while_paused(self, store: InspectableStore) -> None:
        """A pause gives out nothing new; results come in, and may end the swarm."""
        await submit(store, "s", task("a"), task("b", "a"))
        await submit(store, "t", task("a"))
        grants = await claim(store)
        await steer(store, "s", M.PAUSE)
        await steer(store, "t", M.PAUSE)

        assert await succeed(store, *grants) == [SettleVerdict.OK, SettleVerdict.OK]

        assert await statuses(store, "s") == {"a": "succeeded", "b": "ready"}
        assert await status_of(store, "t") is S.COMPLETED

    async def test_a_resumption_forgives_the_failures(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A person has looked: the attempts of the live tasks begin to count anew."""
        await submit(store, "s", task("a", retry=RetryPolicy(attempts_max=2)))
        await settle(store, retried(clock.now()), await claim_one(store))
        await steer(store, "s", M.INTERRUPT)
        await steer(store, "s", M.RESUME)
        await store.leases.sweep()
        await claim_one(store)
        clock.advance(10)

        swept = await store.leases.sweep()

        assert (swept.lost, swept.given_up) == (1, 0)
        assert (await task_of(store, "s", "a")).failures == 1

    async def test_a_paused_swarm_may_be_interrupted_and_back(
        self, store: InspectableStore
    ) -> None:
        """A pause is a person's and an interruption the process's; each leads to the other."""
        await submit(store, "s", task("a"))

        steps = [
            await steer(store, "s", move) for move in (M.PAUSE, M.INTERRUPT, M.PAUSE, M.RESUME)
        ]

        assert steps == [S.PAUSED, S.INTERRUPTED, S.PAUSED, S.ACTIVE]

    async def test_an_interrupted_swarm_goes_on_where_it_was(self, store: InspectableStore) -> None:
        """Work handed back at an interruption is granted again after the resume."""
        await submit(store, "s", *many(3))
        grants = await claim(store)
        await steer(store, "s", M.INTERRUPT)
        await settle(store, HandedBack(), *grants)
        assert await claim(store) == []

        await steer(store, "s", M.RESUME)

        assert [grant.token.attempt for grant in await claim(store)] == [2, 2, 2]

    async def test_sealing_ends_a_paused_plan_that_is_done(self, store: InspectableStore) -> None:
        """A plan with nothing left ends when it is sealed, paused or not."""
        await submit(store, "s", task("a"), sealed=False)
        await succeed(store, await claim_one(store))
        await steer(store, "s", M.PAUSE)

        assert await steer(store, "s", M.SEAL) is S.COMPLETED
