"""A backup holds the messages of a store, and a restore begins a new life with them (15, 26)."""

from pathlib import Path

import pytest
from tests.keeping.conftest import Place, Places, inspected

from skep.drivers.system import SystemClock
from skep.ports.inspection import Dump
from skep.records.message import Delivery, MailVerdict
from skep.testing.acts import submit
from skep.testing.invariants import check
from skep.testing.mail import (
    acknowledge,
    dead_of,
    give_back,
    ids,
    message,
    send,
    take,
)

pytestmark = pytest.mark.slow
TTL_S = 0.05


async def lived(place: Place) -> tuple[Dump, list[Delivery]]:
    """Have messages in every state; gives what is with a reader."""
    async with await place.open() as store:
        await submit(store, "s", sealed=False)
        names = ("waits", "held", "done", "rests", "dead", "dies")
        await send(
            store,
            *(message(name, to=f"s/{name}", sender=name) for name in names[:4]),
            message("next", to="s/held", sender="held"),
            message("dead", to="s/dead", ttl_s=TTL_S),
            message("dies", to="s/dies", ttl_s=2.0),
        )
        held = list(await take(store, "s/held", lease_s=60))
        await acknowledge(store, *await take(store, "s/done"))
        await give_back(store, *await take(store, "s/rests"), delay_s=3600)
        await SystemClock().sleep(TTL_S)
        assert ids(await dead_of(store)) == ["dead"]
        return await inspected(store), held


async def test_messages_come_back(places: Places, tmp_path: Path) -> None:
    """Each stands where it stood, and the next one bears a number of its own."""
    before, _ = await lived(places.here)
    await places.here.back_up(tmp_path / "backup")
    await places.there.restore(tmp_path / "backup")

    async with await places.there.open() as store:
        after = await inspected(store)
        check(after)
        assert after.messages == before.messages
        assert ids(await take(store, "s/waits", "s/held", "s/rests")) == ["waits"]
        [number] = await send(store, message("new"))
        assert number > max(posted.number for posted in before.messages)
        await SystemClock().sleep(2.0)
        assert ids(await dead_of(store)) == ["dies", "dead"]
        assert await store.mailbox.replay([(await dead_of(store))[0].ref]) == [True]


async def test_a_reader_of_before_has_lost_its_message(places: Places, tmp_path: Path) -> None:
    """A token of another life is refused; the message is given out again when its lease is over."""
    _, held = await lived(places.here)
    await places.here.back_up(tmp_path / "backup")
    await places.there.restore(tmp_path / "backup")

    async with await places.there.open() as store:
        assert await acknowledge(store, *held) == [MailVerdict.LOST]
        assert await give_back(store, *held) == [MailVerdict.LOST]
