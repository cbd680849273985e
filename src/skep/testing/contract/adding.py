"""Adding tasks to live swarms, from outside and as a spawn by a running task."""

from dataclasses import replace

from skep.records.command import Addition, Receipt, ReceiptVerdict
from skep.records.errors import (
    CommandConflict,
    CycleInPlan,
    DuplicateTask,
    Fenced,
    LimitExceeded,
    SkepError,
    SwarmClosed,
    SwarmNotFound,
    UnknownDependency,
)
from skep.records.ids import SwarmId
from skep.records.limits import ADDITION_TASKS_MAX, PLAN_TASKS_MAX
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import RetryPolicy
from skep.testing.acts import (
    claim,
    claim_one,
    events,
    keys,
    settle,
    status_of,
    statuses,
    steer,
    submit,
    succeed,
)
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import addition, failed, many, task


async def refusal_of(store: InspectableStore, asked: Addition) -> SkepError:
    """Add what must be refused, and see that nothing of it was stored."""
    before = await store.dump()

    [answer] = await store.work.add([asked])

    assert isinstance(answer, SkepError), answer
    assert await store.dump() == before
    return answer


async def add(store: InspectableStore, asked: Addition) -> None:
    """Add what must be accepted."""
    [answer] = await store.work.add([asked])
    assert answer == Receipt(verdict=ReceiptVerdict.OK, swarm=asked.swarm), answer


