"""The mailbox over the wire: each operation is one function call, a large batch several."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from skep.drivers.redis.life import FileUnproved
from skep.drivers.redis.ports import CLAIM_TRIES, Desk
from skep.policy.mailing import (
    MAIL_TOPIC,
    announcement_of,
    channels_of,
    check_receivers,
    check_returns,
    closed_to,
    conflict_of,
    digests_in,
    refusal_of,
)
from skep.records.command import ReceiptVerdict
from skep.records.errors import (
    ArtifactNotFound,
    InboxFull,
    MessageNotFound,
    SkepError,
    SwarmNotFound,
)
from skep.records.ids import SwarmId
from skep.records.limits import INBOX_MAX, MESSAGES_PAGE_MAX, TAKE_MAX
from skep.records.message import (
    OWN_CHANNEL,
    Address,
    Channel,
    Delivery,
    MailToken,
    MailVerdict,
    Message,
    MessageRef,
    MessageState,
    Posted,
    Postmark,
    Return,
    message_from,
    ref_of,
)
from skep.records.swarm import SwarmStatus
from skep.records.values import canonical, digest_of

CALM_S: Final = 0.9
"""How long a look at all inboxes counts; a little less than the safety poll."""

BATCH: Final = 128
"""Messages, tokens or returns in one call."""

END: Final = "\0"
"""What ends a field where JSON would take too long: no name and no reason has it."""

POST_FIELDS: Final = (
    *("agent", "sender", "id", "digest", "priority", "ttl_s", "sent_at"),
    *("state", "tries", "nonce", "due_at", "expires_at", "ended_at", "reason"),
)
"""Where a message stands, as `mail.write` of functions/58_mail.lua writes it."""


@dataclass(slots=True)
class _Round:
    """Whose mail is asked for, and by which channels it is announced."""

    receivers: tuple[Address, ...]
    inboxes: Mapping[str, Sequence[Address]]
    is_heard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calm:
    """That a round had nothing more to give when so many rings had been heard.

    It counts for a while only: rings may be lost, and the end of a rest or of a lease has none.
    """

    round: _Round
    heard: int
    until: float


class RedisMailbox:
    """Messages to swarms and to agents of them.

    Who reads for thousands of inboxes asks for all of them about once a second, and in between for
    those alone whose channels rang.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._round: _Round | None = None
        self._calm: _Calm | None = None

    async def send(self, messages: Sequence[Message]) -> Sequence[Postmark | SkepError]:
        """See `ports.mailbox.Mailbox.send`."""
        refusals = [refusal_of(message) for message in messages]
        sound = [each for each, refused in zip(messages, refusals, strict=True) if not refused]
        answers = iter([answer async for answer in self._sent(sound)])
        return [refused or next(answers) for refused in refusals]

    async def take(
        self,
        receivers: Sequence[Address],
        *,
        limit: int,
        lease_s: float,
        patience_s: float = 0.0,
    ) -> Sequence[Delivery]:
        """See `ports.mailbox.Mailbox.take`."""
        round_ = self._round_of(receivers)
        if patience_s > 0 and not round_.is_heard:
            await self._desk.listen(Channel.GLOBAL, *round_.inboxes)
            round_.is_heard = True

        async def look() -> list[Delivery]:
            heard = self._desk.rung.last
            near = self._near(round_) if patience_s > 0 else receivers
            if not near:
                return []
            inboxes = canonical([[to.swarm, to.agent] for to in near])
            most, nonce = min(limit, TAKE_MAX), self._desk.chance.nonce()
            found = await self._taken(most, lease_s, inboxes, nonce)
            if len(found) == most:
                self._calm = None  # there may be more
            elif near is not round_.receivers and self._calm is not None:
                self._calm = replace(self._calm, heard=heard)
            elif patience_s > 0:
                self._calm = _Calm(round=round_, heard=heard, until=self._now() + CALM_S)
            return found

        return await self._desk.watch.until(bool, look, topic=MAIL_TOPIC, patience_s=patience_s)

    async def renew(self, tokens: Sequence[MailToken], *, lease_s: float) -> Sequence[MailVerdict]:
        """See `ports.mailbox.Mailbox.renew`."""
        told = [*map(_token, tokens)]
        return [verdict async for verdict in self._judged("renew_mail", told, lease_s)]

    async def acknowledge(self, tokens: Sequence[MailToken]) -> Sequence[MailVerdict]:
        """See `ports.mailbox.Mailbox.acknowledge`."""
        told = [*map(_token, tokens)]
        return [verdict async for verdict in self._judged("acknowledge", told)]

    async def give_back(self, returns: Sequence[Return]) -> Sequence[MailVerdict]:
        """See `ports.mailbox.Mailbox.give_back`."""
        check_returns(returns)
        told = [_return_ask(each) for each in returns]
        return [verdict async for verdict in self._judged("give_back_mail", told)]

    async def read(
        self, swarm: SwarmId, *, after: int = 0, limit: int = 50, patience_s: float = 0.0
    ) -> Sequence[Posted]:
        """See `ports.mailbox.Mailbox.read`."""
        if patience_s > 0:
            await self._desk.listen(Channel.GLOBAL, _channel(swarm))

        async def look() -> list[Posted]:
            told = (swarm, after, min(limit, MESSAGES_PAGE_MAX))
            verdict, *rows = await self._desk.life.call("read_mail", *told)
            if verdict == "NOSWARM":
                raise SwarmNotFound(swarm=swarm)
            return [_posted(row) for row in rows]

        return await self._desk.watch.until(bool, look, topic=MAIL_TOPIC, patience_s=patience_s)

    async def dead(
        self, *, swarm: SwarmId | None = None, before: int | None = None, limit: int = 50
    ) -> Sequence[Posted]:
        """See `ports.mailbox.Mailbox.dead`."""
        below = "+inf" if before is None else before
        told = (swarm or "", below, min(limit, MESSAGES_PAGE_MAX))
        return [_posted(row) for row in await self._desk.call("dead_mail", *told)]

    async def replay(self, refs: Sequence[MessageRef]) -> Sequence[bool | SkepError]:
        """See `ports.mailbox.Mailbox.replay`."""
        told = [canonical([ref.to.swarm, ref.to.agent, ref.id]) for ref in refs]
        words = await self._desk.call("replay_mail", *told)
        return [_replayed(word, ref) for word, ref in zip(words, refs, strict=True)]

    async def _sent(self, messages: Sequence[Message]) -> AsyncIterator[Postmark | SkepError]:
        for start in range(0, len(messages), BATCH):
            piece = messages[start : start + BATCH]
            texts = [message.text for message in piece]
            told = [
                word for pair in zip(piece, texts, strict=True) for word in (_ask(*pair), pair[1])
            ]
            for row, message in zip(await self._desk.call("send", *told), piece, strict=True):
                yield _answer(row, message)

    def _round_of(self, receivers: Sequence[Address]) -> "_Round":
        """The inboxes by their channels, which are found once for a tuple that comes again."""
        if self._round is None or self._round.receivers is not receivers:
            check_receivers(receivers)
            inboxes: dict[str, list[Address]] = {}
            for to in receivers:
                inboxes.setdefault(_channel(to.swarm), []).append(to)
            self._round = _Round(tuple(receivers), inboxes)
        return self._round

    def _near(self, round_: "_Round") -> Sequence[Address]:
        """The inboxes in which there may be something: all of them, or those that rang since."""
        calm = self._calm
        if calm is None or calm.round is not round_ or calm.until < self._now():
            return round_.receivers
        rung = self._desk.rung.since(calm.heard)
        if Channel.GLOBAL in rung:
            return round_.receivers
        return [to for channel in rung for to in round_.inboxes.get(channel, ())]

    def _now(self) -> float:
        return self._desk.watch.clock.monotonic()

    async def _taken(self, *told: str | float) -> list[Delivery]:
        life = self._desk.life
        for _ in range(CLAIM_TRIES):
            try:
                incarnation, rows = await life.answer("take", self._desk.now(), *told)
            except FileUnproved:
                if not await life.prove_file():
                    break  # another process is at it; nothing is given out so long
            else:
                return [_delivery(row, incarnation=incarnation) for row in rows]
        return []

    async def _judged(
        self, operation: str, told: Sequence[str], *before: float
    ) -> AsyncIterator[MailVerdict]:
        for start in range(0, len(told), BATCH):
            piece = told[start : start + BATCH]
            for word in await self._desk.call(operation, *before, *piece):
                yield MailVerdict(word)


