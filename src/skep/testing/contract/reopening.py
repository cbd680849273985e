"""Reopening: a person asks for a retry, and the next run begins."""

from skep.records.errors import Conflict, SkepError, TaskNotFound
from skep.records.ids import TaskRef
from skep.records.outcome import Blocked
from skep.records.step import StepVerdict
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.testing.acts import (
    claim,
    claim_one,
    keys,
    kinds,
    settle,
    status_of,
    statuses,
    steer,
    submit,
    succeed,
    task_of,
    write,
)
from skep.testing.clock import START_S, ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import chain, failed, intent, order, record, task

REOPEN = SwarmMove.REOPEN


async def refusal_of(store: InspectableStore, *tasks: str) -> SkepError:
    """Ask for a retry that must be refused, and see that nothing changed."""
    before = await store.dump()

    [answer] = await store.work.steer([order("s", REOPEN, *tasks)])

    assert isinstance(answer, SkepError), answer
    assert await store.dump() == before
    return answer


class ReopeningContract:
    """Invariants 1, 2, 6 and 19 in the next run of what failed, and of all that follows it."""

    async def test_what_failed_begins_anew(self, store: InspectableStore) -> None:
        """Without names, all that failed or was cancelled opens its next run."""
        await submit(store, "s", *chain(3))
        await succeed(store, await claim_one(store), value=1)
        await settle(store, failed(), await claim_one(store))
        assert await status_of(store, "s") is SwarmStatus.FAILED

        assert await steer(store, "s", REOPEN) is SwarmStatus.ACTIVE

        assert await statuses(store, "s") == {"t0": "succeeded", "t1": "ready", "t2": "waiting"}
        found = await task_of(store, "s", "t1")
        assert (found.run, found.attempt, found.failures, found.reason) == (2, 1, 0, "")

    async def test_a_reopened_swarm_can_complete(self, store: InspectableStore) -> None:
        """After the retry succeeded the swarm ends well."""
        await submit(store, "s", *chain(2))
        await settle(store, failed(), await claim_one(store))
        await steer(store, "s", REOPEN)

        again = await claim_one(store)
        await succeed(store, again)
        await succeed(store, await claim_one(store))

        assert (again.token.run, again.token.attempt) == (2, 2)
        assert await status_of(store, "s") is SwarmStatus.COMPLETED
        swarm = (await store.dump()).swarms[0]
        assert (swarm.reason, swarm.ended_at) == ("", START_S)

    async def test_a_named_task_takes_its_followers_along(self, store: InspectableStore) -> None:
        """A task that is done again makes all that followed from it begin anew."""
        plan = (task("a"), task("b"), task("c", "a"), task("d", "b", "c"), task("e", "a"))
        await submit(store, "s", *plan)
        while grants := await claim(store):
            await succeed(store, *grants, value="old")

        await steer(store, "s", REOPEN, "a")

        assert await statuses(store, "s") == {
            "a": "ready",
            "b": "succeeded",
            "c": "waiting",
            "d": "waiting",
            "e": "waiting",
        }
        assert (await task_of(store, "s", "d")).outcome is None
        for batch in (["a"], ["c", "e"], ["d"]):
            grants = await claim(store)
            assert keys(grants) == batch
            await succeed(store, *grants, value="new")

    async def test_the_journal_of_the_old_run_is_kept(self, store: InspectableStore) -> None:
        """The next run starts with an empty journal, and the old one stays for audit."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        await write(store, intent(grant.token))
        await write(store, record(grant.token, value="old"))
        await settle(store, failed(), grant)
        await steer(store, "s", REOPEN)

        again = await claim_one(store)
        answer = await write(store, intent(again.token))

        assert answer.verdict is StepVerdict.OPENED
        old = await store.journal.read(again.token.ref, run=1)
        assert [(step.key, step.value) for step in old] == [("k", '"old"')]

    async def test_a_blocked_task_is_reopened_in_a_live_swarm(
        self, store: InspectableStore
    ) -> None:
        """A swarm that waits for a person goes on by a retry of what is blocked."""
        await submit(store, "s", task("a"), task("b", "a"), task("c"))
        a, c = await claim(store)
        await settle(store, Blocked(reason="asks"), a)

        await steer(store, "s", REOPEN)

        assert await statuses(store, "s") == {"a": "ready", "b": "waiting", "c": "running"}
        assert await succeed(store, c) == ["ok"]

    async def test_a_reopening_tells_what_it_reopened(self, store: InspectableStore) -> None:
        """The log has the order, each task that begins anew, and what became ready."""
        await submit(store, "s", *chain(2))
        await settle(store, failed(), await claim_one(store))
        before = len(await kinds(store, "s"))

        await steer(store, "s", REOPEN)

        assert (await kinds(store, "s"))[before:] == [
            "swarm.reopened",
            "task.reopened",
            "task.reopened",
            "task.released",
        ]

    async def test_a_reopening_restarts_the_clock(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A reopened swarm has its whole time again."""
        await submit(store, "s", task("a"), timeout_s=60.0)
        await settle(store, failed(), await claim_one(store))
        clock.advance(100)

        await steer(store, "s", REOPEN)

        assert (await store.leases.sweep()).timed_out == 0

    async def test_a_task_behind_a_failure_is_cancelled_again(
        self, store: InspectableStore
    ) -> None:
        """A retry of what waits for a failed task, without that one, ends where it was."""
        await submit(store, "s", task("c", "b"), task("a"), task("b", "a"))
        await settle(store, failed(), await claim_one(store))

        assert await steer(store, "s", REOPEN, "b") is SwarmStatus.FAILED

        assert await statuses(store, "s") == {"c": "cancelled", "a": "failed", "b": "cancelled"}

    async def test_a_tolerant_follower_runs_when_its_retry_is_cancelled(
        self, store: InspectableStore
    ) -> None:
        """A tolerant task behind a task that was cancelled again is ready."""
        await submit(store, "s", task("a"), task("b", "a"), task("c", "b", tolerant=True))
        await settle(store, failed(), await claim_one(store))
        await succeed(store, await claim_one(store))

        await steer(store, "s", REOPEN, "b")

        assert await statuses(store, "s") == {"a": "failed", "b": "cancelled", "c": "ready"}

    async def test_a_follower_under_way_stops_a_retry(self, store: InspectableStore) -> None:
        """A task that would have to begin anew while it runs makes the order a conflict."""
        await submit(store, "s", *chain(2))
        await succeed(store, await claim_one(store))
        await claim_one(store)

        assert isinstance(await refusal_of(store, "t0"), Conflict)

    async def test_a_task_that_has_not_begun_is_not_retried(self, store: InspectableStore) -> None:
        """A waiting task cannot be named for a retry."""
        await submit(store, "s", *chain(2))

        assert isinstance(await refusal_of(store, "t1"), Conflict)

    async def test_there_must_be_something_to_retry(self, store: InspectableStore) -> None:
        """A swarm in which all went well has nothing to retry by itself."""
        await submit(store, "s", task("a"))
        await succeed(store, await claim_one(store))

        assert isinstance(await refusal_of(store), Conflict)

    async def test_an_unknown_task_is_not_retried(self, store: InspectableStore) -> None:
        """A retry names tasks of the swarm."""
        await submit(store, "s", task("a"))

        assert isinstance(await refusal_of(store, "ghost"), TaskNotFound)

    async def test_the_value_of_the_old_run_is_gone(self, store: InspectableStore) -> None:
        """A reopened task has no value until it succeeds again."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        await succeed(store, grant, value=1)

        await steer(store, "s", REOPEN, "a")

        ref = TaskRef(swarm=grant.token.swarm, key=grant.token.task)
        [found] = await store.registry.read([ref])
        assert (found.outcome, found.started_at, found.ended_at) == (None, None, None)
