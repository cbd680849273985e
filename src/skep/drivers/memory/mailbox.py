"""The memory store's mailbox: messages are put, taken, acknowledged, returned and found dead."""

from collections.abc import Callable, Sequence

from skep.drivers.memory.changes import Changes
from skep.drivers.memory.desk import Desk
from skep.drivers.memory.mailroom import Mailroom, MailRow
from skep.drivers.memory.retention import check_kept, refer
from skep.drivers.memory.state import Tables
from skep.policy.mailing import (
    BURIED_MAX,
    EXPIRED,
    MAIL_TOPIC,
    TRIED,
    check_receivers,
    check_returns,
    closed_to,
    digests_in,
    expires_at,
    has_expired,
    is_due,
    judge_repeat,
    judge_token,
    lease_end,
    refusal_of,
)
from skep.ports.system import Chance
from skep.records.command import ReceiptVerdict
from skep.records.errors import InboxFull, MessageNotFound, SkepError
from skep.records.ids import SwarmId
from skep.records.limits import (
    INBOX_MAX,
    MESSAGE_TRIES_MAX,
    MESSAGES_KEPT_MAX,
    MESSAGES_KEPT_S,
    MESSAGES_PAGE_MAX,
    TAKE_MAX,
)
from skep.records.message import (
    Address,
    Delivery,
    MailToken,
    MailVerdict,
    Message,
    MessageRef,
    MessageState,
    Posted,
    Postmark,
    Return,
    ref_of,
    stamped,
)
from skep.records.swarm import ENDED


