"""The index of dead letters holds what failed and nothing else, and is rebuilt when it does not."""

import pytest
from tests.redis.conftest import Raw

from skep.drivers.redis import RedisStore
from skep.drivers.redis.letters import INDEX
from skep.records.swarm import SwarmMove
from skep.testing.acts import (
    all_dead_letters,
    claim,
    claim_one,
    settle,
    steer,
    submit,
    succeed,
)
from skep.testing.samples import failed, many

pytestmark = pytest.mark.slow


async def test_a_replayed_letter_leaves_the_index(store: RedisStore, raw: Raw) -> None:
    """What was replayed takes no room in the index, whatever it comes to."""
    await submit(store, "s", *many(3))
    await settle(store, failed(), *await claim(store))

    await steer(store, "s", SwarmMove.REOPEN, "t0000", "t0001", is_replay=True)
    await succeed(store, await claim_one(store))

    assert raw("ZRANGE", INDEX, 0, -1) == ["s/000002/t0002"]


async def test_a_letter_that_was_lost_is_brought_back(store: RedisStore, raw: Raw) -> None:
    """An index with a hole is rebuilt, and one that is whole is left alone."""
    await submit(store, "s", *many(3))
    await settle(store, failed(), *await claim(store))
    before = await all_dead_letters(store)

    raw("ZREM", INDEX, "s/000001/t0001")
    await store.leases.reconcile()

    assert await all_dead_letters(store) == before
