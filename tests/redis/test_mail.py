"""Messages on Redis: announced on the seed's channels, and nothing left where nothing is."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from tests.redis.conftest import Raw, again, written
from tests.servers import RedisProcess

from skep.drivers.redis import RedisStore
from skep.drivers.redis.mailbox import BATCH
from skep.drivers.system import SystemClock
from skep.hive.postman import Postman
from skep.records.ids import SwarmId
from skep.records.message import Address, Channel, Message, address_of
from skep.records.swarm import SwarmMove
from skep.testing.acts import steer, submit
from skep.testing.mail import acknowledge, ids, mail_of, message, send, take

pytestmark = pytest.mark.slow

CHANNELS = ("swarm:s", *Channel)


Heard = Callable[[int], list[tuple[str, dict[str, str]]]]
"""Waits for so many announcements: channel and text."""


@pytest.fixture
def heard(server: RedisProcess) -> Iterator[Heard]:
    """A subscriber who knows nothing of Skep, on every channel."""
    untyped: Any = redis.Redis
    with untyped(port=server.port, decode_responses=True) as client:
        subscription = client.pubsub(ignore_subscribe_messages=True)
        subscription.subscribe(*CHANNELS)
        for _ in CHANNELS:
            subscription.get_message(timeout=5)

        def wait_for(count: int) -> list[tuple[str, dict[str, str]]]:
            found: list[tuple[str, dict[str, str]]] = []
            while len(found) < count:
                told = subscription.get_message(timeout=5)
                assert told is not None, found
                if told["data"].startswith("{"):
                    found.append((told["channel"], json.loads(told["data"])))
            return sorted(found, key=str)

        yield wait_for


async def test_a_message_is_announced_on_the_channels_of_the_seed(
    store: RedisStore, heard: Heard
) -> None:
    """On the swarm's own, on that of agents, and on that of its type; without what it says."""
    await submit(store, "s", sealed=False)
    sent = message("m", to="s/scout", sender="t", type="task_assignment", payload="secret")

    await send(store, sent)

    told = {"id": "m", "type": "task_assignment", "from": "t", "to": "s/scout"}
    channels = ("swarm:agents", "swarm:s", "swarm:tasks")
    assert heard(3) == [(channel, told) for channel in channels]


async def test_a_broadcast_is_announced_once_to_all(store: RedisStore, heard: Heard) -> None:
    """Its copies are announced together, on the channel of everyone."""
    for swarm in ("s", "t"):
        await submit(store, swarm, sealed=False)
    copies = [message("m", to=swarm, is_broadcast=True) for swarm in ("s", "t")]

    await send(store, *copies)

    told = {"id": "m", "type": "announcement", "from": "a", "to": "*"}
    assert heard(2) == [("swarm:events", told), ("swarm:global", told)]


async def test_a_message_wakes_no_worker(store: RedisStore, raw: Raw) -> None:
    """The announcement on `swarm:tasks` is no work, and a worker does not look for any."""
    await submit(store, "s", sealed=False)
    bell = store.desk.watch.bell
    before = bell.heard("swarm:tasks")
    await store.desk.listen("swarm:tasks")

    await send(store, message("m", type="task_assignment"))
    raw("PUBLISH", "swarm:tasks", "")

    assert await bell.wait("swarm:tasks", since=before, patience_s=10)
    assert bell.heard("swarm:tasks") == before + 1


async def test_a_swarm_without_messages_has_no_keys_for_them(store: RedisStore, raw: Raw) -> None:
    """An idle mailbox costs nothing, and a forgotten one leaves nothing."""
    await submit(store, "s", sealed=False)
    assert raw("KEYS", "*mail*") == []
    await send(store, message("m"), message("n", sender="b", ttl_s=60), message("d", to="s/x"))
    await acknowledge(store, *await take(store, "s/x"))

    await steer(store, "s", SwarmMove.CANCEL)
    await SystemClock().sleep(0.01)
    await store.retention.forget([SwarmId("s")], before=SystemClock().now())
    while await store.retention.clear():
        pass

    assert raw("KEYS", "*mail*") == ["skep:mail:last"]


async def test_large_batches_are_sent_in_pieces(store: RedisStore) -> None:
    """No call carries more than a piece, and the answers come in the order of the messages."""
    await submit(store, "s", sealed=False)
    many = [message(f"m{n}", sender=f"a{n}") for n in range(2 * BATCH + 3)]

    numbers = await send(store, *many)
    found = [each for _ in range(5) for each in await take(store)]
    verdicts = await acknowledge(store, *found)

    assert numbers == sorted(numbers)
    assert ids(found) == [each.id for each in many]
    assert set(verdicts) == {"ok"}
    assert len(verdicts) == len(many)


async def test_messages_outlive_a_restart_of_the_server(
    store: RedisStore, server: RedisProcess
) -> None:
    """A reader goes on under its token, and nothing is given out before the file is proved."""
    await submit(store, "s", sealed=False)
    await send(store, message("m"), message("n"), message("other", sender="b"))
    [held] = await take(store, limit=1, lease_s=60)
    written(server.port)

    server.kill()
    server.start()

    assert ids(await again(lambda: take(store))) == ["other"]
    assert await acknowledge(store, held) == ["ok"]
    assert ids(await take(store)) == ["n"]
    assert [posted.state for posted in await mail_of(store)] == ["acknowledged", "taken", "taken"]


async def test_fifty_inboxes_need_no_more_connections(store: RedisStore, raw: Raw) -> None:
    """However many swarms a process reads for, it speaks over the same three connections."""
    heard = asyncio.Event()

    async def deliver(_: Message) -> None:
        heard.set()

    async with Postman(store.mailbox, SystemClock()) as postman:
        for number in range(50):
            await submit(store, f"s{number}", sealed=False)
            postman.serve(address_of(f"s{number}"), deliver)
        await send(store, message("m", to="s49"))
        async with asyncio.timeout(20):
            await heard.wait()
        clients = raw("CLIENT", "LIST").strip().splitlines()

    own = [each for each in clients if "cmd=client" not in each]
    assert len(own) <= 3


async def test_who_reads_for_thousands_asks_for_those_that_rang(
    store: RedisStore, server: RedisProcess
) -> None:
    """Once all had nothing, a look names only the inboxes whose channels rang."""
    names = [f"s{number:04}" for number in range(3_000)]
    await submit(store, names[-1], sealed=False)
    receivers = tuple(Address(swarm=SwarmId(name)) for name in names)
    untyped: Any = redis.Redis
    with untyped(port=server.port) as client:
        assert await store.mailbox.take(receivers, limit=9, lease_s=5, patience_s=0.01) == []
        before = client.info("stats")["total_net_input_bytes"]

        for number in range(20):
            await send(store, message(f"m{number}", to=names[-1]))
            found = await store.mailbox.take(receivers, limit=9, lease_s=5, patience_s=30)
            await acknowledge(store, *found)
            assert ids(found) == [f"m{number}"]

        grown = client.info("stats")["total_net_input_bytes"] - before
    assert grown < 20 * 30_000, "half of what naming all of them each time would take"
