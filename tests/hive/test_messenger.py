"""The messenger and the postman: handlers, questions, broadcasts, and what becomes of failures."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from typing_extensions import override

from skep.drivers.memory import MemoryStore
from skep.drivers.memory.mailbox import MemoryMailbox
from skep.drivers.system import SystemClock
from skep.hive.fleet import Fleet
from skep.hive.messenger import ANY, SwarmMessenger
from skep.hive.postman import LEASE_S, Postman
from skep.records.errors import (
    InvalidInput,
    LimitExceeded,
    NoAnswer,
    StoreUnavailable,
    SwarmClosed,
    SwarmNotFound,
)
from skep.records.limits import MESSAGE_BYTES_MAX, MESSAGE_TRIES_MAX, VALUE_BYTES_MAX
from skep.records.message import Address, MailToken, MailVerdict, Message, MessageState, address_of
from skep.records.swarm import SwarmMove
from skep.records.values import Json, blob_ref
from skep.testing.acts import steer, submit
from skep.testing.chance import SeededChance
from skep.testing.clock import ManualClock
from skep.testing.mail import acknowledge, dead_of, ids, mail_of, message, send, take, take_one


class Heard:
    """A handler that keeps what it hears, after it failed as often as it was told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.payloads: list[Json] = []
        self.envelopes: list[Message] = []

    async def __call__(self, payload: Json, envelope: Message) -> None:
        """Hear a message."""
        if self.failures > 0:
            self.failures -= 1
            raise RuntimeError("not \0 today")
        self.payloads.append(payload)
        self.envelopes.append(envelope)


class Shaky(MemoryMailbox):
    """A mailbox that hears no acknowledgement for a while."""

    is_away = True

    @override
    async def acknowledge(self, tokens: Sequence[MailToken]) -> Sequence[MailVerdict]:
        """Be away, or hear."""
        if self.is_away:
            raise StoreUnavailable
        return await super().acknowledge(tokens)


