"""Messages: accepted once, delivered until acknowledged, in the order of each sender."""

from collections.abc import Coroutine, Sequence
from dataclasses import replace

import pytest

from skep.records.command import ReceiptVerdict
from skep.records.errors import (
    ArtifactNotFound,
    CommandConflict,
    InboxFull,
    InvalidInput,
    LimitExceeded,
    SwarmClosed,
    SwarmNotFound,
)
from skep.records.ids import SwarmId
from skep.records.limits import (
    INBOX_MAX,
    RECEIVERS_MAX,
    SECONDS_MAX,
    TAKE_MAX,
    VALUE_BYTES_MAX,
)
from skep.records.message import (
    Delivery,
    MailVerdict,
    MessageState,
    MessageType,
    Postmark,
    address_of,
    ref_of,
    stamped,
)
from skep.records.swarm import SwarmMove
from skep.records.values import BlobRef, blob_digest
from skep.testing.acts import claim_one, steer, submit, succeed
from skep.testing.clock import ManualClock
from skep.testing.contract.patience import PATIENCE_S, prompt, waiting
from skep.testing.harness import Harness, InspectableStore
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
from skep.testing.samples import task

OK, ALREADY, LOST = MailVerdict.OK, MailVerdict.ALREADY, MailVerdict.LOST


async def inboxes(store: InspectableStore, *swarms: str) -> None:
    """Have live swarms that can be written to."""
    for swarm in swarms or ("s",):
        await submit(store, swarm, sealed=False)


def patient(store: InspectableStore) -> Coroutine[None, None, Sequence[Delivery]]:
    """Take one message to either of two swarms, and wait for it."""
    to = [address_of("s"), address_of("t")]
    return store.mailbox.take(to, limit=1, lease_s=LEASE_S, patience_s=PATIENCE_S)