class AddingContract:
    """Invariants 2, 6, 9, 16 and 29 for plans that grow: from outside when open, or by spawns."""

    async def test_an_open_plan_takes_tasks(self, store: InspectableStore) -> None:
        """Tasks added to an open plan are ready at once, and the log names them."""
        await submit(store, "s", task("a"), sealed=False)

        await add(store, addition("s", task("b"), task("c", "b")))

        assert await statuses(store, "s") == {"a": "ready", "b": "ready", "c": "waiting"}
        told = [event for event in await events(store, "s") if event.kind == "swarm.extended"]
        assert [event.data["tasks"] for event in told] == [["b", "c"]]

    async def test_an_addition_may_wait_for_live_tasks(self, store: InspectableStore) -> None:
        """From outside, a new task may wait for any task of the swarm."""
        await submit(store, "s", task("a"), sealed=False)
        await add(store, addition("s", task("b", "a")))

        await succeed(store, await claim_one(store))

        assert await statuses(store, "s") == {"a": "succeeded", "b": "ready"}

    async def test_an_addition_may_wait_for_what_has_ended(self, store: InspectableStore) -> None:
        """A new task is ready when all it waits for has succeeded already."""
        await submit(store, "s", task("a"), sealed=False)
        await succeed(store, await claim_one(store))

        await add(store, addition("s", task("b", "a")))

        assert await statuses(store, "s") == {"a": "succeeded", "b": "ready"}

    async def test_an_addition_after_a_failure_is_cancelled(self, store: InspectableStore) -> None:
        """A new task that waits for a failed one never runs, nor what waits for it in turn."""
        await submit(store, "s", task("a"), sealed=False)
        await settle(store, failed(), await claim_one(store))

        await add(store, addition("s", task("c", "b"), task("b", "a")))

        assert await statuses(store, "s") == {"a": "failed", "b": "cancelled", "c": "cancelled"}

    async def test_a_tolerant_addition_runs_after_a_failure(self, store: InspectableStore) -> None:
        """A tolerant new task is ready once all it waits for has ended, however it ended."""
        await submit(store, "s", task("a"), sealed=False)
        await settle(store, failed(), await claim_one(store))

        await add(
            store,
            addition(
                "s", task("d", "b", tolerant=True), task("b", "a"), task("c", "b", tolerant=True)
            ),
        )

        assert await statuses(store, "s") == {
            "a": "failed",
            "b": "cancelled",
            "c": "ready",
            "d": "ready",
        }

    async def test_a_sealed_plan_takes_none_from_outside(self, store: InspectableStore) -> None:
        """A sealed plan is closed to everybody but its own tasks."""
        await submit(store, "s", task("a"))

        assert isinstance(await refusal_of(store, addition("s", task("b"))), SwarmClosed)

    async def test_an_ended_swarm_takes_none(self, store: InspectableStore) -> None:
        """Adding to a swarm that has ended is refused, never a task that waits for ever."""
        await submit(store, "s", task("a"), sealed=False)
        await steer(store, "s", SwarmMove.CANCEL)

        assert isinstance(await refusal_of(store, addition("s", task("b"))), SwarmClosed)

    async def test_an_unknown_swarm_takes_none(self, store: InspectableStore) -> None:
        """A swarm that is not there is told as such."""
        assert isinstance(await refusal_of(store, addition("s", task("b"))), SwarmNotFound)

    async def test_a_paused_swarm_takes_tasks_and_gives_none(self, store: InspectableStore) -> None:
        """What is added while a swarm is paused waits for its resumption."""
        await submit(store, "s", sealed=False)
        await steer(store, "s", SwarmMove.PAUSE)
        await add(store, addition("s", task("a")))
        assert await claim(store) == []

        await steer(store, "s", SwarmMove.RESUME)

        assert keys(await claim(store)) == ["a"]

    async def test_adding_again_changes_nothing(self, store: InspectableStore) -> None:
        """The same addition sent twice is one, also after its swarm has ended."""
        await submit(store, "s", sealed=False)
        await add(store, addition("s", task("a")))
        await steer(store, "s", SwarmMove.CANCEL)
        before = await store.dump()

        [again] = await store.work.add([addition("s", task("a"))])

        assert again == Receipt(verdict=ReceiptVerdict.ALREADY, swarm=SwarmId("s"))
        assert await store.dump() == before

    async def test_an_addition_has_one_body(self, store: InspectableStore) -> None:
        """The same command id with other tasks is a conflict."""
        await submit(store, "s", sealed=False)
        await add(store, addition("s", task("a"), command="c"))

        refusal = await refusal_of(store, addition("s", task("b"), command="c"))

        assert isinstance(refusal, CommandConflict)

    async def test_an_addition_is_checked_like_a_plan(self, store: InspectableStore) -> None:
        """Cycles, unknown dependencies, taken keys and too many tasks are refused."""
        await submit(store, "s", task("a"), sealed=False)

        refusals = [
            await refusal_of(store, addition("s", *tasks))
            for tasks in (
                (task("b", "c"), task("c", "b")),
                (task("b", "ghost"),),
                (task("a"),),
                (task("b"), task("b")),
                many(ADDITION_TASKS_MAX + 1),
            )
        ]

        assert [type(refusal) for refusal in refusals] == [
            CycleInPlan,
            UnknownDependency,
            DuplicateTask,
            DuplicateTask,
            LimitExceeded,
        ]

    async def test_a_swarm_holds_a_limited_number_over_its_life(
        self, store: InspectableStore
    ) -> None:
        """PLAN_TASKS_MAX counts the plan and all additions together."""
        await submit(store, "s", *many(PLAN_TASKS_MAX - 1), sealed=False)

        refusal = await refusal_of(store, addition("s", task("x"), task("y")))

        assert isinstance(refusal, LimitExceeded)
        assert refusal.limit == "PLAN_TASKS_MAX"

    async def test_a_running_task_spawns_into_a_sealed_plan(self, store: InspectableStore) -> None:
        """Under its token a task adds tasks to its own swarm; they are ready while it runs."""
        await submit(store, "s", task("a"))
        spawner = await claim_one(store)

        await add(store, addition("s", task("b"), task("c", "b"), token=spawner.token))

        assert await statuses(store, "s") == {"a": "running", "b": "ready", "c": "waiting"}

    async def test_dependents_wait_for_what_was_spawned(self, store: InspectableStore) -> None:
        """Whoever waits for the spawner waits for all it spawned as well."""
        await submit(store, "s", task("a"), task("z", "a"))
        spawner = await claim_one(store)
        await add(store, addition("s", task("b"), token=spawner.token))

        await succeed(store, spawner)
        assert await statuses(store, "s") == {"a": "succeeded", "z": "waiting", "b": "ready"}
        await succeed(store, await claim_one(store))

        assert (await statuses(store, "s"))["z"] == "ready"

    async def test_a_spawned_failure_reaches_the_dependents(self, store: InspectableStore) -> None:
        """A dependent of the spawner is cancelled when what was spawned fails."""
        await submit(store, "s", task("a"), task("z", "a"))
        spawner = await claim_one(store)
        await add(store, addition("s", task("b"), token=spawner.token))

        await settle(store, failed(), await claim_one(store))
        await succeed(store, spawner)

        assert await statuses(store, "s") == {"a": "succeeded", "z": "cancelled", "b": "failed"}
        assert await status_of(store, "s") is SwarmStatus.FAILED

    async def test_a_spawn_may_wait_for_its_spawner(self, store: InspectableStore) -> None:
        """A spawned task that waits for the spawner runs after it, before its dependents."""
        await submit(store, "s", task("a"), task("z", "a"))
        spawner = await claim_one(store)
        await add(store, addition("s", task("b", "a"), task("c"), token=spawner.token))

        await succeed(store, spawner)
        then = await claim(store)
        await succeed(store, *then)

        assert keys(then) == ["b", "c"]
        assert keys(await claim(store)) == ["z"]

    async def test_a_swarm_does_not_end_before_its_spawns(self, store: InspectableStore) -> None:
        """The last task of a plan that spawned is not the last any more."""
        await submit(store, "s", task("a"))
        spawner = await claim_one(store)
        await add(store, addition("s", task("b"), token=spawner.token))

        await succeed(store, spawner)
        assert await status_of(store, "s") is SwarmStatus.ACTIVE
        await succeed(store, await claim_one(store))

        assert await status_of(store, "s") is SwarmStatus.COMPLETED

    async def test_a_spawn_waits_for_nobody_who_may_wait_for_it(
        self, store: InspectableStore
    ) -> None:
        """A spawn may wait for ended tasks, each other and the spawner, and for no other."""
        await submit(store, "s", task("a"), task("other"), task("z", "a"), max_agents=1)
        spawner = await claim_one(store)

        for live in ("other", "z"):
            asked = addition("s", task("b", live), token=spawner.token)
            assert isinstance(await refusal_of(store, asked), UnknownDependency)

    async def test_a_lost_task_spawns_nothing(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A spawn under a token that is no longer current is refused (invariant 9)."""
        await submit(store, "s", task("a", retry=RetryPolicy(attempts_max=3)))
        spawner = await claim_one(store)
        clock.advance(60)
        await store.leases.sweep()

        refusal = await refusal_of(store, addition("s", task("b"), token=spawner.token))

        assert isinstance(refusal, Fenced)

    async def test_a_settled_task_spawns_nothing(self, store: InspectableStore) -> None:
        """A token that was settled is used up; spawning needs a running task."""
        await submit(store, "s", task("a"), task("b"))
        spawner = await claim_one(store)
        await succeed(store, spawner)

        for token in (spawner.token, replace(spawner.token, nonce="0" * 32)):
            asked = addition("s", task("c"), token=token)
            assert isinstance(await refusal_of(store, asked), Fenced)

    async def test_a_repeated_spawn_is_known_though_the_token_is_lost(
        self, store: InspectableStore
    ) -> None:
        """A spawn whose answer was lost is answered ALREADY, whatever became of the spawner."""
        await submit(store, "s", task("a"))
        spawner = await claim_one(store)
        asked = addition("s", task("b"), token=spawner.token)
        await add(store, asked)
        await succeed(store, spawner)

        [again] = await store.work.add([asked])

        assert again == Receipt(verdict=ReceiptVerdict.ALREADY, swarm=SwarmId("s"))

    async def test_an_open_plan_ends_when_it_is_sealed(self, store: InspectableStore) -> None:
        """An open plan whose tasks have all ended goes on until somebody seals it."""
        await submit(store, "s", task("a"), sealed=False)
        await succeed(store, await claim_one(store))
        assert await status_of(store, "s") is SwarmStatus.ACTIVE

        assert await steer(store, "s", SwarmMove.SEAL) is SwarmStatus.COMPLETED
