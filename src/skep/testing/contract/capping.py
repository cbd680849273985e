"""Capping: how many tasks of a swarm run at once, changed while it lives."""

# ruff: noqa: PLR2004 - expected figures are literal

import asyncio

import pytest

from skep.records.errors import IllegalMove, InvalidInput, LimitExceeded, SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.limits import SWARM_AGENTS_MAX
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.testing.acts import (
    claim,
    claim_one,
    events,
    kinds,
    steer,
    submit,
    succeed,
    swarms,
)
from skep.testing.harness import InspectableStore
from skep.testing.samples import many, offer, order, task

CAP = SwarmMove.CAP


async def cap(store: InspectableStore, swarm: str, max_agents: int) -> SwarmStatus:
    """Change a cap, which must be allowed."""
    return await steer(store, swarm, CAP, max_agents=max_agents)


async def cap_of(store: InspectableStore, swarm: str) -> int:
    """Read the cap in force."""
    return (await store.registry.swarm(SwarmId(swarm))).request.max_agents


class CappingContract:
    """Invariants 4 and 29 under a cap that moves."""

    async def test_a_raised_cap_lets_waiting_tasks_start(self, store: InspectableStore) -> None:
        """What the old cap held back is granted at once, up to the new one."""
        await submit(store, "s", *many(5), max_agents=1)
        await claim(store)
        assert await claim(store) == []

        assert await cap(store, "s", 3) is SwarmStatus.ACTIVE

        assert len(await claim(store)) == 2
        assert await claim(store) == []

    async def test_a_raised_cap_wakes_who_waits_for_work(self, store: InspectableStore) -> None:
        """A worker that waits at a full swarm is woken by the new cap, and not by its patience."""
        await submit(store, "s", *many(2), max_agents=1)
        await claim_one(store)
        waiting = asyncio.ensure_future(store.work.claim(offer(), limit=9, patience_s=1e9))
        for _ in range(9):
            await store.registry.swarm(SwarmId("s"))

        await cap(store, "s", 2)

        assert len(await asyncio.wait_for(waiting, 20)) == 1

    async def test_a_lowered_cap_takes_nothing_away(self, store: InspectableStore) -> None:
        """What runs goes on; nothing is granted until fewer run than the cap says."""
        await submit(store, "s", *many(6), max_agents=3)
        grants = await claim(store)

        await cap(store, "s", 1)

        beats = await store.leases.renew([grant.token for grant in grants], lease_s=5.0)
        assert [beat.verdict for beat in beats] == ["held"] * 3
        for grant, granted in zip(grants, (0, 0, 1), strict=True):
            await succeed(store, grant)
            assert len(await claim(store)) == granted

    async def test_a_cap_is_told_and_read(self, store: InspectableStore) -> None:
        """The swarm shows the cap in force, and its log what it was before, and why."""
        await submit(store, "s", task("a"), max_agents=8)

        await steer(store, "s", CAP, max_agents=2, reason="too dear")

        assert await cap_of(store, "s") == 2
        [listed] = await store.registry.swarms()
        assert listed.request.max_agents == 2
        last = (await events(store, "s"))[-1]
        assert (last.kind, last.task) == ("swarm.capped", None)
        assert last.data == {"max_agents": 2, "was": 8, "reason": "too dear"}

    async def test_a_cap_keeps_the_rest_of_the_request(self, store: InspectableStore) -> None:
        """Nothing else of what was asked for changes with the cap."""
        await submit(store, "s", task("a"), max_agents=8, priority=7, timeout_s=60.0)

        await cap(store, "s", 2)

        request = (await store.registry.swarm(SwarmId("s"))).request
        assert (request.objective, request.priority, request.timeout_s) == (
            "Test the store",
            7,
            60.0,
        )

    async def test_the_cap_that_is_so_already_changes_nothing(
        self, store: InspectableStore
    ) -> None:
        """Asking for the cap in force is no event."""
        await submit(store, "s", task("a"), max_agents=2)
        before = await store.dump()

        await cap(store, "s", 2)

        assert await store.dump() == before

    async def test_a_swarm_that_comes_back_is_no_more_than_its_share(
        self, store: InspectableStore
    ) -> None:
        """A swarm whose cap was raised neither catches up on what it missed nor waits for it."""
        await submit(store, "capped", *many(40), max_agents=1)
        await submit(store, "free", *many(40))
        await claim(store, 21)

        await cap(store, "capped", 40)

        assert swarms(await claim(store, 10)).count("capped") in {5, 6}  # it begins at the floor

    async def test_a_lowered_cap_leaves_the_ring_to_others(self, store: InspectableStore) -> None:
        """A swarm over its cap is passed by, and the next one is served."""
        await submit(store, "s", *many(9), max_agents=4, priority=9)
        await submit(store, "t", *many(9))
        while "s" in swarms(await claim(store, 1)):
            pass

        await cap(store, "s", 1)

        assert set(swarms(await claim(store, 5))) == {"t"}

    @pytest.mark.parametrize("move", [SwarmMove.PAUSE, SwarmMove.INTERRUPT])
    async def test_a_swarm_that_rests_is_capped_too(
        self, store: InspectableStore, move: SwarmMove
    ) -> None:
        """A cap set while a swarm grants nothing holds when it goes on."""
        await submit(store, "s", *many(4), max_agents=4)
        status = await steer(store, "s", move)

        assert await cap(store, "s", 2) is status
        assert await claim(store) == []

        await steer(store, "s", SwarmMove.RESUME)
        assert len(await claim(store)) == 2

    async def test_a_cap_outlives_a_retry(self, store: InspectableStore) -> None:
        """A swarm that is done again has the cap that it was given last."""
        await submit(store, "s", *many(3))
        await cap(store, "s", 2)
        while grants := await claim(store):
            await succeed(store, *grants)

        await steer(store, "s", SwarmMove.REOPEN, "t0000", "t0001", "t0002")

        assert len(await claim(store)) == 2

    async def test_a_cap_has_bounds(self, store: InspectableStore) -> None:
        """No task at once, more than the limit, or no number at all is refused by its name."""
        await submit(store, "s", task("a"))
        before = await store.dump()

        none, many_, nothing, ghost = await store.work.steer(
            [
                order("s", CAP, max_agents=0),
                order("s", CAP, max_agents=SWARM_AGENTS_MAX + 1),
                order("s", CAP),
                order("ghost", CAP, max_agents=1),
            ]
        )

        assert isinstance(none, LimitExceeded)
        assert isinstance(many_, LimitExceeded)
        assert type(nothing) is InvalidInput
        assert isinstance(ghost, SwarmNotFound)
        assert await store.dump() == before

    async def test_a_swarm_that_has_ended_has_no_cap_to_change(
        self, store: InspectableStore
    ) -> None:
        """A completed swarm is not capped."""
        await submit(store, "s", task("a"))
        await succeed(store, await claim_one(store))

        [answer] = await store.work.steer([order("s", CAP, max_agents=1)])

        assert isinstance(answer, IllegalMove)

    async def test_a_named_cap_is_set_once(self, store: InspectableStore) -> None:
        """A cap that is repeated by its name does not undo a later one."""
        await submit(store, "s", task("a"))
        await steer(store, "s", CAP, max_agents=2, command="c")
        await cap(store, "s", 5)

        await steer(store, "s", CAP, max_agents=2, command="c")

        assert await cap_of(store, "s") == 5
        assert (await kinds(store, "s")).count("swarm.capped") == 2