class SendingContract:
    """Invariants 16, 26 and 29: what is accepted, and once."""

    async def test_a_message_arrives_as_it_was_sent(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Payload and envelope reach the reader whole, with the time of the sending."""
        await inboxes(store)
        sent = message(
            "m:1",
            to="s/scout",
            sender="far/lead",
            type=MessageType.TASK_ASSIGNMENT,
            payload={"task": ["é", 1.5, None, True], "deep": {"a": []}},
            priority=7,
            correlation="q.0",
            reply_to=address_of("far/lead.1"),
            ttl_s=90,
            is_broadcast=True,
        )

        [number] = await send(store, sent)
        clock.advance(1)
        [delivery] = await take(store, "s/scout")

        [posted] = await mail_of(store)
        assert delivery.message == posted.message == stamped(sent, at=clock.now() - 1)
        assert (delivery.tries, delivery.token.ref) == (1, ref_of(sent))
        assert (posted.number, posted.state) == (number, MessageState.TAKEN)
        assert posted.due_at == clock.now() + LEASE_S
        assert posted.expires_at == clock.now() - 1 + 90

    async def test_a_message_sent_twice_arrives_once(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """While it waits, is taken, is dead or is history, a repeat changes nothing."""
        await inboxes(store)
        sent = [message("m"), message("dead", sender="b", ttl_s=1)]
        numbers = await send(store, *sent)
        repeated = [Postmark(verdict=ReceiptVerdict.ALREADY, number=each) for each in numbers]

        assert await store.mailbox.send(sent) == repeated
        delivery = await take_one(store)
        assert await store.mailbox.send(sent) == repeated
        await acknowledge(store, delivery)
        clock.advance(2)
        assert ids(await dead_of(store)) == ["dead"]
        before = await store.dump()
        assert await store.mailbox.send(sent) == repeated

        assert await store.dump() == before
        assert await take(store) == []

    async def test_an_id_stands_for_one_message(self, store: InspectableStore) -> None:
        """Another message under the id is refused; in another inbox the id is free."""
        await inboxes(store, "s", "t")
        await send(store, message("m"))

        others = [message("m", payload=2), message("m", sender="b"), message("m", ttl_s=3)]
        answers = await store.mailbox.send(others)

        assert [type(answer) for answer in answers] == [CommandConflict] * 3
        await send(store, message("m", to="s/scout"), message("m", to="t"))
        assert ids((await store.dump()).messages) == ["m", "m", "m"]

    async def test_messages_are_answered_one_by_one(self, store: InspectableStore) -> None:
        """A refused message leaves its neighbours alone."""
        await inboxes(store)
        sent = [message("a"), message("b", to="ghost"), message(" "), message("c")]

        answers = await store.mailbox.send(sent)

        kinds = [type(answer) for answer in answers]
        assert kinds == [Postmark, SwarmNotFound, InvalidInput, Postmark]
        assert ids(await mail_of(store)) == ["a", "c"]

    async def test_what_no_store_takes_is_refused(self, store: InspectableStore) -> None:
        """Each refusal says what is wrong, and nothing is stored."""
        await inboxes(store)
        bad = {
            "VALUE_BYTES_MAX": message("m", payload="p" * VALUE_BYTES_MAX),
            "NAME_CHARS_MAX": message("m" * 121),
            "id of a message": message("no way"),
            "type of a message": message("m", type="a b"),
            "agent of a message": message("m", to="s/a b"),
            "surrogate pair": message("m", payload="\ud800"),
            "no JSON": message("m", payload=float("nan")),
            "priority": message("m", priority=10),
            "SECONDS_MAX": message("m", ttl_s=SECONDS_MAX + 1),
        }

        answers = await store.mailbox.send(list(bad.values()))

        for words, answer in zip(bad, answers, strict=True):
            assert isinstance(answer, InvalidInput | LimitExceeded), words
            assert words in answer.message
        assert (await store.dump()).messages == []

    async def test_a_swarm_that_has_ended_takes_no_messages(self, store: InspectableStore) -> None:
        """Nobody would read them; what it was sent before stays, and reopened it takes more."""
        await submit(store, "s", task("a"))
        await send(store, message("early"))
        await succeed(store, await claim_one(store))

        [late, repeated] = await store.mailbox.send([message("late"), message("early")])

        assert isinstance(late, SwarmClosed)
        assert isinstance(repeated, Postmark)
        await steer(store, "s", SwarmMove.REOPEN, "a")
        await send(store, message("late"))
        assert ids(await mail_of(store)) == ["early", "late"]

    async def test_a_content_that_a_message_refers_to_is_kept(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A payload by hash must be there, and is there as long as its swarm."""
        await inboxes(store)
        content = b'"large"'
        ref = BlobRef(digest=blob_digest(content), size_bytes=len(content)).as_json()
        sent = message("m", payload=ref)

        [refused] = await store.mailbox.send([sent])
        await store.blobs.put([content])
        await send(store, sent)

        assert isinstance(refused, ArtifactNotFound)
        clock.advance(10)
        assert (await store.retention.drop_blobs(clock.now())).blobs == 0

    async def test_a_full_inbox_refuses(self, store: InspectableStore) -> None:
        """At INBOX_MAX the sender is told; another inbox is free, and an end makes room."""
        await inboxes(store)
        for start in range(0, INBOX_MAX, 500):
            await send(store, *(message(f"m{start + n}") for n in range(500)))

        [refused] = await store.mailbox.send([message("more")])
        await send(store, message("more", to="s/scout"))

        assert isinstance(refused, InboxFull)
        assert (refused.to, refused.allowed) == ("s", INBOX_MAX)
        await acknowledge(store, await take_one(store))
        await send(store, message("more"))
        [refused] = await store.mailbox.send([message("again")])
        assert isinstance(refused, InboxFull)


class TakingContract:
    """Invariant 26: delivered until acknowledged, in order per sender."""

    async def test_the_next_of_a_sender_waits_for_the_one_before(
        self, store: InspectableStore
    ) -> None:
        """One message of each sender is out at a time, and they come in their order."""
        await inboxes(store)
        await send(store, message("a1"), message("a2"), message("b1", sender="b"), message("a3"))

        first = await take(store)
        assert ids(first) == ["a1", "b1"]
        assert await take(store) == []
        assert await acknowledge(store, *first) == [OK, OK]
        second = await take(store)
        assert ids(second) == ["a2"]
        await give_back(store, *second)
        assert ids(await take(store)) == ["a2"]

    async def test_an_agent_of_another_swarm_is_another_sender(
        self, store: InspectableStore
    ) -> None:
        """A sender is a swarm with an agent: nobody waits for a namesake."""
        await inboxes(store)
        senders = ["a", "a/x", "b/x", "/x"]
        await send(store, *(message(f"m{n}", sender=each) for n, each in enumerate(senders)))

        assert ids(await take(store)) == ["m0", "m1", "m2", "m3"]

    async def test_every_address_is_an_inbox(self, store: InspectableStore) -> None:
        """What is sent to a swarm is not for its agents, and the other way round."""
        await inboxes(store, "s", "t")
        await send(store, message("one"), message("two", to="s/x"), message("three", to="t"))

        assert ids(await take(store, "s/x")) == ["two"]
        assert ids(await take(store, "s/y", "ghost")) == []
        assert ids(await take(store, "t", "s")) == ["three", "one"]

    async def test_the_more_urgent_comes_first(self, store: InspectableStore) -> None:
        """Among senders priority counts, then age; within a sender only the order."""
        await inboxes(store)
        await send(
            store,
            message("low", sender="a", priority=1),
            message("urgent", sender="a", priority=9),
            message("old", sender="b"),
            message("new", sender="c"),
            message("high", sender="d", priority=7),
        )

        assert ids(await take(store)) == ["high", "old", "new", "low"]

    async def test_one_reader_reads_for_many_inboxes(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """However many inboxes are named, what is new, rested or lost is found in its order."""
        swarms = [f"s{n:02}" for n in range(30)]
        await inboxes(store, *swarms)
        await send(store, *(message("m", to=f"s{n:02}") for n in (21, 3, 17, 9)))

        first = await take(store, *swarms)
        assert [each.message.to.swarm for each in first] == ["s03", "s09", "s17", "s21"]
        await acknowledge(store, first[0])
        await give_back(store, first[1], delay_s=2)
        await give_back(store, first[2])
        assert [each.message.to.swarm for each in await take(store, *swarms)] == ["s17"]
        clock.advance(LEASE_S + 1)

        again = await take(store, *swarms, "s09/x")
        assert [each.message.to.swarm for each in again] == ["s09", "s17", "s21"]

    async def test_a_message_twice_in_one_call_is_one(self, store: InspectableStore) -> None:
        """The second of them is known already; another one under its id is a conflict."""
        await inboxes(store)
        same, other = message("m", payload=1), message("m", payload=2)

        first, again, refused = await store.mailbox.send([same, same, other])

        assert isinstance(first, Postmark)
        assert again == replace(first, verdict=ReceiptVerdict.ALREADY)
        assert isinstance(refused, CommandConflict)

    async def test_a_call_takes_no_more_than_asked(self, store: InspectableStore) -> None:
        """The limit holds over all inboxes, and so does TAKE_MAX."""
        await inboxes(store, "s", "t")
        many = [message(f"m{n:03}", to=to, sender=f"x{n}") for to in "st" for n in range(140)]
        await send(store, *many)

        assert ids(await take(store, "s", "t", limit=3)) == ["m000", "m001", "m002"]
        assert len(await take(store, "s", "t", limit=1_000)) == TAKE_MAX
        with pytest.raises(LimitExceeded, match="RECEIVERS_MAX"):
            await take(store, *["s"] * (RECEIVERS_MAX + 1))

    async def test_what_nobody_acknowledged_is_given_out_again(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """After its lease it is another reader's, under the same id and another token."""
        await inboxes(store)
        await send(store, message("m"))
        first = await take_one(store)

        clock.advance(LEASE_S - 0.1)
        assert await take(store) == []
        clock.advance(0.2)
        second = await take_one(store)

        assert (second.message, second.tries) == (first.message, 2)
        assert await acknowledge(store, first) == [LOST]
        assert await give_back(store, first) == [LOST]
        assert await acknowledge(store, second) == [OK]

    async def test_a_late_reader_who_was_not_replaced_still_counts(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """The end of a lease by itself revokes nothing (10)."""
        await inboxes(store)
        await send(store, message("m"), message("other", sender="b"))
        first, other = await take(store)
        clock.advance(LEASE_S + 1)

        assert await store.mailbox.renew([other.token], lease_s=LEASE_S) == [OK]
        assert await acknowledge(store, first) == [OK]
        assert await take(store) == []

    async def test_a_renewed_lease_lasts(self, store: InspectableStore, clock: ManualClock) -> None:
        """A reader that is slow keeps its message as long as it says so."""
        await inboxes(store)
        await send(store, message("m"))
        held = await take_one(store)

        for _ in range(3):
            clock.advance(LEASE_S - 1)
            assert await store.mailbox.renew([held.token], lease_s=LEASE_S) == [OK]
        assert await take(store) == []
        clock.advance(LEASE_S)
        await take_one(store)

        assert await store.mailbox.renew([held.token], lease_s=LEASE_S) == [LOST]

    async def test_acknowledging_twice_is_once(self, store: InspectableStore) -> None:
        """The same token again changes nothing, and no other token ever counts."""
        await inboxes(store)
        await send(store, message("m"), message("n"))
        held = await take_one(store)
        assert await acknowledge(store, held) == [OK]
        before = await store.dump()

        assert await acknowledge(store, held, held) == [ALREADY, ALREADY]

        assert await store.dump() == before
        assert ids(await take(store)) == ["n"]

    async def test_a_forged_token_is_lost(self, store: InspectableStore) -> None:
        """A token counts with its nonce, its message and its incarnation, or not at all (15)."""
        await inboxes(store)
        await send(store, message("m"), message("n", sender="b"))
        first, second = await take(store)
        await send(store, message("untaken", to="s/x"))
        forged = [
            replace(first.token, nonce=second.token.nonce),
            replace(first.token, nonce=""),
            replace(first.token, incarnation="other"),
            replace(first.token, ref=ref_of(message("ghost"))),
            replace(first.token, ref=ref_of(message("untaken", to="s/x")), nonce=""),
            replace(first.token, ref=ref_of(message("m", to="ghost"))),
        ]
        before = await store.dump()

        assert await store.mailbox.acknowledge(forged) == [LOST] * len(forged)
        assert await store.mailbox.renew(forged, lease_s=9) == [LOST] * len(forged)

        assert await store.dump() == before

    async def test_a_returned_message_rests(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """It keeps its place: the later ones of its sender wait for it all the while."""
        await inboxes(store)
        await send(store, message("m"), message("n"))
        held = await take_one(store)

        assert await give_back(store, held, reason="busy", delay_s=3) == [OK]
        assert await give_back(store, held) == [LOST]
        [posted, _] = await mail_of(store)
        assert (posted.state, posted.tries, posted.reason) == (MessageState.WAITING, 1, "busy")
        clock.advance(2.9)
        assert await take(store) == []
        clock.advance(0.2)

        again = await take_one(store)
        assert (again.message.id, again.tries) == ("m", 2)

    async def test_a_return_without_failure_is_no_try(self, store: InspectableStore) -> None:
        """A reader that is stopped gives back what it had not begun."""
        await inboxes(store)
        await send(store, message("m"))

        for _ in range(9):
            held = await take_one(store)
            assert held.tries == 1
            await give_back(store, held, is_failure=False)

    async def test_a_rest_may_be_long(self, store: InspectableStore, clock: ManualClock) -> None:
        """A message rests as long as its reader said, and not only as long as a lease."""
        await inboxes(store)
        await send(store, message("m"))
        await give_back(store, await take_one(store), delay_s=3600)

        for _ in range(6):
            clock.advance(599)
            assert await take(store) == []
        clock.advance(7)

        assert ids(await take(store)) == ["m"]

    async def test_a_clock_set_back_keeps_nothing_from_readers(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A lease that ends further away than any lease can be counts as over."""
        await inboxes(store)
        await send(store, message("m"))
        await take_one(store)

        clock.turn(-24 * 3600)

        assert ids(await take(store)) == ["m"]

    async def test_a_reader_is_woken(self, store: InspectableStore) -> None:
        """By a message, by the end of the one before it, and by a return."""
        await inboxes(store, "s", "t")

        waiter = await waiting(patient(store))
        await send(store, message("a", to="t"), message("b", to="t"))
        [first] = await prompt(waiter)
        waiter = await waiting(patient(store))
        await acknowledge(store, first)
        [second] = await prompt(waiter)
        waiter = await waiting(patient(store))
        await give_back(store, second)
        [third] = await prompt(waiter)

        assert ids([first, second, third]) == ["a", "b", "b"]

    async def test_a_follower_is_woken(self, store: InspectableStore) -> None:
        """Who reads along with a mailbox hears of the next message."""
        await inboxes(store)
        [number] = await send(store, message("a"))
        swarm = SwarmId("s")
        follow = store.mailbox.read(swarm, after=number, patience_s=PATIENCE_S)
        waiter = await waiting(follow)

        await send(store, message("b"))

        assert ids(await prompt(waiter)) == ["b"]

    async def test_a_swarm_that_was_away_finds_its_messages(
        self, store: InspectableStore, harness: Harness, clock: ManualClock
    ) -> None:
        """A message to a paused or interrupted swarm outlives the process and waits."""
        await inboxes(store, "s", "t")
        await steer(store, "s", SwarmMove.INTERRUPT)
        await steer(store, "t", SwarmMove.PAUSE)
        await send(store, message("m"), message("n"), message("m", to="t"))
        held = await take_one(store)

        opened = await harness.crash()
        clock.advance(3 * 24 * 3600)

        assert await acknowledge(opened, held) == [OK]
        assert ids(await take(opened, "s", "t")) == ["n", "m"]
