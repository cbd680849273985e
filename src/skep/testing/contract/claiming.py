"""Claiming: which tasks are given out, in what order, under what lease."""

# ruff: noqa: PLR2004 - expected figures are literal

import asyncio

from skep.policy.expiry import LEASE_S_MAX
from skep.records.ids import WorkerId
from skep.records.limits import CLAIM_MAX
from skep.records.swarm import SwarmMove
from skep.records.task import AgentKind
from skep.testing.acts import (
    claim,
    claim_one,
    events,
    keys,
    settle,
    statuses,
    steer,
    submit,
    succeed,
    task_of,
    write,
)
from skep.testing.clock import START_S, ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import failed, intent, many, offer, task


class ClaimingContract:
    """Invariants 4, 8 and 13, and who may take what."""

    async def test_nothing_ready_is_no_error(self, store: InspectableStore) -> None:
        """A claim on an empty store answers with an empty sequence."""
        assert list(await claim(store)) == []

    async def test_priority_comes_before_age(self, store: InspectableStore) -> None:
        """Within a swarm the higher priority goes first, and then the older task."""
        await submit(
            store,
            "s",
            task("old"),
            task("low", priority=0),
            task("high", priority=9),
            task("young"),
            task("higher", priority=9),
        )

        assert keys(await claim(store)) == ["high", "higher", "old", "young", "low"]

    async def test_a_late_release_keeps_its_place(self, store: InspectableStore) -> None:
        """Age is the place in the plan, so a task released later goes before younger ones."""
        await submit(store, "s", task("root", priority=9), task("a", "root"), task("b"))
        await succeed(store, await claim_one(store))

        assert keys(await claim(store)) == ["a", "b"]

    async def test_a_claim_takes_no_more_than_asked(self, store: InspectableStore) -> None:
        """The limit bounds a claim, what is left stays ready."""
        await submit(store, "s", *many(5))

        first = await claim(store, 3)
        rest = await claim(store, 3)

        assert [keys(first), keys(rest)] == [["t0000", "t0001", "t0002"], ["t0003", "t0004"]]

    async def test_one_claim_takes_claim_max_at_most(self, store: InspectableStore) -> None:
        """However much is asked for, one claim grants CLAIM_MAX tasks."""
        await submit(store, "s", *many(CLAIM_MAX + 1))

        assert len(await claim(store, 10_000)) == CLAIM_MAX

    async def test_a_grant_carries_its_lease(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A grant begins a lease of the offered length and a deadline from start to close."""
        clock.advance(7)
        await submit(store, "s", task("a", timeout_s=100.0))

        grant = await claim_one(store, worker="w7", lease_s=3.0)

        now = START_S + 7
        assert (grant.lease_until, grant.hard_until) == (now + 3, now + 100)
        assert (grant.token.run, grant.token.attempt, grant.failures) == (1, 1, 0)
        held = await task_of(store, "s", "a")
        assert (held.worker, held.lease_until, held.started_at) == ("w7", now + 3, now)

    async def test_no_lease_is_longer_than_allowed(self, store: InspectableStore) -> None:
        """A lease ends at LEASE_S_MAX and at the task's own deadline, whichever is sooner."""
        await submit(store, "s", task("long"), task("short", timeout_s=2.0))

        long, short = await claim(store, lease_s=1_000.0)

        assert long.lease_until == START_S + LEASE_S_MAX
        assert short.lease_until == short.hard_until == START_S + 2

    async def test_every_grant_has_its_own_nonce(self, store: InspectableStore) -> None:
        """A batch of grants never shares a token, and a new grant never repeats one."""
        await submit(store, "s", *many(64))

        tokens = {grant.token.nonce for grant in await claim(store)}

        assert len(tokens) == 64
        assert {len(nonce) for nonce in tokens} == {32}

    async def test_a_claim_is_told(self, store: InspectableStore) -> None:
        """The log says who took which attempt."""
        await submit(store, "s", task("a"))

        await claim_one(store, worker="w7")

        told = (await events(store, "s"))[-1]
        assert (told.kind, told.task) == ("task.claimed", "a")
        assert dict(told.data) == {"worker": "w7", "attempt": 1}

    async def test_a_task_is_given_to_one(self, store: InspectableStore) -> None:
        """Claims made at once share no task and leave none over."""
        await submit(store, "s", *many(30))

        batches = await asyncio.gather(*(claim(store, 4, worker=f"w{i}") for i in range(10)))

        taken = [key for batch in batches for key in keys(batch)]
        assert sorted(taken) == [f"t{i:04}" for i in range(30)]

    async def test_a_worker_takes_from_the_queues_it_serves(self, store: InspectableStore) -> None:
        """A task in another queue is left alone."""
        await submit(store, "s", task("a", queue="left"), task("b", queue="right"))

        assert keys(await claim(store, queues=frozenset({"right", "other"}))) == ["b"]

    async def test_a_worker_takes_the_kinds_it_runs(self, store: InspectableStore) -> None:
        """A task of another kind of agent is left alone."""
        await submit(store, "s", task("a"), task("b", kind=AgentKind.COMMAND))

        assert keys(await claim(store, kinds=frozenset({AgentKind.COMMAND}))) == ["b"]

    async def test_a_worker_has_every_capability_asked_for(self, store: InspectableStore) -> None:
        """One capability too few leaves the task alone; having more is no harm."""
        await submit(
            store,
            "s",
            task("none"),
            task("one", capabilities=frozenset({"gpu"})),
            task("two", capabilities=frozenset({"gpu", "eu"})),
        )

        one = await claim(store, capabilities=frozenset({"gpu"}))
        rest = await claim(store, capabilities=frozenset({"gpu", "eu", "ram"}))

        assert (sorted(keys(one)), keys(rest)) == (["none", "one"], ["two"])

    async def test_a_function_goes_where_its_code_is(self, store: InspectableStore) -> None:
        """A function agent's task needs a worker that has this very function."""
        await submit(store, "s", task("a", agent="sum", kind=AgentKind.FUNCTION))
        assert await claim(store, capabilities=frozenset({"agent:product"})) == []

        assert keys(await claim(store, capabilities=frozenset({"agent:sum"}))) == ["a"]

    async def test_a_swarm_runs_no_more_than_its_cap(self, store: InspectableStore) -> None:
        """At max_agents running tasks a swarm gets no more, until one settles."""
        await submit(store, "s", *many(4), max_agents=2)
        running = await claim(store)
        assert len(running) == 2
        assert await claim(store) == []

        await settle(store, failed(), running[0])

        assert keys(await claim(store)) == ["t0002"]

    async def test_the_cap_holds_over_all_lanes(self, store: InspectableStore) -> None:
        """Tasks of several queues share their swarm's cap, also within one claim."""
        await submit(
            store,
            "s",
            *(task(f"l{i}", queue="left") for i in range(3)),
            *(task(f"r{i}", queue="right") for i in range(3)),
            max_agents=3,
        )

        taken = await claim(store, queues=frozenset({"left", "right"}))
        assert len(taken) == 3
        await succeed(store, *taken)

        assert len(await claim(store, queues=frozenset({"left", "right"}))) == 3

    async def test_a_paused_swarm_gives_nothing(self, store: InspectableStore) -> None:
        """Only an active swarm's tasks are granted; they stay ready meanwhile."""
        await submit(store, "s", task("a"))
        for away in (SwarmMove.PAUSE, SwarmMove.INTERRUPT):
            await steer(store, "s", away)
            assert await claim(store) == []
            assert await statuses(store, "s") == {"a": "ready"}

        await steer(store, "s", SwarmMove.RESUME)

        assert keys(await claim(store)) == ["a"]

    async def test_a_limit_of_none_takes_none(self, store: InspectableStore) -> None:
        """A claim for no task changes nothing."""
        await submit(store, "s", task("a"))
        before = await store.dump()

        assert list(await store.work.claim(offer(), limit=0)) == []
        assert await store.dump() == before

    async def test_a_grant_carries_what_its_swarm_asks_for(self, store: InspectableStore) -> None:
        """Each grant has its own swarm's request, with the cap as it stands when it is claimed."""
        await submit(store, "s", task("a"), task("b"), max_agents=1)
        await submit(store, "r", task("a"), max_agents=3)
        first = await claim(store)
        await steer(store, "s", SwarmMove.CAP, max_agents=2)

        (second,) = await claim(store)

        assert {each.token.swarm: each.request.max_agents for each in first} == {"s": 1, "r": 3}
        assert second.request == (await store.registry.swarm(second.token.swarm)).request

    async def test_a_grant_says_whether_its_run_has_steps(self, store: InspectableStore) -> None:
        """A step stands from its intent on; the next run begins without any."""
        await submit(store, "s", task("a"), task("b"))
        first, other = await claim(store)
        await write(store, intent(first.token, "fetch"))
        await store.leases.reclaim(WorkerId("w1"))

        again, unbegun = await claim(store)
        await settle(store, failed(), again)
        await steer(store, "s", SwarmMove.REOPEN, again.token.task)
        anew = await claim_one(store)

        assert not first.has_steps
        assert not other.has_steps
        assert again.has_steps
        assert not unbegun.has_steps
        assert not anew.has_steps
