"""What may be sent, when a message can be taken, when it is dead, and where it is announced."""

from collections.abc import Mapping, Sequence
from typing import Final

from skep.policy.expiry import LEASE_S_MAX
from skep.records import limits
from skep.records.command import ReceiptVerdict
from skep.records.errors import (
    CommandConflict,
    InvalidInput,
    LimitExceeded,
    SkepError,
    SwarmClosed,
)
from skep.records.ids import is_name
from skep.records.message import (
    OWN_CHANNEL,
    Address,
    Channel,
    MailVerdict,
    Message,
    MessageState,
    MessageType,
    Postmark,
    Return,
)
from skep.records.swarm import SwarmStatus
from skep.records.values import Digest, blob_ref, canonical, is_storable

MAIL_TOPIC: Final = "mail"
"""What rings when there is something new in some inbox."""

TRIED: Final = f"nobody acknowledged it in {limits.MESSAGE_TRIES_MAX} tries"
EXPIRED: Final = "its time was over"

FAILURE_REST_S: Final = 0.5
FAILURE_REST_S_MAX: Final = 30.0
"""How long a message rests after its first failure, and at most after a later one."""

BURIED_MAX: Final = 256
"""Messages that one operation finds dead, and kept ones that it removes, at most."""

BY_TYPE: Final[Mapping[str, Channel]] = {
    MessageType.COORDINATION_REQUEST: Channel.COORDINATION,
    MessageType.RESOURCE_ALLOCATION_REQUEST: Channel.COORDINATION,
    MessageType.LEADERSHIP_ANNOUNCEMENT: Channel.COORDINATION,
    MessageType.CONFLICT_DETECTED: Channel.COORDINATION,
    MessageType.COLLABORATION_REQUEST: Channel.COORDINATION,
    MessageType.TASK_ASSIGNMENT: Channel.TASKS,
    MessageType.TASK_COMPLETED: Channel.EVENTS,
    MessageType.ANNOUNCEMENT: Channel.EVENTS,
}


def refusal_of(message: Message) -> SkepError | None:
    """Say why no store takes a message, whatever stands in it; None when it may be sent."""
    try:
        _check_names(message)
        _check_figures(message)
        _check_payload(message)
    except SkepError as refusal:
        return refusal
    return None


def check_receivers(receivers: Sequence[Address]) -> None:
    """Refuse to look into too many inboxes at once. Raises `LimitExceeded`."""
    _bound("RECEIVERS_MAX", limits.RECEIVERS_MAX, len(receivers))


def check_returns(returns: Sequence[Return]) -> None:
    """Refuse a return that no store can keep. Raises `InvalidInput` or `LimitExceeded`."""
    for each in returns:
        if not is_storable(each.reason):
            raise InvalidInput("The reason of a return holds a NUL or half of a surrogate pair.")
        _bound("MESSAGE_REASON_CHARS_MAX", limits.MESSAGE_REASON_CHARS_MAX, len(each.reason))
        if not 0 <= each.delay_s <= limits.SECONDS_MAX:
            raise LimitExceeded(
                limit="SECONDS_MAX", allowed=limits.SECONDS_MAX, actual=each.delay_s
            )


def judge_repeat(known: Digest, number: int, message: Message) -> Postmark | SkepError:
    """Answer a message whose id its inbox has already."""
    if known == message.digest:
        return Postmark(verdict=ReceiptVerdict.ALREADY, number=number)
    return conflict_of(message)


def conflict_of(message: Message) -> CommandConflict:
    """Refuse a message whose id its inbox has for another one."""
    return CommandConflict(
        f"The inbox {message.to} has another message {message.id!r}.",
        hint="Give each message an id of its own.",
    )


def closed_to(message: Message, status: SwarmStatus) -> SwarmClosed:
    """Refuse a message to a swarm that has ended."""
    return SwarmClosed(
        f"Swarm {message.to.swarm} is {status}: nobody reads its messages.",
        hint="Reopened, it takes messages again.",
    )


def judge_token(state: MessageState, *, is_same: bool) -> MailVerdict:
    """Decide what a token is worth, by where its message stands now."""
    if not is_same or state is MessageState.DEAD:
        return MailVerdict.LOST
    return MailVerdict.ALREADY if state is MessageState.ACKNOWLEDGED else MailVerdict.OK


def lease_end(*, now: float, lease_s: float) -> float:
    """When a message that is taken now may be given out again."""
    return now + min(lease_s, LEASE_S_MAX)


