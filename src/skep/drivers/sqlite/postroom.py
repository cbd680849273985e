"""Messages in rows: put, taken, acknowledged, returned and found dead, each in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.db import Row
from skep.drivers.sqlite.holdings import check_kept, refer
from skep.policy.expiry import LEASE_S_MAX
from skep.policy.mailing import (
    BURIED_MAX,
    EXPIRED,
    MAIL_TOPIC,
    TRIED,
    closed_to,
    digests_in,
    expires_at,
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
    SECONDS_MAX,
)
from skep.records.message import (
    Address,
    Delivery,
    MailToken,
    MailVerdict,
    Message,
    MessageRef,
    MessageState,
    Postmark,
    Return,
    message_from,
    ref_of,
)
from skep.records.swarm import ENDED
from skep.records.values import Digest

LINE: Final = "n, swarm, agent, sender, head, state, tries, nonce, digest, due_at, text, sent_at"
DUE: Final = "(due_at <= ?3 OR due_at > ?3 + CASE state WHEN 'taken' THEN ?4 ELSE ?5 END)"
"""`policy.mailing.is_due`, of now and what is further away than any time could have been set."""

FURTHEST: Final = (2 * LEASE_S_MAX, 2 * SECONDS_MAX)
FEW: Final = 8
"""Inboxes that are looked into without asking first where there is anything."""

UNDELIVERED: Final = "state IN ('waiting', 'taken')"


@dataclass(slots=True, kw_only=True)
class MailLine:
    """What the rules need to know of one message."""

    n: int
    swarm: int
    agent: str
    sender: str
    head: bool
    state: MessageState
    tries: int
    nonce: str
    digest: Digest
    due_at: float
    text: str
    sent_at: float


def send(changes: Changes, message: Message) -> Postmark | SkepError:
    """Put one message into its inbox."""
    refusal = refusal_of(message)
    if refusal is not None:
        return refusal
    try:
        sheet = changes.find_sheet(message.to.swarm)
        known = _find(changes, ref_of(message))
        if known is not None:
            return judge_repeat(known.digest, known.n, message)
        if sheet.status in ENDED:
            return closed_to(message, sheet.status)
        check_kept(changes, digests_in(message))
    except SkepError as error:
        return error
    held = "SELECT held FROM inbox WHERE swarm = ? AND agent = ?"
    if (changes.db.value(held, (sheet.n, message.to.agent)) or 0) >= INBOX_MAX:
        return InboxFull(to=str(message.to), allowed=INBOX_MAX)
    refer(changes, sheet.n, digests_in(message))
    return Postmark(verdict=ReceiptVerdict.OK, number=_put(changes, sheet.n, message))


def take(
    changes: Changes, *, receivers: Sequence[Address], limit: int, lease_s: float, chance: Chance
) -> list[Delivery]:
    """Give out what is due, in the order of the inboxes, of priority and of age."""
    taken: list[Delivery] = []
    until = lease_end(now=changes.at, lease_s=lease_s)
    for to in _promising(changes, receivers):
        if len(taken) >= limit:
            break
        _give_up(changes, to.swarm)
        for line in _due(changes, to, limit=limit - len(taken)):
            nonce = chance.nonce()
            changes.db.run(
                "UPDATE message SET state = 'taken', tries = tries + 1, nonce = ?, due_at = ?"
                " WHERE n = ?",
                (nonce, until, line.n),
            )
            message = message_from(line.text, sent_at=line.sent_at)
            ref = ref_of(message)
            token = MailToken(incarnation=changes.incarnation, ref=ref, nonce=nonce)
            taken.append(Delivery(message=message, tries=line.tries + 1, token=token))
    return taken


def renew(changes: Changes, token: MailToken, *, lease_s: float) -> MailVerdict:
    """Let a lease end later."""
    line, verdict = _judged(changes, token)
    if line is not None and verdict is MailVerdict.OK:
        until = lease_end(now=changes.at, lease_s=lease_s)
        changes.db.run("UPDATE message SET due_at = ? WHERE n = ?", (until, line.n))
    return verdict


def acknowledge(changes: Changes, token: MailToken) -> MailVerdict:
    """Have done with a message."""
    line, verdict = _judged(changes, token)
    if line is not None and verdict is MailVerdict.OK:
        _end(changes, line, MessageState.ACKNOWLEDGED)
    return verdict


def give_back(changes: Changes, returned: Return) -> MailVerdict:
    """Put a message back, or bury it when that was its last try."""
    line, verdict = _judged(changes, returned.token)
    if line is None or verdict is not MailVerdict.OK:
        return verdict
    if returned.is_failure and line.tries >= MESSAGE_TRIES_MAX:
        _end(changes, line, MessageState.DEAD, reason=returned.reason or TRIED)
        return verdict
    tries = line.tries - (0 if returned.is_failure else 1)
    changes.db.run(
        "UPDATE message SET state = 'waiting', tries = ?, nonce = '', reason = ?, due_at = ?"
        " WHERE n = ?",
        (tries, returned.reason, changes.at + returned.delay_s, line.n),
    )
    changes.topics.add(MAIL_TOPIC)
    return verdict


def bury(changes: Changes) -> None:
    """Bury messages whose time is over, those whose time was over first first."""
    over = "max(expires_at, CASE state WHEN 'taken' THEN due_at ELSE 0 END)"
    sql = (
        f"SELECT {LINE} FROM message WHERE {UNDELIVERED} AND expires_at IS NOT NULL"
        f" AND expires_at <= ?1 AND {over} <= ?1 ORDER BY {over}, n LIMIT ?2"
    )
    for row in changes.db.rows(sql, (changes.at, BURIED_MAX)):
        # Read anew: the one before it in its line may have been buried just now.
        _end(changes, _line(changes, row[0]), MessageState.DEAD, reason=EXPIRED)


def trim(changes: Changes, swarms: Sequence[SwarmId]) -> None:
    """Let go of the history that is too long or too old, the oldest first."""
    for swarm in dict.fromkeys(swarms):
        of = (
            "FROM message WHERE swarm = (SELECT n FROM swarm WHERE id = ?1)"
            " AND state = 'acknowledged'"
        )
        count = int(changes.db.value(f"SELECT count(*) {of}", (swarm,)))
        sql = f"SELECT n, ended_at {of} ORDER BY ended_at, n LIMIT ?2"
        gone = list[tuple[int]]()
        for n, ended_at in changes.db.rows(sql, (swarm, BURIED_MAX)):
            is_long = count - len(gone) > MESSAGES_KEPT_MAX
            if not is_long and ended_at > changes.at - MESSAGES_KEPT_S:
                break
            gone.append((n,))
        changes.db.run_many("DELETE FROM message WHERE n = ?", gone)


def replay(changes: Changes, ref: MessageRef) -> bool | SkepError:
    """Put a dead message behind the others of its sender."""
    line = _find(changes, ref)
    if line is None:
        return MessageNotFound(message=ref.id, to=str(ref.to))
    if line.state is not MessageState.DEAD:
        return False
    message = message_from(line.text, sent_at=line.sent_at)
    changes.db.run("DELETE FROM message WHERE n = ?", (line.n,))
    _insert(changes, line.swarm, message, sent_at=line.sent_at)
    changes.topics.add(MAIL_TOPIC)
    return True


def _put(changes: Changes, swarm: int, message: Message) -> int:
    changes.db.run(
        "INSERT INTO inbox VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET held = held + 1",
        (swarm, message.to.agent),
    )
    changes.topics.add(MAIL_TOPIC)
    return _insert(changes, swarm, message, sent_at=changes.at)


def _insert(changes: Changes, swarm: int, message: Message, *, sent_at: float) -> int:
    agent, sender, text = message.to.agent, str(message.sender), message.text
    before = _first(changes, swarm, agent=agent, sender=sender)
    changes.db.run(
        "INSERT INTO message (swarm, agent, sender, id, digest, priority, text, head, sent_at,"
        " expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            swarm,
            agent,
            sender,
            message.id,
            message.digest,
            message.priority,
            text,
            int(before is None),
            sent_at,
            expires_at(message, now=changes.at),
        ),
    )
    return int(changes.db.value("SELECT last_insert_rowid()"))


def _first(changes: Changes, swarm: int, *, agent: str, sender: str) -> int | None:
    """Find the first undelivered message of a sender."""
    return changes.db.value(
        f"SELECT n FROM message WHERE swarm = ? AND agent = ? AND sender = ? AND {UNDELIVERED}"
        " ORDER BY n LIMIT 1",
        (swarm, agent, sender),
    )


def _promising(changes: Changes, receivers: Sequence[Address]) -> Sequence[Address]:
    """Leave out the inboxes of swarms in which nothing can be taken, where they are many."""
    if len(receivers) <= FEW:
        return receivers
    sql = (
        "SELECT id FROM swarm WHERE n IN (SELECT swarm FROM message WHERE head = 1"
        " AND (due_at <= ?1 OR due_at > ?1 + ?2))"
    )
    promising = {row[0] for row in changes.db.rows(sql, (changes.at, FURTHEST[0]))}
    return [to for to in receivers if to.swarm in promising]


def _give_up(changes: Changes, swarm: SwarmId) -> None:
    """Bury what was given out for the last time, and was not acknowledged under its lease."""
    sql = (
        f"SELECT {LINE} FROM message WHERE swarm = (SELECT n FROM swarm WHERE id = ?1)"
        f" AND head = 1 AND state = 'taken' AND tries >= ?2 AND {DUE}"
    )
    values = (swarm, MESSAGE_TRIES_MAX, changes.at, *FURTHEST)
    for row in changes.db.rows(sql, values):
        _end(changes, _line_of(row), MessageState.DEAD, reason=TRIED)


def _due(changes: Changes, to: Address, *, limit: int) -> list[MailLine]:
    """The first messages of senders that can be taken now, in their order."""
    sql = (
        f"SELECT {LINE} FROM message WHERE swarm = (SELECT n FROM swarm WHERE id = ?1)"
        f" AND agent = ?2 AND head = 1 AND {DUE} ORDER BY priority DESC, n LIMIT ?6"
    )
    values = (to.swarm, to.agent, changes.at, *FURTHEST, limit)
    return [_line_of(row) for row in changes.db.rows(sql, values)]


def _end(changes: Changes, line: MailLine, state: MessageState, *, reason: str = "") -> None:
    """Take a message out of its line, and let the next one of its sender be taken."""
    is_kept = state is MessageState.ACKNOWLEDGED
    changes.db.run(
        "UPDATE message SET state = ?, head = 0, nonce = ?, reason = ?, due_at = 0, ended_at = ?"
        " WHERE n = ?",
        (state, line.nonce if is_kept else "", reason, changes.at, line.n),
    )
    if is_kept:
        sql = "UPDATE inbox SET held = held - 1 WHERE swarm = ? AND agent = ?"
        changes.db.run(sql, (line.swarm, line.agent))
        sql = "DELETE FROM inbox WHERE swarm = ? AND agent = ? AND held = 0"
        changes.db.run(sql, (line.swarm, line.agent))
    after = None
    if line.head:
        after = _first(changes, line.swarm, agent=line.agent, sender=line.sender)
    if after is not None:
        changes.db.run("UPDATE message SET head = 1 WHERE n = ?", (after,))
        changes.topics.add(MAIL_TOPIC)


def _judged(changes: Changes, token: MailToken) -> tuple[MailLine | None, MailVerdict]:
    line = _find(changes, token.ref)
    if line is None:
        return None, MailVerdict.LOST
    is_same = token.incarnation == changes.incarnation and token.nonce == line.nonce != ""
    return line, judge_token(line.state, is_same=is_same)


def _find(changes: Changes, ref: MessageRef) -> MailLine | None:
    sql = (
        f"SELECT {LINE} FROM message WHERE swarm = (SELECT n FROM swarm WHERE id = ?)"
        " AND agent = ? AND id = ?"
    )
    row = changes.db.row(sql, (ref.to.swarm, ref.to.agent, ref.id))
    return _line_of(row) if row else None


def _line(changes: Changes, n: int) -> MailLine:
    (row,) = changes.db.rows(f"SELECT {LINE} FROM message WHERE n = ?", (n,))
    return _line_of(row)


def _line_of(row: Row) -> MailLine:
    return MailLine(
        n=row[0],
        swarm=row[1],
        agent=row[2],
        sender=row[3],
        head=bool(row[4]),
        state=MessageState(row[5]),
        tries=row[6],
        nonce=row[7],
        digest=Digest(row[8]),
        due_at=row[9],
        text=row[10],
        sent_at=row[11],
    )
