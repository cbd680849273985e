"""The mailbox over the two threads: each operation is one command of the writer or one read."""

from collections.abc import Sequence
from functools import partial

from skep.drivers.sqlite import postroom, reading
from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.db import Column, Db
from skep.drivers.sqlite.ports import Desk
from skep.drivers.sqlite.posted import SEEN, posted_of
from skep.policy.mailing import MAIL_TOPIC, check_receivers, check_returns
from skep.records.errors import SkepError
from skep.records.ids import SwarmId
from skep.records.limits import MESSAGES_PAGE_MAX, TAKE_MAX
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


class SqliteMailbox:
    """Messages to swarms and to agents of them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def send(self, messages: Sequence[Message]) -> Sequence[Postmark | SkepError]:
        """See `ports.mailbox.Mailbox.send`."""
        return await self._desk.writer.ask(partial(_send, messages=messages))

    async def take(
        self,
        receivers: Sequence[Address],
        *,
        limit: int,
        lease_s: float,
        patience_s: float = 0.0,
    ) -> Sequence[Delivery]:
        """See `ports.mailbox.Mailbox.take`."""
        check_receivers(receivers)
        command = partial(
            postroom.take,
            receivers=receivers,
            limit=min(limit, TAKE_MAX),
            lease_s=lease_s,
            chance=self._desk.chance,
        )

        def look(changes: Changes) -> list[Delivery]:
            postroom.bury(changes)
            return command(changes)

        return await self._desk.watched(
            bool,
            lambda: self._desk.writer.ask(look),
            topic=MAIL_TOPIC,
            patience_s=patience_s,
        )

    async def renew(self, tokens: Sequence[MailToken], *, lease_s: float) -> Sequence[MailVerdict]:
        """See `ports.mailbox.Mailbox.renew`."""
        return await self._desk.writer.ask(
            lambda changes: [postroom.renew(changes, each, lease_s=lease_s) for each in tokens]
        )

    async def acknowledge(self, tokens: Sequence[MailToken]) -> Sequence[MailVerdict]:
        """See `ports.mailbox.Mailbox.acknowledge`."""
        return await self._desk.writer.ask(partial(_acknowledge, tokens=tokens))

    async def give_back(self, returns: Sequence[Return]) -> Sequence[MailVerdict]:
        """See `ports.mailbox.Mailbox.give_back`."""
        check_returns(returns)
        return await self._desk.writer.ask(
            lambda changes: [postroom.give_back(changes, each) for each in returns]
        )

    async def read(
        self, swarm: SwarmId, *, after: int = 0, limit: int = 50, patience_s: float = 0.0
    ) -> Sequence[Posted]:
        """See `ports.mailbox.Mailbox.read`."""
        look = partial(_page, swarm=swarm, after=after, limit=min(limit, MESSAGES_PAGE_MAX))
        return await self._desk.watched(
            bool, lambda: self._desk.reader.ask(look), topic=MAIL_TOPIC, patience_s=patience_s
        )

    async def dead(
        self, *, swarm: SwarmId | None = None, before: int | None = None, limit: int = 50
    ) -> Sequence[Posted]:
        """See `ports.mailbox.Mailbox.dead`."""
        look = partial(_dead, swarm=swarm, before=before, limit=min(limit, MESSAGES_PAGE_MAX))
        return await self._desk.writer.ask(look)

    async def replay(self, refs: Sequence[MessageRef]) -> Sequence[bool | SkepError]:
        """See `ports.mailbox.Mailbox.replay`."""
        return await self._desk.writer.ask(
            lambda changes: [postroom.replay(changes, ref) for ref in refs]
        )


def _send(changes: Changes, *, messages: Sequence[Message]) -> list[Postmark | SkepError]:
    postroom.bury(changes)
    postroom.trim(changes, [message.to.swarm for message in messages])
    return [postroom.send(changes, message) for message in messages]


def _acknowledge(changes: Changes, *, tokens: Sequence[MailToken]) -> list[MailVerdict]:
    verdicts = [postroom.acknowledge(changes, token) for token in tokens]
    postroom.trim(changes, [token.ref.to.swarm for token in tokens])
    return verdicts


def _page(db: Db, *, swarm: SwarmId, after: int, limit: int) -> list[Posted]:
    sql = f"{SEEN} WHERE swarm = ? AND n > ? ORDER BY n LIMIT ?"
    return [posted_of(row) for row in db.rows(sql, (reading.number(db, swarm), after, limit))]


def _dead(
    changes: Changes, *, swarm: SwarmId | None, before: int | None, limit: int
) -> list[Posted]:
    postroom.bury(changes)
    wanted, values = ["state = 'dead'", "swarm IN (SELECT n FROM swarm)"], list[Column]()
    if swarm is not None:
        wanted[1] = "swarm = (SELECT n FROM swarm WHERE id = ?)"
        values.append(swarm)
    if before is not None:
        wanted.append("n < ?")
        values.append(before)
    sql = f"{SEEN} WHERE {' AND '.join(wanted)} ORDER BY n DESC LIMIT ?"
    return [posted_of(row) for row in changes.db.rows(sql, (*values, limit))]