async def every_message(desk: Desk, swarms: Sequence[SwarmId]) -> list[Posted]:
    """Read all messages to swarms in the order of their numbers."""
    found: list[Posted] = []
    for swarm in swarms:
        _, *rows = await desk.life.call("read_mail", swarm, 0, -1)
        found += [_posted(row) for row in rows]
    return sorted(found, key=lambda posted: posted.number)


def _channel(swarm: SwarmId) -> str:
    return f"{OWN_CHANNEL}{swarm}"


def _ask(message: Message, text: str) -> str:
    """What the function looks at of a message, which `text` is as it is kept: see `mail.asked`."""
    ttl_s = repr(float(message.ttl_s)) if message.ttl_s is not None else ""
    words = (
        message.to.swarm,
        ",".join(digests_in(message)),
        ",".join(channels_of(message)),
        announcement_of(message),
        message.to.agent,
        str(message.sender),
        message.id,
        digest_of(text),
        str(message.priority),
        ttl_s,
    )
    return END.join(words) + END


def _token(token: MailToken) -> str:
    to = token.ref.to
    return END.join((to.swarm, token.incarnation, to.agent, token.ref.id, token.nonce, ""))


def _return_ask(returned: Return) -> str:
    return canonical(
        {
            "token": _token(returned.token),
            "reason": returned.reason,
            "delay_s": repr(float(returned.delay_s)),
            "is_failure": returned.is_failure,
        }
    )