def is_due(state: MessageState, due_at: float, *, now: float) -> bool:
    """Say whether the first message of a sender can be taken: its rest or its lease is over.

    What is further away than any could have been set was set before the clock was set back.

    >>> is_due(MessageState.TAKEN, 20.0, now=10.0), is_due(MessageState.TAKEN, 20.0, now=20.0)
    (False, True)
    >>> is_due(MessageState.TAKEN, 5000.0, now=10.0)
    True
    """
    longest = LEASE_S_MAX if state is MessageState.TAKEN else limits.SECONDS_MAX
    return due_at <= now or due_at > now + 2 * longest


def rest_of(tries: int) -> float:
    """How long a message rests when a reader has failed with it, in seconds.

    >>> [rest_of(tries) for tries in (1, 2, 3, 99)]
    [0.5, 1.0, 2.0, 30.0]
    """
    return min(FAILURE_REST_S_MAX, FAILURE_REST_S * 2.0 ** min(tries - 1, 60))


def expires_at(message: Message, *, now: float) -> float | None:
    """When a message dies that is put into its inbox now."""
    return None if message.ttl_s is None else now + message.ttl_s


def has_expired(state: MessageState, expires: float | None, *, due_at: float, now: float) -> bool:
    """Say whether a message's time is over; while somebody has it under a lease it is not."""
    if expires is None:
        return False
    return max(expires, due_at if state is MessageState.TAKEN else expires) <= now


def channels_of(message: Message) -> Sequence[str]:
    """Name the channels on which a message is announced, the first of them its reader's.

    >>> to = Address(swarm="s", agent="scout")
    >>> channels_of(Message(id="m", sender=to, to=to, type="task_assignment"))
    ['swarm:s', 'swarm:agents', 'swarm:tasks']
    """
    own = Channel.GLOBAL if message.is_broadcast else f"{OWN_CHANNEL}{message.to.swarm}"
    others = [Channel.AGENTS] if message.to.agent else []
    others += [BY_TYPE[message.type]] if message.type in BY_TYPE else []
    return [str(each) for each in (own, *others)]


def announcement_of(message: Message) -> str:
    """Write what is published of a message: who sent which to whom, and not what it says.

    The copies of one broadcast are announced by one and the same.

    >>> to = Address(swarm="s", agent="scout")
    >>> announcement_of(Message(id="m", sender=Address(swarm="t"), to=to, type="note"))
    '{"from":"t","id":"m","to":"s/scout","type":"note"}'
    """
    to = "*" if message.is_broadcast else str(message.to)
    # Names hold nothing that JSON would escape (records/ids.py).
    return f'{{"from":"{message.sender}","id":"{message.id}","to":"{to}","type":"{message.type}"}}'


def digests_in(message: Message) -> list[Digest]:
    """Name the content that the payload refers to, if it does."""
    ref = blob_ref(message.payload)
    return [ref.digest] if ref is not None else []


def _check_names(message: Message) -> None:
    addresses = [message.sender, message.to, *([message.reply_to] if message.reply_to else [])]
    agents = [each.agent for each in addresses if each.agent]
    swarms = [each.swarm for each in addresses if each.swarm]
    named = {"id": [message.id], "type": [message.type], "agent": agents, "swarm": swarms}
    for subject, names in named.items():
        for name in names:
            _bound("NAME_CHARS_MAX", limits.NAME_CHARS_MAX, len(name))
            if not is_name(name):
                raise InvalidInput(f"No {subject} of a message can be called {name!r}.")
    if not is_storable(message.correlation):
        raise InvalidInput("What a message answers holds a NUL or half of a surrogate pair.")
    _bound("NAME_CHARS_MAX", limits.NAME_CHARS_MAX, len(message.correlation))


def _check_figures(message: Message) -> None:
    if not 0 <= message.priority <= limits.PRIORITY_MAX:
        raise InvalidInput(f"A message has a priority from 0 to {limits.PRIORITY_MAX}.")
    if message.ttl_s is not None and not 0 < message.ttl_s <= limits.SECONDS_MAX:
        raise LimitExceeded(limit="SECONDS_MAX", allowed=limits.SECONDS_MAX, actual=message.ttl_s)


def _check_payload(message: Message) -> None:
    try:
        text = canonical(message.payload)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"The payload of a message is no JSON: {error}.") from error
    if not is_storable(text):
        raise InvalidInput("The payload of a message holds half of a surrogate pair.")
    _bound("VALUE_BYTES_MAX", limits.VALUE_BYTES_MAX, len(text.encode()))


def _bound(limit: str, allowed: int, actual: int) -> None:
    if actual > allowed:
        raise LimitExceeded(limit=limit, allowed=allowed, actual=actual)
