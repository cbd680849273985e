"""A worker's identity is held by one live process among all hosts."""

import asyncio
import subprocess
import sys

import pytest
from tests.redis.conftest import Opened, Raw
from tests.servers import RedisProcess

from skep.drivers.redis import RedisStore
from skep.drivers.redis.identity import process_name
from skep.records.errors import IdentityInUse
from skep.records.ids import WorkerId

pytestmark = pytest.mark.slow

WORKER = WorkerId("w1")


async def test_a_second_holder_is_refused_until_the_first_lets_go(
    server: RedisProcess, store: RedisStore, opened: Opened
) -> None:
    """Another process, or another store of the same process, cannot have it."""
    other = await opened(server.url)
    async with store.held_identity(WORKER):
        with pytest.raises(IdentityInUse):
            await other.held_identity(WORKER).__aenter__()

    async with other.held_identity(WORKER):
        pass


async def test_the_lease_is_renewed_and_runs_out_on_another_host(
    server: RedisProcess, store: RedisStore, opened: Opened, raw: Raw
) -> None:
    """Renewed, it outlives its length; a host that is gone holds it no longer than that."""
    async with store.held_identity(WORKER, lease_s=0.3):
        first = raw("HGET", "skep:identity:w1", "until")
        while raw("HGET", "skep:identity:w1", "until") == first:
            await asyncio.wait({asyncio.create_task(store.leases.sweep())})
        raw("HSET", "skep:identity:w2", "owner", "b/n/1/1/x", "until", "1.0")
        async with store.held_identity(WorkerId("w2")):
            pass


async def test_a_process_that_was_killed_on_this_host_is_replaced_at_once(
    server: RedisProcess, store: RedisStore, raw: Raw
) -> None:
    """Its process is seen to be gone, though its lease runs for a long time yet."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as held:
        owner = f"{process_name(held.pid)}/nonce"
        until = int(raw("TIME")[0]) + 60
        raw("HSET", "skep:identity:w1", "owner", owner, "until", until)
        with pytest.raises(IdentityInUse):
            await store.held_identity(WORKER).__aenter__()
        held.kill()

    async with store.held_identity(WORKER):
        pass


async def test_whoever_lost_the_identity_is_stopped(store: RedisStore, raw: Raw) -> None:
    """The body of the context is cancelled, and the context says why."""

    async def work() -> None:
        async with store.held_identity(WORKER, lease_s=0.3):
            until = int(raw("TIME")[0]) + 60
            raw("HSET", "skep:identity:w1", "owner", "b/n/1/1/x", "until", until)
            await asyncio.Event().wait()

    with pytest.raises(IdentityInUse):
        await work()
