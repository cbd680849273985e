"""Short words for messages: one, sent, taken, had done with, and what a mailbox holds."""

from collections.abc import Sequence
from typing import Final, TypedDict, Unpack

from skep.ports.store import Store
from skep.records.ids import SwarmId
from skep.records.message import (
    Address,
    Delivery,
    MailVerdict,
    Message,
    MessageId,
    Posted,
    Postmark,
    Return,
    address_of,
)
from skep.records.values import Json

LEASE_S: Final = 5.0


class MessageFields(TypedDict, total=False):
    """What `message` passes on."""

    type: str
    payload: Json
    priority: int
    correlation: str
    reply_to: Address | None
    ttl_s: float | None
    is_broadcast: bool


def message(
    id: str,  # noqa: A002 - the word for it
    *,
    to: str = "s",
    sender: str = "a",
    **fields: Unpack[MessageFields],
) -> Message:
    """Write a message."""
    asked: MessageFields = {"type": "announcement", "payload": id, **fields}
    return Message(id=MessageId(id), to=address_of(to), sender=address_of(sender), **asked)


async def send(store: Store, *messages: Message) -> list[int]:
    """Send messages that must be accepted; gives their numbers."""
    answers = await store.mailbox.send(messages)
    assert all(isinstance(answer, Postmark) for answer in answers), answers
    return [answer.number for answer in answers if isinstance(answer, Postmark)]


async def take(
    store: Store, *receivers: str, limit: int = 64, lease_s: float = LEASE_S
) -> Sequence[Delivery]:
    """Take what can be taken now, out of the inbox of `s` unless others are named."""
    inboxes = [address_of(name) for name in receivers or ("s",)]
    return await store.mailbox.take(inboxes, limit=limit, lease_s=lease_s)


async def take_one(store: Store, *receivers: str, lease_s: float = LEASE_S) -> Delivery:
    """Take one message, which must be there."""
    [delivery] = await take(store, *receivers, limit=1, lease_s=lease_s)
    return delivery


async def acknowledge(store: Store, *deliveries: Delivery) -> list[MailVerdict]:
    """Have done with deliveries."""
    return list(await store.mailbox.acknowledge([each.token for each in deliveries]))


async def give_back(
    store: Store,
    *deliveries: Delivery,
    reason: str = "",
    delay_s: float = 0.0,
    is_failure: bool = True,
) -> list[MailVerdict]:
    """Give deliveries back."""
    returns = [
        Return(token=each.token, reason=reason, delay_s=delay_s, is_failure=is_failure)
        for each in deliveries
    ]
    return list(await store.mailbox.give_back(returns))


async def mail_of(store: Store, swarm: str = "s") -> list[Posted]:
    """Read all messages of a swarm, page by page."""
    found: list[Posted] = []
    while page := await store.mailbox.read(
        SwarmId(swarm), after=found[-1].number if found else 0, limit=1_000
    ):
        found += page
    return found


async def dead_of(store: Store, swarm: str | None = None, *, limit: int = 50) -> list[Posted]:
    """Read all dead messages, page by page."""
    found: list[Posted] = []
    whose = SwarmId(swarm) if swarm is not None else None
    while page := await store.mailbox.dead(
        swarm=whose, before=found[-1].number if found else None, limit=limit
    ):
        found += page
    return found


def ids(found: Sequence[Delivery] | Sequence[Posted]) -> list[str]:
    """Name messages, in their order."""
    return [each.message.id for each in found]
