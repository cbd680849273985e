"""The SQLite store's disputes."""

from collections.abc import Sequence
from functools import partial

from skep.drivers.sqlite import docket
from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.ports import Desk
from skep.policy.conflict import ruled, voted
from skep.records.dispute import Ballot, Case, Dispute
from skep.records.errors import SkepError


class SqliteDisputes:
    """Disputes between swarms, kept with their ballots and rulings."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def open(self, disputes: Sequence[Dispute]) -> Sequence[Case | SkepError]:
        """See `ports.disputes.Disputes.open`."""
        return await self._desk.writer.ask(
            lambda changes: [docket.open_case(changes, each) for each in disputes]
        )

    async def cast(self, ballots: Sequence[Ballot]) -> Sequence[Case | SkepError]:
        """See `ports.disputes.Disputes.cast`."""
        return await self._desk.writer.ask(
            lambda changes: [
                docket.changed(changes.db, each.dispute, lambda case, each=each: voted(case, each))
                for each in ballots
            ]
        )

    async def settle(self, ids: Sequence[str]) -> Sequence[Case | SkepError]:
        """See `ports.disputes.Disputes.settle`."""

        def settled(changes: Changes) -> list[Case | SkepError]:
            rule = partial(ruled, at=changes.at)
            return [docket.changed(changes.db, each, rule) for each in ids]

        return await self._desk.writer.ask(settled)

    async def read(self, ids: Sequence[str]) -> Sequence[Case]:
        """See `ports.disputes.Disputes.read`."""
        return await self._desk.reader.ask(lambda db: [docket.find_case(db, each) for each in ids])

    async def find(self, *, is_open: bool | None = None, limit: int = 50) -> Sequence[Case]:
        """See `ports.disputes.Disputes.find`."""
        return await self._desk.reader.ask(partial(docket.newest, is_open=is_open, limit=limit))
