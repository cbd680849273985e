"""Dead letters: what failed stands in a list until it is replayed."""

# ruff: noqa: PLR2004 - expected figures are literal

import pytest

from skep.records.errors import (
    Conflict,
    IllegalMove,
    InvalidInput,
    SkepError,
    SwarmNotFound,
    TaskNotDead,
    TaskNotFound,
)
from skep.records.ids import SwarmId
from skep.records.letter import DeadLetter
from skep.records.outcome import Blocked
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.task import RetryPolicy
from skep.testing.acts import (
    all_dead_letters,
    claim,
    claim_one,
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
from skep.testing.samples import chain, failed, many, order, task

REOPEN = SwarmMove.REOPEN


async def replay(store: InspectableStore, swarm: str, *tasks: str) -> SwarmStatus:
    """Replay dead letters, which must be allowed."""
    return await steer(store, swarm, REOPEN, *tasks, is_replay=True)


async def refusal_of(store: InspectableStore, swarm: str, *tasks: str) -> SkepError:
    """Ask for a replay that must be refused, and see that nothing changed."""
    before = await store.dump()

    [answer] = await store.work.steer([order(swarm, REOPEN, *tasks, is_replay=True)])

    assert isinstance(answer, SkepError), answer
    assert await store.dump() == before
    return answer


async def dead(store: InspectableStore, swarm: str | None = None) -> list[str]:
    """Name the dead letters of all swarms or of one, in their order."""
    whose = SwarmId(swarm) if swarm else None
    return [str(letter.ref) for letter in await store.registry.dead_letters(swarm=whose)]


class LettersContract:
    """Invariant 12, read: a task that failed stands in the list with its reason."""

    async def test_what_failed_stands_in_the_list(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A letter says what failed, when, why, and after how many attempts."""
        await submit(store, "s", task("ok"), task("a", agent="churn"))
        ok, a = await claim(store)
        clock.advance(7)
        await settle(store, failed(), a)
        await succeed(store, ok)

        [letter] = await store.registry.dead_letters()

        assert letter == DeadLetter(
            ref=a.token.ref,
            ordinal=1,
            agent="churn",
            run=1,
            attempts=1,
            reason="it broke",
            failed_at=START_S + 7,
        )

    async def test_what_was_given_up_stands_there_too(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A task whose worker vanished once too often is a dead letter."""
        await submit(store, "s", task("a", retry=RetryPolicy(attempts_max=1)))
        await claim(store)
        clock.advance(100)
        await store.leases.sweep()

        [letter] = await store.registry.dead_letters()

        assert (letter.reason, letter.failed_at) == ("its lease ran out", START_S + 100)

    async def test_nothing_else_is_dead(self, store: InspectableStore) -> None:
        """What succeeded, is blocked, or was cancelled behind a failure is no dead letter."""
        await submit(store, "s", *chain(2), task("done"), task("asks"))
        t0, done, asks = await claim(store)
        await settle(store, failed(), t0)
        await succeed(store, done)
        await settle(store, Blocked(reason="asks"), asks)

        assert await dead(store) == ["s/t0"]

    async def test_the_newest_come_first(self, store: InspectableStore, clock: ManualClock) -> None:
        """Letters of all swarms stand in the order of their failing."""
        for swarm in ("s", "t"):
            await submit(store, swarm, *many(2))
        for grant in await claim(store):
            clock.advance(1)
            await settle(store, failed(), grant)

        letters = await store.registry.dead_letters()

        times = [letter.failed_at for letter in letters]
        assert times == [START_S + 4, START_S + 3, START_S + 2, START_S + 1]
        assert await dead(store, "t") == [each for each in await dead(store) if each[0] == "t"]

    async def test_ties_have_one_order(self, store: InspectableStore) -> None:
        """Letters of one moment stand by swarm and place, and every page goes on from the last."""
        for swarm in ("s", "s-1", "t"):
            await submit(store, swarm, *many(3))
        await settle(store, failed(), *await claim(store))

        whole = await store.registry.dead_letters()

        places = [letter.place for letter in whole]
        assert len(places) == 9
        assert places == sorted(places, reverse=True)
        for limit in (1, 2, 4):
            assert await all_dead_letters(store, limit=limit) == list(whole)

    async def test_a_page_of_one_swarm(self, store: InspectableStore) -> None:
        """The letters of one swarm are paged as those of all are."""
        await submit(store, "s", *many(5))
        await submit(store, "t", *many(5))
        await settle(store, failed(), *await claim(store))
        whose = SwarmId("s")

        first = await store.registry.dead_letters(swarm=whose, limit=2)
        rest = await store.registry.dead_letters(swarm=whose, before=first[-1].cursor)

        assert [letter.ordinal for letter in (*first, *rest)] == [4, 3, 2, 1, 0]

    async def test_a_page_goes_on_behind_a_letter_that_left(self, store: InspectableStore) -> None:
        """A cursor holds although its letter was replayed meanwhile."""
        await submit(store, "s", *many(4))
        await settle(store, failed(), *await claim(store))
        first = await store.registry.dead_letters(limit=2)
        await replay(store, "s", first[-1].ref.key)

        rest = await store.registry.dead_letters(before=first[-1].cursor)

        assert [letter.ref.key for letter in rest] == ["t0001", "t0000"]

    async def test_what_cannot_be_read_is_told(self, store: InspectableStore) -> None:
        """A swarm that is not there and a cursor that is none raise, each by its name."""
        with pytest.raises(SwarmNotFound):
            await store.registry.dead_letters(swarm=SwarmId("ghost"))
        for cursor in ("", "12", "soon/s/000000/a"):
            with pytest.raises(InvalidInput):
                await store.registry.dead_letters(before=cursor)

    async def test_a_replay_takes_letters_out_of_the_list(self, store: InspectableStore) -> None:
        """The next run of a dead task begins, with what follows it; the rest stays as it was."""
        await submit(store, "s", task("a"), task("b"), task("z", "a"))
        await settle(store, failed(), *await claim(store))

        assert await replay(store, "s", "a") is SwarmStatus.ACTIVE

        assert await dead(store) == ["s/b"]
        assert await statuses(store, "s") == {"a": "ready", "b": "failed", "z": "waiting"}
        assert (await task_of(store, "s", "a")).run == 2

    async def test_what_fails_again_is_back(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A replayed task that failed again is a new letter, of its new time and run."""
        await submit(store, "s", task("a"))
        await settle(store, failed(), await claim_one(store))
        await replay(store, "s", "a")
        clock.advance(5)
        await settle(store, failed(), await claim_one(store))

        [letter] = await store.registry.dead_letters()

        assert (letter.run, letter.attempts, letter.failed_at) == (2, 2, START_S + 5)

    async def test_a_replay_of_all_means_what_failed(self, store: InspectableStore) -> None:
        """Without names every dead task of the swarm is meant, and nothing that is blocked."""
        await submit(store, "s", task("a"), task("b"), task("asks"), task("done"))
        a, b, asks, done = await claim(store)
        await settle(store, failed(), a, b)
        await settle(store, Blocked(reason="asks"), asks)
        await succeed(store, done)

        await replay(store, "s")

        assert await statuses(store, "s") == {
            "a": "ready",
            "b": "ready",
            "asks": "blocked",
            "done": "succeeded",
        }
        assert await dead(store) == []

    async def test_only_the_dead_are_replayed(self, store: InspectableStore) -> None:
        """A task that did not fail is refused by its name, and its neighbours stay dead."""
        await submit(store, "s", task("a"), task("b"), task("z", "b"))
        a, b = await claim(store)
        await settle(store, failed(), a)

        running = await refusal_of(store, "s", "a", "b")
        await succeed(store, b)
        succeeded = await refusal_of(store, "s", "b")
        waiting = await refusal_of(store, "s", "z")
        ghost = await refusal_of(store, "s", "ghost")

        assert isinstance(running, TaskNotDead)
        assert (running.task, running.status) == ("b", "running")
        assert isinstance(succeeded, TaskNotDead)
        assert isinstance(waiting, TaskNotDead)
        assert isinstance(ghost, TaskNotFound)
        assert await dead(store) == ["s/a"]

    async def test_a_swarm_without_failures_has_nothing_to_replay(
        self, store: InspectableStore
    ) -> None:
        """Replaying all of nothing is refused, also where something is blocked."""
        await submit(store, "s", task("asks"))
        await settle(store, Blocked(reason="asks"), await claim_one(store))

        assert isinstance(await refusal_of(store, "s"), Conflict)

    async def test_a_cancelled_swarm_keeps_its_letters(self, store: InspectableStore) -> None:
        """What failed before a cancel stays in the list, and cannot be replayed."""
        await submit(store, "s", *many(2))
        await settle(store, failed(), await claim_one(store))
        await steer(store, "s", SwarmMove.CANCEL)

        assert isinstance(await refusal_of(store, "s"), IllegalMove)

        assert await dead(store) == ["s/t0000"]
        assert await status_of(store, "s") is SwarmStatus.CANCELLED

    async def test_a_failure_that_was_tolerated_is_in_the_list(
        self, store: InspectableStore
    ) -> None:
        """A swarm may complete with dead letters, where a tolerant task took note of them."""
        await submit(store, "s", task("a"), task("z", "a", tolerant=True))
        await settle(store, failed(), await claim_one(store))
        await succeed(store, await claim_one(store))

        assert await status_of(store, "s") is SwarmStatus.COMPLETED
        assert await dead(store) == ["s/a"]

    async def test_a_lost_list_is_rebuilt(self, store: InspectableStore) -> None:
        """The list is derived: the reconciler brings it back, of swarms that ended too (5)."""
        await submit(store, "s", *many(3))
        await settle(store, failed(), *await claim(store))
        await submit(store, "t", *many(2))
        await settle(store, failed(), await claim_one(store))
        before = await all_dead_letters(store)
        await store.forget_queues()

        await store.leases.reconcile()

        assert await all_dead_letters(store) == before
        assert len(before) == 4
