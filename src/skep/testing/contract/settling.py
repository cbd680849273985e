"""Settling: results, edges, released tasks and the swarm's end, exactly once per grant."""

# ruff: noqa: PLR2004 - expected figures are literal

import asyncio

import pytest

from skep.records.errors import LimitExceeded
from skep.records.limits import SETTLE_EDGES_MAX, VALUE_BYTES_MAX
from skep.records.outcome import (
    Blocked,
    ErrorClass,
    Failed,
    HandedBack,
    Outcome,
    Retried,
    Settlement,
    SettleVerdict,
    Snoozed,
    Succeeded,
)
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import TaskStatus
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
    task_of,
)
from skep.testing.clock import START_S, ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import chain, failed, failure, many, retried, task

OK, ALREADY, CONFLICT, LATE, FENCED = (
    SettleVerdict.OK,
    SettleVerdict.ALREADY,
    SettleVerdict.CONFLICT,
    SettleVerdict.LATE,
    SettleVerdict.FENCED,
)
LATER = START_S + 30
OUTCOMES: list[tuple[Outcome, TaskStatus]] = [
    (Succeeded(value={"n": 1}), TaskStatus.SUCCEEDED),
    (Failed(failure=failure()), TaskStatus.FAILED),
    (Retried(failure=failure(ErrorClass.TRANSIENT), wake_at=LATER), TaskStatus.SLEEPING),
    (Snoozed(reason="quota", wake_at=LATER), TaskStatus.SLEEPING),
    (Blocked(reason="asks a person"), TaskStatus.BLOCKED),
    (HandedBack(reason="shutting down"), TaskStatus.READY),
]