def _answer(row: Sequence[str], message: Message) -> Postmark | SkepError:
    match row:
        case ["OK" | "ALREADY", number]:
            return Postmark(verdict=ReceiptVerdict(row[0].lower()), number=int(number))
        case _:
            return _refusal(row, message)


def _refusal(row: Sequence[str], message: Message) -> SkepError:
    match row:
        case ["CONFLICT", *_]:
            return conflict_of(message)
        case ["CLOSED", status]:
            return closed_to(message, SwarmStatus(status))
        case ["MISSING", digest]:
            gone = f"There is no content {digest[:12]}…."
            return ArtifactNotFound(gone, hint="Put it once more.")
        case ["FULL"]:
            return InboxFull(to=str(message.to), allowed=INBOX_MAX)
        case _:
            return SwarmNotFound(swarm=message.to.swarm)


def _delivery(row: Sequence[Any], *, incarnation: str) -> Delivery:
    text, sent_at, tries, nonce = row
    message = message_from(text, sent_at=float(sent_at))
    token = MailToken(incarnation=incarnation, ref=ref_of(message), nonce=nonce)
    return Delivery(message=message, tries=int(tries), token=token)


def _posted(row: Sequence[str]) -> Posted:
    number, stands, text = row
    fields = dict(zip(POST_FIELDS, stands.split(END), strict=False))
    return Posted(
        number=int(number),
        message=message_from(text, sent_at=float(fields["sent_at"])),
        state=MessageState(fields["state"]),
        tries=int(fields["tries"]),
        reason=fields["reason"],
        due_at=float(fields["due_at"]),
        expires_at=float(fields["expires_at"]) if fields["expires_at"] else None,
        ended_at=float(fields["ended_at"]) if fields["ended_at"] else None,
    )


def _replayed(word: str, ref: MessageRef) -> bool | SkepError:
    if word == "NONE":
        return MessageNotFound(message=ref.id, to=str(ref.to))
    return word == "REPLAYED"
