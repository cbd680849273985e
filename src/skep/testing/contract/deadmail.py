"""Messages that are given up: after their tries or their time, listed with why, and replayed."""

from skep.records.errors import MessageNotFound
from skep.records.limits import MESSAGE_TRIES_MAX
from skep.records.message import Delivery, MailVerdict, MessageState, ref_of
from skep.testing.acts import submit
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.mail import (
    LEASE_S,
    acknowledge,
    dead_of,
    give_back,
    ids,
    mail_of,
    message,
    send,
    take,
    take_one,
)


class DeadMailContract:
    """Invariant 26: no message is dropped; what cannot be delivered is kept, and told."""

    async def test_a_message_that_fails_again_and_again_is_dead(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """After MESSAGE_TRIES_MAX failures it is listed with its reason, and the next comes."""
        await submit(store, "s", sealed=False)
        await send(store, message("poison"), message("next"))

        for tries in range(1, MESSAGE_TRIES_MAX + 1):
            held = await take_one(store)
            assert (held.message.id, held.tries) == ("poison", tries)
            await give_back(store, held, reason=f"broke {tries}")

        [dead] = await dead_of(store)
        assert (dead.state, dead.tries) == (MessageState.DEAD, MESSAGE_TRIES_MAX)
        assert (dead.reason, dead.ended_at) == (f"broke {MESSAGE_TRIES_MAX}", clock.now())
        assert ids(await take(store)) == ["next"]

    async def test_a_message_that_kills_its_readers_is_dead(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Leases that run out are tries as well, and the last reader is late then."""
        await submit(store, "s", sealed=False)
        await send(store, message("poison"), message("next"))

        held = [await _out_of_time(store, clock) for _ in range(MESSAGE_TRIES_MAX)]
        assert ids(held) == ["poison"] * MESSAGE_TRIES_MAX

        assert ids(await take(store)) == ["next"]
        [dead] = await dead_of(store)
        assert (dead.message.id, dead.tries) == ("poison", MESSAGE_TRIES_MAX)
        assert "5 tries" in dead.reason
        assert await acknowledge(store, held[-1]) == [MailVerdict.LOST]

    async def test_the_last_try_may_come_late(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """As long as nobody looked again, the last reader's acknowledgement counts."""
        await submit(store, "s", sealed=False)
        await send(store, message("m"))
        held = [await _out_of_time(store, clock) for _ in range(MESSAGE_TRIES_MAX)]

        assert await acknowledge(store, held[-1]) == [MailVerdict.OK]
        assert await dead_of(store) == []

    async def test_a_message_dies_when_its_time_is_over(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Wherever it stands in its line, and whether anybody reads the inbox or not."""
        await submit(store, "s", sealed=False)
        await send(
            store,
            message("first", ttl_s=5),
            message("second", ttl_s=3),
            message("third"),
            message("rests", sender="b", ttl_s=4),
        )
        clock.advance(2)
        await give_back(store, (await take(store))[1], delay_s=60)
        clock.advance(1)
        assert ids(await dead_of(store)) == ["second"]
        clock.advance(1)
        assert ids(await dead_of(store)) == ["rests", "second"]

        clock.advance(3.5)
        found = await take(store)

        assert ids(found) == ["third"]
        dead = await dead_of(store)
        assert ids(dead) == ["rests", "second", "first"]
        assert {each.reason for each in dead} == {"its time was over"}

    async def test_a_reader_in_time_may_take_its_time(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Under its lease a message outlives its time; when that is over, it does not."""
        await submit(store, "s", sealed=False)
        await send(store, message("m", ttl_s=2), message("n", sender="b", ttl_s=2))
        first, second = await take(store)
        clock.advance(3)

        assert await dead_of(store) == []
        assert await acknowledge(store, first) == [MailVerdict.OK]
        assert await store.mailbox.renew([second.token], lease_s=LEASE_S) == [MailVerdict.OK]
        clock.advance(4)
        assert await dead_of(store) == []
        clock.advance(2)
        assert ids(await dead_of(store)) == ["n"]
        assert await acknowledge(store, second) == [MailVerdict.LOST]

    async def test_dead_messages_are_paged(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Of all swarms or of one, the highest number first, in pages that join up."""
        await submit(store, "s", sealed=False)
        await submit(store, "t", sealed=False)
        sent = [message(f"m{n}", to="st"[n % 2], sender=f"a{n}", ttl_s=9 - n) for n in range(8)]
        await send(store, *sent)
        clock.advance(10)

        assert ids(await dead_of(store, limit=3)) == [f"m{n}" for n in range(7, -1, -1)]
        assert ids(await dead_of(store, "t", limit=1)) == ["m7", "m5", "m3", "m1"]
        assert await dead_of(store, "ghost") == []

    async def test_a_replayed_message_begins_anew(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Under its id and behind the others of its sender, with all its tries and its time."""
        await submit(store, "s", sealed=False)
        await send(store, message("m", ttl_s=2), message("n"), message("other", sender="b"))
        clock.advance(3)
        [dead] = await dead_of(store)

        assert await store.mailbox.replay([dead.ref]) == [True]

        assert await dead_of(store) == []
        last = (await mail_of(store))[-1]
        assert last.number > dead.number + 2
        assert (last.message, last.state, last.tries) == (dead.message, MessageState.WAITING, 0)
        assert (last.reason, last.expires_at, last.ended_at) == ("", clock.now() + 2, None)
        first = await take(store)
        assert ids(first) == ["n", "other"]
        await acknowledge(store, *first)
        again = await take_one(store)
        assert (again.message.id, again.tries) == ("m", 1)

    async def test_only_the_dead_are_replayed(self, store: InspectableStore) -> None:
        """What lives or is done with stays as it is, and what is not there is missing."""
        await submit(store, "s", sealed=False)
        sent = [message(name, sender=name) for name in ("waits", "taken", "done")]
        await send(store, *sent)
        _, _, done = await take(store)
        await acknowledge(store, done)
        before = await store.dump()

        answers = await store.mailbox.replay(
            [*map(ref_of, sent), ref_of(message("ghost")), ref_of(message("m", to="ghost"))]
        )

        assert answers[:3] == [False] * 3
        assert [type(answer) for answer in answers[3:]] == [MessageNotFound] * 2
        assert await store.dump() == before

    async def test_a_replayed_message_may_die_again(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Its time counts from the replay, and it is listed once."""
        await submit(store, "s", sealed=False)
        await send(store, message("m", ttl_s=2))
        for _ in range(3):
            clock.advance(1.5)
            assert await dead_of(store) == []
            clock.advance(1)
            [dead] = await dead_of(store)
            await store.mailbox.replay([dead.ref])

        assert len((await store.dump()).messages) == 1


async def _out_of_time(store: InspectableStore, clock: ManualClock) -> Delivery:
    """Take a message, and let its lease run out."""
    held = await take_one(store)
    clock.advance(LEASE_S + 1)
    return held
