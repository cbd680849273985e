"""Messages: durable letters between swarms and agents, and how a mailbox has them."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, NewType, cast

from typing_extensions import override

from skep.records.command import ReceiptVerdict
from skep.records.ids import SwarmId
from skep.records.task import NORMAL_PRIORITY
from skep.records.values import Digest, Json, canonical, digest_of, parsed

MessageId = NewType("MessageId", str)
"""What its sender calls a message; an inbox takes each id once."""

OWN_CHANNEL: Final = "swarm:"
"""How the channel of one swarm begins; its id follows."""


class MessageType(StrEnum):
    """The types that swarms know of each other; any other name may be a type too."""

    COORDINATION_REQUEST = "coordination_request"
    TASK_ASSIGNMENT = "task_assignment"
    TASK_COMPLETED = "task_completed"
    RESOURCE_ALLOCATION_REQUEST = "resource_allocation_request"
    LEADERSHIP_ANNOUNCEMENT = "leadership_announcement"
    CONFLICT_DETECTED = "conflict_detected"
    COLLABORATION_REQUEST = "collaboration_request"
    ANNOUNCEMENT = "announcement"


class Channel(StrEnum):
    """Where messages are announced besides their swarm's own channel; a hint, and no more."""

    GLOBAL = "swarm:global"
    COORDINATION = "swarm:coordination"
    AGENTS = "swarm:agents"
    TASKS = "swarm:tasks"
    EVENTS = "swarm:events"


class MessageState(StrEnum):
    """Where a message stands.

    Waiting in its inbox, or resting there; taken by a reader, until its lease runs out;
    acknowledged, and kept for a while; dead, with a reason, until it is replayed.
    """

    WAITING = "waiting"
    TAKEN = "taken"
    ACKNOWLEDGED = "acknowledged"
    DEAD = "dead"


UNDELIVERED: Final = frozenset({MessageState.WAITING, MessageState.TAKEN})


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Address:
    """Whose inbox is meant: a swarm's, or that of one agent in it.

    A sender outside of any swarm has an address without one. Each address is an inbox of its own.

    >>> str(Address(swarm=SwarmId("s"), agent="scout"))
    's/scout'
    """

    swarm: SwarmId
    agent: str = ""

    @override
    def __str__(self) -> str:
        return f"{self.swarm}/{self.agent}" if self.agent else self.swarm


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one inbox: the payload, and the envelope around it.

    `correlation` is the id of the message that this one answers, and an answer is asked to the
    inbox `reply_to`. After `ttl_s` seconds in its inbox it dies; without it waits for ever. A
    copy of a broadcast says so. `sent_at`, in seconds since 1970, is the store's to tell.
    """

    id: MessageId
    sender: Address
    to: Address
    type: str
    payload: Json = None
    priority: int = NORMAL_PRIORITY
    correlation: str = ""
    reply_to: Address | None = None
    ttl_s: float | None = None
    is_broadcast: bool = False
    sent_at: float = 0.0

    @property
    def text(self) -> str:
        """The message as it is stored, without its time."""
        return canonical(
            {
                "id": self.id,
                "sender": _written(self.sender),
                "to": _written(self.to),
                "type": self.type,
                "payload": self.payload,
                "priority": self.priority,
                "correlation": self.correlation,
                "reply_to": _written(self.reply_to) if self.reply_to is not None else None,
                "ttl_s": self.ttl_s,
                "is_broadcast": self.is_broadcast,
            }
        )

    @property
    def digest(self) -> Digest:
        """Tells this message from another one under the same id."""
        return digest_of(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmark:
    """The answer to a message that was accepted, now or before: its number in the store."""

    verdict: ReceiptVerdict
    number: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MessageRef:
    """Which message is meant: its inbox, and its id there."""

    to: Address
    id: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class MailToken:
    """The proof that a reader was given a message; another reader's has another nonce."""

    incarnation: str
    ref: MessageRef
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message given to a reader for a while; `tries` counts this one too."""

    message: Message
    tries: int
    token: MailToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A reader gives a message back, to be delivered again after `delay_s` seconds.

    A failure counts as a try; without one it is as if the message had not been taken.
    """

    token: MailToken
    reason: str = ""
    delay_s: float = 0.0
    is_failure: bool = True


class MailVerdict(StrEnum):
    """What the store says to a token.

    ALREADY: its message was acknowledged under it. LOST: the token is not current any more, for
    the message was given to another reader, returned, or is dead; nothing changed.
    """

    OK = "ok"
    ALREADY = "already"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message as the store has it, under the number that orders all of them.

    `due_at` is when it may be given out again: the end of its lease or of its rest, else 0.
    `reason` is that of the last return, or why it died. Times are seconds since 1970.
    """

    number: int
    message: Message
    state: MessageState = MessageState.WAITING
    tries: int = 0
    reason: str = ""
    due_at: float = 0.0
    expires_at: float | None = None
    ended_at: float | None = None

    @property
    def ref(self) -> MessageRef:
        """Which one it is."""
        return ref_of(self.message)


def address_of(name: str) -> Address:
    """Read an address as it is written: a swarm's id, or that and an agent's name.

    >>> address_of("s/scout").agent
    'scout'
    """
    swarm, _, agent = name.partition("/")
    return Address(swarm=SwarmId(swarm), agent=agent)


def ref_of(message: Message) -> MessageRef:
    """Name a message by its inbox and its id."""
    return MessageRef(to=message.to, id=message.id)


def message_from(text: str, *, sent_at: float) -> Message:
    """Read a message from its text, and put its time on it."""
    fields = cast("dict[str, Any]", parsed(text))
    for name in ("sender", "to", "reply_to"):
        fields[name] = _address(fields[name]) if fields[name] is not None else None
    return Message(**fields, sent_at=sent_at)


def stamped(message: Message, *, at: float) -> Message:
    """Put the time on a message at which it was accepted."""
    return replace(message, sent_at=at)


def _written(address: Address) -> Json:
    return [address.swarm, address.agent]


def _address(pair: list[str]) -> Address:
    return Address(swarm=SwarmId(pair[0]), agent=pair[1])