class ShakyStore(MemoryStore):
    """A store with such a mailbox."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, SeededChance(3))
        self.mailbox = self.shaky = Shaky(self._desk)


@pytest.fixture
def postman(store: MemoryStore, clock: ManualClock) -> Postman:
    """A postman whose looks the test asks for."""
    return Postman(store.mailbox, clock)


@pytest.fixture
async def live() -> AsyncIterator[tuple[MemoryStore, Postman]]:
    """A store in real time with two swarms, and a postman at work."""
    clock, chance = SystemClock(), SeededChance(5)
    async with (
        MemoryStore(clock, chance) as store,
        Postman(store.mailbox, clock) as postman,
    ):
        await submit(store, "s", sealed=False)
        await submit(store, "t", sealed=False)
        yield store, postman


def messenger(store: MemoryStore, postman: Postman, name: str, seed: int = 7) -> SwarmMessenger:
    """The messenger of an address."""
    chance = SeededChance(seed)
    return SwarmMessenger(address_of(name), store, chance=chance, postman=postman)


async def deliver(postman: Postman) -> int:
    """Have the postman look once, and wait for what he brought."""
    begun = await postman.tick()
    await postman.idle()
    return begun


async def test_a_handler_gets_payload_and_envelope(store: MemoryStore, postman: Postman) -> None:
    """What is sent to a type reaches its handler, and is acknowledged when that returns."""
    await submit(store, "s", sealed=False)
    tasks, rest = Heard(), Heard()
    post = messenger(store, postman, "s")
    post.on_message("task_assignment", tasks)
    post.on_message(ANY, rest)

    sent = await messenger(store, postman, "t/lead").send("s", "task_assignment", {"n": 1})
    await messenger(store, postman, "t", 8).send("s", "anything", priority=9)
    assert await deliver(postman) == 2

    assert post.subscriptions == ["*", "task_assignment"]
    assert (tasks.payloads, [each.id for each in tasks.envelopes]) == ([{"n": 1}], [sent])
    assert tasks.envelopes[0].sender == Address(swarm=address_of("t").swarm, agent="lead")
    assert [each.type for each in rest.envelopes] == ["anything"]
    assert {each.state for each in await post.history()} == {MessageState.ACKNOWLEDGED}


async def test_a_handler_may_be_a_plain_function(store: MemoryStore, postman: Postman) -> None:
    """A function that is no coroutine function handles messages as well."""
    await submit(store, "s", sealed=False)
    heard: list[Json] = []
    messenger(store, postman, "s").on_message("a", lambda payload, _: heard.append(payload))

    await messenger(store, postman, "t").send("s", "a", 7)
    await deliver(postman)

    assert heard == [7]


async def test_a_type_has_one_handler(store: MemoryStore, postman: Postman) -> None:
    """Two handlers of one type would not both acknowledge."""
    post = messenger(store, postman, "s")
    post.on_message("a", Heard())

    with pytest.raises(InvalidInput, match="handler already"):
        post.on_message("a", Heard())


async def test_a_message_that_fails_is_tried_again(
    store: MemoryStore, postman: Postman, clock: ManualClock
) -> None:
    """After a rest that grows; the later ones of its sender wait so long."""
    await submit(store, "s", sealed=False)
    heard = Heard(failures=2)
    messenger(store, postman, "s").on_message("a", heard)
    sender = messenger(store, postman, "t")
    for number in (1, 2):
        await sender.send("s", "a", number)

    for rest in (0.5, 1.0):
        assert await deliver(postman) == 1
        clock.advance(rest - 0.1)
        assert await deliver(postman) == 0
        clock.advance(0.2)
    await deliver(postman)
    await deliver(postman)

    assert heard.payloads == [1, 2]
    assert (await mail_of(store))[0].tries == 3


async def test_a_message_that_nobody_handles_is_kept(
    store: MemoryStore, postman: Postman, clock: ManualClock
) -> None:
    """After its tries it is dead with the reason, the next one comes, and it can be replayed."""
    await submit(store, "s", sealed=False)
    known, late = Heard(), Heard()
    post = messenger(store, postman, "s")
    post.on_message("known", known)
    sender = messenger(store, postman, "t")
    await sender.send("s", "unknown", "poison")
    await sender.send("s", "known", "good")

    for _ in range(MESSAGE_TRIES_MAX):
        assert await deliver(postman) == 1
        clock.advance(60)
    await deliver(postman)

    [dead] = await dead_of(store)
    assert "Nobody here handles messages of type 'unknown'" in dead.reason
    assert known.payloads == ["good"]
    post.on_message("unknown", late)
    assert await store.mailbox.replay([dead.ref]) == [True]
    await deliver(postman)
    assert late.payloads == ["poison"]


async def test_the_reason_of_a_failure_is_told(store: MemoryStore, postman: Postman) -> None:
    """What the handler raised stands by the message, in words that every store keeps."""
    await submit(store, "s", sealed=False)
    messenger(store, postman, "s").on_message("a", Heard(failures=1))
    await messenger(store, postman, "t").send("s", "a")

    await deliver(postman)

    [posted] = await mail_of(store)
    assert posted.reason == "RuntimeError: not ? today"


async def test_a_large_payload_travels_as_a_blob(store: MemoryStore, postman: Postman) -> None:
    """Up to 1 MiB reaches the handler whole, and the record stays small."""
    await submit(store, "s", sealed=False)
    heard = Heard()
    messenger(store, postman, "s").on_message("a", heard)
    sender, large = messenger(store, postman, "t"), "x" * (MESSAGE_BYTES_MAX - 2)

    await sender.send("s", "a", large)
    [posted] = await mail_of(store)
    await deliver(postman)

    assert len(posted.message.text) < VALUE_BYTES_MAX
    assert blob_ref(posted.message.payload) is not None
    assert heard.payloads == [large]
    with pytest.raises(LimitExceeded, match="MESSAGE_BYTES_MAX"):
        await sender.send("s", "a", f"{large}x")
    with pytest.raises(InvalidInput, match="no JSON"):
        await sender.send("s", "a", float("inf"))


async def test_what_the_store_refuses_is_raised(store: MemoryStore, postman: Postman) -> None:
    """A sender hears at once that nobody will get the message."""
    await submit(store, "s", sealed=False)
    await steer(store, "s", SwarmMove.CANCEL)
    sender = messenger(store, postman, "t")

    with pytest.raises(SwarmClosed):
        await sender.send("s", "a")
    with pytest.raises(SwarmNotFound):
        await sender.send("ghost", "a")


async def test_a_send_under_an_id_is_safe_to_repeat(store: MemoryStore, postman: Postman) -> None:
    """Sent twice it arrives once."""
    await submit(store, "s", sealed=False)
    sender = messenger(store, postman, "t")

    for _ in range(2):
        assert await sender.send("s", "a", 1, id="mine") == "mine"

    assert ids(await mail_of(store)) == ["mine"]


async def test_a_broadcast_reaches_every_other_live_swarm(
    store: MemoryStore, postman: Postman
) -> None:
    """A copy each under one id; repeated, nobody gets a second one."""
    names = [f"s{number:03}" for number in range(300)]
    for name in names:
        await submit(store, name, sealed=False)
    await steer(store, "s007", SwarmMove.CANCEL)
    sender = messenger(store, postman, "s000")

    told = await sender.broadcast("announcement", "hear", id="b")
    again = await sender.broadcast("announcement", "hear", id="b")

    assert (told.accepted, again.accepted, told.refused) == (298, 298, {})
    found = [len(await mail_of(store, name)) for name in names]
    assert [name for name, count in zip(names, found, strict=True) if count != 1] == [
        "s000",
        "s007",
    ]
    [copy] = await mail_of(store, "s001")
    assert (copy.message.id, copy.message.is_broadcast) == ("b", True)


async def test_a_broadcast_tells_who_refused(
    store: MemoryStore, postman: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full inbox does not keep the others from their copies."""
    monkeypatch.setattr("skep.drivers.memory.mailbox.INBOX_MAX", 1)
    for name in ("s", "t", "u"):
        await submit(store, name, sealed=False)
    await send(store, message("m", to="t"))

    told = await messenger(store, postman, "s").broadcast("announcement")

    assert told.accepted == 1
    assert {swarm: error.code for swarm, error in told.refused.items()} == {"t": "inbox_full"}


