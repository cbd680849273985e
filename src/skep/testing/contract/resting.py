"""Waiting for a swarm to come to rest: its end, or the moment in which a person must act."""

import asyncio
from collections.abc import Coroutine
from typing import Final

import pytest

from skep.records.errors import SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.outcome import Blocked, HandedBack
from skep.records.purse import Amount, Budget
from skep.records.swarm import Swarm, SwarmMove, SwarmStatus
from skep.records.task import TaskStatus
from skep.testing.acts import claim, claim_one, settle, steer, submit, succeed, write
from skep.testing.clock import ManualClock
from skep.testing.contract.patience import PATIENCE_S, prompt, waiting
from skep.testing.harness import InspectableStore
from skep.testing.samples import intent, many, task

S: Final = SwarmId("s")


def resting(
    store: InspectableStore, patience_s: float = PATIENCE_S
) -> Coroutine[None, None, Swarm]:
    """Wait for swarm `s` to come to rest."""
    return store.registry.rest(S, patience_s=patience_s)


class RestingContract:
    """Invariant 36, by hints: whoever waits for a swarm's end is woken by it, and not before."""

    async def test_it_waits_for_the_end(self, store: InspectableStore) -> None:
        """All that happens before does not end the wait; the last outcome does."""
        await submit(store, "s", task("a"), task("b", "a"))
        waiter = await waiting(resting(store))

        await succeed(store, await claim_one(store))
        assert not (await asyncio.wait([waiter], timeout=0.05))[0]
        await succeed(store, await claim_one(store))

        assert (await prompt(waiter)).status is SwarmStatus.COMPLETED

    async def test_a_cancellation_is_an_end(self, store: InspectableStore) -> None:
        """An order that ends the swarm wakes as well."""
        await submit(store, "s", task("a"))
        waiter = await waiting(resting(store))

        await steer(store, "s", SwarmMove.CANCEL)

        assert (await prompt(waiter)).status is SwarmStatus.CANCELLED

    async def test_what_rests_already_is_read_at_once(self, store: InspectableStore) -> None:
        """Nobody waits for what is so."""
        await submit(store, "s", task("a"))
        await steer(store, "s", SwarmMove.CANCEL)

        assert (await prompt(await waiting(resting(store)))).status is SwarmStatus.CANCELLED

    async def test_a_stalled_swarm_rests(self, store: InspectableStore) -> None:
        """It rests when its last task under way waits for a person."""
        await submit(store, "s", *many(2))
        first, second = await claim(store)
        waiter = await waiting(resting(store))

        await settle(store, Blocked(reason="asks"), first)
        assert not (await asyncio.wait([waiter], timeout=0.05))[0]
        await settle(store, Blocked(reason="asks"), second)

        assert (await prompt(waiter)).counts[TaskStatus.BLOCKED] == len((first, second))

    async def test_an_empty_purse_brings_rest(self, store: InspectableStore) -> None:
        """A swarm that its purse has paused rests as soon as nothing of it runs."""
        await submit(store, "s", task("a"), budget=Budget(requests=0))
        grant = await claim_one(store)
        waiter = await waiting(resting(store))

        await write(store, intent(grant.token, reserve=Amount(requests=1)))
        assert not (await asyncio.wait([waiter], timeout=0.05))[0]
        await settle(store, HandedBack(), grant)

        found = await prompt(waiter)
        assert found.status is SwarmStatus.PAUSED
        assert found.purse.is_empty

    async def test_a_person_s_pause_is_no_rest(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Who paused a swarm will have it go on; patience runs out meanwhile."""
        await submit(store, "s", task("a"))
        await steer(store, "s", SwarmMove.PAUSE)
        waiter = await waiting(resting(store, 0.02))

        clock.advance(1)

        assert (await prompt(waiter)).status is SwarmStatus.PAUSED

    async def test_without_patience_it_only_reads(self, store: InspectableStore) -> None:
        """A swarm at work is read as it is; one that is not there is told of."""
        await submit(store, "s", task("a"))

        assert (await resting(store, 0.0)).status is SwarmStatus.ACTIVE
        with pytest.raises(SwarmNotFound):
            await store.registry.rest(SwarmId("ghost"))
