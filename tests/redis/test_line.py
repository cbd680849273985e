"""The line of the commands: answers go to their askers, whatever befalls the others."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.redis.conftest import beside
from tests.servers import RedisProcess

from skep.drivers.redis.line import WRITE_MAX
from skep.drivers.redis.wire import Wire
from skep.records.errors import StoreError, StoreUnavailable

MANY = 3 * WRITE_MAX


@pytest.fixture
async def wire(server: RedisProcess) -> AsyncIterator[Wire]:
    """The connections of one process."""
    wire = Wire(server.url)
    yield wire
    await wire.close()


async def test_each_answer_goes_to_its_asker(wire: Wire) -> None:
    """Many commands under way at once are answered each by its own."""
    words = [str(number) for number in range(MANY)]

    assert await asyncio.gather(*(wire.command("ECHO", word) for word in words)) == words


async def test_commands_are_carried_out_in_the_order_of_asking(wire: Wire) -> None:
    """Who asks first is served first, over as many writes as it takes."""
    asked = [asyncio.create_task(wire.command("RPUSH", "l", str(n))) for n in range(MANY)]

    assert await asyncio.gather(*asked) == list(range(1, MANY + 1))
    assert await wire.command("LRANGE", "l", 0, -1) == [str(n) for n in range(MANY)]


async def test_a_refused_command_refuses_no_other(wire: Wire) -> None:
    """An error is the answer to the one command that it answers."""
    before, wrong, after = await asyncio.gather(
        wire.command("SET", "k", "text"),
        wire.command("INCR", "k"),
        wire.command("GET", "k"),
        return_exceptions=True,
    )

    assert (before, after) == ("OK", "text")
    assert isinstance(wrong, StoreError)


async def test_an_asker_who_leaves_takes_no_answer_along(wire: Wire) -> None:
    """A cancelled call's answer comes, and is nobody's; the next asker has his own."""
    left = [asyncio.create_task(wire.command("ECHO", f"left {n}")) for n in range(5)]
    await asyncio.wait(left, timeout=0)
    for task in left:
        task.cancel()

    assert await wire.command("ECHO", "stayed") == "stayed"
    assert {str(answer) for answer in await asyncio.gather(*left, return_exceptions=True)} == {""}
    assert await wire.commands([("ECHO", "a"), ("ECHO", "b")]) == ["a", "b"]


async def test_a_lost_connection_is_told_to_all_who_wait(server: RedisProcess, wire: Wire) -> None:
    """Whoever was waiting hears of the loss, nobody waits for ever, and the next is served."""
    await wire.command("PING")
    with beside(server.port) as send:
        send("CLIENT", "PAUSE", 60_000, "WRITE")
        waiting = [asyncio.create_task(wire.command("INCR", "n")) for _ in range(MANY)]
        await asyncio.wait(waiting, timeout=0.05)
        server.kill()
        told = await asyncio.gather(*waiting, return_exceptions=True)
    server.start()

    assert {type(each) for each in told} == {StoreUnavailable}
    assert await wire.command("ECHO", "again") == "again"


async def test_what_is_raw_stays_as_it_is(wire: Wire) -> None:
    """Bytes that are no text come back as they were, among answers that are text."""
    content = b"\xff\x00\xfe"
    text, _, raw = await asyncio.gather(
        wire.command("ECHO", "é"), wire.command("SET", "b", content), wire.get_bytes("b")
    )

    assert (text, raw) == ("é", content)


async def test_a_closed_line_says_so(wire: Wire) -> None:
    """What was asked before the end is answered; what comes after is refused."""
    asked = asyncio.create_task(wire.command("ECHO", "last"))
    await asyncio.wait([asked], timeout=0)
    await wire.close()

    assert await asked == "last"
    with pytest.raises(StoreUnavailable, match="closed"):
        await wire.command("PING")
