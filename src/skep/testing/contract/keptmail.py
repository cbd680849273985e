"""What a mailbox keeps of messages that were acknowledged, and what goes with a swarm."""

import pytest

from skep.records.errors import SwarmNotFound
from skep.records.ids import SwarmId
from skep.records.limits import MESSAGES_KEPT_MAX, MESSAGES_KEPT_S
from skep.records.message import MailVerdict
from skep.testing.acts import claim_one, submit, succeed
from skep.testing.clock import ManualClock
from skep.testing.contract.mailing import inboxes
from skep.testing.harness import InspectableStore
from skep.testing.mail import (
    acknowledge,
    dead_of,
    ids,
    mail_of,
    message,
    send,
    take,
    take_one,
)
from skep.testing.samples import task


class KeptMailContract:
    """Invariants 26 and 31: history is bounded, and goes with its swarm."""

    async def test_the_history_is_read_in_order(self, store: InspectableStore) -> None:
        """Messages of all inboxes of a swarm, wherever they stand, in pages that join up."""
        await inboxes(store, "s", "t")
        sent = [message(f"m{n}", to=["s", "s/x", "t"][n % 3], sender=f"a{n}") for n in range(9)]
        numbers = await send(store, *sent)
        await acknowledge(store, *await take(store, "s/x"))

        page = await store.mailbox.read(SwarmId("s"), limit=4)
        rest = await store.mailbox.read(SwarmId("s"), after=page[-1].number)

        assert ids(page) == ["m0", "m1", "m3", "m4"]
        assert ids(rest) == ["m6", "m7"]
        assert [each.number for each in (*page, *rest)] == [numbers[n] for n in (0, 1, 3, 4, 6, 7)]
        with pytest.raises(SwarmNotFound):
            await store.mailbox.read(SwarmId("ghost"))

    async def test_the_history_is_bounded(self, store: InspectableStore) -> None:
        """Of what was acknowledged the last MESSAGES_KEPT_MAX stay, and all that was not."""
        await inboxes(store)
        await send(store, message("held", to="s/x"))
        names = [f"m{n:05}" for n in range(21 * 53)]
        for start in range(0, len(names), 53):
            batch = names[start : start + 53]
            await send(store, *(message(name, sender=name) for name in batch))
            await acknowledge(store, *await take(store))

        found = ids(await mail_of(store))

        assert found == ["held", *names[-MESSAGES_KEPT_MAX:]]

    async def test_the_history_grows_old(self, store: InspectableStore, clock: ManualClock) -> None:
        """What was acknowledged MESSAGES_KEPT_S ago goes with the next change."""
        await inboxes(store, "s", "t")
        await send(store, message("old"), message("held", to="s/x"), message("other", to="t"))
        await acknowledge(store, *await take(store, "s", "t"))
        clock.advance(MESSAGES_KEPT_S - 1)
        await send(store, message("new"))
        await acknowledge(store, *await take(store))
        assert ids(await mail_of(store)) == ["old", "held", "new"]

        clock.advance(2)
        await send(store, message("newer"))

        assert ids(await mail_of(store)) == ["held", "new", "newer"]
        assert ids(await mail_of(store, "t")) == ["other"]

    async def test_an_id_that_is_kept_no_longer_is_a_new_one_at_once(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The first who sends under it is not answered for a message that goes with the answer."""
        await inboxes(store)
        await send(store, message("m"))
        await acknowledge(store, *await take(store))
        clock.advance(MESSAGES_KEPT_S + 1)

        numbers = await send(store, message("m"))

        assert await send(store, message("m")) == numbers
        assert ids(await take(store)) == ["m"]

    async def test_messages_go_with_their_swarm(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A swarm that is forgotten leaves no message, dead or alive, to the next of its name."""
        await submit(store, "s", task("a"))
        await send(store, message("m"), message("d", sender="b", ttl_s=1), message("x", to="s/x"))
        held = await take_one(store)
        await send(store, message("e", sender="c", ttl_s=50))
        await succeed(store, await claim_one(store))
        clock.advance(2)
        assert ids(await dead_of(store)) == ["d"]

        assert await store.retention.forget([SwarmId("s")], before=clock.now()) == [True]

        assert await dead_of(store) == []
        assert await acknowledge(store, held) == [MailVerdict.LOST]
        assert await take(store) == []
        while await store.retention.clear():
            pass
        await inboxes(store)
        clock.advance(100)
        assert await mail_of(store) == []
        assert await dead_of(store) == []
        await send(store, message("m"))
        assert ids(await take(store, "s", "s/x")) == ["m"]
