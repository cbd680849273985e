"""The mailbox port: messages between swarms and agents, kept until somebody acknowledged them.

Every address is an inbox. In it the messages of one sender stand in the order in which they were
accepted, and only the first of them can be taken: the next one waits until that is acknowledged or
dead. Messages of different senders overtake each other, by priority and then by age.

At least once: a message that was taken and is neither acknowledged nor returned before its lease
ran out is given out again, to whoever asks, under another token. The end of a lease by itself
revokes nothing; being given out again does. After MESSAGE_TRIES_MAX tries a message is dead, and so
is one whose time is over; the dead ones are kept with their reason, count among the messages of
their inbox, and are replayed. That a message is dead shows with the next operation on the mailbox.

Signals that something has come are hints inside `take` and `read`, which wait at most their
patience; a rest or a lease that is over rings nothing.
"""

from collections.abc import Sequence
from typing import Protocol

from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.message import (
    Address,
    Delivery,
    MailToken,
    MailVerdict,
    Message,
    MessageRef,
    Posted,
    Postmark,
    Return,
)


class Mailbox(Protocol):
    """Messages to swarms and to agents of them."""

    async def send(self, messages: Sequence[Message]) -> Sequence[Postmark | SkepError]:
        """Put messages into their inboxes; one that is accepted is durable.

        Idempotent by inbox and id for as long as the message is there: undelivered, dead, or
        among the last MESSAGES_KEPT_MAX of its swarm for up to MESSAGES_KEPT_S. Answers
        `InvalidInput`, `LimitExceeded`, `SwarmNotFound`, `SwarmClosed` for one that has ended,
        `CommandConflict` for an id that has another message, `ArtifactNotFound` for a payload
        that is not kept, and `InboxFull`; of a refused message nothing is stored.
        """
        ...

    async def take(
        self,
        receivers: Sequence[Address],
        *,
        limit: int,
        lease_s: float,
        patience_s: float = 0.0,
    ) -> Sequence[Delivery]:
        """Take up to `limit` messages out of inboxes, each under a lease of `lease_s`.

        Order: the inboxes as they are named, then priority, then age. Waits up to `patience_s`
        when there is none. Raises `LimitExceeded` for more than RECEIVERS_MAX inboxes.
        """
        ...

    async def renew(self, tokens: Sequence[MailToken], *, lease_s: float) -> Sequence[MailVerdict]:
        """Let leases end `lease_s` from now."""
        ...

    async def acknowledge(self, tokens: Sequence[MailToken]) -> Sequence[MailVerdict]:
        """Have done with messages; acknowledged again under the same token it is ALREADY."""
        ...

    async def give_back(self, returns: Sequence[Return]) -> Sequence[MailVerdict]:
        """Put messages back into their places, to be taken again after a rest."""
        ...

    async def read(
        self, swarm: SwarmId, *, after: int = 0, limit: int = 50, patience_s: float = 0.0
    ) -> Sequence[Posted]:
        """Read the messages of a swarm and of its agents in the order of their numbers.

        Those that were acknowledged are among them for a while. Waits up to `patience_s` when
        there is none after the number `after`. Raises `SwarmNotFound`.
        """
        ...

    async def dead(
        self, *, swarm: SwarmId | None = None, before: int | None = None, limit: int = 50
    ) -> Sequence[Posted]:
        """Read dead messages, of one swarm or all, those with the highest numbers first.

        `before` is the number of the last one read, and pages on from it.
        """
        ...

    async def replay(self, refs: Sequence[MessageRef]) -> Sequence[bool | SkepError]:
        """Put dead messages behind the others of their senders, with all tries before them.

        A replayed message has another number, and its time begins anew. Answers False, and
        changes nothing, for one that is not dead, or `MessageNotFound`.
        """
        ...


class Correspondence(Protocol):
    """What a store has for swarms that write to each other."""

    @property
    def mailbox(self) -> Mailbox:
        """Messages."""
        ...
