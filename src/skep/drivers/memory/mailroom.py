"""The rows of the memory store's messages: one room for each swarm, with its inboxes."""

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from skep.records.message import Address, Message, MessageId, MessageState, Posted
from skep.records.values import Digest


@dataclass(slots=True, kw_only=True, eq=False)
class MailRow:
    """One message; `nonce` is that of the last reader it was given to, empty once it is void."""

    number: int
    message: Message
    digest: Digest
    state: MessageState = MessageState.WAITING
    tries: int = 0
    reason: str = ""
    due_at: float = 0.0
    expires_at: float | None = None
    ended_at: float | None = None
    nonce: str = ""

    def seen(self) -> Posted:
        """The message as callers see it."""
        return Posted(
            number=self.number,
            message=self.message,
            state=self.state,
            tries=self.tries,
            reason=self.reason,
            due_at=self.due_at,
            expires_at=self.expires_at,
            ended_at=self.ended_at,
        )


Line = deque[MailRow]
"""The undelivered messages of one sender to one inbox, in their order."""


@dataclass(slots=True)
class Mailroom:
    """All messages to one swarm and to agents of it.

    `held` counts by agent what nobody has acknowledged; `kept` is a heap of when the others were,
    and their numbers; `mortal` are the undelivered ones whose time runs out.
    """

    rows: dict[int, MailRow] = field(default_factory=dict[int, MailRow])
    ids: dict[tuple[str, MessageId], MailRow] = field(
        default_factory=dict[tuple[str, MessageId], MailRow]
    )
    lines: defaultdict[str, dict[Address, Line]] = field(
        default_factory=lambda: defaultdict[str, dict[Address, Line]](dict)
    )
    held: Counter[str] = field(default_factory=Counter[str])
    kept: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    mortal: dict[int, MailRow] = field(default_factory=dict[int, MailRow])

    def admit(self, row: MailRow) -> bool:
        """Put a new row into its inbox; True when it is the first of its sender."""
        message = row.message
        self.ids[message.to.agent, message.id] = row
        self.held[message.to.agent] += 1
        return self.queue(row)

    def queue(self, row: MailRow) -> bool:
        """Put a row behind the others of its sender; True when there is none."""
        self.rows[row.number] = row
        if row.expires_at is not None:
            self.mortal[row.number] = row
        line = self.lines[row.message.to.agent].setdefault(row.message.sender, deque())
        line.append(row)
        return line[0] is row

    def leave(self, row: MailRow) -> bool:
        """Take a row out of its line; True when another one has become the first."""
        self.mortal.pop(row.number, None)
        lines = self.lines[row.message.to.agent]
        line = lines[row.message.sender]
        was_first = line[0] is row
        line.remove(row)
        if not line:
            del lines[row.message.sender]
        return was_first and bool(line)

    def heads(self, agent: str) -> Iterator[MailRow]:
        """The first message of each sender."""
        return (line[0] for line in self.lines[agent].values())

    def keep(self, row: MailRow) -> None:
        """Let a row be history."""
        self.held[row.message.to.agent] -= 1
        heapq.heappush(self.kept, (row.ended_at or 0.0, row.number))

    def drop_oldest(self) -> None:
        """Remove the oldest row of the history."""
        row = self.rows.pop(heapq.heappop(self.kept)[1])
        del self.ids[row.message.to.agent, row.message.id]