class SettlingContract:
    """Invariants 1, 2, 3, 6, 7, 16 and 17."""

    @pytest.mark.parametrize(("outcome", "status"), OUTCOMES)
    async def test_an_outcome_moves_its_task(
        self, store: InspectableStore, outcome: Outcome, status: TaskStatus
    ) -> None:
        """Each outcome leads to its status, frees the lease and is told by one event."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        before = len(await events(store, "s"))

        assert await settle(store, outcome, grant) == [OK]

        found = await task_of(store, "s", "a")
        assert (found.status, found.worker, found.lease_until) == (status, None, None)
        told = (await events(store, "s"))[before:]
        assert [event.kind.partition(".")[0] for event in told].count("task") == 1

    @pytest.mark.parametrize(("outcome", "status"), OUTCOMES)
    async def test_settling_again_changes_nothing(
        self, store: InspectableStore, outcome: Outcome, status: TaskStatus
    ) -> None:
        """After a lost reply the same settlement answers ALREADY, a back-off's too."""
        await submit(store, "s", task("a"), task("b", "a"))
        grant = await claim_one(store)
        await settle(store, outcome, grant)
        before = await store.dump()

        assert await settle(store, outcome, grant) == [ALREADY]

        assert await store.dump() == before
        assert (await task_of(store, "s", "a")).status is status

    @pytest.mark.parametrize(("outcome", "status"), OUTCOMES)
    async def test_a_grant_has_one_outcome(
        self, store: InspectableStore, outcome: Outcome, status: TaskStatus
    ) -> None:
        """Another outcome under a token that was settled is a conflict, and changes nothing."""
        await submit(store, "s", task("a"), task("b", "a"))
        grant = await claim_one(store)
        await settle(store, outcome, grant)
        before = await store.dump()

        assert await settle(store, Succeeded(value="other"), grant) == [CONFLICT]

        assert await store.dump() == before
        assert (await task_of(store, "s", "a")).status is status

    async def test_a_backed_off_settlement_is_known_after_its_rest(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The token is kept until the next grant, and is refused after that."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        rest = retried(clock.now() + 1)
        await settle(store, rest, grant)
        clock.advance(2)
        await store.leases.sweep()
        assert await settle(store, rest, grant) == [ALREADY]

        await claim_one(store)

        assert await settle(store, rest, grant) == [FENCED]

    async def test_one_batch_may_hold_a_settlement_twice(self, store: InspectableStore) -> None:
        """Within one call the first settlement counts, the second is known."""
        await submit(store, "s", task("a"), task("b", "a"))
        grant = await claim_one(store)

        assert await succeed(store, grant, grant) == [OK, ALREADY]

        assert await statuses(store, "s") == {"a": "succeeded", "b": "ready"}

    async def test_settlements_made_at_once_count_once(self, store: InspectableStore) -> None:
        """Of many racing settlements of one grant exactly one is OK."""
        await submit(store, "s", task("a"), task("b", "a"))
        grant = await claim_one(store)

        verdicts = await asyncio.gather(*(succeed(store, grant) for _ in range(8)))

        assert sorted(verdict for [verdict] in verdicts) == [ALREADY] * 7 + [OK]

    async def test_a_task_waits_for_all_its_dependencies(self, store: InspectableStore) -> None:
        """A task is ready when the last of what it waits for has succeeded, and not before."""
        await submit(store, "s", task("a"), task("b"), task("c", "a", "b"))
        a, b = await claim(store)

        await succeed(store, a)
        assert (await statuses(store, "s"))["c"] == "waiting"
        await succeed(store, b)

        assert (await statuses(store, "s"))["c"] == "ready"

    async def test_dependencies_settled_together_release_once(
        self, store: InspectableStore
    ) -> None:
        """Two dependencies settled by one call let their dependent go one time."""
        await submit(store, "s", task("a"), task("b"), task("c", "a", "b"))

        await succeed(store, *await claim(store))

        assert (await kinds(store, "s")).count("task.released") == 3
        assert keys(await claim(store)) == ["c"]

    async def test_a_value_is_kept(self, store: InspectableStore) -> None:
        """What a task returned can be read as it was told, as canonical JSON."""
        await submit(store, "s", task("a"))

        await succeed(store, await claim_one(store), value={"b": [1, None], "a": "é"})

        assert (await task_of(store, "s", "a")).outcome == '{"a":"é","b":[1,null]}'

    async def test_a_value_too_large_is_refused(self, store: InspectableStore) -> None:
        """A value over VALUE_BYTES_MAX stores nothing, of its neighbours neither."""
        await submit(store, "s", task("a"), task("b"))
        a, b = await claim(store)
        large = Succeeded(value="x" * VALUE_BYTES_MAX)
        settlements = [
            Settlement(token=a.token, outcome=Succeeded(value=1)),
            Settlement(token=b.token, outcome=large),
        ]
        before = await store.dump()

        with pytest.raises(LimitExceeded, match="VALUE_BYTES_MAX"):
            await store.work.settle(settlements)

        assert await store.dump() == before

    async def test_a_swarm_completes_with_its_last_task(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """When the last task has succeeded the swarm is complete, in the same step."""
        await submit(store, "s", *chain(2))
        await succeed(store, await claim_one(store))
        clock.advance(1)

        await succeed(store, await claim_one(store))

        assert (await kinds(store, "s"))[-2:] == ["task.succeeded", "swarm.completed"]
        swarm = (await store.dump()).swarms[0]
        assert (swarm.status, swarm.ended_at) == (SwarmStatus.COMPLETED, START_S + 1)

    async def test_a_failure_cancels_whoever_waits(self, store: InspectableStore) -> None:
        """All that waits for a failed task, near or far, is cancelled and says for whom."""
        await submit(store, "s", *chain(4), task("free"))
        first, free = await claim(store)

        await settle(store, failed(), first)

        assert await statuses(store, "s") == {
            "t0": "failed",
            "t1": "cancelled",
            "t2": "cancelled",
            "t3": "cancelled",
            "free": "running",
        }
        assert "t1" in (await task_of(store, "s", "t2")).reason
        await succeed(store, free)
        assert await status_of(store, "s") is SwarmStatus.FAILED

    async def test_a_tolerant_task_runs_when_all_have_ended(self, store: InspectableStore) -> None:
        """A tolerant task waits for all, and runs though some of them failed."""
        await submit(store, "s", task("a"), task("b"), task("c", "a", "b", tolerant=True))
        a, b = await claim(store)

        await settle(store, failed(), a)
        assert (await statuses(store, "s"))["c"] == "waiting"
        await succeed(store, b)

        assert keys(await claim(store)) == ["c"]

    async def test_a_failure_that_was_taken_note_of_fails_no_swarm(
        self, store: InspectableStore
    ) -> None:
        """A swarm fails by the tasks nobody waits for; a tolerant synthesis saves it."""
        await submit(store, "s", task("a"), task("b", "a"), task("c", "b", tolerant=True))
        await settle(store, failed(), await claim_one(store))

        await succeed(store, await claim_one(store))

        assert await statuses(store, "s") == {"a": "failed", "b": "cancelled", "c": "succeeded"}
        assert await status_of(store, "s") is SwarmStatus.COMPLETED

    async def test_a_failed_swarm_says_why(self, store: InspectableStore) -> None:
        """The swarm's reason names the task at the end of the plan that failed it."""
        await submit(store, "s", task("a"))

        await settle(store, failed(), await claim_one(store))

        assert (await store.dump()).swarms[0].reason == "task a: it broke"

    async def test_a_retry_rests_and_counts(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A retried task comes back when its rest is over, with one failure more."""
        await submit(store, "s", task("a"))
        await settle(store, retried(clock.now() + 5), await claim_one(store))
        clock.advance(4.9)
        await store.leases.sweep()
        assert await claim(store) == []

        clock.advance(0.1)
        await store.leases.sweep()

        grant = await claim_one(store)
        assert (grant.token.attempt, grant.token.run, grant.failures) == (2, 1, 1)

    @pytest.mark.parametrize("outcome", [Snoozed(reason="q", wake_at=START_S), HandedBack()])
    async def test_waiting_and_handing_back_count_as_nothing(
        self, store: InspectableStore, clock: ManualClock, outcome: Outcome
    ) -> None:
        """A snoozed task, and one handed back, go on in the next attempt without a failure."""
        await submit(store, "s", task("a"))
        await settle(store, outcome, await claim_one(store))
        clock.advance(1)
        await store.leases.sweep()

        grant = await claim_one(store)

        assert (grant.token.attempt, grant.failures) == (2, 0)

    async def test_a_blocked_task_holds_no_worker_and_ends_no_swarm(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A blocked task waits for a person, through any number of sweeps."""
        await submit(store, "s", task("a"), max_agents=1)
        await settle(store, Blocked(reason="asks"), await claim_one(store))
        clock.advance(1_000)
        await store.leases.sweep()

        assert await claim(store) == []
        assert await status_of(store, "s") is SwarmStatus.ACTIVE
        assert (await task_of(store, "s", "a")).reason == "asks"

    async def test_a_result_after_the_cancel_is_late(self, store: InspectableStore) -> None:
        """A late result is told of once, wakes nobody and changes no status (invariant 27)."""
        await submit(store, "s", task("a"), task("b", "a"))
        grant = await claim_one(store)
        await steer(store, "s", SwarmMove.CANCEL)

        assert await succeed(store, grant, value=1) == [LATE]
        assert await succeed(store, grant, value=1) == [ALREADY]

        assert await statuses(store, "s") == {"a": "cancelled", "b": "cancelled"}
        assert (await kinds(store, "s")).count("task.result_came_late") == 1
        assert (await task_of(store, "s", "a")).outcome is None

    @pytest.mark.parametrize("good", [True, False])
    async def test_a_wide_release_is_drained_by_the_sweeper(
        self, store: InspectableStore, *, good: bool
    ) -> None:
        """Over SETTLE_EDGES_MAX edges, one settlement does its share and sweeps do the rest."""
        number = 2 * SETTLE_EDGES_MAX + 10
        await submit(store, "s", task("a"), *(task(f"d{i}", "a") for i in range(number)))
        outcome = Succeeded(value=None) if good else failed()
        await settle(store, outcome, await claim_one(store))
        done = TaskStatus.READY if good else TaskStatus.CANCELLED
        assert list((await statuses(store, "s")).values()).count(done) == SETTLE_EDGES_MAX

        swept = [(await store.leases.sweep()).drained for _ in range(3)]

        assert swept == [SETTLE_EDGES_MAX, 10, 0]
        assert list((await statuses(store, "s")).values()).count(done) == number
        over = SwarmStatus.ACTIVE if good else SwarmStatus.FAILED
        assert await status_of(store, "s") is over

    async def test_a_wide_join_is_released_once(self, store: InspectableStore) -> None:
        """A task behind more tasks than one claim takes is ready after the last of them."""
        width = 100
        await submit(store, "s", *many(width), task("z", *(f"t{i:04}" for i in range(width))))
        while "z" not in keys(batch := await claim(store)):
            assert await succeed(store, *batch) == [OK] * len(batch)

        assert await succeed(store, *batch) == [OK]

        assert await status_of(store, "s") is SwarmStatus.COMPLETED
