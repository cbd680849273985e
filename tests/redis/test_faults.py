"""What goes wrong with a server is a typed error, and is over when the server is well again."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Sequence

import pytest
import redis
from tests.redis.conftest import Opened, Raw, again, written
from tests.servers import RedisProcess

from skep.drivers.redis import RedisStore
from skep.records.command import Receipt
from skep.records.errors import StoreUnavailable
from skep.records.ids import SwarmId
from skep.records.lease import Beat, BeatVerdict
from skep.records.values import Digest
from skep.testing.invariants import check
from skep.testing.samples import many, offer, submission

pytestmark = pytest.mark.slow


async def works_again(store: RedisStore, name: str = "after") -> None:
    """See that the very same store object takes and gives work, once errors have passed."""
    for _ in range(3):
        with contextlib.suppress(StoreUnavailable):
            [receipt] = await store.work.submit([submission(name, *many(1))])
            assert isinstance(receipt, Receipt)
            assert await store.work.claim(offer(), limit=100)
            check(await store.dump())
            return
    raise AssertionError("the store did not come back")


async def test_a_killed_server_is_unavailable_and_its_store_works_after_its_restart(
    server: RedisProcess, store: RedisStore
) -> None:
    """Every port says `StoreUnavailable` while the server is gone, five times over."""
    for number in range(5):
        server.kill()
        for ask in (
            lambda: store.work.submit([submission("no", *many(1))]),
            lambda: store.work.claim(offer(), limit=1),
            store.leases.sweep,
            store.registry.swarms,
            lambda: store.registry.tasks(SwarmId("s")),
            lambda: store.blobs.get(Digest("0" * 64)),
        ):
            with pytest.raises(StoreUnavailable):
                await ask()
        server.start()
        await works_again(store, f"round{number}")


async def test_a_kill_in_the_midst_of_calls_leaves_each_whole_or_absent(
    server: RedisProcess, store: RedisStore
) -> None:
    """Submissions cut off by the kill are all there or not at all; repeated, they are all there."""
    bodies = [submission(f"s{number}", *many(40)) for number in range(60)]

    async def submit_all() -> None:
        for body in bodies:
            await store.work.submit([body])

    submitting = asyncio.create_task(submit_all())
    while not await store.registry.swarms(limit=20):
        pass
    server.kill()
    with pytest.raises(StoreUnavailable):
        await submitting
    server.start()

    await again(store.leases.sweep)
    check(await store.dump())
    await submit_all()
    assert len(await store.registry.swarms(limit=100)) == 60
    check(await store.dump())


@pytest.mark.parametrize(
    "harm",
    [
        [("FLUSHALL",)],
        [("SCRIPT", "FLUSH")],
        [("FUNCTION", "FLUSH")],
        [("CLIENT", "KILL", "TYPE", kind) for kind in ("normal", "pubsub")],
    ],
    ids=["FLUSHALL", "SCRIPT FLUSH", "FUNCTION FLUSH", "CLIENT KILL"],
)
async def test_a_store_outlives_what_an_operator_does(
    store: RedisStore, raw: Raw, harm: Sequence[Sequence[str]]
) -> None:
    """At most one call fails, with a typed error; the store works on."""
    await works_again(store, "before")

    with contextlib.suppress(redis.ConnectionError):
        for words in harm:
            raw(*words)

    await works_again(store)


async def test_waiting_claims_hear_hints_again_after_their_connection_was_killed(
    store: RedisStore, raw: Raw
) -> None:
    """The subscription is made anew, and topics that could not be asked for are asked for."""
    assert not await store.work.claim(offer(), limit=1, patience_s=0.05)
    raw("CLIENT", "KILL", "TYPE", "pubsub")
    while raw("PUBSUB", "NUMSUB", "swarm:tasks")[1] == 0:
        assert not await store.work.claim(offer(), limit=1, patience_s=0.1)

    waiting = asyncio.create_task(store.work.claim(offer(), limit=1, patience_s=20))
    await store.work.submit([submission("s", *many(1))])

    assert len(await waiting) == 1


@pytest.mark.usefixtures("short_patience")
async def test_a_server_that_sleeps_is_unavailable_and_answers_are_not_mixed_up(
    server: RedisProcess, opened: Opened, raw: Raw
) -> None:
    """A call beyond the time-out fails; what it did is found done by its repetition."""
    store = await opened(server.url)
    sleeping = threading.Thread(target=raw, args=("DEBUG", "SLEEP", "0.8"))
    sleeping.start()
    await asyncio.wait_for(asyncio.gather(*[asyncio.to_thread(_is_asleep, server.port)]), 5)

    with pytest.raises(StoreUnavailable):
        await store.work.submit([submission("s", *many(1))])
    sleeping.join()

    [receipt] = await store.work.submit([submission("s", *many(1))])
    assert isinstance(receipt, Receipt)
    await works_again(store)


@pytest.mark.usefixtures("short_patience")
async def test_all_who_wait_for_a_server_that_sleeps_hear_of_it(
    server: RedisProcess, opened: Opened, raw: Raw
) -> None:
    """Nobody waits for as many time-outs as there are callers before it."""
    store = await opened(server.url)
    sleeping = await put_to_sleep(server, raw)

    answers = await asyncio.gather(
        *[store.leases.sweep() for _ in range(20)], return_exceptions=True
    )

    assert {type(answer) for answer in answers} == {StoreUnavailable}
    sleeping.join()
    await works_again(store)


@pytest.mark.usefixtures("short_patience")
async def test_a_first_wait_for_work_is_no_wait_for_a_server_that_sleeps(
    server: RedisProcess, opened: Opened, raw: Raw
) -> None:
    """The connection for hints, made by then, gives up like any other."""
    store = await opened(server.url)
    sleeping = await put_to_sleep(server, raw)

    with pytest.raises(StoreUnavailable):
        await store.work.claim(offer(), limit=1, patience_s=0.1)
    assert sleeping.is_alive()

    sleeping.join()
    await works_again(store)


async def put_to_sleep(server: RedisProcess, raw: Raw) -> threading.Thread:
    """Have the server hang for 3 s; gives the thread that waits for its end."""
    sleeping = threading.Thread(target=raw, args=("DEBUG", "SLEEP", "3"))
    sleeping.start()
    await asyncio.wait_for(asyncio.to_thread(_is_asleep, server.port), 5)
    return sleeping


def _is_asleep(port: int) -> None:
    """Wait until the server accepts and does not answer."""
    while True:
        with socket.create_connection(("127.0.0.1", port)) as probe:
            probe.settimeout(0.1)
            probe.sendall(b"PING\r\n")
            try:
                probe.recv(16)
            except TimeoutError:
                return


async def test_a_full_memory_refuses_whole_calls(store: RedisStore, raw: Raw) -> None:
    """Nothing is half-written; reading goes on; with more memory everything works again."""
    await store.work.submit([submission("s", *many(3))])
    [grant] = await store.work.claim(offer(), limit=1)
    raw("CONFIG", "SET", "maxmemory", 1)

    for body in (submission("t", *many(3)), submission("u", *many(300))):
        with pytest.raises(StoreUnavailable):
            await store.work.submit([body])
    with pytest.raises(StoreUnavailable):
        await store.work.claim(offer(), limit=1)

    check(await store.dump())
    raw("CONFIG", "SET", "maxmemory", 0)
    [beat] = await store.leases.renew([grant.token], lease_s=5)
    assert beat.verdict is BeatVerdict.HELD
    await works_again(store)


async def test_memory_that_fills_up_while_a_large_plan_comes_in_leaves_nothing_that_runs(
    store: RedisStore, raw: Raw
) -> None:
    """The repetition completes it."""
    used = raw("INFO", "memory").partition("used_memory:")[2].partition("\n")[0]
    raw("CONFIG", "SET", "maxmemory", int(used) + 500_000)
    body = submission("s", *many(5_000))

    with pytest.raises(StoreUnavailable):
        await store.work.submit([body])

    check(await store.dump())
    assert not await store.registry.swarms()
    raw("CONFIG", "SET", "maxmemory", 0)
    assert isinstance((await store.work.submit([body]))[0], Receipt)
    check(await store.dump())


async def test_the_heartbeats_thread_introduces_itself_too(
    server: RedisProcess, store: RedisStore
) -> None:
    """After a restart the first to call may be the thread that renews leases."""
    await store.work.submit([submission("s", *many(1))])
    [grant] = await store.work.claim(offer(), limit=1)
    written(server.port)
    server.kill()
    server.start()

    async def renewed() -> Sequence[Beat]:
        return await again(lambda: store.leases.renew([grant.token], lease_s=5))

    [beat] = await asyncio.to_thread(lambda: asyncio.run(renewed()))

    assert beat.verdict is BeatVerdict.HELD
    await works_again(store)
