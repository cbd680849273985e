"""The SQLite store's elections."""

from collections.abc import Sequence
from functools import partial

from skep.drivers.sqlite import electing
from skep.drivers.sqlite.ports import Desk
from skep.policy.bounds import check_campaign, check_duty_run, check_leader_lease
from skep.policy.election import answered
from skep.records.ids import WorkerId
from skep.records.leadership import DutyRun, Leadership, Mandate


class SqliteTerms:
    """Elections, and what leaders have done."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def campaign(self, node: WorkerId, *, lease_s: float, seen: int = 0) -> Leadership:
        """See `ports.terms.Terms.campaign`."""
        check_campaign(node, lease_s=lease_s, seen=seen)
        return await self._desk.writer.ask(
            partial(electing.campaign, node=node, lease_s=lease_s, seen=seen)
        )

    async def renew(self, mandate: Mandate, *, lease_s: float) -> Leadership:
        """See `ports.terms.Terms.renew`."""
        check_leader_lease(lease_s)
        return await self._desk.writer.ask(
            partial(electing.renew, mandate=mandate, lease_s=lease_s), lazily=True
        )

    async def resign(self, mandate: Mandate) -> bool:
        """See `ports.terms.Terms.resign`."""
        return await self._desk.writer.ask(partial(electing.resign, mandate=mandate))

    async def note(self, mandate: Mandate, run: DutyRun) -> None:
        """See `ports.terms.Terms.note`."""
        check_duty_run(run)
        await self._desk.writer.ask(partial(electing.note, mandate=mandate, run=run), lazily=True)

    async def read(self) -> Leadership | None:
        """See `ports.terms.Terms.read`."""
        stands = await self._desk.reader.ask(electing.read)
        if stands is None:
            return None
        now = self._desk.watch.clock.now()
        return answered(stands, incarnation=self._desk.incarnation, now=now)

    async def duties(self) -> Sequence[DutyRun]:
        """See `ports.terms.Terms.duties`."""
        return await self._desk.reader.ask(electing.duties)
