"""The postman: the one reader of a process, for all the inboxes that are served in it.

However many swarms a process has, one loop takes what comes for any of them, hands each message to
whoever serves its inbox, and acknowledges it when that returns. Messages of different senders are
delivered side by side, those of one sender one after the other, which is the mailbox's doing.

What can go wrong: a delivery that raises is given back, to be tried again after a rest that grows,
until the mailbox calls the message dead. A delivery that takes long keeps its lease, which is
renewed here; one that has lost it all the same (the process was stopped for a while) is cancelled,
for another reader has the message. An acknowledgement that does not reach the store is sent again
until it is answered. A process that dies leaves its messages to the end of their leases.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Self

from skep.policy.mailing import rest_of
from skep.ports.mailbox import Mailbox
from skep.ports.system import Clock
from skep.records.errors import StoreUnavailable
from skep.records.limits import MESSAGE_REASON_CHARS_MAX, RECEIVERS_MAX
from skep.records.message import Address, Delivery, MailToken, MailVerdict, Message, Return
from skep.records.values import storable

Deliver = Callable[[Message], Awaitable[None]]
"""Hands a message to whoever serves an inbox; raises when that failed."""

LEASE_S: Final = 15.0
BEATS_PER_LEASE: Final = 3
SLOTS: Final = 64
"""Deliveries under way at once in one process."""

PATIENCE_S: Final = 1.0
"""How long one look waits: a rest or a lease that is over rings no bell."""

REST_S: Final = 0.5
"""How long the postman rests when the store does not answer."""

DRAIN_S: Final = 5.0
"""How long deliveries may take to end by themselves when the process ends."""


class Postman:
    """Reads for the inboxes that it serves; a context manager that owns its loops.

    They begin with the first inbox; outside of the context it reads when it is told to tick.
    """

    def __init__(
        self, mailbox: Mailbox, clock: Clock, *, lease_s: float = LEASE_S, slots: int = SLOTS
    ) -> None:
        self._mailbox = mailbox
        self._clock = clock
        self._lease_s = lease_s
        self._slots = slots
        self._inboxes: dict[Address, Deliver] = {}
        self._order: tuple[Address, ...] = ()
        self._is_full = False
        self._running: dict[asyncio.Task[None], MailToken] = {}
        self._looks = set[asyncio.Task[int]]()
        self._acknowledged: list[MailToken] = []
        self._returned: list[Return] = []
        self._telling = asyncio.Lock()
        self._changed = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._is_open = False

    @property
    def inboxes(self) -> Sequence[Address]:
        """Whose messages are read here."""
        return list(self._inboxes)

    def serve(self, inbox: Address, deliver: Deliver) -> None:
        """Begin to read an inbox, or change who its messages are handed to."""
        self._inboxes[inbox] = deliver
        self._order = ()
        self._changed.set()
        if self._is_open and not self._loops:
            self._loops = [asyncio.create_task(self._read()), asyncio.create_task(self._beat())]

    def leave(self, inbox: Address) -> None:
        """Read an inbox no more; what is under way is finished."""
        self._inboxes.pop(inbox, None)
        self._order = ()

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Take nothing more, let deliveries end, and give back those that do not."""
        self._is_open = False
        self._changed.set()
        if not self._loops:
            return
        reading, beating = self._loops
        await asyncio.wait({reading, *self._looks})
        beating.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=DRAIN_S)
        left = list(self._running)
        for delivery in left:
            delivery.cancel()
        await asyncio.gather(beating, *left, return_exceptions=True)
        with suppress(StoreUnavailable):
            await self._tell()

    async def tick(self, *, patience_s: float = 0.0) -> int:
        """Take what has come and begin to deliver it; returns how many messages that were."""
        inboxes = self._turns()
        starts = range(0, len(inboxes), RECEIVERS_MAX)
        groups = [inboxes[start : start + RECEIVERS_MAX] for start in starts]
        begun = 0
        for group in groups:
            free = self._slots - len(self._running)
            if free > 0:
                found = await self._take(group, free, patience_s=patience_s / len(groups))
                begun += found
                self._is_full |= found == free
        return begun

    def _turns(self) -> tuple[Address, ...]:
        """The inboxes in their order: the same tuple, until one comes or goes or has to wait."""
        if self._is_full and self._inboxes:  # who was first comes last
            first = next(iter(self._inboxes))
            self._inboxes[first] = self._inboxes.pop(first)
            self._order, self._is_full = (), False
        if len(self._order) != len(self._inboxes):
            self._order = tuple(self._inboxes)
        return self._order

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._running:
            await asyncio.wait(self._running)

    async def _take(self, inboxes: Sequence[Address], free: int, *, patience_s: float) -> int:
        found = await self._mailbox.take(
            inboxes, limit=free, lease_s=self._lease_s, patience_s=patience_s
        )
        for delivery in found:
            under_way = asyncio.create_task(self._deliver(delivery))
            self._running[under_way] = delivery.token
            under_way.add_done_callback(self._running.pop)
        return len(found)

    async def _deliver(self, delivery: Delivery) -> None:
        deliver = self._inboxes.get(delivery.message.to, _nobody)
        try:
            await deliver(delivery.message)
        except asyncio.CancelledError:
            self._returned.append(Return(token=delivery.token, is_failure=False))
        except Exception as error:  # noqa: BLE001 - the edge of a delivery: the store is told
            reason = storable(f"{type(error).__name__}: {error}")[:MESSAGE_REASON_CHARS_MAX]
            rest = rest_of(delivery.tries)
            self._returned.append(Return(token=delivery.token, reason=reason, delay_s=rest))
        else:
            self._acknowledged.append(delivery.token)
        await self._tell()

    async def _tell(self) -> None:
        """Tell the store what became of deliveries, all that ended meanwhile in one call."""
        async with self._telling:
            done, back = self._acknowledged, self._returned
            self._acknowledged, self._returned = [], []
            try:
                if done:
                    await self._mailbox.acknowledge(done)
                if back:
                    await self._mailbox.give_back(back)
            except StoreUnavailable:  # told again with the next ones, or with the next beat
                self._acknowledged[:0], self._returned[:0] = done, back

    async def _read(self) -> None:
        while self._is_open:
            self._changed.clear()
            look = asyncio.create_task(self._look())
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)
            changed = asyncio.create_task(self._changed.wait())
            # A look is never cancelled: what it took would wait for the end of its lease.
            await asyncio.wait({look, changed}, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
            if len(self._running) >= self._slots:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _look(self) -> int:
        try:
            return await self.tick(patience_s=PATIENCE_S)
        except StoreUnavailable:
            await self._clock.sleep(REST_S)
            return 0

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(self._lease_s / BEATS_PER_LEASE)
            with suppress(StoreUnavailable):  # the next beat tries again; the lease has room
                await self._tell()
                await self.renew()

    async def renew(self) -> None:
        """Renew the leases of what is under way, and stop what has lost its own."""
        held = dict(self._running)
        verdicts = await self._mailbox.renew(list(held.values()), lease_s=self._lease_s)
        for delivery, verdict in zip(held, verdicts, strict=True):
            if verdict is MailVerdict.LOST:
                delivery.cancel()


async def _nobody(message: Message) -> None:
    """Give back what came for an inbox that was left meanwhile."""
    del message
    raise asyncio.CancelledError