class MemoryMailbox:
    """Messages to swarms and to agents of them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def send(self, messages: Sequence[Message]) -> Sequence[Postmark | SkepError]:
        """See `ports.mailbox.Mailbox.send`."""
        with self._desk.change() as changes:
            _bury(changes)
            _trim(changes, [message.to.swarm for message in messages])
            return [_send(changes, message) for message in messages]

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

        async def look() -> list[Delivery]:
            with self._desk.change() as changes:
                _bury(changes)
                return _take(
                    changes,
                    receivers,
                    limit=min(limit, TAKE_MAX),
                    lease_s=lease_s,
                    chance=self._desk.chance,
                )

        return await self._desk.watch.until(bool, look, topic=MAIL_TOPIC, patience_s=patience_s)

    async def renew(self, tokens: Sequence[MailToken], *, lease_s: float) -> Sequence[MailVerdict]:
        """See `ports.mailbox.Mailbox.renew`."""
        with self._desk.change() as changes:

            def renew(row: MailRow) -> None:
                row.due_at = lease_end(now=changes.at, lease_s=lease_s)

            return [_under(changes.tables, token, renew) for token in tokens]

    async def acknowledge(self, tokens: Sequence[MailToken]) -> Sequence[MailVerdict]:
        """See `ports.mailbox.Mailbox.acknowledge`."""
        with self._desk.change() as changes:

            def acknowledge(row: MailRow) -> None:
                _end(changes, row, state=MessageState.ACKNOWLEDGED)

            verdicts = [_under(changes.tables, token, acknowledge) for token in tokens]
            _trim(changes, [token.ref.to.swarm for token in tokens])
            return verdicts

    async def give_back(self, returns: Sequence[Return]) -> Sequence[MailVerdict]:
        """See `ports.mailbox.Mailbox.give_back`."""
        check_returns(returns)
        with self._desk.change() as changes:
            return [_give_back(changes, each) for each in returns]

    async def read(
        self, swarm: SwarmId, *, after: int = 0, limit: int = 50, patience_s: float = 0.0
    ) -> Sequence[Posted]:
        """See `ports.mailbox.Mailbox.read`."""

        async def look() -> list[Posted]:
            with self._desk.look() as tables:
                rows = _room(tables, tables.swarm(swarm).id).rows
                later = sorted(number for number in rows if number > after)
                return [rows[number].seen() for number in later[: min(limit, MESSAGES_PAGE_MAX)]]

        return await self._desk.watch.until(bool, look, topic=MAIL_TOPIC, patience_s=patience_s)

    async def dead(
        self, *, swarm: SwarmId | None = None, before: int | None = None, limit: int = 50
    ) -> Sequence[Posted]:
        """See `ports.mailbox.Mailbox.dead`."""
        with self._desk.change() as changes:
            _bury(changes)
            found = [
                row
                for row in _every_row(changes.tables)
                if row.state is MessageState.DEAD
                and (swarm is None or row.message.to.swarm == swarm)
                and (before is None or row.number < before)
            ]
            return [row.seen() for row in found[::-1][: min(limit, MESSAGES_PAGE_MAX)]]

    async def replay(self, refs: Sequence[MessageRef]) -> Sequence[bool | SkepError]:
        """See `ports.mailbox.Mailbox.replay`."""
        with self._desk.change() as changes:
            return [_replay(changes, ref) for ref in refs]


def every_message(tables: Tables) -> list[Posted]:
    """Read all messages in the order of their numbers."""
    return [row.seen() for row in _every_row(tables)]


def _every_row(tables: Tables) -> list[MailRow]:
    rows = [row for room in tables.mail.values() for row in room.rows.values()]
    return sorted(rows, key=lambda row: row.number)


def _room(tables: Tables, swarm: SwarmId) -> Mailroom:
    return tables.mail.setdefault(swarm, Mailroom())


def _find(tables: Tables, ref: MessageRef) -> tuple[Mailroom, MailRow | None]:
    """Find a message, in the room of its swarm; a swarm that is not there has an empty one."""
    room = _room(tables, ref.to.swarm) if ref.to.swarm in tables.swarms else Mailroom()
    return room, room.ids.get((ref.to.agent, ref.id))


def _send(changes: Changes, message: Message) -> Postmark | SkepError:
    tables, to = changes.tables, message.to
    refusal = refusal_of(message)
    if refusal is not None:
        return refusal
    try:
        swarm = tables.swarm(to.swarm)
        room, known = _find(tables, ref_of(message))
        if known is not None:
            return judge_repeat(known.digest, known.number, message)
        if swarm.status in ENDED:
            return closed_to(message, swarm.status)
        check_kept(tables, digests_in(message))
    except SkepError as error:
        return error
    if room.held[to.agent] >= INBOX_MAX:
        return InboxFull(to=str(to), allowed=INBOX_MAX)
    refer(tables, to.swarm, digests_in(message))
    row = MailRow(
        number=_next_number(tables),
        message=stamped(message, at=changes.at),
        digest=message.digest,
        expires_at=expires_at(message, now=changes.at),
    )
    room.admit(row)
    changes.topics.add(MAIL_TOPIC)
    return Postmark(verdict=ReceiptVerdict.OK, number=row.number)


def _next_number(tables: Tables) -> int:
    tables.mailed += 1
    return tables.mailed


def _take(
    changes: Changes, receivers: Sequence[Address], *, limit: int, lease_s: float, chance: Chance
) -> list[Delivery]:
    taken: list[Delivery] = []
    for to in receivers:
        if len(taken) >= limit or to.swarm not in changes.tables.swarms:
            continue
        room = _room(changes.tables, to.swarm)
        _give_up(changes, room)
        due = [row for row in room.heads(to.agent) if _is_due(changes, row)]
        due.sort(key=lambda row: (-row.message.priority, row.number))
        for row in due[: limit - len(taken)]:
            row.state, row.tries, row.nonce = MessageState.TAKEN, row.tries + 1, chance.nonce()
            row.due_at = lease_end(now=changes.at, lease_s=lease_s)
            taken.append(_delivery(changes.tables, row))
    return taken


def _delivery(tables: Tables, row: MailRow) -> Delivery:
    ref = ref_of(row.message)
    token = MailToken(incarnation=tables.incarnation, ref=ref, nonce=row.nonce)
    return Delivery(message=row.message, tries=row.tries, token=token)


def _is_due(changes: Changes, row: MailRow) -> bool:
    return is_due(row.state, row.due_at, now=changes.at)


def _give_up(changes: Changes, room: Mailroom) -> None:
    """Bury what was given out for the last time, and was not acknowledged under its lease."""
    over = [
        row
        for agent in room.lines
        for row in room.heads(agent)
        if row.state is MessageState.TAKEN
        and row.tries >= MESSAGE_TRIES_MAX
        and _is_due(changes, row)
    ]
    for row in over:
        _end(changes, row, state=MessageState.DEAD, reason=TRIED)


def _bury(changes: Changes) -> None:
    """Bury messages whose time is over, those whose time was over first first."""
    over = [
        row
        for room in changes.tables.mail.values()
        for row in room.mortal.values()
        if has_expired(row.state, row.expires_at, due_at=row.due_at, now=changes.at)
    ]
    for row in sorted(over, key=_over_since)[:BURIED_MAX]:
        _end(changes, row, state=MessageState.DEAD, reason=EXPIRED)


def _over_since(row: MailRow) -> tuple[float, int]:
    expires = row.expires_at or 0.0
    lease = row.due_at if row.state is MessageState.TAKEN else 0.0
    return max(expires, lease), row.number


def _end(changes: Changes, row: MailRow, *, state: MessageState, reason: str = "") -> None:
    """Take a message out of its line, and let the next one of its sender be taken."""
    room = changes.tables.mail[row.message.to.swarm]
    row.state, row.due_at, row.ended_at, row.reason = state, 0.0, changes.at, reason
    if room.leave(row):
        changes.topics.add(MAIL_TOPIC)
    if state is MessageState.ACKNOWLEDGED:
        room.keep(row)
    else:
        row.nonce = ""


def _trim(changes: Changes, swarms: Sequence[SwarmId]) -> None:
    """Let go of the history that is too long or too old."""
    old = changes.at - MESSAGES_KEPT_S
    for swarm in dict.fromkeys(swarms):
        room = changes.tables.mail.get(swarm, Mailroom())
        for _ in range(BURIED_MAX):
            is_long = len(room.kept) > MESSAGES_KEPT_MAX
            if not is_long and not (room.kept and room.kept[0][0] <= old):
                break
            room.drop_oldest()


def _under(tables: Tables, token: MailToken, change: Callable[[MailRow], None]) -> MailVerdict:
    """Change a message under its token, if that is current."""
    _, row = _find(tables, token.ref)
    if row is None:
        return MailVerdict.LOST
    is_same = token.incarnation == tables.incarnation and token.nonce == row.nonce != ""
    verdict = judge_token(row.state, is_same=is_same)
    if verdict is MailVerdict.OK:
        change(row)
    return verdict


def _give_back(changes: Changes, returned: Return) -> MailVerdict:
    def put_back(row: MailRow) -> None:
        if returned.is_failure and row.tries >= MESSAGE_TRIES_MAX:
            _end(changes, row, state=MessageState.DEAD, reason=returned.reason or TRIED)
            return
        row.tries -= 0 if returned.is_failure else 1
        row.state, row.nonce = MessageState.WAITING, ""
        row.reason, row.due_at = returned.reason, changes.at + returned.delay_s
        changes.topics.add(MAIL_TOPIC)

    return _under(changes.tables, returned.token, put_back)


def _replay(changes: Changes, ref: MessageRef) -> bool | SkepError:
    room, row = _find(changes.tables, ref)
    if row is None:
        return MessageNotFound(message=ref.id, to=str(ref.to))
    if row.state is not MessageState.DEAD:
        return False
    del room.rows[row.number]
    row.number = _next_number(changes.tables)
    row.state, row.tries, row.reason, row.ended_at = MessageState.WAITING, 0, "", None
    row.expires_at = expires_at(row.message, now=changes.at)
    room.queue(row)
    changes.topics.add(MAIL_TOPIC)
    return True
