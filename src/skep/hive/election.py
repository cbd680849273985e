"""The elector: campaigns for one process, renews while it leads, and hands over when it leaves.

Two things end a leadership here. The store's word: a renewal or a duty was refused, for another
term has begun. And the own clock: no renewal was answered for two thirds of the lease. The second
is only good manners, so that a leader which cannot reach the store stops before another one begins;
what keeps it from harm is the check of the term in each write.
"""

import asyncio
from contextlib import suppress
from typing import Final, Self

from skep.policy.election import LEADER_LEASE_S, Tenure, pause_s
from skep.ports.system import Chance, Clock
from skep.ports.terms import Terms
from skep.records.errors import SkepError, StaleTerm
from skep.records.ids import WorkerId
from skep.records.leadership import Leadership, Mandate

RESIGN_S: Final = 2.0
"""How long a process that leaves waits for its resignation; unheard, its lease runs out."""


class Elector:
    """One node's part in elections; a context manager that owns their loop.

    Outside of the context it campaigns and renews when it is told to tick.
    """

    def __init__(
        self,
        terms: Terms,
        clock: Clock,
        chance: Chance,
        *,
        node: WorkerId,
        lease_s: float = LEADER_LEASE_S,
    ) -> None:
        self.node = node
        self.lease_s = lease_s
        self._terms = terms
        self._clock = clock
        self._chance = chance
        self._tenure: Tenure | None = None
        self._seen = 0
        self._stands: Leadership | None = None
        self._loop: asyncio.Task[None] | None = None

    @property
    def mandate(self) -> Mandate | None:
        """What this node may write under; None when it does not lead, or may not believe it."""
        tenure = self._tenure
        if tenure is None or not tenure.stands(self._clock.monotonic()):
            return None
        return tenure.mandate

    @property
    def is_leader(self) -> bool:
        """Whether this node leads, as far as it can know."""
        return self.mandate is not None

    @property
    def stands(self) -> Leadership | None:
        """The last election that this node was told of, its own or another's."""
        return self._stands

    async def __aenter__(self) -> Self:
        self._loop = asyncio.create_task(self._run(), name="skep-elector")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        with suppress(SkepError, TimeoutError):
            async with asyncio.timeout(RESIGN_S):
                await self.resign()

    async def tick(self) -> bool:
        """Campaign or renew if it is time to; says whether this node leads.

        A store that does not answer changes nothing: the own clock does.
        """
        asked_at = self._clock.monotonic()
        tenure = self._tenure
        if tenure is not None and asked_at < tenure.renew_at:
            return True
        try:
            stands = await self._asked(tenure)
        except StaleTerm as stale:
            self._see(stale.current)
            self._tenure = None
        except SkepError:
            pass
        else:
            self._see(stands.term)
            self._stands = stands
            self._tenure = self._tenure_of(stands, asked_at)
        return self.is_leader

    def pause_s(self) -> float:
        """How long to rest before the next tick."""
        return pause_s(
            self._tenure,
            lease_s=self.lease_s,
            now=self._clock.monotonic(),
            jitter=self._chance.jitter.random(),
        )

    def depose(self, mandate: Mandate) -> None:
        """Hear that a write under this mandate was refused: its term is over."""
        if self._tenure is not None and self._tenure.mandate == mandate:
            self._tenure = None

    async def resign(self) -> bool:
        """Leave the leadership for the next candidate; False when this node did not lead."""
        tenure, self._tenure = self._tenure, None
        return tenure is not None and await self._terms.resign(tenure.mandate)

    async def _asked(self, tenure: Tenure | None) -> Leadership:
        # A lease that ran out is renewed too: it counts while nobody was elected since.
        if tenure is not None:
            return await self._terms.renew(tenure.mandate, lease_s=self.lease_s)
        return await self._terms.campaign(self.node, lease_s=self.lease_s, seen=self._seen)

    def _tenure_of(self, stands: Leadership, asked_at: float) -> Tenure | None:
        if stands.node != self.node or stands.is_resigned:
            return None
        return Tenure(mandate=stands.mandate, lease_s=self.lease_s, asked_at=asked_at)

    def _see(self, term: int) -> None:
        self._seen = max(self._seen, term)

    async def _run(self) -> None:
        while True:
            await self.tick()
            await self._clock.sleep(self.pause_s())