async def test_a_message_that_was_lost_to_another_reader_is_dropped(
    store: MemoryStore, postman: Postman, clock: ManualClock
) -> None:
    """A reader that slept through its lease stops, and tells the store nothing."""
    await submit(store, "s", sealed=False)
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def slow(payload: Json, envelope: Message) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
            raise

    messenger(store, postman, "s").on_message("announcement", slow)
    await send(store, message("m"))
    await postman.tick()
    await begun.wait()
    clock.advance(LEASE_S - 1)
    await postman.renew()
    clock.advance(LEASE_S - 1)
    assert await take(store) == []
    clock.advance(2)
    other = await take_one(store)

    await postman.renew()
    await postman.idle()

    assert stopped.is_set()
    assert other.tries == 2
    assert await acknowledge(store, other) == ["ok"]


async def test_an_acknowledgement_that_did_not_arrive_is_told_again(clock: ManualClock) -> None:
    """A store that is away for a moment costs no second delivery."""
    store, heard = ShakyStore(clock), Heard()
    await submit(store, "s", sealed=False)
    postman = Postman(store.mailbox, clock)
    messenger(store, postman, "s").on_message("announcement", heard)
    await send(store, message("m"))
    await deliver(postman)
    assert (await mail_of(store))[0].state is MessageState.TAKEN

    store.shaky.is_away = False
    await send(store, message("n"))
    await send(store, message("o", sender="b"))
    await deliver(postman)

    assert heard.payloads == ["m", "o"]
    assert (await mail_of(store))[0].state is MessageState.ACKNOWLEDGED


async def test_a_question_is_answered(live: tuple[MemoryStore, Postman]) -> None:
    """The answer comes back to whoever asked, and to no other messenger of the swarm."""
    store, postman = live
    answering, other = messenger(store, postman, "t", 2), messenger(store, postman, "s", 3)
    other.on_message(ANY, Heard())

    async def double(payload: Json, envelope: Message) -> None:
        assert isinstance(payload, int)
        await answering.answer(envelope, payload * 2)

    answering.on_message("double", double)
    asking = messenger(store, postman, "s", 4)

    answers = await asyncio.gather(*(asking.ask("t", "double", n) for n in range(5)))

    assert answers == [0, 2, 4, 6, 8]


async def test_a_question_without_an_answer_is_over(live: tuple[MemoryStore, Postman]) -> None:
    """After its time who asked is told, and the question dies; a late answer disturbs nobody."""
    store, postman = live
    asking, answering = messenger(store, postman, "s", 2), messenger(store, postman, "t", 3)

    with pytest.raises(NoAnswer, match=r"t did not answer within 0\.05 s"):
        await asking.ask("t", "double", 1, timeout_s=0.05)

    [question] = await dead_of(store, "t")
    assert question.reason == "its time was over"
    await answering.answer(question.message, 2)
    async with asyncio.timeout(10):
        while (await mail_of(store, "s"))[0].state is not MessageState.ACKNOWLEDGED:
            await store.mailbox.read(address_of("s").swarm, after=99, patience_s=0.01)


async def test_a_postman_that_ends_gives_back_what_he_had_begun(
    live: tuple[MemoryStore, Postman], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process takes it at once, and no try is counted."""
    store, _ = live
    monkeypatch.setattr("skep.hive.postman.DRAIN_S", 0.01)
    begun = asyncio.Event()

    async def slow(payload: Json, envelope: Message) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with Postman(store.mailbox, SystemClock()) as postman:
        messenger(store, postman, "s").on_message("announcement", slow)
        await send(store, message("m"))
        async with asyncio.timeout(10):
            await begun.wait()

    assert (await take_one(store)).tries == 1


async def test_a_fleet_has_a_messenger_for_each_address(fleet: Fleet, postman: Postman) -> None:
    """A fleet takes hold of a swarm's mail, or of an agent's."""
    post = Fleet(replace(fleet.parts, postman=postman)).messenger("s", agent="scout")

    assert str(post.address) == "s/scout"
